//! The variables that lead to the store, as they were when the process was started.
//!
//! The process may have changed its environment since, for example by `node --env-file`, and Bun fills `process.env` from
//! `.env` files. Neither changes the store, because such a file may come with a cloned repository. So that a call does not
//! go to another store than the program expects, `ignored-variables.js` compares `process.env` with these variables.

use std::sync::OnceLock;

use os_secrets::{
    credential::{Key, Secret},
    environment::{Process, Variables},
    error::Error,
    progress::Progress,
    store::{
        self, Call, SetOptions, Store,
        credential_lock::LockDomain,
        exec,
        settings::{Settings, StoreKind},
        settings_file::Origin,
    },
};

#[cfg(target_os = "linux")]
use super::started::Started;

/// The variables that name the store, say how it is opened, or lead to its file, its key, its server, its plugins or its
/// locks.
const NAMES: [&str; 34] = [
    "OS_SECRETS_PROVIDER",
    "OS_SECRETS_FILE",
    "OS_SECRETS_IDENTITY",
    "OS_SECRETS_PASSPHRASE",
    "OS_SECRETS_PLUGINS",
    // Where a server is, and what logs in to it.
    "BAO_ADDR",
    "VAULT_ADDR",
    "BAO_TOKEN",
    "VAULT_TOKEN",
    "BAO_NAMESPACE",
    "VAULT_NAMESPACE",
    "BAO_CACERT",
    "VAULT_CACERT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "USERPROFILE",
    "OS_SECRETS_VAULT_MOUNT",
    "OS_SECRETS_VAULT_PREFIX",
    "OS_SECRETS_VAULT_AUTH_MOUNT",
    "OS_SECRETS_VAULT_ROLE_ID",
    "OS_SECRETS_VAULT_SECRET_ID",
    "OS_SECRETS_VAULT_KUBERNETES_ROLE",
    "OS_SECRETS_VAULT_KUBERNETES_JWT_FILE",
    "OS_SECRETS_VAULT_JWT_ROLE",
    "OS_SECRETS_VAULT_JWT",
    // Where the plugins of age are.
    "PATH",
    "CREDENTIALS_DIRECTORY",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "HOME",
    "APPDATA",
    "LOCALAPPDATA",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
];

static READ: OnceLock<[Option<Secret>; NAMES.len()]> = OnceLock::new();

/// Reads the variables and the settings of the store, unless they have been read before.
pub fn read() {
    READ.get_or_init(|| {
        #[cfg(target_os = "linux")]
        let variables = Started::read(&NAMES);
        // The other systems do not show the environment that the process was started with.
        #[cfg(not(target_os = "linux"))]
        let variables = Process;
        store::settings_or(|| Settings {
            // A helper is chosen in code, and gets what the program has set for it.
            helpers: exec::inherited_environment(&Process),
            ..Settings::read(&variables)
        });
        NAMES.map(|name| variables.get(name).map(|value| Secret::new(value.into_encoded_bytes())))
    });
}

/// The value that a variable had when the variables were read.
fn find_value(name: &str) -> Option<&'static Secret> {
    let position = NAMES.iter().position(|known| *known == name)?;
    READ.get()?[position].as_ref()
}

/// The store that the user's settings file names, if it has named the store of this process.
pub fn settings_provider() -> Option<&'static str> {
    let settings = store::settings();
    match (settings.kind_origin, &settings.kind) {
        (Origin::SettingsFile, Ok(StoreKind::File)) => Some("file"),
        (Origin::SettingsFile, Ok(StoreKind::Os)) => Some("os"),
        _ => None,
    }
}

/// Whether a variable was set when the variables were read.
pub fn was_set(name: &str) -> bool {
    find_value(name).is_some()
}

/// Whether a variable had this value when the variables were read. JavaScript cannot show a value that is not Unicode, so
/// such a value equals every other.
pub fn had_value(name: &str, value: &Secret) -> bool {
    find_value(name).is_some_and(|read| read == value || str::from_utf8(read.expose()).is_err())
}

/// A store for a setting that has no effect. Every call fails with the reason.
pub struct RefusingStore(pub String);

impl RefusingStore {
    fn refuse<T>(&self) -> Call<'_, T>
    where
        T: Send,
    {
        Box::pin(async { Err(Error::InvalidSetting(self.0.clone())) })
    }
}

impl Store for RefusingStore {
    fn get<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        self.refuse()
    }

    fn set<'a>(&'a self, _: &'a Key, _: &'a Secret, _: SetOptions, _: &'a Progress) -> Call<'a, ()> {
        self.refuse()
    }

    fn delete<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        self.refuse()
    }

    fn has<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        self.refuse()
    }

    fn list<'a>(&'a self, _: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        self.refuse()
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        self.refuse()
    }
}
