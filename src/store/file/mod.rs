//! The encrypted file: one age file that holds credentials, for where there is no desktop.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what get, set and delete mean |
//! | `queue.rs` | changes that wait, to be written together |
//! | `keys.rs` | what unlocks the file, and where that is found |
//! | `place.rs` | where the file lies, who can get at it, how it is replaced |
//! | `envelope.rs`, `stream.rs` | the age file: its header and its payload |
//! | `payload.rs` | the JSON in it |
//! | `entries.rs` | what was read of it, kept sealed |

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use age::x25519;
use zeroize::Zeroizing;

use super::{Call, Store, checked, settings::Variables};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::blocking,
    file::failure,
    limits::Progress,
};

mod entries;
mod envelope;
pub mod keys;
mod payload;
mod place;
mod queue;
mod stream;

use entries::Entries;
pub use envelope::parse_recipient;
use envelope::{Fault, Header, Keys, Lock};
use keys::{Source, Unlock};
use payload::Payload;
use place::{Open, Place, Stamp};
use queue::Queue;

/// What the environment says of the encrypted file.
#[derive(Clone, Debug)]
pub struct Defaults {
    path: Option<PathBuf>,
    keys: keys::Places,
}

impl Defaults {
    /// Those of an environment: the file is `OS_SECRETS_FILE`, else `os-secrets/secrets.age` under
    /// `XDG_DATA_HOME` or `~/.local/share`.
    pub fn read(variables: &impl Variables) -> Self {
        let named = variables.get("OS_SECRETS_FILE").map(|path| super::settings::fixed(Path::new(&path)));
        let usual = || {
            let data = variables
                .directory("XDG_DATA_HOME")
                .or_else(|| Some(variables.directory("HOME")?.join(".local/share")))?;
            Some(data.join("os-secrets").join("secrets.age"))
        };
        Self { path: named.or_else(usual), keys: keys::Places::read(variables) }
    }
}

/// What a program or the user says of it; the rest is as [`Defaults`] have it.
#[derive(Clone, Default)]
pub struct Options {
    /// The file.
    pub path: Option<PathBuf>,
    /// What unlocks it.
    pub unlock: Option<Unlock>,
    /// Asks the person for the passphrase, where the file has one or there is nothing else; of a new file where
    /// it is told so.
    pub ask: Option<Ask>,
}

/// Asks for a passphrase; whether it is that of a new file.
pub type Ask = Arc<dyn Fn(bool) -> Result<Secret, Error> + Send + Sync>;

/// A store in an encrypted file.
pub struct FileStore(Arc<Inner>);

struct Inner {
    place: Result<Place, Error>,
    defaults: Defaults,
    given: Option<Unlock>,
    ask: Option<Ask>,
    keys: Mutex<Option<Arc<Keys>>>,
    /// The header that was unlocked last.
    header: Mutex<Option<Arc<Header>>>,
    /// What was read last, and of which file.
    read: Mutex<Option<(Stamp, Arc<Entries>)>>,
    queue: Queue,
}

/// What is in the file at one time.
struct Contents {
    bytes: Zeroizing<Vec<u8>>,
    header: Option<Arc<Header>>,
    armored: bool,
}

impl FileStore {
    /// A store in a file. Nothing is read or made before the first call.
    pub fn new(options: Options, defaults: Defaults) -> Self {
        let place = options.path.or_else(|| defaults.path.clone()).map(|path| Place { path });
        let place = place.ok_or_else(|| {
            Error::InvalidSetting(
                "There is no place for the file store: set OS_SECRETS_FILE to its path, or HOME".into(),
            )
        });
        Self(Arc::new(Inner {
            place,
            defaults,
            given: options.unlock,
            ask: options.ask,
            keys: Mutex::default(),
            header: Mutex::default(),
            read: Mutex::default(),
            queue: Queue::default(),
        }))
    }

