//! Why a command failed.

use crate::exit_codes::{FAILED, WRONG_USAGE};
use os_secrets::error::{Code, Error};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong. Holds the message.
    Usage(String),
    /// An operation failed.
    Failed(Error),
    /// The command cannot continue with what the user entered. Holds the message.
    Refused(&'static str),
    /// The failure needs no message, or was already printed. Holds the exit code.
    Silent(i32),
}

impl Failure {
    /// The message for the user, if one is still to be printed.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Usage(message) => Some(message.clone()),
            Self::Failed(error) => Some(error.to_string()),
            Self::Refused(message) => Some((*message).to_owned()),
            Self::Silent(_) => None,
        }
    }

    /// The program's exit code.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Usage(_) => WRONG_USAGE,
            Self::Failed(_) | Self::Refused(_) => FAILED,
            Self::Silent(code) => *code,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            // Such as a name that no secret can have: the user typed it.
            Code::InvalidArgument => Self::Usage(error.to_string()),
            _ => Self::Failed(error),
        }
    }
}
