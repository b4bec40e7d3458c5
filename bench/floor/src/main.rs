//! The least that a program can do for a call to the Secret Service: a socket, a handshake, and the
//! messages themselves, encrypted as the specification says. What is faster than this was not asked.
//!
//! `floor serve <service>` makes the calls that it is told, as `client.js` does for the others; a line of
//! standard input is an operation, how often, over how many names, and how many at once. `floor once
//! <service>` makes one get and `floor bare` none, as `once.js` does.

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

/// The gets that one measurement of the processor time goes over, as in `client.js`.
const CPU_GETS: usize = 20;

/// The calls of `floor serve`.
struct Client<'a> {
    service: Service<'a>,
    /// How many times a known name was used: they are gone round.
    next: usize,
    /// How many names were used up: each is new, or gone, once.
    used: usize,
}

impl Client<'_> {
    /// Makes an operation: what each took, in milliseconds.
    fn run(&mut self, operation: &str, count: usize, names: usize, size: usize) -> io::Result<Vec<f64>> {
        match operation {
            "get" => {
                let accounts = self.known(count, names);
                timed(&accounts, |account| self.service.get(account)?.map(drop).ok_or_else(unexpected))
            }
            "missing" => {
                timed(&vec!["missing".into(); count], |account| match self.service.get(account)? {
                    Some(_) => Err(unexpected()),
                    None => Ok(()),
                })
            }
            "replace" => {
                let accounts = self.known(count, names);
                timed(&accounts, |account| self.service.set(account, b"value"))
            }
            "set-secret" => {
                let accounts = self.known(count, names);
                timed(&accounts, |account| self.service.set_secret(account, b"value"))
            }
            "new" => {
                let accounts = self.unused(count);
                let times = timed(&accounts, |account| self.service.set(account, b"value"))?;
                timed(&accounts, |account| self.service.delete(account).map(drop))?;
                Ok(times)
            }
            "delete" => {
                let accounts = self.unused(count);
                timed(&accounts, |account| self.service.set(account, b"value"))?;
                timed(&accounts, |account| self.service.delete(account)?.then_some(()).ok_or_else(unexpected))
            }
            "gets" => self.together(count, names, size, |service, accounts| service.get_all(accounts)),
            "sets" => {
                self.together(count, names, size, |service, accounts| service.set_all(accounts, b"value"))
            }
            "cpu" => (0..count).map(|_| self.processor_time(names)).collect(),
            _ => Err(io::Error::other("there is no such operation")),
        }
    }

    fn known(&mut self, count: usize, names: usize) -> Vec<String> {
        let first = self.next;
        self.next += count;
        (first..self.next).map(|number| format!("name {}", number % names)).collect()
    }

    fn unused(&mut self, count: usize) -> Vec<String> {
        let first = self.used;
        self.used += count;
        (first..self.used).map(|number| format!("new {} {number}", std::process::id())).collect()
    }

    fn together(
        &mut self,
        count: usize,
        names: usize,
        size: usize,
        make: impl Fn(&mut Service, &[String]) -> io::Result<()>,
    ) -> io::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let accounts = self.known(size, names);
            let start = Instant::now();
            make(&mut self.service, &accounts)?;
            times.push(milliseconds(start));
        }
        Ok(times)
    }

    /// The processor time of one get, in milliseconds.
    fn processor_time(&mut self, names: usize) -> io::Result<f64> {
        let accounts = self.known(CPU_GETS, names);
        let before = processor_nanoseconds()?;
        for account in &accounts {
            self.service.get(account)?;
        }
        Ok((processor_nanoseconds()? - before) / 1e6 / CPU_GETS as f64)
    }
}

/// What calls take, one after another.
fn timed(accounts: &[String], mut call: impl FnMut(&str) -> io::Result<()>) -> io::Result<Vec<f64>> {
    let mut times = Vec::with_capacity(accounts.len());
    for account in accounts {
        let start = Instant::now();
        call(account)?;
        times.push(milliseconds(start));
    }
    Ok(times)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// How long this thread, the only one, has run on a processor.
fn processor_nanoseconds() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    text.split(' ').next().and_then(|time| time.parse().ok()).ok_or_else(unexpected)
}

fn unexpected() -> io::Error {
    io::Error::other("the answer is not what it should be")
}

fn serve(service: &str) -> io::Result<()> {
    let mut client = Client { service: Service::open(service)?, next: 0, used: 0 };
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let operation = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let outcome = client.run(operation, number(), number(), number());
        let mut output = io::stdout().lock();
        match outcome {
            Ok(values) => writeln!(output, r#"{{"values":{values:?}}}"#)?,
            Err(error) => writeln!(output, r#"{{"error":{:?}}}"#, error.to_string())?,
        }
    }
    Ok(())
}

fn once(service: &str) -> io::Result<()> {
    let start = Instant::now();
    Service::open(service)?.get("name 0")?.ok_or_else(unexpected)?;
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
