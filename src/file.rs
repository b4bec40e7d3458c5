//! Reading files, and replacing them in one step.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::error::Error;

/// How long other writers may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often the lock is tried meanwhile.
pub const PAUSE: Duration = Duration::from_millis(3);
/// No larger file is read, in bytes: none describes a data package, holds preferences or many credentials.
pub const MAX_FILE: u64 = 256 << 20;
/// The permissions of files that hold secrets: nobody but their owner.
pub const PRIVATE: u32 = 0o600;

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
    let special = fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() && !found.is_symlink());
    if special {
        // A device or a pipe is written to, not replaced. A directory refuses.
        let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes));
        return written.map_err(|error| failure("Cannot write", path, error));
    }
    let written = getrandom::u64().map_err(io::Error::other).and_then(|random| {
        let temporary = hidden(path, &format!("{random:016x}"))?;
        replace(path, &temporary, bytes, |_| fs::Permissions::from_mode(PRIVATE), || Ok(()))
    });
    written.map_err(|error| failure("Cannot write", path, error))
}

/// The directory of a file that is to be replaced, locked against other writers until it is dropped.
///
/// The lock is on the directory itself (flock), because a file of its own would stay behind, and
/// one on the file that is replaced would be lost with it.
pub struct Directory {
    handle: File,
}

impl Directory {
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
        let path = match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let fail = |error| failure("Cannot write", file, error);
        let handle = File::open(&path).map_err(fail)?;
        match handle.try_lock() {
            Ok(()) => Ok(Some(Self { handle })),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let reason = format!(
                    "another program has kept its directory locked for {} s; end that, then try again",
                    PATIENCE.as_secs()
                );
                Err(fail(io::Error::other(reason)))
            }
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }

    /// Replaces the file in one step. Owner and group stay as they were, where we may
    /// give files away.
    ///
    /// # Errors
    ///
    /// [`Error::File`]; the file is then as it was. Also for a symbolic link.
    pub fn replace(&self, file: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
        self.replace_after(file, bytes, mode, || Ok(()))
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
        mode: u32,
        last: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), Error> {
        self.try_replace(file, bytes, mode, last).map_err(|error| failure("Cannot write", file, error))
    }

    fn try_replace(
        &self,
        file: &Path,
        bytes: &[u8],
        mode: u32,
        last: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let temporary = hidden(file, "tmp")?;
        // Only who holds the lock writes there: what is there was left by one that was killed.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let prepare = |new: &File| {
            if let (Ok(old), Ok(made)) = (fs::symlink_metadata(file), new.metadata())
                && (made.uid(), made.gid()) != (old.uid(), old.gid())
            {
                // Only root may; for others the file becomes theirs, as with every editor, and what its
                // group could do their group must not.
                if fchown(new, Some(old.uid()), Some(old.gid())).is_err() {
                    return fs::Permissions::from_mode(mode & !0o070);
                }
            }
            fs::Permissions::from_mode(mode)
        };
        replace(file, &temporary, bytes, prepare, last)?;
        // So that the new name outlives a crash of the machine; not every file system can.
        match self.handle.sync_all() {
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
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    let written = new.write_all(bytes).and_then(|()| new.sync_all());
    if let Some(directory) = path.parent().and_then(|parent| File::open(parent).ok()) {
        // As above.
        let _ = directory.sync_all();
    }
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
    prepare: impl FnOnce(&File) -> fs::Permissions,
    last: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    if fs::symlink_metadata(file).is_ok_and(|found| found.is_symlink()) {
        return Err(symbolic_link());
    }
    let outcome = (|| {
        let mut new = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(temporary)?;
        new.set_permissions(prepare(&new))?;
        new.write_all(bytes)?;
        new.sync_all()?;
        last()?;
        fs::rename(temporary, file)
    })();
    if outcome.is_err() {
        let _ = fs::remove_file(temporary);
    }
    outcome
}

/// Opens a file for reading; a symbolic link is an error.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // A pipe in the file's place must not keep us waiting.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).map_err(|error| {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) { symbolic_link() } else { error }
    })
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
    let found = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let place = |path: &Path| Some((found(path.parent()?)?, path.file_name()?.to_owned()));
    match (found(one), found(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other || place(one).is_some_and(|one| Some(one) == place(other)),
        _ => false,
    }
}

/// A path as a word of a shell's command line, to be pasted.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@:%".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
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

    #[test]
    fn paths_can_be_pasted() {
        for (path, word) in [("/a/b-c.age", "/a/b-c.age"), ("/a b", "'/a b'"), ("/it's $x", r"'/it'\''s $x'")]
        {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
