//! Asking a person for a secret on the terminal, which shows nothing of it.
//!
//! The terminal hands its input over as it comes: in lines of its own making it would cut a pasted secret,
//! that of Unix after 4095 bytes. So the keys that edit a line are heeded here.

use std::{fs::File, io};

use os_secrets::credential::Secret;

#[forbid(unsafe_code)]
mod line;
#[cfg(unix)]
#[forbid(unsafe_code)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// Asks for secrets, one after the other: the [`keyboard`] gives the answers, standard error shows the prompts. `None` if the person ends the input, with Ctrl-D on an empty line.
///
/// Whatever was typed before the first prompt, or after the second answer, is discarded. The text that comes
/// with the end of the first answer, as in a paste of two lines, belongs to the second.
///
/// On Unix, erasing a character, a word or the line, and quoting the next key (Ctrl-V), work as in other
/// input; keys that send a signal do so even where quoted. A signal that ends the process, such as that of
/// Ctrl-C, does so once the terminal is as it was. After one that stops it (Ctrl-Z), the question is asked
/// anew. A signal that is ignored stays so.
///
/// On Windows, Backspace erases a character and Escape the line, Ctrl-Z ends the input as well, and Ctrl-C
/// ends the process once the console is as it was.
///
/// # Errors
///
/// There is no keyboard, or it or standard error fails.
pub fn ask<const N: usize>(prompts: [&str; N]) -> io::Result<Option<[Secret; N]>> {
    let answers = system::ask(&keyboard()?, &prompts)?;
    Ok(answers.try_into().ok())
}

/// Where the person types: standard input where that is a terminal, else the terminal that the process belongs
/// to, as where something is piped into it.
///
/// # Errors
///
/// There is no terminal.
pub fn keyboard() -> io::Result<File> {
    system::keyboard()
}
