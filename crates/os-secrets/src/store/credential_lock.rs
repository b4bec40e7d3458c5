//! Locks for updates of credentials: a value is read and replaced while no other process or task does the same.
//!
//! Each credential of a store has its own lock: a file that exists while it is locked. The system releases the lock if
//! the process is killed. `set` and `delete` do not take it, so a slow update never delays them.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::{sleep, timeout},
};

use super::{Store, lock_directory::prepare_directory, settings};
use crate::{
    credential::Key,
    error::Error,
    executor::{Lane, Purpose, executor},
    file::{self, LockFile, LockWait, failure},
    sync::{SharedByKey, lock},
};

/// The tasks of this process that update the same credential. They wait here, so that only the first of them tries to
/// lock the file again and again.
static QUEUES: SharedByKey<LockPlace, AsyncMutex<()>> = SharedByKey::new();

/// The locks of updates whose functions are running in this process. Such a function may wait for any other call.
static HELD_BY_FUNCTIONS: Mutex<BTreeSet<LockPlace>> = Mutex::new(BTreeSet::new());

/// The work that finds the user's directory for locks.
static DIRECTORY_LANE: LazyLock<Lane> = LazyLock::new(|| Lane::new(1));

/// Which updates exclude each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LockDomain {
    /// Those of all processes of the user. The text tells the stores of a user apart. If two stores have the same text,
    /// their updates of a credential wait for each other without need.
    User(String),
    /// As `User`, for a store that ignores the case of services and names.
    UserIgnoringCase(String),
    /// Those of all processes that use this file. The directory of the file must exist. The locks lie in it, so that
    /// containers that share the directory share them.
    File(PathBuf),
    /// Those of this process. The number tells its stores apart.
    Process(u64),
}

