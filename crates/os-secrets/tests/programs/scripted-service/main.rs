//! The scripted Secret Service of the tests as a program, on the bus of `DBUS_SESSION_BUS_ADDRESS`, for
//! what measures how clients bear its faults. Each line of standard input is a fault to provoke, or
//! `heal`; it answers each with a line.

#[cfg(target_os = "linux")]
mod faults;

#[cfg(target_os = "linux")]
fn main() {
    faults::serve();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("Only Linux has a Secret Service");
    std::process::exit(1);
}
