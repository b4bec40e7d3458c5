//! `delete`: deletes a secret.

use super::{Context, Failure, Named, args::Target};
use os_secrets::{error::Error, progress::Progress};

pub fn delete(context: &Context, target: Target) -> Result<(), Failure> {
    match context.named(target, || context.scope_to_change())? {
        Named::Secret(name, scope) => {
            let scopes = context.scopes();
            context.call(Progress::changing(true), |progress| async move {
                scopes.delete(&name, scope, &progress).await
            })?;
        }
        Named::Credential(key) => {
            let store = context.store();
            context.call(Progress::changing(true), |progress| async move {
                match store.store()?.delete(&key, &progress).await? {
                    true => Ok(()),
                    false => Err(Error::NotFound { name: key.label(), place: "the credential store" }),
                }
            })?;
        }
    }
    context.output.write(b"")
}
