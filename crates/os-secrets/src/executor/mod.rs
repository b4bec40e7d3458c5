//! The thread on which connections and timers live, and the threads for work that blocks.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the thread for connections and timers |
//! | `lane.rs` | work that blocks its thread, and the limits on how much of it runs at once |
//! | `pool.rs` | the threads for that work |
//! | `caller.rs` | tasks that start on the thread of their caller |
//!
//! The first thread is not one of a JavaScript environment: these end with their environment (worker threads come and
//! go), while the connection to the store belongs to the process. It is not one of libuv's pool either: those four
//! threads serve the program's files. It starts with the first call, sleeps when nothing happens, and ends with the
//! process.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, mpsc},
    thread::{self, LocalKey},
};

use tokio::{
    runtime::{Builder, Handle},
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::JoinHandle,
};

use crate::{error::Error, sync::lock};

mod caller;
mod lane;
mod pool;

pub use lane::{Lane, Purpose};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

static EXECUTOR: Mutex<Option<Executor>> = Mutex::new(None);

/// How many futures may start in the pool at once. More of them wait on one thread, not on many.
static STARTS_IN_POOL: Semaphore = Semaphore::const_new(4);

/// The thread on which a task starts. If it has to wait, it continues on the I/O thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartOn {
    /// The I/O thread.
    IoThread,
    /// A thread of the pool, where lanes do their work at once, so that nothing goes from thread to thread. It is faster for
    /// tasks that only block a thread. Several tasks start in any order.
    Pool,
    /// The thread of the caller, until the task waits for the first time. It is faster for tasks that are alone and only
    /// send a message before they wait. They must not block or compute for long.
    Caller,
}

/// Sets a flag of this thread while it exists. It is dropped in a panic as well.
struct SetFlag(&'static LocalKey<Cell<bool>>);

impl SetFlag {
    fn new(flag: &'static LocalKey<Cell<bool>>) -> Self {
        flag.set(true);
        Self(flag)
    }
}

impl Drop for SetFlag {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Gives the thread work.
#[derive(Clone)]
pub struct Executor {
    tasks: UnboundedSender<Task>,
    /// For futures that start on other threads.
    runtime: Handle,
}

impl Executor {
    /// Runs a future on the thread. Futures that arrive before the thread is awake cause one wake-up together: it is a
    /// system call, and a program may start a thousand calls at once.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_task(Box::pin(task));
    }

    /// As [`spawn`](Self::spawn), with a choice of the thread on which the future starts.
    pub fn start(&self, on: StartOn, task: impl Future<Output = ()> + Send + 'static) {
        let task: Task = Box::pin(task);
        match on {
            StartOn::IoThread => self.spawn_task(task),
            StartOn::Pool => self.start_in_pool(task),
            StartOn::Caller => caller::start_on_caller(&self.runtime, task),
        }
    }

    fn start_in_pool(&self, task: Task) {
        let Ok(place) = STARTS_IN_POOL.try_acquire() else { return self.spawn_task(task) };
        let task = Arc::new(Mutex::new(Some(task)));
        let (own, executor) = (Arc::clone(&task), self.clone());
        let start = move || {
            let Some(mut task) = lock(&own).take() else { return };
            let polled = {
                let _context = executor.runtime.enter();
                lane::poll_in_pool(task.as_mut())
            };
            if polled.is_pending() {
                executor.spawn_task(task);
            }
            drop(place);
        };
        if pool::submit(Box::new(start)).is_err()
            && let Some(task) = lock(&task).take()
        {
            // The lane of its work says why there is no thread.
            self.spawn_task(task);
        }
    }

    fn spawn_task(&self, task: Task) {
        // The receiver lives as long as the process.
        let _ = self.tasks.send(task);
    }
}

/// Runs a future on the thread and waits for its outcome. Call it on any other thread, which may be one of an
/// asynchronous runtime.
///
/// # Errors
///
/// As [`executor`], and [`Error::Internal`] if the future panicked.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    // The channel carries nothing, so that it is compiled once for all kinds of outcomes. tokio's own channels refuse to
    // block a thread of a runtime.
    let (running, ended) = mpsc::channel::<()>();
    let outcome = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&outcome);
    executor()?.spawn(async move {
        let _running = running;
        let reached = future.await;
        *lock(&slot) = Some(reached);
    });
    // It fails when the task drops the sender, at its end or in a panic.
    let _ = ended.recv();
    lock(&outcome).take().ok_or_else(|| Error::Internal("the call ended without an outcome".into()))
}

