//! The [`Store`] trait and its implementations: one per operating system, the encrypted file, memory, servers, and
//! credential helpers.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use self::{
    credential_lock::LockDomain,
    file::FileStore,
    memory::MemoryStore,
    settings::{Settings, StoreKind},
    vault::{VaultOptions, VaultStore},
};
use crate::{
    credential::{Key, Secret},
    environment::Process,
    error::Error,
    executor::StartOn,
    progress::Progress,
};

#[forbid(unsafe_code)]
pub mod credential_lock;
#[forbid(unsafe_code)]
pub mod exec;
#[forbid(unsafe_code)]
pub mod file;
#[forbid(unsafe_code)]
mod kind;
#[cfg(all(any(target_os = "linux", target_os = "freebsd"), not(keychain_model)))]
pub mod linux;
#[forbid(unsafe_code)]
mod lock_directory;
// The parts that need nothing of macOS are tested on every system.
#[cfg(any(target_os = "macos", keychain_model, test))]
pub mod macos;
#[forbid(unsafe_code)]
pub mod memory;
#[forbid(unsafe_code)]
pub mod settings;
#[forbid(unsafe_code)]
pub mod settings_file;
#[forbid(unsafe_code)]
mod sizes;
#[forbid(unsafe_code)]
pub mod vault;
#[cfg(windows)]
pub mod windows;

/// The operating system's own store.
#[cfg(all(any(target_os = "linux", target_os = "freebsd"), not(keychain_model)))]
pub use linux::{SecretService as OsStore, foreign::ForeignItem};
/// The operating system's own store.
#[cfg(any(target_os = "macos", keychain_model))]
pub use macos::{foreign::ForeignItem, keychain::Keychain as OsStore};
/// The operating system's own store.
#[cfg(windows)]
pub use windows::{CredentialManager as OsStore, foreign::ForeignItem};

pub use sizes::{MAX_KEY, MAX_VALUE, check_credential};
#[cfg_attr(
    not(any(target_os = "macos", keychain_model)),
    allow(unused_imports, reason = "only Keychain needs all of them")
)]
use sizes::{check_key, check_part, check_size};

static SETTINGS: OnceLock<Settings> = OnceLock::new();
static OS_STORE: OnceLock<Result<OsStore, Error>> = OnceLock::new();
static FILE_STORE: OnceLock<FileStore> = OnceLock::new();
static MEMORY_STORE: OnceLock<MemoryStore> = OnceLock::new();
static VAULT_STORE: OnceLock<Arc<VaultStore>> = OnceLock::new();

/// The settings of this process. They are read at the first call of this function, and stay as they were then.
pub fn settings() -> &'static Settings {
    settings_or(|| Settings::read(&Process))
}

/// The settings of this process. If they have not been read yet, they become what `read` returns: a host of this library
/// may know better than the process's environment.
pub fn settings_or(read: impl FnOnce() -> Settings) -> &'static Settings {
    SETTINGS.get_or_init(read)
}

/// The store that the environment or the user's settings file chooses, by default the operating system's. It stays the same
/// for as long as the process lives.
///
/// # Errors
///
/// [`Error::InvalidSetting`] if a setting is wrong, and those of [`SettingsFile`](settings_file::SettingsFile).
pub fn chosen() -> Result<&'static dyn Store, Error> {
    Ok(match settings().kind.clone()? {
        StoreKind::Os => os()?,
        StoreKind::File => file(),
        StoreKind::Memory => memory(),
        StoreKind::Vault => vault().as_ref(),
    })
}

/// The encrypted file that the environment or the settings file describes.
pub fn file() -> &'static FileStore {
    FILE_STORE.get_or_init(|| FileStore::new(file::FileOptions::default(), settings().file.clone()))
}

/// The store in memory that the whole process shares.
pub fn memory() -> &'static MemoryStore {
    MEMORY_STORE.get_or_init(MemoryStore::default)
}

/// The store on the server that the environment names.
pub fn vault() -> &'static Arc<VaultStore> {
    VAULT_STORE.get_or_init(|| Arc::new(VaultStore::new(VaultOptions::default(), &settings().vault)))
}

/// The operating system's store, with the settings of the process.
///
/// # Errors
///
/// [`Error::InvalidSetting`] if a setting is wrong.
pub fn os() -> Result<&'static OsStore, Error> {
    OS_STORE.get_or_init(|| OsStore::from_environment(settings())).as_ref().map_err(Error::clone)
}

/// A call in progress. A task of the [`executor`](crate::executor) must poll it.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Reading credentials.
    Read,
    /// Changing them.
    Change,
}

/// A choice of a store.
#[derive(Clone)]
pub enum Choice {
    /// The store that the environment or the settings file chooses.
    Environment,
    /// The operating system's.
    Os,
    /// The encrypted file that the environment or the settings file describes.
    File,
    /// The store in memory that the whole process shares.
    Memory,
    /// The store on the server that the environment names.
    Vault,
    /// A store that the program or the user has named.
    Own(Arc<dyn Store>),
}

impl Choice {
    /// Whether it is the operating system's store.
    pub fn is_os(&self) -> bool {
        match self {
            Self::Environment => settings().kind == Ok(StoreKind::Os),
            Self::Os => true,
            Self::File | Self::Memory | Self::Vault | Self::Own(_) => false,
        }
    }

