//! Identities in the operating system's store: reading them, and creating them once.
//!
//! The value of the item is the text of one identity, `AGE-SECRET-KEY-1…`. It is read before the work that needs it, on
//! the thread for connections: so the bounds of a call hold for the prompts of that store as well.

use std::{sync::Arc, time::Duration};

use super::{
    envelope::StoreKeys,
    identities::{IdentityError, MAX_IDENTITY, parse_identities},
    keys::generate_item,
    vault::{NeededIdentity, Vault},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::Lane,
    printable::printable,
    progress::Progress,
    store::{
        self, SetOptions, Store,
        credential_lock::{CredentialLock, LockPlace},
    },
};

/// How often a call that waits for the lock of an identity looks whether a function has it.
const RECHECK: Duration = Duration::from_millis(250);

/// What a call does if the file does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfNoFile {
    /// Its answer is known: there is nothing.
    Stop,
    /// It reads the identity if there is one.
    ReadIdentity,
    /// It creates the file, and the identity if there is none.
    Create,
}

/// The user's identity in the operating system's store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OsIdentity {
    /// Its item.
    pub item: Key,
    /// Its recipient, `age1…`.
    pub recipient: String,
    /// Whether this call has created it.
    pub is_new: bool,
}

/// An identity of one vault. Its methods must be polled on the thread of the executor.
pub struct IdentityReader<'a> {
    /// The vault whose identity it is.
    pub vault: &'a Arc<Vault>,
    /// Where work with the file is done.
    pub lane: &'a Lane,
    /// What the call may do.
    pub progress: &'a Progress,
}

impl IdentityReader<'_> {
    /// Gives the vault its identity, if that is in the operating system's store and not known yet. Returns false if the
    /// file does not exist and there is no identity.
    ///
    /// A file that is about to be created needs the identity as the store has it now: what is encrypted for one that was
    /// deleted meanwhile could not be read by the next process.
    ///
    /// # Errors
    ///
    /// [`Error::LostOsIdentity`], [`Error::InvalidOsIdentity`], those of the operating system's store, and those of opening
    /// the file.
    pub async fn load(&self, if_no_file: IfNoFile) -> Result<bool, Error> {
        let is_known = self.vault.has_keys();
        if !self.vault.may_need_os_identity() || (is_known && if_no_file != IfNoFile::Create) {
            return Ok(true);
        }
        let Some(NeededIdentity { item, file_exists }) = self.find().await? else { return Ok(true) };
        match if_no_file {
            IfNoFile::Stop if !file_exists => return Ok(false),
            IfNoFile::Create if file_exists && is_known => return Ok(true),
            _ => {}
        }
        let keys = match self.read(&item).await? {
            Some(keys) => keys,
            None if file_exists => return Err(self.lost_error(&item)),
            None if if_no_file == IfNoFile::Create => self.create(&item, false).await?.0,
            None => return Ok(false),
        };
        self.set_keys(keys).await?;
        Ok(true)
    }

    /// Reads the identity again, after a call has failed with this error. The call can be repeated then: another program
    /// may have replaced the identity since it was read.
    ///
    /// # Errors
    ///
    /// The error itself if it does not mean that the identity is wrong, and those of [`load`](Self::load).
    pub async fn reload(&self, error: Error) -> Result<(), Error> {
        if !matches!(error, Error::WrongKey { .. }) || !self.vault.may_need_os_identity() {
            return Err(error);
        }
        let Some(NeededIdentity { item, .. }) = self.find().await? else { return Err(error) };
        let keys = self.read(&item).await?.ok_or_else(|| self.lost_error(&item))?;
        self.set_keys(keys).await
    }

    /// The user's identity. Creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load). [`Error::LostOsIdentity`] if the file of the vault exists and needs this identity, unless
    /// `force`. [`Error::OsIdentityInUpdate`] if it must be created while a function of this process updates its item.
    pub async fn find_or_create(&self, item: Key, force: bool) -> Result<OsIdentity, Error> {
        let (keys, is_new) = match self.read(&item).await? {
            Some(keys) => (keys, false),
            None => self.create(&item, force).await?,
        };
        let recipient = keys.recipients().first().map(ToString::to_string).unwrap_or_default();
        Ok(OsIdentity { item, recipient, is_new })
    }

    async fn find(&self) -> Result<Option<NeededIdentity>, Error> {
        let vault = Arc::clone(self.vault);
        self.lane.run(move || vault.find_os_identity()).await
    }

    async fn set_keys(&self, keys: StoreKeys) -> Result<(), Error> {
        let vault = Arc::clone(self.vault);
        self.lane
            .run(move || {
                vault.set_keys(Ok(keys));
                Ok(())
            })
            .await
    }

    /// Reads the identity; `None` if there is none.
    async fn read(&self, item: &Key) -> Result<Option<StoreKeys>, Error> {
        let value = store::os()?.get(item, self.progress).await;
        let value = value.map_err(|error| of_identity("Cannot read", item, error))?;
        value.map(|value| parse_item(item, &value)).transpose()
    }

    /// Creates the identity, unless another program does. Returns the one that the store has then, and whether it is new.
    async fn create(&self, item: &Key, force: bool) -> Result<(StoreKeys, bool), Error> {
        let lock = lock_item(item).await?;
        let outcome = self.create_locked(item, force).await;
        lock.release().await;
        outcome
    }

    /// Does the work of [`create`](Self::create), while all other processes that would create it wait.
    async fn create_locked(&self, item: &Key, force: bool) -> Result<(StoreKeys, bool), Error> {
        if let Some(keys) = self.read(item).await? {
            return Ok((keys, false));
        }
        let needed = self.find().await?;
        if !force && needed.is_some_and(|needed| needed.file_exists && needed.item == *item) {
            return Err(self.lost_error(item));
        }
        // What the call itself changes is in the file.
        let progress = Progress::changing(self.progress.is_interactive());
        let created = store::os()?.set(item, &generate_item(), SetOptions::default(), &progress).await;
        created.map_err(|error| of_identity("Cannot create", item, error))?;
        let missing = || Error::Internal(format!("{} was stored, and is not there", describe_item(item)));
        Ok((self.read(item).await?.ok_or_else(missing)?, true))
    }

    fn lost_error(&self, item: &Key) -> Error {
        match self.vault.file() {
            Ok(file) => {
                let Key { service, name } = item.clone();
                Error::LostOsIdentity { path: file.path.clone(), service, name }
            }
            Err(error) => error,
        }
    }
}

