//! What git asks: the attributes on standard input.

use std::str;

use super::{
    url::{CredentialUrl, UrlError},
    value::{Parts, parse_number},
};
use os_secrets::credential::Secret;

/// The name of a credential that has no user, such as a bearer token.
pub const NO_USER: &str = "<none>";
/// The name of a credential whose user is the empty text, as for single sign-on.
pub const EMPTY_USER: &str = "<empty>";

/// A description of a credential.
#[derive(Default, Debug)]
pub struct GitRequest {
    protocol: Option<String>,
    host: Option<String>,
    path: Option<String>,
    /// The user, if git knows it.
    pub username: Option<String>,
    /// What git sends of the credential itself.
    pub parts: Parts,
    /// Whether `parts.credential` must not be stored.
    pub is_ephemeral: bool,
    /// Whether git understands `authtype` and `credential`.
    pub takes_authtype: bool,
}

/// Why git is not answered. Holds a sentence that has no value in it.
pub type GitRefusal = String;

impl GitRequest {
    /// Parses the attributes: `KEY=VALUE` on each line, up to an empty line or the end. Attributes that we do not know are
    /// ignored, as are `authtype` and `credential` without the capability.
    ///
    /// # Errors
    ///
    /// A carriage return or NUL, which git does not send: other programs end a line there, and could so be led to send the
    /// credentials of one host to another. Text that is not UTF-8, where a credential's name needs it. A line without `=`.
    pub fn parse(input: &[u8]) -> Result<Self, GitRefusal> {
        let mut request = Self::default();
        for line in input.split(|byte| *byte == b'\n') {
            if line.iter().any(|byte| b"\r\0".contains(byte)) {
                return Err(
                    "git's request has a carriage return or a NUL byte, so that it is not answered".into()
                );
            }
            if line.is_empty() {
                break;
            }
            let equals = line.iter().position(|byte| *byte == b'=');
            let equals = equals.ok_or("git's request has a line without =, so that it is not answered")?;
            request.set(&line[..equals], &line[equals + 1..])?;
        }
        if !request.takes_authtype {
            request.parts.authtype = None;
            request.parts.credential = None;
        }
        Ok(request)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), GitRefusal> {
        let text = || match str::from_utf8(value) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err("git's request is not UTF-8 text, and names in the store are"),
        };
        let secret = || Some(Secret::new(value.to_vec()));
        match key {
            b"protocol" => self.protocol = text()?,
            b"host" => self.host = text()?,
            b"path" => self.path = text()?,
            b"username" => self.username = text()?,
            b"url" => self.set_url(value)?,
            b"password" => self.parts.password = secret(),
            b"authtype" => self.parts.authtype = secret(),
            b"credential" => self.parts.credential = secret(),
            b"oauth_refresh_token" => self.parts.oauth_refresh_token = secret(),
            // As in git, 0 and what is no number mean that the password does not expire.
            b"password_expiry_utc" => {
                self.parts.password_expiry_utc = parse_number(value).filter(|expiry| *expiry > 0);
            }
            b"ephemeral" => self.is_ephemeral = is_true(value),
            b"capability[]" => match value {
                b"" => self.takes_authtype = false,
                b"authtype" => self.takes_authtype = true,
                _ => {}
            },
            // Such as wwwauth[], and state[], which has only what a helper has said before. We say nothing.
            _ => {}
        }
        Ok(())
    }

    /// Sets what a URL holds. Everything else of the credential is forgotten, as in git.
    fn set_url(&mut self, url: &[u8]) -> Result<(), GitRefusal> {
        let CredentialUrl { protocol, host, path, username, password } =
            CredentialUrl::parse(url).map_err(|error| match error {
                UrlError::NoProtocol => "the URL in git's request has no protocol",
                UrlError::LineBreak => "the URL in git's request contains a line break",
                UrlError::NotText => "the URL in git's request is not UTF-8 text",
            })?;
        (self.protocol, self.host, self.path, self.username) = (Some(protocol), Some(host), path, username);
        self.parts = Parts { password, ..Parts::default() };
        Ok(())
    }

    /// The service of the credential. `None` if git names no protocol, or neither host nor path.
    ///
    /// # Errors
    ///
    /// Those of [`service`].
    pub fn service(&self) -> Result<Option<String>, GitRefusal> {
        match (&self.protocol, &self.host, &self.path) {
            (None, ..) | (_, None, None) => Ok(None),
            (Some(protocol), host, path) => {
                service(protocol, host.as_deref().unwrap_or_default(), path.as_deref()).map(Some)
            }
        }
    }
}

