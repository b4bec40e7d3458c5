//! Files on Windows: access control lists, a lock file, and names that others hold open.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::windows::{
        fs::{FileTypeExt as _, MetadataExt, OpenOptionsExt},
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
    Access, PAUSE,
    acl::{self, Other},
    hidden, symbolic_link,
};
use crate::error::Error;

/// How long others may hold open what is replaced: virus scanners and indexers look at each new file.
const HELD: Duration = Duration::from_secs(5);
/// How long a file that was deleted or replaced may still be there, as what denies access.
const DELETED: Duration = Duration::from_secs(1);

/// A file beside the file that nobody else can open meanwhile: directories cannot be locked. It goes with
/// its last handle, also where the process is killed.
pub struct Lock(#[expect(dead_code, reason = "it is the open handle that counts")] File);

impl Lock {
    /// Takes the lock of a file; `None` where another has it. `start` is when it was first tried.
    pub fn try_take(file: &Path, start: Instant) -> io::Result<Option<Self>> {
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .access_mode(GENERIC_WRITE | DELETE)
            .share_mode(0)
            // A link that somebody has laid there goes, and not what it leads to.
            .custom_flags(FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(hidden(file, "lock")?);
        match opened {
            Ok(file) => Ok(Some(Self(file))),
            Err(error) if is(&error, ERROR_SHARING_VIOLATION) => Ok(None),
            Err(error) if is(&error, ERROR_ACCESS_DENIED) && start.elapsed() < DELETED => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Nothing is to be done here: names are in the file system's journal.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn is(error: &io::Error, number: u32) -> bool {
    error.raw_os_error() == Some(number as i32)
}

/// Nothing is to be done here: names are in the file system's journal.
pub fn sync_directory(_: &Path) {}

/// Makes a private directory, and those it is in as the system makes them.
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

/// Makes a private file, which is not there yet.
pub fn create(path: &Path) -> io::Result<File> {
    // Nobody else opens it before its list says who may.
    let access = GENERIC_READ | GENERIC_WRITE | READ_CONTROL | WRITE_DAC;
    let new = OpenOptions::new().write(true).create_new(true).access_mode(access).share_mode(0).open(path)?;
    acl::make_private(new.as_handle())?;
    Ok(new)
}

/// Gives a new file to who has the old one.
pub fn give(new: &File, old: &Path, access: Access) -> io::Result<()> {
    match access {
        Access::Private => Ok(()),
        Access::AsBefore => {
            let old = OpenOptions::new().access_mode(READ_CONTROL).open(old)?;
            acl::copy(old.as_handle(), new.as_handle())
        }
    }
}

/// Gives a file another name, in place of what has that.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    patiently(to, HELD, || fs::rename(from, to))
}

/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    patiently(path, HELD, || fs::remove_file(path))
}

/// Does something to a file, again and again while another program's handle is in the way.
fn patiently<T>(path: &Path, patience: Duration, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match work() {
            Err(error) if start.elapsed() < patience && is_held(path, &error) => thread::sleep(PAUSE),
            done => return done,
        }
    }
}

/// Whether it may be another program's handle that keeps a file from being opened or replaced.
fn is_held(path: &Path, error: &io::Error) -> bool {
    // What is about to be deleted denies access, as do directories and what is read-only.
    let is_plain = || match fs::symlink_metadata(path) {
        Ok(found) => !found.is_dir() && !found.permissions().readonly(),
        Err(_) => true,
    };
    is(error, ERROR_SHARING_VIOLATION) || (is(error, ERROR_ACCESS_DENIED) && is_plain())
}

/// Whether something is there that is written to and not replaced: a device or a pipe, or a directory,
/// which refuses.
pub fn is_special(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) => !found.is_file() && !found.file_type().is_symlink_file(),
        // A device, such as NUL or CON, has no metadata, and can be opened.
        Err(error) => {
            error.kind() != io::ErrorKind::NotFound && OpenOptions::new().write(true).open(path).is_ok()
        }
    }
}

/// Opens a file for reading; a symbolic link is an error.
pub fn open(path: &Path) -> io::Result<File> {
    // Asked of the path and not of the opened file: what keeps the files of a cloud fetches them only for who
    // opens them in the usual way.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(symbolic_link()),
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => patiently(path, DELETED, || File::open(path)),
    }
}

/// Where a path leads in the end, in the form in which people write it where that is long enough.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    let found = fs::canonicalize(path)?;
    let plain = found.to_str().and_then(|text| text.strip_prefix(r"\\?\")).filter(|plain| {
        // Another form names servers, and short ones are all that every program takes.
        plain.as_bytes().get(1) == Some(&b':') && plain.encode_utf16().count() < MAX_PATH as usize
    });
    Ok(plain.map(PathBuf::from).unwrap_or(found))
}

/// Reads a file's first bytes, as many as there is room for; where it is read on stays as it was.
pub fn read_start(mut file: &File, bytes: &mut [u8]) -> io::Result<()> {
    let before = file.stream_position()?;
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(bytes)?;
    file.seek(SeekFrom::Start(before)).map(drop)
}

/// Numbers that change with a file: volume, index, size, and when it was made and modified.
pub fn fingerprint(file: &File) -> io::Result<[u64; 5]> {
    let (volume, index) = acl::identity(file.as_handle())?;
    let of = file.metadata()?;
    Ok([volume, index, of.file_size(), of.creation_time(), of.last_write_time()])
}

