//! JSON files that other programs write as well. Everything that is not ours stays as it is.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | [`Document`]: reading and changing a file |
//! | `bytes.rs` | values of any bytes |
//! | `node.rs` | the values in it, as they are spelled |
//! | `text.rs` | texts, in memory that is wiped |

use std::path::Path;

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::{credential::Secret, error::Error};

mod bytes;
mod node;
mod text;

use node::{Member, Node, find_member, has_name, is_number, write_members};
pub use text::{array_of_objects, array_of_texts, object_of_texts};
use text::{quote, spell_name, unquote, unquote_name};

const BOM: &str = "\u{feff}";

/// A JSON file whose root is an object. In contrast to the values of a parser, it keeps the spelling of everything. It
/// points into the bytes that were read, so that there are no copies to wipe.
pub struct Document<'a> {
    path: &'a Path,
    root: Vec<Member<'a>>,
    /// Whether the file starts with a byte order mark. It is then written again.
    has_bom: bool,
}

impl<'a> Document<'a> {
    /// Parses the content of the file at a path.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], with line and column, if the content is not a JSON object.
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
        let whole =
            str::from_utf8(bytes).map_err(|error| invalid_at(error.valid_up_to(), "it is not UTF-8"))?;
        let text = whole.strip_prefix(BOM).unwrap_or(whole);
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
            // The parser's message contains no part of the file.
            let message = error.to_string();
            let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
            invalid(error.line(), error.column(), reason)
        })?;
        let mut rest = text;
        match Node::parse(&mut rest, 0) {
            Some(Node::Object(root)) => Ok(Self { path, root, has_bom: text.len() < whole.len() }),
            Some(_) => {
                Err(Error::InvalidFile { path: path.into(), reason: "is not a JSON object".to_owned() })
            }
            None => Err(invalid_at(whole.len() - rest.len(), "it is nested too deeply")),
        }
    }

    /// An error about the file; the reason follows its path.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::InvalidFile { path: self.path.into(), reason: reason.into() }
    }

    /// The names in the object that is reached through `members`, each within the one before. There are none if a member
    /// is missing.
    pub fn names(&self, members: &[&str]) -> Result<impl Iterator<Item = String>, Error> {
        Ok(self.object(members)?.iter().filter_map(|(name, _)| unquote_name(name)))
    }

    /// The text under a name in the object that is reached through `members`. `None` if the name is missing.
    pub fn text(&self, members: &[&str], name: &str) -> Result<Option<Secret>, Error> {
        let text = match find_member(self.object(members)?, name) {
            None => return Ok(None),
            Some(Node::Scalar(spelled)) => unquote(spelled),
            Some(_) => None,
        };
        match text {
            Some(mut text) => Ok(Some(Secret::new(std::mem::take(&mut *text)))),
            None => {
                Err(self
                    .error(format!("has under {} {name:?} something that is not a text", members.join("."))))
            }
        }
    }

    /// The members of the root, in their order. A name is `None` if it contains half a surrogate pair.
    pub fn members(&self) -> impl Iterator<Item = (Option<String>, Field<'_, 'a>)> {
        self.root.iter().map(|(name, value)| (unquote_name(name), Field(value)))
    }

    /// The value of a member of the document's root object.
    pub fn field(&self, name: &str) -> Option<Field<'_, 'a>> {
        find_member(&self.root, name).map(Field)
    }

    /// Sets a member of the root to an array of texts.
    pub fn set_texts(&mut self, name: &str, texts: &[String]) {
        let array = Node::Array(texts.iter().map(|text| Node::Text(quote(text))).collect());
        match self.root.iter_mut().rfind(|(spelled, _)| has_name(spelled, name)) {
            Some((_, value)) => *value = array,
            None => self.root.push((spell_name(name), array)),
        }
    }

    /// Whether the object that is reached through `members` has a name.
    pub fn has(&self, members: &[&str], name: &str) -> Result<bool, Error> {
        Ok(find_member(self.object(members)?, name).is_some())
    }

    /// Sets a name to a text in the object that is reached through `members`. Objects that are missing are created.
    pub fn set(&mut self, members: &[&str], name: &str, text: &str) -> Result<(), Error> {
        let text = Node::Text(quote(text));
        let object = self.object_mut(members)?;
        match object.iter_mut().rfind(|(spelled, _)| has_name(spelled, name)) {
            Some((_, value)) => *value = text,
            None => object.push((spell_name(name), text)),
        }
        Ok(())
    }

    /// Sets a member of the root to `null`.
    pub fn set_null(&mut self, name: &str) {
        self.root.retain(|(spelled, _)| !has_name(spelled, name));
        self.root.push((spell_name(name), Node::Scalar("null")));
    }

    /// Removes a name from the object that is reached through `members`, and returns whether it existed.
    pub fn remove(&mut self, members: &[&str], name: &str) -> Result<bool, Error> {
        let object = self.object_mut(members)?;
        let before = object.len();
        object.retain(|(spelled, _)| !has_name(spelled, name));
        Ok(object.len() < before)
    }

    /// Sorts the object that is reached through `members` by its names.
    pub fn sort(&mut self, members: &[&str]) -> Result<(), Error> {
        self.object_mut(members)?.sort_by_cached_key(|(name, _)| unquote_name(name));
        Ok(())
    }

    /// Whether a member of the root is this number. `None` if it is missing.
    pub fn is_number(&self, name: &str, number: f64) -> Result<Option<bool>, Error> {
        Ok(find_member(self.object(&[])?, name)
            .map(|value| matches!(value, Node::Scalar(spelled) if is_number(spelled, number))))
    }

    /// The whole number under a name in the object that is reached through `members`. `None` if there is none.
    pub fn number(&self, members: &[&str], name: &str) -> Option<u64> {
        match find_member(self.object(members).ok()?, name)? {
            Node::Scalar(spelled) => spelled.parse().ok(),
            _ => None,
        }
    }

    /// The texts of an array under a name in the object that is reached through `members`. `None` if that is not an array
    /// of texts.
    pub fn texts(&self, members: &[&str], name: &str) -> Option<Vec<String>> {
        let Node::Array(values) = find_member(self.object(members).ok()?, name)? else { return None };
        let text = |value: &Node<'_>| match value {
            Node::Scalar(spelled) => unquote_name(spelled),
            _ => None,
        };
        values.iter().map(text).collect()
    }

    /// Whether there is an object that is reached through `members`.
    pub fn has_object(&self, members: &[&str]) -> bool {
        let Some((name, outer)) = members.split_last() else { return true };
        let outer = self.object(outer).unwrap_or_default();
        matches!(find_member(outer, name), Some(Node::Object(_)))
    }

    /// Whether a name in the object that is reached through `members` has the value `true`.
    pub fn is_true(&self, members: &[&str], name: &str) -> bool {
        let value = self.object(members).ok().and_then(|object| find_member(object, name));
        matches!(value, Some(Node::Scalar("true")))
    }

    /// The object that is reached through `members`, as JSON. An empty one if a member is missing.
    pub fn part_to_bytes(&self, members: &[&str]) -> Zeroizing<Vec<u8>> {
        let object = self.object(members).unwrap_or_default();
        let write = |out: &mut dyn FnMut(&[u8])| write_members(object, 0, &mut |part: &[u8]| out(part));
        let mut length = 0;
        write(&mut |part| length += part.len());
        // Sized once, because growing could leave a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        write(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    /// The new content of the file, with an indent of two spaces per level and a newline at the end.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut length = 0;
        self.write(&mut |part| length += part.len());
        // Sized once, because growing could leave a copy behind.
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
            match find_member(object, name) {
                None => return Ok(&[]),
                Some(Node::Object(inner)) => object = inner,
                Some(_) => {
                    let path = members[..=index].join(".");
                    return Err(self.error(format!("has under {path:?} something that is not an object")));
                }
            }
        }
        Ok(object)
    }

    /// As `object`, but creates the objects that are missing.
    fn object_mut(&mut self, members: &[&str]) -> Result<&mut Vec<Member<'a>>, Error> {
        self.object(members)?;
        let mut object = &mut self.root;
        for name in members {
            let found = object.iter().rposition(|(spelled, _)| has_name(spelled, name));
            let at = found.unwrap_or_else(|| {
                object.push((spell_name(name), Node::Object(Vec::new())));
                object.len() - 1
            });
            let Node::Object(inner) = &mut object[at].1 else {
                unreachable!("it was checked that each is an object")
            };
            object = inner;
        }
        Ok(object)
    }
}

/// A value in a document.
pub struct Field<'d, 'a>(&'d Node<'a>);

impl<'d, 'a> Field<'d, 'a> {
    /// The text, if the value is one.
    pub fn text(&self) -> Option<Secret> {
        match self.0 {
            Node::Scalar(spelled) => unquote(spelled).map(|mut text| Secret::new(std::mem::take(&mut *text))),
            _ => None,
        }
    }

    /// The texts, if the value is an array of texts. They are not wiped.
    pub fn texts(&self) -> Option<Vec<String>> {
        let Node::Array(values) = self.0 else { return None };
        let text = |value: &Node<'_>| match value {
            Node::Scalar(spelled) => unquote_name(spelled),
            _ => None,
        };
        values.iter().map(text).collect()
    }

    /// The members in their order, if the value is an object. A name is `None` if it contains half a surrogate pair.
    pub fn members(&self) -> Option<impl Iterator<Item = (Option<String>, Field<'d, 'a>)> + use<'d, 'a>> {
        let Node::Object(members) = self.0 else { return None };
        Some(members.iter().map(|(name, value)| (unquote_name(name), Field(value))))
    }
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
