//! The threads for work that blocks.
//!
//! The runtime has some of its own, and panics where the system gives it none: in a release that would end the
//! program that has asked for a secret.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::sync::lock;

/// The maximum number of threads. Each [`Lane`](super::Lane) takes few of them, so only as many disks or programs as
/// this that do not answer could take all.
const MAX_THREADS: usize = 32;

/// How long one stays for more work.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done on one of them.
pub type Work = Box<dyn FnOnce() + Send>;

/// Those of the process.
static POOL: Pool = Pool::new(MAX_THREADS);

/// Has one of them do some work, as soon as one is free.
///
/// # Errors
///
/// The system's error if no thread is idle and none can be started. The work is not queued then: the threads that exist
/// may all be stuck, and the call would never end. Work is queued only if the maximum number of threads exists.
pub fn submit(work: Work) -> io::Result<()> {
    POOL.submit(work)
}

struct Pool {
    state: Mutex<State>,
    arrived: Condvar,
    max_threads: usize,
}

struct State {
    waiting: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

impl Pool {
    const fn new(max_threads: usize) -> Self {
        let state = State { waiting: VecDeque::new(), threads: 0, idle: 0 };
        Self { state: Mutex::new(state), arrived: Condvar::new(), max_threads }
    }

    fn submit(&'static self, work: Work) -> io::Result<()> {
        let mut state = self.state();
        if state.waiting.len() >= state.idle && state.threads < self.max_threads {
            match thread::Builder::new().name("os-secrets-pool".into()).spawn(|| self.serve()) {
                Ok(_) => state.threads += 1,
                Err(error) => return Err(error),
            }
        }
        state.waiting.push_back(work);
        self.arrived.notify_one();
        Ok(())
    }

    /// What a thread does from its start to its end.
    fn serve(&self) {
        let mut state = self.state();
        loop {
            while let Some(work) = state.waiting.pop_front() {
                drop(state);
                // Who waits for it hears that there will be no outcome. In a release, a panic ends the process.
                let _ = catch_unwind(AssertUnwindSafe(work));
                state = self.state();
            }
            state.idle += 1;
            let (woken, waited) =
                self.arrived.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
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
            // None of them ends before another one has begun.
            let work = move || {
                both.wait();
                sender.send(number).unwrap();
            };
            POOL.submit(Box::new(work)).unwrap();
        }
        let mut all: Vec<_> = done.iter().take(6).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
        assert_eq!(POOL.state().threads, 2);
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
        assert_eq!(POOL.state().threads, 1);
    }
}
