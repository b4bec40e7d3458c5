//! Writing results and messages, and reading input.
//!
//! | file | what it holds |
//! |---|---|
//! | `message.rs` | messages for the user |
//! | `unix.rs`, `windows.rs` | the standard streams |
//! | `closed.rs` | Unix: whether standard output was closed by the caller |

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{exit_codes::FAILED, failure::Failure};
use os_secrets::{file, store::MAX_VALUE, wiped::WipedBuffer};

#[cfg(unix)]
pub mod closed;
mod message;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use message::print_message;
pub use os_secrets::printable::printable;
#[cfg(unix)]
pub use unix::{open_input, write_all};
#[cfg(windows)]
pub use windows::{open_input, write_all, write_whole_characters};

#[cfg(unix)]
const CLOSED: &str =
    "Cannot write to standard output: it is closed. If you do not need the result, use --quiet";

/// Where a command's result goes.
pub struct Output {
    /// Whether the result is dropped.
    pub quiet: bool,
    /// The file to write instead of standard output.
    pub file: Option<PathBuf>,
}

impl Output {
    /// Writes the result. A command calls this once.
    pub fn write(&self, result: &[u8]) -> Result<(), Failure> {
        match &self.file {
            _ if self.quiet => Ok(()),
            Some(path) => file::write(path, result).map_err(Failure::Failed),
            #[cfg(unix)]
            None if closed::is_closed() && !result.is_empty() => Err(Failure::Refused(CLOSED.into())),
            None => write_all(&io::stdout(), result).map_err(|error| match error.kind() {
                // The reader has ended, as `head` does. That is no error to report.
                io::ErrorKind::BrokenPipe => Failure::Silent(FAILED),
                _ => Failure::Failed(file::failure("Cannot write to", "standard output".as_ref(), error)),
            }),
        }
    }
}

/// Reads a stream to its end, into memory that is wiped.
pub fn read_all(stream: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // One newline at the end may not count.
    let max = MAX_VALUE + 2;
    let mut bytes = WipedBuffer::default();
    bytes.read_to_end(stream.take(max as u64 + 1))?;
    if bytes.len() > max {
        return Err(io::Error::other(format!("it has more than {MAX_VALUE} bytes")));
    }
    Ok(bytes.into_bytes())
}

/// Whether bytes start with the mark of UTF-16 text, which PowerShell's `>` writes.
pub fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Whether bytes are text that every program can read.
pub fn is_plain_text(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok() && !bytes.contains(&0)
}

/// Reads a file, or standard input if `None`.
pub fn read_input(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let (name, read) = match path {
        Some(path) => (path, std::fs::File::open(path).and_then(read_all)),
        None => ("standard input".as_ref(), open_input().and_then(read_all)),
    };
    read.map_err(|error| Failure::Failed(file::failure("Cannot read", name, error)))
}
