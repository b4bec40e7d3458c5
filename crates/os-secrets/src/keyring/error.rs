//! Which error of keyring-core each error becomes.

use super::modifiers::invalid;
use crate::error::{Error, Reason};

impl From<Error> for keyring_core::Error {
    fn from(error: Error) -> Self {
        if let Error::TooLarge { what, limit, .. } = *cause_of(&error) {
            return Self::TooLong(parameter_of(what).into(), u32::try_from(limit).unwrap_or(u32::MAX));
        }
        match error.reason() {
            Reason::NotFound => Self::NoEntry,
            Reason::UnsupportedValue => invalid("secret", &error.to_string()),
            Reason::InvalidArgument if matches!(cause_of(&error), Error::NeedsService) => {
                Self::NotSupportedByStore(
                    "this store lists one service at a time; name the service in the search".into(),
                )
            }
            Reason::InvalidArgument => invalid("service or user", &error.to_string()),
            Reason::Damaged => Self::BadStoreFormat(error.to_string()),
            Reason::NoBus
            | Reason::NoService
            | Reason::NoSession
            | Reason::NoKeychain
            | Reason::NoHelper
            | Reason::NoKey
            | Reason::NoFile
            | Reason::Locked
            | Reason::Dismissed
            | Reason::Denied
            | Reason::NotPrivate
            | Reason::Untrusted
            | Reason::WrongKey
            | Reason::NoMount
            | Reason::Token
            | Reason::Sealed
            | Reason::Unreachable
            | Reason::InvalidSetting => Self::NoStorageAccess(Box::new(error)),
            Reason::Failed
            | Reason::Timeout
            | Reason::Aborted
            | Reason::Closed
            | Reason::TooLarge
            | Reason::NotText
            | Reason::Exists
            | Reason::NestedUpdate
            | Reason::Internal => Self::PlatformFailure(Box::new(error)),
        }
    }
}

/// The error itself, without what was added to it.
fn cause_of(error: &Error) -> &Error {
    match error {
        Error::OnHost { error, .. } | Error::Of { error, .. } | Error::Unsettled(error) => cause_of(error),
        error => error,
    }
}

/// The parameter of keyring-core's functions that is too large.
fn parameter_of(what: &'static str) -> &'static str {
    match what {
        "a value" => "secret",
        "a service" => "service",
        "a name" => "user",
        "service and name" => "service and user",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, time::Duration};

    use super::*;
    use crate::error::{Effect, HostKind};

    /// The name of the variant that an error becomes, and its parameter.
    fn convert(error: Error) -> (&'static str, String) {
        match keyring_core::Error::from(error) {
            keyring_core::Error::NoEntry => ("NoEntry", String::new()),
            keyring_core::Error::NoStorageAccess(error) => {
                assert!(error.is::<Error>());
                ("NoStorageAccess", String::new())
            }
            keyring_core::Error::PlatformFailure(error) => {
                assert!(error.is::<Error>());
                ("PlatformFailure", String::new())
            }
            keyring_core::Error::BadStoreFormat(_) => ("BadStoreFormat", String::new()),
            keyring_core::Error::NotSupportedByStore(_) => ("NotSupportedByStore", String::new()),
            keyring_core::Error::TooLong(parameter, limit) => ("TooLong", format!("{parameter} {limit}")),
            keyring_core::Error::Invalid(parameter, _) => ("Invalid", parameter),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_become_those_that_keyring_core_documents() {
        let effect = Effect::NotDone;
        for (error, variant) in [
            (Error::NoBus("x".into()), "NoStorageAccess"),
            (Error::NoBus("x".into()).at(&[HostKind::Ssh]), "NoStorageAccess"),
            (Error::NoService("x".into()), "NoStorageAccess"),
            (Error::InteractionNotAllowed, "NoStorageAccess"),
            (Error::InteractionRequired { need: "x", reason: "y".into() }, "NoStorageAccess"),
            (Error::UserCanceled { effect }, "NoStorageAccess"),
            (Error::AccessDenied("x".into()), "NoStorageAccess"),
            (Error::WrongKey { path: "x".into(), reason: "y".into() }, "NoStorageAccess"),
            (Error::Lost { reason: "x".into(), effect }, "NoStorageAccess"),
            (Error::NoKey, "NoStorageAccess"),
            (Error::InvalidSetting("x".into()), "NoStorageAccess"),
            (Error::Timeout { after: Duration::ZERO, at: None, effect }, "PlatformFailure"),
            (Error::Malformed("x".into()), "PlatformFailure"),
            (Error::Malformed("x".into()).with_effect(Effect::Unknown), "PlatformFailure"),
            (Error::Internal("x".into()), "PlatformFailure"),
            (Error::Damaged { path: "x".into(), reason: "y".into(), backup: None }, "BadStoreFormat"),
            (Error::NeedsService, "NotSupportedByStore"),
            (Error::NotFound { name: "x".into(), place: "y" }, "NoEntry"),
        ] {
            assert_eq!(convert(error.clone()), (variant, String::new()), "{error:?}");
        }
    }

    #[test]
    fn errors_of_an_argument_name_it() {
        let too_large = |what, limit| Error::TooLarge { what, size: usize::MAX, unit: "bytes", limit };
        for (error, expected) in [
            (too_large("a value", 2560), ("TooLong", "secret 2560")),
            (too_large("a name", 513), ("TooLong", "user 513")),
            (too_large("service and name", 32767), ("TooLong", "service and user 32767")),
            (too_large("a value", usize::MAX), ("TooLong", "secret 4294967295")),
            (too_large("a value", 1).with_effect(Effect::Unknown), ("TooLong", "secret 1")),
            (Error::TextOnly, ("Invalid", "secret")),
            (Error::TextKeyring { path: "x".into(), loss: "y" }, ("Invalid", "secret")),
            (Error::InvalidKey, ("Invalid", "service or user")),
        ] {
            assert_eq!(convert(error.clone()), (expected.0, expected.1.to_owned()), "{error:?}");
        }
    }

    #[test]
    fn the_inner_error_is_this_crates_own() {
        let denied = Error::AccessDenied(Cow::Borrowed("x"));
        let keyring_core::Error::NoStorageAccess(inner) = denied.clone().into() else {
            panic!("another error")
        };
        assert_eq!(inner.downcast_ref(), Some(&denied));
    }
}
