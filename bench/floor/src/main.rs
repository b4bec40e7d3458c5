//! The least that a program can do for a call to the Secret Service: a socket, a handshake, and the
//! messages themselves, encrypted as the specification says. Nothing that does the same work can be faster.
//!
//! `floor serve <service>` makes the calls that it reads from standard input, as `bench/client.js` does for the others. `floor
//! once <service>` makes one get and `floor bare` none, as `bench/once.js` does.

use std::{
    env, fs,
    io::{self, BufRead, Write},
    process::ExitCode,
    time::Instant,
};

mod bus;
mod crypto;
mod service;
mod wire;

use service::Service;

const VALUE: &[u8] = b"value";
/// The number of gets in one measurement of the processor time, as in `bench/client.js`.
const CPU_GETS: usize = 20;

/// The calls of `floor serve`.
struct Client<'a> {
    service: Service<'a>,
    /// How many times a known name was used. The names take turns.
    next: usize,
    /// How many names were used up. A name can be new, or deleted, only once.
    used: usize,
}

impl Client<'_> {
    /// Makes one measurement, in milliseconds.
    fn measure(&mut self, operation: &str, names: usize, size: usize) -> io::Result<f64> {
        let known = match operation {
            "gets" | "sets" => self.known(size, names),
            "cpu" => self.known(CPU_GETS, names),
            _ => self.known(1, names),
        };
        let service = &mut self.service;
        match operation {
            "get" => timed(|| present(service.get(&known[0])?)),
            "missing" => timed(|| absent(service.get("missing")?)),
            "replace" => timed(|| service.set(&known[0], VALUE)),
            "set-secret" => timed(|| service.set_secret(&known[0], VALUE)),
            "gets" => timed(|| service.get_all(&known)),
            "sets" => timed(|| service.set_all(&known, VALUE)),
            "new" => {
                let account = self.unused();
                let time = timed(|| self.service.set(&account, VALUE))?;
                self.service.delete(&account)?;
                Ok(time)
            }
            "delete" => {
                let account = self.unused();
                self.service.set(&account, VALUE)?;
                timed(|| self.service.delete(&account)?.then_some(()).ok_or_else(unexpected))
            }
            "cpu" => {
                let before = processor_milliseconds()?;
                for account in &known {
                    present(service.get(account)?)?;
                }
                Ok((processor_milliseconds()? - before) / CPU_GETS as f64)
            }
            _ => Err(io::Error::other("there is no such operation")),
        }
    }

    fn known(&mut self, count: usize, names: usize) -> Vec<String> {
        let first = self.next;
        self.next += count;
        (first..self.next).map(|number| format!("name {}", number % names)).collect()
    }

    fn unused(&mut self) -> String {
        self.used += 1;
        format!("new {} {}", std::process::id(), self.used)
    }
}

fn present(value: Option<Vec<u8>>) -> io::Result<()> {
    value.map(drop).ok_or_else(unexpected)
}

fn absent(value: Option<Vec<u8>>) -> io::Result<()> {
    if value.is_some() { Err(unexpected()) } else { Ok(()) }
}

/// The milliseconds that a call takes.
fn timed(call: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let start = Instant::now();
    call()?;
    Ok(milliseconds(start))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// How long this thread, the only one, has run on a processor.
fn processor_milliseconds() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: Option<f64> = text.split(' ').next().and_then(|time| time.parse().ok());
    nanoseconds.map(|time| time / 1e6).ok_or_else(unexpected)
}

fn unexpected() -> io::Error {
    io::Error::other("the answer is not what it should be")
}

fn serve(service: &str) -> io::Result<()> {
    let mut client = Client { service: Service::open(service)?, next: 0, used: 0 };
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (operation, numbers) = line.split_once(' ').ok_or_else(unexpected)?;
        let numbers: Vec<usize> = numbers.split(' ').filter_map(|number| number.parse().ok()).collect();
        let [most, slice, names, size] = numbers[..] else { return Err(unexpected()) };
        let mut output = io::stdout().lock();
        match repeated(most, slice, || client.measure(operation, names, size)) {
            Ok(values) => writeln!(output, r#"{{"values":{values:?}}}"#)?,
            Err(error) => writeln!(output, r#"{{"error":{:?}}}"#, error.to_string())?,
        }
    }
    Ok(())
}

/// Measures at least once, until the maximum count or the time in milliseconds is reached.
fn repeated(most: usize, slice: usize, mut measure: impl FnMut() -> io::Result<f64>) -> io::Result<Vec<f64>> {
    let start = Instant::now();
    let mut values = vec![measure()?];
    while values.len() < most && milliseconds(start) < slice as f64 {
        values.push(measure()?);
    }
    Ok(values)
}

fn once(service: &str) -> io::Result<()> {
    let start = Instant::now();
    present(Service::open(service)?.get("name 0")?)?;
    println!("{}", milliseconds(start));
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["serve", service] => serve(service),
        ["once", service] => once(service),
        _ => {
            println!("0");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
