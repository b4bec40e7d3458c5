//! How other languages write a value: in a JSON string, in a URL, in base64, in a shell.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use os_secrets::credential::Secret;

/// The bytes of a `\uXXXX`. No byte of UTF-8 becomes more.
const JSON_ESCAPE: usize = 6;
/// The bytes of a `%XX`.
const URL_ESCAPE: usize = 3;
/// What a single quote becomes within single quotes.
const QUOTED_QUOTE: &[u8] = br"'\''";

/// What a JSON encoder escapes in a string, beyond what JSON demands.
#[derive(Clone, Copy)]
pub struct JsonStyle {
    /// The characters that it writes as `\uXXXX`.
    pub as_code: &'static str,
    /// Whether it writes all characters beyond ASCII as `\uXXXX`.
    pub ascii: bool,
    /// Whether the digits of `\uXXXX` are capital letters.
    pub upper: bool,
    /// Whether it writes a slash as `\/`.
    pub slash: bool,
}

impl JsonStyle {
    /// Escapes only what JSON demands, as `JSON.stringify` does.
    pub const PLAIN: Self = Self { as_code: "", ascii: false, upper: false, slash: false };
}

/// The inside of a JSON string with this text, without the quotes.
pub fn json(text: &str, style: JsonStyle) -> Secret {
    // The buffers have their final size, because growing them would leave copies behind.
    let mut out = Vec::with_capacity(JSON_ESCAPE * text.len());
    for character in text.chars() {
        let short = match character {
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{c}' => 'f',
            '\r' => 'r',
            '"' | '\\' => character,
            '/' if style.slash => character,
            _ => '\0',
        };
        if style.as_code.contains(character)
            || (short == '\0' && character < ' ')
            || (style.ascii && !character.is_ascii())
        {
            let mut units = [0; 2];
            character
                .encode_utf16(&mut units)
                .iter()
                .for_each(|unit| push_code(*unit, style.upper, &mut out));
        } else if short != '\0' {
            out.extend([b'\\', short as u8]);
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Secret::new(out)
}

fn push_code(unit: u16, upper: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(br"\u");
    out.extend([12, 8, 4, 0].map(|shift| digit(unit >> shift & 15, upper)));
}

/// A hexadecimal digit.
fn digit(value: u16, upper: bool) -> u8 {
    match value as u8 {
        value @ ..10 => b'0' + value,
        value if upper => b'A' + value - 10,
        value => b'a' + value - 10,
    }
}

/// What a URL encoder leaves as it is.
#[derive(Clone, Copy)]
pub struct UrlStyle {
    /// The characters that stay, beside letters and digits.
    pub kept: &'static str,
    /// Whether a space becomes `+`, as in forms.
    pub plus: bool,
    /// Whether the digits of `%XX` are capital letters.
    pub upper: bool,
}

impl UrlStyle {
    /// Escapes all that a part of a URL may have to, as in RFC 3986.
    pub const STRICT: Self = Self { kept: "-_.~", plus: false, upper: true };
}

/// The value as a part of a URL.
pub fn url(value: &[u8], style: UrlStyle) -> Secret {
    let mut out = Vec::with_capacity(URL_ESCAPE * value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || style.kept.as_bytes().contains(&byte) {
            out.push(byte);
        } else if byte == b' ' && style.plus {
            out.push(b'+');
        } else {
            out.extend([
                b'%',
                digit(u16::from(byte >> 4), style.upper),
                digit(u16::from(byte & 15), style.upper),
            ]);
        }
    }
    Secret::new(out)
}

/// The value in base64, with padding.
pub fn base64(value: &[u8]) -> Secret {
    let mut out = Zeroizing::new(vec![0; value.len().div_ceil(3) * 4]);
    let length = BASE64_STANDARD.encode_slice(value, &mut out).unwrap_or_default();
    out.truncate(length);
    Secret::new(std::mem::take(&mut *out))
}

/// The value as a word of a POSIX shell, in single quotes.
pub fn shell_word(value: &[u8]) -> Secret {
    let mut out = Vec::with_capacity(QUOTED_QUOTE.len() * value.len() + 2);
    out.push(b'\'');
    for &byte in value {
        match byte {
            b'\'' => out.extend_from_slice(QUOTED_QUOTE),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
    Secret::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secret: &Secret) -> &str {
        str::from_utf8(secret.expose()).unwrap()
    }

    #[test]
    fn json_strings_are_escaped() {
        let styled = |value, style| text(&json(value, style)).to_owned();
        assert_eq!(styled("a\"\\\n\t\r\u{8}\u{c}\u{1}/é", JsonStyle::PLAIN), r#"a\"\\\n\t\r\b\f\u0001/é"#);
        let ascii = JsonStyle { ascii: true, upper: true, slash: true, as_code: "<\"" };
        assert_eq!(styled("é😀/<\"\n", ascii), r"\u00E9\uD83D\uDE00\/\u003C\u0022\n");
        let all = "\u{1}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\"\\/";
        for style in [JsonStyle::PLAIN, ascii] {
            let quoted = format!("\"{}\"", styled(all, style));
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), all);
        }
    }

    #[test]
    fn urls_are_escaped() {
        assert_eq!(text(&url("a b/é~+".as_bytes(), UrlStyle::STRICT)), "a%20b%2F%C3%A9~%2B");
        let form = UrlStyle { kept: "-_.*", plus: true, upper: false };
        assert_eq!(text(&url("a b/é~+".as_bytes(), form)), "a+b%2f%c3%a9%7e%2b");
    }

    #[test]
    fn base64_is_padded() {
        for (value, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("\u{3ff}", "z78=")]
        {
            assert_eq!(text(&base64(value.as_bytes())), expected);
        }
    }

    #[test]
    fn shell_words_are_quoted() {
        assert_eq!(text(&shell_word(b"")), "''");
        assert_eq!(
            text(&shell_word(b"it's $1\n")),
            r"'it'\''s $1
'"
        );
    }
}
