//! The forms in which programs print a value: its lines, and its encodings.

use zeroize::Zeroizing;

use crate::encoding::{JsonStyle, UrlStyle, base64, json, url};
use os_secrets::credential::Secret;

/// The minimum number of characters to mask. Shorter values occur everywhere by chance.
pub const MIN_CHARACTERS: usize = 4;
/// The maximum size of a value whose encodings are masked. Larger ones would need much memory.
const MAX_ENCODED: usize = 64 << 10;
/// The lengths of lines of base64, as `base64` and MIME, and `openssl` and PEM write them.
const BASE64_LINES: [usize; 2] = [76, 64];
/// Who escapes so: `JSON.stringify`; Go, Rails; Gson; Python; Jackson; PHP, two ways; .NET.
const JSON_STYLES: [JsonStyle; 8] = [
    JsonStyle::PLAIN,
    JsonStyle { as_code: "<>&\u{2028}\u{2029}", ..JsonStyle::PLAIN },
    JsonStyle { as_code: "<>&='\u{2028}\u{2029}", ..JsonStyle::PLAIN },
    JsonStyle { ascii: true, ..JsonStyle::PLAIN },
    JsonStyle { ascii: true, upper: true, ..JsonStyle::PLAIN },
    JsonStyle { slash: true, ..JsonStyle::PLAIN },
    JsonStyle { slash: true, ascii: true, ..JsonStyle::PLAIN },
    JsonStyle { as_code: "\"&'+<>`\u{7f}", ascii: true, upper: true, slash: false },
];
/// Who escapes so: RFC 3986; `encodeURIComponent`; Python's `quote`; `encodeURI`; forms; Go's and Python's for forms.
const URL_STYLES: [UrlStyle; 6] = [
    UrlStyle::STRICT,
    UrlStyle { kept: "-_.~!*'()", ..UrlStyle::STRICT },
    UrlStyle { kept: "-_.~/", ..UrlStyle::STRICT },
    UrlStyle { kept: "-_.~!*'();,/?:@&=+$#", ..UrlStyle::STRICT },
    UrlStyle { kept: "-_.*", plus: true, ..UrlStyle::STRICT },
    UrlStyle { plus: true, ..UrlStyle::STRICT },
];

/// Whether a value is not masked because it is too short. There is nothing to mask of an empty one.
pub fn is_too_short(value: &Secret) -> bool {
    (1..MIN_CHARACTERS).contains(&count_characters(trim_line_end(value.expose())))
}

/// The value without the line ends at its end, which a shell drops as well.
fn trim_line_end(value: &[u8]) -> &[u8] {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    &value[..value.iter().rposition(|byte| !is_line_end(byte)).map_or(0, |last| last + 1)]
}

fn count_characters(value: &[u8]) -> usize {
    str::from_utf8(value).map_or(value.len(), |text| text.chars().count())
}

/// The values and the forms in which they are printed, each of at least [`MIN_CHARACTERS`].
pub fn printed_forms(values: Vec<Secret>) -> Vec<Secret> {
    let mut forms = Forms(Vec::new());
    for value in values {
        if count_characters(trim_line_end(value.expose())) >= MIN_CHARACTERS {
            forms.add_all(value);
        }
    }
    let Forms(mut forms) = forms;
    // Most encodings of most values are the same.
    forms.sort_unstable_by(|one, other| one.expose().cmp(other.expose()));
    forms.dedup();
    forms
}

struct Forms(Vec<Secret>);

impl Forms {
    fn add(&mut self, form: Secret) {
        if count_characters(form.expose()) >= MIN_CHARACTERS {
            self.0.push(form);
        }
    }

    fn add_copy(&mut self, form: &[u8]) {
        self.add(Secret::new(form.to_vec()));
    }

    fn add_all(&mut self, value: Secret) {
        let bytes = value.expose();
        let is_encoded = bytes.len() <= MAX_ENCODED;
        let trimmed = trim_line_end(bytes);
        if is_encoded {
            // As `echo` prints it.
            let with_newline = Zeroizing::new([trimmed, b"\n"].concat());
            for text in [bytes, trimmed, &with_newline] {
                self.add_base64(text);
            }
            for text in [bytes, trimmed] {
                self.add_escaped(text);
            }
        }
        if let Ok(text) = str::from_utf8(bytes)
            && text.contains(['\n', '\r'])
        {
            self.add_lines(text, is_encoded);
        }
        self.add_copy(trimmed);
        self.add(value);
    }

    /// Adds the lines, and the whole with the line ends of other systems.
    fn add_lines(&mut self, text: &str, is_encoded: bool) {
        for line in text.split(['\n', '\r']).map(str::trim) {
            self.add_copy(line.as_bytes());
            if is_encoded && !line.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                self.add_escaped(line.as_bytes());
            }
        }
        let newlines = text.matches('\n').count();
        let mut lf = Vec::with_capacity(text.len());
        let mut crlf = Vec::with_capacity(text.len() + newlines);
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                lf.push(b'\n');
                crlf.extend_from_slice(b"\r\n");
            }
            let line = line.strip_suffix('\r').unwrap_or(line).as_bytes();
            lf.extend_from_slice(line);
            crlf.extend_from_slice(line);
        }
        self.add(Secret::new(lf));
        self.add(Secret::new(crlf));
    }

    fn add_escaped(&mut self, value: &[u8]) {
        for style in URL_STYLES {
            self.add(url(value, style));
            self.add(url(value, UrlStyle { upper: false, ..style }));
        }
        let Ok(text) = str::from_utf8(value) else { return };
        for style in JSON_STYLES {
            self.add(json(text, style));
        }
        // JSON within JSON, as in logs.
        let once = json(text, JsonStyle::PLAIN);
        if let Ok(once) = str::from_utf8(once.expose()) {
            self.add(json(once, JsonStyle::PLAIN));
        }
    }

    /// Adds the value in base64: alone, and within a longer text, such as `user:value`.
    fn add_base64(&mut self, value: &[u8]) {
        for (before, skipped) in [(0, 0), (1, 2), (2, 3)] {
            let text = Zeroizing::new([&[0; 2][..before], value].concat());
            let whole = base64(&text);
            let whole = whole.expose();
            // The last character before the padding has bits of what follows.
            let certain = text.len() * 8 / 6;
            let unpadded = (text.len() * 8).div_ceil(6);
            for end in [certain, unpadded, whole.len()] {
                if let Some(form) = whole.get(skipped..end) {
                    self.add_base64_form(form);
                }
            }
        }
        let whole = base64(value);
        let whole = whole.expose();
        for length in BASE64_LINES.into_iter().filter(|length| whole.len() > *length) {
            whole.chunks(length).for_each(|line| self.add_copy(line));
        }
    }

    fn add_base64_form(&mut self, form: &[u8]) {
        self.add_copy(form);
        if form.contains(&b'+') || form.contains(&b'/') {
            let for_urls = form.iter().map(|byte| match byte {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            });
            self.add(Secret::new(for_urls.collect()));
        }
    }
}

#[cfg(test)]
mod tests;
