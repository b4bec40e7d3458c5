//! Reading and replacing a client's file. A symbolic link, the mode and the owner stay as they are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::ClientLock;
use os_secrets::{
    error::Error,
    file::{
        Access, LockedDirectory, check_creator, failure, follow_links, make_directory, read,
        remove_if_present,
    },
};

/// A client's file.
pub struct ClientFile {
    /// Its path, without symbolic links.
    pub path: PathBuf,
    /// Its content. `None` if it does not exist.
    pub content: Option<Zeroizing<Vec<u8>>>,
}

impl ClientFile {
    /// Reads the file at a path, which may be a symbolic link that no other user can have made.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Untrusted`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => follow_links(path)?.ok_or_else(|| {
                failure("Cannot read", path, io::Error::other("it is a symbolic link that leads nowhere"))
            })?,
            _ => path.to_owned(),
        };
        Ok(Self { content: read(&path)?, path })
    }

    /// The content as text. Empty if the file does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        let bytes = self.content.as_ref().map_or(&[][..], |content| content);
        str::from_utf8(bytes).map_err(|_| Error::InvalidFile {
            path: self.path.clone(),
            reason: "is not UTF-8 text, so that it cannot be changed".into(),
        })
    }
}

/// Changes the file at a path in one step, while no other os-secrets does. `change` gets what the file holds now, and
/// returns what it is to hold, or `None` to leave it. `access` says who may use the changed file, and `lock` how its client
/// locks it. Directories that are missing are created, for this user alone.
///
/// # Errors
///
/// Those of [`ClientFile::read`], of `change`, and of writing.
pub fn change_file<E: From<Error>>(
    path: &Path,
    access: Access,
    lock: ClientLock,
    change: impl FnOnce(&ClientFile) -> Result<Option<Zeroizing<Vec<u8>>>, E>,
) -> Result<(), E> {
    let target = ClientFile::read(path)?.path;
    check_creator(&target)?;
    if let Some(directory) = target.parent() {
        make_directory(directory).map_err(|error| failure("Cannot create", directory, error))?;
    }
    let directory = LockedDirectory::lock(&target)?;
    let _held = lock.take(path, &target)?;
    if let Some(content) = change(&ClientFile::read(&target)?)? {
        directory.replace(&target, &content, access)?;
    }
    Ok(())
}

/// Copies the program that runs to a path at which there is no file. Directories that are missing are created, for this
/// user alone.
///
/// # Errors
///
/// [`Error::File`].
pub fn copy_program(path: &Path) -> Result<(), Error> {
    let fail = |error| failure("Cannot write", path, error);
    if let Some(directory) = path.parent() {
        make_directory(directory).map_err(|error| failure("Cannot create", directory, error))?;
    }
    let program = std::env::current_exe().map_err(fail)?;
    // A copy that is cut off must not have the name.
    let partial = path.with_extension("new");
    // What stands there may be a link to another file.
    remove_file(&partial)?;
    let mut copy = fs::File::create_new(&partial).map_err(fail)?;
    let mut program = fs::File::open(program).map_err(fail)?;
    io::copy(&mut program, &mut copy).and_then(|_| copy.sync_all()).map_err(fail)?;
    drop(copy);
    fs::rename(&partial, path).map_err(fail)
}

/// Whether this user may run a file.
#[cfg(unix)]
pub fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Whether a file exists: on Windows, the name makes it a program.
#[cfg(windows)]
pub fn is_executable(path: &Path) -> bool {
    path.exists()
}

/// The directories above a path that do not exist, the outermost first.
pub fn missing_directories(path: &Path) -> Vec<PathBuf> {
    // A link that leads nowhere is not a directory that we make.
    let is_missing = |directory: &&Path| fs::symlink_metadata(directory).is_err();
    let mut missing: Vec<_> = path.ancestors().skip(1).take_while(is_missing).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// Removes the directories that are empty. `directories` has the outermost first.
pub fn remove_empty_directories(directories: &[PathBuf]) {
    for directory in directories.iter().rev() {
        // One that holds something, or that is gone, stays so.
        let _ = fs::remove_dir(directory);
    }
}

/// Removes a file that we made.
///
/// # Errors
///
/// [`Error::File`].
pub fn remove_file(path: &Path) -> Result<(), Error> {
    remove_if_present(path).map_err(|error| failure("Cannot remove", path, error))
}
