//! `import`: stores the values of a dotenv file.

use std::{collections::BTreeSet, path::PathBuf};

use crate::{
    args::ServiceArg,
    context::{Context, Target},
    dotenv::Variable,
    failure::Failure,
};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    scope::{Name, parse_reference},
};

pub fn import(
    context: &Context,
    file: Option<PathBuf>,
    service: ServiceArg,
    dry_run: bool,
) -> Result<(), Failure> {
    let service = context.service(service)?;
    let scope = context.scope_to_change()?;
    let variables = context.read_dotenv(file.as_deref())?;

    let mut names = BTreeSet::new();
    let mut secrets = Vec::new();
    for Variable { name: variable, value, .. } in variables {
        if let Some(reason) = reason_to_skip(&value) {
            context.note(&format!("skipped {variable}: {reason}"));
            continue;
        }
        // Apart from capital letters, a dotenv file's variables are names of secrets.
        let name = if service.is_some() { variable } else { variable.to_ascii_lowercase() };
        if !names.insert(name.clone()) {
            return Err(Failure::Usage(format!("two variables would become the secret {name}; rename one")));
        }
        secrets.push((name, value));
    }

    let done = if dry_run { "would store" } else { "stored" };
    let mut result = String::new();
    for (name, value) in secrets {
        if !dry_run {
            let target = match &service {
                Some(service) => Target::Credential(Key { service: service.clone(), name: name.clone() }),
                None => Target::Secret(Name::parse(name.as_bytes())?, scope),
            };
            if let Err(error) = context.set_value(target, value) {
                // The user must know what was stored before. If this fails, too, the first error matters more.
                let _ = context.output.write(result.as_bytes());
                return Err(Error::Of { of: name, error: Box::new(error) }.into());
            }
        }
        result.push_str(&format!("{done} {name}\n"));
    }
    if !dry_run && !result.is_empty() {
        context.warn_of_plain_text(service.is_none().then_some(scope));
    }
    context.output.write(result.as_bytes())
}

/// Why a value is not stored, if it is not.
fn reason_to_skip(value: &Secret) -> Option<&'static str> {
    let value = value.expose();
    if value.is_empty() {
        Some("the value is empty")
    } else if !matches!(parse_reference(value), Ok(None)) {
        Some("the value is already a reference")
    } else if value.contains(&0) {
        Some("the value contains a NUL byte")
    } else {
        None
    }
}
