//! The file together with what unlocks it: reading and writing its credentials.
//!
//! Everything here may block its thread.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use zeroize::Zeroizing;

use super::{
    entries::Entries,
    envelope::{self, Header, OpenError, Protection, StoreKeys},
    identities::Identity,
    keys::Unlock,
    options::{AskPassphrase, Defaults, FileOptions},
    payload::{self, Payload},
    plugin::Plugins,
    recipients::Recipient,
    store_file::{self, Before, OpenFile, Stamp, StoreFile},
};
use crate::{
    error::Error,
    file::{LockedDirectory, MAX_FILE, directory_error, failure, shell_word},
    program::command_line,
    sync::lock,
};

mod os_identity;
mod passphrase;

pub use os_identity::NeededIdentity;

/// The file of a store, its keys, and what was read of it last.
pub struct Vault {
    file: Result<StoreFile, Error>,
    defaults: Defaults,
    unlock: Option<Unlock>,
    must_exist: bool,
    ask: Option<AskPassphrase>,
    plugins: Plugins,
    keys: Mutex<Option<Result<Arc<StoreKeys>, Error>>>,
    last_unlock: Mutex<Option<LastUnlock>>,
    last_read: Mutex<Option<(Stamp, Arc<Entries>)>>,
}

/// The outcome of unlocking the last header. A failure is remembered as well: it may have taken a second.
enum LastUnlock {
    Opened(Arc<Header>),
    /// These keys were wrong for the file that starts with these bytes.
    WrongKey(Arc<StoreKeys>, Vec<u8>, &'static str),
}

/// For whom the file is encrypted when it is written.
pub enum Recipients {
    /// For those of the file that it replaces.
    AsBefore,
    /// For these.
    New {
        /// The recipients.
        recipients: Vec<Recipient>,
        /// Whether the file that it replaces has others, who must not be able to read a backup.
        removes: bool,
        /// The names of the plugins of which the user has given a recipient in this command.
        plugins: Vec<String>,
    },
}

/// The content of the file, decrypted.
pub struct Contents {
    bytes: Zeroizing<Vec<u8>>,
    /// The keys that opened it, or that a new file will have.
    pub keys: Arc<StoreKeys>,
    /// `None` if the file does not exist yet.
    pub header: Option<Arc<Header>>,
    armored: bool,
}

impl Vault {
    /// A vault for a file. Nothing is read before it is used.
    pub fn new(options: FileOptions, defaults: Defaults) -> Self {
        let path = options.path.map_or_else(|| defaults.path.clone(), |path| Ok(Some(path)));
        let file = match path {
            Ok(Some(path)) if path.file_name().is_some() => Ok(StoreFile { path }),
            Ok(Some(path)) => Err(directory_error(&path, store_file::USUAL_NAME)),
            Err(error) => Err(error),
            Ok(None) => Err(Error::InvalidSetting(
                "The path of the encrypted file is not known. Set OS_SECRETS_FILE to it, or set HOME".into(),
            )),
        };
        Self {
            file,
            plugins: Plugins::new(defaults.plugins.clone(), options.plugin_user),
            defaults,
            unlock: options.unlock,
            must_exist: options.must_exist,
            ask: options.ask,
            keys: Mutex::default(),
            last_unlock: Mutex::default(),
            last_read: Mutex::default(),
        }
    }

    /// The same file, with keys from the same places, but without a way to ask the user.
    pub fn without_asking(&self) -> Result<Self, Error> {
        let options = FileOptions {
            path: Some(self.file()?.path.clone()),
            unlock: self.unlock.clone(),
            must_exist: self.must_exist,
            ask: None,
            plugin_user: self.plugins.user(),
        };
        let vault = Self::new(options, self.defaults.clone());
        Ok(Self { plugins: vault.plugins.without_asking(), ..vault })
    }

    /// The file on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if its path is not known.
    pub fn file(&self) -> Result<&StoreFile, Error> {
        self.file.as_ref().map_err(Error::clone)
    }

