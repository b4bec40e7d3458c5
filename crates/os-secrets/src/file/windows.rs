//! Files on Windows: access control lists, a lock file, and files that other programs hold open.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::windows::{
        fs::{MetadataExt, OpenOptionsExt},
        io::AsHandle,
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use windows_sys::Win32::{
    Foundation::{
        ERROR_ACCESS_DENIED, ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED, ERROR_SHARING_VIOLATION,
        GENERIC_READ, GENERIC_WRITE, MAX_PATH,
    },
    Storage::FileSystem::{
        DELETE, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_DELETE_ON_CLOSE, FILE_FLAG_OPEN_REPARSE_POINT,
        READ_CONTROL, WRITE_DAC,
    },
};

use super::{
    Access, FoundFile, PAUSE, SYMBOLIC_LINK,
    acl::{self, OtherUser},
    hidden, symbolic_link,
};
use crate::{environment::Variables, error::Error, printable::printable_path};

/// How long to wait while another program holds a file open. Virus scanners and indexers open each new file.
const HELD_PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for a deleted or replaced file to disappear. Until then, the system denies access to it.
const DELETED_PATIENCE: Duration = Duration::from_secs(1);

/// A lock on a file: another file beside it that nothing else can open. Windows cannot lock directories. The system
/// deletes the lock file with its last handle, even if the process is killed.
pub struct Lock(#[expect(dead_code, reason = "the open handle is the lock")] File);

impl Lock {
    /// Takes the lock of a file. Returns `None` if another process or thread has it. `start` is the time of the first
    /// attempt.
    pub fn try_take(file: &Path, start: Instant) -> io::Result<Option<Self>> {
        match open_alone(&hidden(file, "lock")?) {
            Ok(file) => Ok(Some(Self(file))),
            Err(error) if has_number(&error, ERROR_SHARING_VIOLATION) => Ok(None),
            Err(error) if has_number(&error, ERROR_ACCESS_DENIED) && start.elapsed() < DELETED_PATIENCE => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Does nothing: the file system's journal makes names durable.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a file that nothing else can open, and that the system deletes with the last handle.
fn open_alone(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .access_mode(GENERIC_WRITE | DELETE)
        .share_mode(0)
        // If the path is a symbolic link by now, this opens and deletes the link, not its target.
        .custom_flags(FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

/// A file that exists only while it is locked: nothing else can open it. The system deletes it with its last handle, even
/// if the process is killed.
pub struct LockFile(#[expect(dead_code, reason = "the open handle is the lock")] File);

impl LockFile {
    /// Creates and locks the file. Returns `None` if somebody else holds the lock.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let start = Instant::now();
        loop {
            match open_alone(path) {
                Ok(file) => return Ok(Some(Self(file))),
                Err(error) if has_number(&error, ERROR_SHARING_VIOLATION) => return Ok(None),
                // The file of the holder before is about to disappear.
                Err(error)
                    if has_number(&error, ERROR_ACCESS_DENIED) && start.elapsed() < DELETED_PATIENCE =>
                {
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether an error has this number of the system.
fn has_number(error: &io::Error, number: u32) -> bool {
    error.raw_os_error() == Some(number as i32)
}

/// Does nothing: the file system's journal makes names durable.
pub fn sync_directory(_: &Path) {}

/// Does nothing: Windows has no program like `sudo` that keeps the user's directories.
pub fn check_creator(_: &Path, _: &impl Variables) -> io::Result<()> {
    Ok(())
}

/// Makes a private directory. Missing parent directories get the permissions that the system gives them.
pub fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        made => made?,
    }
    let directory = OpenOptions::new()
        .access_mode(READ_CONTROL | WRITE_DAC)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)?;
    acl::make_private(directory.as_handle())
}

/// Makes a private file. Fails if the file exists.
pub fn create(path: &Path) -> io::Result<File> {
    // Nothing else can open the file before its access control list is set.
    let access = GENERIC_READ | GENERIC_WRITE | READ_CONTROL | WRITE_DAC;
    let new = OpenOptions::new().write(true).create_new(true).access_mode(access).share_mode(0).open(path)?;
    acl::make_private(new.as_handle())?;
    Ok(new)
}

/// Lets the users of an old file use the new one, if `access` says so.
pub fn give(new: &File, old: &Path, access: Access) -> io::Result<()> {
    match access {
        Access::Private => Ok(()),
        Access::AsBefore | Access::Program => {
            match OpenOptions::new().access_mode(READ_CONTROL).open(old) {
                Ok(old) => acl::copy_list(old.as_handle(), new.as_handle()),
                // There is no old file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        }
    }
}

/// Does nothing: on Windows, the name makes a file a program.
pub fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Renames a file, and replaces an existing file of the new name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    retry_while_held(to, HELD_PATIENCE, || fs::rename(from, to))
}

/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    retry_while_held(path, HELD_PATIENCE, || fs::remove_file(path))
}

/// Does work on a file, and retries it while another program holds the file open.
fn retry_while_held<T>(path: &Path, patience: Duration, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match work() {
            Err(error) if start.elapsed() < patience && is_held(path, &error) => thread::sleep(PAUSE),
            done => return done,
        }
    }
}

/// Whether a file may have failed to be opened or replaced because another program holds it open.
fn is_held(path: &Path, error: &io::Error) -> bool {
    // A file that is about to be deleted denies access. So do directories and read-only files, but retrying does not
    // help with those.
    let is_writable_file = || match fs::symlink_metadata(path) {
        Ok(found) => !found.is_dir() && !found.permissions().readonly(),
        Err(_) => true,
    };
    has_number(error, ERROR_SHARING_VIOLATION)
        || (has_number(error, ERROR_ACCESS_DENIED) && is_writable_file())
}

/// Whether a path leads to a device that is written to instead of replaced, such as `NUL` or `CON`, or to a pipe.
pub fn is_device(path: &Path) -> bool {
    // These have no metadata, but can be opened.
    fs::symlink_metadata(path).is_err_and(|error| {
        error.kind() != io::ErrorKind::NotFound && OpenOptions::new().write(true).open(path).is_ok()
    })
}

/// What a path leads to, if it exists and is neither a regular file nor a device.
pub fn special_kind(path: &Path) -> Option<&'static str> {
    let found = fs::symlink_metadata(path).ok()?;
    match () {
        () if found.is_symlink() => Some(SYMBOLIC_LINK),
        () if found.is_dir() => Some("a directory"),
        () => None,
    }
}

/// Does nothing: what a directory allows is known only when a file is created in it.
pub fn check_can_create(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether a file is a pipe. The metadata of a pipe cannot be read on Windows.
pub fn is_pipe(_: &Metadata) -> bool {
    false
}

/// Opens a file for reading. Fails for a symbolic link.
pub fn open(path: &Path) -> io::Result<File> {
    // This examines the path and not an opened file. If a file were opened without following links, the system would
    // not fetch it from the cloud that keeps it.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(symbolic_link()),
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => retry_while_held(path, DELETED_PATIENCE, || File::open(path)),
    }
}

/// The file that a path finally leads to. The result has the form that people write, if that form can name the file.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    let found = fs::canonicalize(path)?;
    let plain = found.to_str().and_then(|text| text.strip_prefix(r"\\?\")).filter(|plain| {
        // Only a path on a drive has this form, and only a path shorter than MAX_PATH works in every program.
        plain.as_bytes().get(1) == Some(&b':') && plain.encode_utf16().count() < MAX_PATH as usize
    });
    Ok(plain.map(PathBuf::from).unwrap_or(found))
}

/// Fills `bytes` with a file's first bytes, and keeps the position from which the file is read next.
pub fn read_start(mut file: &File, bytes: &mut [u8]) -> io::Result<()> {
    let before = file.stream_position()?;
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(bytes)?;
    file.seek(SeekFrom::Start(before)).map(drop)
}

/// Numbers that change if a file is changed or replaced: volume, index, size, and the times of its creation and last
/// modification.
pub fn fingerprint(file: &File) -> io::Result<[u64; 5]> {
    let (volume, index) = acl::read_identity(file.as_handle())?;
    let metadata = file.metadata()?;
    Ok([volume, index, metadata.file_size(), metadata.creation_time(), metadata.last_write_time()])
}

/// Numbers that identify the file at a path. Returns `None` if it cannot be opened.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    open_identity(path, FILE_FLAG_BACKUP_SEMANTICS)
}

/// As [`identity`], but of a symbolic link itself.
pub fn own_identity(path: &Path) -> Option<(u64, u64)> {
    open_identity(path, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
}

fn open_identity(path: &Path, flags: u32) -> Option<(u64, u64)> {
    let opened = OpenOptions::new().access_mode(0).custom_flags(flags).open(path).ok()?;
    acl::read_identity(opened.as_handle()).ok()
}

/// Whether an error means that the file system has no hard links.
pub fn has_no_links(error: &io::Error) -> bool {
    let numbers = [ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED];
    error.kind() == io::ErrorKind::Unsupported || numbers.iter().any(|number| has_number(error, *number))
}

/// A file's name in lower case. Windows ignores case, so names of one file are equal in this form.
pub fn folded(name: &OsStr) -> OsString {
    name.to_string_lossy().to_lowercase().into()
}

/// Checks that only this user, the system and its administrators can read or write a file. For a directory, checks
/// that nobody else can create or delete files in it.
///
/// # Errors
///
/// [`Error::NotPrivate`].
pub fn check_private(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    match find_other_users(path, metadata, !metadata.is_dir()) {
        None => Ok(()),
        Some((what, fix)) => Err(Error::NotPrivate { path: path.into(), what, fix }),
    }
}

/// Checks that only this user, the system and its administrators can write a file, or create and delete files in a
/// directory.
///
/// # Errors
///
/// [`Error::Untrusted`].
pub fn check_trusted(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    match find_other_users(path, metadata, false) {
        None => Ok(()),
        Some((what, fix)) => Err(Error::Untrusted {
            path: path.into(),
            what,
            advice: "Run",
            command: fix.strip_prefix("Run: ").unwrap_or(&fix).to_owned(),
        }),
    }
}

/// Checks that nobody else could have put a file into its directory. Returns its path, or `None` if it does not exist.
/// Symbolic links are not followed.
///
/// # Errors
///
/// [`Error::Untrusted`], and [`Error::File`] for a link.
pub fn follow_links(path: &Path) -> Result<Option<PathBuf>, Error> {
    let directory = super::directory(path);
    let fail = |error| super::failure("Cannot use", directory, error);
    let metadata = match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(fail)?,
    };
    if metadata.is_symlink() {
        return Err(fail(symbolic_link()));
    }
    if !metadata.is_dir() {
        return Err(fail(io::ErrorKind::NotADirectory.into()));
    }
    check_trusted(directory, &metadata)?;
    Ok(fs::symlink_metadata(path).is_ok().then(|| path.to_owned()))
}

/// Finds out whether other users may write a file, or read it if `strict`. Returns text to follow the file's name: what
/// is wrong and how to fix it.
pub fn writable_by_others(path: &Path, metadata: &Metadata, strict: bool) -> Option<String> {
    find_other_users(path, metadata, strict).map(|(what, fix)| format!("{what}. {fix}"))
}

/// Finds out whether other users may write a file, or read it if `strict`. Returns what is wrong, to follow the file's
/// name, and how to fix it.
fn find_other_users(path: &Path, metadata: &Metadata, strict: bool) -> Option<(String, String)> {
    let mut options = OpenOptions::new();
    options.access_mode(READ_CONTROL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    let write_rights = if metadata.is_dir() { acl::DIRECTORY_WRITE_RIGHTS } else { acl::WRITE_RIGHTS };
    let rights = if strict { write_rights | acl::READ_RIGHTS } else { write_rights };
    let other = retry_while_held(path, DELETED_PATIENCE, || options.open(path))
        .and_then(|file| acl::find_other_user(file.as_handle(), rights));
    match other {
        Ok(None) => None,
        Ok(Some(other)) => {
            let what = format!("can be used by others ({other})");
            Some((what, fix_command(path, metadata.is_dir(), &other)))
        }
        Err(error) => Some((
            format!("has permissions that cannot be read: {error}"),
            "Use another file, on a local disk".into(),
        )),
    }
}

/// Finds out whether another user can have written an open file. Returns the error for that.
pub fn find_other_writer(found: &FoundFile, file: &File) -> io::Result<Option<Error>> {
    // Reading includes the right to read the list.
    let other = acl::find_other_user(file.as_handle(), acl::WRITE_RIGHTS)?;
    Ok(other.map(|other| {
        let fix = fix_command(&found.path, false, &other);
        Error::Untrusted {
            path: found.path.clone(),
            what: format!("can be written by other users ({other})"),
            advice: found.kind.advice(),
            command: fix.strip_prefix("Run: ").unwrap_or(&fix).to_owned(),
        }
    }))
}

/// How to take a file away from another user: a command to run.
fn fix_command(path: &Path, is_directory: bool, other: &OtherUser) -> String {
    let own = acl::own_sid().map_or("%USERNAME%", String::as_str);
    // Files in a directory inherit these rights.
    let inherited = if is_directory { "(OI)(CI)" } else { "" };
    let path = shell_word(path);
    match other {
        OtherUser::Owner(_) => format!("Run: icacls {path} /setowner *{own}"),
        OtherUser::Allowed(user) => {
            format!("Run: icacls {path} /inheritance:r /grant:r \"*{own}:{inherited}F\" /remove:g *{user}")
        }
        OtherUser::Everybody => format!("Run: icacls {path} /inheritance:r /grant:r \"*{own}:{inherited}F\""),
    }
}

/// A path as a word of a command line that can be pasted.
pub fn shell_word(path: &Path) -> String {
    // A name cannot contain a quote. The shells have no escapes for unsafe characters.
    format!("\"{}\"", printable_path(path))
}

/// The path in a UTF-8 string.
pub fn path_of(text: &[u8]) -> PathBuf {
    String::from_utf8_lossy(text).into_owned().into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::error::Code;

    /// A directory that is removed when this is dropped.
    struct TemporaryDirectory(PathBuf);

    impl TemporaryDirectory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("os-secrets-{name}-{}", std::process::id()));
            make_directory(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for TemporaryDirectory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(shell_word(Path::new(r"C:\a b\c&d")), r#""C:\a b\c&d""#);
    }

    #[test]
    fn what_is_made_is_private_until_somebody_else_is_let_in() {
        let directory = TemporaryDirectory::new("private");
        let file = directory.0.join("file");
        drop(create(&file).unwrap());
        for path in [&directory.0, &file] {
            assert_eq!(check_private(path, &fs::metadata(path).unwrap()), Ok(()));
        }
        let open = OpenOptions::new().access_mode(READ_CONTROL | WRITE_DAC).open(&file).unwrap();
        acl::allow_everyone_to_read(open.as_handle()).unwrap();
        let error = check_private(&file, &fs::metadata(&file).unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::AccessDenied);
        assert!(error.to_string().contains("icacls"), "{error}");
        assert_eq!(writable_by_others(&file, &fs::metadata(&file).unwrap(), false), None);
        assert!(writable_by_others(&file, &fs::metadata(&file).unwrap(), true).is_some());
    }

    #[test]
    fn a_file_has_one_lock() {
        let directory = TemporaryDirectory::new("lock");
        let take = || Lock::try_take(&directory.0.join("file"), Instant::now()).unwrap();
        let lock = take();
        assert!(lock.is_some() && take().is_none());
        drop(lock);
        assert!(take().is_some());
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
        // Wine, and administrators on Windows, may make links.
        let kept = directory.0.join("kept");
        fs::write(&kept, "kept").unwrap();
        if std::os::windows::fs::symlink_file(&kept, directory.0.join(".file.os-secrets.lock")).is_ok() {
            drop(take());
            assert_eq!(fs::read(&kept).unwrap(), b"kept");
        }
    }

    #[test]
    fn a_file_that_others_hold_for_a_moment_is_replaced() {
        let directory = TemporaryDirectory::new("held");
        let (old, new) = (directory.0.join("old"), directory.0.join("new"));
        fs::write(&old, "old").unwrap();
        create(&new).unwrap().write_all(b"new").unwrap();
        // A virus scanner opens files in this way, and nobody can delete them until it is done.
        let held = OpenOptions::new().read(true).share_mode(1).open(&old).unwrap();
        let (from, to) = (new.clone(), old.clone());
        let renaming = thread::spawn(move || rename(&from, &to));
        thread::sleep(Duration::from_millis(200));
        assert!(!renaming.is_finished());
        assert_eq!(fs::read(&old).unwrap(), b"old");
        drop(held);
        renaming.join().unwrap().unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"new");
    }

    #[test]
    fn paths_are_shown_as_people_write_them() {
        let found = canonical(Path::new(r".\src\..\Cargo.toml")).unwrap();
        assert!(
            found.is_absolute() && found.ends_with("Cargo.toml") && !found.starts_with(r"\\?\"),
            "{found:?}"
        );
        assert_eq!(identity(&found), identity(Path::new("Cargo.toml")));
        assert_eq!(canonical(Path::new("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn devices_are_written_to() {
        assert!(is_device(Path::new("NUL")) && !is_device(&std::env::temp_dir()));
        assert!(!is_device(Path::new("Cargo.toml")) && !is_device(Path::new("none")));
        assert_eq!(special_kind(&std::env::temp_dir()), Some("a directory"));
        assert_eq!(special_kind(Path::new("NUL")), None);
    }
}
