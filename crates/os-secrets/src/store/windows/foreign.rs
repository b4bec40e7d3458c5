//! Credentials that other packages have stored, in items of their own.

use zeroize::Zeroizing;

use super::{
    CredentialManager, LANE, MAX_TARGET, Target, api, api::Text, check_length, check_value, is_utf16, key,
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::{Package, Persist},
};

/// A credential that another package has stored.
#[derive(Clone)]
pub struct Foreign {
    /// The account, or user name.
    pub name: String,
    package: Package,
    target: Text,
}

impl Foreign {
    /// Whether it is the very item of a key, only perhaps not in UTF-8.
    pub fn is_of(&self, key: &Key) -> bool {
        self.target.is_same(&Text::new(&key.label()))
    }
}

impl CredentialManager {
    /// The credentials that a package has stored for a service, by their names.
    ///
    /// `keytar` has the target names of `Bun.secrets`; `@napi-rs/keyring` has `<user>.<service>`.
    ///
    /// # Errors
    ///
    /// As the store's own calls.
    pub async fn foreign(
        &self,
        package: Package,
        service: &str,
        _: &Progress,
    ) -> Result<Vec<Foreign>, Error> {
        let service = service.to_owned();
        LANE.run(move || {
            check_length("a service", Text::new(&service).units(), MAX_TARGET - 2)?;
            let items = api::enumerate(None)?;
            let found = items.into_iter().filter_map(|item| {
                let name = match package {
                    Package::Keytar => key(&service, &item)?.name,
                    Package::NapiRs => {
                        let user = item.user()?.to_string();
                        let target = Text::new(&format!("{user}.{service}"));
                        item.target().is_same(&target).then_some(user)?
                    }
                };
                Some(Foreign { name, package, target: item.target().clone() })
            });
            let mut found: Vec<_> = found.collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(found)
        })
        .await
    }

    /// Reads one of them, as UTF-8.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where it is gone, and those of the store's own calls.
    pub async fn get_foreign(&self, foreign: &Foreign, _: &Progress) -> Result<Secret, Error> {
        let foreign = foreign.clone();
        LANE.run(move || {
            let Some(item) = api::read(&foreign.target)? else {
                return Err(Error::NotFound { name: foreign.name, place: "Credential Manager" });
            };
            let secret = item.into_secret();
            let is_wide = match foreign.package {
                // Its older versions.
                Package::Keytar => str::from_utf8(secret.expose()).is_err() || is_utf16(&secret),
                // All but what it stores as bytes.
                Package::NapiRs => true,
            };
            Ok(from_utf16(secret.expose()).filter(|_| is_wide).unwrap_or(secret))
        })
        .await
    }

    /// Deletes one of them, when it has been copied to `key`.
    ///
    /// # Errors
    ///
    /// As the store's own calls.
    pub async fn delete_foreign(&self, foreign: &Foreign, _: &Key, progress: &Progress) -> Result<(), Error> {
        let target = foreign.target.clone();
        LANE.change(progress, move || api::delete(&target).map(drop)).await
    }

    /// Writes one of them anew as UTF-8, where it lies.
    ///
    /// # Errors
    ///
    /// As the store's own calls.
    pub async fn convert_foreign(&self, key: &Key, value: &Secret, progress: &Progress) -> Result<(), Error> {
        let (target, value) = (Target::of(key)?, value.clone());
        check_value(&value)?;
        LANE.change(progress, move || match target.read()? {
            Some(item) if *item.secret() == value => Ok(()),
            Some(item) => target.write(&value, item.persist()),
            None => target.write(&value, Persist::default()),
        })
        .await
    }
}

/// The text of a value in UTF-16 (little-endian), in UTF-8; `None` where it is none, or has NULs in it.
pub fn from_utf16(bytes: &[u8]) -> Option<Secret> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    // No unit needs more than three bytes.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() / 2 * 3));
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    for c in char::decode_utf16(units) {
        let c = c.ok().filter(|c| *c != '\0')?;
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(Secret::new(std::mem::take(&mut *text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_becomes_utf8() {
        let bytes: Vec<u8> = "pä€😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(from_utf16(&bytes).unwrap().expose(), "pä€😀".as_bytes());
        assert!(from_utf16(&bytes[1..]).is_none());
        assert!(from_utf16(&[0x00, 0xd8, b'a', 0]).is_none());
        assert!(from_utf16(&[b'a', 0, 0, 0]).is_none());
    }
}
