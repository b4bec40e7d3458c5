//! The one error type: every failure a caller can see, its code and its message.

use std::borrow::Cow;

/// Why a call failed.
///
/// Messages say what happened, what it means and what to do next. None holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no session bus to ask, or it let nobody in. Holds the reason.
    #[error(
        "The credential store cannot be reached, because there is no usable D-Bus session bus: {0}. \
         Log in to a desktop session, or start the program inside one: dbus-run-session -- <command>"
    )]
    NoBus(String),

    /// The bus works, but nothing on it provides the Secret Service. Holds the bus's answer.
    #[error(
        "No credential store answers: nothing on the D-Bus session bus provides org.freedesktop.secrets ({0}). \
         Install and start one, such as gnome-keyring, KWallet or KeePassXC"
    )]
    NoService(String),

    /// The connection ended in the middle of the call, and again when the call was repeated.
    #[error(
        "The connection to the credential store was lost, and lost again when the call was repeated: {0}. \
         See whether the store's service keeps running, then try again"
    )]
    Lost(String),

    /// The store answered with an error of its own.
    #[error("The credential store failed at {operation}: {message} ({name})")]
    Service {
        /// The method that failed, such as `SearchItems`.
        operation: &'static str,
        /// The D-Bus error's name.
        name: String,
        /// The D-Bus error's text, cut to what fits a message.
        message: String,
    },

    /// The store's answer makes no sense. Holds what is wrong with it.
    #[error(
        "The credential store answered {0}. Its service may be faulty or of a version that os-secrets does \
         not know"
    )]
    Malformed(Cow<'static, str>),

    /// The store refused. Holds what it refused.
    #[error("The credential store denied access: {0}")]
    AccessDenied(Cow<'static, str>),

    /// The person dismissed the store's prompt.
    #[error("The prompt of the credential store was dismissed, so it stays locked and nothing was done")]
    UserCanceled,

    /// The store is locked and had no way to ask the person.
    #[error(
        "The credential store is locked and could not ask for its password, because the program runs without \
         a display (neither DISPLAY nor WAYLAND_DISPLAY is set). Unlock the store first, for instance by \
         logging in on the desktop"
    )]
    InteractionRequired,

    /// The store did not answer in time. Holds the method that was called.
    #[error(
        "The credential store did not answer in time (25 s, at {0}). See whether its service hangs, then try \
         again"
    )]
    Timeout(&'static str),

    /// No store of this platform can hold so much. Nothing was changed.
    #[error("The {what} is too large for the credential store: {size} bytes, where {limit} are possible")]
    TooLarge {
        /// What is too large: `value`, or `service and name`.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The most that can be stored, in bytes.
        limit: usize,
    },

    /// The stored bytes are not text.
    #[error(
        "The stored credential is not UTF-8 text, so it cannot be given as a string. Another program wrote it"
    )]
    InvalidData,

    /// os-secrets itself failed. Holds the circumstances.
    #[error("os-secrets failed: {0}")]
    Internal(String),
}

impl Error {
    /// The `code` of the JavaScript error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoBus(_)
            | Self::NoService(_)
            | Self::Lost(_)
            | Self::Service { .. }
            | Self::Malformed(_)
            | Self::Internal(_) => "ERR_SECRETS_PLATFORM_ERROR",
            Self::AccessDenied(_) => "ERR_SECRETS_ACCESS_DENIED",
            Self::UserCanceled => "ERR_SECRETS_USER_CANCELED",
            Self::InteractionRequired => "ERR_SECRETS_INTERACTION_REQUIRED",
            Self::Timeout(_) => "ERR_SECRETS_TIMEOUT",
            Self::TooLarge { .. } => "ERR_SECRETS_TOO_LARGE",
            Self::InvalidData => "ERR_SECRETS_INVALID_DATA",
        }
    }

    /// The `name` of the JavaScript error where it is not plain `Error`.
    pub fn name(&self) -> Option<&'static str> {
        matches!(self, Self::Timeout(_)).then_some("TimeoutError")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let service = Error::Service {
            operation: "SearchItems",
            name: "org.example.Failed".into(),
            message: "no".into(),
        };
        let too_large = Error::TooLarge { what: "value", size: 9, limit: 8 };
        for (error, code) in [
            (Error::NoBus("x".into()), "ERR_SECRETS_PLATFORM_ERROR"),
            (Error::NoService("x".into()), "ERR_SECRETS_PLATFORM_ERROR"),
            (Error::Lost("x".into()), "ERR_SECRETS_PLATFORM_ERROR"),
            (service, "ERR_SECRETS_PLATFORM_ERROR"),
            (Error::Malformed("x".into()), "ERR_SECRETS_PLATFORM_ERROR"),
            (Error::Internal("x".into()), "ERR_SECRETS_PLATFORM_ERROR"),
            (Error::AccessDenied("x".into()), "ERR_SECRETS_ACCESS_DENIED"),
            (Error::UserCanceled, "ERR_SECRETS_USER_CANCELED"),
            (Error::InteractionRequired, "ERR_SECRETS_INTERACTION_REQUIRED"),
            (Error::Timeout("GetSecret"), "ERR_SECRETS_TIMEOUT"),
            (too_large, "ERR_SECRETS_TOO_LARGE"),
            (Error::InvalidData, "ERR_SECRETS_INVALID_DATA"),
        ] {
            assert_eq!(error.code(), code, "{error:?}");
        }
    }

    #[test]
    fn messages_name_cause_and_mend() {
        let error = Error::Service {
            operation: "CreateItem",
            name: "org.freedesktop.DBus.Error.Failed".into(),
            message: "disk full".into(),
        };
        assert_eq!(
            error.to_string(),
            "The credential store failed at CreateItem: disk full (org.freedesktop.DBus.Error.Failed)"
        );
        assert!(Error::NoBus("it is gone".into()).to_string().contains("it is gone"));
        assert!(Error::NoBus(String::new()).to_string().contains("dbus-run-session"));
        assert_eq!(Error::Timeout("GetSecret").name(), Some("TimeoutError"));
        assert_eq!(Error::InvalidData.name(), None);
    }
}
