//! `set`: stores a secret.

use std::{ffi::OsString, io, io::IsTerminal};

use super::{
    Context, Failure, Named, Program,
    args::Target,
    output::{read_input, shown},
    terminal,
};
use os_secrets::{credential::Secret, file};

pub fn set(context: &Context, target: Target, value: Option<OsString>) -> Result<(), Failure> {
    let named = context.named(target, || context.scope_to_change())?;
    let value = match value {
        Some(value) => Secret::new(value.into_encoded_bytes()),
        None if context.program == Program::BusSecrets => {
            return Err(Failure::Usage("the value is missing; bus-secrets set <name> <value>".into()));
        }
        None => read(&named)?,
    };
    check(context.program, &value)?;
    let scope = match &named {
        Named::Secret(_, scope) => Some(*scope),
        Named::Credential(_) => None,
    };
    context.set(named, value)?;
    context.warn_of(scope);
    context.output.write(b"")
}

/// What a store of text can hold.
fn check(program: Program, value: &Secret) -> Result<(), Failure> {
    let value = value.expose();
    if value.is_empty() && program == Program::Secrets {
        return Err(Failure::Usage(
            "the value is empty, and nothing was changed; use delete to remove a secret".into(),
        ));
    }
    if str::from_utf8(value).is_err() || value.contains(&0) {
        return Err(Failure::Usage("the value is not UTF-8 text without NUL".into()));
    }
    Ok(())
}

/// Takes the value from standard input.
fn read(named: &Named) -> Result<Secret, Failure> {
    if io::stdin().is_terminal() {
        return ask(named);
    }
    let mut value = read_input(None)?;
    // One newline, of either kind: that of echo.
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    Ok(Secret::new(std::mem::take(&mut *value)))
}

/// Asks for the value, twice, because nobody sees what they type.
fn ask(named: &Named) -> Result<Secret, Failure> {
    let name = match named {
        Named::Secret(name, _) => name.as_str(),
        Named::Credential(key) => &shown(&key.label()),
    };
    let answers = terminal::ask([&format!("Value of {name}: "), "The same again: "])
        .map_err(|error| file::failure("Cannot read", "the terminal".as_ref(), error))?;
    match answers {
        Some([first, again]) if first == again => Ok(first),
        Some(_) => Err(Failure::Refused("the two values differ; nothing was changed")),
        None => Err(Failure::Refused("no value was entered; nothing was changed")),
    }
}
