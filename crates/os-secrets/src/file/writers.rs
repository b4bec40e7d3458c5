//! Who can have written a file.
//!
//! Only the file itself counts, not its directory. Users who can write the directory can replace the file, but only by a
//! file that belongs to them.

#[cfg(unix)]
use std::{
    fs::{self, File, Metadata},
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
    {
        return check_owner(path, &found, &ADVICE);
    }
    #[cfg(windows)]
    let _ = path;
    Ok(())
}

/// Why a file, or the symbolic link at its path, is not trusted as a key: it belongs neither to this user nor to root. The
/// text follows the name of the file. `None` if there is nothing wrong. On Windows, nothing is checked.
#[cfg_attr(windows, allow(unused_variables))]
pub fn find_other_owner(path: &Path) -> io::Result<Option<String>> {
    #[cfg(unix)]
    for found in [fs::symlink_metadata(path)?, fs::metadata(path)?] {
        if let Err(Error::Untrusted { what, advice, command, .. }) =
            check_owner(path, &found, &IDENTITY_ADVICE)
        {
            return Ok(Some(format!("{what}. {advice}: {command}")));
        }
    }
    Ok(None)
}

/// The users whose files are trusted: the one that this process acts for, and root. If `sudo` has started the process,
/// the user who called `sudo` is another user.
#[cfg(unix)]
fn trusted_users() -> [u32; 2] {
    [rustix::process::geteuid().as_raw(), 0]
}

/// What to do about a file that another user can have written, in front of the command that changes its owner or mode.
#[cfg(unix)]
pub(super) struct Advice {
    pub owner: &'static str,
    pub mode: &'static str,
}

#[cfg(unix)]
const ADVICE: Advice = Advice {
    owner: "Use another directory or the scope user; or check its content, and run as root",
    mode: "Check its content, then run",
};

#[cfg(unix)]
const IDENTITY_ADVICE: Advice =
    Advice { owner: "Use another identity; or if you trust that user, run as root", mode: "Run" };

/// Finds out whether another user can have written an open file. Returns the error for that.
#[cfg(unix)]
fn find_other_writer(path: &Path, file: &File) -> io::Result<Option<Error>> {
    Ok(check_writers(path, &file.metadata()?, || has_access_list(file), &ADVICE).err())
}

/// Checks that only this user and root can write a file or directory. `has_list` says whether it has an access control
/// list; it is asked only if the group may write.
#[cfg(unix)]
pub(super) fn check_writers(
    path: &Path,
    found: &Metadata,
    has_list: impl FnOnce() -> bool,
    advice: &Advice,
) -> Result<(), Error> {
    check_owner(path, found, advice)?;
    let (by_group, by_others) = (found.mode() & 0o020 != 0, found.mode() & 0o002 != 0);
    if !by_others && (!by_group || (is_private_group(found.gid(), &trusted_users()) && !has_list())) {
        return Ok(());
    }
    Err(Error::Untrusted {
        path: path.into(),
        what: format!("can be written by other users (its mode is {:03o})", found.mode() & 0o777),
        advice: advice.mode,
        command: format!("chmod go-w {}", shell_word(path)),
    })
}

/// Checks that a file, directory or symbolic link belongs to this user or root.
#[cfg(unix)]
pub(super) fn check_owner(path: &Path, found: &Metadata, advice: &Advice) -> Result<(), Error> {
    let users = trusted_users();
    if users.contains(&found.uid()) {
        return Ok(());
    }
    let (what, change) = match found.is_symlink() {
        true => ("is a symbolic link that belongs", "chown -h"),
        false => ("belongs", "chown"),
    };
    let own = users[0];
    Err(Error::Untrusted {
        path: path.into(),
        what: format!("{what} to the user {}, and this process runs as {own}", found.uid()),
        advice: advice.owner,
        command: format!("{change} {own} {}", shell_word(path)),
    })
}