/// What tells the file at a path from all others; `None` where there is none.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    identity_with(path, FILE_FLAG_BACKUP_SEMANTICS)
}

/// As [`identity`], of a symbolic link itself.
pub fn own_identity(path: &Path) -> Option<(u64, u64)> {
    identity_with(path, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
}

fn identity_with(path: &Path, flags: u32) -> Option<(u64, u64)> {
    let opened = OpenOptions::new().access_mode(0).custom_flags(flags).open(path).ok()?;
    acl::identity(opened.as_handle()).ok()
}

/// Whether an error says that the file system has no hard links.
pub fn has_no_links(error: &io::Error) -> bool {
    let numbers = [ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED];
    error.kind() == io::ErrorKind::Unsupported || numbers.iter().any(|number| is(error, *number))
}

/// A file's name, in the form in which the same names are equal: Windows does not regard case.
pub fn folded(name: &OsStr) -> OsString {
    name.to_string_lossy().to_lowercase().into()
}

/// Makes sure that nobody but us, the system and its administrators can get at a file; for a directory, that
/// nobody else can put something there.
///
/// # Errors
///
/// [`Error::NotPrivate`].
pub fn check_private(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    match others(path, metadata, !metadata.is_dir()) {
        None => Ok(()),
        Some((what, mend)) => Err(Error::NotPrivate { path: path.into(), what, mend }),
    }
}

/// What is wrong with who else may use a file: may write it, or where `strict` read it. To follow its name.
pub fn writable_by_others(path: &Path, metadata: &Metadata, strict: bool) -> Option<String> {
    others(path, metadata, strict).map(|(what, mend)| format!("{what}. {mend}"))
}

/// Who else may use a file, to follow its name, and what to do about that.
fn others(path: &Path, metadata: &Metadata, also_reading: bool) -> Option<(String, String)> {
    let mut options = OpenOptions::new();
    options.access_mode(READ_CONTROL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    let writing = if metadata.is_dir() { acl::WRITING_IN } else { acl::WRITING };
    let rights = if also_reading { writing | acl::READING } else { writing };
    let other = patiently(path, DELETED, || options.open(path))
        .and_then(|file| acl::other_user(file.as_handle(), rights));
    match other {
        Ok(None) => None,
        Ok(Some(other)) => {
            let what = format!("can be used by others ({other})");
            Some((what, mend(path, metadata.is_dir(), &other)))
        }
        Err(error) => Some((
            format!("does not tell who can use it: {error}"),
            "Use another file, on a disk of this machine".into(),
        )),
    }
}

fn mend(path: &Path, is_directory: bool, other: &Other) -> String {
    let own = acl::own_user().map_or("%USERNAME%", String::as_str);
    // What is in a directory gets its list from there.
    let inherited = if is_directory { "(OI)(CI)" } else { "" };
    let path = shell_word(path);
    match other {
        Other::Owner(_) => format!("Run: icacls {path} /setowner *{own}"),
        Other::Allowed(user) => {
            format!("Run: icacls {path} /inheritance:r /grant:r \"*{own}:{inherited}F\" /remove:g *{user}")
        }
        Other::Everybody => format!("Run: icacls {path} /inheritance:r /grant:r \"*{own}:{inherited}F\""),
    }
}

/// A path as a word of a command line, to be pasted.
pub fn shell_word(path: &Path) -> String {
    // A name cannot hold the quote itself.
    format!("\"{}\"", path.display())
}

/// The path that a text names, which is UTF-8.
pub fn path_of(text: &[u8]) -> PathBuf {
    String::from_utf8_lossy(text).into_owned().into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::error::Code;

    /// A directory of its own, which goes with it.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("os-secrets-{name}-{}", std::process::id()));
            make_directory(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
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
        let place = Place::new("private");
        let file = place.0.join("file");
        drop(create(&file).unwrap());
        for path in [&place.0, &file] {
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
        let place = Place::new("lock");
        let take = || Lock::try_take(&place.0.join("file"), Instant::now()).unwrap();
        let lock = take();
        assert!(lock.is_some() && take().is_none());
        drop(lock);
        assert!(take().is_some());
        assert_eq!(fs::read_dir(&place.0).unwrap().count(), 0);
        // Wine, and administrators on Windows, may make links.
        let kept = place.0.join("kept");
        fs::write(&kept, "kept").unwrap();
        if std::os::windows::fs::symlink_file(&kept, place.0.join(".file.os-secrets.lock")).is_ok() {
            drop(take());
            assert_eq!(fs::read(&kept).unwrap(), b"kept");
        }
    }

    #[test]
    fn a_file_that_others_hold_for_a_moment_is_replaced() {
        let place = Place::new("held");
        let (old, new) = (place.0.join("old"), place.0.join("new"));
        fs::write(&old, "old").unwrap();
        create(&new).unwrap().write_all(b"new").unwrap();
        // As a virus scanner does: nobody may delete it meanwhile.
        let held = OpenOptions::new().read(true).share_mode(1).open(&old).unwrap();
        let (at, to) = (new.clone(), old.clone());
        let renaming = thread::spawn(move || rename(&at, &to));
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
        assert!(is_special(Path::new("NUL")) && is_special(&std::env::temp_dir()));
        assert!(!is_special(Path::new("Cargo.toml")) && !is_special(Path::new("none")));
    }
}
