//! `list`: prints the names of secrets.

use std::collections::BTreeSet;

use crate::{args::ServiceArg, context::Context, failure::Failure, output::printable};
use os_secrets::progress::Progress;

pub fn list(context: &Context, service: ServiceArg, json: bool) -> Result<(), Failure> {
    let names: BTreeSet<String> = match context.service(service)? {
        None => {
            let (scopes, scope) = (context.scopes(), context.scope_to_read());
            let names = context.call(Progress::reading(true), |progress| async move {
                scopes.list(scope, &progress).await
            })?;
            names.iter().map(ToString::to_string).collect()
        }
        Some(service) => {
            let store = context.store();
            context.call(Progress::reading(true), |progress| async move {
                let keys = store.store()?.list(Some(&service), &progress).await?;
                Ok(keys.into_iter().map(|key| key.name).collect())
            })?
        }
    };
    let text = if json {
        format!("{}\n", serde_json::Value::from_iter(names))
    } else {
        names.into_iter().map(|name| format!("{}\n", printable(&name))).collect()
    };
    context.output.write(text.as_bytes())
}
