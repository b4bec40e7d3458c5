//! The identity in the operating system's store: whether the file needs it, and the keys that were read from it.

use std::sync::Arc;

use super::Vault;
use crate::{
    credential::Key,
    error::Error,
    store::file::{
        envelope::{self, StoreKeys},
        keys::{self, Unlock},
    },
    sync::lock,
};

/// The identity that opens the file, if it is in the operating system's store.
pub struct NeededIdentity {
    /// Its item.
    pub item: Key,
    /// Whether the file exists.
    pub file_exists: bool,
}

impl Vault {
    /// Whether the identity may be in the operating system's store. The disk is not accessed.
    pub fn may_need_os_identity(&self) -> bool {
        self.defaults.keys.may_be_os_identity(self.unlock.as_ref())
    }

    /// Whether the keys are known. Does not wait for a user who is being asked for them.
    pub fn has_keys(&self) -> bool {
        self.keys.try_lock().is_ok_and(|keys| matches!(*keys, Some(Ok(_))))
    }

    /// The identity in the operating system's store that opens the file. `None` if something else unlocks it, such as a
    /// passphrase that the user will be asked for.
    ///
    /// # Errors
    ///
    /// Those of the settings, and those of opening the file.
    pub fn find_os_identity(&self) -> Result<Option<NeededIdentity>, Error> {
        let found = self.defaults.keys.find_key(self.unlock.as_ref())?;
        let Some((Unlock::OsIdentity(item), _)) = &found else { return Ok(None) };
        let open = self.open()?;
        if self.ask.is_some()
            && keys::may_ask_user(&found)
            && let Some(open) = &open
            && envelope::has_passphrase(&self.read_bytes(open)?)
        {
            return Ok(None);
        }
        Ok(Some(NeededIdentity { item: item.clone(), file_exists: open.is_some() }))
    }

    /// Whether the first set creates the identity with the file: it was looked for, and does not exist yet.
    pub fn will_create_identity(&self) -> Result<bool, Error> {
        let needed = self.find_os_identity()?;
        Ok(needed.is_some_and(|needed| !needed.file_exists) && lock(&self.keys).is_none())
    }

    /// Makes these the keys of the file, or the error the outcome of all calls that need them.
    pub fn set_keys(&self, keys: Result<StoreKeys, Error>) {
        *lock(&self.keys) = Some(keys.map(Arc::new));
    }
}