    /// The path of the file.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] where nothing says where that would be.
    pub fn path(&self) -> Result<&Path, Error> {
        self.0.place().map(|place| place.path.as_path())
    }

    /// Does something with the store where it may wait for the disk.
    async fn with<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || call(&inner)).await
    }
}

impl Inner {
    fn place(&self) -> Result<&Place, Error> {
        self.place.as_ref().map_err(Error::clone)
    }

    /// What unlocks the file. It is looked for until it was found once.
    fn keys(&self) -> Result<Arc<Keys>, Error> {
        let mut slot = lock(&self.keys);
        if let Some(keys) = &*slot {
            return Ok(Arc::clone(keys));
        }
        let (unlock, source) = self.find_key()?;
        Ok(Arc::clone(slot.insert(Arc::new(unlock.keys(&source)?))))
    }

    fn find_key(&self) -> Result<(Unlock, Source), Error> {
        let found = self.defaults.keys.find(self.given.as_ref());
        let (Some(ask), Ok((_, Source::File(_))) | Err(_)) = (&self.ask, &found) else { return found };
        let file = match self.place()?.open()? {
            Some(open) => Some(self.bytes(&open)?),
            None => None,
        };
        let has_passphrase = file.as_ref().map(|file| envelope::has_passphrase(file));
        match (has_passphrase, &found) {
            (Some(true), _) | (None, Err(_)) => Ok((Unlock::Passphrase(ask(file.is_none())?), Source::Given)),
            _ => found,
        }
    }

    /// The credentials there are. The file is decrypted only where it is not the one that was read last.
    fn entries(&self) -> Result<Arc<Entries>, Error> {
        let keys = self.keys()?;
        let place = self.place()?;
        let Some(open) = place.open()? else { return Ok(Arc::default()) };
        // Others wait for the first to decrypt it, and need not do so again.
        let mut read = lock(&self.read);
        if let Some((stamp, entries)) = &*read
            && open.is(stamp).unwrap_or(false)
        {
            return Ok(Arc::clone(entries));
        }
        let file = self.bytes(&open)?;
        let head = envelope::end_of_nonce(&file).unwrap_or(0);
        let stamp = open.stamp(&file[..head]);
        let contents = self.decrypt(&file, &keys)?;
        let mut entries = Entries::default();
        let mut sealed = Ok(());
        self.payload(&contents)?
            .each(|key, value| {
                if sealed.is_ok() {
                    sealed = entries.insert(key, &value);
                }
            })
            .map_err(|error| self.damaged(error))?;
        sealed?;
        let entries = Arc::new(entries);
        *read = Some((stamp, Arc::clone(&entries)));
        Ok(entries)
    }

    fn bytes(&self, open: &Open) -> Result<Zeroizing<Vec<u8>>, Error> {
        let path = &self.place()?.path;
        open.read().map_err(|error| failure("Cannot read", path, error))
    }

    /// What is in the file now, to be changed; in one that is not there yet, nothing.
    fn contents(&self, keys: &Keys) -> Result<Contents, Error> {
        match self.place()?.open()? {
            None => {
                let bytes = Zeroizing::new(payload::EMPTY.to_vec());
                Ok(Contents { bytes, header: None, armored: false })
            }
            Some(open) => self.decrypt(&self.bytes(&open)?, keys),
        }
    }

    fn decrypt(&self, file: &[u8], keys: &Keys) -> Result<Contents, Error> {
        // Kept locked: unlocking may take a second, and who waits need not do it again.
        let mut known = lock(&self.header);
        let path = &self.place()?.path;
        let (bytes, header) = envelope::open(file, keys, known.as_ref()).map_err(|fault| match fault {
            Fault::Damaged(reason) => self.is_damaged(reason),
            Fault::WrongKey(reason) => Error::WrongKey { path: path.clone(), reason },
        })?;
        *known = Some(Arc::clone(&header));
        Ok(Contents { bytes, header: Some(header), armored: envelope::is_armored(file) })
    }

