//! Secrets that are read together: one message for many items that were asked for at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;
use zbus::OwnedObjectPath;

use super::{
    fault::Fault,
    session::Session,
    wire::{Wire, WireSecret},
};
use crate::{executor, sync::lock};

/// The most items of one message. Small waves answer the first calls early, and give the runtime
/// its turns between them.
const MAX_WAVE: usize = 32;
/// As many messages may be under way; the service works on one while the other travels.
const MAX_WAVES: usize = 2;

/// The items whose secrets are to be read in one session.
///
/// A call that is alone is not delayed: its message leaves at once. Those that come while messages
/// are under way wait for the end of one, and leave together.
pub struct Batch {
    wire: Arc<Wire>,
    session: OwnedObjectPath,
    /// Whether an item that is alone is read as many are.
    lists_one: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    waves: usize,
}

struct Request {
    item: OwnedObjectPath,
    reply: oneshot::Sender<Result<WireSecret, Fault>>,
}

impl Batch {
    /// Reads secrets for this session.
    pub fn new(wire: Arc<Wire>, session: &Session) -> Self {
        // In a large keyring, gnome-keyring takes half the time for a list of one.
        let lists_one = session.is_numbered();
        Self { wire, session: session.path().clone(), lists_one, state: Mutex::default() }
    }

    /// The secret of one item, encrypted for the session.
    pub async fn get_secret(self: &Arc<Self>, item: OwnedObjectPath) -> Result<WireSecret, Fault> {
        self.enqueue(item)
            .await
            .unwrap_or_else(|_| Err(Fault::Lost("the message for its secret was given up".into())))
    }

    fn enqueue(self: &Arc<Self>, item: OwnedObjectPath) -> oneshot::Receiver<Result<WireSecret, Fault>> {
        let (reply, answer) = oneshot::channel();
        let mut state = self.state();
        state.waiting.push_back(Request { item, reply });
        if state.waves < MAX_WAVES {
            state.waves += 1;
            executor::spawn(Arc::clone(self).send_waves());
        }
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    async fn send_waves(self: Arc<Self>) {
        let _place = HostKind(&self);
        loop {
            let wave = self.next_wave();
            if wave.is_empty() {
                return;
            }
            self.read(wave).await;
        }
    }

    /// The next items to read together, without those that nobody waits for any more.
    fn next_wave(&self) -> Vec<Request> {
        let mut state = self.state();
        state.waiting.retain(|request| !request.reply.is_closed());
        let count = state.waiting.len().min(MAX_WAVE);
        state.waiting.drain(..count).collect()
    }

    /// Reads the secrets of a wave, and answers those who wait for them.
    async fn read(&self, wave: Vec<Request>) {
        let mut secrets = HashMap::new();
        if wave.len() > 1 || self.lists_one {
            let items = wave.iter().map(|request| request.item.clone()).collect();
            match self.wire.get_secrets(items, &self.session).await {
                Ok(read) => secrets = read,
                // What the service refuses for all it may refuse for one alone.
                Err(Fault::Refused { .. }) => {}
                Err(fault) => {
                    for request in wave {
                        let _ = request.reply.send(Err(fault.clone()));
                    }
                    return;
                }
            }
        }
        let mut alone = Vec::new();
        for request in wave {
            // Several may ask for one item.
            match secrets.get(&request.item) {
                Some(secret) => drop(request.reply.send(Ok(secret.clone()))),
                None => alone.push(request),
            }
        }
        // Services leave out what is locked or not there. Asked for it alone, they say which.
        for Request { item, reply } in alone {
            let _ = reply.send(self.wire.get_secret(&item, &self.session).await);
        }
    }
}

/// A place among the messages under way, which even a panic gives back.
struct HostKind<'a>(&'a Arc<Batch>);

impl Drop for HostKind<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.waiting.is_empty() {
            state.waves -= 1;
        } else {
            executor::spawn(Arc::clone(self.0).send_waves());
        }
    }
}
