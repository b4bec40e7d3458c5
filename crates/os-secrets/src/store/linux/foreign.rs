//! Credentials that other packages have stored, in their own kinds of items.

use std::collections::HashMap;

use zbus::OwnedObjectPath;

use super::{
    SecretService,
    attempt::{Attempt, MAX_ROUNDS, UnlockFor, unsettled},
    attributes,
    fault::Fault,
    link::Link,
    search,
    spec::{DEFAULT_COLLECTION, FoundItems},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::Package,
};

impl Package {
    /// The name under which this package has stored an item with these attributes. `None` if it is not this package's
    /// item.
    ///
    /// `keytar` uses the attributes `service` and `account`, and libsecret's generic schema. `@napi-rs/keyring` is made
    /// of the Rust crate `keyring`. Both use `service` and `username`. Version 4 of the crate adds no others, and the
    /// versions before it add `target` and `application`. A target other than `default` is another credential of the same
    /// service and user, in a collection of its own.
    fn name_of_item(self, item: &HashMap<String, String>) -> Option<String> {
        let attribute = |name: &str| item.get(name).map(String::as_str);
        let (schema, generic) = (attribute(attributes::SCHEMA), "org.freedesktop.Secret.Generic");
        // Python's keyring also uses `service` and `username`, with its own `application`.
        let is_rust = matches!(attribute("application"), None | Some("rust-keyring"))
            && schema.is_none_or(|schema| schema == generic);
        let is_default = matches!(attribute("target"), None | Some("default"));
        match self {
            Self::Keytar if schema == Some(generic) => attribute(attributes::ACCOUNT),
            Self::NapiRs if is_rust => attribute("username"),
            Self::Keyring if is_rust && is_default => attribute("username"),
            _ => None,
        }
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
    }
}

/// A credential that another package has stored.
#[derive(Clone, Debug)]
pub struct ForeignItem {
    /// The account or user name.
    pub name: String,
    item: OwnedObjectPath,
}

impl SecretService {
    /// The credentials that a package has stored for a service, sorted by name.
    pub async fn list_foreign(
        &self,
        package: Package,
        service: &str,
        progress: &Progress,
    ) -> Result<Vec<ForeignItem>, Error> {
        self.link
            .call_with_retry(progress, &|link| {
                Box::pin(async move { find_foreign(&link, package, service, progress).await })
            })
            .await
    }

    /// Reads one of them.
    pub async fn get_foreign(&self, foreign: &ForeignItem, progress: &Progress) -> Result<Secret, Error> {
        self.link
            .call_with_retry(progress, &|link| {
                Box::pin(async move {
                    let secret = link.reads.get_secret(foreign.item.clone()).await?;
                    link.session.decode(secret)
                })
            })
            .await
    }

    /// Deletes one of them, after it was copied to `key`.
    pub async fn delete_foreign(
        &self,
        foreign: &ForeignItem,
        key: &Key,
        progress: &Progress,
    ) -> Result<(), Error> {
        self.link
            .call_with_retry(progress, &|link| {
                Box::pin(async move {
                    match link.wire.delete_item(&foreign.item, progress).await {
                        Ok(prompt) => Attempt::new(link, key, progress).confirm(prompt).await,
                        // The first attempt, which lost its connection, has deleted it.
                        Err(fault) if fault.is_absent() && progress.has_changed() => Ok(()),
                        Err(fault) => Err(fault),
                    }
                })
            })
            .await
    }
}

