//! Changes that wait to be written. One thread writes all that have come meanwhile in one go.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::{sync::oneshot, task::spawn_blocking};

use super::{Inner, lock};
use crate::{
    credential::{Key, Secret},
    error::Error,
    limits::Progress,
};

/// The changes of one store.
#[derive(Default)]
pub struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Change>,
    /// Whether a thread writes.
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
        let inner = Arc::clone(inner);
        spawn_blocking(move || Writer(&inner).run());
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

/// The one thread that writes a store. Those who wait when it ends early are told so.
struct Writer<'a>(&'a Inner);

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(&self.0.queue.0) = State::default();
        }
    }
}

impl Writer<'_> {
    fn run(self) {
        loop {
            {
                let mut state = lock(&self.0.queue.0);
                if state.waiting.is_empty() {
                    state.writing = false;
                    return;
                }
            }
            self.write();
        }
    }

    fn take(&self) -> Vec<Change> {
        let mut taken = mem::take(&mut lock(&self.0.queue.0).waiting);
        taken.retain(|change| change.stage.leave(Stage::TAKEN));
        taken
    }

    /// Makes all changes that wait when it is our turn.
    fn write(&self) {
        let (changes, outcome) = self.try_write();
        let mut answers = match outcome {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); changes.len()],
        };
        for change in changes.into_iter().rev() {
            // Who gave up meanwhile does not listen.
            let _ = change.answer.send(answers.pop().expect("one for each"));
        }
    }

    fn try_write(&self) -> (Vec<Change>, Result<Vec<bool>, Error>) {
        let is_set = |change: &Change| change.value.is_some();
        let ready = self.0.keys().and_then(|keys| {
            let place = self.0.place()?;
            // What is not there need not be made to delete from it.
            if !place.has_directory()? && !lock(&self.0.queue.0).waiting.iter().any(is_set) {
                return Ok(None);
            }
            Ok(Some((keys, place.lock()?)))
        });
        let changes = self.take();
        let outcome = ready.and_then(|ready| {
            let Some((keys, directory)) = ready else { return Ok(vec![false; changes.len()]) };
            let contents = self.0.contents(&keys)?;
            let mut payload = self.0.payload(&contents)?;
            let applied = changes.iter().map(|change| match &change.value {
                Some(value) => {
                    let replaced = payload.has(&change.key)?;
                    payload.set(&change.key, value).map(|()| replaced)
                }
                None => payload.remove(&change.key),
            });
            let answers: Vec<bool> =
                applied.collect::<Result<_, _>>().map_err(|error| self.0.damaged(error))?;
            if changes.iter().zip(&answers).any(|(change, was_there)| is_set(change) || *was_there) {
                self.0.write(&directory, &keys, payload, &contents, None)?;
            }
            Ok(answers)
        });
        (changes, outcome)
    }
}
