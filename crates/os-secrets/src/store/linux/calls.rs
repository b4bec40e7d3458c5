//! What get, set, delete, has and list mean.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use tokio::{task::JoinSet, time::Instant};
use zbus::OwnedObjectPath;

use super::{
    attempt::{Attempt, MAX_ROUNDS, UnlockFor, unsettled},
    daemon::Daemon,
    fault::Fault,
    keyring_file,
    link::Link,
    search::{self, FoundItem},
    spec::{WireSecret, is_null},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
};

/// The maximum number of items with one key that a delete removes. More of them come only from a faulty or hostile
/// service, which would keep the call busy for ever.
const MAX_DELETIONS: usize = 1000;

impl Attempt<'_> {
    /// Reads the credential.
    pub(super) async fn get(mut self) -> Result<Option<Secret>, Fault> {
        for round in 0..MAX_ROUNDS {
            let begun = Instant::now();
            let (found, read_ahead) = match self.link.cache.item_of(self.key) {
                Some(expected) if round == 0 => self.find_and_read(expected).await,
                _ => (self.find_item().await, None),
            };
            let Some((item, is_locked)) = found? else {
                self.link.cache.remember_missing(self.key, begun);
                return Ok(None);
            };
            if !is_locked {
                let secret = match read_ahead {
                    Some((expected, secret)) if expected == item => secret,
                    _ => self.link.reads.get_secret(item.clone()).await,
                };
                match secret {
                    Ok(secret) => {
                        self.link.cache.remember_item(self.key, item);
                        return self.link.session.decode(secret).map(Some);
                    }
                    // Replaced or deleted since the search.
                    Err(fault) if fault.is_absent() => continue,
                    Err(fault) if fault.is_locked() => {}
                    Err(fault) => return Err(fault),
                }
            }
            self.unlock(&[item], UnlockFor::Items).await?;
        }
        Err(unsettled("GetSecret"))
    }

    /// Finds the item, and reads the secret of the expected one meanwhile, so that a get takes one round trip. The secret
    /// counts only if the search finds that very item. Returns it with its item.
    ///
    /// Only gnome-keyring is asked ahead, which gives no two items the same path as long as it runs. In other services, the
    /// secret could be that of an item which had the path before.
    async fn find_and_read(
        &mut self,
        expected: OwnedObjectPath,
    ) -> (Result<FoundItem, Fault>, Option<(OwnedObjectPath, Result<WireSecret, Fault>)>) {
        let link = Arc::clone(&self.link);
        match link.wire.known_daemon() {
            Some(Daemon::GnomeKeyring) => {
                let (found, secret) = tokio::join!(self.find_item(), link.reads.get_secret(expected.clone()));
                (found, Some((expected, secret)))
            }
            None if link.session.is_numbered() => {
                // For the next get.
                let (found, _) = tokio::join!(self.find_item(), link.wire.daemon());
                (found, None)
            }
            _ => (self.find_item().await, None),
        }
    }

    /// Stores the credential.
    pub(super) async fn set(mut self, value: &Secret) -> Result<(), Fault> {
        self.check_keyring(value).await?;
        let replaces_in_place = self.replaces_in_place().await;
        // CreateItem replaces an item as well, if there is one by now.
        let is_missing = self.link.cache.is_missing(self.key);
        if replaces_in_place && !is_missing && self.replace_secret(value).await? {
            return Ok(());
        }
        for _ in 0..MAX_ROUNDS {
            let secret = self.link.session.encode(value)?;
            let fault = match self.link.wire.create_item(self.key, secret, self.progress).await {
                Ok((item, prompt)) => {
                    if replaces_in_place && is_null(&prompt) {
                        self.link.cache.remember_item(self.key, item.clone());
                        self.link.cache.remember_plain(item, self.key);
                    }
                    return self.confirm(prompt).await;
                }
                Err(fault) => fault,
            };
            if !fault.is_refusal() {
                return Err(fault);
            }
            self.progress.refused();
            match self.link.wire.read_default_collection().await? {
                Some(collection) if fault.is_locked() => {
                    self.unlock(&[collection], UnlockFor::Items).await?;
                }
                None if (fault.is_locked() || fault.is_absent())
                    && !self.has_created_default_collection() =>
                {
                    self.create_default_collection().await?;
                    // The user chose its password, or that it has none.
                    self.check_keyring(value).await?;
                }
                _ => return Err(fault),
            }
        }
        Err(unsettled("CreateItem"))
    }

    /// Refuses a value that would harm the keyring that it goes to.
    async fn check_keyring(&self, value: &Secret) -> Result<(), Fault> {
        keyring_file::check(&self.link.wire, &self.link.keyring_directories, self.key, value).await
    }

    /// Deletes every item of the key.
    pub(super) async fn delete(mut self) -> Result<(), Fault> {
        for _ in 0..MAX_ROUNDS {
            let begun = Instant::now();
            let found = self.search().await?;
            check_count(found.len())?;
            if !found.locked.is_empty() {
                // Before the first deletion. If unlocking fails, none of the items is deleted.
                self.unlock(&found.locked, UnlockFor::Items).await?;
                continue;
            }
            if self.delete_items(&found.unlocked).await? {
                self.link.cache.remember_missing(self.key, begun);
                return Ok(());
            }
        }
        Err(unsettled("Delete"))
    }

    /// Deletes items that a search has found unlocked. Returns `false` if the search must be repeated, because some were
    /// locked, deleted or replaced meanwhile.
    pub(super) async fn delete_items(&mut self, items: &[OwnedObjectPath]) -> Result<bool, Fault> {
        check_count(items.len())?;
        let (mut some_locked, mut some_absent) = (false, false);
        for item in items {
            match self.link.wire.delete_item(item, self.progress).await {
                Ok(prompt) => self.confirm(prompt).await?,
                Err(fault) => {
                    if fault.is_refusal() {
                        self.progress.refused();
                    }
                    match fault {
                        fault if fault.is_locked() => some_locked = true,
                        // Another program has deleted or replaced it. The next search tells which.
                        fault if fault.is_absent() => some_absent = true,
                        fault => return Err(fault),
                    }
                }
            }
        }
        if some_locked {
            self.unlock(items, UnlockFor::Items).await?;
        }
        Ok(!some_locked && !some_absent)
    }

    /// Whether there is such a credential.
    pub(super) async fn has(mut self) -> Result<bool, Fault> {
        Ok(!self.search().await?.is_empty())
    }
}

