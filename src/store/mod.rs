//! Where credentials lie: the [`Store`] trait, and one implementation an operating system.

use std::{future::Future, pin::Pin, sync::OnceLock};

use crate::{
    credential::{Key, Secret},
    error::Error,
    limits::Progress,
};

#[cfg(target_os = "linux")]
pub mod linux;

/// The operating system's own store.
#[cfg(target_os = "linux")]
pub use linux::SecretService as OsStore;

static OS_STORE: OnceLock<Result<OsStore, Error>> = OnceLock::new();

/// The operating system's store, with the settings of the moment when it was first asked for.
///
/// # Errors
///
/// [`Error::InvalidSetting`] where one of them is wrong.
pub fn os() -> Result<&'static OsStore, Error> {
    OS_STORE.get_or_init(OsStore::from_environment).as_ref().map_err(Error::clone)
}

/// The largest value in bytes, of every store. A bus cuts off who sends a larger message than it takes, and
/// the strictest take 32 MiB; D-Bus itself ends at arrays of 64 MiB.
pub const MAX_VALUE: usize = 16 << 20;

/// A call in progress. It is to be polled on the thread of [`executor`](crate::executor).
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A place that holds credentials.
///
/// Calls may run at once, in any number. Each answers for the store as it is when the call reaches
/// it; two calls on one key that overlap take effect in some order. A call may be dropped before
/// its end; what it has sent by then may still take effect, and its [`Progress`] tells.
pub trait Store: Send + Sync {
    /// Reads a credential: `None` only where there is no such credential.
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>>;

    /// Stores a credential, in place of one that was there. An empty value deletes, and is no
    /// error where there was nothing.
    fn set<'a>(&'a self, key: &'a Key, value: &'a Secret, progress: &'a Progress) -> Call<'a, ()>;

    /// Deletes a credential; whether there was one.
    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool>;

    /// Whether there is such a credential. Its value is not read.
    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool>;

    /// The names of all credentials, or of one service's, sorted and each once. No value is read,
    /// and the person is not asked.
    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>>;
}
