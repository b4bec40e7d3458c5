//! Credentials that other packages have stored, to copy them.

use super::{
    CredentialManager, LANE,
    api::{self, WideString},
    limits::{MAX_TARGET, check_length, check_value},
    target::{CredentialTarget, key_of_item},
    utf16::{convert_to_utf8, is_utf16},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::{Package, Persist},
};

/// A credential that another package has stored.
#[derive(Clone)]
pub struct ForeignItem {
    /// The name: keytar's account, or the user name of the others.
    pub name: String,
    package: Package,
    target: WideString,
}

impl ForeignItem {
    /// Whether this is the item of a key, although its value may not be UTF-8.
    pub fn is_of(&self, key: &Key) -> bool {
        self.target.is_same(&WideString::new(&key.label()))
    }
}

impl CredentialManager {
    /// Lists the credentials that a package has stored for a service, sorted by name.
    ///
    /// `keytar` uses the same target names as `Bun.secrets`, and the others use `<user>.<service>`.
    ///
    /// # Errors
    ///
    /// The same as for the store's own calls.
    pub async fn list_foreign(
        &self,
        package: Package,
        service: &str,
        _: &Progress,
    ) -> Result<Vec<ForeignItem>, Error> {
        let service = service.to_owned();
        LANE.run(move || {
            check_length("a service", WideString::new(&service).units(), MAX_TARGET - 2)?;
            let items = api::enumerate_items(None)?;
            let found = items.into_iter().filter_map(|item| {
                let name = match package {
                    Package::Keytar => key_of_item(&service, &item)?.name,
                    Package::NapiRs | Package::Keyring => {
                        let user = item.user()?.to_string();
                        let target = WideString::new(&format!("{user}.{service}"));
                        item.target().is_same(&target).then_some(user)?
                    }
                };
                Some(ForeignItem { name, package, target: item.target().clone() })
            });
            let mut found: Vec<_> = found.collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(found)
        })
        .await
    }

    /// Reads a credential of another package, as UTF-8.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it no longer exists, and the same as for the store's own calls.
    pub async fn get_foreign(&self, foreign: &ForeignItem, _: &Progress) -> Result<Secret, Error> {
        let foreign = foreign.clone();
        LANE.run(move || {
            let Some(item) = api::read_item(&foreign.target)? else {
                return Err(Error::NotFound { name: foreign.name, place: "Credential Manager" });
            };
            let secret = item.into_secret();
            let may_be_utf16 = match foreign.package {
                // Older versions of keytar store UTF-16. keyring stores passwords as UTF-16, and other secrets as their
                // bytes, which often are text in UTF-8. UTF-16 with a character of ASCII has a NUL, which such text has not.
                Package::Keytar | Package::Keyring => {
                    str::from_utf8(secret.expose()).is_err() || is_utf16(&secret)
                }
                // It stores passwords as UTF-16, and other secrets as bytes.
                Package::NapiRs => true,
            };
            Ok(convert_to_utf8(secret.expose()).filter(|_| may_be_utf16).unwrap_or(secret))
        })
        .await
    }

    /// Deletes a credential of another package, after it has been copied to `key`.
    ///
    /// # Errors
    ///
    /// The same as for the store's own calls.
    pub async fn delete_foreign(
        &self,
        foreign: &ForeignItem,
        _: &Key,
        progress: &Progress,
    ) -> Result<(), Error> {
        let target = foreign.target.clone();
        LANE.change(progress, move || api::delete_item(&target).map(drop)).await
    }

    /// Replaces the value of a key's item, which another package has stored, by the same value in UTF-8.
    ///
    /// # Errors
    ///
    /// The same as for the store's own calls.
    pub async fn convert_foreign(&self, key: &Key, value: &Secret, progress: &Progress) -> Result<(), Error> {
        let (target, value) = (CredentialTarget::of_key(key)?, value.clone());
        check_value(&value)?;
        LANE.change(progress, move || match target.read_item()? {
            Some(item) if *item.secret() == value => Ok(()),
            Some(item) => target.write_item(&value, item.persist()),
            None => target.write_item(&value, Persist::default()),
        })
        .await
    }
}