    fn payload<'a>(&'a self, contents: &'a Contents) -> Result<Payload<'a>, Error> {
        Payload::parse(&self.place()?.path, &contents.bytes).map_err(|error| self.damaged(error))
    }

    /// Writes a payload in place of what is there.
    fn write(
        &self,
        directory: &crate::file::Directory,
        keys: &Keys,
        mut payload: Payload<'_>,
        contents: &Contents,
        recipients: Option<Vec<x25519::Recipient>>,
    ) -> Result<(), Error> {
        let place = self.place()?;
        let recipients = match (keys, recipients) {
            (Keys::Passphrase(_), _) => Vec::new(),
            (Keys::Identities(_), Some(recipients)) => recipients,
            (Keys::Identities(identities), None) => self.recipients(&payload, contents, &identities[0])?,
        };
        payload.set_recipients(&recipients);
        let (replaced, armored) = (contents.header.as_ref(), contents.armored);
        let fail = |error| failure("Cannot write", &place.path, error);
        let (file, header) =
            envelope::seal(&payload.to_bytes(), keys, &recipients, replaced, armored).map_err(fail)?;
        place.replace(directory, &file, replaced.is_some())?;
        *lock(&self.header) = Some(header);
        Ok(())
    }

    /// For whom a file is to be encrypted that is written again: for whom it was.
    fn recipients(
        &self,
        payload: &Payload<'_>,
        contents: &Contents,
        first: &x25519::Identity,
    ) -> Result<Vec<x25519::Recipient>, Error> {
        let mut recipients = payload.recipients().map_err(|error| self.damaged(error))?;
        let (own, count, all_known) = match contents.header.as_ref().map(|header| &header.lock) {
            Some(Lock::Recipients { own, count, all_known }) => (own.clone(), *count, *all_known),
            _ => (first.to_public(), 0, true),
        };
        if !recipients.contains(&own) {
            recipients.push(own);
        }
        if !all_known || count > recipients.len() {
            return Err(self.is_damaged(
                "is encrypted for more recipients than it lists under \"recipients\", and they could not \
                 read it any more; list them (age1…), or name them all with `secrets rekey --add`",
            ));
        }
        Ok(recipients)
    }

    fn is_damaged(&self, reason: &str) -> Error {
        let place = match self.place() {
            Ok(place) => place,
            Err(error) => return error,
        };
        let backup = Some(place.backup()).filter(|backup| backup.exists());
        Error::Damaged { path: place.path.clone(), reason: reason.into(), backup }
    }

    /// An error of the payload, as one of the file around it.
    fn damaged(&self, error: Error) -> Error {
        match error {
            Error::InvalidFile { reason, .. } => {
                self.is_damaged(&format!("was decrypted, and what it holds {reason}"))
            }
            error => error,
        }
    }
}

/// What there is to say of a store.
#[derive(Debug)]
pub struct Diagnosis {
    /// The file.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// Where its key is from.
    pub key: Result<Source, Error>,
    /// The recipients it is encrypted for, which are none where it has a passphrase; `None` where it cannot be
    /// read.
    pub recipients: Option<Vec<String>>,
    /// How many credentials it holds, or why it cannot be read.
    pub credentials: Result<usize, Error>,
    /// The version before, where it is there.
    pub backup: Option<PathBuf>,
}

