//! TOML files that people write: parsing them, and reporting all that is wrong with them at once.
//!
//! No message shows a text of the file other than the names in it, because it may be a secret that does not belong there.

use std::ops::Range;

pub use toml::de::{DeTable, DeValue};

use crate::printable::printable;

/// What is wrong with a file.
pub struct Problems<'a> {
    text: &'a str,
    /// The problems with the numbers of their lines.
    found: Vec<(usize, String)>,
}

impl Problems<'_> {
    /// Reports a problem of what stands at a place. `name` may be empty.
    pub fn report(&mut self, place: Range<usize>, name: &str, problem: &str) {
        let line =
            self.text.as_bytes()[..place.start.min(self.text.len())].split(|byte| *byte == b'\n').count();
        let name = if name.is_empty() { String::new() } else { format!("{}: ", printable(name)) };
        self.found.push((line, format!(", line {line}: {name}{problem}")));
    }

    /// The number of problems.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems in the order of the file, as texts that follow its path.
    pub fn into_texts(mut self) -> Vec<String> {
        // Tables are sorted by their names.
        self.found.sort_by_key(|(line, _)| *line);
        // One wrong bracket can be reported many times.
        self.found.dedup();
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }
}

/// Parses a file. Returns its table, and a list for the problems of what stands in it.
///
/// # Errors
///
/// What is wrong with the syntax, as [`Problems::into_texts`].
pub fn parse(content: &[u8]) -> Result<(DeTable<'_>, Problems<'_>), Vec<String>> {
    let Ok(text) = str::from_utf8(content) else {
        return Err(vec![" is not UTF-8 text".into()]);
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems = Problems { text, found: Vec::new() };
    for error in errors {
        problems.report(error.span().unwrap_or_default(), "", error.message());
    }
    if !problems.is_empty() {
        return Err(problems.into_texts());
    }
    Ok((table.into_inner(), problems))
}
