//! The locks of clients: what git, kubectl and cargo hold while they change a file. If we hold it as well, nobody's edit is
//! lost.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

#[cfg(unix)]
use os_secrets::file::{create, has_no_links, remove_if_present, try_lock};
use os_secrets::{
    error::Error,
    file::{LockedDirectory, failure, read},
    printable::printable_path,
};

/// How long to wait for a client that holds its lock. git waits as long for its own files of passwords.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// How a lock file of ours starts. The number of the process follows.
const MARK: &str = "os-secrets ";

/// How a client locks a file that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientLock {
    /// Not at all.
    Nothing,
    /// With a file `NAME.lock`, which it creates if there is none. If the file is a symbolic link, the lock stands beside
    /// the file that the link leads to. So does git, also for `~/.git-credentials`.
    BesideTarget,
    /// With a file `NAME.lock`, beside the link if the file is one. So does kubectl.
    BesideLink,
    /// With `flock` on the file itself. So does cargo for its tokens. A cargo that already waits while we replace the file
    /// writes to the former one, so this protects only an edit that has begun. On Windows such a lock would keep us from
    /// reading the file.
    OfFile,
}

impl ClientLock {
    /// Takes the lock of a file. `target` is its path without symbolic links. Call it while the directory of the target is
    /// locked: a lock that a killed process of ours has left is removed.
    ///
    /// # Errors
    ///
    /// [`Error::File`], also if the lock is not free within a second.
    pub fn take(self, path: &Path, target: &Path) -> Result<HeldLock, Error> {
        let start = Instant::now();
        loop {
            let (taken, name) = match self.lock_file(path, target) {
                Some(name) => (try_create(&name), name),
                None if self == Self::OfFile => (try_flock(target), target.to_owned()),
                None => return Ok(HeldLock { file: None, name: None }),
            };
            match taken.map_err(|error| failure("Cannot lock", target, error))? {
                Some(held) => return Ok(held),
                None if start.elapsed() < MAX_WAIT => thread::sleep(PAUSE),
                None => return Err(held_by_other(target, &name)),
            }
        }
    }

    /// Removes the lock of a file that a killed process of ours has left, if there is one. Then the client would not change
    /// the file any more.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn remove_stale(self, path: &Path) -> Result<(), Error> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let Some(name) = self.lock_file(path, &target).filter(|name| name.exists()) else { return Ok(()) };
        let _directory = LockedDirectory::lock(&target)?;
        remove_if_stale(&name).map_err(|error| failure("Cannot remove", &name, error))
    }

    /// The path of the client's lock file. `None` if it has none.
    fn lock_file(self, path: &Path, target: &Path) -> Option<PathBuf> {
        let locked = match self {
            Self::BesideTarget => target,
            Self::BesideLink => path,
            Self::OfFile | Self::Nothing => return None,
        };
        Some(with_suffix(locked, ".lock"))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn held_by_other(file: &Path, lock: &Path) -> Error {
    let reason = if file == lock {
        "another program has locked it. Try again when that program has ended".into()
    } else {
        format!(
            "another program has locked it with {0}. Try again, and remove {0} if no program is changing the file",
            printable_path(lock)
        )
    };
    failure("Cannot change", file, io::Error::other(reason))
}

/// A client's lock that we hold until this is dropped.
pub struct HeldLock {
    /// The open file, which is locked with `flock` as well: it is not locked any more if our process is gone.
    file: Option<File>,
    /// The lock file to remove.
    name: Option<PathBuf>,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // Windows removes it with its last handle.
        if let (Some(name), false) = (&self.name, cfg!(windows)) {
            let _ = fs::remove_file(name);
        }
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

/// Locks a file itself. `None` if another program has locked it. A file that does not exist needs no lock.
#[cfg(unix)]
fn try_flock(path: &Path) -> io::Result<Option<HeldLock>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(HeldLock { file: None, name: None }));
        }
        opened => opened?,
    };
    Ok(try_lock(&file)?.then_some(HeldLock { file: Some(file), name: None }))
}

#[cfg(windows)]
fn try_flock(_: &Path) -> io::Result<Option<HeldLock>> {
    Ok(Some(HeldLock { file: None, name: None }))
}

