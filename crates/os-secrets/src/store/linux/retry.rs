//! The link that all calls share, and the retry: if a call loses the connection, the service or its session
//! (`NoSession`), it is made once more on a new link.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use tokio::sync::OnceCell;

use super::{environment::Environment, fault::Fault, link::Link};
use crate::{error::Error, progress::Progress, sync::lock};

/// The process's [`Link`]: opened by the first call that needs one, shared by all.
pub struct CurrentLink {
    environment: Environment,
    current: Mutex<Arc<Opening>>,
}

type Opening = OnceCell<Result<Arc<Link>, Fault>>;

/// An attempt of a call on one link. It is behind a pointer, so that [`CurrentLink::call_with_retry`] is compiled
/// once for each type of outcome.
pub type RunningAttempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

impl CurrentLink {
    /// Opens no link yet.
    pub fn new(environment: Environment) -> Self {
        Self { environment, current: Mutex::default() }
    }

    /// Where links connect to, and whether the process has a display.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The current link, opened if necessary. Calls that come while it opens share the outcome. If it cannot be
    /// opened, the next call tries again.
    pub async fn link(&self) -> Result<Arc<Link>, Fault> {
        let opening = {
            let mut current = lock(&self.current);
            let must_open = match current.get() {
                Some(Ok(link)) => !link.is_usable(),
                Some(Err(_)) => true,
                None => false,
            };
            if must_open {
                *current = Arc::default();
            }
            Arc::clone(&current)
        };
        opening.get_or_init(|| Link::open(&self.environment)).await.clone()
    }

    /// Whether there is a link that calls can use at once.
    pub fn is_open(&self) -> bool {
        matches!(lock(&self.current).get(), Some(Ok(link)) if link.is_usable())
    }

    /// Makes an attempt on the current link. If that link was lost, makes a second attempt on a new one.
    pub async fn call_with_retry<'a, T>(
        &'a self,
        progress: &'a Progress,
        attempt: &(dyn Fn(Arc<Link>) -> RunningAttempt<'a, T> + Sync),
    ) -> Result<T, Error> {
        let mut is_second = false;
        loop {
            let outcome = match self.link().await {
                Ok(link) => {
                    let outcome = attempt(Arc::clone(&link)).await;
                    if outcome.as_ref().is_err_and(Fault::is_lost) {
                        link.retire();
                        progress.lost();
                    }
                    outcome
                }
                Err(fault) => Err(fault),
            };
            match outcome {
                Err(fault) if fault.is_lost() && !is_second => is_second = true,
                outcome => {
                    return outcome.map_err(|fault| Error::from(fault).at(&self.environment.hosts));
                }
            }
        }
    }
}
