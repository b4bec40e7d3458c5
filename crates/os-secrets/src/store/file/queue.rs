//! Changes that wait to be written. One write makes all changes that have arrived since the last one.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::{sync::oneshot, time::sleep};

use super::{
    envelope::StoreKeys,
    vault::{Recipients, Vault},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::{self, Lane},
    file::{LockWait, LockedDirectory},
    progress::Progress,
    sync::lock,
};

/// The changes of one store.
pub struct Queue {
    vault: Arc<Vault>,
    lane: Lane,
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    waiting: Vec<Change>,
    /// Whether a [`Writer`] is running.
    writing: bool,
}

/// A value to be stored under a key, or `None` to delete the key.
struct Change {
    key: Key,
    value: Option<Secret>,
    stage: Arc<ChangeStage>,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// How far a change has come.
#[derive(Default)]
struct ChangeStage(AtomicU8);

impl ChangeStage {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// Leaves the queue, and returns whether the change was still in it.
    fn leave(&self, to: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Queue {
    /// An empty queue, whose changes are made in a lane.
    pub fn new(vault: Arc<Vault>, lane: Lane) -> Self {
        Self { vault, lane, state: Mutex::default() }
    }

    /// Makes a change, and returns whether its key existed before.
    pub async fn change(
        self: &Arc<Self>,
        key: Key,
        value: Option<Secret>,
        progress: &Progress,
    ) -> Result<bool, Error> {
        let (answer, answered) = oneshot::channel();
        let mut call = WaitingCall { stage: Arc::default(), progress: Some(progress) };
        let change = Change { key, value, stage: Arc::clone(&call.stage), answer };
        let starts = {
            let mut state = lock(&self.state);
            state.waiting.push(change);
            !mem::replace(&mut state.writing, true)
        };
        if starts {
            executor::spawn(Writer { queue: Arc::clone(self), ended: false }.run());
        }
        let outcome = answered.await.map_err(|_| Error::Internal("the file's writer ended early".into()))?;
        // The outcome is known, so that nothing needs to be withdrawn.
        call.progress = None;
        outcome
    }

    /// Tries to make all changes that wait, on a thread that may block. Returns false if another writer has locked the
    /// directory. The lock is taken and released within one piece of work, so that nobody waits for the lane while
    /// holding it.
    ///
    /// # Errors
    ///
    /// Those that concern all changes. None of them was begun then, and all still wait.
    fn try_write(&self, wait: &mut LockWait) -> Result<bool, Error> {
        // Before the user is asked for a passphrase.
        self.vault.check_exists()?;
        let keys = self.vault.read_keys(true)?;
        let file = self.vault.file()?;
        if !file.has_directory()?
            && let Some(deletes) = self.take_deletes()
        {
            let outcomes = vec![Ok(false); deletes.len()];
            send_answers(deletes, outcomes);
            return Ok(true);
        }
        file.make_directory()?;
        let Some(directory) = LockedDirectory::try_lock(&file.path, wait)? else { return Ok(false) };
        let changes = self.take();
        let outcomes = self.apply_each(&keys, &directory, &changes);
        // Released first: the lock is free when a caller learns the outcome.
        drop(directory);
        send_answers(changes, outcomes);
        Ok(true)
    }

    fn take(&self) -> Vec<Change> {
        take_from(&mut lock(&self.state))
    }

    /// Takes all waiting changes if all of them are deletes. A set that waits needs the directory.
    fn take_deletes(&self) -> Option<Vec<Change>> {
        let mut state = lock(&self.state);
        let has_value = state.waiting.iter().any(|change| change.value.is_some());
        (!has_value).then(|| take_from(&mut state))
    }

    /// Makes changes with one write. If they are too large together, makes each with a write of its own.
    fn apply_each(
        &self,
        keys: &Arc<StoreKeys>,
        directory: &LockedDirectory,
        changes: &[Change],
    ) -> Vec<Result<bool, Error>> {
        let apply = |changes| self.apply(keys, directory, changes);
        match apply(changes) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Error::TooLarge { .. }) if changes.len() > 1 => {
                changes.chunks(1).map(|change| apply(change).map(|answers| answers[0])).collect()
            }
            Err(error) => vec![Err(error); changes.len()],
        }
    }

    fn apply(
        &self,
        keys: &Arc<StoreKeys>,
        directory: &LockedDirectory,
        changes: &[Change],
    ) -> Result<Vec<bool>, Error> {
        let vault = &self.vault;
        let contents = vault.read_contents(Arc::clone(keys))?;
        let mut payload = vault.parse_valid_payload(&contents)?;
        let applied = changes.iter().map(|change| match &change.value {
            Some(value) => payload.set(&change.key, value),
            None => payload.remove(&change.key),
        });
        let existed: Vec<bool> =
            applied.collect::<Result<_, _>>().map_err(|error| vault.payload_error(error))?;
        if changes.iter().zip(&existed).any(|(change, existed)| change.value.is_some() || *existed) {
            vault.write(directory, payload, &contents, Recipients::AsBefore)?;
        }
        Ok(existed)
    }
}

/// Takes all changes that were not withdrawn. They can no longer be withdrawn then.
fn take_from(state: &mut QueueState) -> Vec<Change> {
    let mut taken = mem::take(&mut state.waiting);
    taken.retain(|change| change.stage.leave(ChangeStage::TAKEN));
    taken
}

/// Tells the callers the outcomes of their changes. Nobody listens for a caller that has given up.
fn send_answers(changes: Vec<Change>, outcomes: Vec<Result<bool, Error>>) {
    for (change, outcome) in changes.into_iter().zip(outcomes) {
        let _ = change.answer.send(outcome);
    }
}

/// A call that waits for its change. If it is dropped before, it withdraws the change. If it is too late for that, the
/// progress learns that the change may be made.
struct WaitingCall<'a> {
    stage: Arc<ChangeStage>,
    progress: Option<&'a Progress>,
}

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        if let Some(progress) = self.progress
            && !self.stage.leave(ChangeStage::WITHDRAWN)
        {
            progress.sending();
        }
    }
}

/// The task that writes for all callers. If it ends early, the changes that wait are dropped, and their callers get an
/// error.
struct Writer {
    queue: Arc<Queue>,
    ended: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.ended {
            *lock(&self.queue.state) = QueueState::default();
        }
    }
}

impl Writer {
    /// Writes until no change waits.
    async fn run(mut self) {
        loop {
            {
                let mut state = lock(&self.queue.state);
                if state.waiting.is_empty() {
                    state.writing = false;
                    self.ended = true;
                    return;
                }
            }
            self.write().await;
        }
    }

    /// Waits for the directory's lock, and makes all changes that wait by then. Between two attempts no thread is
    /// blocked, and others can use the lane.
    async fn write(&self) {
        let mut wait = LockWait::begin();
        loop {
            let queue = Arc::clone(&self.queue);
            let attempt = move || queue.try_write(&mut wait).map(|is_written| (is_written, wait));
            match self.queue.lane.run(attempt).await {
                Ok((true, _)) => return,
                Ok((false, waited)) => {
                    wait = waited;
                    sleep(wait.pause()).await;
                }
                Err(error) => {
                    let changes = self.queue.take();
                    let outcomes = vec![Err(error); changes.len()];
                    return send_answers(changes, outcomes);
                }
            }
        }
    }
}
