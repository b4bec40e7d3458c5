//! `delete`: deletes a secret.

use crate::{
    args::CredentialArgs,
    context::{Context, Target},
    failure::Failure,
};
use os_secrets::{error::Error, progress::Progress};

pub fn delete(context: &Context, credential: CredentialArgs) -> Result<(), Failure> {
    match context.target(credential, || context.scope_to_change())? {
        Target::Secret(name, scope) => {
            let (scopes, deleted) = (context.scopes(), name.clone());
            context.call(Progress::changing(true), |progress| async move {
                scopes.delete(&deleted, scope, &progress).await
            })?;
            context.warn_after_delete(name, scope);
        }
        Target::Credential(key) => {
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
