//! The store: it makes entries, and searches for credentials.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use keyring_core::{CredentialPersistence, Entry, Result, api::CredentialStoreApi};

use super::{
    credential::KeyringCredential,
    modifiers::{Modifiers, invalid},
};
use crate::{
    credential::{Key, is_valid_part},
    store::{self, Choice, settings::StoreKind},
};

/// The number of stores that this process has made.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// A store of this crate for `keyring_core`.
pub struct KeyringStore {
    /// Its number among the stores of this process.
    number: usize,
    modifiers: Modifiers,
}

impl KeyringStore {
    /// The store that the environment or the user's settings file chooses, by default the operating system's. Nothing is
    /// read from it yet.
    ///
    /// # Errors
    ///
    /// [`keyring_core::Error::NoStorageAccess`] if a setting is wrong.
    pub fn new() -> Result<Arc<Self>> {
        Self::new_with_configuration(&HashMap::new())
    }

    /// The same, with [modifiers](crate::keyring#modifiers) for all its entries.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`keyring_core::Error::Invalid`] if a modifier is wrong.
    pub fn new_with_configuration(configuration: &HashMap<&str, &str>) -> Result<Arc<Self>> {
        let modifiers = Modifiers::of(Choice::Environment).with(configuration)?;
        modifiers.choice.store()?;
        Ok(Self::number(modifiers))
    }

    /// Any store of this crate, such as a credential helper ([`ExecStore`](crate::store::exec::ExecStore)).
    pub fn from_choice(choice: Choice) -> Arc<Self> {
        Self::number(Modifiers::of(choice))
    }

    fn number(modifiers: Modifiers) -> Arc<Self> {
        Arc::new(Self { number: MADE.fetch_add(1, Ordering::Relaxed) + 1, modifiers })
    }
}

impl CredentialStoreApi for KeyringStore {
    fn vendor(&self) -> String {
        "os-secrets, https://crates.io/crates/os-secrets".into()
    }

    fn id(&self) -> String {
        format!("version {}, store {} of the process", env!("CARGO_PKG_VERSION"), self.number)
    }

    /// Makes the entry of a service and a user, with [modifiers](crate::keyring#modifiers). Nothing is read or stored.
    ///
    /// # Errors
    ///
    /// [`keyring_core::Error::Invalid`] if the service or the user is empty or has a NUL, or a modifier is wrong.
    fn build(&self, service: &str, user: &str, modifiers: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        for (parameter, text) in [("service", service), ("user", user)] {
            if !is_valid_part(text) {
                return Err(invalid(parameter, "it must not be empty or contain a NUL"));
            }
        }
        let own = self.modifiers.clone();
        let modifiers = modifiers.map_or(Ok(own.clone()), |named| own.with(named))?;
        Ok(make_entry(Key { service: service.into(), name: user.into() }, modifiers))
    }

    /// Finds the credentials with this `service` and this `user`, or with one of them, or all. Reads no secret. If the
    /// store hides its names while it is locked, it asks the user to unlock it.
    ///
    /// # Errors
    ///
    /// [`keyring_core::Error::Invalid`] for any other name in `spec`; [`keyring_core::Error::NotSupportedByStore`] if the
    /// store needs a service, and none is given.
    fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        if let Some(other) = spec.keys().find(|name| !["service", "user"].contains(name)) {
            return Err(invalid(other, "a search takes service and user"));
        }
        let (service, user) = (spec.get("service").map(|&text| text.to_owned()), spec.get("user"));
        let progress = self.modifiers.reading();
        let mut keys = self.modifiers.call(progress, |choice, progress| async move {
            let store = choice.store()?;
            if progress.is_interactive() {
                store.unlock_names(service.as_deref(), &progress).await?;
            }
            store.list(service.as_deref(), &progress).await
        })?;
        keys.retain(|key| user.is_none_or(|user| key.name == **user));
        Ok(keys.into_iter().map(|key| make_entry(key, self.modifiers.clone())).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn persistence(&self) -> CredentialPersistence {
        let kind = match self.modifiers.choice {
            Choice::Environment => store::settings().kind.clone().ok(),
            Choice::Os => Some(StoreKind::Os),
            Choice::File => Some(StoreKind::File),
            Choice::Memory => Some(StoreKind::Memory),
            Choice::Vault => Some(StoreKind::Vault),
            Choice::Own(_) => None,
        };
        match kind {
            Some(StoreKind::Os | StoreKind::File | StoreKind::Vault) => CredentialPersistence::UntilDelete,
            Some(StoreKind::Memory) => CredentialPersistence::ProcessOnly,
            None => CredentialPersistence::Unspecified,
        }
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("vendor", &self.vendor())
            .field("id", &self.id())
            .field("modifiers", &self.modifiers)
            .finish()
    }
}

fn make_entry(key: Key, modifiers: Modifiers) -> Entry {
    Entry::new_with_credential(Arc::new(KeyringCredential::new(key, modifiers)))
}
