//! Secrets as private files, for as long as a command or an editor runs.
//!
//! The files are in a private directory of their own. Beside it is an empty file that this process keeps locked. If the
//! process is killed, it removes nothing, but its lock is gone. So the next process finds the directory and removes it.

use std::{
    collections::hash_map::RandomState,
    env,
    fs::{self, File, OpenOptions, TryLockError},
    hash::{BuildHasher, Hasher},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use os_secrets::{
    credential::Secret,
    error::Error,
    file::{create, failure},
};

/// What the names of the directories start with.
const PREFIX: &str = "os-secrets-run-";
/// The ending of the locked file's name.
const LOCK: &str = "lock";

/// Private files with secrets. They are removed when this is dropped.
pub struct SecretFiles {
    directory: PathBuf,
    /// Locked until the directory is removed.
    lock: Option<File>,
    count: usize,
    /// Whether the files are overwritten before they are removed.
    wipes: bool,
}

impl SecretFiles {
    /// Creates the directory, in memory if possible. Also removes what killed processes have left behind.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if no directory can be created.
    pub fn new() -> Result<Self, Error> {
        Self::create_in_one_of(parents())
    }

    /// Creates the directory in memory. The files in it, also those that another program has added, are overwritten
    /// before they are removed. `None` if there is no such place.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if no directory can be created.
    pub fn in_memory() -> Result<Option<Self>, Error> {
        let parents = memory_parents();
        if parents.is_empty() {
            return Ok(None);
        }
        let mut files = Self::create_in_one_of(parents)?;
        files.wipes = true;
        Ok(Some(files))
    }

    fn create_in_one_of(parents: Vec<PathBuf>) -> Result<Self, Error> {
        let mut last = None;
        for parent in parents {
            remove_leftovers(&parent);
            match Self::create_in(&parent) {
                Ok(files) => return Ok(files),
                Err(error) => last = Some(failure("Cannot create a directory in", &parent, error)),
            }
        }
        Err(last.unwrap_or_else(|| Error::Internal("there is no directory for temporary files".into())))
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        // Nobody else can write into the directory, so the name need not be secret, only new.
        let name = format!("{PREFIX}{:016x}", RandomState::new().build_hasher().finish());
        let directory = parent.join(name);
        let lock = create(&lock_of(&directory))?;
        let locked = lock.try_lock();
        // From here on, dropping it removes what there is.
        let files = Self { directory, lock: Some(lock), count: 0, wipes: false };
        locked?;
        create_directory(&files.directory)?;
        Ok(files)
    }

    /// Creates a file with a secret, and returns its path.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn add(&mut self, value: &Secret) -> Result<PathBuf, Error> {
        self.count += 1;
        let path = self.directory.join(self.count.to_string());
        create(&path)
            .and_then(|mut file| file.write_all(value.expose()))
            .map_err(|error| failure("Cannot write", &path, error))?;
        Ok(path)
    }

    /// Removes the files.
    ///
    /// # Errors
    ///
    /// [`Error::File`], for example on Windows if another program has a file open.
    pub fn remove(mut self) -> Result<(), Error> {
        self.try_remove().map_err(|error| failure("Cannot remove", &self.directory, error))
    }

    fn try_remove(&mut self) -> io::Result<()> {
        if self.wipes {
            wipe_files(&self.directory);
        }
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Windows removes the file only if it is closed. It is empty, so nothing is lost if it stays.
        if self.lock.take().is_some() {
            let _ = fs::remove_file(lock_of(&self.directory));
        }
        Ok(())
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        let _ = self.try_remove();
    }
}

/// Overwrites the files in a directory. Those that cannot be opened are left: they are removed all the same.
fn wipe_files(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && let Ok(file) = OpenOptions::new().write(true).open(entry.path()) {
            let size = file.metadata().map_or(0, |found| found.len());
            let _ = io::copy(&mut io::repeat(0).take(size), &mut &file);
        }
    }
}

/// Whether there is a place in memory for files.
pub fn has_memory() -> bool {
    !memory_parents().is_empty()
}

/// Where the directory may be so that nothing of it lies on a disk, in order of preference.
fn memory_parents() -> Vec<PathBuf> {
    parents().into_iter().filter(|parent| is_in_memory(parent)).collect()
}

