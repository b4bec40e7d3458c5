//! What unlocks the store: identities and passphrases, and the places that they come from.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use age::{
    secrecy::{ExposeSecret, SecretString},
    x25519,
};
use zeroize::Zeroizing;

use super::{
    envelope::{self, OpenError, StoreKeys},
    identities::{
        CONTAINER, Identities, IdentityError, SECRET_KEY, find_age_file, is_identity, parse_identities,
        read_identity,
    },
    plugin::Plugins,
};
use crate::{
    credential::{Key, Secret},
    environment::{Variables, absolute_path, configuration_directory},
    error::Error,
    file::{is_pipe, path_of},
    printable::printable_path,
    store::settings_file::{IdentitySetting, SettingsFile},
    sync::lock,
    wiped::WipedBuffer,
};

/// The name of the identity's file among the secrets that systemd or a container provides.
const PROVIDED: &str = "os-secrets.identity";

/// The text that stands for the user's identity in the operating system's store, in place of a path.
const OS: &[u8] = b"os";

/// What unlocks a store, as the program or the user names it.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// An X25519 identity, in the form of `age-keygen`, or the private key of SSH: its text, or the path of its file.
    Identity(Secret),
    /// Such an identity that is protected by a passphrase: an SSH key, or an age file with identities.
    ProtectedIdentity {
        /// Its text, or the path of its file.
        identity: Secret,
        /// Its passphrase.
        passphrase: Secret,
    },
    /// An X25519 identity that is the value of an item in the operating system's store.
    OsIdentity(Key),
    /// A passphrase.
    Passphrase(Secret),
}

/// What the environment and the settings file say of the keys.
#[derive(Clone, Debug)]
pub struct KeySettings {
    identity: Option<Unlock>,
    passphrase: Option<Secret>,
    /// The directory with the credentials that systemd provides.
    credentials: Option<PathBuf>,
    /// The identity that the settings file names, and the path of the settings file.
    in_file: Result<Option<(IdentitySetting, PathBuf)>, Error>,
    /// The file in which `secrets init` creates an identity.
    pub(super) own: Option<PathBuf>,
    /// What was read from the pipe that the environment or the settings file names, if one names one. A pipe can be read
    /// only once, and several stores may need its identity.
    piped: Arc<Mutex<Option<Secret>>>,
}

/// The place that the key in use comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// The program gave it.
    Given,
    /// A variable of the environment.
    Variable(&'static str),
    /// A file that systemd or a container provides.
    File(PathBuf),
    /// The user's settings file. Holds its path.
    Settings(PathBuf),
    /// The file of the user's own identity.
    Own(PathBuf),
}

impl KeySettings {
    /// Reads them from an environment, and from the settings file of its user.
    pub fn read(variables: &impl Variables, settings_file: &SettingsFile) -> Self {
        let secret = |name| variables.get(name).map(|text| Secret::new(text.into_encoded_bytes()));
        // A relative path is resolved now: the program may change its directory before the first call.
        let identity = secret("OS_SECRETS_IDENTITY").map(|named| match path_in(named.expose()) {
            _ if named.expose() == OS => Unlock::OsIdentity(user_identity()),
            Some(path) => name_identity(&absolute_path(&path)),
            None => Unlock::Identity(named),
        });
        Self {
            identity,
            passphrase: secret("OS_SECRETS_PASSPHRASE"),
            credentials: variables.directory("CREDENTIALS_DIRECTORY"),
            in_file: settings_file
                .settings()
                .map(|named| Some((named.identity?, settings_file.path.clone()?))),
            own: default_identity_path(variables),
            piped: Arc::default(),
        }
    }

    /// The path of the file that the identity is read from, if it is read from one, without a look at the disk. If
    /// nothing names a key, the path of the user's own identity stands for all usual places.
    pub fn identity_path(&self, given: Option<&Unlock>) -> Option<PathBuf> {
        match (given, &self.identity, &self.passphrase) {
            (Some(unlock), _, _) => unlock.path(),
            (None, Some(identity), _) => identity.path(),
            (None, None, Some(_)) => None,
            (None, None, None) => match self.in_settings_file() {
                Some(IdentitySetting::File(path)) => Some(path.clone()),
                Some(IdentitySetting::Os) => None,
                None => self.own.clone(),
            },
        }
    }

