//! `export`: prints the names of all secrets as JSON, and their values if asked.

use std::{collections::BTreeSet, path::Path};

use crate::{
    args::ServiceArg,
    context::{Context, Target},
    failure::Failure,
};
use os_secrets::{
    credential::{Key, Secret},
    json::Document,
    progress::Progress,
};

pub fn export(context: &Context, service: ServiceArg, values: bool) -> Result<(), Failure> {
    let exported = match context.service(service)? {
        Some(service) => read_credentials(context, service, values)?,
        None => read_secrets(context, values)?,
    };
    if !values && !exported.is_empty() {
        context.note("the values are left out; --values exports them");
    }
    let mut document = Document::parse(Path::new("export"), b"{}")?;
    for (name, value) in &exported {
        match value {
            Some(value) => document.set_value(&[], name, value)?,
            None => document.set_null(name),
        }
    }
    context.output.write(&document.to_bytes())
}

/// The names of credentials, with their values if they are wanted.
type Exported = Vec<(String, Option<Secret>)>;

fn read_secrets(context: &Context, values: bool) -> Result<Exported, Failure> {
    let (scopes, scope) = (context.scopes(), context.scope_to_read());
    let (names, found) = context.call(Progress::reading(true), |progress| async move {
        let names: BTreeSet<_> = scopes.list(scope, &progress).await?.into_keys().collect();
        let found = match values {
            true => Some(scopes.get_all(names.clone(), scope, &progress).await?),
            false => None,
        };
        Ok((names, found))
    })?;
    let Some(mut found) = found else {
        return Ok(names.iter().map(|name| (name.to_string(), None)).collect());
    };
    context.warn_of_hidden(found.from_repository);
    // A secret that was deleted after it was listed is not there.
    let secrets = names.iter().filter_map(|name| Some((name.to_string(), Some(found.secrets.remove(name)?))));
    Ok(secrets.collect())
}

fn read_credentials(context: &Context, service: String, values: bool) -> Result<Exported, Failure> {
    let store = context.store();
    let keys: BTreeSet<Key> = context.call(Progress::reading(true), |progress| async move {
        Ok(store.store()?.list(Some(&service), &progress).await?.into_iter().collect())
    })?;
    if !values {
        return Ok(keys.into_iter().map(|key| (key.name, None)).collect());
    }
    let mut exported = Vec::new();
    for key in keys {
        if let Some(value) = context.get_value(&Target::Credential(key.clone()))? {
            exported.push((key.name, Some(value)));
        }
    }
    Ok(exported)
}
