//! Reading files, and replacing them in one step.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | how a file is read and replaced |
//! | `unix.rs`, `windows.rs` | the parts that differ by system: permissions, locks, the identity of a file |
//! | `acl.rs` | access control lists on Windows |
//! | `lock.rs` | writing a file while no other program does |
//! | `links.rs` | Unix: following symbolic links that other users cannot have made |
//! | `writers.rs` | refusing files that other users can have written |

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{environment::Process, error::Error, printable::printable_path};

#[cfg(windows)]
#[allow(unsafe_code)]
mod acl;
#[cfg(any(target_os = "macos", keychain_model))]
#[allow(unsafe_code)]
mod apfs;
#[cfg(unix)]
mod links;
mod lock;
#[cfg(unix)]
#[path = "unix.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;
mod writers;

#[cfg(any(target_os = "macos", keychain_model))]
use apfs::folded;
#[cfg(unix)]
pub use links::{check_trusted, follow_links};
pub use lock::{LockWait, LockedDirectory};
pub(crate) use os::LockFile;
#[cfg(not(any(target_os = "macos", keychain_model)))]
use os::folded;
#[cfg(unix)]
pub use os::try_lock;
pub use os::{
    canonical, check_private, create, has_no_links, identity, is_pipe, make_directory, make_executable,
    path_of, shell_word, writable_by_others,
};
pub(crate) use os::{check_can_create, fingerprint, open, own_identity, read_start, rename};
#[cfg(windows)]
pub use os::{check_trusted, follow_links};
pub use writers::{FoundFile, TrustedFile, find_other_owner, find_trusted, read_if_present, read_trusted};

/// The shortest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(3);
/// The maximum size of a file that is read, in bytes. No data package, preferences or credentials need more.
pub const MAX_FILE: u64 = 256 << 20;

/// What a symbolic link is called in messages.
const SYMBOLIC_LINK: &str = "a symbolic link";

/// Who has access to a file that is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Only its owner, and the system's administrators.
    Private,
    /// Everyone who may access the file that is replaced.
    AsBefore,
    /// As [`AsBefore`](Self::AsBefore), and those who may read the file may also run it. On Windows, the name makes a file a
    /// program.
    Program,
}

/// The error that a path names a directory and not a file. `example` is the name of a file for it.
pub fn directory_error(path: &Path, example: &str) -> Error {
    let example = path.join(example);
    let reason = format!("it is a directory. Name a file in it, such as {}", printable_path(example));
    failure("Cannot use", path, io::Error::other(reason))
}

/// Reads a whole file. Returns `None` if it does not exist.
///
/// # Errors
///
/// [`Error::File`], also if the path is a symbolic link or not a regular file.
pub fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match open(path) {
        Ok(file) => read_open(&file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
    .map_err(|error| failure("Cannot read", path, error))
}

/// Checks that [`write()`] can write to a path: it does not exist, or is a regular file or a device such as `/dev/null`.
///
/// # Errors
///
/// [`Error::File`], which names what the path leads to.
pub fn check_output(path: &Path) -> Result<(), Error> {
    let reason = match os::special_kind(path) {
        None => return Ok(()),
        Some(SYMBOLIC_LINK) if !["/dev", "/proc"].iter().any(|start| path.starts_with(start)) => {
            symbolic_link()
        }
        // Such as `/dev/stdout`, and `>(…)` of a shell.
        Some(SYMBOLIC_LINK) => {
            io::Error::other("it is a link to an open stream. Leave out -o and use standard output")
        }
        Some(kind) => io::Error::other(format!(
            "it is {kind}, and only regular files are written. Name another file, or leave out -o and use standard output"
        )),
    };
    Err(failure("Cannot write", path, reason))
}

/// Writes a private file, in one step. It replaces a file that exists. A device such as `/dev/null` is written to.
///
/// # Errors
///
/// As [`check_output`], and those of writing.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    check_output(path)?;
    if os::is_device(path) {
        let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes));
        return written.map_err(|error| failure("Cannot write", path, error));
    }
    let written = getrandom::u64().map_err(io::Error::other).and_then(|random| {
        let temporary = hidden(path, &format!("{random:016x}"))?;
        replace(path, &temporary, bytes, |_| Ok(()), || Ok(()))
    });
    written.map_err(|error| failure("Cannot write", path, error))
}

