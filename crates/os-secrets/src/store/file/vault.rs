//! The file together with what unlocks it: reading and writing its credentials.
//!
//! Everything here may block its thread.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use age::x25519;
use zeroize::Zeroizing;

use super::{
    entries::Entries,
    envelope::{self, Header, OpenError, Protection, StoreKeys},
    keys::Unlock,
    options::{AskPassphrase, Defaults, FileOptions},
    payload::{self, Payload},
    store_file::{self, Before, OpenFile, Stamp, StoreFile},
};
use crate::{
    error::Error,
    file::{LockedDirectory, MAX_FILE, directory_error, failure, shell_word},
    program::command_line,
    sync::lock,
};

mod passphrase;

/// The file of a store, its keys, and what was read of it last.
pub struct Vault {
    file: Result<StoreFile, Error>,
    defaults: Defaults,
    unlock: Option<Unlock>,
    must_exist: bool,
    ask: Option<AskPassphrase>,
    keys: Mutex<Option<Result<Arc<StoreKeys>, Error>>>,
    last_unlock: Mutex<Option<LastUnlock>>,
    last_read: Mutex<Option<(Stamp, Arc<Entries>)>>,
}

/// The outcome of unlocking the last header. A failure is remembered as well: it may have taken a second.
enum LastUnlock {
    Opened(Arc<Header>),
    /// The key was wrong for the file that starts with these bytes.
    WrongKey(Vec<u8>, &'static str),
}

/// For whom the file is encrypted when it is written.
pub enum Recipients {
    /// For those of the file that it replaces.
    AsBefore,
    /// For these.
    New {
        /// The recipients.
        recipients: Vec<x25519::Recipient>,
        /// Whether the file that it replaces has others, who must not be able to read a backup.
        removes: bool,
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
        };
        Ok(Self::new(options, self.defaults.clone()))
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
        let found = self
            .find_key(writes)
            .and_then(|(unlock, source)| self.defaults.keys.read_keys(&unlock, &source))
            .map(Arc::new);
        if matches!(found, Ok(_) | Err(Error::NoPassphrase(_))) {
            *known = Some(found.clone());
        }
        found
    }

    /// The credentials in the file. It is decrypted only if it has changed since it was last read.
    pub fn read_entries(&self) -> Result<Arc<Entries>, Error> {
        let Some(open) = self.open()? else {
            // A wrong setting is an error even if there is no file to read. The user is not asked to find that out.
            let asks_later =
                self.ask.is_some() && self.defaults.keys.find_key(self.unlock.as_ref())?.is_none();
            return if asks_later {
                Ok(Arc::default())
            } else {
                self.read_keys(false).map(|_| Arc::default())
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
            None if self.must_exist => Err(Error::NoFile { path: file.path.clone() }),
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
        let mut opened = match &*last_unlock {
            Some(LastUnlock::WrongKey(head, reason)) if bytes.starts_with(head) => {
                Err(OpenError::WrongKey(reason))
            }
            Some(LastUnlock::Opened(header)) => envelope::open(bytes, &keys, Some(header)),
            _ => envelope::open(bytes, &keys, None),
        };
        if matches!(opened, Err(OpenError::WrongKey(_)))
            && let Ok(Some(new)) = self.defaults.keys.read_new_keys(self.unlock.as_ref(), &keys)
        {
            keys = Arc::new(new);
            opened = envelope::open(bytes, &keys, None);
            if opened.is_ok() {
                *lock(&self.keys) = Some(Ok(Arc::clone(&keys)));
            }
        }
        let (payload, header) = opened.map_err(|error| match error {
            OpenError::Damaged(reason) => self.damaged_error(reason),
            OpenError::WrongKey(reason) => {
                if let Some(end) = envelope::end_of_nonce(bytes) {
                    *last_unlock = Some(LastUnlock::WrongKey(bytes[..end].to_vec(), reason));
                }
                let reason = match &*keys {
                    StoreKeys::Identities { unusable: Some(unusable), .. } => {
                        format!("{reason}. {unusable}").into()
                    }
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
        let recipients = match (keys, recipients) {
            (StoreKeys::Passphrase(_), _) => Vec::new(),
            (StoreKeys::Identities { .. }, Recipients::New { recipients, .. }) => recipients,
            (StoreKeys::Identities { usable, .. }, Recipients::AsBefore) => {
                self.current_recipients(&payload, contents, &usable[0])?
            }
        };
        payload.set_recipients(&recipients);
        let (replaced, armored) = (contents.header.as_ref(), contents.armored);
        let fail = |error| failure("Cannot write", &file.path, error);
        let (bytes, header) =
            envelope::seal(&payload.to_bytes(), keys, &recipients, replaced, armored).map_err(fail)?;
        // A larger file could not be read again.
        let (size, limit) = (bytes.len(), MAX_FILE as usize);
        if size > limit {
            return Err(Error::TooLarge { what: "the file of all credentials", size, unit: "bytes", limit });
        }
        file.replace(directory, &bytes, before)?;
        *lock(&self.last_unlock) = Some(LastUnlock::Opened(header));
        Ok(())
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
        first: &x25519::Identity,
    ) -> Result<Vec<x25519::Recipient>, Error> {
        let mut recipients = payload.recipients().map_err(|error| self.payload_error(error))?;
        let (own, count, all_known) = match contents.header.as_ref().map(|header| &header.protection) {
            Some(Protection::Recipients { own, count, all_known }) => (own.clone(), *count, *all_known),
            _ => (first.to_public(), 0, true),
        };
        if !recipients.contains(&own) {
            recipients.push(own);
        }
        match count.checked_sub(recipients.len()) {
            _ if !all_known => Err(self.damaged_error(&format!(
                "is also encrypted for recipients of another kind than age1…, who could not read it after a change. To \
                 do without them, copy its secrets to a new file with `{}`",
                copy_command(&self.file()?.path)
            ))),
            Some(unlisted @ 1..) => Err(self.damaged_error(&format!(
                "is encrypted for {count} recipients and does not list {unlisted} of them under \"recipients\", who \
                 could not read it after a change. Add them with `{}`; if you do not know them, copy its secrets to a \
                 new file with `{}`",
                command_line("rekey --add RECIPIENT"),
                copy_command(&self.file()?.path)
            ))),
            _ => Ok(recipients),
        }
    }

    /// The number of recipients of the file as it was last read or written. 0 if it has a passphrase, or was not read yet.
    pub fn recipient_count(&self) -> usize {
        match &*lock(&self.last_unlock) {
            Some(LastUnlock::Opened(header)) => match header.protection {
                Protection::Recipients { count, .. } => count,
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
