//! Which items a key has, including those that a search does not show while they are locked, and which of several
//! items is read.

use std::collections::HashSet;

use zbus::OwnedObjectPath;

use super::{
    attempt::{Attempt, MAX_ROUNDS, UnlockFor, unsettled},
    daemon::Daemon,
    fault::Fault,
    link::Link,
    shared_searches::SearchIn,
    spec::{DEFAULT_COLLECTION, FoundItems, parent},
};

/// The item of a key, and whether it is locked. `None` if there is no item.
pub type FoundItem = Option<(OwnedObjectPath, bool)>;

impl Attempt<'_> {
    /// Finds all items of the key.
    ///
    /// If the default collection shows none, items may be hidden because they are locked. Then it unlocks what may
    /// hide them and searches again, even if another collection has shown some: those of the default collection have
    /// precedence.
    pub(super) async fn search(&mut self) -> Result<FoundItems, Fault> {
        if would_ask(&self.link).await?
            && let Some(default) = self.link.wire.read_default_collection().await?
        {
            self.unlock(&[default], UnlockFor::Search).await?;
        }
        for _ in 0..MAX_ROUNDS {
            // Read before the search, because a keyring may be unlocked during it.
            let shows_all = self.link.cache.shows_all();
            let found = self.link.searches.find_items(self.key, SearchIn::Everywhere).await?;
            if shows_all || shows_default(&self.link, &found).await? {
                return Ok(found);
            }
            let (service, name) = (Some(&*self.key.service), Some(&*self.key.name));
            let hiding = Box::pin(find_hiding(&self.link, &found, service, name)).await?;
            if hiding.is_empty() {
                return Ok(found);
            }
            self.unlock(&hiding, UnlockFor::Search).await?;
        }
        Err(unsettled("SearchItems"))
    }

    /// Finds the item that a get reads.
    pub(super) async fn find_item(&mut self) -> Result<FoundItem, Fault> {
        // The first time, one message finds both the item and the path of the default collection. Reading the item
        // tells whether it is locked.
        if self.link.session.is_numbered() && self.link.cache.claim_default_lookup() {
            match self.link.searches.find_items(self.key, SearchIn::Default).await {
                Ok(found) => {
                    if let Some(item) = found.unlocked.into_iter().next() {
                        self.link.cache.remember_default_of(&item);
                        return Ok(Some((item, false)));
                    }
                }
                Err(fault) if fault.is_answer() => {}
                Err(fault) => return Err(fault),
            }
        }
        let found = self.search().await?;
        choose_item(&self.link, found).await
    }
}

/// Chooses the item in the default collection, else an unlocked one.
pub(super) async fn choose_item(link: &Link, found: FoundItems) -> Result<FoundItem, Fault> {
    let has_several = found.len() > 1;
    let unlocked = found.unlocked.into_iter().map(|item| (item, false));
    let mut items: Vec<_> = unlocked.chain(found.locked.into_iter().map(|item| (item, true))).collect();
    if has_several
        && let Some(collection) = link.wire.read_default_collection().await?
        && let Some(at) = items.iter().position(|(item, _)| parent(item) == collection.as_str())
    {
        return Ok(Some(items.swap_remove(at)));
    }
    Ok(items.into_iter().next())
}

/// Finds what must be unlocked to know whether there is an item that the search did not show.
///
/// KeePassXC shows no items of a locked collection at all. oo7-daemon shows none in a search. gnome-keyring shows those
/// of a keyring that was not unlocked since it started, but under another schema.
pub(super) async fn find_hiding(
    link: &Link,
    found: &FoundItems,
    service: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<OwnedObjectPath>, Fault> {
    let is_default_locked = async {
        if link.wire.daemon().await == Daemon::GnomeKeyring && name.is_some() {
            // The service shows all items to a search without the schema. Perhaps the next call does not need that
            // search.
            return link.cache.learn_whether_all_is_shown().await.map(|()| false);
        }
        link.wire.is_locked(DEFAULT_COLLECTION).await
    };
    let (is_default_locked, any_schema) =
        tokio::join!(is_default_locked, link.wire.search_any_schema(service, name));
    let known: HashSet<_> = found.locked.iter().collect();
    let (is_default_locked, mut hidden) = (is_default_locked?, any_schema?.locked);
    hidden.retain(|item| !known.contains(item));
    // Items with the service and the name may be the ones that we look for, in any collection. If there is no name,
    // some of them belong to other programs.
    if !hidden.is_empty() && (is_default_locked || name.is_some()) {
        return Ok(hidden);
    }
    if !is_default_locked {
        return Ok(Vec::new());
    }
    if link.wire.is_default_empty().await? || link.wire.search_any_schema(None, None).await?.locked.is_empty()
    {
        return Ok(link.wire.read_default_collection().await?.into_iter().collect());
    }
    Ok(Vec::new())
}

/// Whether the search has shown items of the default collection. If so, that collection hides none.
pub(super) async fn shows_default(link: &Link, found: &FoundItems) -> Result<bool, Fault> {
    if found.is_empty() {
        return Ok(false);
    }
    let Some(collection) = link.cache.default_collection().await? else { return Ok(false) };
    Ok(found.unlocked.iter().chain(&found.locked).any(|item| parent(item) == collection.as_str()))
}

/// Whether a search would make the service open a prompt by itself. The service would answer the search only after
/// the user has answered the prompt.
pub(super) async fn would_ask(link: &Link) -> Result<bool, Fault> {
    let asks = !link.session.is_numbered() && link.wire.daemon().await == Daemon::KeePassXc;
    Ok(asks && link.wire.is_locked(DEFAULT_COLLECTION).await?)
}
