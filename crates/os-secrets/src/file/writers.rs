//! Who can have written a file.
//!
//! Only the file itself counts, not its directory. Users who can write the directory can replace the file, but only by a
//! file that belongs to them.

#[cfg(unix)]
use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
};
use std::{io, path::Path};

use zeroize::Zeroizing;

#[cfg(windows)]
use super::os::find_other_writer;
use super::{failure, open, read_open};
#[cfg(unix)]
use super::{os::has_access_list, shell_word};
#[cfg(unix)]
use crate::accounts::is_private_group;
use crate::error::Error;

/// As [`read`](super::read), but refuses a file that another user can have written: it must belong to this user or the
/// system's administrator, and nobody else may be allowed to write it.
///
/// # Errors
///
/// Also [`Error::Untrusted`].
pub fn read_trusted(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let fail = |error| failure("Cannot read", path, error);
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    match find_other_writer(path, &file).map_err(fail)? {
        Some(error) => Err(error),
        None => read_open(&file).map(Some).map_err(fail),
    }
}

/// Checks that a symbolic link belongs to this user or root. On Windows, only administrators and developers can make
/// links, and nothing is checked.
///
/// # Errors
///
/// [`Error::Untrusted`].
pub fn check_link(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    if let Ok(found) = fs::symlink_metadata(path)
        && found.is_symlink()
        && !trusted_users().contains(&found.uid())
    {
        return Err(other_owner(path, "is a symbolic link that belongs", found.uid(), "chown -h"));
    }
    #[cfg(windows)]
    let _ = path;
    Ok(())
}

/// The users whose files are trusted: the one that this process acts for, and root. If `sudo` has started the process,
/// the user who called `sudo` is another user.
#[cfg(unix)]
pub(super) fn trusted_users() -> [u32; 2] {
    [rustix::process::geteuid().as_raw(), 0]
}

/// Finds out whether another user can have written an open file. Returns the error for that.
#[cfg(unix)]
fn find_other_writer(path: &Path, file: &File) -> io::Result<Option<Error>> {
    let found = file.metadata()?;
    let users = trusted_users();
    if !users.contains(&found.uid()) {
        return Ok(Some(other_owner(path, "belongs", found.uid(), "chown")));
    }
    let (by_group, by_others) = (found.mode() & 0o020 != 0, found.mode() & 0o002 != 0);
    if !by_others && (!by_group || (is_private_group(found.gid(), &users) && !has_access_list(file))) {
        return Ok(None);
    }
    Ok(Some(Error::Untrusted {
        path: path.into(),
        what: format!("can be written by other users (its mode is {:03o})", found.mode() & 0o777),
        advice: "Check its content, then run",
        command: format!("chmod go-w {}", shell_word(path)),
    }))
}

/// The error for a file of another user.
#[cfg(unix)]
fn other_owner(path: &Path, what: &str, owner: u32, change: &str) -> Error {
    let own = trusted_users()[0];
    Error::Untrusted {
        path: path.into(),
        what: format!("{what} to the user {owner}, and this process runs as {own}"),
        advice: "Use another directory or the scope user; or check its content, and run as root",
        command: format!("{change} {own} {}", shell_word(path)),
    }
}
