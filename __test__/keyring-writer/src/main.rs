//! Stores a credential with the crate keyring, as programs do that use it without options:
//! `keyring-writer 3|4 password|secret SERVICE USER`, with the value on standard input.

use std::{
    env,
    error::Error,
    io::{Read, stdin},
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut value = Vec::new();
    stdin().read_to_end(&mut value)?;
    match *words {
        ["3", "password", service, user] => {
            keyring3::Entry::new(service, user)?.set_password(str::from_utf8(&value)?)?;
        }
        ["3", "secret", service, user] => keyring3::Entry::new(service, user)?.set_secret(&value)?,
        ["4", "password", service, user] => {
            keyring4::Entry::new(service, user)?.set_password(str::from_utf8(&value)?)?;
        }
        ["4", "secret", service, user] => keyring4::Entry::new(service, user)?.set_secret(&value)?,
        _ => return Err("Usage: keyring-writer 3|4 password|secret SERVICE USER".into()),
    }
    Ok(())
}
