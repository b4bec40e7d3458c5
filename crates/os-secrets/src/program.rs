//! The program `secrets`, as messages tell the user to run it.

use std::{path::Path, sync::OnceLock};

use crate::file::shell_word;

/// What a native program and Rust programs tell the user.
const NATIVE: &str = "secrets";

static STARTED_BY: OnceLock<&'static str> = OnceLock::new();

/// Sets how messages start the program, from now on. The default is `secrets`, which `cargo install` installs. Only the
/// first call counts.
pub fn set_start(words: &'static str) {
    // Nothing else sets it, so a second call brings the same words.
    let _ = STARTED_BY.set(words);
}

/// The command line that runs the program with these arguments, for messages.
pub fn command_line(arguments: &str) -> String {
    format!("{} {arguments}", STARTED_BY.get().unwrap_or(&NATIVE))
}

/// The command line that runs the program on an encrypted file, whatever the environment selects.
pub fn command_on_file(path: &Path, arguments: &str) -> String {
    command_line(&format!("--store {} {arguments}", shell_word(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_starts_the_program_as_it_was_installed() {
        assert_eq!(command_line("init"), "secrets init");
    }
}
