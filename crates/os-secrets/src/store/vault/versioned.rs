//! Changes on a mount of version 2. Each change names the version that it replaces, or changes one field alone, so that no
//! field of another writer is lost.

use zeroize::Zeroizing;

use super::{Fields, Place, Reply, VaultStore, Version, fields::encode_value, unexpected};
use crate::{
    credential::{Key, Secret},
    error::Error,
    json::object_of_texts,
    progress::Progress,
};

/// What a request to change a field came to.
enum Outcome {
    Done,
    /// The secret does not exist, or its newest version was deleted.
    Missing,
    /// Another writer was faster, or the mount wants every change to name its version.
    Conflict,
    /// The token may not patch.
    Denied,
}

impl VaultStore {
    /// Stores a value, whatever there is.
    pub(super) async fn store_value(
        &self,
        key: &Key,
        value: &Secret,
        progress: &Progress,
    ) -> Result<(), Error> {
        if self.version(progress).await? == Version::One {
            return self.change_unversioned(key, None, Some(value), progress).await.map(drop);
        }
        let (mut can_patch, mut turn) = (true, None);
        for race in 1.. {
            // The usual case takes one request, and cannot lose a race.
            if can_patch {
                match self.patch(key, Some(value), None, progress).await? {
                    Outcome::Done => return Ok(()),
                    Outcome::Missing => {}
                    Outcome::Conflict | Outcome::Denied => can_patch = false,
                }
            }
            if turn.is_none() {
                turn = Some(self.take_turn(&key.service).await?);
                // Another call may have made the secret meanwhile.
                if can_patch {
                    continue;
                }
            }
            if self.write(key, None, Some(value), progress).await?.is_some() {
                return Ok(());
            }
            self.pause(race, key, progress).await?;
        }
        Ok(())
    }

    /// Stores a value if the stored one is still the old one. Returns whether it is. `None` deletes.
    pub(super) async fn replace_value(
        &self,
        key: &Key,
        old: Option<&Secret>,
        value: Option<&Secret>,
        progress: &Progress,
    ) -> Result<bool, Error> {
        if self.version(progress).await? == Version::One {
            return self.change_unversioned(key, Some(old), value, progress).await.map(|done| done.is_some());
        }
        let _turn = self.take_turn(&key.service).await?;
        for race in 1.. {
            match self.write(key, Some(old), value, progress).await? {
                Some(is_as_expected) => return Ok(is_as_expected),
                // An earlier request of this call may have stored it although its answer was lost.
                None if progress.has_changed() => {
                    let stored = self.get_value(key, progress).await?;
                    if stored.as_ref() == value {
                        return Ok(true);
                    }
                    // Another writer may have built on it, or may never have seen it: nobody can tell.
                    return Err(self.server()?.lost_race(&format!("updating {}", key.service)));
                }
                None => {}
            }
            self.pause(race, key, progress).await?;
        }
        Ok(false)
    }

    /// Deletes a field. Returns whether there was one.
    pub(super) async fn delete_value(&self, key: &Key, progress: &Progress) -> Result<bool, Error> {
        if self.version(progress).await? == Version::One {
            let deleted = self.change_unversioned(key, None, None, progress).await?;
            return Ok(deleted.unwrap_or(false) || progress.has_changed());
        }
        let _turn = self.take_turn(&key.service).await?;
        for race in 1.. {
            if race > 1 {
                self.pause(race, key, progress).await?;
            }
            let path = format!("subkeys/{}?depth=1", self.path(&key.service)?);
            let request = self.request("examining", &key.service, "GET", path);
            match self.server()?.ask(&request, progress).await? {
                Reply::Done(answer) => {
                    let fields = Fields::parse(&answer.body, Place::Subkeys)?;
                    if !fields.has(&key.name) {
                        // An earlier request of this call may have deleted it although its answer was lost.
                        return Ok(progress.has_changed());
                    }
                    match self.patch(key, None, Some(fields.version()), progress).await? {
                        Outcome::Done => return Ok(true),
                        Outcome::Missing | Outcome::Conflict => continue,
                        Outcome::Denied => {}
                    }
                }
                Reply::Missing(_) => return Ok(progress.has_changed()),
                Reply::Conflict => return Err(unexpected()),
                // The secret itself may be readable.
                Reply::Denied(_) => {}
            }
            if let Some(existed) = self.write(key, None, None, progress).await? {
                return Ok(existed || progress.has_changed());
            }
        }
        Ok(false)
    }

