//! Messages for the user.

use std::io;

use super::write_all;
use crate::Program;

/// Prints a message on one line of standard error.
pub fn print_message(program: Program, message: &str) {
    let line = format!("{}: {}\n", program.name(), printable(message));
    // If standard error fails, there is no other place for a message.
    let _ = write_all(&io::stderr(), line.as_bytes());
}

/// Escapes a text that others have chosen, so that it stays on one line and cannot control the terminal.
pub fn printable(text: &str) -> String {
    // Characters that change the direction of writing can make a text look like another one.
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_unsafe(c) { c.escape_default().to_string() } else { c.into() }).collect()
}