/// Whether a directory's file system is in memory. It may still be swapped.
#[cfg(target_os = "linux")]
fn is_in_memory(directory: &Path) -> bool {
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    rustix::fs::statfs(directory).is_ok_and(|found| [TMPFS, RAMFS].contains(&(found.f_type as u32)))
}

/// Whether a directory's file system is in memory. Only Linux has such directories.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}

fn lock_of(directory: &Path) -> PathBuf {
    directory.with_extension(LOCK)
}

/// Removes the directories whose processes have ended.
fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
            && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir() && is_own(&found));
        if is_ours {
            remove_if_left(&path);
        }
    }
}

fn remove_if_left(directory: &Path) {
    let lock = OpenOptions::new().read(true).write(true).open(lock_of(directory));
    let is_left = match &lock {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        // The lock is created first and removed last.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_left && fs::remove_dir_all(directory).is_ok() {
        let _ = fs::remove_file(lock_of(directory));
    }
}

/// Where the directory may be, in order of preference: directories in memory first.
#[cfg(unix)]
fn parents() -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let is_private = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|found| is_own(&found) && found.permissions().mode() & 0o077 == 0)
    };
    let of_session = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let of_session = of_session.filter(is_private);
    let shared = cfg!(target_os = "linux").then(|| PathBuf::from("/dev/shm"));
    of_session.into_iter().chain(shared).chain([env::temp_dir()]).collect()
}

/// Where the directory may be. Windows has no directory in memory.
#[cfg(windows)]
fn parents() -> Vec<PathBuf> {
    vec![env::temp_dir()]
}

#[cfg(unix)]
fn create_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(windows)]
fn create_directory(path: &Path) -> io::Result<()> {
    os_secrets::file::make_directory(path)
}

#[cfg(unix)]
fn is_own(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    found.uid() == rustix::process::geteuid().as_raw()
}

/// The directory for temporary files belongs to the user.
#[cfg(windows)]
fn is_own(_: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed when this is dropped.
    struct Parent(PathBuf);

    impl Parent {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("{name}-{}", std::process::id()));
            create_directory(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Parent {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_hold_any_bytes_and_are_gone_afterwards() {
        let parent = Parent::new("files");
        let mut files = SecretFiles::create_in(&parent.0).unwrap();
        for value in [&b"a\0\xff\n"[..], b"", b"a\0\xff\n"] {
            let path = files.add(&Secret::new(value.to_vec())).unwrap();
            assert_eq!(fs::read(path).unwrap(), value);
        }
        files.remove().unwrap();
        assert_eq!(parent.names(), 0);
        drop(SecretFiles::create_in(&parent.0).unwrap());
        assert_eq!(parent.names(), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_file_systems_in_memory_count_as_such() {
        assert!(is_in_memory(Path::new("/dev/shm")));
        assert!(!is_in_memory(Path::new("/proc")) && !is_in_memory(Path::new("/nowhere")));
    }

    #[test]
    #[cfg(unix)]
    fn only_the_user_has_access() {
        use std::os::unix::fs::PermissionsExt;

        let parent = Parent::new("modes");
        let mut files = SecretFiles::create_in(&parent.0).unwrap();
        let path = files.add(&Secret::new(b"v".to_vec())).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&files.directory)), (0o600, 0o700));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let parent = Parent::new("leftovers");
        let mut live = SecretFiles::create_in(&parent.0).unwrap();
        let kept = live.add(&Secret::new(b"v".to_vec())).unwrap();
        // The lock of a killed process is free, or was not created yet when the process before was killed.
        for (name, has_lock) in [("1", true), ("2", false)] {
            let left = parent.0.join(format!("{PREFIX}{name}"));
            fs::create_dir(&left).unwrap();
            fs::write(left.join("1"), "v").unwrap();
            if has_lock {
                fs::write(lock_of(&left), "").unwrap();
            }
        }
        fs::create_dir(parent.0.join("other")).unwrap();
        remove_leftovers(&parent.0);
        assert!(kept.exists() && parent.0.join("other").exists());
        assert_eq!(parent.names(), 3);
    }
}