    /// Waits after a lost race, so that others can finish.
    async fn pause(&self, race: u32, key: &Key, progress: &Progress) -> Result<(), Error> {
        self.server()?.pause_after_race(race, &format!("writing {}", key.service), progress).await;
        Ok(())
    }

    /// Changes one field, without reading the others. With a version, only if it is the newest one.
    async fn patch(
        &self,
        key: &Key,
        value: Option<&Secret>,
        version: Option<u64>,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        let data = match value.map(encode_value) {
            Some(text) => object_of_texts(&[(&key.name, text_of(&text)?)], 0),
            None => object_with_null(&key.name),
        };
        Ok(match self.send("PATCH", key, &data, version, progress).await? {
            Reply::Done(_) => Outcome::Done,
            Reply::Missing(_) => Outcome::Missing,
            Reply::Conflict => Outcome::Conflict,
            Reply::Denied(_) => Outcome::Denied,
        })
    }

    /// Reads a secret, changes one field, and writes all, if nobody has written meanwhile. With `expected`, it does so only
    /// if the field has that value, or is missing. Returns whether the field was as expected, or without `expected`,
    /// whether there was one. `None` if somebody has written meanwhile.
    async fn write(
        &self,
        key: &Key,
        expected: Option<Option<&Secret>>,
        value: Option<&Secret>,
        progress: &Progress,
    ) -> Result<Option<bool>, Error> {
        let path = format!("data/{}", self.path(&key.service)?);
        let request = self.request("reading", &key.service, "GET", path);
        let (answer, is_missing) = match self.server()?.ask(&request, progress).await? {
            Reply::Done(answer) => (answer, false),
            Reply::Missing(answer) => (answer, true),
            Reply::Conflict => return Err(unexpected()),
            Reply::Denied(error) => return Err(error),
        };
        let mut fields = match is_missing {
            true => Fields::parse_missing(&answer.body, Place::DataOfVersion)?,
            false => Fields::parse(&answer.body, Place::DataOfVersion)?,
        };
        let version = fields.version();
        if let Some(expected) = expected {
            let found = if is_missing { None } else { fields.value(&key.name)? };
            if found.as_ref() != expected {
                return Ok(Some(false));
            }
        }
        let existed = !is_missing && fields.has(&key.name);
        let data = match value.map(encode_value) {
            None if !existed => return Ok(Some(expected.is_some())),
            None => {
                fields.remove(&key.name)?;
                fields.to_bytes()
            }
            Some(text) if is_missing => object_of_texts(&[(&key.name, text_of(&text)?)], 0),
            Some(text) => {
                fields.set(&key.name, &text)?;
                fields.to_bytes()
            }
        };
        match self.send("POST", key, &data, Some(version), progress).await? {
            Reply::Done(_) => Ok(Some(expected.is_some() || existed)),
            Reply::Conflict => Ok(None),
            Reply::Missing(_) => Err(unexpected()),
            Reply::Denied(error) => Err(error),
        }
    }

    async fn send(
        &self,
        method: &'static str,
        key: &Key,
        data: &[u8],
        version: Option<u64>,
        progress: &Progress,
    ) -> Result<Reply, Error> {
        let path = format!("data/{}", self.path(&key.service)?);
        let mut request = self.request("writing", &key.service, method, path);
        let options =
            version.map(|version| format!("\"options\":{{\"cas\":{version}}},")).unwrap_or_default();
        // Sized once, because growing could leave a copy behind.
        let mut body = Zeroizing::new(Vec::with_capacity(options.len() + data.len() + 10));
        for part in [b"{", options.as_bytes(), b"\"data\":", data, b"}"] {
            body.extend_from_slice(part);
        }
        (request.body, request.changes) = (body, true);
        self.server()?.ask(&request, progress).await
    }
}

pub(super) fn text_of(text: &Secret) -> Result<&str, Error> {
    str::from_utf8(text.expose()).map_err(|_| Error::InvalidData)
}

fn object_with_null(name: &str) -> Zeroizing<Vec<u8>> {
    let name = serde_json::Value::from(name).to_string();
    Zeroizing::new(format!("{{{name}:null}}").into_bytes())
}
