//! The members of an object in a JSON text, and where they stand in it: for changing one of them and leaving every other
//! byte as it is.

use std::{ops::Range, path::Path};

use serde::de::IgnoredAny;

use crate::setup::{Replacement, edit::line_break};
use os_secrets::error::Error;

const BOM: &str = "\u{feff}";

/// An object in a JSON text.
pub struct JsonObject<'a> {
    text: &'a str,
    /// Where its braces are, and all between them.
    place: Range<usize>,
    /// Its members, in their order.
    pub members: Vec<JsonMember>,
}

/// A member of an object.
#[derive(Clone)]
pub struct JsonMember {
    /// Its name. `None` if it contains half a surrogate pair.
    pub name: Option<String>,
    /// Where it is, from its name to the end of its value.
    pub place: Range<usize>,
    /// Where its value is.
    pub value: Range<usize>,
}

impl<'a> JsonObject<'a> {
    /// The object that a text consists of, which may start with a byte order mark.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] with this path, and without a part of the text, if the text is not a JSON object.
    pub fn parse(path: &Path, text: &'a str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidFile { path: path.into(), reason };
        let json = text.strip_prefix(BOM).unwrap_or(text);
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| {
            // The parser's message contains no part of the text.
            let message = error.to_string();
            let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
            let (line, column) = (error.line(), error.column());
            invalid(format!("is not valid JSON at line {line}, column {column}: {reason}"))
        })?;
        let start = skip_space(text, text.len() - json.len());
        match text.as_bytes()[start] {
            b'{' => Ok(Self::at(text, start)),
            _ => Err(invalid("is not a JSON object".into())),
        }
    }

    /// The object at a position of a valid text.
    fn at(text: &'a str, start: usize) -> Self {
        let mut members = Vec::new();
        let mut at = skip_space(text, start + 1);
        while text.as_bytes()[at] != b'}' {
            let name_end = skip_value(text, at);
            let value = skip_space(text, skip_space(text, name_end) + 1);
            let end = skip_value(text, value);
            let name = serde_json::from_str(&text[at..name_end]).ok();
            members.push(JsonMember { name, place: at..end, value: value..end });
            at = skip_space(text, end);
            if text.as_bytes()[at] == b',' {
                at = skip_space(text, at + 1);
            }
        }
        Self { text, place: start..at + 1, members }
    }

    /// The member with a name. As in Go, case does not matter, and the last of several counts.
    pub fn member(&self, name: &str) -> Option<&JsonMember> {
        self.members.iter().rfind(|member| member.has_name(name))
    }

    /// The value of a member, as it is spelled.
    pub fn spelled(&self, member: &JsonMember) -> &'a str {
        &self.text[member.value.clone()]
    }

    /// The text that is the value of a member. `None` if it is not a text.
    pub fn text_of(&self, member: &JsonMember) -> Option<String> {
        serde_json::from_str(self.spelled(member)).ok()
    }

    /// The object that is the value of a member. `None` if it is not an object.
    pub fn object_of(&self, member: &JsonMember) -> Option<Self> {
        self.spelled(member).starts_with('{').then(|| Self::at(self.text, member.value.start))
    }

    /// What replaces or appends a member so that it has this value. `None` if it has the value already. A new member is
    /// spelled like the others.
    pub fn set(&self, name: &str, value: &str) -> Option<Replacement> {
        let spell = |value: &str| serde_json::Value::from(value).to_string();
        let replacement =
            |place: Range<usize>, new: String| Some(Replacement::of_part(self.text, place, new));
        if let Some(member) = self.member(name) {
            if self.text_of(member).as_deref() == Some(value) {
                return None;
            }
            // The name is a part of it, so that the replacement is found again although others have the same value.
            let before = &self.text[member.place.start..member.value.start];
            return replacement(member.place.clone(), format!("{before}{}", spell(value)));
        }
        let Some((first, last)) = self.members.first().zip(self.members.last()) else {
            let new_line = line_break(self.text);
            let new = format!("{{{new_line}\t{}: {}{new_line}}}", spell(name), spell(value));
            return replacement(self.place.clone(), new);
        };
        let first_name = skip_value(self.text, first.place.start);
        let colon = &self.text[first_name..first.value.start];
        let indent = &self.text[self.place.start + 1..first.place.start];
        let space = match self.members.get(1) {
            _ if indent.contains('\n') => indent,
            Some(second) => {
                self.text[first.place.end..second.place.start].trim_start().trim_start_matches(',')
            }
            None => &colon[colon.trim_end().len()..],
        };
        let new = format!(",{space}{}{colon}{}", spell(name), spell(value));
        replacement(last.place.end..last.place.end, new)
    }

    /// The parts of the text that go with some members: their commas, too. The positions are in their order.
    pub fn cuts(&self, is_cut: impl Fn(&JsonMember) -> bool) -> Vec<Range<usize>> {
        if !self.members.is_empty() && self.members.iter().all(&is_cut) {
            let inside = self.place.start + 1..self.place.end - 1;
            return Vec::from([inside]);
        }
        let (mut cuts, mut some_stay) = (Vec::new(), false);
        for (index, member) in self.members.iter().enumerate() {
            match (is_cut(member), some_stay) {
                (false, _) => some_stay = true,
                (true, true) => cuts.push(self.members[index - 1].place.end..member.place.end),
                // Another one follows, because some stay.
                (true, false) => cuts.push(member.place.start..self.members[index + 1].place.start),
            }
        }
        cuts
    }
}

