//! The size limits of Credential Manager.

use crate::{credential::Secret, error::Error};

/// The maximum size of a value in bytes (`CRED_MAX_CREDENTIAL_BLOB_SIZE`).
pub const MAX_BLOB: usize = 2560;
/// The maximum length of a target name in UTF-16 units (`CRED_MAX_GENERIC_TARGET_NAME_LENGTH`).
pub const MAX_TARGET: usize = 32_767;
/// The maximum length of a user name in UTF-16 units (`CRED_MAX_USERNAME_LENGTH`).
pub const MAX_USER: usize = 513;

/// Refuses a name that is too long. `what` names it in the error.
pub fn check_length(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    match size > limit {
        true => Err(Error::TooLarge { what, size, unit: "UTF-16 units", limit }),
        false => Ok(()),
    }
}

/// Refuses a value that is too large, before anything is changed.
pub fn check_value(value: &Secret) -> Result<(), Error> {
    match value.expose().len() {
        size if size > MAX_BLOB => {
            Err(Error::TooLarge { what: "a value", size, unit: "bytes", limit: MAX_BLOB })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::target::CredentialTarget, *};
    use crate::{credential::Key, error::Code};

    fn secret(size: usize) -> Secret {
        Secret::new(vec![b'x'; size])
    }

    fn target_of(service: &str, name: &str) -> Result<CredentialTarget, Error> {
        CredentialTarget::of_key(&Key { service: service.into(), name: name.into() })
    }

    #[test]
    fn what_windows_has_no_room_for_is_refused() {
        assert!(check_value(&secret(2560)).is_ok());
        let error = check_value(&secret(2561)).unwrap_err();
        assert_eq!(error, Error::TooLarge { what: "a value", size: 2561, unit: "bytes", limit: 2560 });
        assert!(target_of("s", &"ü".repeat(513)).is_ok());
        // Each of these characters has two units.
        assert_eq!(target_of("s", &"😀".repeat(257)).err().unwrap().code(), Code::TooLarge);
        assert!(target_of(&"s".repeat(32_765), "n").is_ok());
        assert_eq!(target_of(&"s".repeat(32_766), "n").err().unwrap().code(), Code::TooLarge);
    }
}
