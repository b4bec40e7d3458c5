//! Finding and inserting keys in TOML files, whose other bytes stay as they are.

use std::{ops::Range, path::Path};

use zeroize::Zeroizing;

use super::{
    Replacement,
    edit::{apply, cut, line_break},
};
use os_secrets::{
    document::{self, DeTable, DeValue},
    error::Error,
};

/// Parses a file.
///
/// # Errors
///
/// [`Error::InvalidFile`], with the line and without a text of the file.
pub fn parse<'a>(path: &Path, content: &'a [u8]) -> Result<DeTable<'a>, Error> {
    let (table, _) = document::parse(content).map_err(|problems| Error::InvalidFile {
        path: path.into(),
        reason: format!("is not valid TOML{}", problems.first().map_or("", String::as_str)),
    })?;
    Ok(table)
}

/// A value, and where it stands.
pub type Found<'t, 'a> = (&'t DeValue<'a>, Range<usize>);

/// The value under keys, each in the table of the one before. `None` if it is missing.
pub fn find<'t, 'a>(table: &'t DeTable<'a>, keys: &[&str]) -> Option<Found<'t, 'a>> {
    let (last, tables) = keys.split_last()?;
    let mut table = table;
    for key in tables {
        table = table.get(*key)?.get_ref().as_table()?;
    }
    let value = table.get(*last)?;
    Some((value.get_ref(), value.span()))
}

/// Whether the text is valid, and has these texts under keys.
fn has_texts(text: &str, keys: &[&str], texts: &[String]) -> bool {
    let Ok((table, _)) = document::parse(text.as_bytes()) else { return false };
    find(&table, keys).is_some_and(|(value, _)| texts_of(value).as_deref() == Some(texts))
}

/// The texts of an array that has only texts.
pub fn texts_of(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// Inserts `key = [texts]` into a table that has no such key. `None` if the text cannot be changed so.
pub fn insert_texts(text: &str, table: &str, key: &str, texts: &[String]) -> Option<Replacement> {
    let spelled: Vec<_> = texts.iter().map(|text| spell(text)).collect();
    let setting = format!("{key} = [{}]", spelled.join(", "));
    let newline = line_break(text);
    // Each is tried: what looks like a header may stand in a text of several lines.
    let after_header = lines(text).filter(|(_, line)| is_header(line, table)).map(|(at, line)| {
        let (before, after) = if line.ends_with('\n') { ("", newline) } else { (newline, "") };
        (at + line.len(), format!("{before}{setting}{after}"))
    });
    let in_inline = inline_end(text, table)
        .map(|(at, is_empty)| (at, if is_empty { format!(" {setting} ") } else { format!(", {setting}") }));
    let dotted = lines(text).filter(|(_, line)| is_dotted(line, table));
    let before_dotted = dotted.map(|(at, _)| (at, format!("{table}.{setting}{newline}")));
    let before = match text {
        "" => String::new(),
        _ if text.ends_with('\n') => newline.to_owned(),
        _ => newline.repeat(2),
    };
    let at_end = (text.len(), format!("{before}[{table}]{newline}{setting}{newline}"));
    after_header
        .chain(in_inline)
        .chain(before_dotted)
        .chain([at_end])
        .map(|(at, new)| Replacement::insert(at, new))
        .find(|change| has_texts(&apply(text, std::slice::from_ref(change)), &[table, key], texts))
}

/// Appends a text to an array of texts under keys. `None` if the text cannot be changed so.
pub fn append_text(text: &str, keys: &[&str], added: &str) -> Option<Replacement> {
    let (root, _) = document::parse(text.as_bytes()).ok()?;
    let (value, place) = find(&root, keys)?;
    let mut texts = texts_of(value)?;
    texts.push(added.to_owned());
    let (at, new) = match value.as_array()?.iter().last() {
        None => (place.start + 1, spell(added)),
        Some(last) => {
            let (start, end) = (last.span().start, last.span().end);
            let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
            let indent = &text[line..start];
            match indent.trim().is_empty() {
                // One text per line.
                true => (end, format!(",{}{indent}{}", line_break(text), spell(added))),
                false => (end, format!(", {}", spell(added))),
            }
        }
    };
    let change = Replacement::insert(at, new);
    has_texts(&apply(text, std::slice::from_ref(&change)), keys, &texts).then_some(change)
}

/// Removes the texts that are `removed` from an array of texts under keys. `None` if there are none.
pub fn remove_texts(text: &str, keys: &[&str], removed: impl Fn(&str) -> bool) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(text.to_owned());
    let mut is_changed = false;
    loop {
        let part = {
            let (root, _) = document::parse(text.as_bytes()).ok()?;
            let items = find(&root, keys)?.0.as_array()?;
            let spans: Vec<_> = items.iter().map(|item| item.span()).collect();
            let position = items.iter().position(|item| item.get_ref().as_str().is_some_and(&removed));
            position.map(|at| match (at.checked_sub(1).map(|before| spans[before].end), spans.get(at + 1)) {
                (Some(end), _) => end..spans[at].end,
                (None, Some(next)) => spans[at].start..next.start,
                (None, None) => spans[at].clone(),
            })
        };
        match part {
            Some(part) => text = cut(&text, &[part]),
            None => return is_changed.then_some(text),
        }
        is_changed = true;
    }
}

