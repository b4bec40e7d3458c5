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
    /// Of a call that only reads.
    pub fn reading(interactive: bool) -> Self {
        let no = || AtomicBool::new(false);
        Self { interactive, changes: false, sent: no(), done: no(), lost: no() }
    }

    /// Of a call that stores or deletes.
    pub fn changing(interactive: bool) -> Self {
        Self { changes: true, ..Self::reading(interactive) }
    }

    /// Whether the call may ask the person.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// To be called before the store is told to change something.
    pub fn sending(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// To be called where the store said that it did not change what it was told to.
    pub fn refused(&self) {
        self.sent.store(false, Ordering::Relaxed);
    }

    /// To be called where the store said that it has changed something, which no later refusal undoes.
    pub fn done(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// To be called where the connection was lost: whether the store did what it was told by then
    /// stays unknown, whatever it answers later.
    pub fn lost(&self) {
        self.lost.fetch_or(self.sent.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether the store has changed something, or was told to on a connection that was lost.
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
