//! What a connection has learned of the store, so that it need not ask again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use tokio::{sync::OnceCell, task::JoinSet};
use zbus::OwnedObjectPath;

use super::{
    fault::Fault,
    link::Link,
    wire::{Provider, parent},
};
use crate::{credential::Key, error::Error};

/// As many items are remembered.
const MAX_ITEMS: usize = 1024;

/// Holds as long as the connection does, and so no longer than the service's process.
#[derive(Default)]
pub struct Known {
    /// The default collection, as it was when somebody asked first.
    default: OnceCell<Option<OwnedObjectPath>>,
    /// Whether every search shows every item.
    shows_all: OnceCell<bool>,
    /// The items that are as we make them, and of which key.
    plain: Mutex<HashMap<OwnedObjectPath, Key>>,
}

impl Known {
    fn plain(&self) -> MutexGuard<'_, HashMap<OwnedObjectPath, Key>> {
        // Nothing panics while the lock is held.
        self.plain.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Link {
    /// The default collection, where there is one. Which it is hardly ever changes: it is asked once.
    pub async fn default_collection(&self) -> Result<Option<&OwnedObjectPath>, Fault> {
        self.known.default.get_or_try_init(|| self.wire.default_collection()).await.map(Option::as_ref)
    }

    /// Whether it is known which collection is the default one.
    pub fn knows_default(&self) -> bool {
        self.known.default.initialized()
    }

    /// Notes that an item is one of the default collection's.
    pub fn learn_default(&self, item: &OwnedObjectPath) {
        if let Ok(collection) = parent(item).try_into() {
            // Who asked meanwhile knows as well.
            let _ = self.known.default.set(Some(collection));
        }
    }

    /// Whether every search shows every item, which stays so: gnome-keyring hides items only in a
    /// keyring that was not unlocked since it started.
    pub async fn shows_all(&self) -> Result<bool, Fault> {
        let ask = || async {
            if self.wire.provider().await != Provider::GnomeKeyring {
                return Ok(false);
            }
            match self.nothing_is_locked().await {
                // It is there to save messages, not to be a reason to fail.
                Err(fault) if fault.is_refusal() => Ok(false),
                answer => answer,
            }
        };
        self.known.shows_all.get_or_try_init(ask).await.copied()
    }

    /// Whether it is known already that every search shows every item.
    pub fn is_known_to_show_all(&self) -> bool {
        self.known.shows_all.get() == Some(&true)
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
    /// Asked once an item: other programs have no reason to change what Bun's programs store.
    pub async fn is_plain(&self, item: &OwnedObjectPath, key: &Key) -> Result<bool, Fault> {
        if self.known.plain().get(item) == Some(key) {
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
        let mut plain = self.known.plain();
        if plain.len() >= MAX_ITEMS {
            plain.clear();
        }
        plain.insert(item, key.clone());
    }
}