impl Attempt<'_> {
    /// Reads the credential of the key that a package has stored. If several items match, the one in the default
    /// collection wins.
    pub(super) async fn get_foreign(mut self, package: Package) -> Result<Option<Secret>, Fault> {
        for _ in 0..MAX_ROUNDS {
            let unlocked = self.find_foreign(package).await?;
            let found = FoundItems { unlocked, locked: Vec::new() };
            let Some((item, _)) = search::choose_item(&self.link, found).await? else { return Ok(None) };
            match self.link.reads.get_secret(item.clone()).await {
                Ok(secret) => return self.link.session.decode(secret).map(Some),
                // Replaced or deleted since the search.
                Err(fault) if fault.is_absent() => {}
                Err(fault) if fault.is_locked() => self.unlock(&[item], UnlockFor::Items).await?,
                Err(fault) => return Err(fault),
            }
        }
        Err(unsettled("GetSecret"))
    }

    /// Deletes every item of the key that a package has stored.
    pub(super) async fn delete_foreign(mut self, package: Package) -> Result<(), Fault> {
        for _ in 0..MAX_ROUNDS {
            let items = self.find_foreign(package).await?;
            if self.delete_items(&items).await? {
                return Ok(());
            }
        }
        Err(unsettled("Delete"))
    }

    /// Finds all items of the key that a package has stored. Those that are locked, or may be hidden because they are
    /// locked, are unlocked first: nothing else tells whose they are.
    async fn find_foreign(&mut self, package: Package) -> Result<Vec<OwnedObjectPath>, Fault> {
        let (service, name) = (Some(&*self.key.service), Some(&*self.key.name));
        for _ in 0..MAX_ROUNDS {
            let found = self.link.wire.search_any_schema(service, name).await?;
            let hiding = if found.locked.is_empty() && !search::shows_default(&self.link, &found).await? {
                search::find_hiding(&self.link, &found, service, name).await?
            } else {
                found.locked
            };
            if !hiding.is_empty() {
                self.unlock(&hiding, UnlockFor::Search).await?;
                continue;
            }
            let mut items = Vec::new();
            for item in found.unlocked {
                match self.link.wire.read_attributes(&item).await {
                    Ok(attributes) if package.name_of_item(&attributes).is_some() => items.push(item),
                    Ok(_) => {}
                    // Deleted since the search.
                    Err(fault) if fault.is_absent() => {}
                    Err(fault) => return Err(fault),
                }
            }
            return Ok(items);
        }
        Err(unsettled("SearchItems"))
    }
}

async fn find_foreign(
    link: &Link,
    package: Package,
    service: &str,
    progress: &Progress,
) -> Result<Vec<ForeignItem>, Fault> {
    let mut found = link.wire.search_any_schema(Some(service), None).await?;
    let mut hiding = std::mem::take(&mut found.locked);
    if found.is_empty() && hiding.is_empty() && link.wire.is_locked(DEFAULT_COLLECTION).await? {
        // Some services find nothing in a locked collection.
        hiding.extend(link.wire.read_default_collection().await?);
    }
    if !hiding.is_empty() {
        // The attributes of an item that was never unlocked cannot be read.
        link.prompts.unlock(&hiding, progress).await?;
        found = link.wire.search_any_schema(Some(service), None).await?;
    }
    let mut all = Vec::new();
    for item in found.unlocked.into_iter().chain(found.locked) {
        let attributes = match link.wire.read_attributes(&item).await {
            // Deleted since the search.
            Err(fault) if fault.is_absent() => continue,
            attributes => attributes?,
        };
        if let Some(name) = package.name_of_item(&attributes) {
            let after = all.partition_point(|other: &ForeignItem| other.name <= name);
            all.insert(after, ForeignItem { name, item });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_told_apart_by_their_attributes() {
        let name = |package: Package, item: &[(&str, &str)]| {
            package.name_of_item(&item.iter().map(|&(name, value)| (name.into(), value.into())).collect())
        };
        let keytar = [("xdg:schema", "org.freedesktop.Secret.Generic"), ("service", "s"), ("account", "a")];
        let bun = [("xdg:schema", "com.oven-sh.bun.Secret"), ("service", "s"), ("account", "a")];
        let napi = [("service", "s"), ("username", "a")];
        let older =
            [("service", "s"), ("username", "a"), ("target", "default"), ("application", "rust-keyring")];
        let own_target = [
            ("service", "s"),
            ("username", "a"),
            ("target", "a collection"),
            ("application", "rust-keyring"),
        ];
        let python = [("service", "s"), ("username", "a"), ("application", "Python keyring library")];
        for (item, is_keytar, is_napi, is_keyring) in [
            (&keytar[..], true, false, false),
            (&bun, false, false, false),
            (&napi, false, true, true),
            (&older, false, true, true),
            (&own_target, false, true, false),
            (&python, false, false, false),
        ] {
            assert_eq!(name(Package::Keytar, item).is_some(), is_keytar, "{item:?}");
            assert_eq!(name(Package::NapiRs, item).is_some(), is_napi, "{item:?}");
            assert_eq!(name(Package::Keyring, item).is_some(), is_keyring, "{item:?}");
        }
        assert_eq!(name(Package::Keytar, &keytar).as_deref(), Some("a"));
    }
}
