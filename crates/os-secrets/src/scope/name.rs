//! Names of secrets, and references to them.

use std::fmt;

use crate::error::Error;

/// The start of every reference.
pub const REFERENCE: &str = "secret:";

/// The name of a secret: one or more of `a-z`, `0-9`, `.`, `_` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], which does not show the text.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let text = String::from_utf8_lossy(text);
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        match text.chars().position(|c| !allowed(c)) {
            Some(at) => Err(Error::InvalidName { at: Some(at + 1) }),
            None if text.is_empty() => Err(Error::InvalidName { at: None }),
            None => Ok(Self(text.into_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name that a value refers to. The value is a reference if all of it has the form `secret:<name>`. `None` if the
/// value is not a reference.
///
/// # Errors
///
/// [`Error::InvalidName`] if the text after `secret:` is not a valid name.
pub fn parse_reference(value: &[u8]) -> Result<Option<Name>, Error> {
    value.strip_prefix(REFERENCE.as_bytes()).map(Name::parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case() {
        for name in ["a", "openai_api_key", "a.b-c_9", "..", "-x", "0"] {
            assert_eq!(Name::parse(name.as_bytes()).unwrap().as_str(), name);
        }
        for (text, at) in [("", None), ("aB", Some(2)), ("a/b", Some(2)), ("ä", Some(1)), ("a ", Some(2))] {
            assert_eq!(Name::parse(text.as_bytes()), Err(Error::InvalidName { at }));
        }
        assert_eq!(Name::parse(b"a\xff"), Err(Error::InvalidName { at: Some(2) }));
    }

    #[test]
    fn a_reference_is_the_whole_value() {
        let name =
            |value: &str| parse_reference(value.as_bytes()).map(|name| name.map(|name| name.to_string()));
        assert_eq!(name("secret:a"), Ok(Some("a".into())));
        for plain in ["", "secret", "Secret:a", " secret:a", "x secret:a"] {
            assert_eq!(name(plain), Ok(None), "{plain}");
        }
        for bad in ["secret:", "secret:A", "secret:a b", "secret:a\n", "secret:secret:a"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_does_not_show_the_text() {
        let error = Name::parse(b"Hunter2").unwrap_err().to_string();
        assert!(!error.contains("Hunter2") && error.contains("position 1"), "{error}");
    }
}
