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
    envelope::StoreKeys,
    identities::{CONTAINER, SECRET_KEY, is_identity, parse_identities, read_identity},
};
use crate::{
    credential::Secret,
    environment::{Variables, absolute_path, configuration_directory},
    error::Error,
    file::{is_pipe, path_of},
    printable::printable_path,
    store::settings_file::SettingsFile,
    sync::lock,
    wiped::WipedBuffer,
};

/// The name of the identity's file among the secrets that systemd or a container provides.
const PROVIDED: &str = "os-secrets.identity";

/// What unlocks a store, as the program or the user names it.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// An X25519 identity, in the form of `age-keygen`: its text, or the path of its file.
    Identity(Secret),
    /// A passphrase.
    Passphrase(Secret),
}

/// What the environment and the settings file say of the keys.
#[derive(Clone, Debug)]
pub struct KeySettings {
    identity: Option<Secret>,
    passphrase: Option<Secret>,
    /// The directory with the credentials that systemd provides.
    credentials: Option<PathBuf>,
    /// The path of the identity's file that the settings file names, and that of the settings file.
    in_file: Result<Option<[PathBuf; 2]>, Error>,
    /// The file in which `secrets init` creates an identity.
    pub(super) own: Option<PathBuf>,
    /// What was read from the pipe that the environment or the settings file names, if one names one. A pipe can be read only once, and
    /// several stores may need its identity.
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
            Some(path) => Secret::new(absolute_path(&path).into_os_string().into_encoded_bytes()),
            None => named,
        });
        Self {
            identity,
            passphrase: secret("OS_SECRETS_PASSPHRASE"),
            credentials: variables.directory("CREDENTIALS_DIRECTORY"),
            in_file: settings_file
                .settings()
                .map(|named| Some([named.identity?, settings_file.path.clone()?])),
            own: default_identity_path(variables),
            piped: Arc::default(),
        }
    }

    /// The path of the file that the identity is read from, if it is read from one, without a look at the disk. If
    /// nothing names a key, the path of the user's own identity stands for all usual places.
    pub fn identity_path(&self, given: Option<&Unlock>) -> Option<PathBuf> {
        match (given, &self.identity, &self.passphrase) {
            (Some(unlock), _, _) => unlock.path(),
            (None, Some(identity), _) => path_in(identity.expose()),
            (None, None, Some(_)) => None,
            (None, None, None) => self.in_settings_file().or_else(|| self.own.clone()),
        }
    }

    fn in_settings_file(&self) -> Option<PathBuf> {
        self.in_file.as_ref().ok()?.as_ref().map(|[identity, _]| identity.clone())
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
            (Some(_), Some(_)) => {
                return Err(Error::InvalidSetting(
                    "OS_SECRETS_IDENTITY and OS_SECRETS_PASSPHRASE are both set. Unset one of them: only one can unlock the \
                     file store"
                        .into(),
                ));
            }
            (Some(identity), None) => {
                return Ok(Some((
                    Unlock::Identity(identity.clone()),
                    KeySource::Variable("OS_SECRETS_IDENTITY"),
                )));
            }
            (None, Some(passphrase)) => {
                let source = KeySource::Variable("OS_SECRETS_PASSPHRASE");
                return Ok(Some((Unlock::Passphrase(passphrase.clone()), source)));
            }
            (None, None) => {}
        }
        let named = |path: &Path| Unlock::Identity(Secret::new(path.as_os_str().as_encoded_bytes().to_vec()));
        let provided = |directory: &Path| KeySource::File(directory.join(PROVIDED));
        // Each is skipped only if it does not exist: one that cannot be read is reported.
        if let Some(source) = self.credentials.as_deref().map(provided)
            && let Some(path) = source.usual_path().filter(|path| may_exist(path))
        {
            return Ok(Some((named(path), source)));
        }
        if let Some([identity, settings_file]) = in_file {
            return Ok(Some((named(&identity), KeySource::Settings(settings_file))));
        }
        // On Windows every user could create that directory.
        let container = cfg!(unix).then(|| provided(Path::new(CONTAINER)));
        for source in container.into_iter().chain(self.own.clone().map(KeySource::Own)) {
            if let Some(path) = source.usual_path().filter(|path| may_exist(path)) {
                return Ok(Some((named(path), source)));
            }
        }
        Ok(None)
    }

    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`], which names `source`.
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
            Unlock::Identity(named) => {
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
                            _ if matches!(source, KeySource::Settings(_)) || path.try_exists().unwrap_or(true) => {
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
                let identities = parse_identities(text).map_err(|reason| invalid(&setting, reason))?;
                let unusable = identities.unusable.map(|problems| format!("{setting} has also {problems}"));
                Ok(StoreKeys::Identities { usable: identities.usable, unusable })
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
        let StoreKeys::Identities { usable: known, .. } = known else { return Ok(None) };
        let Some((unlock, source)) = self.find_key(given)? else { return Ok(None) };
        let is_file = |path: PathBuf| std::fs::metadata(path).is_ok_and(|found| !is_pipe(&found));
        if !unlock.path().is_some_and(is_file) {
            return Ok(None);
        }
        let read = self.read_keys(&unlock, &source)?;
        let StoreKeys::Identities { usable, .. } = &read else { return Ok(None) };
        let recipients = |identities: &[x25519::Identity]| -> Vec<_> {
            identities.iter().map(x25519::Identity::to_public).collect()
        };
        Ok((recipients(usable) != recipients(known)).then_some(read))
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

/// Whether there may be a file at a path.
fn may_exist(path: &Path) -> bool {
    let is_absent =
        |error: io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
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
    /// The path of the identity's file, if this names one.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Identity(named) => path_in(named.expose()),
            Self::Passphrase(_) => None,
        }
    }
}

/// The path in a text that names an identity; `None` if the text is the identity itself.
fn path_in(named: &[u8]) -> Option<PathBuf> {
    (!is_identity(named)).then(|| path_of(named))
}
