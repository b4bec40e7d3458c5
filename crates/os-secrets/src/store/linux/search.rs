//! Which items there are, and which of them counts.

use std::collections::HashSet;

use zbus::OwnedObjectPath;

use super::{
    SecretService, TURNS,
    fault::Fault,
    link::Link,
    shared::SearchIn,
    unsettled,
    wire::{DEFAULT_COLLECTION, Daemon, Found, parent},
};
use crate::{credential::Key, progress::Progress};

impl SecretService {
    /// All items of a key. Where there are none to be seen, what may hide them is unlocked, and they
    /// are searched again; also where there are none of the default collection, whose count before all.
    pub(super) async fn search(
        &self,
        link: &Link,
        key: &Key,
        asked: &mut bool,
        progress: &Progress,
    ) -> Result<Found, Fault> {
        if would_ask(link).await?
            && let Some(default) = link.wire.default_collection().await?
        {
            self.unlock(link, &[default], asked, progress).await?;
        }
        for _ in 0..TURNS {
            // Known before it searches, because a keyring may be unlocked meanwhile.
            let shows_all = link.is_known_to_show_all();
            let found = link.searches.items(key, SearchIn::Everywhere).await?;
            if shows_all || shows_default(link, &found).await? {
                return Ok(found);
            }
            let hiding = self.hiding(link, &found, Some(&key.service), Some(&key.name)).await?;
            if hiding.is_empty() {
                return Ok(found);
            }
            self.unlock(link, &hiding, asked, progress).await?;
        }
        Err(unsettled("SearchItems"))
    }

    /// What must be unlocked to know whether there is an item that no search shows.
    ///
    /// KeePassXC shows no items of a locked collection at all, oo7-daemon none in a search. gnome-keyring
    /// shows those of a keyring that was not unlocked since it started, but under another schema.
    pub(super) async fn hiding(
        &self,
        link: &Link,
        found: &Found,
        service: Option<&str>,
        name: Option<&str>,
    ) -> Result<Vec<OwnedObjectPath>, Fault> {
        let locked = async {
            if link.wire.daemon().await == Daemon::GnomeKeyring && name.is_some() {
                // It hides nothing from a search without the schema, which the next call may not need.
                return link.learn_whether_all_is_shown().await.map(|()| false);
            }
            link.wire.is_locked(DEFAULT_COLLECTION).await
        };
        let (locked, alike) = tokio::join!(locked, link.wire.search_any_schema(service, name));
        let known: HashSet<_> = found.locked.iter().collect();
        let (locked, mut alike) = (locked?, alike?.locked);
        alike.retain(|item| !known.contains(item));
        // Of a name they may be what is looked for, in whatever collection; of a service or of all,
        // others' items as well.
        if !alike.is_empty() && (locked || name.is_some()) {
            return Ok(alike);
        }
        if !locked {
            return Ok(Vec::new());
        }
        if link.wire.default_is_empty().await?
            || link.wire.search_any_schema(None, None).await?.locked.is_empty()
        {
            return Ok(link.wire.default_collection().await?.into_iter().collect());
        }
        Ok(Vec::new())
    }

    /// The item that a get reads, and whether it is locked.
    pub(super) async fn find(
        &self,
        link: &Link,
        key: &Key,
        asked: &mut bool,
        progress: &Progress,
    ) -> Result<Option<(OwnedObjectPath, bool)>, Fault> {
        // The first time one message tells both what is in the default collection and which that is.
        // Reading the item tells whether it is locked.
        if link.session.is_numbered() && link.is_to_seek_default() {
            match link.searches.items(key, SearchIn::Default).await {
                Ok(found) => {
                    if let Some(item) = found.unlocked.into_iter().next() {
                        link.learn_default(&item);
                        return Ok(Some((item, false)));
                    }
                }
                Err(fault) if fault.is_answer() => {}
                Err(fault) => return Err(fault),
            }
        }
        let found = self.search(link, key, asked, progress).await?;
        self.choose(link, found).await
    }

    /// Of several items, the one in the default collection, else an unlocked one; with it, whether
    /// it is locked.
    async fn choose(&self, link: &Link, found: Found) -> Result<Option<(OwnedObjectPath, bool)>, Fault> {
        let several = found.len() > 1;
        let unlocked = found.unlocked.into_iter().map(|item| (item, false));
        let mut items: Vec<_> = unlocked.chain(found.locked.into_iter().map(|item| (item, true))).collect();
        if several
            && let Some(collection) = link.wire.default_collection().await?
            && let Some(at) = items.iter().position(|(item, _)| parent(item) == collection.as_str())
        {
            return Ok(Some(items.swap_remove(at)));
        }
        Ok(items.into_iter().next())
    }
}

/// Whether some of the items are the default collection's, so that it hides none.
pub(super) async fn shows_default(link: &Link, found: &Found) -> Result<bool, Fault> {
    if found.is_empty() {
        return Ok(false);
    }
    let Some(collection) = link.default_collection().await? else { return Ok(false) };
    Ok(found.unlocked.iter().chain(&found.locked).any(|item| parent(item) == collection.as_str()))
}

/// Whether a search would open a prompt of the service's own, and be answered when the person has
/// answered that.
pub(super) async fn would_ask(link: &Link) -> Result<bool, Fault> {
    let asks = !link.session.is_numbered() && link.wire.daemon().await == Daemon::KeePassXc;
    Ok(asks && link.wire.is_locked(DEFAULT_COLLECTION).await?)
}
