//! A timer that is due before those of all messages.
//!
//! tokio wakes its I/O thread for a timer that is due before all others. So would the timeout of a message that another
//! thread sends, if no earlier timer were running.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::AbortHandle;

use crate::{executor, sync::lock};

/// Runs while messages are sent that have the same timeout.
#[derive(Default)]
pub struct EarlyTimer {
    state: Arc<State>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Default)]
struct State {
    is_running: AtomicBool,
    /// Whether a message was sent since the timer was last set.
    is_needed: AtomicBool,
}

impl EarlyTimer {
    /// Starts the timer, or keeps it running. Call it in tokio's context, before a message is sent with this timeout.
    pub fn keep_running(&self, timeout: Duration) {
        self.state.is_needed.store(true, Ordering::Relaxed);
        if self.state.is_running.load(Ordering::Relaxed) {
            return;
        }
        let mut task = lock(&self.task);
        if !self.state.is_running.swap(true, Ordering::Relaxed) {
            *task = Some(executor::spawn(Arc::clone(&self.state).run(timeout)).abort_handle());
        }
    }
}

impl Drop for EarlyTimer {
    fn drop(&mut self) {
        if let Some(task) = &*lock(&self.task) {
            task.abort();
        }
    }
}

impl State {
    async fn run(self: Arc<Self>, timeout: Duration) {
        while self.is_needed.swap(false, Ordering::Relaxed) {
            tokio::time::sleep(timeout).await;
        }
        // For a message that is sent at this moment there is no timer, which costs no more than a wake-up.
        self.is_running.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_as_long_as_messages_are_sent() {
        let (timer, timeout) = (EarlyTimer::default(), Duration::from_secs(30));
        let is_running = || timer.state.is_running.load(Ordering::Relaxed);
        for _ in 0..3 {
            timer.keep_running(timeout);
            tokio::time::sleep(timeout * 3 / 4).await;
            assert!(is_running());
        }
        // It is due 30, 60 and 90 seconds after the first message. The last was sent after 45.
        tokio::time::sleep(timeout).await;
        assert!(!is_running());
        timer.keep_running(timeout);
        assert!(is_running());
    }

    #[tokio::test]
    async fn it_ends_with_its_connection() {
        let timer = EarlyTimer::default();
        timer.keep_running(Duration::from_secs(1_000_000));
        let state = Arc::downgrade(&timer.state);
        tokio::task::yield_now().await;
        drop(timer);
        while state.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    }
}
