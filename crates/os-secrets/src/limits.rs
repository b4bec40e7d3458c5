//! What bounds a call: its deadline, its signal, and whether it may ask the person.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{sync::oneshot, time::sleep};

use crate::error::{Effect, Error};

/// The bounds that the caller set for one call.
#[derive(Default)]
pub struct Limits {
    /// The time for the whole call, prompts included; `None` leaves each message its own deadline,
    /// and prompts none.
    pub timeout: Option<Duration>,
    /// Fires when the caller gives up. A sender that is dropped unused never fires.
    pub canceled: Option<oneshot::Receiver<()>>,
}

impl Limits {
    /// Runs a call within these bounds; one that is over them is dropped where it stands.
    ///
    /// # Errors
    ///
    /// The call's own, or [`Error::Timeout`] or [`Error::Aborted`]. Those that leave it open say
    /// whether the call may have changed something.
    pub async fn run<T>(
        self,
        progress: &Progress,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error>
    where
        T: Send,
    {
        let mut outcome = None;
        self.bound(progress, Box::pin(async { call.await.map(|value| outcome = Some(value)) })).await?;
        Ok(outcome.expect("a call that has succeeded has an outcome"))
    }

    /// As [`run`](Self::run), for any call: it is compiled once. The call is dropped before it is asked how far
    /// it has come, because what it has left in a queue is withdrawn by that.
    async fn bound(
        self,
        progress: &Progress,
        call: Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>>,
    ) -> Result<(), Error> {
        let outcome = tokio::select! {
            biased;
            () = fired(self.canceled) => Err(Error::Aborted { effect: Effect::None }),
            outcome = call => outcome,
            error = passed(self.timeout) => Err(error),
        };
        outcome.map_err(|error| error.with_effect(progress.effect()))
    }
}

async fn fired(canceled: Option<oneshot::Receiver<()>>) {
    let Some(canceled) = canceled else { return pending().await };
    if canceled.await.is_err() {
        pending().await
    }
}

async fn passed(timeout: Option<Duration>) -> Error {
    let Some(after) = timeout else { return pending().await };
    sleep(after).await;
    Error::Timeout { after, at: None, effect: Effect::None }
}

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

    fn effect(&self) -> Effect {
        match (self.changes, self.sent.load(Ordering::Relaxed) || self.has_changed()) {
            (false, _) => Effect::None,
            (true, false) => Effect::NotDone,
            (true, true) => Effect::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run<T: Send>(
        limits: Limits,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        limits.run(&Progress::reading(true), call).await
    }

    #[tokio::test]
    async fn a_signal_that_has_fired_keeps_the_call_from_starting() {
        let (cancel, canceled) = oneshot::channel();
        cancel.send(()).unwrap();
        let limits = Limits { canceled: Some(canceled), ..Limits::default() };
        let outcome = run::<()>(limits, async { panic!("the call was started") }).await;
        assert_eq!(outcome, Err(Error::Aborted { effect: Effect::None }));
    }

    #[tokio::test]
    async fn a_signal_that_never_fires_does_not_matter() {
        let (cancel, canceled) = oneshot::channel();
        drop(cancel);
        let limits = Limits { canceled: Some(canceled), ..Limits::default() };
        assert_eq!(run(limits, async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_deadline_ends_what_would_never_end() {
        let after = Duration::from_millis(1);
        let limits = Limits { timeout: Some(after), ..Limits::default() };
        let outcome = run::<()>(limits, pending()).await;
        assert_eq!(outcome, Err(Error::Timeout { after, at: None, effect: Effect::None }));
    }

    #[tokio::test]
    async fn an_open_end_tells_how_far_the_call_came() {
        for (prepare, effect) in [
            ((|_: &Progress| {}) as fn(&Progress), Effect::NotDone),
            (Progress::sending, Effect::Unknown),
            (
                |progress: &Progress| {
                    progress.sending();
                    progress.refused();
                },
                Effect::NotDone,
            ),
            (
                |progress: &Progress| {
                    progress.sending();
                    progress.lost();
                    progress.refused();
                },
                Effect::Unknown,
            ),
            (
                |progress: &Progress| {
                    progress.sending();
                    progress.done();
                    progress.refused();
                },
                Effect::Unknown,
            ),
        ] {
            let progress = Progress::changing(true);
            prepare(&progress);
            let limits = Limits { timeout: Some(Duration::from_millis(1)), ..Limits::default() };
            let outcome = limits.run::<()>(&progress, pending()).await;
            let Err(Error::Timeout { effect: told, .. }) = outcome else { panic!("no deadline") };
            assert_eq!(told, effect);
        }
    }
}
