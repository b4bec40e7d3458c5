//! The way to the session bus: its address, its socket, and whose it is.
//!
//! Addresses follow the D-Bus specification, "Server Addresses". Only `unix:` transports are
//! taken, and only where the other end of the socket belongs to this user or to root: secrets must
//! not leave for another machine or another person because an address says so.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, time::Duration};

use tokio::net::UnixStream;
use zbus::{Connection, connection::Builder};

/// How long the bus may take to let us in, and each message to be answered: GDBus's own limit.
pub const TIMEOUT: Duration = Duration::from_secs(25);

/// Connects to the first address of a list that works.
///
/// # Errors
///
/// Why each address of the list failed, in words.
pub async fn connect(addresses: &str) -> Result<Connection, String> {
    let mut reasons = Vec::new();
    for address in addresses.split(';').filter(|address| !address.is_empty()) {
        match tokio::time::timeout(TIMEOUT, connect_one(address)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(reason)) => reasons.push(format!("{address}: {reason}")),
            Err(_) => reasons.push(format!("{address}: no answer within {} s", TIMEOUT.as_secs())),
        }
    }
    Err(if reasons.is_empty() { "the bus address is empty".into() } else { reasons.join("; ") })
}

async fn connect_one(address: &str) -> Result<Connection, String> {
    let path = socket_path(address)?;
    // Tokio, like the kernel, takes a leading NUL for an abstract name.
    let stream = UnixStream::connect(OsStr::from_bytes(&path)).await.map_err(|error| error.to_string())?;
    let peer = stream.peer_cred().map_err(|error| error.to_string())?.uid();
    let own = effective_uid();
    if peer != own && peer != 0 {
        return Err(format!("it belongs to user {peer}, and this process runs as user {own}"));
    }
    let stream = stream.into_std().map_err(|error| error.to_string())?;
    Builder::unix_stream(stream).method_timeout(TIMEOUT).build().await.map_err(|error| error.to_string())
}

fn effective_uid() -> u32 {
    // SAFETY: `geteuid` has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// The socket's path, or a NUL and its abstract name.
fn socket_path(address: &str) -> Result<Vec<u8>, String> {
    let (transport, options) = address.split_once(':').ok_or("it is not a D-Bus address")?;
    if transport != "unix" {
        return Err("only unix: addresses are supported".into());
    }
    for option in options.split(',') {
        match option.split_once('=') {
            Some(("path", path)) => return unescape(path),
            Some(("abstract", name)) => return Ok([b"\0".to_vec(), unescape(name)?].concat()),
            _ => {}
        }
    }
    Err("it names no path= and no abstract= socket".into())
}

fn unescape(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = value.bytes();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                match (digit(bytes.next()), digit(bytes.next())) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err("it has a % without two hexadecimal digits".into()),
                }
            }
            byte => byte,
        });
    }
    if plain.is_empty() { Err("its socket has no name".into()) } else { Ok(plain) }
}

/// Escapes a path for use as a value in an address.
pub fn escape(path: &[u8]) -> String {
    path.iter().fold(String::with_capacity(path.len()), |mut escaped, &byte| {
        match byte {
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'/' | b'.' | b'\\' | b'*' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02x}")),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_unix_sockets() {
        assert_eq!(socket_path("unix:path=/tmp/a%20b,guid=00").unwrap(), b"/tmp/a b");
        assert_eq!(socket_path("unix:guid=00,abstract=/tmp/x").unwrap(), b"\0/tmp/x");
        for bad in ["", "unix", "unix:", "unix:path=", "unix:path=%4", "unix:path=%zz", "unix:runtime=yes"] {
            assert!(socket_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_other_transport_is_taken() {
        for bad in ["tcp:host=127.0.0.1,port=1", "unixexec:path=/bin/sh", "autolaunch:", "nonce-tcp:host=a"] {
            assert!(socket_path(bad).unwrap_err().contains("only unix:"), "{bad}");
        }
    }

    #[test]
    fn escape_and_unescape_agree() {
        let path: Vec<u8> = (1..=255).collect();
        assert_eq!(unescape(&escape(&path)).unwrap(), path);
    }

    #[tokio::test]
    async fn every_address_is_tried_and_every_failure_named() {
        let reasons =
            connect("tcp:host=x;unix:path=/nonexistent/a;;unix:path=/nonexistent/b").await.unwrap_err();
        for part in ["only unix:", "/nonexistent/a: No such file", "/nonexistent/b: No such file"] {
            assert!(reasons.contains(part), "{reasons}");
        }
        assert_eq!(connect(";").await.unwrap_err(), "the bus address is empty");
    }
}
