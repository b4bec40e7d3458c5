//! Values that other programs have written as UTF-16.

use zeroize::Zeroizing;

use crate::credential::Secret;

/// Converts a value from UTF-16 (little-endian) to UTF-8. Returns `None` if it is not UTF-16 or contains a NUL.
pub fn convert_to_utf8(bytes: &[u8]) -> Option<Secret> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    // No unit needs more than three bytes, so the buffer never grows.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() / 2 * 3));
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    for c in char::decode_utf16(units) {
        let c = c.ok().filter(|c| *c != '\0')?;
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(Secret::new(std::mem::take(&mut *text)))
}

/// Whether a value looks as if another program, such as `cmdkey`, had written it as UTF-16. Read as UTF-8, such a
/// value has NULs, which no text has that `Bun.secrets` or this crate has stored.
pub fn is_utf16(value: &Secret) -> bool {
    let bytes = value.expose();
    bytes.len().is_multiple_of(2) && bytes.contains(&0) && convert_to_utf8(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_becomes_utf8() {
        let bytes: Vec<u8> = "pä€😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(convert_to_utf8(&bytes).unwrap().expose(), "pä€😀".as_bytes());
        assert!(convert_to_utf8(&bytes[1..]).is_none());
        assert!(convert_to_utf8(&[0x00, 0xd8, b'a', 0]).is_none());
        assert!(convert_to_utf8(&[b'a', 0, 0, 0]).is_none());
    }

    #[test]
    fn utf16_is_recognized() {
        let utf16 = |text: &str| Secret::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        assert!(is_utf16(&utf16("pass")) && is_utf16(&utf16("é")));
        for utf8 in ["", "pass", "é", "中文字"] {
            assert!(!is_utf16(&Secret::new(utf8.into())), "{utf8}");
        }
        assert!(!is_utf16(&Secret::new(b"a\0b".to_vec())));
    }
}