    /// Whether the key may be an item in the operating system's store, without a look at the disk.
    pub fn may_be_os_identity(&self, given: Option<&Unlock>) -> bool {
        match (given.or(self.identity.as_ref()), &self.passphrase) {
            (Some(unlock), _) => matches!(unlock, Unlock::OsIdentity(_)),
            (None, Some(_)) => false,
            (None, None) => self.in_settings_file() == Some(&IdentitySetting::Os),
        }
    }

    fn in_settings_file(&self) -> Option<&IdentitySetting> {
        self.in_file.as_ref().ok()?.as_ref().map(|(identity, _)| identity)
    }

    /// Finds what unlocks the store; `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if settings contradict each other, and those of a settings file that is refused.
    pub fn find_key(&self, given: Option<&Unlock>) -> Result<Option<(Unlock, KeySource)>, Error> {
        if let Some(given) = given {
            return Ok(Some((given.clone(), KeySource::Given)));
        }
        let in_file = self.in_file.clone()?;
        match (&self.identity, &self.passphrase) {
            (Some(identity), Some(passphrase)) => {
                let unlock = identity.clone().with_passphrase(passphrase.clone()).ok_or_else(|| {
                    Error::InvalidSetting(
                        "OS_SECRETS_IDENTITY names an identity in the operating system's store, which has no passphrase. \
                         Unset OS_SECRETS_PASSPHRASE or OS_SECRETS_IDENTITY"
                            .into(),
                    )
                })?;
                return Ok(Some((unlock, KeySource::Variable("OS_SECRETS_IDENTITY"))));
            }
            (Some(identity), None) => {
                return Ok(Some((identity.clone(), KeySource::Variable("OS_SECRETS_IDENTITY"))));
            }
            (None, Some(passphrase)) => {
                let source = KeySource::Variable("OS_SECRETS_PASSPHRASE");
                return Ok(Some((Unlock::Passphrase(passphrase.clone()), source)));
            }
            (None, None) => {}
        }
        let provided = |directory: &Path| KeySource::File(directory.join(PROVIDED));
        // Each is skipped only if it does not exist: one that cannot be read is reported.
        if let Some(source) = self.credentials.as_deref().map(provided)
            && let Some(path) = source.usual_path().filter(|path| may_exist(path))
        {
            return Ok(Some((name_identity(path), source)));
        }
        if let Some((identity, settings_file)) = in_file {
            let unlock = match identity {
                IdentitySetting::Os => Unlock::OsIdentity(user_identity()),
                IdentitySetting::File(path) => name_identity(&path),
            };
            return Ok(Some((unlock, KeySource::Settings(settings_file))));
        }
        // On Windows every user could create that directory.
        let container = cfg!(unix).then(|| provided(Path::new(CONTAINER)));
        for source in container.into_iter().chain(self.own.clone().map(KeySource::Own)) {
            if let Some(path) = source.usual_path().filter(|path| may_exist(path)) {
                return Ok(Some((name_identity(path), source)));
            }
        }
        Ok(None)
    }

    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`], which names `source`, and [`Error::InteractionNotAllowed`] for an item in the operating
    /// system's store: `os_identity.rs` has read it before, unless the user must be asked for a passphrase instead.
    pub fn read_keys(&self, unlock: &Unlock, source: &KeySource) -> Result<StoreKeys, Error> {
        let invalid = |setting: &str, reason: String| Error::InvalidSetting(format!("{setting} {reason}"));
        match unlock {
            Unlock::Passphrase(passphrase) => {
                let setting = match source {
                    KeySource::Variable(name) => name,
                    _ => "The option passphrase",
                };
                match str::from_utf8(passphrase.expose()) {
                    Ok("") => Err(invalid(setting, "is empty".into())),
                    Ok(text) => Ok(StoreKeys::Passphrase(SecretString::from(text))),
                    Err(_) => Err(invalid(setting, "is not UTF-8 text".into())),
                }
            }
            Unlock::OsIdentity(_) => Err(Error::InteractionNotAllowed),
            Unlock::Identity(named) | Unlock::ProtectedIdentity { identity: named, .. } => {
                let setting = match source {
                    KeySource::Variable(name) => (*name).to_owned(),
                    KeySource::File(path) | KeySource::Own(path) => printable_path(path),
                    KeySource::Settings(path) => format!("The setting identity in {}", printable_path(path)),
                    KeySource::Given => "The option identity".into(),
                };
                let read;
                let text = match path_in(named.expose()) {
                    None => named.expose(),
                    Some(path) => {
                        read = self.read_identity(&path, source).map_err(|reason| match source {
                            KeySource::File(_) | KeySource::Own(_) => invalid(&setting, reason),
                            // If it is not known whether the file exists, the setting is taken for a path.
                            _ if may_exist(&path)
                                || (matches!(source, KeySource::Settings(_)) && is_possible(&path)) =>
                            {
                                invalid(&setting, format!("names {}, which {reason}", printable_path(&path)))
                            }
                            // The text is not shown: it may be a truncated identity, or a passphrase.
                            _ => invalid(
                                &setting,
                                format!(
                                    "is neither an identity ({SECRET_KEY}…) nor the path of a file that exists"
                                ),
                            ),
                        })?;
                        read.expose()
                    }
                };
                let identities = unlock.open_identities(text).map_err(|error| match error {
                    IdentityError::Invalid(reason) => invalid(&setting, reason),
                    IdentityError::Protected => Error::ProtectedIdentity { setting: setting.clone() },
                    IdentityError::WrongPassphrase => Error::WrongPassphrase { setting: setting.clone() },
                })?;
                let note = identities.unusable.map(|problems| format!("{setting} has also {problems}"));
                Ok(StoreKeys::Identities { usable: identities.usable, note })
            }
        }
    }

    /// Reads the keys again, if they are identities in a file that has other ones now. The user may have rotated them.
    /// Returns `None` if it has the same. A pipe is not read again: it can be read only once.
    ///
    /// # Errors
    ///
    /// As [`read_keys`](Self::read_keys).
    pub fn read_new_keys(
        &self,
        given: Option<&Unlock>,
        known: &StoreKeys,
    ) -> Result<Option<StoreKeys>, Error> {
        if matches!(known, StoreKeys::Passphrase(_)) {
            return Ok(None);
        }
        let Some((unlock, source)) = self.find_key(given)? else { return Ok(None) };
        let is_file = |path: PathBuf| std::fs::metadata(path).is_ok_and(|found| !is_pipe(&found));
        if !unlock.path().is_some_and(is_file) {
            return Ok(None);
        }
        let read = self.read_keys(&unlock, &source)?;
        Ok((read.recipients() != known.recipients()).then_some(read))
    }

    /// Reads an identity from its file or pipe.
    fn read_identity(&self, path: &Path, source: &KeySource) -> Result<Secret, String> {
        let read = || {
            let mut text = read_identity(path, matches!(source, KeySource::Own(_)))?;
            Ok(Secret::new(std::mem::take(&mut *text)))
        };
        let is_pipe = std::fs::metadata(path).is_ok_and(|found| is_pipe(&found));
        if !is_pipe || !matches!(source, KeySource::Variable(_) | KeySource::Settings(_)) {
            return read();
        }
        let mut piped = lock(&self.piped);
        match &*piped {
            Some(text) => Ok(text.clone()),
            None => Ok(piped.insert(read()?).clone()),
        }
    }
}

/// Whether the user may be asked for a passphrase, because neither the program nor the environment names a key. What the
/// settings file names is for all of the user's files, of which this one may have a passphrase.
pub fn may_ask_user(found: &Option<(Unlock, KeySource)>) -> bool {
    matches!(found, None | Some((_, KeySource::File(_) | KeySource::Settings(_) | KeySource::Own(_))))
}

/// The path at which `secrets init` creates an identity: `os-secrets/identity` in the configuration directory.
fn default_identity_path(variables: &impl Variables) -> Option<PathBuf> {
    Some(configuration_directory(variables)?.join("os-secrets").join("identity"))
}

/// The item of the user's own identity in the operating system's store.
pub fn user_identity() -> Key {
    Key { service: "os-secrets".into(), name: "identity".into() }
}

/// Whether a value is the text of an identity that opens encrypted files.
pub fn is_whole_identity(value: &Secret) -> bool {
    parse_identities(value.expose(), None).is_ok()
}

/// Creates an identity, and returns the value of its item in the operating system's store.
pub fn generate_item() -> Secret {
    let key = x25519::Identity::generate().to_string();
    Secret::new(key.expose_secret().as_bytes().to_vec())
}

/// Creates an identity, and returns the content of its file, as `age-keygen` writes it, and its recipient.
pub fn generate_identity() -> (Zeroizing<Vec<u8>>, String) {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let key = identity.to_string();
    let mut text = WipedBuffer::default();
    for part in ["# public key: ", &recipient, "\n", key.expose_secret(), "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    (text.into_bytes(), recipient)
}

/// Whether a text can be a path. That of a key is too long for a name.
fn is_possible(path: &Path) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput};
    let error = std::fs::symlink_metadata(path).err();
    !error.is_some_and(|error| matches!(error.kind(), InvalidFilename | InvalidInput))
}

/// Whether there may be a file at a path.
fn may_exist(path: &Path) -> bool {
    let is_absent =
        |error: io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    if !is_possible(path) {
        return false;
    }
    !std::fs::symlink_metadata(path).is_err_and(is_absent)
}

impl KeySource {
    /// The path of the identity, if it is in a usual place.
    fn usual_path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Own(path) => Some(path),
            Self::Given | Self::Variable(_) | Self::Settings(_) => None,
        }
    }
}

impl Unlock {
    /// The same identity, protected by a passphrase. `None` if it cannot be.
    pub fn with_passphrase(self, passphrase: Secret) -> Option<Self> {
        match self {
            Self::Identity(identity) | Self::ProtectedIdentity { identity, .. } => {
                Some(Self::ProtectedIdentity { identity, passphrase })
            }
            Self::OsIdentity(_) | Self::Passphrase(_) => None,
        }
    }

    /// The identities in their text, opened with the passphrase if this has one.
    fn open_identities(&self, text: &[u8]) -> Result<Identities, IdentityError> {
        let Self::ProtectedIdentity { passphrase, .. } = self else { return parse_identities(text, None) };
        let passphrase = str::from_utf8(passphrase.expose()).map_err(|_| IdentityError::WrongPassphrase)?;
        let passphrase = SecretString::from(passphrase);
        if let Some(file) = find_age_file(text) {
            let keys = StoreKeys::Passphrase(passphrase.clone());
            let opened = envelope::open(&file, &keys, None, &Plugins::none());
            let (text, _) = opened.map_err(|error| match error {
                OpenError::WrongKey(reason) if reason == envelope::WRONG_PASSPHRASE => {
                    IdentityError::WrongPassphrase
                }
                OpenError::WrongKey(reason) => format!("cannot be opened, because {reason}").into(),
                OpenError::Damaged(reason) => reason.to_owned().into(),
                OpenError::Plugin(error) => format!("cannot be opened, because {error}").into(),
            })?;
            return parse_opened(&text, &passphrase);
        }
        let identities = parse_identities(text, Some(&passphrase))?;
        if !identities.protected {
            return Err("has no identity that is protected by a passphrase, and one was given. Leave out the passphrase"
                .to_owned()
                .into());
        }
        Ok(identities)
    }

    /// The path of the identity's file, if this names one.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Identity(named) | Self::ProtectedIdentity { identity: named, .. } => {
                path_in(named.expose())
            }
            Self::OsIdentity(_) | Self::Passphrase(_) => None,
        }
    }
}

/// The identities in the text of an age file that the passphrase has opened. An SSH key in it may have the same one.
fn parse_opened(text: &[u8], passphrase: &SecretString) -> Result<Identities, IdentityError> {
    if find_age_file(text).is_some() {
        return Err("holds another encrypted age file. Encrypt the identity once".to_owned().into());
    }
    let mut parsed = parse_identities(text, Some(passphrase));
    if matches!(parsed, Err(IdentityError::WrongPassphrase)) {
        // Other identities beside that key can be used.
        parsed = parse_identities(text, None);
    }
    parsed.map_err(|error| match error {
        IdentityError::Invalid(_) => error,
        IdentityError::Protected | IdentityError::WrongPassphrase => {
            "holds an SSH key that has another passphrase. Change that of the key: `ssh-keygen -p -f FILE`"
                .to_owned()
                .into()
        }
    })
}

/// The identity in a file.
fn name_identity(path: &Path) -> Unlock {
    Unlock::Identity(Secret::new(path.as_os_str().as_encoded_bytes().to_vec()))
}

/// The path in a text that names an identity; `None` if the text is the identity itself.
fn path_in(named: &[u8]) -> Option<PathBuf> {
    (!is_identity(named)).then(|| path_of(named))
}