impl FileStore {
    /// Examines the store, without asking or changing anything.
    ///
    /// # Errors
    ///
    /// As [`path`](Self::path).
    pub async fn diagnose(&self) -> Result<Diagnosis, Error> {
        let of = &self.0;
        let options = Options { path: Some(self.path()?.into()), unlock: of.given.clone(), ask: None };
        let silent = Self::new(options, of.defaults.clone());
        silent
            .with(|inner| {
                let place = inner.place()?;
                let open = place.open();
                let recipients = || {
                    let contents = inner.contents(&*inner.keys()?)?;
                    match inner.keys()?.as_ref() {
                        Keys::Passphrase(_) => Ok(Vec::new()),
                        Keys::Identities(identities) => {
                            let payload = inner.payload(&contents)?;
                            inner.recipients(&payload, &contents, &identities[0])
                        }
                    }
                };
                let texts =
                    |recipients: Vec<x25519::Recipient>| recipients.iter().map(ToString::to_string).collect();
                Ok(Diagnosis {
                    path: place.path.clone(),
                    exists: place.path.symlink_metadata().is_ok(),
                    key: inner.find_key().map(|(_, source)| source),
                    recipients: recipients().ok().map(texts),
                    credentials: open.and_then(|_| Ok(inner.entries()?.len())),
                    backup: Some(place.backup()).filter(|backup| backup.exists()),
                })
            })
            .await
    }

    /// Encrypts the file for other recipients, too, or for some no more: who they are then.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] where the file has a passphrase or is not there, or where it would not be
    /// ours any more; else as all calls.
    pub async fn rekey(
        &self,
        add: Vec<x25519::Recipient>,
        remove: Vec<x25519::Recipient>,
    ) -> Result<Vec<String>, Error> {
        self.with(move |inner| inner.rekey(&add, &remove)).await
    }
}

impl Inner {
    fn rekey(&self, add: &[x25519::Recipient], remove: &[x25519::Recipient]) -> Result<Vec<String>, Error> {
        let wrong =
            |reason: &str| Error::InvalidSetting(format!("The recipients cannot be changed: {reason}"));
        let place = self.place()?;
        let keys = self.keys()?;
        if place.open()?.is_none() {
            return Err(wrong(&format!(
                "there is no file {} yet; the first set makes it",
                place.path.display()
            )));
        }
        let directory = place.lock()?;
        let contents = self.contents(&keys)?;
        let Some(Lock::Recipients { own, count, all_known }) =
            contents.header.as_ref().map(|header| &header.lock)
        else {
            return Err(wrong("the file is locked with a passphrase, which allows none beside it"));
        };
        let payload = self.payload(&contents)?;
        let mut recipients = payload.recipients().map_err(|error| self.damaged(error))?;
        for recipient in [own].into_iter().chain(add) {
            if !recipients.contains(recipient) {
                recipients.push(recipient.clone());
            }
        }
        if !all_known || *count > recipients.len() {
            return Err(wrong(
                "the file is encrypted for more than it lists, and they could not read it any more; add them",
            ));
        }
        if remove.contains(own) {
            return Err(wrong("the identity in use could not read the file any more; use another one"));
        }
        if let Some(unknown) = remove.iter().find(|recipient| !recipients.contains(recipient)) {
            return Err(wrong(&format!("{unknown} is none of them")));
        }
        recipients.retain(|recipient| !remove.contains(recipient));
        let texts = recipients.iter().map(ToString::to_string).collect();
        self.write(&directory, &keys, payload, &contents, Some(recipients))?;
        Ok(texts)
    }
}

impl Store for FileStore {
    fn get<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        let key = key.clone();
        Box::pin(self.with(move |inner| inner.entries()?.get(&key)))
    }

    fn set<'a>(&'a self, key: &'a Key, value: &'a Secret, progress: &'a Progress) -> Call<'a, ()> {
        Box::pin(async move {
            let value = checked(key, value)?.cloned();
            queue::change(&self.0, key.clone(), value, progress).await.map(drop)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(queue::change(&self.0, key.clone(), None, progress))
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        let key = key.clone();
        Box::pin(self.with(move |inner| Ok(inner.entries()?.has(&key))))
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        let service = service.map(str::to_owned);
        Box::pin(self.with(move |inner| Ok(inner.entries()?.list(service.as_deref()))))
    }
}

/// Nothing is left half done where a thread panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
