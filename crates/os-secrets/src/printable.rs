//! Showing texts and paths that others have chosen, such as the name of a cloned directory, in messages: on one line, and
//! without characters that control the terminal or make a text look like another one.

use std::{fmt::Write, path::Path};

/// Whether a character must not reach a terminal: it controls the terminal, ends the line, or changes the direction of
/// writing.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A text for a message, with its unsafe characters escaped. A text without any, and so one that was escaped before, stays
/// as it is.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { c.escape_default().to_string() } else { c.into() }).collect()
}

/// A path for a message, as [`printable`] shows texts. Bytes that are not UTF-8 are shown as `\xff`. For a command, use
/// [`shell_word`](crate::file::shell_word).
pub fn printable_path(path: impl AsRef<Path>) -> String {
    let mut shown = String::new();
    for chunk in path.as_ref().as_os_str().as_encoded_bytes().utf8_chunks() {
        shown.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_characters_are_escaped_once() {
        for (text, shown) in [
            ("/home/é/a b$(x)'", "/home/é/a b$(x)'"),
            ("a\u{1b}[31m\r\nb", "a\\u{1b}[31m\\r\\nb"),
            ("\u{7f}\u{9b}", "\\u{7f}\\u{9b}"),
            ("\u{202e}\u{2066}\u{61c}\u{2028}", "\\u{202e}\\u{2066}\\u{61c}\\u{2028}"),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(&printable(text)), shown);
            assert_eq!(printable_path(text), shown);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_shown_as_numbers() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        assert_eq!(printable_path(OsStr::from_bytes(b"/a\xff\xc3\n\xc3\xa9")), "/a\\xff\\xc3\\né");
    }
}
