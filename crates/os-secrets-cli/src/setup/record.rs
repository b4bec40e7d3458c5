//! What was changed in the files of clients, for `--undo`.
//!
//! The record is a private JSON file in the user's data directory. It holds the parts of the files that we have replaced:
//! names of programs and directories. A command that others have chosen may have a secret among its words, so no client
//! replaces one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{ClientLock, Replacement, file::change_file};
use os_secrets::{
    environment::{Process, data_directory},
    error::Error,
    file::{self, Access, LockedDirectory},
};

/// A change that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// The client's name.
    pub client: String,
    /// The file.
    pub path: PathBuf,
    /// Whether we made the file.
    pub is_new: bool,
    /// The directories that we made for the file, the outermost first.
    pub new_directories: Vec<PathBuf>,
    /// What was replaced.
    pub replacements: Vec<Replacement>,
}

/// The path of the record.
///
/// # Errors
///
/// [`Error::InvalidSetting`] if the user's data directory is not known.
fn record_path() -> Result<PathBuf, Error> {
    let directory = data_directory(&Process).ok_or_else(|| {
        Error::InvalidSetting(
            "There is no place for the record of the change. Set HOME to your home directory".into(),
        )
    })?;
    Ok(directory.join("os-secrets").join("setup.json"))
}

/// Waits until no other setup changes files. What a setup reads is then still so when it writes.
///
/// # Errors
///
/// [`Error::File`], and [`Error::InvalidSetting`] as [`change_record`].
pub fn take_turn() -> Result<LockedDirectory, Error> {
    // A directory of its own: that of the record is locked while the record is changed.
    let turn = record_path()?.with_extension("turn").join("turn");
    file::check_creator(&turn)?;
    let directory = turn.parent().unwrap_or(&turn);
    file::make_directory(directory).map_err(|error| file::failure("Cannot create", directory, error))?;
    LockedDirectory::lock(&turn)
}

/// The changes that were made, in their order.
///
/// # Errors
///
/// [`Error::File`], and [`Error::InvalidFile`] if the record is damaged.
pub fn read_record() -> Result<Vec<Recorded>, Error> {
    let Ok(path) = record_path() else { return Ok(Vec::new()) };
    match file::read(&path)? {
        Some(bytes) => parse(&path, &bytes),
        None => Ok(Vec::new()),
    }
}

/// Changes the record in one step.
///
/// # Errors
///
/// Those of [`read_record`] and of writing. [`Error::InvalidSetting`] if there is no place for the record.
pub fn change_record(change: impl FnOnce(&mut Vec<Recorded>)) -> Result<(), Error> {
    let path = record_path()?;
    change_file(&path, Access::AsBefore, ClientLock::Nothing, |found| {
        let mut changes = match &found.content {
            Some(bytes) => parse(&path, bytes)?,
            None => Vec::new(),
        };
        change(&mut changes);
        Ok(Some(Zeroizing::new(spell(&changes).into_bytes())))
    })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Recorded>, Error> {
    let invalid = || Error::InvalidFile {
        path: path.into(),
        reason: "is damaged. Remove it, and take the changes out of the clients' files by hand".into(),
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|_| invalid())?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let replacement = |value: &Value| {
        let at = usize::try_from(value["at"].as_u64()?).ok()?;
        Some(Replacement { at, old: text(&value["old"])?.into(), new: text(&value["new"])? })
    };
    let recorded = |value: &Value| {
        Some(Recorded {
            client: text(&value["client"])?,
            path: text(&value["path"])?.into(),
            is_new: value["new_file"].as_bool()?,
            // Records of former versions have none.
            new_directories: match &value["new_directories"] {
                Value::Null => Vec::new(),
                paths => {
                    paths.as_array()?.iter().map(|path| Some(text(path)?.into())).collect::<Option<_>>()?
                }
            },
            replacements: value["replacements"].as_array()?.iter().map(replacement).collect::<Option<_>>()?,
        })
    };
    value["changes"].as_array().and_then(|all| all.iter().map(recorded).collect()).ok_or_else(invalid)
}

fn spell(changes: &[Recorded]) -> String {
    let replacement =
        |Replacement { at, old, new }: &Replacement| json!({ "at": at, "old": &**old, "new": new });
    let recorded = |change: &Recorded| {
        let replacements: Vec<_> = change.replacements.iter().map(replacement).collect();
        let new_directories: Vec<_> =
            change.new_directories.iter().map(|path| path.to_string_lossy()).collect();
        json!({
            "client": change.client,
            "path": change.path.to_string_lossy(),
            "new_file": change.is_new,
            "new_directories": new_directories,
            "replacements": replacements,
        })
    };
    let changes: Vec<_> = changes.iter().map(recorded).collect();
    format!("{:#}\n", json!({ "changes": changes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let change = Recorded {
            client: "git".into(),
            path: "/home/a/.gitconfig".into(),
            is_new: true,
            new_directories: vec!["/home/a".into(), "/home/a/b".into()],
            replacements: vec![Replacement { at: 3, old: "\u{e9}\n".to_owned().into(), new: "\"x\"".into() }],
        };
        let spelled = spell(std::slice::from_ref(&change));
        assert_eq!(parse(Path::new("x"), spelled.as_bytes()), Ok(vec![change]));
        for damaged in ["", "{}", "{\"changes\": [{}]}"] {
            assert!(parse(Path::new("x"), damaged.as_bytes()).is_err(), "{damaged}");
        }
    }
}
