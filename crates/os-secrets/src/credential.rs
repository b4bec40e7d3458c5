//! What a store holds: a [`Key`] that names a credential and the [`Secret`] under it.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::Error;

/// The name of a credential: the application or service it belongs to, and the account in it.
///
/// Both are whatever the caller chose, never empty and free of NUL: the argument shim refuses the
/// rest with the messages of `Bun.secrets`, before anything reaches this crate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// The application or service, such as `my-cli-tool`.
    pub service: String,
    /// The account or the purpose within the service, such as `github-token`.
    pub name: String,
}

/// Whether a text can be the service or the name of a [`Key`]: it is not empty and has no NUL.
pub fn is_valid_part(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

impl Key {
    /// Whether the service and the name can be stored.
    pub fn is_valid(&self) -> bool {
        is_valid_part(&self.service) && is_valid_part(&self.name)
    }

    /// The text that the person sees in a credential manager: `service/name`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}

/// The bytes of a secret. They are overwritten with zeros when it is dropped, and `Debug` shows
/// neither them nor their number.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    ///
    /// A `Vec` that grew while it was filled has left copies behind where it stood before, so fill
    /// it within its first capacity.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret itself, if it is UTF-8 text.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] if it is not.
    pub fn into_text(self) -> Result<Self, Error> {
        if str::from_utf8(&self.0).is_ok() { Ok(self) } else { Err(Error::InvalidData) }
    }

    /// The bytes, to be copied only into what is wiped as well.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_redacted() {
        let shown = format!("{:?} {:#?}", Secret::new(b"hunter2".to_vec()), Secret::new(vec![]));
        assert_eq!(shown, "Secret(…) Secret(…)");
    }

    #[test]
    fn label_joins_service_and_name() {
        let key = Key { service: "a/b".into(), name: "c".into() };
        assert_eq!(key.label(), "a/b/c");
    }
}
