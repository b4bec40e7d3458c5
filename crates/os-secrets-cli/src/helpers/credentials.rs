//! The stored credentials of clients.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use crate::context::Context;
use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    progress::Progress,
    store::SetOptions,
};

/// The stored credentials of clients. Nothing is printed beside the answers of the protocol: no note about the store.
///
/// The store may ask the user to unlock it. If it stays locked, or cannot be reached, every call is an error and never
/// "not found": a client would ask the user again, and erase what it could not read.
pub struct Credentials<'a>(pub &'a Context);

impl Credentials<'_> {
    /// The value of a credential. `None` if there is no such credential.
    pub fn get(&self, service: &str, name: &str) -> Result<Option<Secret>, Error> {
        let (store, key) = (self.0.silent_store(), key(service, name));
        self.0.call(
            Progress::reading(true),
            |progress| async move { store.store()?.get(&key, &progress).await },
        )
    }

    /// Stores a value.
    pub fn set(&self, service: &str, name: &str, value: Secret) -> Result<(), Error> {
        let (store, key) = (self.0.silent_store(), key(service, name));
        self.0.call(Progress::changing(true), |progress| async move {
            store.store()?.set(&key, &value, SetOptions::default(), &progress).await
        })
    }

    /// Deletes a credential. Returns whether there was one.
    pub fn delete(&self, service: &str, name: &str) -> Result<bool, Error> {
        let (store, key) = (self.0.silent_store(), key(service, name));
        self.0.call(Progress::changing(true), |progress| async move {
            store.store()?.delete(&key, &progress).await
        })
    }

    /// The names of the credentials of a service, sorted.
    pub fn names(&self, service: &str) -> Result<BTreeSet<String>, Error> {
        self.list(Some(service)).map(names_of)
    }

    /// As [`names`](Self::names), but nobody is asked: it is an error if the store hides the names while it is locked.
    pub fn names_without_prompt(&self, service: &str) -> Result<BTreeSet<String>, Error> {
        self.list_shown(Some(service), false).map(names_of)
    }

    /// The credentials of a service, or of all services if the store can list them: only the encrypted file can.
    pub fn list(&self, service: Option<&str>) -> Result<Vec<Key>, Error> {
        self.unlocking(service, || self.list_shown(service, true))
    }

    /// Lists what the store shows without being unlocked.
    fn list_shown(&self, service: Option<&str>, interactive: bool) -> Result<Vec<Key>, Error> {
        let (store, service) = (self.0.silent_store(), service.map(str::to_owned));
        self.0.call(Progress::reading(interactive), |progress| async move {
            store.store()?.list(service.as_deref(), &progress).await
        })
    }

    /// The credentials of all services that start with a prefix, sorted.
    pub fn list_by_prefix(&self, prefix: &'static str) -> Result<Vec<Key>, Error> {
        self.unlocking(None, || {
            let store = self.0.silent_store();
            self.0.call(Progress::reading(true), |progress| async move {
                store.store()?.list_by_prefix(prefix, &progress).await
            })
        })
    }

    /// When the credentials of a service were changed, by their names. Those for which the store does not know are missing.
    pub fn list_changes(&self, service: &str) -> Result<BTreeMap<String, SystemTime>, Error> {
        let (store, service) = (self.0.silent_store(), service.to_owned());
        self.0.call(Progress::reading(true), |progress| async move {
            store.store()?.list_changes(&service, &progress).await
        })
    }

    /// Lists names. If the store hides them while it is locked, it may ask the user, and the names are listed again.
    fn unlocking<T>(&self, service: Option<&str>, list: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        match list() {
            Err(error) if error.code() == Code::InteractionNotAllowed => {
                let (store, service) = (self.0.silent_store(), service.map(str::to_owned));
                self.0.call(Progress::reading(true), |progress| async move {
                    store.store()?.unlock_names(service.as_deref(), &progress).await
                })?;
                list()
            }
            listed => listed,
        }
    }
}

fn names_of(keys: Vec<Key>) -> BTreeSet<String> {
    keys.into_iter().map(|key| key.name).collect()
}

fn key(service: &str, name: &str) -> Key {
    Key { service: service.to_owned(), name: name.to_owned() }
}
