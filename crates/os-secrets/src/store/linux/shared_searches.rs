//! One search for many calls: a program may want one credential in many places at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;

use super::{fault::Fault, spec::FoundItems, wire::Wire};
use crate::{credential::Key, executor, sync::lock};

/// Which collections are searched.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchIn {
    /// All collections.
    Everywhere,
    /// The default collection. The search puts all items into `unlocked`; reading one tells whether it is locked.
    Default,
}

type Search = (Key, SearchIn);
type Finder = oneshot::Sender<Result<FoundItems, Fault>>;

/// The searches that have not been sent yet.
///
/// Calls that want the same search share it until it is sent. A call that comes later gets a search of its own: the
/// result of an earlier one could be older than the call.
pub struct SharedSearches {
    wire: Arc<Wire>,
    waiting: Mutex<HashMap<Search, Vec<Finder>>>,
}

impl SharedSearches {
    /// Sends searches by this wire.
    pub fn new(wire: Arc<Wire>) -> Self {
        Self { wire, waiting: Mutex::default() }
    }

    /// Finds the items of a key, as they are at some time between this call and its return.
    pub async fn find_items(self: &Arc<Self>, key: &Key, search_in: SearchIn) -> Result<FoundItems, Fault> {
        self.enqueue((key.clone(), search_in))
            .await
            .unwrap_or_else(|_| Err(Fault::Lost("the search for it was given up".into())))
    }

    fn enqueue(self: &Arc<Self>, search: Search) -> oneshot::Receiver<Result<FoundItems, Fault>> {
        let (finder, result) = oneshot::channel();
        let mut waiting = self.lock_waiting();
        if let Some(finders) = waiting.get_mut(&search) {
            finders.push(finder);
        } else {
            waiting.insert(search.clone(), vec![finder]);
            // The part may start at once, and needs the lock.
            drop(waiting);
            executor::spawn_part(Arc::clone(self).send(search));
        }
        result
    }

    /// Sends a search as soon as there is a permit for it. The result goes to all calls that want it at that time.
    async fn send(self: Arc<Self>, search: Search) {
        let permit = self.wire.bus().acquire_search_permit().await;
        let mut finders = self.lock_waiting().remove(&search).unwrap_or_default();
        finders.retain(|finder| !finder.is_closed());
        if finders.is_empty() {
            return;
        }
        let found = match (permit, &search) {
            (Ok(permit), (key, SearchIn::Everywhere)) => self.wire.search_key(key, permit).await,
            (Ok(permit), (key, SearchIn::Default)) => self.wire.search_key_in_default(key, permit).await,
            (Err(fault), _) => Err(fault),
        };
        for finder in finders {
            let _ = finder.send(found.clone());
        }
    }

    fn lock_waiting(&self) -> MutexGuard<'_, HashMap<Search, Vec<Finder>>> {
        lock(&self.waiting)
    }
}
