//! The encrypted file: one age file that holds all credentials, for machines without a desktop.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | [`FileStore`]: get, set, delete, has and list |
//! | `options.rs` | which file a store uses, and what unlocks it |
//! | `keys.rs` | what unlocks the file, and the places that it comes from |
//! | `os_identity.rs` | identities in the operating system's store: reading them, and creating them once |
//! | `queue.rs` | changes that wait, so that one write makes many of them |
//! | `manage.rs` | examining the file, and changing its recipients |
//! | `vault.rs` | the file with its keys: reading and writing its credentials |
//! | `store_file.rs` | the file on the disk: who has access to it, and how it is replaced |
//! | `envelope.rs`, `stream.rs` | the age format: the header and the payload |
//! | `identities.rs` | the text of an identity: reading its file or pipe, and parsing it |
//! | `recipients.rs` | the recipients that the file is encrypted for, and their texts |
//! | `plugin/` | age plugins, which open files and encrypt for recipients with keys of their own |
//! | `catching.rs` | recipients and identities that remember the file's key |
//! | `payload.rs` | the JSON in the payload |
//! | `entries.rs` | the credentials in memory, with encrypted values |
//!
//! Dependencies point downwards in this list.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Call, Intent, SetOptions, Store, check_credential, credential_lock::LockDomain};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::{Lane, Purpose, StartOn},
    progress::Progress,
};

mod catching;
mod entries;
mod envelope;
mod identities;
pub mod keys;
mod manage;
mod options;
mod os_identity;
mod payload;
mod plugin;
mod queue;
mod recipients;
mod store_file;
mod stream;
mod vault;

pub use identities::is_identity;
pub use manage::FileDiagnosis;
pub use options::{AskPassphrase, Defaults, FileOptions, PassphrasePrompt};
pub use os_identity::OsIdentity;
use os_identity::{IdentityReader, IfNoFile};
pub use plugin::PluginUser;
use queue::Queue;
pub use recipients::{Recipient, parse_recipient, unsupported_recipient};
use vault::Vault;
pub use vault::copy_command;

/// A store in an encrypted file.
pub struct FileStore {
    vault: Arc<Vault>,
    /// One reader at a time: the file is decrypted once for all of them.
    reading: Lane,
    queue: Arc<Queue>,
}

impl FileStore {
    /// A store in a file. Nothing is read or created before the first call.
    pub fn new(options: FileOptions, defaults: Defaults) -> Self {
        let vault = Arc::new(Vault::new(options, defaults));
        let paths = vault.paths_in_use();
        let reading = Lane::for_files(paths.clone(), Purpose::Read);
        let writing = Lane::for_files(paths, Purpose::Write);
        let queue = Arc::new(Queue::new(Arc::clone(&vault), writing));
        Self { vault, reading, queue }
    }

    /// The path of the file.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if neither the options nor the environment tell it.
    pub fn path(&self) -> Result<&Path, Error> {
        self.vault.file().map(|file| file.path.as_path())
    }

    /// The files that belong to the store: the encrypted file, its backup, and the identity.
    pub fn files(&self) -> Vec<PathBuf> {
        self.vault.files()
    }

    /// Examines the store. The user is not asked, and nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`path`](Self::path).
    pub async fn diagnose(&self) -> Result<FileDiagnosis, Error> {
        let silent = Arc::new(self.vault.without_asking()?);
        let (can_ask, progress) = (self.vault.can_ask(), Progress::reading(false));
        let reader = IdentityReader { vault: &silent, lane: &self.reading, progress: &progress };
        if let Err(error) = reader.load(IfNoFile::ReadIdentity).await {
            silent.set_keys(Err(error));
        }
        self.reading.run(move || manage::diagnose(&silent, can_ask)).await
    }

    /// Finds the keys for a change, and asks the user for the passphrase if a change would. Nothing is changed.
    ///
    /// # Errors
    ///
    /// Those about the keys that a change would have.
    pub async fn prepare_change(&self, progress: &Progress) -> Result<(), Error> {
        let prepare = |vault: &Vault| vault.check_exists().and_then(|()| vault.read_keys(true)).map(drop);
        self.read(prepare, progress).await.map(drop)
    }

