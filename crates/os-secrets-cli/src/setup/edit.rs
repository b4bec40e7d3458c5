//! Replacing bytes in a text.

use std::{fmt, ops::Range};

use zeroize::Zeroizing;

/// A part of a text, and what replaces it.
#[derive(Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Where the part starts, in bytes.
    pub at: usize,
    /// The part. Empty if something is only inserted.
    pub old: Zeroizing<String>,
    /// What is there afterwards.
    pub new: String,
}

impl Replacement {
    /// What inserts something at a position.
    pub fn insert(at: usize, new: String) -> Self {
        Self { at, old: Zeroizing::default(), new }
    }

    /// What replaces a part of a text.
    pub fn of_part(text: &str, part: Range<usize>, new: String) -> Self {
        Self { at: part.start, old: Zeroizing::new(text[part].to_owned()), new }
    }
}

/// Without the part, which may hold a secret.
impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacement").field("at", &self.at).field("new", &self.new).finish_non_exhaustive()
    }
}

/// The text after the replacements, which are in the order of their positions and do not overlap.
pub fn apply(text: &str, replacements: &[Replacement]) -> Zeroizing<String> {
    let parts = replacements.iter().map(|Replacement { at, old, new }| (*at..at + old.len(), &**new));
    replace_parts(text, &parts.collect::<Vec<_>>())
}

/// Replaces parts of a text, which are in their order and do not overlap.
pub fn replace_parts(text: &str, parts: &[(Range<usize>, &str)]) -> Zeroizing<String> {
    let sizes = parts.iter().map(|(part, new)| (part.len(), new.len()));
    let (removed, added) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    // Sized once, because growing would leave a copy of what may be secrets.
    let mut result = Zeroizing::new(String::with_capacity(text.len() - removed + added));
    let mut end = 0;
    for (part, new) in parts {
        // The message of a slice would have the text, which may hold secrets.
        assert!(end <= part.start && part.end <= text.len(), "the parts overlap or are not in the text");
        result.push_str(&text[end..part.start]);
        result.push_str(new);
        end = part.end;
    }
    result.push_str(&text[end..]);
    result
}

/// The bytes of a text, which are not copied.
pub fn into_bytes(mut text: Zeroizing<String>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(std::mem::take(&mut *text).into_bytes())
}

/// The text without the replacements. `None` if what was inserted is not in it exactly once, or if whole lines that were
/// inserted do not begin a line any more: then others have changed it, such as by making a comment of it.
pub fn revert(text: &str, replacements: &[Replacement]) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(text.to_owned());
    for Replacement { old, new, .. } in replacements.iter().rev() {
        let mut found = text.match_indices(new.as_str());
        let (at, _) = found.next()?;
        if new.is_empty() || found.next().is_some() {
            return None;
        }
        let before = &text[..at];
        let begins_line = before.is_empty() || before.ends_with(['\n', '\u{feff}']);
        if new.ends_with('\n') && !new.starts_with(['\r', '\n']) && !begins_line {
            return None;
        }
        let part = at..at + new.len();
        text = replace_parts(&text, &[(part, old)]);
    }
    Some(text)
}

/// The line break of a text: that of its first line. Clients write one kind in the whole file, and keep what they find.
pub fn line_break(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((line, _)) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// What appends a line to a text, on a line of its own.
pub fn append_line(text: &str, line: &str) -> Replacement {
    let newline = line_break(text);
    let start = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    Replacement::insert(text.len(), format!("{start}{line}{newline}"))
}

/// The text without some parts, which are in their order and do not overlap.
pub fn cut(text: &str, parts: &[Range<usize>]) -> Zeroizing<String> {
    replace_parts(text, &parts.iter().map(|part| (part.clone(), "")).collect::<Vec<_>>())
}

/// Texts of tests, which hold no secrets.
#[cfg(test)]
pub mod shown {
    use super::*;

    pub fn apply(text: &str, replacements: &[Replacement]) -> String {
        super::apply(text, replacements).to_string()
    }

    pub fn revert(text: &str, replacements: &[Replacement]) -> Option<String> {
        show(super::revert(text, replacements))
    }

    pub fn show(text: Option<Zeroizing<String>>) -> Option<String> {
        text.map(|text| text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{shown::revert as reverted, *};

    fn replacement(at: usize, old: &str, new: &str) -> Replacement {
        Replacement { at, old: old.to_owned().into(), new: new.into() }
    }

    #[test]
    fn a_text_is_changed_without_a_copy_that_stays_in_memory() {
        let text = "token = hunter2\nb\n";
        let changes = [replacement(0, "", "a long line in front\n"), replacement(16, "b", "cc")];
        let changed = apply(text, &changes);
        // A buffer that has grown has left its former one behind.
        assert_eq!(changed.capacity(), changed.len());
        let cut = cut(text, &[0..6, 16..17]);
        assert_eq!((&**cut, cut.capacity()), ("= hunter2\n\n", cut.len()));
        let before = revert(&changed, &changes).unwrap();
        assert_eq!(before.capacity(), before.len());
        let address = changed.as_ptr();
        assert_eq!(into_bytes(changed).as_ptr(), address);
        assert!(!format!("{:?}", replacement(0, "hunter2", "")).contains("hunter2"));
    }

    #[test]
    fn what_is_reverted_is_as_before() {
        let text = "a = 1\r\nb = 2\nend";
        let changes =
            [replacement(0, "", "# x\n"), replacement(11, "2", "twenty"), replacement(16, "", "\n[y]\n")];
        let changed = apply(text, &changes);
        assert_eq!(*changed, "# x\na = 1\r\nb = twenty\nend\n[y]\n");
        assert_eq!(reverted(&changed, &changes).as_deref(), Some(text));
        // Later edits stay.
        let edited = format!("first\n{}last\n", *changed);
        assert_eq!(reverted(&edited, &changes), Some(format!("first\n{text}last\n")));
    }

    #[test]
    fn what_others_have_changed_is_not_reverted() {
        let change = [replacement(0, "", "helper = x\n")];
        assert_eq!(reverted("helper = y\n", &change), None);
        assert_eq!(reverted("helper = x\nhelper = x\n", &change), None);
        assert_eq!(reverted("a", &[replacement(0, "a", "")]), None);
        // Without the line, its comment sign would make a comment of the next line.
        assert_eq!(reverted("# helper = x\nregion = y\n", &change), None);
        assert_eq!(reverted("\u{feff}helper = x\n", &change).as_deref(), Some("\u{feff}"));
        // What was inserted within a line, or with its own line break in front, is found there.
        assert_eq!(reverted("[a, b]\n", &[replacement(2, "", ", b")]).as_deref(), Some("[a]\n"));
        assert_eq!(reverted("x\nb\n", &[replacement(1, "", "\nb\n")]).as_deref(), Some("x"));
    }
}
