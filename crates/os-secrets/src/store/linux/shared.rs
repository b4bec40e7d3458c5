//! Searches that are shared: a program may ask for one name in many places at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;

use super::{
    fault::Fault,
    wire::{Found, Wire},
};
use crate::{credential::Key, executor, sync::lock};

/// Where to search.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchIn {
    /// In all collections.
    Everywhere,
    /// In the default collection. What is found counts as unlocked; reading it tells.
    Default,
}

type Question = (Key, SearchIn);
type Asker = oneshot::Sender<Result<Found, Fault>>;

/// The searches that have not been sent yet.
///
/// Calls that ask for the same before it is sent share one search. One that comes later has its own:
/// the answer to an earlier one could be older than the call.
pub struct Searches {
    wire: Arc<Wire>,
    waiting: Mutex<HashMap<Question, Vec<Asker>>>,
}

impl Searches {
    /// Searches by this wire.
    pub fn new(wire: Arc<Wire>) -> Self {
        Self { wire, waiting: Mutex::default() }
    }

    /// The items of a key, as they are at some time between now and the answer.
    pub async fn items(self: &Arc<Self>, key: &Key, scope: SearchIn) -> Result<Found, Fault> {
        self.ask((key.clone(), scope))
            .await
            .unwrap_or_else(|_| Err(Fault::Lost("the search for it was given up".into())))
    }

    fn ask(self: &Arc<Self>, question: Question) -> oneshot::Receiver<Result<Found, Fault>> {
        let (asker, answer) = oneshot::channel();
        let mut waiting = self.waiting();
        if let Some(askers) = waiting.get_mut(&question) {
            askers.push(asker);
        } else {
            waiting.insert(question.clone(), vec![asker]);
            executor::spawn(Arc::clone(self).answer(question));
        }
        answer
    }

    /// Searches as soon as it is its turn, for all who have come by then and still wait.
    async fn answer(self: Arc<Self>, question: Question) {
        let turn = self.wire.bus().search_turn().await;
        let mut askers = self.waiting().remove(&question).unwrap_or_default();
        askers.retain(|asker| !asker.is_closed());
        if askers.is_empty() {
            return;
        }
        let found = match (turn, &question) {
            (Ok(turn), (key, SearchIn::Everywhere)) => self.wire.search_items(key, turn).await,
            (Ok(turn), (key, SearchIn::Default)) => self.wire.search_default(key, turn).await,
            (Err(fault), _) => Err(fault),
        };
        for asker in askers {
            let _ = asker.send(found.clone());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Question, Vec<Asker>>> {
        lock(&self.waiting)
    }
}
