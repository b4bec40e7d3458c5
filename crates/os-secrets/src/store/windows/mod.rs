//! Windows: Credential Manager, with the same items as `Bun.secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what get, set, delete, has and list do |
//! | `target.rs` | how keys and items correspond |
//! | `limits.rs` | how large a value and how long a name can be |
//! | `utf16.rs` | values that other programs have written as UTF-16 |
//! | `number.rs` | what the system's error numbers mean |
//! | `api.rs` | the system's calls |
//! | `foreign.rs` | the items of other packages, to copy them |
//! | `diagnosis.rs` | what `secrets doctor` reports |
//!
//! A credential is a generic credential with the target name `service/name`. Windows ignores case when it compares
//! target names. The target name alone does not tell where the service ends, so the user name repeats the name.

use std::sync::LazyLock;

use super::{Call, Intent, SetOptions, Store, check_part, credential_lock::LockDomain, settings::Settings};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::{Lane, StartOn},
    progress::Progress,
};

pub mod api;
#[forbid(unsafe_code)]
pub mod diagnosis;
#[forbid(unsafe_code)]
pub mod foreign;
#[forbid(unsafe_code)]
pub mod limits;
#[forbid(unsafe_code)]
pub mod number;
#[forbid(unsafe_code)]
mod target;
#[forbid(unsafe_code)]
mod utf16;

use api::{CredentialItem, WideString};
pub use limits::MAX_BLOB;
use limits::{MAX_TARGET, check_length, check_value};
use target::{CredentialTarget, key_of_any_item, key_of_item};
use utf16::is_utf16;

/// The calls of this process.
static LANE: LazyLock<Lane> = LazyLock::new(|| Lane::new(4));

/// The Credential Manager of the logon session.
pub struct CredentialManager(());

impl CredentialManager {
    /// The Credential Manager of this process's logon session. It needs no settings.
    ///
    /// # Errors
    ///
    /// None. Stores of other systems have settings that can be wrong.
    pub fn from_environment(_: &Settings) -> Result<Self, Error> {
        Ok(Self(()))
    }
}

/// Lists the keys of a service's items.
fn list_keys(service: &str) -> Result<Vec<Key>, Error> {
    check_part(service)?;
    list_items(&format!("{service}/"), |item| key_of_item(service, item))
}

/// Lists the keys of the items of all services that start with a prefix.
fn list_keys_by_prefix(prefix: &str) -> Result<Vec<Key>, Error> {
    check_part(prefix)?;
    list_items(prefix, |item| key_of_any_item(item).filter(|key| key.service.starts_with(prefix)))
}

/// Lists the keys of items whose target names start with a text. `key_of` returns `None` for those that do not belong to
/// the list.
fn list_items(start: &str, key_of: impl Fn(&CredentialItem) -> Option<Key>) -> Result<Vec<Key>, Error> {
    // In a filter, an asterisk means any text, and may stand only at the end.
    let literal = start.split('*').next().unwrap_or_default();
    let filter = WideString::new(&format!("{literal}*"));
    check_length("a service", filter.units(), MAX_TARGET)?;
    let items = api::enumerate_items(Some(&filter))?;
    let mut keys: Vec<_> = items.iter().filter_map(key_of).collect();
    keys.sort();
    keys.dedup();
    Ok(keys)
}

impl Store for CredentialManager {
    fn choose_start(&self, _: Intent, _: usize) -> StartOn {
        StartOn::Pool
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        Box::pin(async { Ok(LockDomain::UserIgnoringCase("os".into())) })
    }

    fn get<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            let target = CredentialTarget::of_key(key)?;
            LANE.run(move || Ok(target.read_item()?.map(CredentialItem::into_secret))).await
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        options: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            if value.expose().is_empty() {
                return self.delete(key, progress).await.map(drop);
            }
            let target = CredentialTarget::of_key(key)?;
            check_value(value)?;
            let value = value.clone();
            LANE.change(progress, move || target.write_item(&value, options.persist)).await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            let target = CredentialTarget::of_key(key)?;
            LANE.change(progress, move || target.delete_item()).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            let target = CredentialTarget::of_key(key)?;
            LANE.run(move || Ok(target.read_item()?.is_some())).await
        })
    }

    fn needs_service(&self) -> bool {
        true
    }

    /// Refuses UTF-16 as well, which `cmdkey` writes.
    fn as_text(&self, value: Secret) -> Result<Secret, Error> {
        if is_utf16(&value) { Err(Error::InvalidData) } else { value.into_text() }
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            // Credential Manager holds the items of all programs, and the caller must not see those of the others.
            let service = service.ok_or(Error::NeedsService)?.to_owned();
            LANE.run(move || list_keys(&service)).await
        })
    }

    fn list_by_prefix<'a>(&'a self, prefix: &'a str, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            let prefix = prefix.to_owned();
            LANE.run(move || list_keys_by_prefix(&prefix)).await
        })
    }
}
