//! Reading and replacing a client's file. A symbolic link, the mode and the owner stay as they are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use os_secrets::{
    error::Error,
    file::{Access, LockedDirectory, check_creator, failure, follow_links, make_directory, read},
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
/// returns what it is to hold, or `None` to leave it. Directories that are missing are created, for this user alone.
///
/// # Errors
///
/// Those of [`ClientFile::read`], of `change`, and of writing.
pub fn change_file<E: From<Error>>(
    path: &Path,
    change: impl FnOnce(&ClientFile) -> Result<Option<Zeroizing<Vec<u8>>>, E>,
) -> Result<(), E> {
    let path = ClientFile::read(path)?.path;
    check_creator(&path)?;
    if let Some(directory) = path.parent() {
        make_directory(directory).map_err(|error| failure("Cannot create", directory, error))?;
    }
    let directory = LockedDirectory::lock(&path)?;
    if let Some(content) = change(&ClientFile::read(&path)?)? {
        directory.replace(&path, &content, Access::AsBefore)?;
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

/// Removes a file that we made.
///
/// # Errors
///
/// [`Error::File`].
pub fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure("Cannot remove", path, error)),
        _ => Ok(()),
    }
}

/// Makes a file a program, which those may run who may read it.
///
/// # Errors
///
/// [`Error::File`].
#[cfg(unix)]
pub fn make_executable(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    let fail = |error| failure("Cannot make a program of", path, error);
    let mode = fs::metadata(path).map_err(fail)?.permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2))).map_err(fail)
}

/// Does nothing: on Windows, the name makes a file a program.
#[cfg(windows)]
pub fn make_executable(_: &Path) -> Result<(), Error> {
    Ok(())
}