/// The directory of a file.
pub(crate) fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Removes a file if it exists.
///
/// # Errors
///
/// Those of the system.
pub fn remove_if_present(path: &Path) -> io::Result<()> {
    match os::remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The path of a hidden file beside another, with a name that only os-secrets uses.
pub(crate) fn hidden(file: &Path, suffix: &str) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".os-secrets.");
    hidden.push(suffix);
    Ok(file.with_file_name(hidden))
}

/// Creates a private file, and makes sure that it is on the disk.
///
/// # Errors
///
/// Those of the system, also if the file exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = os::create(path)?;
    let written = new.write_all(bytes).and_then(|()| new.sync_all());
    drop(new);
    os::sync_directory(path);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Replaces a file by a temporary one. Only its owner can read the temporary file until `prepare` sets its permissions.
fn replace(
    file: &Path,
    temporary: &Path,
    bytes: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
    last: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    if fs::symlink_metadata(file).is_ok_and(|found| found.is_symlink()) {
        return Err(symbolic_link());
    }
    let outcome = (|| {
        let mut new = os::create(temporary)?;
        prepare(&new)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        drop(new);
        last()?;
        rename(temporary, file)
    })();
    if outcome.is_err() {
        let _ = fs::remove_file(temporary);
    }
    outcome
}

/// Checks that an open file is a regular file, and returns what the system says of it.
fn check_regular(file: &File) -> io::Result<Metadata> {
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match found.is_file() {
        true => Ok(found),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Reads a whole open file.
pub(crate) fn read_open(mut file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let found = check_regular(file)?;
    if found.len() > MAX_FILE {
        return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    // Sized once, because growing could leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(found.len() as usize + 1));
    Read::by_ref(&mut file).take(found.len() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > found.len() {
        return Err(io::Error::other("it grew while it was read"));
    }
    Ok(bytes)
}

pub(crate) fn symbolic_link() -> io::Error {
    io::Error::other("it is a symbolic link, which os-secrets does not follow. Name the file itself")
}

/// Checks that a path exists, or that what this process creates there belongs to the user who has called it: under
/// `sudo`, root must not leave files and directories in that user's home.
///
/// # Errors
///
/// [`Error::File`].
pub fn check_creator(path: &Path) -> Result<(), Error> {
    os::check_creator(path, &Process).map_err(|error| failure("Cannot create", path, error))
}

/// Whether two paths lead to the same file, or would if it existed.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (one, other) = (&*absolute(one), &*absolute(other));
    let place = |path: &Path| Some((identity(path.parent()?)?, folded(path.file_name()?)));
    match (identity(one), identity(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other || place(one).is_some_and(|one| Some(one) == place(other)),
        _ => false,
    }
}

/// The error for an action on a file that failed.
pub fn failure(action: &'static str, path: &Path, error: io::Error) -> Error {
    let denied = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem].contains(&error.kind());
    let reason = match error.raw_os_error() {
        // The library's own text for this is "entity not found".
        None if error.get_ref().is_none() && error.kind() == io::ErrorKind::NotFound => {
            "it was not found".into()
        }
        _ => error.to_string().into(),
    };
    Error::File { action, path: path.into(), reason, denied }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_many_names() {
        let same = |one: &str, other: &str| is_same(Path::new(one), Path::new(other));
        assert!(same("Cargo.toml", "./src/../Cargo.toml") && same("Cargo.toml", "./Cargo.toml"));
        assert!(same("none", "./none") && same("./src/../none", "none"));
        assert!(
            !same("none", "src/none") && !same("none", "Cargo.toml") && !same("Cargo.toml", "Cargo.lock")
        );
    }
}
