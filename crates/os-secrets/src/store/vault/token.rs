//! The token of a server: where it comes from, and how it is kept valid.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use zeroize::Zeroizing;

use super::options::text_of;
use crate::{
    credential::Secret, error::Error, json::object_of_texts, printable::printable_path, wiped::WipedBuffer,
};

/// The maximum size of a token's file, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// How to log in to a server.
#[derive(Clone)]
pub enum Login {
    /// A token.
    Token(Secret),
    /// The file in which `vault login` and `bao login` keep a token.
    TokenFile(PathBuf),
    /// The auth method AppRole.
    AppRole {
        /// The path at which the method is mounted. `None` is `approle`.
        mount: Option<String>,
        /// The ID of the role.
        role_id: String,
        /// The secret ID, unless the role needs none.
        secret_id: Option<Secret>,
    },
    /// The auth method Kubernetes.
    Kubernetes {
        /// The path at which the method is mounted. `None` is `kubernetes`.
        mount: Option<String>,
        /// The name of the role.
        role: String,
        /// The file of the service account's token. It is read at each log-in, because Kubernetes replaces it.
        file: PathBuf,
    },
    /// The auth method JWT.
    Jwt {
        /// The path at which the method is mounted. `None` is `jwt`.
        mount: Option<String>,
        /// The name of the role.
        role: String,
        /// The JSON Web Token.
        token: Secret,
    },
}

/// What a log-in sends: the mount of the method, and the body.
pub struct LoginRequest {
    /// The path at which the method is mounted.
    pub mount: String,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

impl Login {
    /// Whether a token that has ended can be replaced by logging in again.
    pub fn can_repeat(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    /// The path at which the auth method is mounted, if it is named.
    pub fn mount(&self) -> Option<&str> {
        match self {
            Self::Token(_) | Self::TokenFile(_) => None,
            Self::AppRole { mount, .. } | Self::Kubernetes { mount, .. } | Self::Jwt { mount, .. } => {
                mount.as_deref()
            }
        }
    }

    /// The token, if it is at hand without a request. Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if there is no token in the file.
    pub fn token_at_hand(&self) -> Result<Option<Zeroizing<String>>, Error> {
        match self {
            Self::Token(token) => text_of(token).map(Some),
            Self::TokenFile(path) => read_text(path, "There is no token for the server").map(Some),
            _ => Ok(None),
        }
    }

    /// What a log-in sends. `None` if the token needs none. Reads the file of Kubernetes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if what logs in cannot be read.
    pub fn request(&self) -> Result<Option<LoginRequest>, Error> {
        let (mount, body) = match self {
            Self::Token(_) | Self::TokenFile(_) => return Ok(None),
            Self::AppRole { mount, role_id, secret_id } => {
                let secret_id = secret_id.as_ref().map(text_of).transpose()?;
                let mut members = vec![("role_id", role_id.as_str())];
                members.extend(secret_id.as_ref().map(|text| ("secret_id", text.as_str())));
                (mount.as_deref().unwrap_or("approle"), object_of_texts(&members, 0))
            }
            Self::Kubernetes { mount, role, file } => {
                let token = read_text(file, "There is no token of a service account")?;
                (
                    mount.as_deref().unwrap_or("kubernetes"),
                    object_of_texts(&[("role", role), ("jwt", &token)], 0),
                )
            }
            Self::Jwt { mount, role, token } => (
                mount.as_deref().unwrap_or("jwt"),
                object_of_texts(&[("role", role), ("jwt", &text_of(token)?)], 0),
            ),
        };
        Ok(Some(LoginRequest { mount: mount.to_owned(), body }))
    }

    /// A message of a server, without what logs in.
    pub fn redact(&self, message: String) -> String {
        let secret = match self {
            Self::Token(token) | Self::Jwt { token, .. } => Some(token),
            Self::AppRole { secret_id, .. } => secret_id.as_ref(),
            Self::TokenFile(_) | Self::Kubernetes { .. } => None,
        };
        match secret.and_then(|secret| str::from_utf8(secret.expose()).ok()).map(str::trim) {
            // What is shorter is in every text, and no secret.
            Some(secret) if secret.len() >= 8 => message.replace(secret, "…"),
            _ => message,
        }
    }

    /// What to do if the server refuses the token.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Token(_) => {
                "The token is wrong or has expired. Give a new one (BAO_TOKEN or VAULT_TOKEN, or the option token)"
            }
            Self::TokenFile(_) => {
                "The token in ~/.vault-token is wrong or has expired. Log in again with `bao login` or `vault login`"
            }
            Self::AppRole { .. } | Self::Kubernetes { .. } | Self::Jwt { .. } => {
                "The server has refused the log-in. Check the role, its secret ID or token, and the mount of the auth method"
            }
        }
    }
}

/// Reads a token's file. It holds one line.
fn read_text(path: &PathBuf, what: &str) -> Result<Zeroizing<String>, Error> {
    let fail = |reason: String| {
        let path = printable_path(path);
        Error::InvalidSetting(format!("{what}: {path} {reason}. Log in, or give another token"))
    };
    let mut bytes = WipedBuffer::default();
    let file = fs::File::open(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let file = std::io::Read::take(file, MAX_FILE);
    bytes.read_to_end(file).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let text = str::from_utf8(&bytes).map_err(|_| fail("is not text".into()))?.trim();
    if text.is_empty() {
        return Err(fail("is empty".into()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// A token, and how long it is valid. Dropping it wipes it.
pub struct Token {
    /// A number that no other token of this process has. It is not 0.
    pub number: u64,
    /// Its text.
    pub text: Zeroizing<String>,
    /// How long it is valid from now on. `None` if it does not say: it may not end, or nobody has asked.
    pub lease: Option<Duration>,
}

impl Token {
    /// A token.
    pub fn new(text: Zeroizing<String>, lease: Option<Duration>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { number: LAST.fetch_add(1, Ordering::Relaxed) + 1, text, lease }
    }
}

/// The token that a store uses. Requests share it.
pub type SharedToken = Arc<Token>;
