//! What one call may do, and how far it has come.

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{Effect, Error},
    sync::lock,
};

/// What one call may do, and how far it has come.
pub struct Progress {
    interactive: bool,
    changes: bool,
    sent: AtomicBool,
    done: AtomicBool,
    lost: AtomicBool,
    /// When the call ends, and how long it may take.
    deadline: OnceLock<(Instant, Duration)>,
    /// Why the call has not succeeded yet.
    failure: Mutex<Option<Error>>,
}

impl Progress {
    /// The progress of a call that only reads.
    pub fn reading(interactive: bool) -> Self {
        let no = || AtomicBool::new(false);
        Self {
            interactive,
            changes: false,
            sent: no(),
            done: no(),
            lost: no(),
            deadline: OnceLock::new(),
            failure: Mutex::default(),
        }
    }

    /// The progress of a call that stores or deletes.
    pub fn changing(interactive: bool) -> Self {
        Self { changes: true, ..Self::reading(interactive) }
    }

    /// Whether the call may ask the user.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// When the call must end, and the time that it has got for that. If nobody has bounded it, it gets this time, from
    /// the first call of this function.
    pub fn deadline_or(&self, time: Duration) -> (Instant, Duration) {
        *self.deadline.get_or_init(|| (Instant::now() + time, time))
    }

    /// Call when the store has failed, and is asked again. If the deadline passes first, this is why.
    pub fn note_failure(&self, error: Error) {
        *lock(&self.failure) = Some(error);
    }

    /// Call when the store has answered a request of the call.
    pub fn clear_failure(&self) {
        *lock(&self.failure) = None;
    }

    /// Why the call has not succeeded, if the store has said it.
    pub fn failure(&self) -> Option<Error> {
        lock(&self.failure).clone()
    }

    /// Call before a change is sent to the store.
    pub fn sending(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// Call when the store answers that it made no change.
    pub fn refused(&self) {
        self.sent.store(false, Ordering::Relaxed);
    }

    /// Call when the store answers that it made a change. A later refusal does not undo it.
    pub fn done(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// Call when the connection is lost: we can no longer know whether a change that was sent was made, whatever the
    /// store answers later.
    pub fn lost(&self) {
        self.lost.fetch_or(self.sent.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether the store has made a change, or may have made one on a connection that was lost.
    pub fn has_changed(&self) -> bool {
        self.done.load(Ordering::Relaxed) || self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn effect(&self) -> Effect {
        match (self.changes, self.sent.load(Ordering::Relaxed) || self.has_changed()) {
            (false, _) => Effect::None,
            (true, false) => Effect::NotDone,
            (true, true) => Effect::Unknown,
        }
    }
}
