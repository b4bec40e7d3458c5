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
    /// Whether a message was sent since the timer was last set.
    is_needed: Arc<AtomicBool>,
    task: Mutex<Option<AbortHandle>>,
}

impl EarlyTimer {
    /// Starts the timer, or keeps it running. Call it in tokio's context, before a message is sent with this timeout.
    pub fn keep_running(&self, timeout: Duration) {
        self.is_needed.store(true, Ordering::Relaxed);
        let mut task = lock(&self.task);
        // If it ends at this moment, a message is without it, which costs no more than a wake-up.
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            *task = Some(executor::spawn(run(Arc::clone(&self.is_needed), timeout)).abort_handle());
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

async fn run(is_needed: Arc<AtomicBool>, timeout: Duration) {
    while is_needed.swap(false, Ordering::Relaxed) {
        tokio::time::sleep(timeout).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_as_long_as_messages_are_sent() {
        let (timer, timeout) = (EarlyTimer::default(), Duration::from_secs(30));
        let is_running = || lock(&timer.task).as_ref().is_some_and(|task| !task.is_finished());
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
        let state = Arc::downgrade(&timer.is_needed);
        tokio::task::yield_now().await;
        drop(timer);
        while state.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    }
}