impl JsonMember {
    /// Whether it has a name. Case does not matter.
    pub fn has_name(&self, name: &str) -> bool {
        self.name.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(name))
    }
}

fn skip_space(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count()
}

/// The end of the value at a position of a valid text.
fn skip_value(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes[at] {
            b'"' => at = skip_text(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => at += bytes[at..].iter().take_while(|byte| !b",:]} \t\r\n".contains(byte)).count(),
        }
        if depth == 0 {
            return at;
        }
    }
}

fn skip_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plain::cut_out, setup::edit::shown::apply};

    fn object(text: &str) -> JsonObject<'_> {
        JsonObject::parse(Path::new("x.json"), text).unwrap()
    }

    #[test]
    fn members_are_found_with_their_places() {
        let text = "\u{feff} { \"a\" : {\"x\":[1,{\"}\":\"]\\\"\"}]} ,\r\n\"b\\u0062\":-1.5e3,\"c\":null,\"d\":[] }\n";
        let object = object(text);
        let found: Vec<_> = object
            .members
            .iter()
            .map(|member| (member.name.as_deref().unwrap(), object.spelled(member)))
            .collect();
        assert_eq!(
            found,
            [("a", "{\"x\":[1,{\"}\":\"]\\\"\"}]}"), ("bb", "-1.5e3"), ("c", "null"), ("d", "[]")]
        );
        assert_eq!(&text[object.members[1].place.clone()], "\"b\\u0062\":-1.5e3");
        let inner = object.object_of(&object.members[0]).unwrap();
        assert_eq!(inner.members[0].name.as_deref(), Some("x"));
        assert!(object.object_of(&object.members[3]).is_none());
    }

    #[test]
    fn other_texts_are_refused_without_their_content() {
        for text in
            ["", " ", "[]", "{\"hunter2\": hunter2}", "{\"a\": 1} x", "hunter2", &"{\"a\":".repeat(100_000)]
        {
            let error = JsonObject::parse(Path::new("x.json"), text).map(drop).unwrap_err().to_string();
            assert!(error.starts_with("x.json ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_member_is_set_in_the_style_of_the_file() {
        for (text, changed) in [
            ("{}", "{\n\t\"s\": \"v\"\n}"),
            ("{ }\r\n", "{\r\n\t\"s\": \"v\"\r\n}\r\n"),
            ("{\"a\":1}", "{\"a\":1,\"s\":\"v\"}"),
            ("{\"a\": 1}\n", "{\"a\": 1, \"s\": \"v\"}\n"),
            ("{\"a\": 1,\"b\": 2}", "{\"a\": 1,\"b\": 2,\"s\": \"v\"}"),
            ("{ \"a\":1, \"b\":{} }", "{ \"a\":1, \"b\":{}, \"s\":\"v\" }"),
            ("{\n\t\"a\": {}\n}", "{\n\t\"a\": {},\n\t\"s\": \"v\"\n}"),
            (
                "\u{feff}{\r\n    \"a\" : 1\r\n}\r\n",
                "\u{feff}{\r\n    \"a\" : 1,\r\n    \"s\" : \"v\"\r\n}\r\n",
            ),
            ("{\"s\":\"old\", \"b\": \"v\"}", "{\"s\":\"v\", \"b\": \"v\"}"),
            ("{\"S\" : null}", "{\"S\" : \"v\"}"),
            ("{\"s\": \"x\", \"s\": {\"s\": \"x\"}}", "{\"s\": \"x\", \"s\": \"v\"}"),
        ] {
            let replacement = object(text).set("s", "v").unwrap();
            assert_eq!(apply(text, &[replacement]), changed);
            assert_eq!(object(changed).set("s", "v"), None, "{changed}");
        }
    }

    #[test]
    fn the_commas_are_right_after_any_members_were_cut_out() {
        let text = "{ \"a\":1 ,\n\"b\":{\"x\":2},\n \"c\":3,\"d\" : 4 }\n";
        for cut in 0..16_u32 {
            let names = |chosen: u32| -> Vec<&str> {
                ["a", "b", "c", "d"]
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| chosen >> at & 1 == 1)
                    .map(|(_, name)| name)
                    .collect()
            };
            let chosen = names(cut);
            let cuts = object(text).cuts(|member| chosen.iter().any(|name| member.has_name(name)));
            let rest = cut_out(text.as_bytes(), &cuts);
            let rest = str::from_utf8(&rest).unwrap();
            let left: Vec<_> = object(rest).members.iter().filter_map(|member| member.name.clone()).collect();
            assert_eq!(left, names(!cut), "{rest}");
        }
        let cut = |name: &str| {
            let cuts = object(text).cuts(|member| member.has_name(name));
            String::from_utf8(cut_out(text.as_bytes(), &cuts).to_vec()).unwrap()
        };
        assert_eq!(cut("a"), "{ \"b\":{\"x\":2},\n \"c\":3,\"d\" : 4 }\n");
        assert_eq!(cut("b"), "{ \"a\":1,\n \"c\":3,\"d\" : 4 }\n");
        assert_eq!(cut("d"), "{ \"a\":1 ,\n\"b\":{\"x\":2},\n \"c\":3 }\n");
        assert!(object("{}").cuts(|_| true).is_empty());
    }
}
