//! Work that blocks its thread: it waits for a disk, a lock, another program or the user.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::pool;
use crate::{error::Error, progress::Progress, sync::SharedByKey};

/// The lanes that are in use, by what their work waits for.
static LANES: SharedByKey<(Vec<PathBuf>, Purpose), Semaphore> = SharedByKey::new();

/// What work does with a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Reads it.
    Read,
    /// Replaces it.
    Write,
    /// Starts it as a program.
    Start,
}

/// The work that waits for one thing, such as the disk of a file. It takes few threads of the pool at once, also if
/// its callers have given up, so that a disk that does not answer holds up nothing else.
#[derive(Clone)]
pub struct Lane(Arc<Semaphore>);

impl Lane {
    /// The lane of all work of the process that has a purpose with a file. It has one thread.
    pub fn for_file(path: &Path, purpose: Purpose) -> Self {
        Self::for_files(vec![path.to_owned()], purpose)
    }

    /// The lane of all work of the process that has a purpose with the same files and may have to wait for each of
    /// them. It has one thread.
    pub fn for_files(paths: Vec<PathBuf>, purpose: Purpose) -> Self {
        Self(LANES.get((paths, purpose), || Semaphore::new(1)))
    }

    /// A lane of its own, of a number of threads.
    pub fn new(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads)))
    }

    /// Does some work on a thread of the pool. Work whose caller gives up is skipped, or done to its end if it has
    /// begun; it keeps its place in the lane until then.
    ///
    /// # Errors
    ///
    /// The work's own, and [`Error::Internal`] if the system gives no thread for it, or it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.place().await;
        blocking(place, work).await
    }

    /// As [`run`](Self::run), for work that changes what is stored, unless it fails. The progress is told.
    ///
    /// # Errors
    ///
    /// As `run`.
    pub async fn change<T: Send + 'static>(
        &self,
        progress: &Progress,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.place().await;
        progress.sending();
        blocking(place, work).await.inspect_err(|_| progress.refused())
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.0).acquire_owned().await.expect("a lane is never closed")
    }
}

/// Does some work on a thread of the pool, which gives its place back when it ends, and not when the caller gives up.
async fn blocking<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, outcome) = oneshot::channel();
    let work = move || {
        if !sender.is_closed() {
            let outcome = work();
            drop(place);
            let _ = sender.send(outcome);
        }
    };
    pool::submit(Box::new(work))
        .map_err(|error| Error::Internal(format!("no thread can be started for it: {error}")))?;
    outcome.await.unwrap_or_else(|_| Err(Error::Internal("a part of the call ended early".into())))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::{bounds::Bounds, error::Effect};

    /// Work that blocks its thread until the first sender goes away; the receiver hears when it has begun.
    fn stuck()
    -> (mpsc::Sender<()>, oneshot::Receiver<()>, impl FnOnce() -> Result<(), Error> + Send + 'static) {
        let ((end, ended), (begin, begun)) = (mpsc::channel::<()>(), oneshot::channel());
        let work = move || {
            let _ = begin.send(());
            let _ = ended.recv();
            Ok(())
        };
        (end, begun, work)
    }

    /// Gives a call up when the receiver hears of something, or after a moment: what it may have changed.
    async fn give_up<T: Send>(
        progress: &Progress,
        when: Option<oneshot::Receiver<()>>,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Effect {
        let timeout = when.is_none().then_some(Duration::from_millis(10));
        match (Bounds { timeout, canceled: when }).run(progress, call).await {
            Err(Error::Timeout { effect, .. } | Error::Aborted { effect }) => effect,
            outcome => panic!("it does not wait: {:?}", outcome.map(drop)),
        }
    }

    #[tokio::test]
    async fn a_place_is_kept_until_the_work_ends() {
        let (path, reading) = (Path::new("/a/file"), &Progress::reading(true));
        let (end, begun, work) = stuck();
        give_up(reading, Some(begun), Lane::for_file(path, Purpose::Read).run(work)).await;
        // Nobody holds the lane any more but the work.
        for _ in 0..100 {
            give_up(reading, None, Lane::for_file(path, Purpose::Read).run(|| Ok(()))).await;
        }
        for (path, purpose) in [(path, Purpose::Write), (Path::new("/another/file"), Purpose::Read)] {
            assert_eq!(Lane::for_file(path, purpose).run(|| Ok(1)).await, Ok(1));
        }
        drop(end);
        assert_eq!(Lane::for_file(path, Purpose::Read).run(|| Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn a_change_that_was_given_up_may_have_been_made_if_it_had_begun() {
        let (lane, (end, begun, work)) = (Lane::new(1), stuck());
        let progress = Progress::changing(true);
        assert_eq!(give_up(&progress, Some(begun), lane.change(&progress, work)).await, Effect::Unknown);
        let progress = Progress::changing(true);
        let unwanted = || -> Result<(), Error> { panic!("nobody waits for this") };
        assert_eq!(give_up(&progress, None, lane.change(&progress, unwanted)).await, Effect::NotDone);
        drop(end);
        assert_eq!(lane.run(|| Ok(1)).await, Ok(1));
    }
}
