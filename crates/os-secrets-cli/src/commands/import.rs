//! `import`: stores the values of a dotenv file.

use std::{cell::Cell, collections::BTreeMap, path::PathBuf};

use super::transfer::{NotDone, do_each};
use crate::{
    args::ServiceArg,
    context::{Context, Target},
    dotenv::Variable,
    failure::Failure,
    reference::file_reference,
};
use os_secrets::{
    credential::{Key, Secret},
    scope::{Name, Scope, parse_reference},
};

pub fn import(
    context: &Context,
    file: Option<PathBuf>,
    service: ServiceArg,
    force: bool,
    dry_run: bool,
) -> Result<(), Failure> {
    let service = context.service(service)?;
    let scope = context.scope_to_change()?;
    let variables = context.read_dotenv(file.as_deref())?;
    if variables.is_empty() {
        // As with an empty value of `set`: a command in front of the pipe may have failed.
        return Err(Failure::Usage("the input has no variables; nothing was imported".into()));
    }
    let secrets = choose_secrets(context, variables, service.as_deref(), scope)?;

    let import = Import { context, force, dry_run, has_stored: Cell::new(false) };
    let done = do_each(context, "stored", secrets, |(target, value)| import.store_if_allowed(target, value));
    if import.has_stored.get() {
        let scope = service.is_none().then_some(scope);
        context.warn_of_plain_text(scope);
        context.note_recipients(scope);
    }
    done
}

/// A secret to store: its name, where it belongs, and its value.
type ChosenSecret = (String, (Target, Secret));

/// The secrets to store. Prints a note for each variable that is skipped, or that the file has several times.
fn choose_secrets(
    context: &Context,
    variables: Vec<Variable>,
    service: Option<&str>,
    scope: Scope,
) -> Result<Vec<ChosenSecret>, Failure> {
    let mut names = BTreeMap::new();
    let mut secrets = Vec::new();
    for Variable { name: variable, value, lines } in variables {
        if let [others @ .., last] = &*lines
            && !others.is_empty()
        {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            context.note(&format!(
                "warning: {variable} is on lines {} and {last}; the last one counts",
                others.join(", ")
            ));
        }
        if let Some(reason) = reason_to_skip(&value) {
            context.note(&format!("skipped {variable}: {reason}"));
            continue;
        }
        // Apart from capital letters, a dotenv file's variables are names of secrets.
        let name = if service.is_some() { variable.clone() } else { variable.to_ascii_lowercase() };
        let stands = format!("{variable} in line {}", lines[lines.len() - 1]);
        if let Some(other) = names.insert(name.clone(), stands.clone()) {
            return Err(Failure::Usage(format!(
                "{other} and {stands} would both become the secret {name}; rename one"
            )));
        }
        let target = match service {
            Some(service) => Target::Credential(Key { service: service.to_owned(), name: name.clone() }),
            None => Target::Secret(Name::parse(name.as_bytes())?, scope),
        };
        secrets.push((name, (target, value)));
    }
    Ok(secrets)
}

/// Why a value is not stored, if it is not.
fn reason_to_skip(value: &Secret) -> Option<&'static str> {
    let value = value.expose();
    if value.is_empty() {
        Some("the value is empty")
    } else if !matches!(parse_reference(value), Ok(None)) || file_reference(value).is_some() {
        Some("the value is already a reference")
    } else if value.contains(&0) {
        Some("the value contains a NUL byte")
    } else {
        None
    }
}

struct Import<'a> {
    context: &'a Context,
    force: bool,
    dry_run: bool,
    /// Whether a secret was stored.
    has_stored: Cell<bool>,
}

impl Import<'_> {
    /// Stores a value, unless the secret has a different one. Returns what was done, or what would be done.
    fn store_if_allowed(&self, target: Target, value: Secret) -> Result<&'static str, NotDone> {
        let fail = |error| NotDone::failed("was not stored", &error);
        let stored = self.context.get_value(&target).map_err(fail)?;
        let done = match stored {
            Some(stored) if stored == value => return Ok("unchanged"),
            Some(_) if !self.force && self.dry_run => {
                return Err(NotDone::because("would replace a different value, which needs --force"));
            }
            Some(_) if !self.force => {
                return Err(NotDone::because(
                    "was not stored: a different value is stored under this name. To replace it, use --force",
                ));
            }
            Some(_) if self.dry_run => "would replace",
            Some(_) => "replaced",
            None if self.dry_run => "would store",
            None => "stored",
        };
        if !self.dry_run {
            self.context.set_value(target, value).map_err(fail)?;
            self.has_stored.set(true);
        }
        Ok(done)
    }
}
