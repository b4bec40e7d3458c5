//! The address of a server, and the paths of its requests.

use std::{borrow::Cow, net::IpAddr};

use hyper::{Uri, http::uri::Scheme};

use crate::{error::Error, percent::percent_encode, printable::printable};

/// The origin of a server: the scheme, host and port of its address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// Whether it is reached by TLS.
    pub is_tls: bool,
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The address of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// The scheme, host and port.
    pub origin: Origin,
    /// The path before `/v1/`, such as one that a proxy has. It does not end with a slash.
    pub base: String,
}

impl Address {
    /// Parses the address of a server: `https://HOST[:PORT][/PATH]`, or `http:` if the host is this machine.
    ///
    /// # Errors
    ///
    /// What is wrong with it. It follows the name of the setting, and does not show the address, which may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri =
            text.parse().map_err(|_| "must be an address such as https://vault.example.com:8200")?;
        let origin = Origin::of(&uri)?;
        if uri.query().is_some() || text.contains('#') {
            return Err("must be an address without a query or fragment");
        }
        Ok(Self { origin, base: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl Origin {
    /// The origin of an absolute URI.
    ///
    /// # Errors
    ///
    /// As [`Address::parse`].
    pub fn of(uri: &Uri) -> Result<Self, &'static str> {
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err("must start with https:// (or with http:// for this machine)"),
        };
        let authority = uri.authority().ok_or("must have a host")?;
        if authority.as_str().contains('@') {
            return Err("must not contain a user or a password");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err("must have a host");
        }
        if !is_tls && !is_loopback(&host) {
            return Err(
                "must start with https://, because only this machine (127.0.0.1, ::1 or localhost) may be \
                        reached without TLS",
            );
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            None if !has_port && is_tls => 443,
            None if !has_port => 80,
            Some(port @ 1..) => port,
            _ => return Err("must have a port from 1 to 65535, or none"),
        };
        Ok(Self { is_tls, host, port })
    }

    /// The value of the header `Host`.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", if self.is_tls { "https" } else { "http" }, self.authority())
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// What a service with an address in it has.
const ADDRESS: &str = "://";
/// What its path has in that place: a path cannot have two slashes in a row.
const ADDRESS_IN_PATH: &str = ":%2F%2F";

/// The path of a service's secret. It is the service itself. Only in a service with an address, such as
/// `git:https://example.com`, slashes that would make an empty segment are written as `%2F`, and `%` as `%25`.
///
/// # Errors
///
/// [`Error::InvalidPath`] if the path would be that of another service.
pub fn path_of_service(service: &str) -> Result<Cow<'_, str>, Error> {
    if !service.contains(ADDRESS) {
        return match service.contains(ADDRESS_IN_PATH) {
            true => Err(Error::InvalidPath { path: printable(service) }),
            false => Ok(service.into()),
        };
    }
    let slash_or_end = |character: Option<char>| matches!(character, None | Some('/'));
    let (mut path, mut before) = (String::with_capacity(service.len() + 8), None);
    let mut characters = service.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '/' if slash_or_end(before) || slash_or_end(characters.peek().copied()) => path.push_str("%2F"),
            '%' => path.push_str("%25"),
            _ => path.push(character),
        }
        before = Some(character);
    }
    Ok(path.into())
}

/// The service of a secret's path.
pub fn service_of_path(path: &str) -> String {
    match path.contains(ADDRESS_IN_PATH) {
        true => path.replace("%2F", "/").replace("%25", "%"),
        false => path.to_owned(),
    }
}

/// The segments of a path, each percent-encoded, with slashes between them.
///
/// # Errors
///
/// [`Error::InvalidPath`] if a segment is empty or `.`, or contains `..` or a control character: the server would send the
/// request to another path, or fail.
pub fn encode_path(path: &str) -> Result<String, Error> {
    let invalid = || Error::InvalidPath { path: printable(path) };
    let mut encoded = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        let is_invalid = matches!(segment, "" | ".") || segment.contains("..");
        if is_invalid || segment.chars().any(char::is_control) {
            return Err(invalid());
        }
        if index > 0 {
            encoded.push('/');
        }
        encoded.push_str(&percent_encode(segment));
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_may_have_a_port_and_a_path() {
        let address = |text: &str| Address::parse(text).unwrap();
        let vault = address("https://Vault.example.com");
        assert_eq!((vault.origin.to_string(), &*vault.base), ("https://vault.example.com:443".into(), ""));
        let proxy = address("https://example.com:8443/vault/");
        assert_eq!((proxy.origin.port, &*proxy.base), (8443, "/vault"));
        assert_eq!(address("http://[::1]:8200").origin.authority(), "[::1]:8200");
    }

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        for text in ["http://127.0.0.1:8200", "http://127.8.8.8", "http://localhost:8200", "http://[::1]"] {
            assert!(Address::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://vault:8200",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[::2]",
            "http://0.0.0.0:8200",
        ] {
            assert!(Address::parse(text).unwrap_err().contains("without TLS"), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for text in [
            "",
            "vault:8200",
            "/v1",
            "ftp://vault",
            "unix:///run/vault",
            "https://",
            "https://a b",
            "https://user:hunter2@vault",
            "https://vault/?a=b",
            "https://vault/#a",
            "https://@vault",
            "https://vault:82000",
            "https://vault:8200x",
            "https://vault:",
            "https://[::1]:0",
            "http://127.0.0.1:82000",
        ] {
            let problem = Address::parse(text).unwrap_err();
            assert!(problem.starts_with("must ") && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    #[test]
    fn a_service_with_an_address_has_a_path() {
        for (service, path) in [
            ("git:https://example.com", "git:https:%2F%2Fexample.com"),
            ("https://index.docker.io/v1/", "https:%2F%2Findex.docker.io/v1%2F"),
            ("a://b//c/d%2Fe%25/", "a:%2F%2Fb%2F%2Fc/d%252Fe%2525%2F"),
            ("file:///x", "file:%2F%2F%2Fx"),
            ("://", ":%2F%2F"),
        ] {
            assert_eq!(path_of_service(service).unwrap(), path);
            assert_eq!(service_of_path(path), service);
            assert!(encode_path(path).is_ok(), "{path}");
        }
        for service in ["a/b%2F", "a//b", "a:b/c"] {
            assert_eq!(path_of_service(service).unwrap(), service);
            assert_eq!(service_of_path(service), service);
        }
        assert!(path_of_service("a:%2F%2Fb").is_err());
    }

    #[test]
    fn a_slash_separates_segments_and_all_else_is_encoded() {
        assert_eq!(encode_path("my-app").unwrap(), "my-app");
        assert_eq!(encode_path("team/my app/é?#%2F").unwrap(), "team/my%20app/%C3%A9%3F%23%252F");
        assert_eq!(encode_path("a+b~c_d.e.").unwrap(), "a%2Bb~c_d.e.");
        for path in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "../a", "..a", "a..b", "a\nb"] {
            assert!(matches!(encode_path(path), Err(Error::InvalidPath { .. })), "{path}");
        }
    }
}
