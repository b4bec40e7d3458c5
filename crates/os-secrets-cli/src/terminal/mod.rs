//! Asking the user for a secret on the terminal, without showing it.
//!
//! The terminal passes its input on byte by byte. If it made the lines itself, it would cut a long pasted secret (on
//! Unix after 4095 bytes). So the keys that edit a line are handled here.
//!
//! | file | what it holds |
//! |---|---|
//! | `line.rs` | the line that the user types, and the keys that edit it |
//! | `unix.rs`, `windows.rs` | the terminal or console without echo, and its restoration |

use std::{fmt, fs::File, io};

use os_secrets::credential::Secret;

#[forbid(unsafe_code)]
mod line;
#[cfg(unix)]
#[forbid(unsafe_code)]
mod unix;
#[cfg(windows)]
#[allow(unsafe_code)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// Asks for secrets one after the other. Standard error shows the prompts, and the [`keyboard`] takes the answers.
/// Returns `None` if the user ends the input with Ctrl-D on an empty line.
///
/// What was typed before the first prompt or after the last answer is discarded. In a paste of two lines, the second
/// line is the second answer. The rest of a longer paste is discarded until its end, because a shell would execute it.
///
/// On Unix, the keys that erase a character, a word or the line, and the one that quotes the next key (Ctrl-V), work as
/// usual. Keys that send a signal do so even after Ctrl-V. A signal that ends the process, such as that of Ctrl-C, ends
/// it after the terminal is restored. After a signal that stops the process (Ctrl-Z), the question is asked again. An
/// ignored signal stays ignored.
///
/// On Windows, Backspace erases a character and Escape the line. Ctrl-Z also ends the input. Ctrl-C ends the process
/// after the console is restored.
///
/// # Errors
///
/// There is no keyboard, or reading from it or writing to standard error fails. If a text of several lines was pasted,
/// [`is_several_lines`] tells the error from others.
pub fn ask<const N: usize>(prompts: [&str; N]) -> io::Result<Option<[Secret; N]>> {
    let answers = system::ask(&keyboard()?, &prompts)?;
    Ok(answers.try_into().ok())
}

/// Whether a question failed because a text of several lines was pasted as its answer.
pub fn is_several_lines(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<SeveralLines>())
}

/// A text of several lines was pasted, and an answer has one.
#[derive(Debug)]
struct SeveralLines;

impl fmt::Display for SeveralLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("several lines were pasted, and an answer has one")
    }
}

impl std::error::Error for SeveralLines {}

impl From<SeveralLines> for io::Error {
    fn from(error: SeveralLines) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Whether an answer is the first line of a key or a certificate (PEM).
fn is_first_line(answer: &Secret) -> bool {
    answer.expose().starts_with(b"-----BEGIN ")
}

/// Whether not all answers are the same. Questions that are asked together ask for the same.
fn are_different(answers: &[Secret]) -> bool {
    answers.windows(2).any(|pair| pair[0] != pair[1])
}

/// The terminal on which the user types: standard input if it is a terminal, else the terminal of the process, for
/// example if something is piped into it.
///
/// # Errors
///
/// There is no terminal.
pub fn keyboard() -> io::Result<File> {
    system::keyboard()
}
