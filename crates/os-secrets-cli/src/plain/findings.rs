//! What a format finds in a file.

use super::PlainEntry;

/// How the user finds the entry that supersedes another one.
pub const BEFORE: &str = "the entry before it";
/// As [`BEFORE`], for a client that takes the last one.
pub const AFTER: &str = "the entry after it";

/// What a file holds.
#[derive(Default)]
pub struct PlainFindings {
    /// The entries that can be imported.
    pub entries: Vec<PlainEntry>,
    /// Those that stay although they may hold a credential.
    pub skipped: Vec<UnmovedEntry>,
    /// Those that stay because something is wrong with them. Then the import fails, but other entries are stored.
    pub refused: Vec<UnmovedEntry>,
}

/// An entry that stays in its file. Both texts contain no part of a secret.
#[derive(PartialEq, Eq, Debug)]
pub struct UnmovedEntry {
    /// What it is called, such as `line 2`.
    pub name: String,
    /// Why it stays, and what to do. It follows a colon.
    pub reason: String,
}

/// Why an entry cannot be imported.
pub enum NoEntry {
    /// As in [`PlainFindings::skipped`], with the reason.
    Skipped(String),
    /// As in [`PlainFindings::refused`], with the reason.
    Refused(String),
}

impl NoEntry {
    /// A [`Skipped`](Self::Skipped) with this reason.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }

    /// A [`Refused`](Self::Refused) with this reason.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

impl PlainFindings {
    /// Adds an entry, or why one that is called `name` is not imported.
    pub fn add(&mut self, name: impl Into<String>, found: Result<PlainEntry, NoEntry>) {
        match found {
            Ok(entry) => self.entries.push(entry),
            Err(reason) => self.leave(name, reason),
        }
    }

    /// Adds why an entry that is called `name` is not imported.
    pub fn leave(&mut self, name: impl Into<String>, reason: NoEntry) {
        let name = name.into();
        match reason {
            NoEntry::Skipped(reason) => self.skipped.push(UnmovedEntry { name, reason }),
            NoEntry::Refused(reason) => self.refused.push(UnmovedEntry { name, reason }),
        }
    }

    /// Handles an entry that never counts for its client, because another one does. `by` says how the user finds that, and
    /// `winner` is its index in `entries`, if it is there.
    ///
    /// If both are the same, they leave the file together. Otherwise both stay until the user removes the one that never
    /// counts: without the other, its client would use it.
    pub fn add_superseded(
        &mut self,
        name: impl Into<String>,
        entry: PlainEntry,
        winner: Option<usize>,
        by: &str,
    ) {
        let reason = match winner.map(|winner| &mut self.entries[winner]) {
            Some(winner) if winner.key == entry.key && winner.value == entry.value => {
                if !winner.cuts.is_empty() {
                    winner.cuts.extend(entry.cuts);
                }
                return;
            }
            Some(winner) => {
                winner.cuts.clear();
                format!(
                    "it is superseded by {by}, which differs. Remove it by hand. Until then, both stay in the file"
                )
            }
            None => format!("it is superseded by {by}. Remove it by hand"),
        };
        self.leave(name, NoEntry::Skipped(reason));
    }

    /// Adds an entry as [`add`](Self::add), unless one for the same credential was added before, which supersedes it.
    pub fn add_counted(&mut self, name: impl Into<String>, found: Result<PlainEntry, NoEntry>, by: &str) {
        let winner = found
            .as_ref()
            .ok()
            .and_then(|entry| self.entries.iter().position(|other| other.key == entry.key));
        match (winner, found) {
            (Some(_), Ok(entry)) => self.add_superseded(name, entry, winner, by),
            (_, found) => self.add(name, found),
        }
    }

    /// Restores the order of the file after the last entries, which count, were added first.
    pub fn reverse(&mut self) {
        self.entries.reverse();
        self.skipped.reverse();
        self.refused.reverse();
    }
}
