//! Texts in JSON: reading and writing them in memory that is wiped.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// The text that a name or scalar in JSON stands for. It is not wiped.
pub fn unquote_name(spelled: &str) -> Option<String> {
    unquote(spelled).and_then(|name| str::from_utf8(&name).ok().map(str::to_owned))
}

/// The text that a scalar in JSON stands for. `None` if the scalar is not a text, or contains half a surrogate pair.
pub fn unquote(spelled: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut rest = spelled.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than the character that it stands for.
    let mut text = Zeroizing::new(Vec::with_capacity(rest.len()));
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.extend_from_slice(plain.as_bytes());
        let (character, left) = unescape(escape)?;
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = left;
    }
    text.extend_from_slice(rest.as_bytes());
    Some(text)
}

/// The character of an escape, without its backslash, and the rest of the text.
fn unescape(escape: &str) -> Option<(char, &str)> {
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok();
    let character = match escape.as_bytes().first()? {
        b'u' => {
            let first = unit(escape)?;
            let second = escape[5..].strip_prefix('\\').and_then(unit);
            let character = char::decode_utf16([first].into_iter().chain(second)).next()?.ok()?;
            let length = if character.len_utf16() == 2 { 11 } else { 5 };
            return Some((character, &escape[length..]));
        }
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other => char::from(*other),
    };
    Some((character, &escape[1..]))
}

/// A text as JSON. Its memory is wiped, and does not grow.
pub fn quote(text: &str) -> Zeroizing<Vec<u8>> {
    // No character takes more bytes than `\u0000`.
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    serde_json::to_writer(&mut *bytes, text).expect("writing a text to memory does not fail");
    bytes
}

/// An object of texts as JSON. Its memory is wiped, and does not grow; `room` more bytes can be appended to it.
pub fn object_of_texts(members: &[(&str, &str)], room: usize) -> Zeroizing<Vec<u8>> {
    let parts: Vec<_> = members.iter().map(|(name, text)| (quote(name), quote(text))).collect();
    let length = parts.iter().map(|(name, text)| name.len() + text.len() + 2).sum::<usize>() + 2;
    let mut object = Zeroizing::new(Vec::with_capacity(length + room));
    object.push(b'{');
    for (index, (name, text)) in parts.iter().enumerate() {
        if index > 0 {
            object.push(b',');
        }
        object.extend_from_slice(name);
        object.push(b':');
        object.extend_from_slice(text);
    }
    object.push(b'}');
    object
}

/// An array of texts as JSON. Its memory is wiped, and does not grow.
pub fn array_of_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Zeroizing<Vec<u8>> {
    join_array(texts.map(quote).collect())
}

/// An array of objects of texts as JSON. Its memory is wiped, and does not grow.
pub fn array_of_objects<'a, const N: usize>(
    objects: impl Iterator<Item = [(&'a str, &'a str); N]>,
) -> Zeroizing<Vec<u8>> {
    join_array(objects.map(|members| object_of_texts(&members, 0)).collect())
}

/// An array of parts that are JSON.
fn join_array(parts: Vec<Zeroizing<Vec<u8>>>) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len() + 1).sum::<usize>() + 2;
    let mut array = Zeroizing::new(Vec::with_capacity(length));
    array.push(b'[');
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            array.push(b',');
        }
        array.extend_from_slice(part);
    }
    array.push(b']');
    array
}

/// A name as JSON.
pub fn spell_name(name: &str) -> Cow<'static, str> {
    serde_json::Value::from(name).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_meant() {
        for text in ["", "plain", "a\nb\"c\\d\t/\u{8}\u{c}\r", "é 👋", "\u{1}"] {
            let spelled = serde_json::Value::from(text).to_string();
            assert_eq!(unquote(&spelled).unwrap().as_slice(), text.as_bytes());
        }
        assert_eq!(unquote(r#""\u00e9\/\ud83d\udc4b\u0041""#).unwrap().as_slice(), "é/👋A".as_bytes());
        for half in ["\\ud83d", "\\ud83dx", "\\ud83d\\n", "\\ud83d\\u0041", "\\udc4b"] {
            assert_eq!(unquote(&format!("\"{half}\"")), None, "{half}");
        }
        assert_eq!(unquote("null"), None);
    }

    #[test]
    fn texts_are_spelled_in_an_object() {
        assert_eq!(&*object_of_texts(&[("a", "x\"\n"), ("b", "")], 0), br#"{"a":"x\"\n","b":""}"#);
        assert_eq!(&*object_of_texts(&[], 0), b"{}");
    }

    #[test]
    fn texts_are_spelled_in_an_array() {
        assert_eq!(&*array_of_texts(["x\"\n", ""].into_iter()), br#"["x\"\n",""]"#);
        assert_eq!(&*array_of_texts([].into_iter()), b"[]");
        let objects = [[("a", "\""), ("b", "1")], [("a", ""), ("b", "2")]];
        assert_eq!(&*array_of_objects(objects.into_iter()), br#"[{"a":"\"","b":"1"},{"a":"","b":"2"}]"#);
    }
}
