//! The stored credentials of clients.

use std::collections::BTreeSet;

use crate::context::Context;
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
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
        let keys = self.list(Some(service))?;
        Ok(keys.into_iter().map(|key| key.name).collect())
    }

    /// The credentials of a service, or of all services if the store can list them: only the encrypted file can.
    pub fn list(&self, service: Option<&str>) -> Result<Vec<Key>, Error> {
        let (store, service) = (self.0.silent_store(), service.map(str::to_owned));
        self.0.call(Progress::reading(true), |progress| async move {
            store.store()?.list(service.as_deref(), &progress).await
        })
    }
}

fn key(service: &str, name: &str) -> Key {
    Key { service: service.to_owned(), name: name.to_owned() }
}
