//! Examining the file, and changing who can read it.

use std::path::PathBuf;

use age::x25519;

use super::{
    FileStore, Inner, Keys, Options, Source,
    envelope::{self, Lock},
    keys,
};
use crate::{error::Error, file::Directory};

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
    /// Why it cannot be written, where it can be read.
    pub unwritable: Option<Error>,
    /// Whether it has a passphrase that the person would be asked for.
    pub asks: bool,
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
        let can_ask = of.ask.is_some();
        silent.with(move |inner| inner.diagnose(can_ask)).await
    }

    /// The files that hold what is the store's: itself, the version before, and its identity.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = self.0.place().into_iter().flat_map(|place| [place.path.clone(), place.backup()]);
        let found = self.0.defaults.keys.find(self.0.given.as_ref()).ok().flatten();
        own.chain(found.and_then(|(unlock, _)| unlock.path())).collect()
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
    fn diagnose(&self, can_ask: bool) -> Result<Diagnosis, Error> {
        let place = self.place()?;
        let credentials = place.open().and_then(|_| Ok(self.entries()?.len()));
        let recipients = self.current_recipients();
        let is_left_open =
            self.defaults.keys.find(self.given.as_ref()).is_ok_and(|found| keys::is_left_open(&found));
        let has_passphrase = || {
            let file = self.bytes(&place.open().ok()??).ok()?;
            Some(envelope::has_passphrase(&file))
        };
        Ok(Diagnosis {
            path: place.path.clone(),
            exists: place.path.symlink_metadata().is_ok(),
            key: self.find_key(false).map(|(_, source)| source),
            asks: can_ask && credentials.is_err() && is_left_open && has_passphrase() == Some(true),
            unwritable: if credentials.is_ok() { recipients.as_ref().err().cloned() } else { None },
            recipients: recipients.ok(),
            credentials,
            backup: Some(place.backup()).filter(|backup| backup.exists()),
        })
    }

    fn current_recipients(&self) -> Result<Vec<String>, Error> {
        let keys = self.keys(false)?;
        let Keys::Identities(identities) = &*keys else { return Ok(Vec::new()) };
        let contents = self.contents(&keys)?;
        let payload = self.whole_payload(&contents)?;
        let recipients = self.recipients(&payload, &contents, &identities[0])?;
        Ok(recipients.iter().map(ToString::to_string).collect())
    }

    fn rekey(&self, add: &[x25519::Recipient], remove: &[x25519::Recipient]) -> Result<Vec<String>, Error> {
        let wrong =
            |reason: &str| Error::InvalidSetting(format!("The recipients cannot be changed: {reason}"));
        let place = self.place()?;
        if place.open()?.is_none() {
            return Err(wrong(&format!(
                "there is no file {} yet; the first set makes it",
                place.path.display()
            )));
        }
        let keys = self.keys(false)?;
        let directory = Directory::lock(&place.path)?;
        let contents = self.contents(&keys)?;
        let Some(Lock::Recipients { own, count, all_known }) =
            contents.header.as_ref().map(|header| &header.lock)
        else {
            return Err(wrong("the file is locked with a passphrase, which allows none beside it"));
        };
        let payload = self.whole_payload(&contents)?;
        let mut recipients = payload.recipients().map_err(|error| self.damaged(error))?;
        if !recipients.contains(own) {
            recipients.insert(0, own.clone());
        }
        let listed = recipients.clone();
        recipients.extend(add.iter().filter(|added| !listed.contains(added)).cloned());
        if !all_known {
            return Err(wrong("the file is also encrypted for recipients of another kind than age1…"));
        }
        // Who they are, a file does not tell. As many as it does not list must be named, and nobody else with them.
        let unlisted = count.saturating_sub(listed.len());
        if unlisted > 0 && recipients.len() != listed.len() + unlisted {
            return Err(wrong(&format!(
                "the file does not list {unlisted} of its {count} recipients, who could not read it any more; \
                 --add those first, and no others"
            )));
        }
        if remove.contains(own) {
            return Err(wrong("the identity in use could not read the file any more; use another one"));
        }
        if let Some(unknown) = remove.iter().find(|recipient| !recipients.contains(recipient)) {
            return Err(wrong(&format!("{unknown} is none of them")));
        }
        recipients.retain(|recipient| !remove.contains(recipient));
        let texts = recipients.iter().map(ToString::to_string).collect();
        if recipients != listed {
            self.write(&directory, &keys, payload, &contents, Some(recipients))?;
        }
        Ok(texts)
    }
}