/// The service of a credential: `git:PROTOCOL://HOST`, and `/PATH` if there is a path. Different credentials have different
/// services.
///
/// # Errors
///
/// The protocol or host has characters that make it look like another one.
pub fn service(protocol: &str, host: &str, path: Option<&str>) -> Result<String, GitRefusal> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if protocol.is_empty() || !protocol.chars().all(is_scheme) {
        return Err("the protocol of the credential is not valid".into());
    }
    if host.contains('/') {
        return Err("the host of the credential contains a slash, so that it looks like another one".into());
    }
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    Ok(format!("git:{protocol}://{host}{path}"))
}

/// The name under which the credential of a user is stored.
///
/// # Errors
///
/// The user has the name of a credential without one.
pub fn name_of(user: Option<&str>) -> Result<String, GitRefusal> {
    match user {
        None => Ok(NO_USER.into()),
        Some("") => Ok(EMPTY_USER.into()),
        Some(NO_USER | EMPTY_USER) => {
            Err(format!("a user cannot be named {NO_USER} or {EMPTY_USER}: these mean that there is none"))
        }
        Some(user) => Ok(user.into()),
    }
}

/// The user whose credential has a name. `None` if it has no user.
pub fn user_of(name: &str) -> Option<&str> {
    match name {
        NO_USER => None,
        EMPTY_USER => Some(""),
        user => Some(user),
    }
}

/// Whether a boolean is true. A word that git does not know counts as true, because then less is stored.
fn is_true(value: &[u8]) -> bool {
    !["", "0", "false", "no", "off"].iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> GitRequest {
        GitRequest::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_service_has_protocol_host_and_path() {
        for (input, service) in [
            ("protocol=https\nhost=h:8080\n\n", Some("git:https://h:8080")),
            ("protocol=https\nhost=h\npath=a/b.git", Some("git:https://h/a/b.git")),
            ("protocol=cert\nhost=\npath=/a", Some("git:cert:////a")),
            ("protocol=https\nhost=h\n\npath=a", Some("git:https://h")),
            ("protocol=https\nhost=g\nhost=h\nfuture=1\nfuture[]=2\n=\n", Some("git:https://h")),
            ("url=https://u:p@h/a\n", Some("git:https://h/a")),
            ("protocol=https\n", None),
            ("host=h\n", None),
            ("", None),
        ] {
            assert_eq!(parse(input).service().unwrap().as_deref(), service, "{input}");
        }
    }

    #[test]
    fn a_host_cannot_look_like_another_ones_path() {
        for input in ["protocol=https\nhost=h/a\n", "protocol=a://b\nhost=c\n", "protocol=\nhost=h\n"] {
            assert!(parse(input).service().is_err(), "{input}");
        }
    }

    #[test]
    fn hostile_lines_are_refused() {
        for input in [
            &b"protocol=https\r\nhost=h\n"[..],
            b"protocol=https\nhost=h\rhost=i\n",
            b"protocol=https\nhost=h\0\n",
            b"protocol=https\nhost=\xff\n",
            b"protocol=https\nhost\n",
            b"url=https://h%0ahost=i\n",
        ] {
            assert!(GitRequest::parse(input).is_err());
        }
        // A password may be any bytes.
        assert!(GitRequest::parse(b"password=\xff\n").is_ok());
    }

    #[test]
    fn authtype_counts_only_with_the_capability() {
        let sent = "authtype=Bearer\ncredential=c\n";
        assert_eq!(parse(sent).parts, Parts::default());
        assert_eq!(parse(&format!("capability[]=state\n{sent}")).parts, Parts::default());
        assert_eq!(parse(&format!("capability[]=authtype\ncapability[]=\n{sent}")).parts, Parts::default());
        assert!(parse(&format!("capability[]=authtype\n{sent}")).parts.credential.is_some());
    }

    #[test]
    fn booleans_and_numbers_are_those_of_git() {
        for (value, expected) in [
            ("1", true),
            ("true", true),
            ("Yes", true),
            ("maybe", true),
            ("0", false),
            ("OFF", false),
            ("", false),
        ] {
            assert_eq!(parse(&format!("ephemeral={value}\n")).is_ephemeral, expected, "{value}");
        }
        for (value, expected) in [("5", Some(5)), ("0", None), ("x", None), ("", None)] {
            let request = parse(&format!("password_expiry_utc={value}\n"));
            assert_eq!(request.parts.password_expiry_utc, expected, "{value}");
        }
    }

    #[test]
    fn users_and_names_are_one_to_one() {
        for user in [None, Some(""), Some("a"), Some("<a>")] {
            assert_eq!(user_of(&name_of(user).unwrap()), user);
        }
        assert!(name_of(Some(NO_USER)).is_err() && name_of(Some(EMPTY_USER)).is_err());
    }
}
