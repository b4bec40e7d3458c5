//! Who can have written a file.
//!
//! Of a file's own directory, nothing is asked: users who can write it can replace the file or the link there, but only by
//! one that belongs to them. If a link leads elsewhere, the links and directories on the way count, too.

#[cfg(unix)]
use std::{fs::File, os::unix::fs::MetadataExt};
use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

#[cfg(windows)]
use super::os::find_other_writer;
use super::{canonical, check_regular, failure, open, read_open};
#[cfg(unix)]
use super::{directory, links::follow, os::has_access_list, shell_word};
#[cfg(unix)]
use crate::accounts::is_private_group;
use crate::{error::Error, printable::printable_path};

/// A file whose content must come from this user. It decides about the advice in errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustedFile {
    /// The `datapackage.json` of a workspace.
    Repository,
    /// The `.secrets.toml` of a project.
    Project,
    /// The user's settings file.
    Settings,
}

impl TrustedFile {
    #[cfg(unix)]
    fn advice(self) -> Advice<'static> {
        match self {
            Self::Repository => ADVICE,
            Self::Project => PROJECT_ADVICE,
            Self::Settings => SETTINGS_ADVICE,
        }
    }

    /// What to do about a file that another user can write, in front of the command that changes this.
    #[cfg(windows)]
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Repository => "Use another directory or the scope user; or check its content, and run",
            Self::Project => "Use --no-project; or check its content, and run",
            Self::Settings => "Check its content, and run",
        }
    }
}

/// A file that was found by [`find_trusted`], without symbolic links.
pub struct FoundFile {
    /// Which file it is.
    pub kind: TrustedFile,
    /// Its path.
    pub path: PathBuf,
    /// The link that led to it, if it was one.
    pub link: Option<PathBuf>,
}

/// Finds the file at a path, which may be a symbolic link to it. Returns `None` if it does not exist.
///
/// Another user must not have put a link there or on the way to the file: it could lead to the secrets of another
/// workspace. On Windows, only administrators and developers can make links, and nothing is checked.
///
/// # Errors
///
/// [`Error::Untrusted`], and [`Error::File`], also for a link to something other than a regular file.
pub fn find_trusted(path: &Path, kind: TrustedFile) -> Result<Option<FoundFile>, Error> {
    let fail = |error| failure("Cannot read", path, error);
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let found = match fs::symlink_metadata(path) {
        Err(error) if is_missing(&error) => return Ok(None),
        found => found.map_err(fail)?,
    };
    if !found.is_symlink() {
        return match canonical(path) {
            Err(error) if is_missing(&error) => Ok(None),
            path => Ok(Some(FoundFile { kind, path: path.map_err(fail)?, link: None })),
        };
    }
    let Some(target) = follow_link(path, &found, kind)? else { return Ok(None) };
    if !fs::metadata(&target).map_err(fail)?.is_file() {
        let target = printable_path(target);
        let reason = format!("it is a symbolic link to {target}, which is not a regular file");
        return Err(fail(io::Error::other(reason)));
    }
    Ok(Some(FoundFile { kind, path: target, link: Some(path.into()) }))
}

/// The path that a symbolic link leads to, without links. `None` if it leads nowhere.
#[cfg(unix)]
fn follow_link(link: &Path, found: &Metadata, kind: TrustedFile) -> Result<Option<PathBuf>, Error> {
    check_owner(link, found, &kind.advice())?;
    let target = fs::read_link(link).and_then(|target| Ok(canonical(directory(link))?.join(target)));
    let target = target.map_err(|error| failure("Cannot read", link, error))?;
    follow(&target, &Advice { link: Some(link), ..kind.advice() })
}

/// The path that a symbolic link leads to, without links. `None` if it leads nowhere.
#[cfg(windows)]
fn follow_link(link: &Path, _: &Metadata, _: TrustedFile) -> Result<Option<PathBuf>, Error> {
    match canonical(link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        target => target.map(Some).map_err(|error| failure("Cannot read", link, error)),
    }
}

/// Reads the file at a path as [`find_trusted`] and [`read_trusted`] do. A link that leads nowhere is an error and not a
/// file that is missing: without the file, another one would count, unsaid.
///
/// # Errors
///
/// Those of [`find_trusted`] and [`read_trusted`], and [`Error::File`] for such a link.
pub fn read_if_present(path: &Path, kind: TrustedFile) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let content = match find_trusted(path, kind)? {
        Some(found) => read_trusted(&found)?,
        None => None,
    };
    if content.is_none() && fs::symlink_metadata(path).is_ok() {
        return Err(failure(
            "Cannot read",
            path,
            io::Error::other("it is a symbolic link that leads nowhere"),
        ));
    }
    Ok(content)
}

