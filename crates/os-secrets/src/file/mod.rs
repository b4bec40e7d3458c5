//! Reading files, and replacing them in one step.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | how a file is read and replaced |
//! | `unix.rs`, `windows.rs` | what each system has for that: permissions, locks, identities |
//! | `acl.rs` | who may use a file on Windows |

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use crate::error::Error;

#[cfg(windows)]
#[allow(unsafe_code)]
mod acl;
#[cfg(unix)]
#[path = "unix.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;

pub use os::{canonical, check_private, identity, make_directory, path_of, shell_word, writable_by_others};
pub(crate) use os::{fingerprint, has_no_links, open, own_identity, read_start, remove, rename};

/// How long other writers may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often the lock is tried meanwhile.
pub const PAUSE: Duration = Duration::from_millis(3);
/// No larger file is read, in bytes: none describes a data package, holds preferences or many credentials.
pub const MAX_FILE: u64 = 256 << 20;

/// Who may use a file that is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Nobody but its owner, and those who may do everything.
    Private,
    /// Whoever may use the file that it replaces.
    AsBefore,
}

/// Reads a file whole; `None` where there is none.
///
/// # Errors
///
/// [`Error::File`], also for what is not a regular file, and for a symbolic link.
pub fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match open(path) {
        Ok(file) => read_open(&file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
    .map_err(|error| failure("Cannot read", path, error))
}

/// Writes a private file, in place of what was there: whole or not at all.
///
/// # Errors
///
/// [`Error::File`], also for a symbolic link.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if os::is_special(path) {
        // A device or a pipe is written to, not replaced. A directory refuses.
        let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes));
        return written.map_err(|error| failure("Cannot write", path, error));
    }
    let written = getrandom::u64().map_err(io::Error::other).and_then(|random| {
        let temporary = hidden(path, &format!("{random:016x}"))?;
        replace(path, &temporary, bytes, |_| Ok(()), || Ok(()))
    });
    written.map_err(|error| failure("Cannot write", path, error))
}

/// The directory of a file that is to be replaced, locked against other writers until it is dropped.
///
/// One on the file that is replaced would be lost with it.
pub struct LockedDirectory {
    lock: os::Lock,
}

impl LockedDirectory {
    /// Waits for its turn.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the directory cannot be read, or another program keeps its lock.
    pub fn lock(file: &Path) -> Result<Self, Error> {
        let start = Instant::now();
        loop {
            match Self::try_lock(file, start)? {
                Some(directory) => return Ok(directory),
                None => thread::sleep(PAUSE),
            }
        }
    }

    /// Takes the lock where it is free; `None` where who has waited since `start` is to try again, in
    /// [`PAUSE`].
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn try_lock(file: &Path, start: Instant) -> Result<Option<Self>, Error> {
        let fail = |error| failure("Cannot write", file, error);
        match os::Lock::try_take(file, start).map_err(fail)? {
            Some(lock) => Ok(Some(Self { lock })),
            None if start.elapsed() < PATIENCE => Ok(None),
            None => {
                let reason = format!(
                    "another program has kept its directory locked for {} s; end that, then try again",
                    PATIENCE.as_secs()
                );
                Err(fail(io::Error::other(reason)))
            }
        }
    }

    /// Replaces the file in one step. Owner and group stay as they were, where we may
    /// give files away.
    ///
    /// # Errors
    ///
    /// [`Error::File`]; the file is then as it was. Also for a symbolic link.
    pub fn replace(&self, file: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
        self.replace_after(file, bytes, access, || Ok(()))
    }

    /// As [`replace`](Self::replace); `last` is done when the new file is whole and on the disk, and nothing else
    /// is left to do.
    ///
    /// # Errors
    ///
    /// Those of `last` besides.
    pub fn replace_after(
        &self,
        file: &Path,
        bytes: &[u8],
        access: Access,
        last: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), Error> {
        self.try_replace(file, bytes, access, last).map_err(|error| failure("Cannot write", file, error))
    }

    fn try_replace(
        &self,
        file: &Path,
        bytes: &[u8],
        access: Access,
        last: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let temporary = hidden(file, "tmp")?;
        // Only who holds the lock writes there: what is there was left by one that was killed.
        match remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        replace(file, &temporary, bytes, |new| os::give(new, file, access), last)?;
        // So that the new name outlives a crash of the machine; not every file system can.
        match self.lock.sync() {
            Err(error)
                if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                Err(io::Error::other(format!(
                    "it was written, but whether that outlives a crash is unknown, because its directory cannot be \
                     synced: {error}"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The directory that a file is in.
pub(crate) fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// The path of a file beside another, hidden and ours by its name.
pub(crate) fn hidden(file: &Path, suffix: &str) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".os-secrets.");
    hidden.push(suffix);
    Ok(file.with_file_name(hidden))
}

/// Writes a private file that is not there yet, and makes sure that it is on the disk.
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

/// Replaces a file by a temporary one, which nobody else can read before `prepare` has said who may.
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

/// Reads an open file whole.
pub(crate) fn read_open(mut file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > MAX_FILE {
        return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    // Sized once, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(found.len() as usize + 1));
    Read::by_ref(&mut file).take(found.len() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > found.len() {
        return Err(io::Error::other("it grew while it was read"));
    }
    Ok(bytes)
}

pub(crate) fn symbolic_link() -> io::Error {
    io::Error::other("it is a symbolic link, which is not followed here; name the file itself")
}

/// Whether two paths lead to the same file, or would.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (one, other) = (&*absolute(one), &*absolute(other));
    let place = |path: &Path| Some((identity(path.parent()?)?, os::folded(path.file_name()?)));
    match (identity(one), identity(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other || place(one).is_some_and(|one| Some(one) == place(other)),
        _ => false,
    }
}

/// The error of a file.
pub fn failure(action: &'static str, path: &Path, error: io::Error) -> Error {
    let denied = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem].contains(&error.kind());
    Error::File { action, path: path.into(), reason: error.to_string().into(), denied }
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
