//! What one call may do, and how far it has come.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Effect;

/// What one call may do, and how far it has come.
pub struct Progress {
    interactive: bool,
    changes: bool,
    sent: AtomicBool,
    done: AtomicBool,
    lost: AtomicBool,
}

impl Progress {
    /// The progress of a call that only reads.
    pub fn reading(interactive: bool) -> Self {
        let no = || AtomicBool::new(false);
        Self { interactive, changes: false, sent: no(), done: no(), lost: no() }
    }

    /// The progress of a call that stores or deletes.
    pub fn changing(interactive: bool) -> Self {
        Self { changes: true, ..Self::reading(interactive) }
    }

    /// Whether the call may ask the user.
    pub fn is_interactive(&self) -> bool {
        self.interactive
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
