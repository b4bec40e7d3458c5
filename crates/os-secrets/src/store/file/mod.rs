//! The encrypted file: one age file that holds credentials, for where there is no desktop.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what get, set and delete mean |
//! | `queue.rs` | changes that wait, to be written together |
//! | `manage.rs` | examining the file, and changing who can read it |
//! | `keys.rs` | what unlocks the file, and where that is found |
//! | `place.rs` | where the file lies, who can get at it, how it is replaced |
//! | `envelope.rs`, `stream.rs` | the age file: its header and its payload |
//! | `payload.rs` | the JSON in it |
//! | `entries.rs` | what was read of it, kept sealed |

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use age::x25519;
use zeroize::Zeroizing;

use super::{Call, SetOptions, Store, check_credential};
use crate::{
    credential::{Key, Secret},
    environment::{Variables, absolute_path, data_directory},
    error::Error,
    executor::{Lane, Purpose},
    file::failure,
    progress::Progress,
    sync::lock,
};

mod entries;
mod envelope;
pub mod keys;
mod manage;
mod payload;
mod place;
mod queue;
mod stream;

use entries::Entries;
pub use envelope::parse_recipient;
use envelope::{Fault, Header, Keys, Lock};
use keys::{Source, Unlock};
pub use manage::Diagnosis;
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
    /// Those of an environment: the file is `OS_SECRETS_FILE`, else `os-secrets/secrets.age` in the directory of
    /// programs' data.
    pub fn read(variables: &impl Variables) -> Self {
        let named = variables.get("OS_SECRETS_FILE").map(|path| absolute_path(Path::new(&path)));
        let usual = || Some(data_directory(variables)?.join("os-secrets").join("secrets.age"));
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

/// Asks for the passphrase of a file; whether that is a new one.
pub type Ask = Arc<dyn Fn(&Path, bool) -> Result<Secret, Error> + Send + Sync>;

/// A store in an encrypted file.
pub struct FileStore(Arc<Inner>);

struct Inner {
    place: Result<Place, Error>,
    defaults: Defaults,
    given: Option<Unlock>,
    ask: Option<Ask>,
    keys: Mutex<Option<Result<Arc<Keys>, Error>>>,
    /// One reader at a time, so that the others need not decrypt the file again.
    reading: Lane,
    writing: Lane,
    /// What came of unlocking the last header.
    header: Mutex<Option<Unlocked>>,
    /// What was read last, and of which file.
    read: Mutex<Option<(Stamp, Arc<Entries>)>>,
    queue: Queue,
}

/// What came of unlocking a header. Also a failure is remembered: it may have taken a second.
enum Unlocked {
    Opened(Arc<Header>),
    /// Of the file that begins so.
    Refused(Vec<u8>, &'static str),
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
        let path = options.path.or_else(|| defaults.path.clone());
        let place = path.filter(|path| path.file_name().is_some()).map(|path| Place { path });
        let place = place.ok_or_else(|| {
            Error::InvalidSetting(
                "There is no place for the file store: set OS_SECRETS_FILE to the path of a file, or HOME"
                    .into(),
            )
        });
        let path = place.as_ref().map_or(Path::new(""), |place| &place.path);
        let (reading, writing) = (Lane::of(path, Purpose::Read), Lane::of(path, Purpose::Write));
        Self(Arc::new(Inner {
            place,
            defaults,
            given: options.unlock,
            ask: options.ask,
            keys: Mutex::default(),
            reading,
            writing,
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

    /// Reads what is in the store, on a thread that may wait for the disk.
    async fn with<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        self.0.reading.run(move || call(&inner)).await
    }
}

impl Inner {
    fn place(&self) -> Result<&Place, Error> {
        self.place.as_ref().map_err(Error::clone)
    }

    /// What unlocks the file. It is looked for until it was found once; who was asked and gave nothing is not
    /// asked again. Only who `writes` asks for the passphrase of a new file.
    fn keys(&self, writes: bool) -> Result<Arc<Keys>, Error> {
        let mut slot = lock(&self.keys);
        if let Some(keys) = &*slot {
            return keys.clone();
        }
        let found = self.find_key(writes).and_then(|(unlock, source)| unlock.keys(&source)).map(Arc::new);
        if matches!(found, Ok(_) | Err(Error::NoPassphrase(_))) {
            *slot = Some(found.clone());
        }
        found
    }

    fn find_key(&self, writes: bool) -> Result<(Unlock, Source), Error> {
        let found = self.defaults.keys.find(self.given.as_ref())?;
        if let Some(ask) = self.ask.as_ref().filter(|_| keys::is_left_open(&found)) {
            let place = self.place()?;
            let has_passphrase = match place.open()? {
                Some(open) => Some(envelope::has_passphrase(&self.bytes(&open)?)),
                None => None,
            };
            let is_new = has_passphrase.is_none();
            if has_passphrase == Some(true) || (is_new && writes && found.is_none()) {
                return Ok((Unlock::Passphrase(ask(&place.path, is_new)?), Source::Given));
            }
        }
        found.ok_or_else(keys::nothing_found)
    }

    /// The credentials there are. The file is decrypted only where it is not the one that was read last.
    fn entries(&self) -> Result<Arc<Entries>, Error> {
        let place = self.place()?;
        let Some(open) = place.open()? else {
            // A wrong setting is told also where there is nothing to read. Nobody is asked for that.
            let asks_later = self.ask.is_some() && self.defaults.keys.find(self.given.as_ref())?.is_none();
            return if asks_later { Ok(Arc::default()) } else { self.keys(false).map(|_| Arc::default()) };
        };
        let keys = self.keys(false)?;
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
        let opened = match &*known {
            Some(Unlocked::Refused(head, reason)) if file.starts_with(head) => Err(Fault::WrongKey(reason)),
            Some(Unlocked::Opened(header)) => envelope::open(file, keys, Some(header)),
            _ => envelope::open(file, keys, None),
        };
        let (bytes, header) = opened.map_err(|fault| match fault {
            Fault::Damaged(reason) => self.is_damaged(reason),
            Fault::WrongKey(reason) => {
                if let Some(end) = envelope::end_of_nonce(file) {
                    *known = Some(Unlocked::Refused(file[..end].to_vec(), reason));
                }
                Error::WrongKey { path: path.clone(), reason }
            }
        })?;
        *known = Some(Unlocked::Opened(Arc::clone(&header)));
        Ok(Contents { bytes, header: Some(header), armored: envelope::is_armored(file) })
    }

    fn payload<'a>(&'a self, contents: &'a Contents) -> Result<Payload<'a>, Error> {
        Payload::parse(&self.place()?.path, &contents.bytes).map_err(|error| self.damaged(error))
    }

    /// A payload that is to be written again: what no reader would take is not.
    fn whole_payload<'a>(&'a self, contents: &'a Contents) -> Result<Payload<'a>, Error> {
        let payload = self.payload(contents)?;
        payload.each(|_, _| {}).map_err(|error| self.damaged(error))?;
        Ok(payload)
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
        // What could not be read again is not written.
        let (size, limit) = (file.len(), crate::file::MAX_FILE as usize);
        if size > limit {
            return Err(Error::TooLarge { what: "the file of all credentials", size, unit: "bytes", limit });
        }
        place.replace(directory, &file, replaced.is_some())?;
        *lock(&self.header) = Some(Unlocked::Opened(header));
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
        match count.checked_sub(recipients.len()) {
            _ if !all_known => Err(self.is_damaged(
                "is also encrypted for recipients of another kind than age1…, who could not read it any more if \
                 it were written",
            )),
            Some(unlisted @ 1..) => Err(self.is_damaged(&format!(
                "is encrypted for {count} recipients, and {unlisted} of them it does not list under \
                 \"recipients\"; they could not read it any more if it were written. Name each of them with \
                 `secrets rekey --add`"
            ))),
            _ => Ok(recipients),
        }
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
                self.is_damaged(&format!("can be decrypted, but its payload {reason}"))
            }
            error => error,
        }
    }
}

impl Store for FileStore {
    fn get<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        let key = key.clone();
        Box::pin(self.with(move |inner| inner.entries()?.get(&key)))
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
