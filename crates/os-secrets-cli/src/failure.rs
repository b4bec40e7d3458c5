//! Why a command failed.

use std::borrow::Cow;

use crate::{
    Program,
    exit_codes::{FAILED, WRONG_USAGE, code_of},
};
use os_secrets::{
    error::{Code, Effect, Error},
    printable::printable,
};

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
            Self::Call(error) | Self::Failed(error) => Some(describe(error)),
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
            Code::InvalidArgument => Self::Usage(describe(&error)),
            _ => Self::Call(error),
        }
    }
}

/// An error in the words of the program. Those of the library name functions of JavaScript.
pub fn describe(error: &Error) -> String {
    match error {
        Error::Of { of, error } => format!("{}: {}", printable(of), describe(error)),
        Error::OnHost { error, host } => format!("{}. {host}", describe(error)),
        Error::Unsettled(error) => format!("{}.{}", describe(error), Effect::Unknown),
        Error::Closed => "The store is closed. Run the command again".into(),
        Error::InvalidData => {
            "The stored value is not UTF-8 text. Print its bytes with secrets get --raw, or write them to a file with -o"
                .into()
        }
        Error::InteractionNotAllowed => "The credential store must ask the user for a password or a confirmation, and \
                                         this command does not let it ask. Unlock the store first"
            .into(),
        Error::NeedsService => "This store holds the credentials of every program, so it lists one service at a time. \
                                Name the service with --service"
            .into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_flags_of_the_program_and_no_functions_of_the_library() {
        for (error, advice) in [
            (Error::Closed, "Run the command again"),
            (Error::InvalidData, "secrets get --raw"),
            (Error::InteractionNotAllowed, "Unlock the store"),
            (Error::NeedsService, "--service"),
        ] {
            for error in [
                error.clone(),
                Error::Of { of: "a".into(), error: Box::new(error.clone()) },
                Error::Unsettled(Box::new(Error::Of { of: "a".into(), error: Box::new(error.clone()) })),
            ] {
                let message = Failure::from(error).message().unwrap();
                assert!(message.contains(advice), "{message}");
                for word in ["openStore", "list(", "interactive:", "encoding"] {
                    assert!(!message.contains(word), "{message}");
                }
            }
        }
        let unsettled = Error::Unsettled(Box::new(Error::InvalidData));
        assert!(
            describe(&unsettled)
                .ends_with(". The change may still have been made; read the credential to check.")
        );
        assert_eq!(describe(&Error::InvalidKey), Error::InvalidKey.to_string());
    }
}
