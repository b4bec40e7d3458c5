//! The threads for work that blocks.
//!
//! The runtime's own pool is not used: it panics if the system provides no thread, and in a release that would end the
//! whole program.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::sync::lock;

/// The maximum number of threads. Each [`Lane`](super::Lane) uses few of them, so that only about this number of disks
/// or programs that do not answer could use all.
const MAX_THREADS: usize = 32;

/// How long an idle thread waits for more work before it ends.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// Work for one of the threads.
pub type Work = Box<dyn FnOnce() + Send>;

/// The pool of the process.
static POOL: Pool = Pool::new(MAX_THREADS);

/// Does some work on one of the threads, as soon as one is free.
///
/// # Errors
///
/// The system's error if no thread is idle and none can be started. The work is not queued then: the threads that exist
/// may all be stuck, and the call would never end. Work waits for busy threads only if the maximum number of threads
/// exists.
pub fn submit(work: Work) -> io::Result<()> {
    POOL.submit(work)
}

struct Pool {
    state: Mutex<PoolState>,
    arrived: Condvar,
    max_threads: usize,
}

struct PoolState {
    waiting: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

impl Pool {
    const fn new(max_threads: usize) -> Self {
        let state = PoolState { waiting: VecDeque::new(), threads: 0, idle: 0 };
        Self { state: Mutex::new(state), arrived: Condvar::new(), max_threads }
    }

    fn submit(&'static self, work: Work) -> io::Result<()> {
        let mut state = self.lock_state();
        if state.waiting.len() >= state.idle && state.threads < self.max_threads {
            thread::Builder::new().name("os-secrets-pool".into()).spawn(|| self.run_thread())?;
            state.threads += 1;
        }
        state.waiting.push_back(work);
        self.arrived.notify_one();
        Ok(())
    }

    /// Does work from the start of a thread to its end.
    fn run_thread(&self) {
        let mut state = self.lock_state();
        loop {
            while let Some(work) = state.waiting.pop_front() {
                drop(state);
                // After a panic the caller gets an error, because the sender of the outcome is dropped. In a release, a
                // panic ends the process.
                let _ = catch_unwind(AssertUnwindSafe(work));
                state = self.lock_state();
            }
            state.idle += 1;
            let (woken, waited) =
                self.arrived.wait_timeout(state, IDLE_TIME).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, PoolState> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier, mpsc};

    use super::*;

    #[test]
    fn as_many_work_at_once_as_may() {
        static POOL: Pool = Pool::new(2);
        let (both, (sender, done)) = (Arc::new(Barrier::new(2)), mpsc::channel());
        for number in 0..6 {
            let (both, sender) = (Arc::clone(&both), sender.clone());
            // No work ends before other work has begun.
            let work = move || {
                both.wait();
                sender.send(number).unwrap();
            };
            POOL.submit(Box::new(work)).unwrap();
        }
        let mut all: Vec<_> = done.iter().take(6).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
        assert_eq!(POOL.lock_state().threads, 2);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        static POOL: Pool = Pool::new(1);
        let (sender, done) = mpsc::channel();
        for _ in 0..2 {
            POOL.submit(Box::new(|| panic!("a bug in one call"))).unwrap();
        }
        POOL.submit(Box::new(move || sender.send(()).unwrap())).unwrap();
        done.recv().unwrap();
        assert_eq!(POOL.lock_state().threads, 1);
    }
}
