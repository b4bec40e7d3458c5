//! `list`: prints the names of secrets, and their scopes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal},
};

use serde_json::{Value, json};

use crate::{Program, args::ServiceArg, context::Context, failure::Failure, output::printable};
use os_secrets::{
    progress::Progress,
    scope::{InScopes, Name},
};

pub fn list(context: &Context, service: ServiceArg, json: bool, long: bool) -> Result<(), Failure> {
    let text = match context.service(service)? {
        Some(_) if long => return Err(Failure::Usage("--long cannot be used with --service".into())),
        Some(service) => list_credentials(context, service, json)?,
        None => {
            let (scopes, scope) = (context.scopes(), context.scope_to_read());
            let names = context.call(Progress::reading(true), |progress| async move {
                scopes.list(scope, &progress).await
            })?;
            if json {
                as_json(names.iter().map(|(name, found)| object_of(name, *found)).collect())
            } else if long || shows_scopes(context) {
                as_table(&names)
            } else {
                names.keys().map(|name| format!("{name}\n")).collect()
            }
        }
    };
    context.output.write(text.as_bytes())
}

fn list_credentials(context: &Context, service: String, json: bool) -> Result<String, Failure> {
    let (store, wanted) = (context.store(), service.clone());
    let names: BTreeSet<_> = context.call(Progress::reading(true), |progress| async move {
        let keys = store.store()?.list(Some(&wanted), &progress).await?;
        Ok(keys.into_iter().map(|key| key.name).collect())
    })?;
    Ok(match json {
        true => as_json(names.iter().map(|name| json!({ "service": service, "name": name })).collect()),
        false => names.iter().map(|name| format!("{}\n", printable(name))).collect(),
    })
}

/// Whether a user reads the result, and not another program, which expects names only.
fn shows_scopes(context: &Context) -> bool {
    context.program != Program::BusSecrets && context.output.file.is_none() && io::stdout().is_terminal()
}

fn as_json(array: Value) -> String {
    format!("{array}\n")
}

/// The scope whose value is used, and the other one if it has a secret of this name, too.
fn scopes_of(found: InScopes) -> (&'static str, Option<&'static str>) {
    match (found.repository, found.user) {
        (true, true) => ("repo", Some("user")),
        (true, false) => ("repo", None),
        (false, _) => ("user", None),
    }
}

fn object_of(name: &Name, found: InScopes) -> Value {
    let (scope, shadows) = scopes_of(found);
    json!({ "name": name.as_str(), "scope": scope, "shadows": shadows })
}

fn as_table(names: &BTreeMap<Name, InScopes>) -> String {
    let width = names.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
    let lines = names.iter().map(|(name, found)| match scopes_of(*found) {
        (scope, None) => format!("{:width$}  {scope}\n", name.as_str()),
        (scope, Some(other)) => format!("{:width$}  {scope} (shadows {other})\n", name.as_str()),
    });
    lines.collect()
}
