//! The encrypted file: one age file that holds all credentials, for machines without a desktop.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | [`FileStore`]: get, set, delete, has and list |
//! | `options.rs` | which file a store uses, and what unlocks it |
//! | `keys.rs` | what unlocks the file, and the places that it comes from |
//! | `identities.rs` | the text of an identity: reading its file or pipe, and parsing it |
//! | `queue.rs` | changes that wait, so that one write makes many of them |
//! | `manage.rs` | examining the file, and changing its recipients |
//! | `vault.rs` | the file with its keys: reading and writing its credentials |
//! | `store_file.rs` | the file on the disk: who has access to it, and how it is replaced |
//! | `envelope.rs`, `stream.rs` | the age format: the header and the payload |
//! | `payload.rs` | the JSON in the payload |
//! | `entries.rs` | the credentials in memory, with encrypted values |
//!
//! Dependencies point downwards in this list.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use age::x25519;

use super::{Call, SetOptions, Store, check_credential};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::{Lane, Purpose},
    progress::Progress,
};

mod entries;
mod envelope;
mod identities;
pub mod keys;
mod manage;
mod options;
mod payload;
mod queue;
mod store_file;
mod stream;
mod vault;

pub use envelope::parse_recipient;
pub use identities::unsupported_recipient;
pub use manage::FileDiagnosis;
pub use options::{AskPassphrase, Defaults, FileOptions, PassphrasePrompt};
use queue::Queue;
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
        let silent = self.vault.without_asking()?;
        let can_ask = self.vault.can_ask();
        self.reading.run(move || manage::diagnose(&silent, can_ask)).await
    }

    /// Finds the keys for a change, and asks the user for the passphrase if a change would. Nothing is changed.
    ///
    /// # Errors
    ///
    /// Those about the keys that a change would have.
    pub async fn prepare_change(&self) -> Result<(), Error> {
        self.read(|vault| vault.check_exists().and_then(|()| vault.read_keys(true)).map(drop)).await
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
    pub async fn rekey(
        &self,
        add: Vec<x25519::Recipient>,
        remove: Vec<x25519::Recipient>,
    ) -> Result<Vec<String>, Error> {
        self.read(move |vault| manage::rekey(vault, &add, &remove)).await
    }

    /// Works with the file on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let vault = Arc::clone(&self.vault);
        self.reading.run(move || work(&vault)).await
    }
}

impl Store for FileStore {
    fn get<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        let key = key.clone();
        Box::pin(self.read(move |vault| vault.read_entries()?.get(&key)))
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
            self.queue.change(key.clone(), value, progress).await.map(drop)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(self.queue.change(key.clone(), None, progress))
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        let key = key.clone();
        let may_ask = progress.is_interactive();
        Box::pin(self.read(move |vault| {
            let entries = match may_ask || !vault.would_ask() {
                true => vault.read_entries()?,
                false => vault.without_asking()?.read_entries()?,
            };
            Ok(entries.has(&key))
        }))
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        let service = service.map(str::to_owned);
        Box::pin(self.read(move |vault| Ok(vault.read_entries()?.list(service.as_deref()))))
    }
}
