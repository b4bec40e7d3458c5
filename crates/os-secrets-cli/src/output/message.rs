//! Messages for the user.

use std::io;

use super::{printable, write_all};
use crate::Program;

/// Prints a message on one line of standard error.
pub fn print_message(program: Program, message: &str) {
    let line = format!("{}: {}\n", program.name(), printable(message));
    // If standard error fails, there is no other place for a message.
    let _ = write_all(&io::stderr(), line.as_bytes());
}
