//! JSON files that others write as well: what is not ours in them stays as it is.

use std::{borrow::Cow, path::Path};

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::{credential::Secret, error::Error};

const BOM: &str = "\u{feff}";
/// How deep arrays and objects may lie in each other.
const MAX_DEPTH: usize = 128;

/// A JSON file whose root is an object. It keeps how everything in it is spelled, which a parser's values
/// do not, and points into the bytes that were read: there are no copies to wipe.
pub struct Document<'a> {
    path: &'a Path,
    root: Vec<Member<'a>>,
    /// Whether it began with a byte order mark, which then stays.
    has_bom: bool,
}

enum Node<'a> {
    /// A text, number or literal, as it is spelled.
    Scalar(&'a str),
    /// A text of ours, as it is spelled.
    Text(Zeroizing<Vec<u8>>),
    Array(Vec<Self>),
    Object(Vec<Member<'a>>),
}

/// A member of an object: its name as it is spelled, and its value. Where a name is there twice, the last
/// counts, as with most parsers.
type Member<'a> = (Cow<'a, str>, Node<'a>);

impl<'a> Document<'a> {
    /// Reads what stands at a path.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], with line and column, where it is not JSON, or not an object.
    pub fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let invalid = |line, column, reason: &str| Error::InvalidFile {
            path: path.into(),
            reason: format!("is not valid JSON at line {line}, column {column}: {reason}"),
        };
        let invalid_at = |at: usize, reason: &str| {
            let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            invalid(line, 1 + at - start, reason)
        };
        let whole = str::from_utf8(bytes).map_err(|error| invalid_at(error.valid_up_to(), "no UTF-8"))?;
        let text = whole.strip_prefix(BOM).unwrap_or(whole);
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
            // The parser's own words hold no part of the file.
            let told = error.to_string();
            let reason = told.rsplit_once(" at line ").map_or(told.as_str(), |(reason, _)| reason);
            invalid(error.line(), error.column(), reason)
        })?;
        let mut rest = text;
        match Node::take(&mut rest, 0) {
            Some(Node::Object(root)) => Ok(Self { path, root, has_bom: text.len() < whole.len() }),
            Some(_) => {
                Err(Error::InvalidFile { path: path.into(), reason: "is not a JSON object".to_owned() })
            }
            None => Err(invalid_at(whole.len() - rest.len(), "it is nested too deeply")),
        }
    }

    /// The error that something is wrong with the file.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::InvalidFile { path: self.path.into(), reason: reason.into() }
    }

    /// The names in the object under these members, one in the other; none where one is missing.
    pub fn names(&self, members: &[&str]) -> Result<impl Iterator<Item = String>, Error> {
        Ok(self.object(members)?.iter().filter_map(|(name, _)| unquoted_name(name)))
    }

    /// The text under a member of one of its objects.
    pub fn text(&self, members: &[&str], name: &str) -> Result<Option<Secret>, Error> {
        let text = match find(self.object(members)?, name) {
            None => return Ok(None),
            Some(Node::Scalar(spelled)) => unquoted(spelled),
            Some(_) => None,
        };
        match text {
            Some(mut text) => Ok(Some(Secret::new(std::mem::take(&mut *text)))),
            None => Err(self.error(format!("holds under {} {name:?} what is not a text", members.join(".")))),
        }
    }

    /// All that is in the root, in its order. A name is `None` where it holds half a character.
    pub fn members(&self) -> impl Iterator<Item = (Option<String>, Field<'_, 'a>)> {
        self.root.iter().map(|(name, value)| (unquoted_name(name), Field(value)))
    }

    /// What is under a member of the root.
    pub fn field(&self, name: &str) -> Option<Field<'_, 'a>> {
        find(&self.root, name).map(Field)
    }

    /// Puts an array of texts under a member of the root.
    pub fn set_texts(&mut self, name: &str, texts: &[String]) {
        let array = Node::Array(texts.iter().map(|text| Node::Text(quoted(text))).collect());
        match self.root.iter_mut().rfind(|(spelled, _)| is(spelled, name)) {
            Some((_, value)) => *value = array,
            None => self.root.push((name_of(name), array)),
        }
    }

    /// Whether there is something under a member of one of its objects.
    pub fn has(&self, members: &[&str], name: &str) -> Result<bool, Error> {
        Ok(find(self.object(members)?, name).is_some())
    }

    /// Puts a text under a member of one of its objects, which are made where they are missing.
    pub fn set(&mut self, members: &[&str], name: &str, text: &str) -> Result<(), Error> {
        let text = Node::Text(quoted(text));
        let object = self.object_mut(members)?;
        match object.iter_mut().rfind(|(spelled, _)| is(spelled, name)) {
            Some((_, value)) => *value = text,
            None => object.push((name_of(name), text)),
        }
        Ok(())
    }

    /// Removes a member of one of its objects; whether there was one.
    pub fn remove(&mut self, members: &[&str], name: &str) -> Result<bool, Error> {
        let object = self.object_mut(members)?;
        let before = object.len();
        object.retain(|(spelled, _)| !is(spelled, name));
        Ok(object.len() < before)
    }

    /// Sorts the members of one of its objects.
    pub fn sort(&mut self, members: &[&str]) -> Result<(), Error> {
        self.object_mut(members)?.sort_by_cached_key(|(name, _)| unquoted_name(name));
        Ok(())
    }

    /// Whether a member of the root is this number; `None` where it is not there.
    pub fn is_number(&self, name: &str, number: f64) -> Result<Option<bool>, Error> {
        Ok(find(self.object(&[])?, name)
            .map(|value| matches!(value, Node::Scalar(spelled) if stands_for(spelled, number))))
    }

    /// The file: two spaces for each level, and a newline at the end.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut length = 0;
        self.write(&mut |part| length += part.len());
        // Sized once, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        self.write(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    fn write(&self, out: &mut impl FnMut(&[u8])) {
        if self.has_bom {
            out(BOM.as_bytes());
        }
        write_members(&self.root, 0, out);
        out(b"\n");
    }

    fn object(&self, members: &[&str]) -> Result<&[Member<'a>], Error> {
        let mut object = &self.root;
        for (index, name) in members.iter().enumerate() {
            match find(object, name) {
                None => return Ok(&[]),
                Some(Node::Object(inner)) => object = inner,
                Some(_) => {
                    let place = members[..=index].join(".");
                    return Err(self.error(format!("holds under {place:?} what is not an object")));
                }
            }
        }
        Ok(object)
    }

    /// As `object`, but makes what is missing.
    fn object_mut(&mut self, members: &[&str]) -> Result<&mut Vec<Member<'a>>, Error> {
        self.object(members)?;
        let mut object = &mut self.root;
        for name in members {
            let found = object.iter().rposition(|(spelled, _)| is(spelled, name));
            let at = found.unwrap_or_else(|| {
                object.push((name_of(name), Node::Object(Vec::new())));
                object.len() - 1
            });
            let Node::Object(inner) = &mut object[at].1 else { unreachable!("each of them is an object") };
            object = inner;
        }
        Ok(object)
    }
}

