//! The value of one secret or credential: reading, storing and deleting it.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    context::{Context, Target},
    selected_store::SelectedStore,
};
use os_secrets::{
    credential::Secret,
    error::Error,
    progress::Progress,
    scope::{Found, Name, Scope, Scopes},
    store::SetOptions,
};

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

    /// Stores a value.
    pub fn set_value(&self, target: Target, value: Secret) -> Result<(), Error> {
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
                self.call(Progress::reading(true), |_| async move { file.prepare_change().await })
            }
            _ => Ok(()),
        }
    }

    /// Deletes a value.
    pub fn delete_value(&self, target: Target) -> Result<(), Error> {
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
