//! Tells the linker what the addon needs. It takes Node-API from the runtime that loads it (`dyn-symbols` of napi), so
//! every symbol that it leaves open must be in a library of the system.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let argument = match var("CARGO_CFG_TARGET_OS").as_deref() {
        // A runtime may unload the addon while threads still have destructors in it to run: see
        // https://sourceware.org/bugzilla/show_bug.cgi?id=21032. On macOS such a library is never unloaded.
        Ok("linux" | "freebsd") => "-Wl,-z,nodelete",
        // Else the file contains the path that it was built at.
        Ok("macos") => "-Wl,-install_name,@rpath/os-secrets.node",
        _ => return,
    };
    println!("cargo::rustc-cdylib-link-arg={argument}");
}
