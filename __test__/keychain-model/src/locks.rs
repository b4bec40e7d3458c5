//! The locks that calls of one process hold, as Apple's sources say: a prompt makes other calls wait.
//!
//! They are taken in the same order as there, which is not always the same: a call that deletes an item, or adds one that
//! exists, may block for ever beside one that reads or updates the same item.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, LazyLock, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// What a lock is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Of {
    /// A keychain, by its path (`KeychainImpl::mMutex`).
    Keychain(String),
    /// An item, by its number (`ItemImpl::mMutex`).
    Item(u64),
    /// The process: one prompt about an item's access at a time (`Process::aclSequence` of securityd).
    Prompts,
}

#[derive(Default)]
struct Lock {
    taken: Mutex<bool>,
    freed: Condvar,
}

/// A lock that was taken. It is free again when this is dropped.
#[must_use]
pub struct Held(Arc<Lock>);

static LOCKS: LazyLock<Mutex<HashMap<Of, Arc<Lock>>>> = LazyLock::new(Mutex::default);

/// Waits for a lock, and takes it.
pub fn hold(of: Of) -> Held {
    let lock = Arc::clone(LOCKS.lock().unwrap_or_else(PoisonError::into_inner).entry(of).or_default());
    let mut taken = lock.taken.lock().unwrap_or_else(PoisonError::into_inner);
    while *taken {
        taken = lock.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
    }
    *taken = true;
    drop(taken);
    Held(lock)
}

/// Lets some time pass between two locks, as the framework's own work does. Without it, calls would hardly ever meet
/// there.
pub fn pause() {
    thread::sleep(Duration::from_micros(100));
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.freed.notify_one();
    }
}
