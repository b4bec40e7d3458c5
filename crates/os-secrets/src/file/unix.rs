//! Files on Unix: permissions, `flock` and inodes.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
    time::Instant,
};

use rustix::{
    fs::{AtFlags, OFlags},
    io::Errno,
};

use super::{Access, SYMBOLIC_LINK, check_regular, directory, symbolic_link};
use crate::{
    environment::Variables,
    error::Error,
    printable::{is_unsafe, printable_path},
};

/// The mode of files that hold secrets: only their owner has access.
const PRIVATE: u32 = 0o600;

/// Locks an open file (flock). Returns whether it was free.
///
/// # Errors
///
/// Those of the system.
pub fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A lock on the directory of a file (flock). The directory itself is locked, because a lock file would stay behind.
pub struct Lock(File);

impl Lock {
    /// Takes the lock of a file's directory. Returns `None` if somebody else holds it.
    pub fn try_take(file: &Path, _: Instant) -> io::Result<Option<Self>> {
        let handle = File::open(directory(file))?;
        Ok(try_lock(&handle)?.then_some(Self(handle)))
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

/// A private file that exists only while it is locked (flock), unless its process is killed. Then the lock ends, and the
/// file stays.
pub struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Creates and locks the file. Returns `None` if somebody else holds the lock.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        // If the path leads to a pipe, opening must not block.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(PRIVATE).custom_flags(flags.bits() as i32);
        let file = options.open(path)?;
        check_regular(&file)?;
        if !try_lock(&file)? {
            return Ok(None);
        }
        let lock = Self { file, path: path.into() };
        // The holder before may have removed the file since it was opened. Then somebody else can lock a new file.
        Ok(lock.is_at_path().then_some(lock))
    }

    fn is_at_path(&self) -> bool {
        let own = self.file.metadata().map(|found| (found.dev(), found.ino())).ok();
        own.is_some() && own == own_identity(&self.path)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed before it is unlocked, so that nobody else has locked it by then.
        if self.is_at_path() {
            let _ = fs::remove_file(&self.path);
        }
        // As for `Lock`.
        let _ = self.file.unlock();
    }
}

/// Makes sure that the names in a file's directory are on the disk, if the file system can do that.
pub fn sync_directory(file: &Path) {
    if let Ok(directory) = File::open(directory(file)) {
        let _ = directory.sync_all();
    }
}

/// Checks that a file or directory that does not exist yet would not be created by root in the directory of another user
/// who has started the process through `sudo` or `doas`. That user could use neither it nor what is put into it later.
pub fn check_creator(path: &Path, variables: &impl Variables) -> io::Result<()> {
    let is_called = ["SUDO_UID", "DOAS_USER"].iter().any(|name| variables.get(name).is_some());
    if !is_called || !rustix::process::geteuid().is_root() || path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let path = std::path::absolute(path)?;
    let found = path.ancestors().find_map(|directory| Some((directory, fs::metadata(directory).ok()?)));
    match found {
        Some((directory, metadata)) if metadata.uid() != 0 => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "{} belongs to the user {}, who could not use what root creates there. Run it without sudo, or set HOME \
                 to root's own directory (sudo -H)",
                printable_path(directory),
                metadata.uid()
            ),
        )),
        _ => Ok(()),
    }
}

/// Creates a private directory, and the directories above it.
pub fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a private file. It must not exist yet.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// Gives a new file the owner and group of the old file, and the mode that `access` asks for.
pub fn give(new: &File, old: &Path, access: Access) -> io::Result<()> {
    let found = fs::symlink_metadata(old);
    let mut mode = match (&found, access) {
        (Ok(old), Access::AsBefore | Access::Program) => old.mode() & 0o7777,
        _ => PRIVATE,
    };
    if access == Access::Program {
        mode = executable(mode);
    }
    if let (Ok(old), Ok(made)) = (found, new.metadata())
        && (made.uid(), made.gid()) != (old.uid(), old.gid())
        // Only root may change the owner. For other users the file becomes their own, as in every editor. Then its group
        // is another one, which must not get the permissions of the old group.
        && fchown(new, Some(old.uid()), Some(old.gid())).is_err()
    {
        mode &= !0o070;
    }
    new.set_permissions(fs::Permissions::from_mode(mode))
}

/// The mode of a program that those may run who may read it.
fn executable(mode: u32) -> u32 {
    mode | ((mode & 0o444) >> 2)
}

/// Makes a program of a file that exists: those who may read it may also run it.
///
/// # Errors
///
/// Those of the system.
pub fn make_executable(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.mode();
    fs::set_permissions(path, fs::Permissions::from_mode(executable(mode & 0o7777)))
}

/// Renames a file. It replaces a file with the new name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Whether a path leads to a device that is written to instead of replaced, such as `/dev/null`. Only root creates devices.
pub fn is_device(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_char_device())
}

/// What a path leads to, if it exists and is neither a regular file nor a device that is written to.
pub fn special_kind(path: &Path) -> Option<&'static str> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    match () {
        () if kind.is_file() || kind.is_char_device() => None,
        () if kind.is_symlink() => Some(SYMBOLIC_LINK),
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a named pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a block device"),
    }
}

/// Checks that files can be created in a directory. Nothing is created.
pub fn check_can_create(directory: &Path) -> io::Result<()> {
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    match rustix::fs::accessat(rustix::fs::CWD, directory, wanted, AtFlags::EACCESS) {
        // If the system cannot check it for this user, it turns out when the file is written.
        Err(Errno::NOSYS) => Ok(()),
        checked => checked.map_err(io::Error::from),
    }
}

