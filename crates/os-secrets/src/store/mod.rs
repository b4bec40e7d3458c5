//! Where credentials lie: the [`Store`] trait, and one implementation an operating system.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use self::{
    file::FileStore,
    settings::{Provider, Settings},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    limits::Progress,
};

#[forbid(unsafe_code)]
pub mod exec;
#[forbid(unsafe_code)]
pub mod file;
#[cfg(target_os = "linux")]
pub mod linux;
// What needs nothing of macOS is tested everywhere.
#[cfg(any(target_os = "macos", test))]
pub mod macos;
#[forbid(unsafe_code)]
pub mod memory;
#[forbid(unsafe_code)]
pub mod settings;
#[cfg(windows)]
pub mod windows;

/// The operating system's own store.
#[cfg(target_os = "linux")]
pub use linux::{SecretService as OsStore, foreign::Foreign};
/// The operating system's own store.
#[cfg(target_os = "macos")]
pub use macos::{foreign::Foreign, keychain::Keychain as OsStore};
/// The operating system's own store.
#[cfg(windows)]
pub use windows::{CredentialManager as OsStore, foreign::Foreign};

static SETTINGS: OnceLock<Settings> = OnceLock::new();
static OS_STORE: OnceLock<Result<OsStore, Error>> = OnceLock::new();
static FILE_STORE: OnceLock<FileStore> = OnceLock::new();

/// The settings of this process, of the moment when they were first asked for.
pub fn settings() -> &'static Settings {
    SETTINGS.get_or_init(|| Settings::read(&settings::Process))
}

/// The store that the environment chooses; the operating system's where it chooses none. It stays the same
/// for as long as the process lives, whatever fails.
///
/// # Errors
///
/// [`Error::InvalidSetting`] where one of the settings is wrong.
pub fn chosen() -> Result<&'static dyn Store, Error> {
    Ok(match settings().provider.clone()? {
        Provider::Os => os()?,
        Provider::File => file(),
    })
}

/// The encrypted file that the environment describes.
pub fn file() -> &'static FileStore {
    FILE_STORE.get_or_init(|| FileStore::new(file::Options::default(), settings().file.clone()))
}

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
/// The largest service and name together, in bytes. On a bus they stand twice in one message, as attributes and
/// as label, beside a value.
pub const MAX_KEY: usize = 4 << 20;

/// A call in progress. It is to be polled on the thread of [`executor`](crate::executor).
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Which store is meant.
#[derive(Clone)]
pub enum Choice {
    /// The one that the environment chooses.
    Environment,
    /// The operating system's.
    Os,
    /// One that a program or the user has named.
    Own(Arc<dyn Store>),
}

impl Choice {
    /// Whether programs of all kinds keep theirs in it, which nothing tells from ours. Such a store lists the
    /// credentials of one service only.
    pub fn is_shared(&self) -> bool {
        let is_os = match self {
            Self::Environment => settings().provider == Ok(Provider::Os),
            Self::Os => true,
            Self::Own(_) => false,
        };
        // The Secret Service tells ours from others by their schema.
        is_os && !cfg!(target_os = "linux")
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// As [`chosen`] and [`os`].
    pub fn store(&self) -> Result<&dyn Store, Error> {
        match self {
            Self::Environment => chosen().map(|store| store as &dyn Store),
            Self::Os => Ok(os()?),
            Self::Own(store) => Ok(store.as_ref()),
        }
    }
}

/// Refuses what no message of a bus could carry, and what no other store takes either.
fn check_size(key: &Key, value: Option<&Secret>) -> Result<(), Error> {
    let size = key.service.len() + key.name.len();
    if size > MAX_KEY {
        return Err(Error::TooLarge { what: "service and name", size, unit: "bytes", limit: MAX_KEY });
    }
    match value.map(|value| value.expose().len()) {
        Some(size) if size > MAX_VALUE => {
            Err(Error::TooLarge { what: "a value", size, unit: "bytes", limit: MAX_VALUE })
        }
        _ => Ok(()),
    }
}

/// Refuses what names no credential.
fn check_key(key: &Key) -> Result<(), Error> {
    match [&key.service, &key.name].into_iter().any(|text| text.is_empty() || text.contains('\0')) {
        true => Err(Error::InvalidKey),
        false => Ok(()),
    }
}

/// A value that a store without limits of its own is to hold; `None` where it is empty, which deletes.
///
/// # Errors
///
/// [`Error::TooLarge`], and [`Error::InvalidKey`].
fn checked<'a>(key: &Key, value: &'a Secret) -> Result<Option<&'a Secret>, Error> {
    check_key(key)?;
    check_size(key, Some(value))?;
    Ok(Some(value).filter(|value| !value.expose().is_empty()))
}

/// How long a credential is kept, and where. Windows knows the difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Persist {
    /// On this machine.
    Local,
    /// With the person's roaming profile, where there is one.
    #[default]
    Enterprise,
}

/// What can be said of a credential that is stored. Stores ignore what means nothing to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetOptions {
    /// How long it is kept, and where.
    pub persist: Persist,
    /// Whether every application may use it without the person being asked. macOS knows the difference, of a
    /// credential that is new.
    pub unrestricted: bool,
}

/// A package that stores credentials in items of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Package {
    /// `keytar`.
    Keytar,
    /// `@napi-rs/keyring`.
    NapiRs,
}

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

    /// As [`set`](Self::set), with options.
    fn set_with<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        self.set(key, value, progress)
    }

    /// Deletes a credential; whether there was one.
    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool>;

    /// Whether there is such a credential. Its value is not read.
    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool>;

    /// The names of all credentials, or of one service's, sorted and each once. No value is read,
    /// and the person is not asked.
    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>>;
}
