//! The messages for a wrong command line.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{
    groups::{CLEAR_TIMES, LENGTHS},
    mistakes::{self, describe_mistake},
    words::Words,
};
use crate::{Program, failure::Failure};

/// Describes clap's error in our own words. Clap's would show values.
pub fn describe_error(program: Program, words: &Words, error: &clap::Error) -> Failure {
    if program != Program::BusSecrets
        && let Some(failure) = describe_mistake(program, words, error)
    {
        return failure;
    }
    let detail = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" "),
        _ => String::new(),
    };
    // Clap appends the placeholder of the flag's value.
    let flag = || {
        let flag = detail(ContextKind::InvalidArg);
        flag.split(' ').next().unwrap_or_default().to_owned()
    };
    let message = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("{} is missing", detail(ContextKind::InvalidArg)),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "no command given".into()
        }
        ErrorKind::InvalidSubcommand => "unknown command".into(),
        ErrorKind::UnknownArgument if detail(ContextKind::InvalidArg).starts_with('-') => {
            // The values of these may begin with a dash. BusDK's program says it of all commands.
            let may_be_value = matches!(words.command(), Some("set" | "resolve") | None);
            match program == Program::BusSecrets || may_be_value {
                true => "unknown flag (put -- before arguments that are not flags)".into(),
                false => "unknown flag".into(),
            }
        }
        ErrorKind::UnknownArgument => {
            "too many arguments (quote an argument with spaces; put -- before the command of run)".into()
        }
        ErrorKind::ArgumentConflict => format!("{} is given twice", flag()),
        ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::WrongNumberOfValues => {
            match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                    format!("{} must be one of {}", flag(), valid.join(", "))
                }
                _ => format!("{} needs a value", flag()),
            }
        }
        ErrorKind::TooManyValues => format!("{} takes no value", detail(ContextKind::InvalidArg)),
        ErrorKind::ValueValidation => {
            let range = if flag() == "--length" { LENGTHS } else { CLEAR_TIMES };
            format!("{} must be a number from {} to {}", flag(), range.start(), range.end())
        }
        _ => "wrong usage".into(),
    };
    Failure::Usage(format!("{message}; {}", mistakes::help_hint(program, words.command())))
}
