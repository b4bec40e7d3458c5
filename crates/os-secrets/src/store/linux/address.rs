//! The address of a bus, as in the D-Bus specification, "Server Addresses".
//!
//! We accept only `unix:` transports: an address must not send secrets to another machine.

/// Reads the socket's path from an address, or a NUL and the socket's abstract name.
pub fn parse_socket_path(address: &str) -> Result<Vec<u8>, String> {
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
    Err("it has neither path= nor abstract=".into())
}

fn unescape(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = value.bytes();
    let mut unescaped = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        unescaped.push(match byte {
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
    if unescaped.is_empty() { Err("its socket has no name".into()) } else { Ok(unescaped) }
}

/// Escapes a path, so that it can stand in an address.
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
        assert_eq!(parse_socket_path("unix:path=/tmp/a%20b,guid=00").unwrap(), b"/tmp/a b");
        assert_eq!(parse_socket_path("unix:guid=00,abstract=/tmp/x").unwrap(), b"\0/tmp/x");
        for bad in ["", "unix", "unix:", "unix:path=", "unix:path=%4", "unix:path=%zz", "unix:runtime=yes"] {
            assert!(parse_socket_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_other_transport_is_taken() {
        for bad in ["tcp:host=127.0.0.1,port=1", "unixexec:path=/bin/sh", "autolaunch:", "nonce-tcp:host=a"] {
            assert!(parse_socket_path(bad).unwrap_err().contains("only unix:"), "{bad}");
        }
    }

    #[test]
    fn escape_and_unescape_agree() {
        let path: Vec<u8> = (1..=255).collect();
        assert_eq!(unescape(&escape(&path)).unwrap(), path);
    }
}
