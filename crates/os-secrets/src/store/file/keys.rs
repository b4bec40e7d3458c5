//! What unlocks the store: an identity or a passphrase, and where they are found.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use age::{
    secrecy::{ExposeSecret, SecretString},
    x25519,
};
use zeroize::Zeroizing;

use super::envelope::Keys;
use crate::{
    credential::Secret,
    environment::{Variables, configuration_directory, fixed},
    error::Error,
    file::{path_of, writable_by_others},
    wiped::WipedBuffer,
};

/// The name of the identity's file, where systemd and containers lay secrets.
const PROVIDED: &str = "os-secrets.identity";
/// Where containers lay them.
const CONTAINER: &str = "/run/secrets";
/// What secret keys begin with.
const SECRET_KEY: &str = "AGE-SECRET-KEY-1";
/// Identities are short.
const MAX_IDENTITY: u64 = 1 << 20;

/// What unlocks a store, as a program or the user names it.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// An X25519 identity, in the form of `age-keygen`: its text, or the path of its file.
    Identity(Secret),
    /// A passphrase.
    Passphrase(Secret),
}

/// Where keys may be, as the process's environment says.
#[derive(Clone, Debug)]
pub struct Places {
    identity: Option<Secret>,
    passphrase: Option<Secret>,
    /// Where systemd lays credentials.
    credentials: Option<PathBuf>,
    /// Where `secrets init` makes one.
    own: Option<PathBuf>,
}

/// Where the key in use was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The program gave it.
    Given,
    /// A variable of the environment.
    Variable(&'static str),
    /// A file that somebody has provided, in one of the usual places.
    File(PathBuf),
    /// The file of the user's own identity.
    Own(PathBuf),
}

impl Places {
    /// Those of an environment.
    pub fn read(variables: &impl Variables) -> Self {
        let secret = |name| variables.get(name).map(|text| Secret::new(text.into_encoded_bytes()));
        // As it is now: the program may change its directory before the first call.
        let identity = secret("OS_SECRETS_IDENTITY").map(|named| match path(named.expose()) {
            Some(path) => Secret::new(fixed(&path).into_os_string().into_encoded_bytes()),
            None => named,
        });
        Self {
            identity,
            passphrase: secret("OS_SECRETS_PASSPHRASE"),
            credentials: variables.directory("CREDENTIALS_DIRECTORY"),
            own: own_identity(variables),
        }
    }

    /// Finds what unlocks the store; `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] where two exclude each other.
    pub fn find(&self, given: Option<&Unlock>) -> Result<Option<(Unlock, Source)>, Error> {
        if let Some(given) = given {
            return Ok(Some((given.clone(), Source::Given)));
        }
        match (&self.identity, &self.passphrase) {
            (Some(_), Some(_)) => {
                return Err(Error::InvalidSetting(
                    "OS_SECRETS_IDENTITY and OS_SECRETS_PASSPHRASE are both set; the file store is unlocked by one"
                        .into(),
                ));
            }
            (Some(identity), None) => {
                return Ok(Some((
                    Unlock::Identity(identity.clone()),
                    Source::Variable("OS_SECRETS_IDENTITY"),
                )));
            }
            (None, Some(passphrase)) => {
                let source = Source::Variable("OS_SECRETS_PASSPHRASE");
                return Ok(Some((Unlock::Passphrase(passphrase.clone()), source)));
            }
            (None, None) => {}
        }
        // On Windows anybody could make that directory.
        let container = cfg!(unix).then(|| Path::new(CONTAINER));
        let provided = [self.credentials.as_deref(), container];
        let provided = provided.into_iter().flatten().map(|directory| Source::File(directory.join(PROVIDED)));
        for source in provided.chain(self.own.clone().map(Source::Own)) {
            let (Source::File(path) | Source::Own(path)) = &source else { continue };
            // What is there and cannot be read is told, not passed over.
            match std::fs::symlink_metadata(path) {
                Err(error) if is_absent(&error) => {}
                _ => {
                    let text = Secret::new(path.as_os_str().as_encoded_bytes().to_vec());
                    return Ok(Some((Unlock::Identity(text), source)));
                }
            }
        }
        Ok(None)
    }
}

/// Whether neither a program nor the environment has said what unlocks the file, so that the person may.
pub fn is_left_open(found: &Option<(Unlock, Source)>) -> bool {
    matches!(found, None | Some((_, Source::File(_) | Source::Own(_))))
}

/// The error that there is no key.
pub fn nothing_found() -> Error {
    Error::InvalidSetting(
        "There is nothing to unlock the file store with: make an identity with `secrets init`, or set \
             OS_SECRETS_IDENTITY to one (its text, or the path of its file) or OS_SECRETS_PASSPHRASE to a \
             passphrase"
            .into(),
    )
}

