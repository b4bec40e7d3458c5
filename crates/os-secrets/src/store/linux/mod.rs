//! Linux and FreeBSD: the Secret Service, in the items of `Bun.secrets`.
//!
//! A call is made by `call_with_retry` (`retry.rs`), which opens a `Link` and makes an `Attempt` on it. Each file uses
//! only files below it in this table, so no two depend on each other:
//!
//! | file | contents |
//! |---|---|
//! | `diagnosis.rs` | the state of the store, for `secrets doctor` |
//! | `foreign.rs` | the items of other packages, to copy them |
//! | `mod.rs` | the [`Store`] of this system |
//! | `calls.rs` | what get, set, delete, has and list mean |
//! | `search.rs` | which items a key has, even if they are hidden while they are locked |
//! | `replace.rs` | a new secret for an existing item |
//! | `attempt.rs` | one attempt of a call: what it needs, and how it asks the user |
//! | `retry.rs` | the link that calls share, and the retry of a call that lost it |
//! | `link.rs` | the connection and what lives as long as it does |
//! | `prompt.rs` | unlocking, and the service's prompts |
//! | `batched_reads.rs` | one message for the secrets of many items |
//! | `shared_searches.rs` | one search for many calls |
//! | `cache.rs` | what the service has said, remembered for a while |
//! | `session.rs` | the session in which secrets are encrypted |
//! | `environment.rs` | the bus address and the display, from the environment |
//! | `keyring_file.rs` | the files of gnome-keyring's keyrings, and what they cannot hold |
//! | `wire.rs` | the messages of the specification, one function for each |
//! | `attributes.rs` | the attributes of Bun's items |
//! | `crypto.rs` | the key exchange and the encryption |
//! | `daemon.rs` | which program provides the service |
//! | `bus.rs` | the connection to the bus |
//! | `socket.rs` | the socket of that connection |
//! | `early_timer.rs` | a timer that is due before those of messages |
//! | `address.rs` | the address of the bus |
//! | `fault.rs` | what can go wrong with one message |
//! | `arguments.rs` | the arguments of messages |
//! | `spec.rs` | names and types of the specification |

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use super::{Call, Intent, Package, SetOptions, Store, check_size, settings::Settings};
use crate::{
    credential::{Key, Secret},
    environment::{Process, is_privileged},
    error::Error,
    executor::StartOn,
    progress::Progress,
};

#[forbid(unsafe_code)]
mod address;
#[forbid(unsafe_code)]
mod arguments;
#[forbid(unsafe_code)]
mod attempt;
#[forbid(unsafe_code)]
mod attributes;
#[forbid(unsafe_code)]
pub mod batched_reads;
pub mod bus;
#[forbid(unsafe_code)]
mod cache;
#[forbid(unsafe_code)]
mod calls;
#[forbid(unsafe_code)]
pub mod crypto;
#[forbid(unsafe_code)]
pub mod daemon;
#[forbid(unsafe_code)]
pub mod diagnosis;
#[forbid(unsafe_code)]
mod early_timer;
pub mod environment;
#[forbid(unsafe_code)]
pub mod fault;
#[forbid(unsafe_code)]
pub mod foreign;
#[forbid(unsafe_code)]
pub mod keyring_file;
#[forbid(unsafe_code)]
pub mod link;
#[forbid(unsafe_code)]
pub mod prompt;
#[forbid(unsafe_code)]
mod replace;
#[forbid(unsafe_code)]
mod retry;
#[forbid(unsafe_code)]
mod search;
#[forbid(unsafe_code)]
pub mod session;
#[forbid(unsafe_code)]
mod shared_searches;
#[cfg(target_os = "linux")]
mod socket;
#[forbid(unsafe_code)]
pub mod spec;
#[forbid(unsafe_code)]
pub mod wire;

use attempt::Attempt;
pub use environment::Environment;
use retry::CurrentLink;

/// The maximum size of a key and a value that the thread of the caller may copy and encrypt, in bytes.
const MAX_SENT_BY_CALLER: usize = 4096;

/// The Secret Service on the session bus.
pub struct SecretService {
    link: CurrentLink,
}

impl SecretService {
    /// The service of the session that the process's environment describes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if `OS_SECRETS_TIMEOUT` is wrong.
    pub fn from_environment(settings: &Settings) -> Result<Self, Error> {
        Ok(Self::new(Environment::read(&Process, is_privileged(), settings.timeout.clone()?)))
    }

    /// The service of the session that `environment` describes. The first call connects to it.
    pub fn new(environment: Environment) -> Self {
        Self { link: CurrentLink::new(environment) }
    }
}

impl Store for SecretService {
    fn choose_start(&self, _: Intent, size: usize) -> StartOn {
        // On an open link, a call only sends a message or two before it waits. Opening one takes computing.
        if size <= MAX_SENT_BY_CALLER && self.link.is_open() { StartOn::Caller } else { StartOn::IoThread }
    }

    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            check_size(key, None)?;
            self.link
                .call_with_retry(progress, &|link| Box::pin(Attempt::new(link, key, progress).get()))
                .await
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            if value.expose().is_empty() {
                return Store::delete(self, key, progress).await.map(drop);
            }
            check_size(key, Some(value))?;
            self.link
                .call_with_retry(progress, &|link| {
                    Box::pin(async move {
                        let outcome = Attempt::new(link, key, progress).set(value).await;
                        outcome.map_err(|fault| fault.redact(value))
                    })
                })
                .await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_size(key, None)?;
            self.link
                .call_with_retry(progress, &|link| Box::pin(Attempt::new(link, key, progress).delete()))
                .await?;
            // If a connection was lost after the deletion was sent, the call counts as the one that deleted it.
            Ok(progress.has_changed())
        })
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_size(key, None)?;
            self.link
                .call_with_retry(progress, &|link| Box::pin(Attempt::new(link, key, progress).has()))
                .await
        })
    }

    fn unlock_names<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, ()> {
        Box::pin(async move {
            self.link
                .call_with_retry(progress, &|link| {
                    Box::pin(async move { calls::unlock_names(&link, service, progress).await })
                })
                .await
        })
    }

    fn list_changes<'a>(
        &'a self,
        service: &'a str,
        progress: &'a Progress,
    ) -> Call<'a, BTreeMap<String, SystemTime>> {
        Box::pin(async move {
            self.link
                .call_with_retry(progress, &|link| {
                    Box::pin(async move { calls::list_changes(&link, service).await })
                })
                .await
        })
    }

    fn has_keytar_items(&self) -> bool {
        true
    }

    fn get_keytar_password<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            self.link
                .call_with_retry(progress, &|link| {
                    Box::pin(Attempt::new(link, key, progress).get_foreign(Package::Keytar))
                })
                .await
        })
    }

    fn delete_keytar_password<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            self.link
                .call_with_retry(progress, &|link| {
                    Box::pin(Attempt::new(link, key, progress).delete_foreign(Package::Keytar))
                })
                .await?;
            // As in `delete`.
            Ok(progress.has_changed())
        })
    }

    fn list_keytar_accounts<'a>(
        &'a self,
        service: &'a str,
        progress: &'a Progress,
    ) -> Call<'a, BTreeSet<String>> {
        Box::pin(async move {
            let found = self.list_foreign(Package::Keytar, service, progress).await?;
            Ok(found.into_iter().map(|item| item.name).collect())
        })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            self.link
                .call_with_retry(progress, &|link| Box::pin(async move { calls::list(&link, service).await }))
                .await
        })
    }
}