/// As [`read`](super::read), but refuses a file that another user can have written: it must belong to this user or the
/// system's administrator, and nobody else may be allowed to write it.
///
/// # Errors
///
/// Also [`Error::Untrusted`].
pub fn read_trusted(found: &FoundFile) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let fail = |error| failure("Cannot read", &found.path, error);
    let file = match open(&found.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    // First, because the advice to change the mode of a device would do harm.
    check_regular(&file).map_err(fail)?;
    match find_other_writer(found, &file).map_err(fail)? {
        Some(error) => Err(error),
        None => read_open(&file).map(Some).map_err(fail),
    }
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
#[derive(Clone, Copy)]
pub(super) struct Advice<'a> {
    pub owner: &'static str,
    pub mode: &'static str,
    /// The same, in front of the command that shows the link.
    pub check_link: &'static str,
    /// The link that led to the file, if its maker has chosen the file. Then the advice is to look at the link: the file
    /// may be none that the user should change.
    pub link: Option<&'a Path>,
}

#[cfg(unix)]
const ADVICE: Advice<'static> = Advice {
    owner: "Use another directory or the scope user; or check its content, and run as root",
    mode: "Check its content, then run",
    check_link: "Use the scope user, or check where the symbolic link leads",
    link: None,
};

#[cfg(unix)]
const PROJECT_ADVICE: Advice<'static> = Advice {
    owner: "Use --no-project; or check its content, and run as root",
    mode: "Check its content, then run",
    check_link: "Use --no-project, or check where the symbolic link leads",
    link: None,
};

#[cfg(unix)]
const SETTINGS_ADVICE: Advice<'static> = Advice {
    owner: "Set HOME to your own directory (for root, sudo -H); or check its content, and run as root",
    mode: "Check its content, then run",
    check_link: "Check where the symbolic link leads",
    link: None,
};

#[cfg(unix)]
const IDENTITY_ADVICE: Advice<'static> = Advice {
    owner: "Use another identity; or if you trust that user, run as root",
    mode: "Run",
    check_link: "Check where the symbolic link leads",
    link: None,
};

#[cfg(unix)]
impl Advice<'_> {
    /// The error about a file. `what` follows its path.
    fn refuse(&self, path: &Path, what: String, advice: &'static str, command: &str) -> Error {
        let (advice, command) = match self.link {
            None => (advice, format!("{command} {}", shell_word(path))),
            Some(link) => (self.check_link, format!("ls -l {}", shell_word(link))),
        };
        Error::Untrusted { path: path.into(), what, advice, command }
    }
}

/// Finds out whether another user can have written an open file. Returns the error for that.
#[cfg(unix)]
fn find_other_writer(found: &FoundFile, file: &File) -> io::Result<Option<Error>> {
    let advice = Advice { link: found.link.as_deref(), ..found.kind.advice() };
    Ok(check_writers(&found.path, &file.metadata()?, || has_access_list(file), &advice).err())
}

/// Checks that only this user and root can write a file or directory. `has_list` says whether it has an access control
/// list; it is asked only if the group may write.
#[cfg(unix)]
pub(super) fn check_writers(
    path: &Path,
    found: &Metadata,
    has_list: impl FnOnce() -> bool,
    advice: &Advice<'_>,
) -> Result<(), Error> {
    check_owner(path, found, advice)?;
    let (by_group, by_others) = (found.mode() & 0o020 != 0, found.mode() & 0o002 != 0);
    if !by_others && (!by_group || (is_private_group(found.gid(), &trusted_users()) && !has_list())) {
        return Ok(());
    }
    let what = format!("can be written by other users (its mode is {:03o})", found.mode() & 0o777);
    Err(advice.refuse(path, what, advice.mode, "chmod go-w"))
}

/// Checks that a file, directory or symbolic link belongs to this user or root.
#[cfg(unix)]
pub(super) fn check_owner(path: &Path, found: &Metadata, advice: &Advice<'_>) -> Result<(), Error> {
    let users = trusted_users();
    if users.contains(&found.uid()) {
        return Ok(());
    }
    let (what, change) = match found.is_symlink() {
        true => ("is a symbolic link that belongs", "chown -h"),
        false => ("belongs", "chown"),
    };
    let own = users[0];
    let what = format!("{what} to the user {}, and this process runs as {own}", found.uid());
    Err(advice.refuse(path, what, advice.owner, &format!("{change} {own}")))
}
