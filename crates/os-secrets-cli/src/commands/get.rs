//! `get`: prints a secret.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::{
    args::CredentialArgs,
    context::{Context, Target},
    failure::Failure,
};
use os_secrets::{credential::Secret, error::Error, json, progress::Progress, scope::Scopes};

pub fn get(context: &Context, credential: CredentialArgs, json: bool) -> Result<(), Failure> {
    let target = context.target(credential, || Ok(context.scope_to_read()))?;
    let (service, name, secret) = match target {
        Target::Secret(name, scope) => {
            let (scopes, wanted) = (context.scopes(), name.clone());
            let mut found = context.call(Progress::reading(true), |progress| async move {
                scopes.get_all(BTreeSet::from([wanted]), scope, &progress).await
            })?;
            let secret = found.secrets.remove(&name).ok_or_else(|| Scopes::not_found(&name, scope))?;
            context.warn_of_hidden(found.from_repository);
            (None, name.to_string(), secret)
        }
        Target::Credential(key) => {
            let (store, wanted) = (context.store(), key.clone());
            let secret = context.call(Progress::reading(true), |progress| async move {
                let not_found = || Error::NotFound { name: wanted.label(), place: "the credential store" };
                store.store()?.get(&wanted, &progress).await?.ok_or_else(not_found)
            })?;
            (Some(key.service), key.name, secret)
        }
    };
    if json {
        let value = str::from_utf8(secret.expose()).map_err(|_| Error::InvalidData)?;
        return context.output.write(&json_object(service.as_deref(), &name, value));
    }
    context.output.write(&with_newline(&secret))
}

/// A secret and a newline.
pub fn with_newline(secret: &Secret) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(secret.expose().len() + 1));
    line.extend_from_slice(secret.expose());
    line.push(b'\n');
    line
}

fn json_object(service: Option<&str>, name: &str, value: &str) -> Zeroizing<Vec<u8>> {
    let members = [("service", service), ("name", Some(name)), ("value", Some(value))];
    let members: Vec<_> = members.into_iter().filter_map(|(member, text)| Some((member, text?))).collect();
    let mut object = json::object_of_texts(&members, 1);
    object.push(b'\n');
    object
}
