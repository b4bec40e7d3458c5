//! The exit codes.
//!
//! `run` otherwise exits with the code of its command. It exits with [`FAILED`] if the command has run, but its masked
//! output could not be passed on. `doctor` and `bus-secrets` never exit with [`STORE_FAILED`].

use os_secrets::error::{Code, Error};

/// The command succeeded.
pub const SUCCESS: i32 = 0;
/// The command failed, for example because there is no such secret.
pub const FAILED: i32 = 1;
/// The command line is wrong.
pub const WRONG_USAGE: i32 = 2;
/// The store cannot be reached, unlocked or read, so that it is unknown what it holds.
pub const STORE_FAILED: i32 = 3;
/// `run` found its command and could not start it. Shells use the same code.
pub const NOT_EXECUTABLE: i32 = 126;
/// `run` did not find its command. Shells use the same code.
pub const NOT_FOUND: i32 = 127;

/// The exit code of `secrets` for an error of a store or of the repository.
pub fn code_of(error: &Error) -> i32 {
    match error {
        Error::Of { error, .. }
        | Error::OnHost { error, .. }
        | Error::Incomplete { error, .. }
        | Error::Unsettled(error) => code_of(error),
        Error::Damaged { .. } | Error::OnlyBackup { .. } | Error::InvalidFile { .. } => STORE_FAILED,
        // The store works, and the recipients that the user asked for are wrong.
        Error::InvalidRecipients(_) => FAILED,
        _ => match error.code() {
            // The store works. It has no such secret, or cannot keep the value.
            Code::NotFound | Code::TooLarge | Code::InvalidData => FAILED,
            Code::InvalidArgument => WRONG_USAGE,
            _ => STORE_FAILED,
        },
    }
}
