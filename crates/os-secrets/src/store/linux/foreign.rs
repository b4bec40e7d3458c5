//! Credentials that other packages have stored, in items of their own.

use std::collections::HashMap;

use zbus::OwnedObjectPath;

use super::{
    SecretService,
    wire::{ACCOUNT_ATTRIBUTE, DEFAULT_COLLECTION, SCHEMA_ATTRIBUTE},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::Package,
};

impl Package {
    /// The name under which an item with these attributes was stored, where it is this package's.
    ///
    /// `keytar` has the attributes `service` and `account`, with libsecret's generic schema;
    /// `@napi-rs/keyring` has `service` and `username`, to which its older versions add `target` and
    /// `application`.
    fn name(self, attributes: &HashMap<String, String>) -> Option<String> {
        let attribute = |name: &str| attributes.get(name).map(String::as_str);
        let (schema, generic) = (attribute(SCHEMA_ATTRIBUTE), "org.freedesktop.Secret.Generic");
        match self {
            Self::Keytar if schema == Some(generic) => attribute(ACCOUNT_ATTRIBUTE),
            // Python's keyring has the same two, and says so.
            Self::NapiRs if matches!(attribute("application"), None | Some("rust-keyring")) => {
                attribute("username").filter(|_| schema.is_none_or(|schema| schema == generic))
            }
            _ => None,
        }
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
    }
}

/// A credential that another package has stored.
#[derive(Clone, Debug)]
pub struct ForeignItem {
    /// The account, or user name.
    pub name: String,
    item: OwnedObjectPath,
}

impl SecretService {
    /// The credentials that a package has stored for a service, by their names.
    pub async fn list_foreign(
        &self,
        package: Package,
        service: &str,
        progress: &Progress,
    ) -> Result<Vec<ForeignItem>, Error> {
        self.repeat(progress, &|link| {
            Box::pin(async move {
                let mut found = link.wire.search_any_schema(Some(service), None).await?;
                let mut hiding = std::mem::take(&mut found.locked);
                if found.is_empty() && hiding.is_empty() && link.wire.is_locked(DEFAULT_COLLECTION).await? {
                    // Some show nothing of what is locked.
                    hiding.extend(link.wire.default_collection().await?);
                }
                if !hiding.is_empty() {
                    // What was never unlocked does not tell its attributes.
                    self.unlock(&link, &hiding, &mut false, progress).await?;
                    found = link.wire.search_any_schema(Some(service), None).await?;
                }
                let mut all = Vec::new();
                for item in found.unlocked.into_iter().chain(found.locked) {
                    let attributes = match link.wire.attributes(&item).await {
                        // Deleted since the search.
                        Err(fault) if fault.is_absent() => continue,
                        attributes => attributes?,
                    };
                    if let Some(name) = package.name(&attributes) {
                        let after = all.partition_point(|other: &ForeignItem| other.name <= name);
                        all.insert(after, ForeignItem { name, item });
                    }
                }
                Ok(all)
            })
        })
        .await
    }

    /// Reads one of them.
    pub async fn get_foreign(&self, foreign: &ForeignItem, progress: &Progress) -> Result<Secret, Error> {
        self.repeat(progress, &|link| {
            Box::pin(async move {
                let secret = link.batch.get_secret(foreign.item.clone()).await?;
                link.session.unseal(secret)
            })
        })
        .await
    }

    /// Deletes one of them, when it has been copied to `key`.
    pub async fn delete_foreign(
        &self,
        foreign: &ForeignItem,
        key: &Key,
        progress: &Progress,
    ) -> Result<(), Error> {
        self.repeat(progress, &|link| {
            Box::pin(async move {
                match link.wire.delete_item(&foreign.item, progress).await {
                    Ok(prompt) => self.confirm(&link, prompt, key, progress).await,
                    // By the first try, whose connection was lost.
                    Err(fault) if fault.is_absent() && progress.has_changed() => Ok(()),
                    Err(fault) => Err(fault),
                }
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_told_apart_by_their_attributes() {
        let of = |package: Package, attributes: &[(&str, &str)]| {
            package.name(&attributes.iter().map(|&(name, value)| (name.into(), value.into())).collect())
        };
        let keytar = [("xdg:schema", "org.freedesktop.Secret.Generic"), ("service", "s"), ("account", "a")];
        let bun = [("xdg:schema", "com.oven-sh.bun.Secret"), ("service", "s"), ("account", "a")];
        let napi = [("service", "s"), ("username", "a")];
        let older =
            [("service", "s"), ("username", "a"), ("target", "default"), ("application", "rust-keyring")];
        let python = [("service", "s"), ("username", "a"), ("application", "Python keyring library")];
        for (item, is_keytar, is_napi) in [
            (&keytar[..], true, false),
            (&bun, false, false),
            (&napi, false, true),
            (&older, false, true),
            (&python, false, false),
        ] {
            assert_eq!(of(Package::Keytar, item).is_some(), is_keytar, "{item:?}");
            assert_eq!(of(Package::NapiRs, item).is_some(), is_napi, "{item:?}");
        }
        assert_eq!(of(Package::Keytar, &keytar).as_deref(), Some("a"));
    }
}
