//! The reasons of errors: what a program can tell apart within a code.

use std::fmt;

use super::Error;

/// Why a call failed, in one word. Its `Display` is the `reason` of the JavaScript error.
///
/// The reasons that begin with `No` mean that there is no store here, or that it was not set up: nothing broke.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// Linux: there is no usable session bus.
    NoBus,
    /// No service provides the store.
    NoService,
    /// Windows and macOS: this logon session has no store.
    NoSession,
    /// macOS: there is no default keychain, or its file is missing or damaged.
    NoKeychain,
    /// The helper program, or the program of an age plugin, cannot be started.
    NoHelper,
    /// Nothing unlocks the encrypted file: no identity or passphrase is set up.
    NoKey,
    /// The encrypted file does not exist, and must.
    NoFile,
    /// The server has no secrets engine at the mount.
    NoMount,
    /// The store must ask the user, who cannot or must not be asked.
    Locked,
    /// The user dismissed the prompt.
    Dismissed,
    /// The store or the system refused.
    Denied,
    /// Other users have access to a file that must be private.
    NotPrivate,
    /// Other users can have written a file that the call would trust.
    Untrusted,
    /// The password, passphrase or identity is wrong.
    WrongKey,
    /// The token of the server is wrong or has expired, or the log-in was refused.
    Token,
    /// The server is sealed.
    Sealed,
    /// The store cannot be reached, or the connection to it was lost, and lost again when the call was repeated.
    Unreachable,
    /// The store is there, but failed.
    Failed,
    /// A deadline passed.
    Timeout,
    /// The caller's signal fired.
    Aborted,
    /// The store was closed.
    Closed,
    /// The function of an update has started an update of the same credential, has closed the store, or needs the identity
    /// that it updates.
    NestedUpdate,
    /// The store cannot hold a value of this size.
    TooLarge,
    /// The store cannot keep this value, such as bytes in a store for text.
    UnsupportedValue,
    /// The stored bytes are not UTF-8 text.
    NotText,
    /// A file is damaged, or is not of the kind that it should be.
    Damaged,
    /// There is no secret of this name.
    NotFound,
    /// A file that must not be replaced exists.
    Exists,
    /// A setting of the environment or an option of the store is wrong.
    InvalidSetting,
    /// An argument of the call is wrong.
    InvalidArgument,
    /// os-secrets itself failed.
    Internal,
}