    /// The user's identity in the operating system's store. Creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::LostOsIdentity`] if this file exists and needs that identity, which is missing, unless `force`;
    /// [`Error::InvalidOsIdentity`], and those of the operating system's store.
    pub async fn find_or_create_os_identity(
        &self,
        force: bool,
        progress: &Progress,
    ) -> Result<OsIdentity, Error> {
        self.identity_reader(progress).find_or_create(keys::user_identity(), force).await
    }

    /// The number of recipients of the file as it was last read or written. 0 if it has a passphrase, or was not read
    /// yet.
    pub fn recipient_count(&self) -> usize {
        self.vault.recipient_count()
    }

    /// Adds and removes recipients of the file, and returns those that it has then. If it removes any, it also removes
    /// the backup, which they could open. They keep what they have read.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRecipients`] if the file does not exist or has a passphrase, or if this store could not read it
    /// any more; also the errors of every call.
    pub async fn rekey(&self, add: Vec<Recipient>, remove: Vec<Recipient>) -> Result<Vec<String>, Error> {
        let work = move |vault: &Vault| manage::rekey(vault, &add, &remove);
        match self.read(work, &Progress::reading(true)).await? {
            Some(recipients) => Ok(recipients),
            None => Err(manage::no_file_error(self.path()?)),
        }
    }

    /// Works with the file on a thread that may block. Returns `None` if the file does not exist, and its identity would
    /// have to be created.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Vault) -> Result<T, Error> + Clone + Send + 'static,
        progress: &Progress,
    ) -> Result<Option<T>, Error> {
        let reader = self.identity_reader(progress);
        if !reader.load(IfNoFile::Stop).await? {
            return Ok(None);
        }
        match self.run(work.clone()).await {
            Ok(outcome) => Ok(Some(outcome)),
            Err(error) => {
                reader.reload(error).await?;
                self.run(work).await.map(Some)
            }
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let vault = Arc::clone(&self.vault);
        self.reading.run(move || work(&vault)).await
    }

    /// Makes a change, and returns whether its key existed before.
    async fn change(&self, key: &Key, value: Option<Secret>, progress: &Progress) -> Result<bool, Error> {
        if !self.vault.may_need_os_identity() {
            return self.queue.change(key.clone(), value, progress).await;
        }
        let reader = self.identity_reader(progress);
        let if_no_file = if value.is_some() { IfNoFile::Create } else { IfNoFile::Stop };
        if !reader.load(if_no_file).await? {
            return Ok(false);
        }
        match self.queue.change(key.clone(), value.clone(), progress).await {
            Err(error) => {
                reader.reload(error).await?;
                self.queue.change(key.clone(), value, progress).await
            }
            outcome => outcome,
        }
    }

    fn identity_reader<'a>(&'a self, progress: &'a Progress) -> IdentityReader<'a> {
        IdentityReader { vault: &self.vault, lane: &self.reading, progress }
    }
}

impl Store for FileStore {
    fn choose_start(&self, intent: Intent, _: usize) -> StartOn {
        match intent {
            Intent::Read => StartOn::Pool,
            // In the order of the calls.
            Intent::Change => StartOn::IoThread,
        }
    }

    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        let key = key.clone();
        let work = move |vault: &Vault| vault.read_entries()?.get(&key);
        Box::pin(async move { self.read(work, progress).await.map(Option::flatten) })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let value = check_credential(key, value)?.cloned();
            self.change(key, value, progress).await.map(drop)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(self.change(key, None, progress))
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        let key = key.clone();
        let may_ask = progress.is_interactive();
        let work = move |vault: &Vault| {
            let entries = match may_ask || !vault.would_ask() {
                true => vault.read_entries()?,
                false => vault.without_asking()?.read_entries()?,
            };
            Ok(entries.has(&key))
        };
        Box::pin(async move { Ok(self.read(work, progress).await?.unwrap_or(false)) })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        let service = service.map(str::to_owned);
        let work = move |vault: &Vault| Ok(vault.read_entries()?.list(service.as_deref()));
        Box::pin(async move { Ok(self.read(work, progress).await?.unwrap_or_default()) })
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        Box::pin(self.run(|vault| {
            vault.check_exists()?;
            let file = vault.file()?;
            file.check_writable()?;
            file.make_directory()?;
            Ok(LockDomain::File(file.path.clone()))
        }))
    }
}
