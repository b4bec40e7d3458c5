//! Files on Unix: permissions, `flock`, inodes.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
    time::Instant,
};

use rustix::fs::OFlags;

use super::{Access, directory, symbolic_link};
use crate::error::Error;

/// The permissions of files that hold secrets: nobody but their owner.
const PRIVATE: u32 = 0o600;

/// A lock on a file's directory itself (flock), because a file of its own would stay behind.
pub struct Lock(File);

impl Lock {
    /// Takes the lock of a file's directory; `None` where another has it.
    pub fn try_take(file: &Path, _: Instant) -> io::Result<Option<Self>> {
        let handle = File::open(directory(file))?;
        match handle.try_lock() {
            Ok(()) => Ok(Some(Self(handle))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Makes sure that the names in the directory are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that has not reached its exec yet has a copy of the
        // descriptor, and the lock would last until that is closed as well.
        let _ = self.0.unlock();
    }
}

/// Makes sure that the names in a file's directory are on the disk, if the file system can do that.
pub fn sync_directory(file: &Path) {
    if let Ok(directory) = File::open(directory(file)) {
        let _ = directory.sync_all();
    }
}

/// Makes a private directory, and those it is in.
pub fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a private file, which is not there yet.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// Gives a new file to who has the old one.
pub fn give(new: &File, old: &Path, access: Access) -> io::Result<()> {
    let found = fs::symlink_metadata(old);
    let mut mode = match (&found, access) {
        (Ok(old), Access::AsBefore) => old.mode() & 0o7777,
        _ => PRIVATE,
    };
    if let (Ok(old), Ok(made)) = (found, new.metadata())
        && (made.uid(), made.gid()) != (old.uid(), old.gid())
        // Only root may; for others the file becomes theirs, as with every editor, and what its group
        // could do their group must not.
        && fchown(new, Some(old.uid()), Some(old.gid())).is_err()
    {
        mode &= !0o070;
    }
    new.set_permissions(fs::Permissions::from_mode(mode))
}

/// Gives a file another name, in place of what has that.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Whether something is there that is written to and not replaced: a device or a pipe, or a directory,
/// which refuses.
pub fn is_special(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() && !found.is_symlink())
}

/// Opens a file for reading; a symbolic link is an error.
pub fn open(path: &Path) -> io::Result<File> {
    // A pipe in the file's place must not keep us waiting.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).map_err(|error| {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) { symbolic_link() } else { error }
    })
}

/// Where a path leads in the end.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// Reads a file's first bytes, as many as there is room for; where it is read on stays as it was.
pub fn read_start(file: &File, bytes: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(bytes, 0)
}

/// Numbers that change with a file: device, inode, size, and when it was modified, in seconds and
/// nanoseconds.
pub fn fingerprint(file: &File) -> io::Result<[u64; 5]> {
    let of = file.metadata()?;
    Ok([of.dev(), of.ino(), of.size(), of.mtime() as u64, of.mtime_nsec() as u64])
}

/// What tells the file at a path from all others; `None` where there is none.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino())).ok()
}

/// As [`identity`], of a symbolic link itself.
pub fn own_identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino())).ok()
}

/// Whether an error says that the file system has no hard links.
pub fn has_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

/// A file's name, in the form in which the same names are equal.
pub fn folded(name: &OsStr) -> OsString {
    name.to_owned()
}

/// Makes sure that nobody but us can get at a file or directory.
///
/// # Errors
///
/// [`Error::NotPrivate`].
pub fn check_private(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let not_private = |what, fix| Err(Error::NotPrivate { path: path.into(), what, fix });
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own {
        let what = format!("belongs to the user {}, and this process runs as {own}", metadata.uid());
        return not_private(what, "Run the program as that user, or use another file".into());
    }
    if metadata.mode() & 0o077 != 0 {
        let what = format!("can be used by other users (its mode is {:03o})", metadata.mode() & 0o777);
        let mode = if metadata.is_dir() { 0o700 } else { PRIVATE };
        return not_private(what, format!("Run: chmod {mode:o} {}", shell_word(path)));
    }
    Ok(())
}

/// What is wrong with who else may use a file: may write it, or where `strict` read it. To follow its name.
pub fn writable_by_others(path: &Path, metadata: &Metadata, strict: bool) -> Option<String> {
    let mode = metadata.mode();
    if mode & 0o022 == 0 && !(strict && mode & 0o077 != 0) {
        return None;
    }
    let (who, mode) = if strict { ("read", "600") } else { ("written", "go-w") };
    Some(format!("can be {who} by other users. Run: chmod {mode} {}", shell_word(path)))
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

/// The path that a text names, in whatever encoding.
pub fn path_of(text: &[u8]) -> PathBuf {
    OsStr::from_bytes(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The copy stands for that of a child between fork and exec.
    #[test]
    fn a_lock_ends_although_a_copy_of_its_descriptor_is_open() {
        let path = std::env::temp_dir().join(format!("os-secrets-lock-{:016x}", getrandom::u64().unwrap()));
        make_directory(&path).unwrap();
        let take = || Lock::try_take(&path.join("file"), Instant::now()).unwrap();
        let lock = take().unwrap();
        let copy = lock.0.try_clone().unwrap();
        assert!(take().is_none());
        drop(lock);
        assert!(take().is_some());
        drop(copy);
        fs::remove_dir(path).unwrap();
    }

    #[test]
    fn paths_can_be_pasted() {
        for (path, word) in [("/a/b-c.age", "/a/b-c.age"), ("/a b", "'/a b'"), ("/it's $x", r"'/it'\''s $x'")]
        {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
