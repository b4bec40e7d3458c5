//! Why a command failed.

use std::borrow::Cow;

use crate::{
    Program,
    exit_codes::{FAILED, WRONG_USAGE, code_of},
};
use os_secrets::error::{Code, Error};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong. Holds the message.
    Usage(String),
    /// A call to a store or to the repository failed. The error decides about the exit code.
    Call(Error),
    /// Something else failed, such as reading a template.
    Failed(Error),
    /// The command cannot continue with the values that it has. Holds the message.
    Refused(Cow<'static, str>),
    /// The failure needs no message, or was already printed. Holds the exit code.
    Silent(i32),
}

impl Failure {
    /// The message for the user, if one is still to be printed.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Usage(message) => Some(message.clone()),
            Self::Call(error) | Self::Failed(error) => Some(error.to_string()),
            Self::Refused(message) => Some(message.to_string()),
            Self::Silent(_) => None,
        }
    }

    /// The program's exit code. BusDK's program has one code for every failure.
    pub fn exit_code(&self, program: Program) -> i32 {
        match self {
            Self::Usage(_) => WRONG_USAGE,
            Self::Call(error) if program != Program::BusSecrets => code_of(error),
            Self::Call(_) | Self::Failed(_) | Self::Refused(_) => FAILED,
            Self::Silent(code) => *code,
        }
    }

    /// The same failure, with an exit code that does not depend on the error.
    pub fn of_any_kind(self) -> Self {
        match self {
            Self::Call(error) => Self::Failed(error),
            other => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            // Such as a name that no secret can have: the user typed it.
            Code::InvalidArgument => Self::Usage(error.to_string()),
            _ => Self::Call(error),
        }
    }
}
