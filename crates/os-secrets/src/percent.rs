//! Percent-encoding, as in RFC 3986.

use zeroize::Zeroizing;

/// Percent-encodes all but the unreserved characters.
pub fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).into(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Replaces each `%XX`. Anything else stays, also a percent sign that no two digits follow.
pub fn percent_decode(part: &[u8]) -> Zeroizing<Vec<u8>> {
    // Decoding makes nothing longer.
    let mut decoded = Zeroizing::new(Vec::with_capacity(part.len()));
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16).map(|digit| digit as u8);
    let mut at = 0;
    while let Some(&byte) = part.get(at) {
        let escaped = match (byte, digit(part.get(at + 1)), digit(part.get(at + 2))) {
            (b'%', Some(high), Some(low)) => Some(high << 4 | low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    decoded
}
