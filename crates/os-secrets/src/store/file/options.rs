//! Which file a store uses, and what unlocks it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    keys::{KeySettings, Unlock},
    store_file::USUAL_NAME,
};
use crate::{
    credential::Secret,
    environment::{Variables, absolute_path, data_directory},
    error::Error,
};

/// What the environment says of the encrypted file.
#[derive(Clone, Debug)]
pub struct Defaults {
    pub(super) path: Option<PathBuf>,
    pub(super) keys: KeySettings,
}

impl Defaults {
    /// Reads them from an environment. The file is `OS_SECRETS_FILE`, or `os-secrets/secrets.age` in the directory for
    /// the data of programs.
    pub fn read(variables: &impl Variables) -> Self {
        let named = variables.get("OS_SECRETS_FILE").map(|path| absolute_path(Path::new(&path)));
        let usual = || Some(data_directory(variables)?.join("os-secrets").join(USUAL_NAME));
        Self { path: named.or_else(usual), keys: KeySettings::read(variables) }
    }

    /// The file of the user's own identity, which is used if nothing else names a key.
    pub fn own_identity(&self) -> Option<PathBuf> {
        self.keys.own.clone()
    }
}

/// What the program or the user says of the file. [`Defaults`] apply to everything else.
#[derive(Clone, Default)]
pub struct FileOptions {
    /// The file.
    pub path: Option<PathBuf>,
    /// What unlocks it.
    pub unlock: Option<Unlock>,
    /// Whether calls fail if the file does not exist. Otherwise it counts as empty, and the first set creates it.
    pub must_exist: bool,
    /// Asks the user for the passphrase, if the file has one and neither the program nor the environment names a key.
    /// Also asks for the passphrase of a new file, if no key is found at all.
    pub ask: Option<AskPassphrase>,
}

/// Asks the user for the passphrase of the file at a path.
pub type AskPassphrase = Arc<dyn Fn(&Path, PassphrasePrompt) -> Result<Secret, Error> + Send + Sync>;

/// Which passphrase the user is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PassphrasePrompt {
    /// One for a file that is about to be made.
    New,
    /// That of the file.
    Existing,
    /// That of the file, because the last answer was wrong.
    Again,
}
