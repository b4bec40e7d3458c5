//! The forms in which programs print a value, so that a mask finds it.
//!
//! On Windows, text is UTF-16, and every program chooses how it writes that to a pipe. `cmd` and the C library convert
//! it to a code page, and write a newline as CRLF.

use std::ptr;

use windows_sys::Win32::{
    Globalization::{CP_ACP, CP_OEMCP, WideCharToMultiByte},
    System::Console::GetConsoleOutputCP,
};
use zeroize::Zeroizing;

use os_secrets::credential::Secret;

/// The forms in which programs print these values, with the values themselves.
pub fn as_printed(values: Vec<Secret>) -> Vec<Secret> {
    let with_crlf: Vec<_> = values.iter().filter_map(with_crlf).collect();
    let texts: Vec<_> = values.into_iter().chain(with_crlf).collect();
    let encoded: Vec<_> = texts.iter().flat_map(in_other_encodings).collect();
    texts.into_iter().chain(encoded).collect()
}

/// The value with CRLF in place of LF, if it has newlines.
fn with_crlf(value: &Secret) -> Option<Secret> {
    let value = value.expose();
    let newlines = value.iter().filter(|byte| **byte == b'\n').count();
    let mut bytes = Vec::with_capacity(value.len() + newlines);
    for &byte in value {
        if byte == b'\n' {
            bytes.push(b'\r');
        }
        bytes.push(byte);
    }
    let bytes = Secret::new(bytes);
    (newlines > 0).then_some(bytes)
}

/// The text in UTF-16, and in the code pages if it is not ASCII.
fn in_other_encodings(text: &Secret) -> Vec<Secret> {
    let Ok(text) = str::from_utf8(text.expose()) else { return Vec::new() };
    let mut units = Zeroizing::new(Vec::with_capacity(text.len()));
    units.extend(text.encode_utf16());
    let mut wide = Vec::with_capacity(2 * units.len());
    units.iter().for_each(|unit| wide.extend_from_slice(&unit.to_le_bytes()));
    let mut encoded = vec![Secret::new(wide)];
    if !text.is_ascii() {
        // SAFETY: the function has no preconditions.
        let console_page = unsafe { GetConsoleOutputCP() };
        encoded.extend([CP_ACP, CP_OEMCP, console_page].map(|page| in_code_page(&units, page)));
    }
    encoded
}

/// Converts as programs do: a character that the code page does not have becomes another one, or a question mark.
fn in_code_page(units: &[u16], page: u32) -> Secret {
    // No code page needs more bytes per unit.
    let mut bytes = vec![0; 4 * units.len()];
    // SAFETY: both lengths are those of the buffers.
    let count = unsafe {
        let (from, to) = (units.len() as i32, bytes.len() as i32);
        WideCharToMultiByte(
            page,
            0,
            units.as_ptr(),
            from,
            bytes.as_mut_ptr(),
            to,
            ptr::null(),
            ptr::null_mut(),
        )
    };
    // If there is no such code page, the count is 0. A mask ignores empty values.
    bytes.truncate(count as usize);
    Secret::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: &str) -> Vec<Vec<u8>> {
        as_printed(vec![Secret::new(value.into())]).iter().map(|value| value.expose().to_vec()).collect()
    }

    #[test]
    fn values_are_masked_with_either_line_end() {
        assert_eq!(printed("a"), [&b"a"[..], b"a\0"]);
        assert_eq!(printed("a\nb"), [&b"a\nb"[..], b"a\r\nb", b"a\0\n\0b\0", b"a\0\r\0\n\0b\0"]);
    }

    #[test]
    fn values_are_masked_in_code_pages() {
        let units: Vec<_> = "aä€".encode_utf16().collect();
        assert_eq!(in_code_page(&units, 1252).expose(), b"a\xe4\x80");
        assert_eq!(in_code_page(&units, 65001).expose(), "aä€".as_bytes());
        assert_eq!(in_code_page(&units, 850).expose()[..2], *b"a\x84");
        assert_eq!(in_code_page(&units, 12345).expose(), b"");
        assert_eq!(printed("aä").len(), 5);
    }
}
