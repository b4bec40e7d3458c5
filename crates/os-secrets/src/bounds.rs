//! What bounds a call: its deadline and the caller's signal.

use std::{
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};

use tokio::{sync::oneshot, time::sleep};

use crate::{
    error::{Effect, Error},
    progress::Progress,
};

/// The bounds that the caller sets for one call.
#[derive(Default)]
pub struct Bounds {
    /// The time for the whole call, prompts included. With `None`, each message has its own deadline and prompts have
    /// none.
    pub timeout: Option<Duration>,
    /// Fires when the caller gives up. It never fires if the sender is dropped.
    pub canceled: Option<oneshot::Receiver<()>>,
}

impl Bounds {
    /// Runs a call within these bounds. A call that exceeds them is dropped.
    ///
    /// # Errors
    ///
    /// The call's own errors, [`Error::Timeout`] unless the store has said why it does not answer, and [`Error::Aborted`].
    /// They say whether the call may have changed something.
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

    /// Does the work of [`run`](Self::run), compiled once for all kinds of calls. The call is dropped before its
    /// progress is read, because dropping it withdraws changes that are still queued.
    async fn bound(
        self,
        progress: &Progress,
        call: Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>>,
    ) -> Result<(), Error> {
        if let Some(time) = self.timeout {
            progress.deadline_or(time);
        }
        let outcome = tokio::select! {
            biased;
            () = fired(self.canceled) => Err(Error::Aborted { effect: Effect::None }),
            outcome = call => outcome,
            error = passed(self.timeout) => Err(progress.failure().unwrap_or(error)),
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn run<T: Send>(
        bounds: Bounds,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        bounds.run(&Progress::reading(true), call).await
    }

    #[tokio::test]
    async fn a_signal_that_has_fired_keeps_the_call_from_starting() {
        let (cancel, canceled) = oneshot::channel();
        cancel.send(()).unwrap();
        let bounds = Bounds { canceled: Some(canceled), ..Bounds::default() };
        let outcome = run::<()>(bounds, async { panic!("the call was started") }).await;
        assert_eq!(outcome, Err(Error::Aborted { effect: Effect::None }));
    }

    #[tokio::test]
    async fn a_signal_that_never_fires_does_not_matter() {
        let (cancel, canceled) = oneshot::channel();
        drop(cancel);
        let bounds = Bounds { canceled: Some(canceled), ..Bounds::default() };
        assert_eq!(run(bounds, async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_deadline_ends_what_would_never_end() {
        let after = Duration::from_millis(1);
        let bounds = Bounds { timeout: Some(after), ..Bounds::default() };
        let outcome = run::<()>(bounds, pending()).await;
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
            let bounds = Bounds { timeout: Some(Duration::from_millis(1)), ..Bounds::default() };
            let outcome = bounds.run::<()>(&progress, pending()).await;
            let Err(Error::Timeout { effect: told, .. }) = outcome else { panic!("no deadline") };
            assert_eq!(told, effect);
        }
    }
}
