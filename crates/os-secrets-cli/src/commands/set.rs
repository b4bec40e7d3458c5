//! `set`: stores a secret.

use std::{ffi::OsString, io, io::IsTerminal};

use crate::{
    Program,
    args::CredentialArgs,
    context::{Context, STANDARD, Target},
    failure::Failure,
    output::{is_plain_text, is_utf16, printable, read_input},
    terminal,
};
use os_secrets::{credential::Secret, file, scope::Scope};

const SEVERAL_LINES: &str = "several lines were pasted, and only one can be typed here; nothing was changed. Put them into a \
                             file that only you can read, run secrets set NAME <FILE, and delete the file";

pub fn set(
    context: &Context,
    credential: CredentialArgs,
    raw: bool,
    value: Option<OsString>,
) -> Result<(), Failure> {
    let target = context.target(credential, || context.scope_to_change())?;
    let value = match value {
        Some(value) if value == STANDARD && context.program != Program::BusSecrets => read_value(raw)?,
        Some(value) => Secret::new(value.into_encoded_bytes()),
        None if context.program == Program::BusSecrets => {
            return Err(Failure::Usage("the value is missing; usage: bus-secrets set NAME VALUE".into()));
        }
        None if io::stdin().is_terminal() => {
            context.prepare_set(&target)?;
            ask_value(&target)?
        }
        None => read_value(raw)?,
    };
    let scope = target.scope();
    if value.expose().is_empty() && context.program != Program::BusSecrets {
        return Err(Failure::Usage(
            "the value is empty; nothing was changed. To remove a secret, use delete".into(),
        ));
    }
    if !raw || scope == Some(Scope::Repository) {
        check_text(context.program, &value, raw)?;
    }
    context.set_value(target, value)?;
    context.note_readers(scope);
    context.output.write(b"")
}

/// Checks that the value is text that every program can read.
pub fn check_text(program: Program, value: &Secret, raw: bool) -> Result<(), Failure> {
    let value = value.expose();
    if is_plain_text(value) {
        return Ok(());
    }
    let advice = match program {
        Program::BusSecrets => "",
        _ if raw => ". Nothing was changed; the repository cannot hold other bytes",
        _ if is_utf16(value) => {
            ", and this is UTF-16. Nothing was changed; convert it, or store its bytes with --raw"
        }
        _ => ". Nothing was changed; to store other bytes, use --raw",
    };
    Err(Failure::Usage(format!("the value must be UTF-8 text without NUL bytes{advice}")))
}

/// Reads the value from standard input.
fn read_value(raw: bool) -> Result<Secret, Failure> {
    let mut value = read_input(None)?;
    if !raw {
        drop_newline(&mut value);
    }
    Ok(Secret::new(std::mem::take(&mut *value)))
}

/// Drops the newline that `echo`, `get` or an editor adds, LF or CRLF.
pub fn drop_newline(value: &mut Vec<u8>) {
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
}

/// Asks for the value twice, because the user does not see what they type.
fn ask_value(target: &Target) -> Result<Secret, Failure> {
    let name = match target {
        Target::Secret(name, _) => name.as_str(),
        Target::Credential(key) => &printable(&key.label()),
    };
    let answers = terminal::ask([&format!("Value of {name}: "), "Repeat the value: "]).map_err(|error| {
        if terminal::is_several_lines(&error) {
            return Failure::Refused(SEVERAL_LINES.into());
        }
        Failure::Failed(file::failure("Cannot read", "the terminal".as_ref(), error))
    })?;
    match answers {
        Some([first, again]) if first == again => Ok(first),
        Some(_) => Err(Failure::Refused("the two values differ; nothing was changed".into())),
        None => Err(Failure::Refused("no value was entered; nothing was changed".into())),
    }
}
