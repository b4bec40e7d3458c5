//! Filters: how a value is written into a template.

use crate::encoding::{JsonStyle, UrlStyle, base64, json, shell_word, url};
use os_secrets::credential::Secret;

/// The end of a message about a filter.
const KNOWN: &str = "the filters are json, sh, url and base64";

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filter {
    /// As the inside of a JSON string, without the quotes.
    Json,
    /// As a word of a POSIX shell, in single quotes.
    Sh,
    /// With everything escaped that has a meaning in a URL.
    Url,
    /// In base64, with padding.
    Base64,
}

impl Filter {
    /// The filter of this name.
    ///
    /// # Errors
    ///
    /// There is none. The error is a sentence without its full stop.
    pub fn parse(name: &[u8]) -> Result<Self, String> {
        Ok(match name {
            b"json" => Self::Json,
            b"sh" => Self::Sh,
            b"url" => Self::Url,
            b"base64" => Self::Base64,
            b"" => return Err(format!("A filter is missing after |; {KNOWN}")),
            other => {
                // Anything but a word may be a part of a secret.
                let is_word = other.len() < 20 && other.iter().all(u8::is_ascii_lowercase);
                let name = str::from_utf8(other).ok().filter(|_| is_word);
                return Err(match name {
                    Some(name) => format!("There is no filter {name}; {KNOWN}"),
                    None => format!("There is no such filter; {KNOWN}"),
                });
            }
        })
    }

    /// The name in templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sh => "sh",
            Self::Url => "url",
            Self::Base64 => "base64",
        }
    }

    /// The value as this filter writes it.
    ///
    /// # Errors
    ///
    /// It cannot be written so. The error is a sentence without its full stop.
    pub fn apply(self, value: Secret) -> Result<Secret, &'static str> {
        let bytes = value.expose();
        match self {
            Self::Json => match str::from_utf8(bytes) {
                Ok(text) => Ok(json(text, JsonStyle::PLAIN)),
                Err(_) => Err("The value is not UTF-8 text, which no JSON string can hold; use | base64"),
            },
            Self::Sh if bytes.contains(&0) => {
                Err("The value contains a NUL, which no word of a shell can hold; use | base64")
            }
            Self::Sh => Ok(shell_word(bytes)),
            Self::Url => Ok(url(bytes, UrlStyle::STRICT)),
            Self::Base64 => Ok(base64(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_refused() {
        let apply = |filter: Filter, value: &[u8]| filter.apply(Secret::new(value.to_vec()));
        assert!(apply(Filter::Json, b"\xff").unwrap_err().contains("not UTF-8"));
        assert!(apply(Filter::Sh, b"a\0b").unwrap_err().contains("NUL"));
        assert_eq!(apply(Filter::Json, b"a\0b").unwrap().expose(), br"a\u0000b");
        assert_eq!(apply(Filter::Sh, b"\xff").unwrap().expose(), b"'\xff'");
        assert_eq!(apply(Filter::Url, b"\xff").unwrap().expose(), b"%FF");
        assert_eq!(apply(Filter::Base64, b"\xff").unwrap().expose(), b"/w==");
    }
}
