//! The thread on which connections and timers live.
//!
//! Not the runtime's own threads: those of a JavaScript environment end with it (worker threads
//! come and go), while the connection to the store is the process's. Not libuv's pool either: its
//! four threads serve the program's files. The thread starts with the first call, sleeps when
//! nothing happens, and ends with the process.

use std::{future::Future, pin::Pin, sync::Mutex, thread};

use tokio::{
    runtime::Builder,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::JoinHandle,
};

use crate::{error::Error, sync::lock};

mod lane;
mod pool;

pub use lane::{Lane, Purpose};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

static EXECUTOR: Mutex<Option<Executor>> = Mutex::new(None);

/// What gives the thread work.
#[derive(Clone)]
pub struct Executor(UnboundedSender<Task>);

impl Executor {
    /// Has the thread run a future. Those that come before it has woken up wake it together: a
    /// wake-up is a system call, and a program may start a thousand calls at once.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // The receiver lives as long as the process.
        let _ = self.0.send(Box::pin(task));
    }
}

/// Runs a future on the thread and waits for its outcome, on any other thread.
///
/// # Errors
///
/// As [`executor`], and [`Error::Internal`] where the future panicked.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    let (sender, outcome) = oneshot::channel();
    executor()?.spawn(async move {
        let _ = sender.send(future.await);
    });
    outcome.blocking_recv().map_err(|_| Error::Internal("the call ended without an outcome".into()))
}

/// Starts a task on the thread, to be called there. Behind a pointer, as all tasks that come from elsewhere,
/// so that what runs them is compiled once.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let task: Task = Box::pin(task);
    tokio::spawn(task)
}

/// The outcome of a task that may have panicked. Releases do not unwind (Cargo.toml): there a panic has ended the
/// process, and what is done here and elsewhere after one is for the tests.
pub(crate) fn ended<T>(outcome: Result<T, tokio::task::JoinError>) -> Result<T, Error> {
    outcome.map_err(|error| Error::Internal(format!("a part of the call ended early: {error}")))
}

/// The thread's executor, for any thread; the first call starts it.
///
/// # Errors
///
/// [`Error::Internal`] where the system gives no thread or no epoll instance. A later call tries
/// again.
pub fn executor() -> Result<Executor, Error> {
    // An executor is whole or absent.
    let mut slot = lock(&EXECUTOR);
    if let Some(executor) = &*slot {
        return Ok(executor.clone());
    }
    let executor =
        start().map_err(|error| Error::Internal(format!("its I/O thread cannot start: {error}")))?;
    Ok(slot.insert(executor).clone())
}

fn start() -> std::io::Result<Executor> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (sender, tasks) = unbounded_channel();
    thread::Builder::new().name("os-secrets".into()).spawn(move || runtime.block_on(run(tasks)))?;
    Ok(Executor(sender))
}

/// Each in a task of its own, so that a panic ends no other, where it does not end the process (Cargo.toml).
async fn run(mut tasks: UnboundedReceiver<Task>) {
    while let Some(task) = tasks.recv().await {
        tokio::spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn one_thread_serves_all_and_outlives_a_panic() {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..2 {
            executor().unwrap().spawn(async { panic!("a bug in one call") });
            let sender = sender.clone();
            executor().unwrap().spawn(async move { sender.send(thread::current().id()).unwrap() });
        }
        assert_eq!(receiver.recv().unwrap(), receiver.recv().unwrap());
    }
}
