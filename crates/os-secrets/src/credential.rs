//! What a store holds: a [`Secret`] under a [`Key`].

use std::fmt;

use zeroize::Zeroizing;

use crate::error::Error;

/// The name of a credential: the application or service it belongs to, and the account in it.
///
/// The caller chooses both. A store refuses a key if a part is not [valid](is_valid_part). For JavaScript, the argument
/// shim (`calls.js`) has refused it before, with the messages of `Bun.secrets`.
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
    /// The text that the user sees in a credential manager: `service/name`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }

    /// The size of both parts, in bytes.
    pub fn size(&self) -> usize {
        self.service.len() + self.name.len()
    }
}

/// The bytes of a secret. Dropping it overwrites them with zeros, and `Debug` shows neither the bytes nor their number.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes, without a copy.
    ///
    /// A `Vec` that grows leaves copies of its bytes behind in memory. Give it enough capacity before you fill it.
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

    /// The bytes. Copy them only into memory that is wiped, too.
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
