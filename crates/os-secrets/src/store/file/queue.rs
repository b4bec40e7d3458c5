//! Changes that wait to be written. One writer makes all that have come meanwhile in one go.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use tokio::{sync::oneshot, time::sleep};

use super::{Inner, Keys};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor,
    file::{Directory, PAUSE},
    progress::Progress,
    sync::lock,
};

/// The changes of one store.
#[derive(Default)]
pub struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Change>,
    /// Whether somebody writes.
    writing: bool,
}

/// What is to be stored under a key, or that it is to be deleted.
struct Change {
    key: Key,
    value: Option<Secret>,
    stage: Arc<Stage>,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// How far a change has come.
#[derive(Default)]
struct Stage(AtomicU8);

impl Stage {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// Whether it is the first to leave the queue in this way.
    fn leave(&self, to: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Has a change made, and answers whether something was there under its key before.
pub async fn change(
    inner: &Arc<Inner>,
    key: Key,
    value: Option<Secret>,
    progress: &Progress,
) -> Result<bool, Error> {
    let (answer, answered) = oneshot::channel();
    let mut call = Caller { stage: Arc::default(), progress: Some(progress) };
    let change = Change { key, value, stage: Arc::clone(&call.stage), answer };
    let starts = {
        let mut state = lock(&inner.queue.0);
        state.waiting.push(change);
        !mem::replace(&mut state.writing, true)
    };
    if starts {
        executor::spawn(write_all(Arc::clone(inner)));
    }
    let outcome = answered.await.map_err(|_| Error::Internal("the file's writer ended early".into()))?;
    // Known: it is done, or it is not.
    call.progress = None;
    outcome
}

/// Who waits for a change. Whoever gives up withdraws it, or learns that it is too late for that.
struct Caller<'a> {
    stage: Arc<Stage>,
    progress: Option<&'a Progress>,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if let Some(progress) = self.progress
            && !self.stage.leave(Stage::WITHDRAWN)
        {
            progress.sending();
        }
    }
}

/// Writes until nothing waits any more.
async fn write_all(inner: Arc<Inner>) {
    Writer { inner: &inner, ended: false }.run().await;
}

/// Who writes a store: one for all that wait. Those who wait where it ends early are told so.
struct Writer<'a> {
    inner: &'a Arc<Inner>,
    ended: bool,
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.ended {
            *lock(&self.inner.queue.0) = State::default();
        }
    }
}

impl Writer<'_> {
    async fn run(mut self) {
        loop {
            {
                let mut state = lock(&self.inner.queue.0);
                if state.waiting.is_empty() {
                    state.writing = false;
                    self.ended = true;
                    return;
                }
            }
            self.write().await;
        }
    }

    /// Makes all changes that wait when it is our turn.
    async fn write(&self) {
        let inner = Arc::clone(self.inner);
        let written = match self.prepare().await {
            Ok(ready) => {
                let write = move || {
                    let changes = inner.take();
                    let outcomes = inner.apply_each(&ready, &changes);
                    // Whoever is answered finds the lock gone.
                    drop(ready);
                    answer(changes, outcomes);
                    Ok(())
                };
                self.inner.writing.run(write).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            // Nothing was begun, and all of them wait still.
            let changes = self.inner.take();
            let outcomes = vec![Err(error); changes.len()];
            answer(changes, outcomes);
        }
    }

    /// Waits for the file's lock. `None` where there is no directory to lock; it is made for what is to be
    /// stored. Nothing but the looking is done on the pool: others wait there for their disks.
    async fn prepare(&self) -> Result<Ready, Error> {
        let start = Instant::now();
        loop {
            let inner = Arc::clone(self.inner);
            let ready = self.inner.writing.run(move || {
                let keys = inner.keys(true)?;
                let place = inner.place()?;
                if !place.has_directory()? && !inner.has_value_waiting() {
                    return Ok(Some((keys, None)));
                }
                place.make_directory()?;
                Ok(Directory::try_lock(&place.path, start)?.map(|directory| (keys, Some(directory))))
            });
            match ready.await? {
                Some(ready) => return Ok(ready),
                None => sleep(PAUSE).await,
            }
        }
    }
}

/// Tells who waits for them what has become of changes. Who gave up meanwhile does not listen.
fn answer(changes: Vec<Change>, outcomes: Vec<Result<bool, Error>>) {
    for (change, outcome) in changes.into_iter().zip(outcomes) {
        let _ = change.answer.send(outcome);
    }
}

/// What unlocks the file, and its directory, locked.
type Ready = (Arc<Keys>, Option<Directory>);

impl Inner {
    fn has_value_waiting(&self) -> bool {
        lock(&self.queue.0).waiting.iter().any(|change| change.value.is_some())
    }

    fn take(&self) -> Vec<Change> {
        let mut taken = mem::take(&mut lock(&self.queue.0).waiting);
        taken.retain(|change| change.stage.leave(Stage::TAKEN));
        taken
    }

    /// Makes changes in one go, or one by one where together they are too much.
    fn apply_each(&self, ready: &Ready, changes: &[Change]) -> Vec<Result<bool, Error>> {
        match self.apply(ready, changes) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Error::TooLarge { .. }) if changes.len() > 1 => {
                changes.chunks(1).map(|change| self.apply(ready, change).map(|answers| answers[0])).collect()
            }
            Err(error) => vec![Err(error); changes.len()],
        }
    }

    fn apply(&self, (keys, directory): &Ready, changes: &[Change]) -> Result<Vec<bool>, Error> {
        let locked;
        let directory = match directory {
            Some(directory) => directory,
            None if changes.iter().all(|change| change.value.is_none()) => {
                return Ok(vec![false; changes.len()]);
            }
            // It has come since it was looked.
            None => {
                let place = self.place()?;
                place.make_directory()?;
                locked = Directory::lock(&place.path)?;
                &locked
            }
        };
        let contents = self.contents(keys)?;
        let mut payload = self.whole_payload(&contents)?;
        let applied = changes.iter().map(|change| match &change.value {
            Some(value) => payload.set(&change.key, value),
            None => payload.remove(&change.key),
        });
        let answers: Vec<bool> = applied.collect::<Result<_, _>>().map_err(|error| self.damaged(error))?;
        if changes.iter().zip(&answers).any(|(change, was_there)| change.value.is_some() || *was_there) {
            self.write(directory, keys, payload, &contents, None)?;
        }
        Ok(answers)
    }
}
