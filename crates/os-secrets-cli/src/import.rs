//! `import`: stores the values of a dotenv file.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Context, Failure, Named, args::Service};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    scope::{Name, parse_reference},
};

pub fn import(
    context: &Context,
    file: Option<PathBuf>,
    service: Service,
    dry_run: bool,
) -> Result<(), Failure> {
    let service = context.service(service)?;
    let scope = context.scope_to_change()?;
    let variables = context.read_dotenv(file.as_deref())?;

    let mut names = BTreeSet::new();
    let mut secrets = Vec::new();
    for (variable, value) in variables {
        if let Some(why) = not_stored(&value) {
            context.note(&format!("{variable} is left out: {why}"));
            continue;
        }
        // A variable's name is a secret's, but for the letters' case.
        let name = if service.is_some() { variable } else { variable.to_ascii_lowercase() };
        if !names.insert(name.clone()) {
            return Err(Failure::Usage(format!("two variables would become the secret {name}")));
        }
        secrets.push((name, value));
    }

    let done = if dry_run { "would store" } else { "stored" };
    let mut result = String::new();
    for (name, value) in secrets {
        if !dry_run {
            let named = match &service {
                Some(service) => Named::Credential(Key { service: service.clone(), name: name.clone() }),
                None => Named::Secret(Name::parse(name.as_bytes())?, scope),
            };
            if let Err(error) = context.set(named, value) {
                // What was stored before is told all the same; the error counts more than its telling.
                let _ = context.output.write(result.as_bytes());
                return Err(Error::Of { of: name, error: Box::new(error) }.into());
            }
        }
        result.push_str(&format!("{done} {name}\n"));
    }
    if !dry_run && !result.is_empty() {
        context.warn_of(service.is_none().then_some(scope));
    }
    context.output.write(result.as_bytes())
}

/// Why a value is not one to store, where it is not.
fn not_stored(value: &Secret) -> Option<&'static str> {
    let value = value.expose();
    if value.is_empty() {
        Some("it is empty")
    } else if !matches!(parse_reference(value), Ok(None)) {
        Some("it is a reference already")
    } else if value.contains(&0) {
        Some("it holds a NUL")
    } else {
        None
    }
}
