//! `get`: prints a secret.

use zeroize::Zeroizing;

use super::{Context, Failure, Named, args::Target};
use os_secrets::{credential::Secret, error::Error, json, progress::Progress};

pub fn get(context: &Context, target: Target, json: bool) -> Result<(), Failure> {
    let named = context.named(target, || Ok(context.scope_to_read()))?;
    let (service, name, secret) = match named {
        Named::Secret(name, scope) => {
            let (scopes, asked) = (context.scopes(), name.clone());
            let secret = context.call(Progress::reading(true), |progress| async move {
                scopes.get(&asked, scope, &progress).await
            })?;
            (None, name.to_string(), secret)
        }
        Named::Credential(key) => {
            let (store, asked) = (context.store(), key.clone());
            let secret = context.call(Progress::reading(true), |progress| async move {
                let missing = || Error::NotFound { name: asked.label(), place: "the credential store" };
                store.store()?.get(&asked, &progress).await?.ok_or_else(missing)
            })?;
            (Some(key.service), key.name, secret)
        }
    };
    if json {
        let value = str::from_utf8(secret.expose()).map_err(|_| Error::InvalidData)?;
        return context.output.write(&object(service.as_deref(), &name, value));
    }
    context.output.write(&line(&secret))
}

/// A secret and a newline.
pub fn line(secret: &Secret) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(secret.expose().len() + 1));
    line.extend_from_slice(secret.expose());
    line.push(b'\n');
    line
}

fn object(service: Option<&str>, name: &str, value: &str) -> Zeroizing<Vec<u8>> {
    let members = [("service", service), ("name", Some(name)), ("value", Some(value))];
    let members: Vec<_> = members.into_iter().filter_map(|(member, text)| Some((member, text?))).collect();
    let mut object = json::object_of_texts(&members, 1);
    object.push(b'\n');
    object
}
