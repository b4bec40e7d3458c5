//! One message for the secrets of many items, if many calls want secrets at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;
use zbus::OwnedObjectPath;

use super::{fault::Fault, session::Session, spec::WireSecret, wire::Wire};
use crate::{executor, sync::lock};

/// The maximum number of items in one message. Small batches answer the first calls early, and let other tasks run
/// between them.
const MAX_BATCH: usize = 32;
/// The maximum number of batches that are sent at a time. The service works on one while another is on its way.
const MAX_SENDERS: usize = 2;

/// Reads the secrets of items in one session.
///
/// A call that is alone is not delayed: its message is sent at once. Calls that come while messages are on their way
/// wait for the reply to one of them, and then share a message.
pub struct BatchedReads {
    wire: Arc<Wire>,
    session: OwnedObjectPath,
    /// Whether a single item is read with `GetSecrets`, as several are.
    lists_one: bool,
    pending: Mutex<PendingReads>,
}

#[derive(Default)]
struct PendingReads {
    waiting: VecDeque<PendingRead>,
    /// How many tasks send batches.
    senders: usize,
}

struct PendingRead {
    item: OwnedObjectPath,
    reply: oneshot::Sender<Result<WireSecret, Fault>>,
}

impl BatchedReads {
    /// Reads secrets in this session.
    pub fn new(wire: Arc<Wire>, session: &Session) -> Self {
        // In a large keyring, gnome-keyring answers GetSecrets for one item in half the time of GetSecret.
        let lists_one = session.is_numbered();
        Self { wire, session: session.path().clone(), lists_one, pending: Mutex::default() }
    }

    /// Reads the secret of one item, encrypted for the session.
    pub async fn get_secret(self: &Arc<Self>, item: OwnedObjectPath) -> Result<WireSecret, Fault> {
        self.enqueue(item)
            .await
            .unwrap_or_else(|_| Err(Fault::Lost("the message for its secret was given up".into())))
    }

    fn enqueue(self: &Arc<Self>, item: OwnedObjectPath) -> oneshot::Receiver<Result<WireSecret, Fault>> {
        let (reply, secret) = oneshot::channel();
        let mut pending = self.lock_pending();
        pending.waiting.push_back(PendingRead { item, reply });
        if pending.senders < MAX_SENDERS {
            pending.senders += 1;
            // The part may start at once, and needs the lock.
            drop(pending);
            executor::spawn_part(Arc::clone(self).send_batches());
        }
        secret
    }

    fn lock_pending(&self) -> MutexGuard<'_, PendingReads> {
        lock(&self.pending)
    }

    async fn send_batches(self: Arc<Self>) {
        let _sender = CountedSender(&self);
        loop {
            let batch = self.take_batch();
            if batch.is_empty() {
                return;
            }
            self.read_batch(batch).await;
        }
    }

    /// Takes the items that are read next. Items whose callers have gone are dropped.
    fn take_batch(&self) -> Vec<PendingRead> {
        let mut pending = self.lock_pending();
        pending.waiting.retain(|read| !read.reply.is_closed());
        let count = pending.waiting.len().min(MAX_BATCH);
        pending.waiting.drain(..count).collect()
    }

    /// Reads the secrets of a batch, and answers the calls that wait for them.
    async fn read_batch(&self, batch: Vec<PendingRead>) {
        let mut secrets = HashMap::new();
        if batch.len() > 1 || self.lists_one {
            let items = batch.iter().map(|read| read.item.clone()).collect();
            match self.wire.get_secrets(items, &self.session).await {
                Ok(found) => secrets = found,
                // The service may have refused because of one item. Read each of them alone.
                Err(Fault::Refused { .. }) => {}
                Err(fault) => {
                    for read in batch {
                        let _ = read.reply.send(Err(fault.clone()));
                    }
                    return;
                }
            }
        }
        let mut missing = Vec::new();
        for read in batch {
            // Cloned, because several calls may want one item.
            match secrets.get(&read.item) {
                Some(secret) => drop(read.reply.send(Ok(secret.clone()))),
                None => missing.push(read),
            }
        }
        // Services leave out items that are locked or do not exist. The reply for the item alone tells which.
        for PendingRead { item, reply } in missing {
            let _ = reply.send(self.wire.get_secret(&item, &self.session).await);
        }
    }
}

/// One of [`PendingReads::senders`]. Dropping it, even in a panic, hands over to another sender or lowers their
/// number.
struct CountedSender<'a>(&'a Arc<BatchedReads>);

impl Drop for CountedSender<'_> {
    fn drop(&mut self) {
        let mut pending = self.0.lock_pending();
        if pending.waiting.is_empty() {
            pending.senders -= 1;
        } else {
            executor::spawn(Arc::clone(self.0).send_batches());
        }
    }
}