    /// The paths that calls may have to wait for: the file, and that of the identity. The disk is not accessed.
    pub fn paths_in_use(&self) -> Vec<PathBuf> {
        let file = self.file.iter().map(|file| file.path.clone());
        file.chain(self.defaults.keys.identity_path(self.unlock.as_ref())).collect()
    }

    /// The files that belong to the store: the encrypted file, its backup, and the identity.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = self.file.iter().flat_map(|file| [file.path.clone(), file.backup()]);
        let found = self.defaults.keys.find_key(self.unlock.as_ref()).ok().flatten();
        own.chain(found.and_then(|(unlock, _)| unlock.path())).collect()
    }

    /// The keys of the file. They are searched for until they are found. A user who gave no passphrase is not asked
    /// again. The passphrase of a new file is asked for only if the call `writes`.
    pub fn read_keys(&self, writes: bool) -> Result<Arc<StoreKeys>, Error> {
        let mut known = lock(&self.keys);
        if let Some(keys) = &*known {
            return keys.clone();
        }
        let found =
            self.find_key(writes).and_then(|(unlock, source)| self.open_keys(unlock, &source)).map(Arc::new);
        if matches!(found, Ok(_) | Err(Error::NoPassphrase(_))) {
            *known = Some(found.clone());
        }
        found
    }

    /// The credentials in the file. It is decrypted only if it has changed since it was last read.
    pub fn read_entries(&self) -> Result<Arc<Entries>, Error> {
        let Some(open) = self.open()? else {
            // A wrong setting is an error even if there is no file to read. Neither the user nor the operating system's
            // store is asked to find that out.
            let asks_later = match self.defaults.keys.find_key(self.unlock.as_ref())? {
                None => self.ask.is_some(),
                Some((unlock, _)) => matches!(unlock, Unlock::OsIdentity(_)),
            };
            if asks_later {
                return Ok(Arc::default());
            }
            if self.ask.is_none() {
                return self.read_keys(false).map(|_| Arc::default());
            }
            return match self.without_asking()?.read_keys(false) {
                Ok(_) | Err(Error::ProtectedIdentity { .. }) => Ok(Arc::default()),
                Err(error) => Err(error),
            };
        };
        let keys = self.read_keys(false)?;
        let mut last_read = lock(&self.last_read);
        if let Some((stamp, entries)) = &*last_read
            && open.matches(stamp).unwrap_or(false)
        {
            return Ok(Arc::clone(entries));
        }
        let bytes = self.read_bytes(&open)?;
        let head = envelope::end_of_nonce(&bytes).unwrap_or(0);
        let stamp = open.stamp(&bytes[..head]);
        let contents = self.decrypt(&bytes, keys)?;
        let mut entries = Entries::default();
        let mut inserted = Ok(());
        self.parse_payload(&contents)?
            .for_each(|key, value| {
                if inserted.is_ok() {
                    inserted = entries.insert(key, &value);
                }
            })
            .map_err(|error| self.payload_error(error))?;
        inserted?;
        let entries = Arc::new(entries);
        *last_read = Some((stamp, Arc::clone(&entries)));
        Ok(entries)
    }

    /// Opens the file. Returns `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if it must exist.
    pub fn open(&self) -> Result<Option<OpenFile>, Error> {
        let file = self.file()?;
        match file.open()? {
            None if self.must_exist => {
                Err(Error::NoFile { path: file.path.clone(), key_is_given: self.unlock.is_some() })
            }
            open => Ok(open),
        }
    }

    /// Checks that the file exists, if it must.
    pub fn check_exists(&self) -> Result<(), Error> {
        if self.must_exist { self.open().map(drop) } else { Ok(()) }
    }

    /// Reads the file as it is on the disk.
    pub fn read_bytes(&self, open: &OpenFile) -> Result<Zeroizing<Vec<u8>>, Error> {
        let path = &self.file()?.path;
        open.read().map_err(|error| failure("Cannot read", path, error))
    }

    /// The content of the file, to be changed. It is empty if the file does not exist.
    pub fn read_contents(&self, keys: Arc<StoreKeys>) -> Result<Contents, Error> {
        match self.open()? {
            None => {
                let bytes = Zeroizing::new(payload::EMPTY.to_vec());
                Ok(Contents { bytes, keys, header: None, armored: false })
            }
            Some(open) => self.decrypt(&self.read_bytes(&open)?, keys),
        }
    }