impl LockDomain {
    /// The domain of a new store, which only this process has.
    pub fn new_in_process() -> Self {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        Self::Process(CREATED.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where the lock of a credential lies. Equal places are the same lock.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LockPlace {
    /// A file.
    File(PathBuf),
    /// The memory of this process. Holds the number of the store, and the name of the lock.
    Process(u64, String),
}

impl LockPlace {
    /// Finds the place of a credential's lock. Creates the directory of the user's locks if it does not exist.
    ///
    /// # Errors
    ///
    /// Those of [`Store::lock_domain`], [`Error::InvalidSetting`] if the user has no directory for locks, and
    /// [`Error::NotPrivate`] if others have access to it.
    pub async fn find(store: &dyn Store, key: &Key) -> Result<Self, Error> {
        Self::find_in(store.lock_domain().await?, key).await
    }

    /// As [`find`](Self::find), in a domain.
    ///
    /// # Errors
    ///
    /// As `find`.
    pub async fn find_in(domain: LockDomain, key: &Key) -> Result<Self, Error> {
        match domain {
            LockDomain::Process(store) => Ok(Self::Process(store, lock_name("", key))),
            LockDomain::User(store) => Self::find_for_user(lock_name(&store, key)).await,
            LockDomain::UserIgnoringCase(store) => {
                Self::find_for_user(lock_name(&store, &without_case(key))).await
            }
            LockDomain::File(path) => {
                let suffix = format!("{}.lock", lock_name("", key));
                let lane = Lane::for_file(&path, Purpose::Write);
                lane.run(move || find_beside(&path, &suffix).map(Self::File)).await
            }
        }
    }

    async fn find_for_user(name: String) -> Result<Self, Error> {
        let prepare = move || {
            let directory = settings().locks.find()?;
            prepare_directory(&directory).map(|()| Self::File(directory.join(format!("{name}.lock"))))
        };
        DIRECTORY_LANE.run(prepare).await
    }

    /// Whether an update of this process has the lock, and its function is running.
    pub fn is_held_by_function(&self) -> bool {
        lock(&HELD_BY_FUNCTIONS).contains(self)
    }

    /// Waits for the lock. It is not fair: a later call may get the lock first. With `None`, the wait ends only with the
    /// other updates. Dropping the call ends it, too.
    ///
    /// # Errors
    ///
    /// [`Error::LockTimeout`], and [`Error::File`] if the lock's file cannot be created or locked.
    pub async fn lock(&self, time: Option<Duration>) -> Result<CredentialLock, Error> {
        let Some(after) = time else { return self.wait().await };
        timeout(after, self.wait()).await.unwrap_or(Err(Error::LockTimeout { after }))
    }

    async fn wait(&self) -> Result<CredentialLock, Error> {
        let turn = QUEUES.get(self.clone(), AsyncMutex::default).lock_owned().await;
        let place = self.clone();
        let Self::File(path) = self else { return Ok(CredentialLock::new(place, None, turn)) };
        let lane = Lane::for_file(path, Purpose::Write);
        let wait = LockWait::begin();
        loop {
            let path: Arc<Path> = path.as_path().into();
            let attempt =
                move || LockFile::try_take(&path).map_err(|error| failure("Cannot lock", &path, error));
            match lane.run(attempt).await? {
                None => sleep(wait.pause()).await,
                file => return Ok(CredentialLock::new(place, file, turn)),
            }
        }
    }
}

/// The lock of a credential, until this is dropped.
///
/// Removing and unlocking a file may block for as long as the disk does. So dropping this only begins it, on another
/// thread. A process that ends soon must await [`release`](Self::release), or the file is left behind.
pub struct CredentialLock {
    place: LockPlace,
    /// `None` when it is being released.
    held: Option<HeldLock>,
}

struct HeldLock {
    // Dropped before the turn, so that the next task of this process finds the file unlocked.
    _file: Option<LockFile>,
    _turn: OwnedMutexGuard<()>,
}

impl CredentialLock {
    fn new(place: LockPlace, file: Option<LockFile>, turn: OwnedMutexGuard<()>) -> Self {
        Self { place, held: Some(HeldLock { _file: file, _turn: turn }) }
    }

    /// Waits for the lock of a store's credential; at most this time. See [`LockPlace::lock`].
    ///
    /// # Errors
    ///
    /// As [`LockPlace::find`] and [`LockPlace::lock`].
    pub async fn acquire(store: &dyn Store, key: &Key, time: Option<Duration>) -> Result<Self, Error> {
        LockPlace::find(store, key).await?.lock(time).await
    }

    /// Marks the lock as that of an update whose function is running, until it is released.
    pub fn hold_for_function(&self) {
        lock(&HELD_BY_FUNCTIONS).insert(self.place.clone());
    }

    /// Where it lies.
    pub fn place(&self) -> &LockPlace {
        &self.place
    }

    /// Releases the lock, on a thread that may block.
    pub async fn release(mut self) {
        if let Some(release) = self.begin_release() {
            release.await;
        }
    }

    /// Takes what is held. Returns the work that releases a file; the memory of the process is released at once.
    fn begin_release(&mut self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let held = self.held.take()?;
        // While it is held, no other lock has this place.
        lock(&HELD_BY_FUNCTIONS).remove(&self.place);
        let LockPlace::File(path) = &self.place else { return None };
        let lane = Lane::for_file(path, Purpose::Write);
        let release = move || {
            drop(held);
            Ok(())
        };
        // If no thread can be started, the lock is released here.
        Some(async move { drop(lane.run(release).await) })
    }
}

impl Drop for CredentialLock {
    fn drop(&mut self) {
        if let Some(release) = self.begin_release()
            && let Ok(executor) = executor()
        {
            executor.spawn(release);
        }
    }
}

/// The path of a lock file beside another file.
fn find_beside(path: &Path, suffix: &str) -> Result<PathBuf, Error> {
    let fail = |error| failure("Cannot lock", path, error);
    // Without links, so that it is the same for all paths that lead there.
    let directory = file::canonical(file::directory(path)).map_err(fail)?;
    let name = path.file_name().ok_or_else(|| fail(io::ErrorKind::IsADirectory.into()))?;
    file::hidden(&directory.join(name), suffix).map_err(fail)
}

/// The name of a credential's lock: 64 hexadecimal digits, a hash. It does not depend on the process or the machine.
fn lock_name(store: &str, key: &Key) -> String {
    // No part has a NUL.
    let text = [store, &key.service, &key.name].join("\0");
    let hash = age_core::primitives::hkdf(b"", b"os-secrets credential lock", text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key in a form that is equal for all keys that differ in case only. Windows compares fewer letters as equal than
/// this does, so two keys may share a lock without need.
fn without_case(key: &Key) -> Key {
    Key { service: key.service.to_uppercase(), name: key.name.to_uppercase() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::memory::MemoryStore;
    use tokio::sync::oneshot;

    fn key(name: &str) -> Key {
        Key { service: "s".into(), name: name.into() }
    }

    fn make_directory() -> PathBuf {
        let path = std::env::temp_dir().join(format!("os-secrets-locks-{:016x}", getrandom::u64().unwrap()));
        file::make_directory(&path).unwrap();
        path
    }

    const SHORT: Option<Duration> = Some(Duration::from_millis(20));

    fn is_timeout(outcome: Result<CredentialLock, Error>) -> bool {
        matches!(outcome, Err(Error::LockTimeout { .. }))
    }

    #[tokio::test]
    async fn one_holder_at_a_time_has_the_lock_of_a_credential() {
        let directory = make_directory();
        let domain = LockDomain::File(directory.join("store"));
        let place = LockPlace::find_in(domain.clone(), &key("a")).await.unwrap();
        let lock = place.lock(None).await.unwrap();
        assert!(is_timeout(place.lock(SHORT).await));
        let other = LockPlace::find_in(domain, &key("b")).await.unwrap();
        other.lock(None).await.unwrap().release().await;
        lock.release().await;
        place.lock(None).await.unwrap().release().await;
        // A lock leaves nothing behind.
        fs::remove_dir(directory).unwrap();
    }

    #[tokio::test]
    async fn a_function_holds_a_lock_until_it_is_released() {
        let directory = make_directory();
        let domain = LockDomain::File(directory.join("store"));
        let [place, other] = [
            LockPlace::find_in(domain.clone(), &key("a")).await.unwrap(),
            LockPlace::find_in(domain, &key("b")).await.unwrap(),
        ];
        let lock = place.lock(None).await.unwrap();
        assert!(!place.is_held_by_function());
        lock.hold_for_function();
        assert!(place.is_held_by_function() && !other.is_held_by_function());
        lock.release().await;
        assert!(!place.is_held_by_function());
        fs::remove_dir(directory).unwrap();
    }

    #[tokio::test]
    async fn a_holder_without_this_process_excludes_this_process() {
        let directory = make_directory();
        let place = LockPlace::find_in(LockDomain::File(directory.join("store")), &key("a")).await.unwrap();
        let LockPlace::File(path) = &place else { panic!() };
        let other = LockFile::try_take(path).unwrap().unwrap();
        assert!(LockFile::try_take(path).unwrap().is_none());
        assert!(is_timeout(place.lock(SHORT).await));
        let waiting = tokio::spawn({
            let place = place.clone();
            async move { place.lock(None).await.unwrap().release().await }
        });
        sleep(Duration::from_millis(5)).await;
        drop(other);
        waiting.await.unwrap();
        fs::remove_dir(directory).unwrap();
    }

    #[tokio::test]
    async fn a_lock_file_that_was_left_behind_is_locked_again() {
        let directory = make_directory();
        let place = LockPlace::find_in(LockDomain::File(directory.join("store")), &key("a")).await.unwrap();
        let LockPlace::File(path) = &place else { panic!() };
        fs::write(path, "").unwrap();
        place.lock(None).await.unwrap().release().await;
        fs::remove_dir(directory).unwrap();
    }

    #[tokio::test]
    async fn dropping_a_lock_never_waits_for_the_disk() {
        let directory = make_directory();
        let place = LockPlace::find_in(LockDomain::File(directory.join("store")), &key("a")).await.unwrap();
        let LockPlace::File(path) = &place else { panic!() };
        let lock = place.lock(None).await.unwrap();
        // The disk does not answer.
        let ((end, ended), (begin, begun)) = (std::sync::mpsc::channel::<()>(), oneshot::channel());
        let lane = Lane::for_file(path, Purpose::Write);
        let stuck = tokio::spawn(async move {
            let work = move || {
                let _ = begin.send(());
                let _ = ended.recv();
                Ok(())
            };
            lane.run(work).await
        });
        begun.await.unwrap();
        drop(lock);
        assert!(path.exists());
        drop(end);
        stuck.await.unwrap().unwrap();
        place.lock(None).await.unwrap().release().await;
        assert!(!path.exists());
        fs::remove_dir(directory).unwrap();
    }

    #[test]
    fn many_threads_never_have_the_lock_at_once() {
        let directory = make_directory();
        let path = directory.join("lock");
        let counter = directory.join("counter");
        fs::write(&counter, "0").unwrap();
        let increment = || {
            for _ in 0..50 {
                let _lock = loop {
                    match LockFile::try_take(&path).unwrap() {
                        Some(lock) => break lock,
                        None => std::thread::yield_now(),
                    }
                };
                let count: u32 = fs::read_to_string(&counter).unwrap().parse().unwrap();
                fs::write(&counter, (count + 1).to_string()).unwrap();
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(increment))));
        assert_eq!(fs::read_to_string(&counter).unwrap(), "200");
        fs::remove_file(counter).unwrap();
        fs::remove_dir(directory).unwrap();
    }

    #[tokio::test]
    async fn stores_in_memory_have_locks_of_their_own() {
        let (one, other) = (MemoryStore::default(), MemoryStore::default());
        let _lock = CredentialLock::acquire(&one, &key("a"), None).await.unwrap();
        assert!(is_timeout(CredentialLock::acquire(&one, &key("a"), SHORT).await));
        assert!(CredentialLock::acquire(&one, &key("b"), SHORT).await.is_ok());
        assert!(CredentialLock::acquire(&other, &key("a"), SHORT).await.is_ok());
    }

    #[tokio::test]
    async fn a_call_that_was_given_up_holds_up_nobody() {
        let store = MemoryStore::default();
        let lock = CredentialLock::acquire(&store, &key("a"), None).await.unwrap();
        assert!(is_timeout(CredentialLock::acquire(&store, &key("a"), SHORT).await));
        drop(lock);
        assert!(CredentialLock::acquire(&store, &key("a"), SHORT).await.is_ok());
    }

    #[test]
    fn the_name_of_a_lock_shows_nothing_and_differs_by_store_service_and_name() {
        let name = |store: &str, service: &str, name: &str| {
            lock_name(store, &Key { service: service.into(), name: name.into() })
        };
        let names = [name("", "a", "b"), name("", "ab", "c"), name("", "a", "bc"), name("a", "a", "b")];
        for (at, one) in names.iter().enumerate() {
            assert!(one.len() == 64 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(!names[..at].contains(one));
        }
        assert_eq!(name("", "a", "b"), names[0]);
    }

    #[test]
    fn the_case_of_a_key_can_be_ignored() {
        let name = |service: &str, name: &str| {
            lock_name("os", &without_case(&Key { service: service.into(), name: name.into() }))
        };
        assert_eq!(name("my-tool", "straße ΣÄ"), name("My-Tool", "STRAßE ςä"));
        assert_ne!(name("my-tool", "a"), name("my-tool", "b"));
    }
}