    /// As [`Store::choose_start`].
    pub fn choose_start(&self, intent: Intent, size: usize) -> StartOn {
        self.store().map_or(StartOn::IoThread, |store| store.choose_start(intent, size))
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
            Self::File => Ok(file()),
            Self::Memory => Ok(memory()),
            Self::Vault => Ok(vault().as_ref()),
            Self::Own(store) => Ok(store.as_ref()),
        }
    }
}

/// How long and where a credential is kept. Only Windows makes a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Persist {
    /// On this machine.
    Local,
    /// In the user's roaming profile, if there is one.
    #[default]
    Enterprise,
}

/// Options for storing a credential. A store ignores those that it does not support.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetOptions {
    /// How long and where it is kept.
    pub persist: Persist,
    /// Whether every application may read it without asking the user. Only macOS makes a difference, and only for a new
    /// credential.
    pub unrestricted: bool,
}

/// Another package whose credentials can be migrated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Package {
    /// `keytar`.
    Keytar,
    /// `@napi-rs/keyring`.
    NapiRs,
    /// The Rust crate `keyring`, versions 3 and 4, without a target or other options.
    Keyring,
}

/// A place that holds credentials.
///
/// Any number of calls may run at once. Each sees the store as it is when the call reaches it. Two calls on one key
/// that overlap take effect in some order. A call may be dropped before its end; a change that was sent by then may
/// still take effect, and [`Progress`] knows of it.
pub trait Store: Send + Sync {
    /// Reads a credential. Returns `None` only if there is no such credential.
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>>;

    /// Stores a credential. Replaces one with the same key. An empty value deletes, and is no error if there was
    /// nothing.
    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        options: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()>;

    /// Stores a credential if the stored value is still `old`. An empty value deletes. Returns whether it is; if not, nothing
    /// was changed. A store that belongs to one user does not compare: its updates exclude each other by a lock, see
    /// [`lock_domain`](Self::lock_domain).
    fn replace<'a>(
        &'a self,
        key: &'a Key,
        _old: Option<&'a Secret>,
        value: &'a Secret,
        options: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, bool> {
        Box::pin(async move { self.set(key, value, options, progress).await.map(|()| true) })
    }

    /// Deletes a credential. Returns whether there was one.
    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool>;

    /// Returns whether there is such a credential, without reading its value.
    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool>;

    /// Returns the keys of all credentials, or of one service's, sorted and without duplicates. It reads no value and
    /// does not ask the user.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsService`] if [`needs_service`](Self::needs_service) and none is given.
    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>>;

    /// Returns the keys of the credentials of all services whose names start with a prefix, sorted and without duplicates.
    /// Like [`list`](Self::list), it reads no value and does not ask the user. Unlike it, it needs no service.
    fn list_by_prefix<'a>(&'a self, prefix: &'a str, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            let mut keys = self.list(None, progress).await?;
            keys.retain(|key| key.service.starts_with(prefix));
            Ok(keys)
        })
    }

    /// Unlocks what hides the names of a service's credentials, or of all, from [`list`](Self::list), which does not ask the
    /// user. Nothing is done if the store shows all names.
    fn unlock_names<'a>(&'a self, _service: Option<&'a str>, _progress: &'a Progress) -> Call<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Returns when the credentials of a service were changed, by their names. Those for which the store does not know are
    /// missing. It reads no value and does not ask the user.
    fn list_changes<'a>(
        &'a self,
        _service: &'a str,
        _progress: &'a Progress,
    ) -> Call<'a, BTreeMap<String, SystemTime>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    /// Whether the package `keytar` stores its passwords here in items of its own. Only on Linux: elsewhere its items are
    /// ours.
    fn has_keytar_items(&self) -> bool {
        false
    }

    /// Reads the credential of a key that the package `keytar` has stored in an item of its own.
    fn get_keytar_password<'a>(&'a self, _key: &'a Key, _progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async { Ok(None) })
    }

    /// Deletes the credential of a key that `keytar` has stored in an item of its own. Returns whether there was one.
    fn delete_keytar_password<'a>(&'a self, _key: &'a Key, _progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    /// Returns the names of the credentials that `keytar` has stored for a service in items of its own. It reads no value,
    /// but may ask the user.
    fn list_keytar_accounts<'a>(
        &'a self,
        _service: &'a str,
        _progress: &'a Progress,
    ) -> Call<'a, BTreeSet<String>> {
        Box::pin(async { Ok(BTreeSet::new()) })
    }

    /// Returns which updates of this store exclude each other, and creates what their locks need. The default is correct
    /// for every store that belongs to the user: stores that share locks only wait for each other. See
    /// [`CredentialLock`](credential_lock::CredentialLock).
    ///
    /// # Errors
    ///
    /// Why nothing can be stored, if the store can tell without the user.
    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        Box::pin(async { Ok(LockDomain::User("os".into())) })
    }

    /// The thread on which a call with this intent should start. `size` is that of its key and its value, in bytes.
    fn choose_start(&self, _intent: Intent, _size: usize) -> StartOn {
        StartOn::IoThread
    }

    /// Whether the store lists the credentials of one service only, because it holds those of all programs and
    /// cannot tell which are ours.
    fn needs_service(&self) -> bool {
        false
    }

    /// A value that this store holds, as text.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] if it is not UTF-8 text.
    fn as_text(&self, value: Secret) -> Result<Secret, Error> {
        value.into_text()
    }
}