/// Where `secrets init` puts an identity: `os-secrets/identity` in the directory of configurations.
pub fn own_identity(variables: &impl Variables) -> Option<PathBuf> {
    Some(configuration_directory(variables)?.join("os-secrets").join("identity"))
}

/// Makes an identity: its file, as `age-keygen` makes it, and its recipient.
pub fn generate() -> (Zeroizing<Vec<u8>>, String) {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let key = identity.to_string();
    let mut text = WipedBuffer::default();
    for part in ["# public key: ", &recipient, "\n", key.expose_secret(), "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    (text.into_bytes(), recipient)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Unlock {
    /// The file of an identity that is named by it.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Identity(named) => path(named.expose()),
            Self::Passphrase(_) => None,
        }
    }

    /// The keys themselves.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`], which names `source`.
    pub fn keys(&self, source: &Source) -> Result<Keys, Error> {
        let wrong = |setting: &str, reason: String| Error::InvalidSetting(format!("{setting} {reason}"));
        match self {
            Self::Passphrase(passphrase) => {
                let setting = match source {
                    Source::Variable(name) => name,
                    _ => "The option passphrase",
                };
                match str::from_utf8(passphrase.expose()) {
                    Ok("") => Err(wrong(setting, "is empty".into())),
                    Ok(text) => Ok(Keys::Passphrase(SecretString::from(text))),
                    Err(_) => Err(wrong(setting, "is not UTF-8 text".into())),
                }
            }
            Self::Identity(named) => {
                let setting = match source {
                    Source::Variable(name) => (*name).to_owned(),
                    Source::File(path) | Source::Own(path) => path.display().to_string(),
                    Source::Given => "The option identity".into(),
                };
                let read;
                let text = match path(named.expose()) {
                    None => named.expose(),
                    Some(path) => {
                        let strict = matches!(source, Source::Own(_));
                        read = read_identity(&path, strict).map_err(|reason| match source {
                            Source::File(_) | Source::Own(_) => wrong(&setting, reason),
                            // What cannot be looked for is there, as far as is known.
                            _ if path.try_exists().unwrap_or(true) => {
                                wrong(&setting, format!("leads to {}, which {reason}", path.display()))
                            }
                            // It is not shown: it may be an identity that was cut, or a passphrase.
                            _ => wrong(
                                &setting,
                                format!(
                                    "is neither an identity ({SECRET_KEY}…) nor the path of a file that is there"
                                ),
                            ),
                        })?;
                        &*read
                    }
                };
                parse(text).map(Keys::Identities).map_err(|reason| wrong(&setting, reason))
            }
        }
    }
}

/// The path that an identity is named by; `None` where this is its text.
fn path(named: &[u8]) -> Option<PathBuf> {
    let is_text =
        named.windows(SECRET_KEY.len()).any(|part| part.eq_ignore_ascii_case(SECRET_KEY.as_bytes()));
    if is_text || named.contains(&b'\n') {
        return None;
    }
    Some(path_of(named))
}

/// Reads the file of an identity. Links lead to it where Kubernetes lays it, and everybody may read it where
/// Docker does; but who else could write it could have us encrypt for them.
fn read_identity(path: &Path, strict: bool) -> Result<Zeroizing<Vec<u8>>, String> {
    let fail = |error: io::Error| format!("cannot be read: {error}");
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if !metadata.is_file() {
        return Err("is not a regular file; put the text of the identity there instead".into());
    }
    if let Some(why) = writable_by_others(path, &metadata, strict) {
        return Err(why);
    }
    if metadata.len() > MAX_IDENTITY {
        return Err("is too large to be an identity".into());
    }
    let mut text = WipedBuffer::default();
    text.read_to_end(File::open(path).map_err(fail)?.take(MAX_IDENTITY)).map_err(fail)?;
    Ok(text.into_bytes())
}

/// Reads identities: one a line, beside comments.
fn parse(text: &[u8]) -> Result<Vec<x25519::Identity>, String> {
    let text = str::from_utf8(text).map_err(|_| "is not UTF-8 text")?.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim).enumerate();
    let identities =
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(index, line)| {
            x25519::Identity::from_str(line)
                .map_err(|_| format!("holds in line {} what is no identity ({SECRET_KEY}…)", index + 1))
        });
    let identities: Vec<_> = identities.collect::<Result<_, _>>()?;
    if identities.is_empty() { Err(format!("holds no identity ({SECRET_KEY}…)")) } else { Ok(identities) }
}
