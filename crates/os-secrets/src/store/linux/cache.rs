//! What the service has said about the store, remembered so that it is not asked again at once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::OnceCell, task::JoinSet, time::Instant};
use zbus::OwnedObjectPath;

use super::{daemon::Daemon, fault::Fault, spec::parent, wire::Wire};
use crate::{credential::Key, error::Error, sync::lock};

/// How long we trust what other programs or the user can change. It saves messages if many calls follow each other.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// The maximum number of items and of keys that are remembered.
const MAX_ITEMS: usize = 1024;
/// The maximum size of a key that is remembered, in bytes.
const MAX_KEY: usize = 1024;

/// Lives as long as the connection, and so no longer than the service's process.
pub struct Cache {
    wire: Arc<Wire>,
    /// Whether a call has begun to find out which collection is the default one.
    is_default_lookup_claimed: AtomicBool,
    /// The default collection, as it was when a call first asked for it.
    default: OnceCell<Option<OwnedObjectPath>>,
    /// Whether every search shows every item, and when we asked.
    shows_all: Mutex<Option<(bool, Instant)>>,
    /// Items that were as we make them, each with its key and the time.
    plain: Mutex<HashMap<OwnedObjectPath, (Key, Instant)>>,
    /// The item that each key had, if it had one, and when that was so.
    items: Mutex<HashMap<Key, (Option<OwnedObjectPath>, Instant)>>,
}

impl Cache {
    /// An empty cache. It asks the service by `wire`.
    pub fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            is_default_lookup_claimed: AtomicBool::new(false),
            default: OnceCell::new(),
            shows_all: Mutex::default(),
            plain: Mutex::default(),
            items: Mutex::default(),
        }
    }

    /// The default collection, if there is one. We ask only once, because it hardly ever changes.
    pub async fn default_collection(&self) -> Result<Option<&OwnedObjectPath>, Fault> {
        self.default.get_or_try_init(|| self.wire.read_default_collection()).await.map(Option::as_ref)
    }

    /// Returns `true` to the first caller, if the default collection is not known by then. That caller should find it
    /// out.
    pub fn claim_default_lookup(&self) -> bool {
        !self.default.initialized() && !self.is_default_lookup_claimed.swap(true, Ordering::Relaxed)
    }

    /// Remembers the collection of an item as the default one.
    pub fn remember_default_of(&self, item: &OwnedObjectPath) {
        if let Ok(collection) = parent(item).try_into() {
            // If another call has asked in the meantime, it is known already.
            let _ = self.default.set(Some(collection));
        }
    }

    /// Whether it is known that every search shows every item.
    pub fn shows_all(&self) -> bool {
        lock(&self.shows_all).is_some_and(|(shows, at)| shows && at.elapsed() < FRESH_FOR)
    }

    /// Finds out whether every search shows every item, for the calls that follow. gnome-keyring hides items only
    /// in a locked keyring.
    pub async fn learn_whether_all_is_shown(&self) -> Result<(), Fault> {
        let is_known = lock(&self.shows_all).is_some_and(|(_, at)| at.elapsed() < FRESH_FOR);
        if is_known || self.wire.daemon().await != Daemon::GnomeKeyring {
            return Ok(());
        }
        // The replies describe the store at this time or later.
        let now = Instant::now();
        let shows_all = match self.is_nothing_locked().await {
            // This is meant to save messages. It is no reason to fail.
            Err(fault) if fault.is_answer() => false,
            answer => answer?,
        };
        *lock(&self.shows_all) = Some((shows_all, now));
        Ok(())
    }

    async fn is_nothing_locked(&self) -> Result<bool, Fault> {
        let mut reads = JoinSet::new();
        for collection in self.wire.read_collections().await? {
            let wire = Arc::clone(&self.wire);
            reads.spawn(async move { wire.is_locked(collection.as_str()).await });
        }
        while let Some(read) = reads.join_next().await {
            if read.map_err(|error| Error::Internal(format!("reading Locked ended early: {error}")))?? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an item has exactly the attributes and the label that we give to the items of a key.
    pub async fn is_plain(&self, item: &OwnedObjectPath, key: &Key) -> Result<bool, Fault> {
        let is_fresh = |(plain_key, at): &(Key, Instant)| plain_key == key && at.elapsed() < FRESH_FOR;
        if lock(&self.plain).get(item).is_some_and(is_fresh) {
            return Ok(true);
        }
        let is_plain = self.wire.is_plain(item, key).await?;
        if is_plain {
            self.remember_plain(item.clone(), key);
        }
        Ok(is_plain)
    }

    /// Remembers that an item is as we make the items of a key.
    pub fn remember_plain(&self, item: OwnedObjectPath, key: &Key) {
        if is_short(key) {
            insert(&self.plain, item, (key.clone(), Instant::now()));
        }
    }

    /// The item that a key had when it was last read or made. By now, it may have another one or none.
    pub fn item_of(&self, key: &Key) -> Option<OwnedObjectPath> {
        lock(&self.items).get(key).and_then(|(item, _)| item.clone())
    }

    /// Remembers the item of a key.
    pub fn remember_item(&self, key: &Key, item: OwnedObjectPath) {
        self.remember(key, Some(item), Instant::now());
    }

    /// Whether a search within the last second has shown that a key has no item.
    pub fn is_missing(&self, key: &Key) -> bool {
        lock(&self.items).get(key).is_some_and(|(item, at)| item.is_none() && at.elapsed() < FRESH_FOR)
    }

    /// Remembers that a key had no item at this time or later.
    pub fn remember_missing(&self, key: &Key, at: Instant) {
        self.remember(key, None, at);
    }

    /// Remembers the item of a key, unless another call knows something newer.
    fn remember(&self, key: &Key, item: Option<OwnedObjectPath>, at: Instant) {
        if is_short(key) && lock(&self.items).get(key).is_none_or(|(_, known)| *known <= at) {
            insert(&self.items, key.clone(), (item, at));
        }
    }
}

fn is_short(key: &Key) -> bool {
    key.size() <= MAX_KEY
}

/// Adds to what is remembered. If that is too much, everything else is forgotten.
fn insert<K: Eq + Hash, V>(remembered: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut remembered = lock(remembered);
    if remembered.len() >= MAX_ITEMS && !remembered.contains_key(&key) {
        remembered.clear();
    }
    remembered.insert(key, value);
}
