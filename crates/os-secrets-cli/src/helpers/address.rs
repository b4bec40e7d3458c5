//! The addresses of servers that clients name.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A server's address.
#[derive(PartialEq, Eq, Debug)]
pub struct ServerAddress {
    /// In small letters, such as `https`.
    scheme: String,
    /// In small letters. Behind it stands the port, if it is not the scheme's own.
    pub host: String,
}

impl ServerAddress {
    /// Parses the start of an absolute URL, before the path. `None` if it is none, or has a user in it.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let is_valid = |c: char| c.is_ascii_graphic() && !r#"@\"<>^`{|}"#.contains(c);
        if authority.is_empty() || !authority.chars().all(is_valid) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut host = authority.to_ascii_lowercase();
        let own_port = if scheme == "https" { ":443" } else { ":80" };
        if let Some(without) = host.strip_suffix(own_port).filter(|host| is_complete(host)) {
            host = without.to_owned();
        }
        Some(Self { scheme, host })
    }

    /// Whether only this machine or the server itself can read what is sent there: it is `https`, or `http` to this machine.
    pub fn is_safe(&self) -> bool {
        self.scheme == "https" || self.scheme == "http" && self.is_loopback()
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the server is this machine.
    pub fn is_loopback(&self) -> bool {
        let end = self.host.rfind(':').filter(|at| is_complete(&self.host[..*at]));
        let name = &self.host[..end.unwrap_or(self.host.len())];
        let is_v6 = |name: &str| name.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
        name == "localhost"
            || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
            || name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).is_some_and(is_v6)
    }
}

/// Whether a text before a colon is a whole host, and not the start of an IPv6 address.
fn is_complete(host: &str) -> bool {
    !host.is_empty() && (!host.starts_with('[') || host.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_its_port_unless_it_is_the_usual_one() {
        let host = |url| ServerAddress::parse(url).map(|address| address.host);
        for (url, expected) in [
            ("https://Example.com/a/b?c", Some("example.com")),
            ("https://example.com:443", Some("example.com")),
            ("https://example.com:8443/", Some("example.com:8443")),
            ("http://example.com:80#x", Some("example.com")),
            ("http://[::443]:443", Some("[::443]:443")),
            ("https://[::1]:443", Some("[::1]")),
            ("https://user@example.com/", None),
            ("https://example.com\\@evil.example/", None),
            ("https://a b/", None),
            ("https:///x", None),
            ("example.com", None),
        ] {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn tokens_are_safe_under_https_and_on_this_machine() {
        for (url, safe) in [
            ("https://example.com", true),
            ("http://localhost:8080/x", true),
            ("http://127.0.0.2:8080", true),
            ("http://[::1]:8080", true),
            ("http://[::1]", true),
            ("http://127.0.0.1.evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://example.com", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(ServerAddress::parse(url).unwrap().is_safe(), safe, "{url}");
        }
    }
}