    /// Decrypts the file with these keys. If they are wrong, and come from a file that has other ones now, those are used.
    fn decrypt(&self, bytes: &[u8], mut keys: Arc<StoreKeys>) -> Result<Contents, Error> {
        // Locked to the end: unlocking may take a second, and calls that wait for it need not do it again.
        let mut last_unlock = lock(&self.last_unlock);
        let path = &self.file()?.path;
        let first = Arc::clone(&keys);
        let mut opened = match &*last_unlock {
            Some(LastUnlock::WrongKey(tried, head, reason))
                if Arc::ptr_eq(tried, &keys) && bytes.starts_with(head) =>
            {
                Err(OpenError::WrongKey(reason))
            }
            Some(LastUnlock::Opened(header)) => envelope::open(bytes, &keys, Some(header), &self.plugins),
            _ => envelope::open(bytes, &keys, None, &self.plugins),
        };
        if matches!(opened, Err(OpenError::WrongKey(_)))
            && let Ok(Some(new)) = self.defaults.keys.read_new_keys(self.unlock.as_ref(), &keys)
        {
            keys = Arc::new(new);
            opened = envelope::open(bytes, &keys, None, &self.plugins);
            if opened.is_ok() {
                *lock(&self.keys) = Some(Ok(Arc::clone(&keys)));
            }
        }
        let (payload, header) = opened.map_err(|error| match error {
            OpenError::Damaged(reason) => self.damaged_error(reason),
            OpenError::Plugin(error) => *error,
            OpenError::WrongKey(reason) => {
                if let Some(end) = envelope::end_of_nonce(bytes) {
                    *last_unlock = Some(LastUnlock::WrongKey(first, bytes[..end].to_vec(), reason));
                }
                let reason = match &*keys {
                    StoreKeys::Identities { note: Some(note), .. } => format!("{reason}. {note}").into(),
                    _ => reason.into(),
                };
                Error::WrongKey { path: path.clone(), reason }
            }
        })?;
        *last_unlock = Some(LastUnlock::Opened(Arc::clone(&header)));
        Ok(Contents { bytes: payload, keys, header: Some(header), armored: envelope::is_armored(bytes) })
    }

    fn parse_payload<'a>(&'a self, contents: &'a Contents) -> Result<Payload<'a>, Error> {
        Payload::parse(&self.file()?.path, &contents.bytes).map_err(|error| self.payload_error(error))
    }

    /// The payload, to be written again. It is checked as a reader checks it: a file that cannot be read is never
    /// written.
    pub fn parse_valid_payload<'a>(&'a self, contents: &'a Contents) -> Result<Payload<'a>, Error> {
        let payload = self.parse_payload(contents)?;
        payload.for_each(|_, _| {}).map_err(|error| self.payload_error(error))?;
        Ok(payload)
    }

    /// Replaces the file by one with this payload.
    pub fn write(
        &self,
        directory: &LockedDirectory,
        mut payload: Payload<'_>,
        contents: &Contents,
        recipients: Recipients,
    ) -> Result<(), Error> {
        let (file, keys) = (self.file()?, &*contents.keys);
        let before = match (&contents.header, &recipients) {
            (None, _) => Before::Nothing,
            (Some(_), Recipients::New { removes: true, .. }) => Before::Dropped,
            _ => Before::Kept,
        };
        let (recipients, given) = match (keys, recipients) {
            (StoreKeys::Passphrase(_), _) => (Vec::new(), Vec::new()),
            (StoreKeys::Identities { .. }, Recipients::New { recipients, plugins, .. }) => {
                (recipients, plugins)
            }
            (StoreKeys::Identities { usable, .. }, Recipients::AsBefore) => {
                (self.current_recipients(&payload, contents, &usable[0])?, Vec::new())
            }
        };
        let plugins = self.check_plugins(&recipients, keys, &given)?;
        payload.set_recipients(&recipients);
        let (replaced, armored) = (contents.header.as_ref(), contents.armored);
        let (bytes, header) =
            envelope::seal(&payload.to_bytes(), keys, &recipients, replaced, armored, &plugins).map_err(
                |error| {
                    let error = error.downcast::<Error>();
                    error.unwrap_or_else(|error| failure("Cannot write", &file.path, error))
                },
            )?;
        // A larger file could not be read again.
        let (size, limit) = (bytes.len(), MAX_FILE as usize);
        if size > limit {
            return Err(Error::TooLarge { what: "the file of all credentials", size, unit: "bytes", limit });
        }
        file.replace(directory, &bytes, before)?;
        *lock(&self.last_unlock) = Some(LastUnlock::Opened(header));
        Ok(())
    }

