//! Replacing bytes in a text.

use std::ops::Range;

/// A part of a text, and what replaces it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// Where the part starts, in bytes.
    pub at: usize,
    /// The part. Empty if something is only inserted.
    pub old: String,
    /// What is there afterwards.
    pub new: String,
}

/// The text after the replacements, which are in the order of their positions and do not overlap.
pub fn apply(text: &str, replacements: &[Replacement]) -> String {
    let (mut result, mut end) = (String::with_capacity(text.len()), 0);
    for Replacement { at, old, new } in replacements {
        result.push_str(&text[end..*at]);
        result.push_str(new);
        end = at + old.len();
    }
    result.push_str(&text[end..]);
    result
}

/// The text without the replacements. `None` if what was inserted is not in it exactly once, or if whole lines that were
/// inserted do not begin a line any more: then others have changed it, such as by making a comment of it.
pub fn revert(text: &str, replacements: &[Replacement]) -> Option<String> {
    let mut text = text.to_owned();
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
        text.replace_range(at..at + new.len(), old);
    }
    Some(text)
}

/// The line break of a text: that of its first line.
pub fn line_break(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((line, _)) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The line break of a text: CRLF if one of its lines ends with it.
pub fn any_line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// What appends a line to a text, on a line of its own.
pub fn append_line(text: &str, line: &str) -> Replacement {
    let newline = line_break(text);
    let start = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    Replacement { at: text.len(), old: String::new(), new: format!("{start}{line}{newline}") }
}

/// The text without some parts, which are in their order and do not overlap.
pub fn cut(text: &str, parts: Vec<Range<usize>>) -> String {
    let mut rest = text.to_owned();
    parts.into_iter().rev().for_each(|part| rest.replace_range(part, ""));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacement(at: usize, old: &str, new: &str) -> Replacement {
        Replacement { at, old: old.into(), new: new.into() }
    }

    #[test]
    fn what_is_reverted_is_as_before() {
        let text = "a = 1\r\nb = 2\nend";
        let changes =
            [replacement(0, "", "# x\n"), replacement(11, "2", "twenty"), replacement(16, "", "\n[y]\n")];
        let changed = apply(text, &changes);
        assert_eq!(changed, "# x\na = 1\r\nb = twenty\nend\n[y]\n");
        assert_eq!(revert(&changed, &changes).as_deref(), Some(text));
        // Later edits stay.
        let edited = format!("first\n{changed}last\n");
        assert_eq!(revert(&edited, &changes), Some(format!("first\n{text}last\n")));
    }

    #[test]
    fn what_others_have_changed_is_not_reverted() {
        let change = [replacement(0, "", "helper = x\n")];
        assert_eq!(revert("helper = y\n", &change), None);
        assert_eq!(revert("helper = x\nhelper = x\n", &change), None);
        assert_eq!(revert("a", &[replacement(0, "a", "")]), None);
        // Without the line, its comment sign would make a comment of the next line.
        assert_eq!(revert("# helper = x\nregion = y\n", &change), None);
        assert_eq!(revert("\u{feff}helper = x\n", &change).as_deref(), Some("\u{feff}"));
        // What was inserted within a line, or with its own line break in front, is found there.
        assert_eq!(revert("[a, b]\n", &[replacement(2, "", ", b")]).as_deref(), Some("[a]\n"));
        assert_eq!(revert("x\nb\n", &[replacement(1, "", "\nb\n")]).as_deref(), Some("x"));
    }
}
