//! The value of one secret or credential: reading, storing and deleting it.

use std::{collections::BTreeSet, mem, sync::Arc, time::Duration};

use crate::{
    context::{Context, Target},
    selected_store::SelectedStore,
};
use os_secrets::{
    credential::Secret,
    error::Error,
    executor::block_on,
    progress::Progress,
    scope::{Found, Name, Scope, Scopes},
    store::{
        SetOptions,
        credential_lock::{CredentialLock, LockPlace},
        file::keys::{is_whole_identity, user_identity},
    },
};

/// How long a command waits for another program that updates the same value.
const LOCK_TIMEOUT: Duration = Duration::from_secs(25);

/// The locks of the values that a command changes, until this is dropped.
#[derive(Default)]
pub struct ValueLocks(Vec<CredentialLock>);

impl Drop for ValueLocks {
    fn drop(&mut self) {
        let locks = mem::take(&mut self.0);
        // Awaited, because the process may end next and would leave the files behind.
        let _ = block_on(release_locks(locks));
    }
}

async fn release_locks(locks: Vec<CredentialLock>) {
    for lock in locks {
        lock.release().await;
    }
}

impl Target {
    /// The scope. `None` for a credential of an application.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::Secret(_, scope) => Some(*scope),
            Self::Credential(_) => None,
        }
    }

    /// The name for messages.
    pub fn label(&self) -> String {
        match self {
            Self::Secret(name, _) => name.to_string(),
            Self::Credential(key) => key.label(),
        }
    }

    /// The error if it does not exist.
    pub fn not_found(&self) -> Error {
        match self {
            Self::Secret(name, scope) => Scopes::not_found(name, *scope),
            Self::Credential(key) => Error::NotFound { name: key.label(), place: "the credential store" },
        }
    }
}

impl Context {
    /// Reads the secrets of these names. The result has no entry for one that does not exist.
    pub fn find_secrets(&self, names: BTreeSet<Name>, scope: Scope) -> Result<Found, Error> {
        let scopes = self.scopes();
        self.call(
            Progress::reading(true),
            |progress| async move { scopes.get_all(names, scope, &progress).await },
        )
    }

    /// Reads a value. `None` if there is none.
    pub fn get_value(&self, target: &Target) -> Result<Option<Secret>, Error> {
        match target {
            Target::Secret(name, scope) => {
                let mut found = self.find_secrets(BTreeSet::from([name.clone()]), *scope)?;
                Ok(found.secrets.remove(name))
            }
            Target::Credential(key) => {
                let (store, key) = (self.store(), key.clone());
                self.call(Progress::reading(true), |progress| async move {
                    store.store()?.get(&key, &progress).await
                })
            }
        }
    }

    /// Whether there is such a secret or credential, without reading its value. Prints no note about the store.
    pub fn has_value(&self, target: &Target, progress: Progress) -> Result<bool, Error> {
        match target {
            Target::Secret(name, scope) => {
                let (scopes, name, scope) = (self.silent_scopes(), name.clone(), *scope);
                self.call(progress, |progress| async move { scopes.has(&name, scope, &progress).await })
            }
            Target::Credential(key) => {
                let (store, key) = (self.silent_store(), key.clone());
                self.call(progress, |progress| async move { store.store()?.has(&key, &progress).await })
            }
        }
    }

    /// Locks values against other programs that read and then replace them, until the result is dropped.
    pub fn lock_values<const N: usize>(&self, targets: [&Target; N]) -> Result<ValueLocks, Error> {
        let (store, scopes) = (self.silent_store(), self.silent_scopes());
        let targets = targets.map(Target::clone);
        self.call(Progress::reading(false), |_| async move {
            let mut places = Vec::new();
            for target in &targets {
                places.extend(match target {
                    Target::Secret(name, scope) => scopes.find_lock(name, *scope).await?,
                    Target::Credential(key) => Some(LockPlace::find(store.store()?, key).await?),
                });
            }
            // In the same order everywhere, so that two programs never wait for each other.
            places.sort();
            places.dedup();
            let mut locks = Vec::new();
            for place in places {
                match place.lock(Some(LOCK_TIMEOUT)).await {
                    Ok(lock) => locks.push(lock),
                    Err(error) => {
                        release_locks(locks).await;
                        return Err(error);
                    }
                }
            }
            Ok(locks)
        })
        .map(ValueLocks)
    }

    /// Refuses to create or change the identity that opens encrypted files, in the operating system's store, as if it were
    /// a secret. As a credential of its service it can be changed.
    fn check_no_identity(&self, target: &Target, new: Option<&Secret>) -> Result<(), Error> {
        let (item, store) = (user_identity(), self.silent_store());
        match target {
            Target::Secret(name, scope)
                if name.as_str() == item.name && *scope != Scope::Repository && store.is_os() => {}
            _ => return Ok(()),
        }
        let found = self.call(Progress::reading(true), |progress| async move {
            store.store()?.get(&item, &progress).await
        })?;
        if found.as_ref().into_iter().chain(new).any(is_whole_identity) {
            Err(Error::OpensFiles)
        } else {
            Ok(())
        }
    }

    /// Stores a value.
    pub fn set_value(&self, target: Target, value: Secret) -> Result<(), Error> {
        self.check_no_identity(&target, Some(&value))?;
        match target {
            Target::Secret(name, scope) => {
                let (scopes, changed) = (self.scopes(), name.clone());
                self.call(Progress::changing(true), |progress| async move {
                    scopes.set(&changed, value, scope, &progress).await
                })?;
                self.warn_after_set(name, scope);
                Ok(())
            }
            Target::Credential(key) => {
                let store = self.store();
                self.call(Progress::changing(true), |progress| async move {
                    store.store()?.set(&key, &value, SetOptions::default(), &progress).await
                })
            }
        }
    }

    /// Asks for the passphrase that storing a value would ask for, before the user types the value.
    pub fn prepare_set(&self, target: &Target) -> Result<(), Error> {
        let is_in_repository = matches!(target, Target::Secret(_, Scope::Repository));
        match &self.selected {
            Some(SelectedStore::File(file)) if !is_in_repository => {
                let file = Arc::clone(file);
                self.announce_store();
                self.call(
                    Progress::reading(true),
                    |progress| async move { file.prepare_change(&progress).await },
                )
            }
            _ => Ok(()),
        }
    }

    /// Deletes a value.
    pub fn delete_value(&self, target: Target) -> Result<(), Error> {
        self.check_no_identity(&target, None)?;
        match target {
            Target::Secret(name, scope) => {
                let (scopes, deleted) = (self.scopes(), name.clone());
                self.call(Progress::changing(true), |progress| async move {
                    scopes.delete(&deleted, scope, &progress).await
                })?;
                self.warn_after_delete(name, scope);
                Ok(())
            }
            Target::Credential(key) => {
                let store = self.store();
                self.call(Progress::changing(true), |progress| async move {
                    match store.store()?.delete(&key, &progress).await? {
                        true => Ok(()),
                        false => Err(Target::Credential(key).not_found()),
                    }
                })
            }
        }
    }
}