/// Creates a lock file. `None` if another program has it.
#[cfg(unix)]
fn try_create(name: &Path) -> io::Result<Option<HeldLock>> {
    remove_if_stale(name)?;
    // It has its content as soon as it has its name, so that a kill never leaves one that is not known to be ours.
    let temporary = with_suffix(name, ".os-secrets");
    remove_if_present(&temporary)?;
    let file = create(&temporary)?;
    let linked = write_mark(&file).and_then(|()| fs::hard_link(&temporary, name));
    let _ = fs::remove_file(&temporary);
    let created = match linked {
        Ok(()) => Ok(file),
        // Some file systems have no hard links.
        Err(error) if has_no_links(&error) => create(name).and_then(|file| write_mark(&file).map(|()| file)),
        Err(error) => Err(error),
    };
    match created {
        Ok(file) => Ok(Some(HeldLock { file: Some(file), name: Some(name.to_owned()) })),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Locks a new file, and writes into it that it is ours.
#[cfg(unix)]
fn write_mark(mut file: &File) -> io::Result<()> {
    use std::io::Write;

    try_lock(file)?;
    file.write_all(format!("{MARK}{}\n", std::process::id()).as_bytes())
}

/// Creates a lock file. `None` if another program has it. The system removes it with our process.
#[cfg(windows)]
fn try_create(name: &Path) -> io::Result<Option<HeldLock>> {
    use std::os::windows::fs::OpenOptionsExt;
    use windows_sys::Win32::{
        Foundation::GENERIC_WRITE,
        Storage::FileSystem::{DELETE, FILE_FLAG_DELETE_ON_CLOSE},
    };

    let mut options = File::options();
    options.write(true).create_new(true).access_mode(GENERIC_WRITE | DELETE);
    match options.custom_flags(FILE_FLAG_DELETE_ON_CLOSE).open(name) {
        Ok(file) => Ok(Some(HeldLock { file: Some(file), name: Some(name.to_owned()) })),
        Err(error)
            if [io::ErrorKind::AlreadyExists, io::ErrorKind::PermissionDenied].contains(&error.kind())
                && name.exists() =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Removes a lock file if it is one of ours and its process is gone.
fn remove_if_stale(name: &Path) -> io::Result<()> {
    // kubectl's cannot be read.
    let Ok(Some(content)) = read(name) else { return Ok(()) };
    if !content.starts_with(MARK.as_bytes()) {
        return Ok(());
    }
    #[cfg(unix)]
    if let Ok(file) = File::open(name)
        && try_lock(&file)?
    {
        return fs::remove_file(name);
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let random = getrandom::u64().unwrap();
        let folder = std::env::temp_dir().join(format!("os-secrets-client-lock-{random:016x}"));
        os_secrets::file::make_directory(&folder).unwrap();
        folder
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped_and_named_if_another_program_has_it() {
        let folder = folder();
        let (file, lock) = (folder.join("config"), folder.join("config.lock"));
        for kind in [ClientLock::BesideTarget, ClientLock::BesideLink] {
            let held = kind.take(&file, &file).unwrap();
            assert!(fs::read_to_string(&lock).unwrap().starts_with(MARK));
            // A living process of ours keeps it.
            kind.remove_stale(&file).unwrap();
            let error = kind.take(&file, &file).err().unwrap().to_string();
            assert!(error.contains(&printable_path(&lock).to_string()), "{error}");
            drop(held);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        }
        // Another program's lock is not removed, whatever is in it.
        for content in ["", "[user]\n"] {
            fs::write(&lock, content).unwrap();
            assert!(ClientLock::BesideTarget.take(&file, &file).is_err());
            assert_eq!(fs::read_to_string(&lock).unwrap(), content);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lock_that_a_killed_process_of_ours_has_left_is_removed() {
        let folder = folder();
        let (file, lock) = (folder.join("config"), folder.join("config.lock"));
        fs::write(&lock, format!("{MARK}1\n")).unwrap();
        drop(ClientLock::BesideTarget.take(&file, &file).unwrap());
        fs::write(&lock, format!("{MARK}1\n")).unwrap();
        ClientLock::BesideTarget.remove_stale(&file).unwrap();
        assert!(!lock.exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_its_client_has_locked_is_not_changed() {
        let folder = folder();
        let file = folder.join("credentials.toml");
        drop(ClientLock::OfFile.take(&file, &file).unwrap());
        fs::write(&file, "").unwrap();
        let client = File::open(&file).unwrap();
        client.lock().unwrap();
        assert!(ClientLock::OfFile.take(&file, &file).is_err());
        client.unlock().unwrap();
        let _held = ClientLock::OfFile.take(&file, &file).unwrap();
        assert!(!try_lock(&client).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}
