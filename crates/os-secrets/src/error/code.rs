//! The codes of errors.

use std::fmt;

/// Which kind of failure an [`Error`](super::Error) is. Its `Display` is the `code` of the JavaScript error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// The store is missing, unreachable or failed.
    PlatformError,
    /// The store refused, or is read-only.
    AccessDenied,
    /// The password, passphrase, key or token is wrong.
    AuthFailed,
    /// The user dismissed the prompt.
    UserCanceled,
    /// The store is locked, and no prompt could be shown.
    InteractionRequired,
    /// The store is locked, and the caller allows no prompt.
    InteractionNotAllowed,
    /// A setting of the environment or an option of the store is wrong.
    InvalidSetting,
    /// A deadline passed.
    Timeout,
    /// The caller's signal fired.
    Aborted,
    /// The store cannot hold the value. Nothing was changed.
    TooLarge,
    /// Stored bytes are not UTF-8 text, a file is damaged, or the store cannot keep the value.
    InvalidData,
    /// A reference names a secret that does not exist.
    NotFound,
    /// An argument of the call is wrong.
    InvalidArgument,
}

impl Code {
    /// The `code` of the JavaScript error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PlatformError => "ERR_SECRETS_PLATFORM_ERROR",
            Self::AccessDenied => "ERR_SECRETS_ACCESS_DENIED",
            Self::UserCanceled => "ERR_SECRETS_USER_CANCELED",
            Self::AuthFailed => "ERR_SECRETS_AUTH_FAILED",
            Self::InteractionRequired => "ERR_SECRETS_INTERACTION_REQUIRED",
            Self::InteractionNotAllowed => "ERR_SECRETS_INTERACTION_NOT_ALLOWED",
            Self::Timeout => "ERR_SECRETS_TIMEOUT",
            Self::Aborted => "ABORT_ERR",
            Self::InvalidSetting => "ERR_SECRETS_INVALID_SETTING",
            Self::TooLarge => "ERR_SECRETS_TOO_LARGE",
            Self::NotFound => "ERR_SECRETS_NOT_FOUND",
            Self::InvalidArgument => "ERR_INVALID_ARG_VALUE",
            Self::InvalidData => "ERR_SECRETS_INVALID_DATA",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