/// Starts a task on the thread. Call it in the context of its runtime. The future is boxed, as are all tasks from other
/// threads, so that the code that runs them is compiled once.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let task: Task = Box::pin(task);
    tokio::spawn(task)
}

/// As [`spawn`], for a part of the current task. If that has just started on the thread of its caller, so does the part.
pub fn spawn_part(task: impl Future<Output = ()> + Send + 'static) {
    if let Some(task) = caller::start_part(Box::pin(task)) {
        tokio::spawn(task);
    }
}

/// The outcome of a task, or an error if the task panicked. This happens only in tests: releases do not unwind
/// (Cargo.toml), and a panic ends the process.
pub(crate) fn ended<T>(outcome: Result<T, tokio::task::JoinError>) -> Result<T, Error> {
    outcome.map_err(|error| Error::Internal(format!("a part of the call ended early: {error}")))
}

/// The thread's executor, for any thread; the first call starts it.
///
/// # Errors
///
/// [`Error::Internal`] if the system provides no thread or no epoll instance. A later call tries again.
pub fn executor() -> Result<Executor, Error> {
    // Safe after a panic: an executor is stored only when it is complete.
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
    let handle = runtime.handle().clone();
    let (sender, tasks) = unbounded_channel();
    thread::Builder::new().name("os-secrets".into()).spawn(move || runtime.block_on(run(tasks)))?;
    Ok(Executor { tasks: sender, runtime: handle })
}

/// Runs each task on its own, so that a panic in one ends no other. In a release, a panic ends the process
/// (Cargo.toml).
async fn run(mut tasks: UnboundedReceiver<Task>) {
    while let Some(task) = tasks.recv().await {
        tokio::spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::mpsc, task::Poll};

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

    #[test]
    fn work_of_a_task_in_the_pool_is_done_on_its_thread() {
        let (sender, receiver) = mpsc::channel();
        executor().unwrap().start(StartOn::Pool, async move {
            let own = || Ok(thread::current().id());
            let threads = (Lane::new(1).run(own).await, Lane::new(1).run(own).await);
            sender.send((threads, own())).unwrap();
        });
        let ((first, second), own) = receiver.recv().unwrap();
        assert_eq!((&first, &second), (&own, &own));
        assert!(block_on(async { thread::current().id() }).is_ok_and(|id| Ok(id) != own));
    }

    #[test]
    fn a_task_in_the_pool_that_has_to_wait_goes_on_elsewhere() {
        let (sender, receiver) = mpsc::channel();
        executor().unwrap().start(StartOn::Pool, async move {
            let start = thread::current().id();
            // Not ready on the thread where it starts.
            poll_fn(|_| if thread::current().id() == start { Poll::Pending } else { Poll::Ready(()) }).await;
            sender.send(thread::current().name().map(str::to_owned)).unwrap();
        });
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("os-secrets"));
    }

    #[test]
    fn a_task_in_the_pool_may_use_timers() {
        let (sender, receiver) = mpsc::channel();
        executor().unwrap().start(StartOn::Pool, async move {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            sender.send(thread::current().name().map(str::to_owned)).unwrap();
        });
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("os-secrets"));
    }

    #[test]
    fn a_call_waits_on_a_thread_of_a_runtime_as_on_any_other() {
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(async { block_on(async { 1 }) }), Ok(1));
        let ended = block_on::<()>(async { panic!("a bug in the call") });
        assert_eq!(ended, Err(Error::Internal("the call ended without an outcome".into())));
    }
}