/// Whether a file is a pipe, such as `<(…)` of a shell.
pub fn is_pipe(metadata: &Metadata) -> bool {
    metadata.file_type().is_fifo()
}

/// Opens a file for reading. A symbolic link is an error.
pub fn open(path: &Path) -> io::Result<File> {
    // If the path leads to a pipe, opening must not block.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).map_err(|error| {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) { symbolic_link() } else { error }
    })
}

/// The absolute path that a path leads to, without symbolic links.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// Fills `bytes` from the start of a file. The position of the file does not change.
pub fn read_start(file: &File, bytes: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(bytes, 0)
}

/// Numbers that tell versions of a file apart: device, inode, size, and the time of the last change in seconds and
/// nanoseconds.
pub fn fingerprint(file: &File) -> io::Result<[u64; 5]> {
    let metadata = file.metadata()?;
    let [seconds, nanoseconds] = [metadata.mtime() as u64, metadata.mtime_nsec() as u64];
    Ok([metadata.dev(), metadata.ino(), metadata.size(), seconds, nanoseconds])
}

/// Two numbers that tell the file at a path from all others. `None` if it does not exist.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino())).ok()
}

/// As [`identity`], but for a symbolic link itself.
pub fn own_identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino())).ok()
}

/// Whether an error means that the file system does not support hard links.
pub fn has_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

/// A file's name in a form in which equal names compare equal.
#[cfg(not(any(target_os = "macos", keychain_model)))]
pub fn folded(name: &OsStr) -> std::ffi::OsString {
    name.to_owned()
}

/// Checks that only this user has access to a file or directory.
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

/// Why a file is not safe from other users: they can write it or, if `strict`, read it. The text follows its name.
pub fn writable_by_others(path: &Path, metadata: &Metadata, strict: bool) -> Option<String> {
    let mode = metadata.mode();
    if mode & 0o022 == 0 && !(strict && mode & 0o077 != 0) {
        return None;
    }
    let (who, mode) = if strict { ("read", "600") } else { ("written", "go-w") };
    Some(format!("can be {who} by other users. Run: chmod {mode} {}", shell_word(path)))
}

/// Whether a file has an access control list, which may let users write it that its owner and group do not show.
#[cfg(target_os = "linux")]
pub fn has_access_list(file: &File) -> bool {
    let none: &mut [u8] = &mut [];
    rustix::fs::fgetxattr(file, "system.posix_acl_access", none).is_ok()
}

/// Whether a file has an access control list. On macOS, the mode of a file says nothing of its list, so this does not
/// look for one either, and on FreeBSD it cannot.
#[cfg(not(target_os = "linux"))]
pub fn has_access_list(_: &File) -> bool {
    false
}

/// A path as a word of a shell command, ready to be pasted. It is as safe to print as a
/// [`printable_path`](crate::printable::printable_path). If it has characters that are not, it is in the quotes of bash,
/// zsh and ksh that have escapes.
pub fn shell_word(path: &Path) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@:%".contains(c);
    match path.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.into(),
        Some(text) if !text.contains(is_unsafe) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
            let mut word = String::new();
            for chunk in path.as_os_str().as_bytes().utf8_chunks() {
                for c in chunk.valid().chars() {
                    match is_plain(c) || c == ' ' {
                        true => word.push(c),
                        false => word.push_str(&octal(c.encode_utf8(&mut [0; 4]).as_bytes())),
                    }
                }
                word.push_str(&octal(chunk.invalid()));
            }
            format!("$'{word}'")
        }
    }
}

/// The path in a text, in any encoding.
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
    #[cfg(target_os = "linux")]
    fn an_access_control_list_is_seen() {
        let path = std::env::temp_dir().join(format!("os-secrets-list-{:016x}", getrandom::u64().unwrap()));
        let file = create(&path).unwrap();
        assert!(!has_access_list(&file));
        // The entries of a list: its owner, the user 1234, its group, the mask, and all others, with their rights.
        let entries: [(u16, u16, u32); 5] =
            [(1, 6, u32::MAX), (2, 6, 1234), (4, 0, u32::MAX), (0x10, 6, u32::MAX), (0x20, 0, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, user) in entries {
            list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
            list.extend(user.to_le_bytes());
        }
        let set =
            rustix::fs::fsetxattr(&file, "system.posix_acl_access", &list, rustix::fs::XattrFlags::empty());
        // Not every file system has lists.
        if set != Err(rustix::io::Errno::OPNOTSUPP) {
            set.unwrap();
            assert!(has_access_list(&file));
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn paths_can_be_pasted() {
        for (path, word) in [
            (&b"/a/b-c.age"[..], "/a/b-c.age"),
            (b"/a b", "'/a b'"),
            (b"/it's $x", r"'/it'\''s $x'"),
            (b"", "''"),
            (b"/a b\n$(x)", r"$'/a b\012\044\050x\051'"),
            ("/é\u{202e}'".as_bytes(), r"$'/é\342\200\256\047'"),
            (b"/\xff\\7", r"$'/\377\1347'"),
        ] {
            assert_eq!(shell_word(&path_of(path)), word);
        }
    }

    #[test]
    fn a_shell_reads_the_path_back() {
        let path = path_of("/\u{1b}[31m\n'\" $(exit 3) `x` \\ ! \u{202e}é\u{9b}".as_bytes())
            .join(path_of(b"\xff\xc3"));
        let command = format!("printf %s {}", shell_word(&path));
        let run = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
        assert_eq!(run.stdout, path.as_os_str().as_bytes());
    }
}
