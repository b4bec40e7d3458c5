//! Which file a store uses, and what unlocks it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    keys::{KeySettings, KeySource, Unlock},
    plugin::{PluginSettings, PluginUser},
    store_file::USUAL_NAME,
};
use crate::{
    credential::Secret,
    environment::{Variables, absolute_path, data_directory},
    error::Error,
    store::settings_file::{Origin, SettingsFile},
};

/// The variable that names the file.
const PATH_VARIABLE: &str = "OS_SECRETS_FILE";

/// What the environment and the settings file say of the encrypted file.
#[derive(Clone, Debug)]
pub struct Defaults {
    pub(super) path: Result<Option<PathBuf>, Error>,
    /// Where the path comes from.
    pub path_origin: Origin,
    pub(super) keys: KeySettings,
    pub(super) plugins: PluginSettings,
}

impl Defaults {
    /// Reads them from an environment, and from the settings file of its user. The file is `OS_SECRETS_FILE`, else the one
    /// that the settings file names, else `os-secrets/secrets.age` in the directory for the data of programs.
    pub fn read(variables: &impl Variables, settings_file: &SettingsFile) -> Self {
        let named = settings_file.settings();
        let in_file = named.as_ref().ok().and_then(|named| named.file.clone());
        let path_origin = Origin::find(variables, PATH_VARIABLE, in_file.is_some());
        let path = variables.get(PATH_VARIABLE).map(|path| absolute_path(Path::new(&path)));
        let usual = || Some(data_directory(variables)?.join("os-secrets").join(USUAL_NAME));
        Self {
            path: named.map(|_| path.or(in_file).or_else(usual)),
            path_origin,
            keys: KeySettings::read(variables, settings_file),
            plugins: PluginSettings::read(variables),
        }
    }

    /// Where the key comes from that is used if the program names none; `None` if there is none. Looks at the disk.
    ///
    /// # Errors
    ///
    /// Why the settings cannot be used.
    pub fn key_source(&self) -> Result<Option<KeySource>, Error> {
        Ok(self.keys.find_key(None)?.map(|(_, source)| source))
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
    /// Also asks for the passphrase of a new file, if no key is found at all, and for that of an identity, if it is
    /// protected by one that nothing names.
    pub ask: Option<AskPassphrase>,
    /// Shows the messages of age plugins, and answers their questions. Without it, messages are not shown, and questions
    /// are answered with a refusal.
    pub plugin_user: Option<Arc<dyn PluginUser>>,
}

/// Asks the user for the passphrase of the file at a path, which may be that of the identity.
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
    /// That of the identity. The path is that of the identity.
    Identity,
    /// That of the identity, because the last answer was wrong.
    IdentityAgain,
}
