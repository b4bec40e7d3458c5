//! The process's handles of keychains. A handle keeps for as long as it lives whether it may ask for the password of a
//! locked keychain: what the switch of the process said when the handle was opened.

use std::{
    collections::HashMap,
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a handle lives after the last search.
const LIFE: Duration = Duration::from_secs(5);

/// Whether the process may ask the user (`SecKeychainSetUserInteractionAllowed`).
pub static MAY_ASK: AtomicBool = AtomicBool::new(true);

static HANDLES: LazyLock<Mutex<HashMap<String, Handle>>> = LazyLock::new(Mutex::default);

struct Handle {
    may_ask: bool,
    last_used: Instant,
}

/// Uses the handle of a keychain, as a search does. Opens one if none lives. Returns whether it may ask for the
/// keychain's password.
pub fn activate(keychain: &str) -> bool {
    let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
    let (now, may_ask) = (Instant::now(), MAY_ASK.load(Ordering::SeqCst));
    let handle = handles.entry(keychain.to_owned()).or_insert(Handle { may_ask, last_used: now });
    if now.duration_since(handle.last_used) > LIFE {
        handle.may_ask = may_ask;
    }
    handle.last_used = now;
    handle.may_ask
}

/// Opens the handle of a keychain anew, as adding an item does.
pub fn open(keychain: &str) {
    let handle = Handle { may_ask: MAY_ASK.load(Ordering::SeqCst), last_used: Instant::now() };
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner).insert(keychain.to_owned(), handle);
}

/// Forgets all handles, as after some time.
#[unsafe(no_mangle)]
pub extern "C" fn keychain_model_close_handles() {
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