/// Refuses more items of one key than a delete removes.
fn check_count(items: usize) -> Result<(), Fault> {
    if items <= MAX_DELETIONS {
        return Ok(());
    }
    Err(Fault::malformed(format!(
        "SearchItems with {items} items of one name, which no program can have stored"
    )))
}

/// The keys of all items, or of one service's.
pub async fn list(link: &Link, service: Option<&str>) -> Result<Vec<Key>, Fault> {
    if search::would_ask(link).await? {
        return Err(Error::InteractionNotAllowed.into());
    }
    let found = link.wire.search_service(service).await?;
    if !search::shows_default(link, &found).await?
        && !search::find_hiding(link, &found, service, None).await?.is_empty()
    {
        return Err(Error::InteractionNotAllowed.into());
    }
    let mut reads = JoinSet::new();
    for item in found.unlocked.into_iter().chain(found.locked) {
        let wire = Arc::clone(&link.wire);
        reads.spawn(async move { wire.read_key(&item).await });
    }
    let mut keys = BTreeSet::new();
    while let Some(read) = reads.join_next().await {
        match read.map_err(|error| Error::Internal(format!("reading a name ended early: {error}")))? {
            Ok(key) => keys.extend(key),
            // Deleted since the search.
            Err(fault) if fault.is_absent() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(keys.into_iter().collect())
}

/// Unlocks what hides names from [`list`].
pub async fn unlock_names(link: &Link, service: Option<&str>, progress: &Progress) -> Result<(), Fault> {
    if search::would_ask(link).await?
        && let Some(default) = link.wire.read_default_collection().await?
    {
        link.prompts.unlock(&[default], progress).await?;
    }
    let found = link.wire.search_service(service).await?;
    if !search::shows_default(link, &found).await? {
        let hiding = search::find_hiding(link, &found, service, None).await?;
        if !hiding.is_empty() {
            link.prompts.unlock(&hiding, progress).await?;
        }
    }
    Ok(())
}

/// When the items of a service were changed, by their names. Of several items with a name, the last change counts.
pub async fn list_changes(link: &Link, service: &str) -> Result<BTreeMap<String, SystemTime>, Fault> {
    let found = link.wire.search_service(Some(service)).await?;
    let mut reads = JoinSet::new();
    for item in found.unlocked.into_iter().chain(found.locked) {
        let wire = Arc::clone(&link.wire);
        reads.spawn(
            async move { Ok::<_, Fault>((wire.read_key(&item).await?, wire.read_change(&item).await?)) },
        );
    }
    let mut changes = BTreeMap::new();
    while let Some(read) = reads.join_next().await {
        match read.map_err(|error| Error::Internal(format!("reading a time ended early: {error}")))? {
            Ok((Some(key), Some(changed))) => {
                let last = changes.entry(key.name).or_insert(changed);
                *last = changed.max(*last);
            }
            Ok(_) => {}
            // Deleted since the search.
            Err(fault) if Fault::is_absent(&fault) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function returns.
    fn size_of_future<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// A program may start a thousand gets at once, each of which has its future. Allocating large ones takes hundreds of
    /// system calls.
    #[test]
    fn a_waiting_get_is_small() {
        let size = size_of_future(Attempt::<'static>::get);
        assert!(size <= 1536, "{size} bytes");
    }
}
