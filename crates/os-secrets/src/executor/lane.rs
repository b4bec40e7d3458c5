//! Work that blocks its thread: it waits for a disk, a lock, another program or the user.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{SetFlag, pool};
use crate::{error::Error, progress::Progress, sync::SharedByKey};

/// The lanes that are in use, by the files that their work waits for.
static LANES: SharedByKey<(Vec<PathBuf>, Purpose), Semaphore> = SharedByKey::new();

thread_local! {
    /// Whether this is a thread of the pool that polls a task.
    static IN_POOL: Cell<bool> = const { Cell::new(false) };
}

/// The purpose of work with a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The file is read.
    Read,
    /// The file is replaced.
    Write,
    /// The file is started as a program.
    Start,
}

/// All work that waits for one thing, such as the disk of a file. It uses few threads of the pool at once, even if its
/// callers have given up. So a disk that does not answer delays no other work.
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

    /// A lane that shares nothing with others and uses at most this number of threads.
    pub fn new(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads)))
    }

    /// Does some work on a thread of the pool. If its caller gives up, work that has not begun is skipped. Work that has
    /// begun is done to its end, and keeps its place in the lane until then.
    ///
    /// # Errors
    ///
    /// Those of the work, and [`Error::Internal`] if it panicked or the system provides no thread for it.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.acquire_place().await;
        run_in_pool(place, work).await
    }

    /// As [`run`](Self::run), for work that changes what is stored. Work that fails must have changed nothing. The
    /// progress records both.
    ///
    /// # Errors
    ///
    /// As `run`.
    pub async fn change<T: Send + 'static>(
        &self,
        progress: &Progress,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.acquire_place().await;
        progress.sending();
        run_in_pool(place, work).await.inspect_err(|_| progress.refused())
    }

    async fn acquire_place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.0).acquire_owned().await.expect("a lane is never closed")
    }
}

/// Polls a task once, on a thread of the pool. Work of lanes that have a place is done at once meanwhile.
pub(super) fn poll_in_pool(task: Pin<&mut (dyn Future<Output = ()> + Send)>) -> Poll<()> {
    let _in_pool = SetFlag::new(&IN_POOL);
    task.poll(&mut Context::from_waker(Waker::noop()))
}

/// Does some work on a thread of the pool. The work gives its place back when it ends, and not when its caller gives
/// up.
async fn run_in_pool<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if IN_POOL.get() {
        let outcome = work();
        drop(place);
        return outcome;
    }
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

    /// Work that blocks its thread until the sender is dropped. The receiver gets a message when the work begins.
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

    /// Gives a call up when the receiver gets a message, or after a moment. Returns what the call may have changed.
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
        // Only the work still holds the lane.
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