impl Reason {
    /// The `reason` of the JavaScript error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoBus => "no-bus",
            Self::NoService => "no-service",
            Self::NoSession => "no-session",
            Self::NoKeychain => "no-keychain",
            Self::NoHelper => "no-helper",
            Self::NoKey => "no-key",
            Self::NoFile => "no-file",
            Self::NoMount => "no-mount",
            Self::Locked => "locked",
            Self::Dismissed => "dismissed",
            Self::Denied => "denied",
            Self::NotPrivate => "not-private",
            Self::Untrusted => "untrusted",
            Self::WrongKey => "wrong-key",
            Self::Token => "token",
            Self::Sealed => "sealed",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Aborted => "aborted",
            Self::Closed => "closed",
            Self::NestedUpdate => "nested-update",
            Self::TooLarge => "too-large",
            Self::UnsupportedValue => "unsupported-value",
            Self::NotText => "not-text",
            Self::Damaged => "damaged",
            Self::NotFound => "not-found",
            Self::Exists => "exists",
            Self::InvalidSetting => "invalid-setting",
            Self::InvalidArgument => "invalid-argument",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The `reason` of the JavaScript error.
    pub fn reason(&self) -> Reason {
        match self {
            Self::OnHost { error, .. }
            | Self::Of { error, .. }
            | Self::Incomplete { error, .. }
            | Self::Unsettled(error) => error.reason(),
            Self::NoBus(_) | Self::ForeignBus { .. } => Reason::NoBus,
            Self::NoService(_) => Reason::NoService,
            Self::NoHelper { .. } | Self::NoPlugin { .. } => Reason::NoHelper,
            Self::NoKey | Self::NoKeyFor { .. } => Reason::NoKey,
            Self::NoFile { .. } => Reason::NoFile,
            Self::InteractionRequired { .. } | Self::InteractionNotAllowed | Self::Asking => Reason::Locked,
            Self::UserCanceled { .. } | Self::NoPassphrase(_) => Reason::Dismissed,
            Self::AccessDenied(_) | Self::BusDenied(_) | Self::File { denied: true, .. } => Reason::Denied,
            Self::NotPrivate { .. } => Reason::NotPrivate,
            Self::Untrusted { .. } | Self::UntrustedPlugin { .. } | Self::UntrustedServer { .. } => {
                Reason::Untrusted
            }
            Self::WrongKey { .. } | Self::WrongPassphrase { .. } | Self::LostOsIdentity { .. } => {
                Reason::WrongKey
            }
            Self::Lost { .. } | Self::NoServer { .. } => Reason::Unreachable,
            Self::Service { .. }
            | Self::Malformed(_)
            | Self::Helper { .. }
            | Self::Provider { .. }
            | Self::ProviderAnswer { .. }
            | Self::Plugin { .. }
            | Self::File { denied: false, .. } => Reason::Failed,
            Self::Windows { reason, .. } | Self::Keychain { reason, .. } | Self::Vault { reason, .. } => {
                *reason
            }
            Self::Timeout { .. } | Self::LockTimeout { .. } | Self::PluginTimeout { .. } => Reason::Timeout,
            Self::Aborted { .. } => Reason::Aborted,
            Self::Closed => Reason::Closed,
            Self::NestedUpdate | Self::OsIdentityInUpdate { .. } | Self::CloseInUpdate => {
                Reason::NestedUpdate
            }
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::TextKeyring { .. } | Self::TextOnly => Reason::UnsupportedValue,
            Self::InvalidData => Reason::NotText,
            Self::InvalidFile { .. }
            | Self::Damaged { .. }
            | Self::OnlyBackup { .. }
            | Self::InvalidOsIdentity { .. } => Reason::Damaged,
            Self::NotFound { .. } | Self::NoWorkspace { .. } => Reason::NotFound,
            Self::IdentityExists(_) | Self::OpensFiles => Reason::Exists,
            Self::InvalidSetting(_)
            | Self::ProtectedIdentity { .. }
            | Self::InvalidRecipients(_)
            | Self::MixedRecipients => Reason::InvalidSetting,
            Self::InvalidName { .. } | Self::InvalidKey | Self::InvalidPath { .. } | Self::NeedsService => {
                Reason::InvalidArgument
            }
            Self::Internal(_) => Reason::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::{Code, Effect, HostKind};

    #[test]
    fn every_error_has_its_reason() {
        let (text, effect) = (|| "x".to_owned(), Effect::None);
        let service = Error::Service { operation: "SearchItems", name: text(), message: text() };
        let file = |denied| Error::File { action: "x", path: "x".into(), reason: "x".into(), denied };
        let (code, advice) = (Code::PlatformError, "");
        for (error, reason) in [
            (Error::NoBus(text()), "no-bus"),
            (Error::ForeignBus { address: text(), owner: 1, own: 0 }, "no-bus"),
            (Error::NoService(text()), "no-service"),
            (Error::NoHelper { command: "x".into(), reason: text() }, "no-helper"),
            (Error::NoPlugin { name: text(), reason: text() }, "no-helper"),
            (Error::UntrustedPlugin { name: text() }, "untrusted"),
            (Error::Plugin { name: text(), reason: text() }, "failed"),
            (Error::PluginTimeout { name: text(), after: Duration::ZERO }, "timeout"),
            (Error::MixedRecipients, "invalid-setting"),
            (Error::NoKey, "no-key"),
            (Error::NoKeyFor { path: "x".into() }, "no-key"),
            (Error::NoFile { path: "x".into(), key_is_given: false }, "no-file"),
            (Error::Lost { reason: text(), effect }, "unreachable"),
            (service, "failed"),
            (Error::Malformed("x".into()), "failed"),
            (Error::AccessDenied("x".into()), "denied"),
            (Error::BusDenied(text()), "denied"),
            (Error::UserCanceled { effect }, "dismissed"),
            (Error::InteractionRequired { need: "x", reason: "x".into() }, "locked"),
            (Error::InteractionNotAllowed, "locked"),
            (Error::Asking, "locked"),
            (Error::Timeout { after: Duration::ZERO, at: None, effect }, "timeout"),
            (Error::Aborted { effect }, "aborted"),
            (Error::InvalidSetting(text()), "invalid-setting"),
            (Error::Closed, "closed"),
            (Error::NestedUpdate, "nested-update"),
            (Error::OsIdentityInUpdate { service: text(), name: text() }, "nested-update"),
            (Error::CloseInUpdate, "nested-update"),
            (Error::LockTimeout { after: Duration::ZERO }, "timeout"),
            (Error::TooLarge { what: "x", size: 2, unit: "bytes", limit: 1 }, "too-large"),
            (Error::InvalidData, "not-text"),
            (
                Error::Windows {
                    operation: "x",
                    number: 1,
                    message: text(),
                    code,
                    reason: Reason::NoSession,
                    advice,
                },
                "no-session",
            ),
            (
                Error::Keychain {
                    operation: "x",
                    status: 1,
                    message: text(),
                    code,
                    reason: Reason::NoKeychain,
                    advice,
                },
                "no-keychain",
            ),
            (
                Error::Vault {
                    address: text(),
                    operation: text(),
                    message: text(),
                    code,
                    reason: Reason::Sealed,
                },
                "sealed",
            ),
            (Error::NoServer { address: text(), reason: text() }, "unreachable"),
            (Error::UntrustedServer { address: text(), reason: text() }, "untrusted"),
            (Error::InvalidPath { path: text() }, "invalid-argument"),
            (Error::NeedsService, "invalid-argument"),
            (Error::NotFound { name: text(), place: "x" }, "not-found"),
            (Error::InvalidName { at: None }, "invalid-argument"),
            (file(false), "failed"),
            (file(true), "denied"),
            (Error::InvalidFile { path: "x".into(), reason: text() }, "damaged"),
            (Error::Damaged { path: "x".into(), reason: text(), backup: None }, "damaged"),
            (Error::OnlyBackup { path: "x".into(), backup: "x".into() }, "damaged"),
            (Error::WrongKey { path: "x".into(), reason: "x".into() }, "wrong-key"),
            (Error::WrongPassphrase { setting: text() }, "wrong-key"),
            (Error::ProtectedIdentity { setting: text() }, "invalid-setting"),
            (Error::LostOsIdentity { path: "x".into(), service: text(), name: text() }, "wrong-key"),
            (Error::InvalidOsIdentity { service: text(), name: text(), reason: text() }, "damaged"),
            (Error::NoWorkspace { path: "x".into() }, "not-found"),
            (Error::InvalidRecipients(text()), "invalid-setting"),
            (Error::IdentityExists("x".into()), "exists"),
            (Error::Helper { command: "x".into(), operation: "get", reason: text() }, "failed"),
            (Error::NoPassphrase("x"), "dismissed"),
            (Error::InvalidKey, "invalid-argument"),
            (Error::TextKeyring { path: "x".into(), loss: "x" }, "unsupported-value"),
            (Error::TextOnly, "unsupported-value"),
            (Error::NotPrivate { path: "x".into(), what: text(), fix: text() }, "not-private"),
            (Error::Untrusted { path: "x".into(), what: text(), advice: "x", command: text() }, "untrusted"),
            (Error::Of { of: text(), error: Box::new(Error::NoKey) }, "no-key"),
            (Error::Internal(text()), "internal"),
            (Error::Unsettled(Box::new(Error::Closed)), "closed"),
            (Error::NoBus(text()).at(&[HostKind::Wsl]), "no-bus"),
        ] {
            assert_eq!(error.reason().to_string(), reason, "{error:?}");
        }
    }
}