    /// The plugins that may encrypt the file for these recipients: all that are needed. Nothing is started. `given` are the
    /// names of those that the user has named in this command.
    ///
    /// # Errors
    ///
    /// As [`Plugins::check`].
    pub fn check_plugins(
        &self,
        recipients: &[Recipient],
        keys: &StoreKeys,
        given: &[String],
    ) -> Result<Plugins, Error> {
        let plugins = self.plugins.trusting(keys.plugins().chain(given.iter().map(String::as_str)));
        recipients.iter().filter_map(Recipient::plugin).try_for_each(|name| plugins.check(name))?;
        Ok(plugins)
    }

    /// The recipients of the file, who must be able to read it when it is written again.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if the file does not tell who all of them are.
    pub fn current_recipients(
        &self,
        payload: &Payload<'_>,
        contents: &Contents,
        first: &Identity,
    ) -> Result<Vec<Recipient>, Error> {
        let mut recipients = payload.recipients().map_err(|error| self.payload_error(error))?;
        let (own, types) = match contents.header.as_ref().map(|header| &header.protection) {
            Some(Protection::Recipients { own, types }) => (own, types.as_slice()),
            _ => (&first.recipient, [].as_slice()),
        };
        if !recipients.contains(own) {
            recipients.push(own.clone());
        }
        match envelope::count_unlisted(types, &recipients) {
            _ if envelope::has_unknown(types, &recipients) => Err(self.damaged_error(&format!(
                "is also encrypted for recipients of a kind that os-secrets does not know, who could not read it after a \
                 change. If they are of age plugins, add them with `{}`; to do without them, copy its secrets to a new \
                 file with `{}`",
                command_line("rekey --add RECIPIENT"),
                copy_command(&self.file()?.path)
            ))),
            unlisted @ 1.. => Err(self.damaged_error(&format!(
                "is encrypted for {} recipients and does not list {unlisted} of them under \"recipients\", who \
                 could not read it after a change. Add them with `{}`; if you do not know them, copy its secrets to a \
                 new file with `{}`",
                types.len(),
                command_line("rekey --add RECIPIENT"),
                copy_command(&self.file()?.path)
            ))),
            _ => Ok(recipients),
        }
    }

    /// The number of recipients of the file as it was last read or written. 0 if it has a passphrase, or was not read yet.
    pub fn recipient_count(&self) -> usize {
        match &*lock(&self.last_unlock) {
            Some(LastUnlock::Opened(header)) => match &header.protection {
                Protection::Recipients { types, .. } => types.len(),
                Protection::Passphrase => 0,
            },
            _ => 0,
        }
    }

    /// The error for a file that cannot be used as it is; `reason` follows its path.
    fn damaged_error(&self, reason: &str) -> Error {
        let file = match self.file() {
            Ok(file) => file,
            Err(error) => return error,
        };
        Error::Damaged { path: file.path.clone(), reason: reason.into(), backup: file.existing_backup() }
    }

    /// An error in the payload, as an error of the file around it.
    pub fn payload_error(&self, error: Error) -> Error {
        match error {
            Error::InvalidFile { reason, .. } => {
                self.damaged_error(&format!("can be decrypted, but its payload {reason}"))
            }
            error => error,
        }
    }
}

/// The command that copies the secrets of a file to a new one beside it. Only the user's own identity opens that.
pub fn copy_command(path: &Path) -> String {
    let new = path.with_extension("new.age");
    command_line(&format!("copy --from {} --to {}", shell_word(path), shell_word(&new)))
}
