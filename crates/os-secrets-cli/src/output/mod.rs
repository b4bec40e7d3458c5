//! Where results go, and how texts come in.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::Failure;
use os_secrets::{error::Error, file, store::MAX_VALUE, wiped::WipedBuffer};

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix::input;
#[cfg(unix)]
pub use unix::write_all;
#[cfg(windows)]
use windows::input;
#[cfg(windows)]
pub use windows::{write_all, write_whole};

/// Takes a command's result.
pub struct Output {
    /// Whether it goes nowhere.
    pub quiet: bool,
    /// The file that it goes to instead of standard output.
    pub file: Option<PathBuf>,
}

impl Output {
    /// Writes a result, whole and once.
    pub fn write(&self, result: &[u8]) -> Result<(), Failure> {
        match &self.file {
            _ if self.quiet => Ok(()),
            Some(path) => Ok(file::write(path, result)?),
            None => write_all(&io::stdout(), result).map_err(|error| match error.kind() {
                // Whoever read it has had enough, as head has.
                io::ErrorKind::BrokenPipe => Failure::Exit(1),
                _ => Failure::Failed(file::failure("Cannot write to", "standard output".as_ref(), error)),
            }),
        }
    }
}

/// Reads a stream to its end, into memory that is wiped.
pub fn read_all(stream: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // One newline at the end does not count.
    let max = MAX_VALUE + 2;
    let mut bytes = WipedBuffer::default();
    bytes.read_to_end(stream.take(max as u64 + 1))?;
    if bytes.len() > max {
        return Err(io::Error::other(format!("it has more than {MAX_VALUE} bytes")));
    }
    Ok(bytes.into_bytes())
}

/// Reads a file, or standard input where none is named.
pub fn read_input(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (name, read) = match path {
        Some(path) => (path, std::fs::File::open(path).and_then(read_all)),
        None => ("standard input".as_ref(), input().and_then(read_all)),
    };
    read.map_err(|error| file::failure("Cannot read", name, error))
}

/// A text of others' choosing on one line, that does not steer the terminal.
pub fn shown(text: &str) -> String {
    // Those that turn the direction of writing can make a text look like another.
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { c.escape_default().to_string() } else { c.into() }).collect()
}