/// Something in a document.
pub struct Field<'d, 'a>(&'d Node<'a>);

impl<'d, 'a> Field<'d, 'a> {
    /// Its text, where it is one.
    pub fn text(&self) -> Option<Secret> {
        match self.0 {
            Node::Scalar(spelled) => {
                unquoted(spelled).map(|mut text| Secret::new(std::mem::take(&mut *text)))
            }
            _ => None,
        }
    }

    /// Its texts, where it is an array of them. They are not wiped.
    pub fn texts(&self) -> Option<Vec<String>> {
        let Node::Array(values) = self.0 else { return None };
        let text = |value: &Node<'_>| match value {
            Node::Scalar(spelled) => unquoted_name(spelled),
            _ => None,
        };
        values.iter().map(text).collect()
    }

    /// Its members, where it is an object, in their order. A name is `None` where it holds half a character.
    pub fn members(&self) -> Option<impl Iterator<Item = (Option<String>, Field<'d, 'a>)> + use<'d, 'a>> {
        let Node::Object(members) = self.0 else { return None };
        Some(members.iter().map(|(name, value)| (unquoted_name(name), Field(value))))
    }
}

impl<'a> Node<'a> {
    /// Takes a value from the front of a text that is JSON; `None` where it is nested too deeply.
    fn take(rest: &mut &'a str, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match peek(rest) {
            b'[' => {
                let mut values = Vec::new();
                while next(rest) != b']' {
                    // An empty array ends here; another value is in front otherwise.
                    if peek(rest) != b']' {
                        values.push(Self::take(rest, depth + 1)?);
                    }
                }
                Self::Array(values)
            }
            b'{' => {
                let mut members = Vec::new();
                while next(rest) != b'}' {
                    if peek(rest) != b'}' {
                        let name = scalar(rest);
                        next(rest);
                        members.push((name.into(), Self::take(rest, depth + 1)?));
                    }
                }
                Self::Object(members)
            }
            _ => Self::Scalar(scalar(rest)),
        })
    }

    fn write(&self, depth: usize, out: &mut impl FnMut(&[u8])) {
        match self {
            Self::Scalar(spelled) => out(spelled.as_bytes()),
            Self::Text(spelled) => out(spelled),
            Self::Array(values) => {
                write_all(b"[]", values, depth, out, |value, out| value.write(depth + 1, out));
            }
            Self::Object(members) => write_members(members, depth, out),
        }
    }
}

