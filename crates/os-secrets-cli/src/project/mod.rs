//! The project file `.secrets.toml`: which variables the commands of a project need, and which secrets they hold.
//!
//! It comes with a repository that a stranger may have written. So it chooses no store, runs nothing, and sets no variable
//! that is known to make a command load other code. Its texts can still change what a command does.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | how the file is found and read |
//! | `parse.rs` | what stands in it |
//! | `refused.rs` | the variables that it must not set |

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use os_secrets::{
    environment::{Process, home_directory},
    error::Error,
    file::{TrustedFile, canonical, read_if_present},
};

mod parse;
mod refused;

pub use parse::{Declared, is_identifier, parse};
pub use refused::leads_to_store;

/// The file's name.
pub const FILE: &str = ".secrets.toml";

/// A project file as it was read.
pub struct ProjectFile {
    /// Where it was found.
    pub path: PathBuf,
    /// Its bytes.
    pub content: Zeroizing<Vec<u8>>,
}

/// Reads the nearest project file in a directory or above it. Returns `None` if there is none.
///
/// # Errors
///
/// [`Error::Untrusted`] if another user can have written it, and [`Error::File`].
pub fn read_nearest(directory: &Path) -> Result<Option<ProjectFile>, Error> {
    // A directory that cannot be looked at has no file that could be read.
    let Ok(start) = canonical(directory) else { return Ok(None) };
    let home = home_directory(&Process).and_then(|home| canonical(&home).ok());
    for directory in directories_to_search(&start, home.as_deref()) {
        let path = directory.join(FILE);
        if !may_exist(&path) {
            continue;
        }
        if let Some(content) = read_if_present(&path, TrustedFile::Project)? {
            return Ok(Some(ProjectFile { path, content }));
        }
    }
    Ok(None)
}

/// The directory and those above it, up to the root of its repository or to the home directory. If it is in neither, only
/// the directory itself: what is above it, such as `/tmp`, has nothing to do with the project.
fn directories_to_search<'a>(start: &'a Path, home: Option<&Path>) -> impl Iterator<Item = &'a Path> {
    let is_end =
        |directory: &Path| Some(directory) == home || fs::symlink_metadata(directory.join(".git")).is_ok();
    let end = start.ancestors().position(is_end).unwrap_or(0);
    start.ancestors().take(end + 1)
}

/// Whether there may be a file. On Unix, not in a directory that this user may not search.
fn may_exist(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => !(cfg!(unix) && error.kind() == io::ErrorKind::PermissionDenied),
        Ok(_) => true,
    }
}
