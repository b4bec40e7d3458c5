//! What a connection has learned of the store, so that it need not ask again.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::OnceCell, task::JoinSet, time::Instant};
use zbus::OwnedObjectPath;

use super::{
    fault::Fault,
    link::Link,
    wire::{Daemon, parent},
};
use crate::{credential::Key, error::Error, sync::lock};

/// What other programs, or the person, can change is known for so long. It spares messages where many
/// calls follow each other.
const FRESH: Duration = Duration::from_secs(1);
/// As many items are remembered,
const MAX_ITEMS: usize = 1024;
/// whose keys have no more bytes than this.
const MAX_KEY: usize = 1024;

/// Ends with the connection, and so with the service's process at the latest.
#[derive(Default)]
pub struct Known {
    /// Whether somebody has begun to find out which collection is the default one.
    seeks_default: AtomicBool,
    /// The default collection, as it was when somebody asked first.
    default: OnceCell<Option<OwnedObjectPath>>,
    /// Whether every search shows every item, and when that was asked.
    shows_all: Mutex<Option<(bool, Instant)>>,
    /// The items that were as we make them, of which key, and when.
    plain: Mutex<HashMap<OwnedObjectPath, (Key, Instant)>>,
}

impl Link {
    /// The default collection, where there is one. Which it is hardly ever changes: it is asked once.
    pub async fn default_collection(&self) -> Result<Option<&OwnedObjectPath>, Fault> {
        self.known.default.get_or_try_init(|| self.wire.default_collection()).await.map(Option::as_ref)
    }

    /// Whether nobody knows or has begun to find out which collection is the default one. True once.
    pub fn is_to_seek_default(&self) -> bool {
        !self.known.default.initialized() && !self.known.seeks_default.swap(true, Ordering::Relaxed)
    }

    /// Notes that an item is one of the default collection's.
    pub fn learn_default(&self, item: &OwnedObjectPath) {
        if let Ok(collection) = parent(item).try_into() {
            // Who asked meanwhile knows as well.
            let _ = self.known.default.set(Some(collection));
        }
    }

    /// Whether it is known that every search shows every item.
    pub fn is_known_to_show_all(&self) -> bool {
        lock(&self.known.shows_all).is_some_and(|(shows, at)| shows && at.elapsed() < FRESH)
    }

    /// Learns whether every search shows every item, for the calls that come next: gnome-keyring hides
    /// items only in a keyring that is locked.
    pub async fn learn_whether_all_is_shown(&self) -> Result<(), Fault> {
        let is_known = lock(&self.known.shows_all).is_some_and(|(_, at)| at.elapsed() < FRESH);
        if is_known || self.wire.daemon().await != Daemon::GnomeKeyring {
            return Ok(());
        }
        // As it is from now on at the earliest.
        let now = Instant::now();
        let shows = match self.nothing_is_locked().await {
            // It is there to save messages, not to be a reason to fail.
            Err(fault) if fault.is_answer() => false,
            answer => answer?,
        };
        *lock(&self.known.shows_all) = Some((shows, now));
        Ok(())
    }

    async fn nothing_is_locked(&self) -> Result<bool, Fault> {
        let mut reads = JoinSet::new();
        for collection in self.wire.collections().await? {
            let wire = self.wire.clone();
            reads.spawn(async move { wire.is_locked(collection.as_str()).await });
        }
        while let Some(read) = reads.join_next().await {
            if read.map_err(|error| Error::Internal(format!("reading Locked ended early: {error}")))?? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an item has the attributes and the label that a key's items have here, and no others.
    pub async fn is_plain(&self, item: &OwnedObjectPath, key: &Key) -> Result<bool, Fault> {
        if lock(&self.known.plain).get(item).is_some_and(|(of, at)| of == key && at.elapsed() < FRESH) {
            return Ok(true);
        }
        let plain = self.wire.is_plain(item, key).await?;
        if plain {
            self.learn_plain(item.clone(), key);
        }
        Ok(plain)
    }

    /// Notes that an item was seen or made as a key's items are here.
    pub fn learn_plain(&self, item: OwnedObjectPath, key: &Key) {
        if key.service.len() + key.name.len() > MAX_KEY {
            return;
        }
        let mut plain = lock(&self.known.plain);
        if plain.len() >= MAX_ITEMS {
            plain.clear();
        }
        plain.insert(item, (key.clone(), Instant::now()));
    }
}