fn write_members(members: &[Member<'_>], depth: usize, out: &mut impl FnMut(&[u8])) {
    write_all(b"{}", members, depth, out, |(name, value), out| {
        out(name.as_bytes());
        out(b": ");
        value.write(depth + 1, out);
    });
}

/// Writes what stands between two brackets, each on a line of its own.
fn write_all<T, O: FnMut(&[u8])>(
    brackets: &[u8; 2],
    items: &[T],
    depth: usize,
    out: &mut O,
    write: impl Fn(&T, &mut O),
) {
    let new_line = |out: &mut O, depth| {
        out(b"\n");
        (0..depth).for_each(|_| out(b"  "));
    };
    out(&brackets[..1]);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out(b",");
        }
        new_line(out, depth + 1);
        write(item, out);
    }
    if !items.is_empty() {
        new_line(out, depth);
    }
    out(&brackets[1..]);
}

/// The next byte that is no space, left where it is.
fn peek(rest: &mut &str) -> u8 {
    *rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    rest.as_bytes()[0]
}

/// The next byte that is no space: a bracket, comma or colon.
fn next(rest: &mut &str) -> u8 {
    let byte = peek(rest);
    *rest = &rest[1..];
    byte
}

/// The next text, number or literal.
fn scalar<'a>(rest: &mut &'a str) -> &'a str {
    let is_text = peek(rest) == b'"';
    let mut escaped = false;
    let ends = |byte: u8| match byte {
        b'"' if is_text && !escaped => true,
        _ if is_text => {
            escaped = byte == b'\\' && !escaped;
            false
        }
        _ => b" \t\r\n,:]}".contains(&byte),
    };
    let first = usize::from(is_text);
    let length = rest.bytes().skip(first).position(ends).map_or(rest.len(), |at| at + 2 * first);
    let (scalar, left) = rest.split_at(length);
    *rest = left;
    scalar
}

/// Whether a scalar is this number. Not by `str::parse`, which nothing else needs and whose tables are large.
fn stands_for(spelled: &str, number: f64) -> bool {
    serde_json::from_str(spelled).is_ok_and(|parsed: f64| parsed == number)
}

fn find<'n, 'a>(object: &'n [Member<'a>], name: &str) -> Option<&'n Node<'a>> {
    object.iter().rfind(|(spelled, _)| is(spelled, name)).map(|(_, value)| value)
}

fn is(spelled: &str, name: &str) -> bool {
    if !spelled.contains('\\') {
        return spelled.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) == Some(name);
    }
    unquoted(spelled).is_some_and(|found| *found == name.as_bytes())
}

fn unquoted_name(spelled: &str) -> Option<String> {
    unquoted(spelled).and_then(|name| str::from_utf8(&name).ok().map(str::to_owned))
}

/// What a text says that is spelled in JSON; `None` where it is none, or holds half a character.
fn unquoted(spelled: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut rest = spelled.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than what it stands for.
    let mut text = Zeroizing::new(Vec::with_capacity(rest.len()));
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.extend_from_slice(plain.as_bytes());
        let (character, left) = unescaped(escape)?;
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = left;
    }
    text.extend_from_slice(rest.as_bytes());
    Some(text)
}

