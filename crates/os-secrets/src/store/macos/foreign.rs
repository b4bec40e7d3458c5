//! Credentials that other packages have stored.

use super::keychain::{Keychain, LOOKUP, list, read};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::{Package, Store},
};

/// A credential that another package has stored.
#[derive(Clone)]
pub struct Foreign {
    /// The account, or user name.
    pub name: String,
    key: Key,
}

impl Foreign {
    /// Whether it is the very item of a key.
    pub fn is_of(&self, key: &Key) -> bool {
        self.key == *key
    }
}

impl Keychain {
    /// The credentials that a package has stored for a service, by their names.
    ///
    /// `keytar` and `@napi-rs/keyring` both have generic passwords with service and account, and nothing tells them
    /// from those of `Bun.secrets`: they are the same items.
    ///
    /// # Errors
    ///
    /// As the store's own calls.
    pub async fn foreign(&self, _: Package, service: &str, _: &Progress) -> Result<Vec<Foreign>, Error> {
        let service = service.to_owned();
        let keys = LOOKUP.run(move || list(&service)).await?;
        Ok(keys.into_iter().map(|key| Foreign { name: key.name.clone(), key }).collect())
    }

    /// Reads one of them.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where it is gone, and those of the store's own calls.
    pub async fn get_foreign(&self, foreign: &Foreign, progress: &Progress) -> Result<Secret, Error> {
        let gone = || Error::NotFound { name: foreign.name.clone(), place: "Keychain" };
        read(&foreign.key, progress).await?.ok_or_else(gone)
    }

    /// Deletes one of them, when it has been copied to `key`.
    ///
    /// # Errors
    ///
    /// As the store's own calls.
    pub async fn delete_foreign(&self, foreign: &Foreign, _: &Key, progress: &Progress) -> Result<(), Error> {
        self.delete(&foreign.key, progress).await.map(drop)
    }
}
