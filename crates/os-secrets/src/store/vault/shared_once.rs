//! Work that is done once for all calls that need its outcome.

use tokio::{sync::Mutex, time::Instant};

use crate::error::Error;

/// A value that the first call makes. The calls that wait for it meanwhile share its failure; a later call tries again.
pub struct SharedOnce<T>(Mutex<Slot<T>>);

struct Slot<T> {
    value: Option<T>,
    failed: Option<(Instant, Error)>,
}

impl<T: Clone> SharedOnce<T> {
    /// No value yet.
    pub fn new() -> Self {
        Self(Mutex::new(Slot { value: None, failed: None }))
    }

    /// The value. If there is none, `make` makes it.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    pub async fn get_or_make(&self, make: impl AsyncFnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let begun = Instant::now();
        let mut slot = self.0.lock().await;
        if let Some(value) = &slot.value {
            return Ok(value.clone());
        }
        match &slot.failed {
            Some((when, error)) if *when >= begun => return Err(error.clone()),
            _ => {}
        }
        match make().await {
            Ok(value) => {
                slot.failed = None;
                Ok(slot.value.insert(value).clone())
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Replaces the value, if it is one for which `is_old` holds. Returns whether it is.
    pub async fn replace_if(&self, is_old: impl FnOnce(&T) -> bool, new: Option<T>) -> bool {
        let mut slot = self.0.lock().await;
        let matches = slot.value.as_ref().is_some_and(is_old);
        if matches {
            slot.value = new;
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn calls_that_wait_share_what_becomes_of_the_first() {
        let (once, made) = (SharedOnce::new(), AtomicU32::new(0));
        let make = async |fails: bool| {
            let number = made.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if fails { Err(Error::Closed) } else { Ok(number) }
        };
        let failed = tokio::join!(
            once.get_or_make(async || make(true).await),
            once.get_or_make(async || make(true).await)
        );
        assert_eq!(failed, (Err(Error::Closed), Err(Error::Closed)));
        let second = tokio::join!(
            once.get_or_make(async || make(false).await),
            once.get_or_make(async || make(false).await)
        );
        assert_eq!(second, (Ok(1), Ok(1)));
        assert!(!once.replace_if(|value| *value == 7, None).await);
        assert!(once.replace_if(|value| *value == 1, None).await);
        assert_eq!(once.get_or_make(async || make(false).await).await, Ok(2));
    }
}
