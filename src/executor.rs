//! The thread on which connections and timers live.
//!
//! Not the runtime's own threads: those of a JavaScript environment end with it (worker threads
//! come and go), while the connection to the store is the process's. Not libuv's pool either: its
//! four threads serve the program's files. The thread starts with the first call, sleeps when
//! nothing happens, and ends with the process.

use std::{sync::Mutex, thread};

use tokio::runtime::{Builder, Handle};

use crate::error::Error;

static HANDLE: Mutex<Option<Handle>> = Mutex::new(None);

/// The thread's runtime, to run futures on from any thread; the first call starts it.
///
/// # Errors
///
/// [`Error::Internal`] where the system gives no thread or no epoll instance. A later call tries
/// again.
pub fn handle() -> Result<Handle, Error> {
    // Nothing panics while the lock is held, and a `Handle` is whole or absent.
    let mut slot = HANDLE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(handle) = &*slot {
        return Ok(handle.clone());
    }
    let handle = start().map_err(|error| Error::Internal(format!("its I/O thread cannot start: {error}")))?;
    Ok(slot.insert(handle).clone())
}

fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("os-secrets".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn one_thread_serves_all_and_outlives_a_panic() {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..2 {
            handle().unwrap().spawn(async { panic!("a bug in one call") });
            let sender = sender.clone();
            handle().unwrap().spawn(async move { sender.send(thread::current().id()).unwrap() });
        }
        assert_eq!(receiver.recv().unwrap(), receiver.recv().unwrap());
    }
}
