//! The URLs of credentials, as git parses them.

use std::str;

use zeroize::Zeroizing;

use os_secrets::{credential::Secret, percent::percent_decode};

/// A URL with its parts decoded. A part that the URL does not have is `None`.
#[derive(Debug)]
pub struct CredentialUrl {
    /// The protocol, such as `https`.
    pub protocol: String,
    /// The host, with `:PORT` if the URL has a port. May be empty.
    pub host: String,
    /// The path, without the slashes at its ends.
    pub path: Option<String>,
    /// The user.
    pub username: Option<String>,
    /// The password, which may be any bytes.
    pub password: Option<Secret>,
}

/// Why a text is not the URL of a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UrlError {
    /// There is no protocol in front of `://`.
    NoProtocol,
    /// A part contains a line break, a carriage return or NUL.
    LineBreak,
    /// A part other than the password is not UTF-8 text.
    NotText,
}

impl CredentialUrl {
    /// Parses a URL: `PROTOCOL://[USER[:PASSWORD]@]HOST[/PATH]`, with the rules of `credential_from_url` in git's
    /// credential.c.
    pub fn parse(url: &[u8]) -> Result<Self, UrlError> {
        let start = find(url, b"://").filter(|at| *at > 0).ok_or(UrlError::NoProtocol)?;
        let rest = &url[start + 3..];
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // The first @ counts: one in a password must be encoded.
        let (user, host) = match authority.iter().position(|byte| *byte == b'@') {
            Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
            None => (None, authority),
        };
        let (username, password) = match user {
            Some(user) => match user.iter().position(|byte| *byte == b':') {
                Some(colon) => (Some(&user[..colon]), Some(&user[colon + 1..])),
                None => (Some(user), None),
            },
            None => (None, None),
        };
        Ok(Self {
            protocol: decode_text(&url[..start])?,
            host: decode_text(host)?,
            path: match trim_slashes(path) {
                b"" => None,
                path => Some(decode_text(path)?),
            },
            username: username.map(decode_text).transpose()?,
            password: match password {
                Some(password) => Some(Secret::new(std::mem::take(&mut *decode(password)?))),
                None => None,
            },
        })
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn trim_slashes(path: &[u8]) -> &[u8] {
    let is_other = |byte: &u8| *byte != b'/';
    let start = path.iter().position(is_other).unwrap_or(path.len());
    let end = path.iter().rposition(is_other).map_or(start, |last| last + 1);
    &path[start..end]
}

/// Decodes a part that is percent-encoded. It must not have line breaks.
fn decode(part: &[u8]) -> Result<Zeroizing<Vec<u8>>, UrlError> {
    let decoded = percent_decode(part);
    match decoded.iter().any(|byte| b"\n\r\0".contains(byte)) {
        true => Err(UrlError::LineBreak),
        false => Ok(decoded),
    }
}

fn decode_text(part: &[u8]) -> Result<String, UrlError> {
    str::from_utf8(&decode(part)?).map(str::to_owned).map_err(|_| UrlError::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_parts() {
        type UrlParts<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);
        let cases: [(&str, UrlParts<'_>); 10] = [
            ("https://h", ("https", "h", None, None, None)),
            ("https://u@h:8080/", ("https", "h:8080", None, Some("u"), None)),
            ("https://u:p@h/a/b.git//", ("https", "h", Some("a/b.git"), Some("u"), Some("p"))),
            ("https://a%40b:%2f%3A@h/x%20y", ("https", "h", Some("x y"), Some("a@b"), Some("/:"))),
            ("https://:@h", ("https", "h", None, Some(""), Some(""))),
            ("https://u:p:q@h", ("https", "h", None, Some("u"), Some("p:q"))),
            ("https://h/u:p@x", ("https", "h", Some("u:p@x"), None, None)),
            ("https://u:p%zz%4@h?q", ("https", "h", Some("?q"), Some("u"), Some("p%zz%4"))),
            ("cert:///home/a/b", ("cert", "", Some("home/a/b"), None, None)),
            ("https://u:p@", ("https", "", None, Some("u"), Some("p"))),
        ];
        for (url, expected) in cases {
            let parsed = CredentialUrl::parse(url.as_bytes()).unwrap();
            let password = parsed.password.as_ref().map(|secret| str::from_utf8(secret.expose()).unwrap());
            let (path, username) = (parsed.path.as_deref(), parsed.username.as_deref());
            assert_eq!((&*parsed.protocol, &*parsed.host, path, username, password), expected, "{url}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            (&b""[..], UrlError::NoProtocol),
            (b"u:p@h", UrlError::NoProtocol),
            (b"://u:p@h", UrlError::NoProtocol),
            (b"https://u:p%0a@h", UrlError::LineBreak),
            (b"https://u:p@h%0d", UrlError::LineBreak),
            (b"https://u:p@h/%00", UrlError::LineBreak),
            (b"https://u:p@h\r", UrlError::LineBreak),
            (b"https://u%ff:p@h", UrlError::NotText),
        ] {
            assert_eq!(CredentialUrl::parse(text).map(drop), Err(error));
        }
    }
}
