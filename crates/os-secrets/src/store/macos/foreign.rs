//! Credentials that other packages have stored, to copy them.

use super::keychain::{Keychain, list_keys, look_up, read_item};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::{Package, Store},
};

/// A credential that another package has stored.
#[derive(Clone)]
pub struct ForeignItem {
    /// The item's account.
    pub name: String,
    key: Key,
}

impl ForeignItem {
    /// Whether this is the item of a key.
    pub fn is_of(&self, key: &Key) -> bool {
        self.key == *key
    }
}

impl Keychain {
    /// Lists the credentials that a package has stored for a service, sorted by name.
    ///
    /// `keytar`, `@napi-rs/keyring` and the crate `keyring` all store generic passwords with service and account. These
    /// are the same items as those of `Bun.secrets`, and nothing tells who stored one.
    ///
    /// # Errors
    ///
    /// The same as for the store's own calls.
    pub async fn list_foreign(
        &self,
        _: Package,
        service: &str,
        _: &Progress,
    ) -> Result<Vec<ForeignItem>, Error> {
        let service = service.to_owned();
        let keys = look_up(move || list_keys(&service)).await?;
        Ok(keys.into_iter().map(|key| ForeignItem { name: key.name.clone(), key }).collect())
    }

    /// Reads a credential of another package.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it no longer exists, and the same as for the store's own calls.
    pub async fn get_foreign(&self, foreign: &ForeignItem, progress: &Progress) -> Result<Secret, Error> {
        let gone = || Error::NotFound { name: foreign.name.clone(), place: "Keychain" };
        read_item(&foreign.key, progress).await?.ok_or_else(gone)
    }

    /// Deletes a credential of another package, after it has been copied to `key`.
    ///
    /// # Errors
    ///
    /// The same as for the store's own calls.
    pub async fn delete_foreign(
        &self,
        foreign: &ForeignItem,
        _: &Key,
        progress: &Progress,
    ) -> Result<(), Error> {
        self.delete(&foreign.key, progress).await.map(drop)
    }
}