/// The character of an escape, without its backslash, and what follows it.
fn unescaped(escape: &str) -> Option<(char, &str)> {
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

/// A text as JSON, in memory that is wiped and does not grow.
pub fn quoted(text: &str) -> Zeroizing<Vec<u8>> {
    // No character takes more than `\u0000` does.
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    serde_json::to_writer(&mut *bytes, text).expect("a text is written to memory");
    bytes
}

/// An object of texts as JSON, in memory that is wiped and does not grow, with as many bytes of `room` left.
pub fn object_of_texts(members: &[(&str, &str)], room: usize) -> Zeroizing<Vec<u8>> {
    let parts: Vec<_> = members.iter().map(|(name, text)| (quoted(name), quoted(text))).collect();
    let length = parts.iter().map(|(name, text)| name.len() + text.len() + 2).sum::<usize>() + 2;
    let mut object = Zeroizing::new(Vec::with_capacity(length + room));
    for (index, (name, text)) in parts.iter().enumerate() {
        object.push(if index == 0 { b'{' } else { b',' });
        object.extend_from_slice(name);
        object.push(b':');
        object.extend_from_slice(text);
    }
    object.push(b'}');
    object
}

fn name_of(name: &str) -> Cow<'static, str> {
    serde_json::Value::from(name).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Result<Document<'_>, Error> {
        Document::parse(Path::new("x.json"), text.as_bytes())
    }

    #[test]
    fn what_is_not_ours_stays() {
        let text = concat!(
            "{\n  \"z\": 1.0,\n  \"a\": [\n    1e5,\n    1E+5,\n    12345678901234567890123456789,\n    -0.10,",
            "\n    \"\\u00e9\\/\\ud800 \\\"\\\\\"\n  ],\n  \"z\": [],\n  \"é\": {}\n}\n"
        );
        let marked = format!("\u{feff}{text}");
        assert_eq!(&*document(&marked).unwrap().to_bytes(), marked.as_bytes());
    }

    #[test]
    fn texts_are_read_as_they_are_meant() {
        for text in ["", "plain", "a\nb\"c\\d\t/\u{8}\u{c}\r", "é 👋", "\u{1}"] {
            let spelled = serde_json::Value::from(text).to_string();
            assert_eq!(unquoted(&spelled).unwrap().as_slice(), text.as_bytes());
        }
        assert_eq!(unquoted(r#""\u00e9\/\ud83d\udc4b\u0041""#).unwrap().as_slice(), "é/👋A".as_bytes());
        for half in ["\\ud83d", "\\ud83dx", "\\ud83d\\n", "\\ud83d\\u0041", "\\udc4b"] {
            assert_eq!(unquoted(&format!("\"{half}\"")), None, "{half}");
        }
        assert_eq!(unquoted("null"), None);
    }

    #[test]
    fn texts_are_spelled_in_an_object() {
        assert_eq!(&*object_of_texts(&[("a", "x\"\n"), ("b", "")], 0), br#"{"a":"x\"\n","b":""}"#);
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, told) in [
            ("{\n  \"a\": none\n}", "line 2, column"),
            ("", "line 1, column 0"),
            ("[]", "is not a JSON object"),
            ("{} x", "line 1, column 4"),
            ("{\"a\": \"hunter2\u{1}\"}", "line 1, column"),
        ] {
            let error = document(text).map(drop).unwrap_err().to_string();
            assert!(
                error.contains(told) && error.starts_with("x.json ") && !error.contains("hunter2"),
                "{error}"
            );
        }
        for depth in [200, 100_000] {
            let deep = format!("\n{}{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            let told = document(&deep).map(drop).unwrap_err().to_string();
            assert!(told.contains("nested too deeply") || told.contains("line 2, column"), "{told}");
        }
        let bytes = Document::parse(Path::new("x.json"), b"{\n \"\xff\": 1}").map(drop).unwrap_err();
        assert!(bytes.to_string().contains("line 2, column 3"), "{bytes}");
    }

    #[test]
    fn objects_are_made_where_they_are_missing() {
        let mut made = document("{\"b\": 1}").unwrap();
        made.set(&["busdk", "secrets"], "a.b", "v\n").unwrap();
        let bytes = made.to_bytes();
        let made = Document::parse(Path::new("x.json"), &bytes).unwrap();
        assert_eq!(made.text(&["busdk", "secrets"], "a.b"), Ok(Some(Secret::new(b"v\n".to_vec()))));
        assert_eq!(made.text(&["busdk", "secrets"], "a"), Ok(None));
        for text in ["{\"busdk\": 1}", "{\"busdk\": {\"secrets\": []}}", "{\"busdk\": null}"] {
            let mut wrong = document(text).unwrap();
            assert!(wrong.text(&["busdk", "secrets"], "a").is_err(), "{text}");
            assert!(wrong.set(&["busdk", "secrets"], "a", "").is_err(), "{text}");
        }
    }
}