/// Waits for the lock of an item. An update of this process whose function is running is not waited for: the function may
/// wait for this call.
async fn lock_item(item: &Key) -> Result<CredentialLock, Error> {
    let place = LockPlace::find(store::os()?, item).await?;
    loop {
        if place.is_held_by_function() {
            let Key { service, name } = item.clone();
            return Err(Error::OsIdentityInUpdate { service, name });
        }
        // The function may begin at any time.
        match place.lock(Some(RECHECK)).await {
            Err(Error::LockTimeout { .. }) => {}
            outcome => return outcome,
        }
    }
}

/// An item of the operating system's store, for messages.
fn describe_item(item: &Key) -> String {
    let (service, name) = (printable(&item.service), printable(&item.name));
    format!("the identity in the operating system's store (service {service}, name {name})")
}

/// An error of the operating system's store, as one about the identity.
fn of_identity(action: &str, item: &Key, error: Error) -> Error {
    let of = format!("{action} {}", describe_item(item));
    Error::Of { of, error: Box::new(error) }
}

/// The identity in the value of an item.
///
/// # Errors
///
/// [`Error::InvalidOsIdentity`] if it is not exactly one identity.
fn parse_item(item: &Key, value: &Secret) -> Result<StoreKeys, Error> {
    let invalid = |reason: String| {
        let Key { service, name } = item.clone();
        Error::InvalidOsIdentity { service, name, reason }
    };
    if value.expose().len() as u64 > MAX_IDENTITY {
        return Err(invalid("is too large to be an identity".into()));
    }
    let identities = parse_identities(value.expose(), None).map_err(|error| match error {
        IdentityError::Invalid(reason) => invalid(reason),
        _ => invalid("is protected by a passphrase, which one in this store must not have".into()),
    })?;
    match (identities.usable.len(), identities.unusable) {
        (1, None) => {
            let note = Some(format!("Your identity is {}", describe_item(item)));
            Ok(StoreKeys::Identities { usable: identities.usable, note })
        }
        (_, Some(unusable)) => Err(invalid(format!("has also {unusable}"))),
        // A new file could be encrypted for any of them, and the user has not said for which.
        _ => Err(invalid("has more than one identity".into())),
    }
}
