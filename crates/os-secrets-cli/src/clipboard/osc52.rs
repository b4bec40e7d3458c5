//! The terminal's clipboard. The terminal sets it when it reads the sequence OSC 52.

use std::{
    env,
    fs::{File, OpenOptions},
    io,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use crate::output::write_all;
use os_secrets::credential::Secret;

const START: &str = "\x1b]52;c;";
const END: &str = "\x07";
/// What is not base64 clears the clipboard.
const CLEAR: &str = "\x1b]52;c;!\x07";
/// The maximum size of a value. Longer sequences are cut or ignored by some terminals.
const MAX: usize = 74_994;

/// Whether there is a terminal that may know the sequence. No terminal tells.
pub fn is_supported() -> bool {
    let is_simple = |kind: &std::ffi::OsString| kind == "dumb" || kind == "linux";
    !env::var_os("TERM").is_some_and(|kind| is_simple(&kind)) && open().is_ok()
}

/// Opens the terminal of this process.
pub fn open() -> io::Result<File> {
    OpenOptions::new().write(true).open(if cfg!(windows) { "CONOUT$" } else { "/dev/tty" })
}

/// Copies a value.
pub fn copy(value: &Secret) -> io::Result<()> {
    let value = value.expose();
    if value.len() > MAX {
        return Err(io::Error::other(format!("the value has more than {MAX} bytes")));
    }
    let length = START.len() + value.len().div_ceil(3) * 4 + END.len();
    let mut sequence = Zeroizing::new(String::with_capacity(length));
    sequence.push_str(START);
    BASE64_STANDARD.encode_string(value, &mut sequence);
    sequence.push_str(END);
    write_all(&open()?, sequence.as_bytes())
}

/// Clears the clipboard of a terminal.
#[cfg(unix)]
pub fn clear(terminal: &impl std::os::fd::AsFd) -> io::Result<()> {
    write_all(terminal, CLEAR.as_bytes())
}

#[cfg(windows)]
pub fn clear(terminal: &impl std::os::windows::io::AsHandle) -> io::Result<()> {
    write_all(terminal, CLEAR.as_bytes())
}