/// A text as a basic string.
pub fn spell(text: &str) -> String {
    let mut spelled = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => spelled.extend(['\\', character]),
            _ if character.is_control() => spelled.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => spelled.push(character),
        }
    }
    spelled + "\""
}

/// The lines with their newlines, and where they start.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    text.split_inclusive('\n').map(move |line| {
        let at = next;
        next += line.len();
        (at, line)
    })
}

fn is_header(line: &str, table: &str) -> bool {
    let inside = || {
        let (name, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
        let rest = rest.trim();
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        Some(name == table && (rest.is_empty() || rest.starts_with('#')))
    };
    inside().unwrap_or(false)
}

fn is_dotted(line: &str, table: &str) -> bool {
    line.trim_start().strip_prefix(table).is_some_and(|rest| rest.trim_start().starts_with('.'))
}

/// The end of the members of an inline table of the root, and whether it has none.
fn inline_end(text: &str, table: &str) -> Option<(usize, bool)> {
    let (root, _) = document::parse(text.as_bytes()).ok()?;
    let (value, place) = find(&root, &[table])?;
    let inside = text.get(place.clone())?.strip_prefix('{')?.strip_suffix('}')?;
    let used = inside.trim_end();
    Some((place.start + 1 + used.len(), value.as_table()?.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::edit::shown::{apply, show};

    fn inserted(text: &str) -> String {
        let texts = ["x".to_owned(), "y\"\\".to_owned()];
        let change = insert_texts(text, "registry", "list", &texts).expect(text);
        apply(text, &[change])
    }

    #[test]
    fn a_key_is_inserted_into_its_table() {
        const LIST: &str = "list = [\"x\", \"y\\\"\\\\\"]";
        for (text, expected) in [
            ("", format!("[registry]\n{LIST}\n")),
            ("a = 1", format!("a = 1\n\n[registry]\n{LIST}\n")),
            ("[b]\r\na = 1\r\n", format!("[b]\r\na = 1\r\n\r\n[registry]\r\n{LIST}\r\n")),
            ("[registry]\n[b]\n", format!("[registry]\n{LIST}\n[b]\n")),
            (" [ \"registry\" ] # x\na = 1\n", format!(" [ \"registry\" ] # x\n{LIST}\na = 1\n")),
            ("[registry]", format!("[registry]\n{LIST}")),
            ("[registry.b]\n", format!("[registry.b]\n\n[registry]\n{LIST}\n")),
            ("registry = { a = 1 }\n", format!("registry = {{ a = 1, {LIST} }}\n")),
            ("registry = {}\n", format!("registry = {{ {LIST} }}\n")),
            ("# x\nregistry.a = 1\n", format!("# x\nregistry.{LIST}\nregistry.a = 1\n")),
            ("a = '''\n[registry]\n'''\n", format!("a = '''\n[registry]\n'''\n\n[registry]\n{LIST}\n")),
            (
                "a = '''\n[registry]\n'''\n[registry]\n",
                format!("a = '''\n[registry]\n'''\n[registry]\n{LIST}\n"),
            ),
        ] {
            assert_eq!(inserted(text), expected);
        }
        assert_eq!(insert_texts("registry = 1\n", "registry", "list", &[]), None);
        assert_eq!(insert_texts("[[registry]]\n", "registry", "list", &[]), None);
    }

    #[test]
    fn a_text_is_appended_to_an_array_and_removed_from_it() {
        for (before, after) in [
            ("a = []\n", "a = [\"new\"]\n"),
            ("a = [ \"b\" ]\n", "a = [ \"b\", \"new\" ]\n"),
            ("a = [\"b\", 'c',] # x\n", "a = [\"b\", 'c', \"new\",] # x\n"),
            ("a = [\n  \"b\", # x\n  \"c\",\n]\n", "a = [\n  \"b\", # x\n  \"c\",\n  \"new\",\n]\n"),
        ] {
            let change = append_text(before, &["a"], "new").expect(before);
            let appended = apply(before, &[change]);
            assert_eq!(appended, after);
            assert_eq!(show(remove_texts(&appended, &["a"], |text| text == "new")).as_deref(), Some(before));
            assert_eq!(show(remove_texts(before, &["a"], |text| text == "new")), None);
        }
        assert_eq!(append_text("a = [1]\n", &["a"], "new"), None);
        assert_eq!(append_text("b = 1\n", &["a"], "new"), None);
        assert_eq!(
            show(remove_texts("a = [\"new\", \"b\", \"new\"]", &["a"], |text| text == "new")).as_deref(),
            Some("a = [\"b\"]")
        );
    }
}
