//! The file on the disk: whether other users have access to it, and how it is replaced.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    error::Error,
    file::{self, Access, LockedDirectory, failure},
    printable::printable_path,
};

/// The name of the file at its usual place.
pub const USUAL_NAME: &str = "secrets.age";

/// What tells one version of the file from another.
pub struct Stamp {
    /// As [`file::fingerprint`].
    fingerprint: [u64; 5],
    /// The first bytes of the file: the header with its MAC, and the payload's nonce.
    head: Vec<u8>,
}

/// The open file. It was checked that no other user could have written it.
pub struct OpenFile {
    file: File,
    /// As [`file::fingerprint`].
    fingerprint: [u64; 5],
}

impl OpenFile {
    /// Whether the file is the version that a stamp was taken of.
    pub fn matches(&self, stamp: &Stamp) -> io::Result<bool> {
        if self.fingerprint != stamp.fingerprint {
            return Ok(false);
        }
        let mut head = vec![0; stamp.head.len()];
        file::read_start(&self.file, &mut head)?;
        Ok(head == stamp.head)
    }

    /// The stamp of this version, which starts with `head`.
    pub fn stamp(&self, head: &[u8]) -> Stamp {
        Stamp { fingerprint: self.fingerprint, head: head.to_vec() }
    }

    /// Reads the whole file.
    pub fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        file::read_open(&self.file)
    }
}

/// What happens to the version of the file that is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// There is none.
    Nothing,
    /// It is kept as the backup.
    Kept,
    /// It is dropped, and the backup that was there with it, because somebody must not read them any more.
    Dropped,
}

/// The file of a store, which need not exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreFile {
    /// Its path.
    pub path: PathBuf,
}

impl StoreFile {
    /// Opens the file. Returns `None` if it does not exist. Other users may be able to read it, but not to have written
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] if another user could have written it or put it there, [`Error::OnlyBackup`], and
    /// [`Error::File`].
    pub fn open(&self) -> Result<Option<OpenFile>, Error> {
        let file = self.try_open()?;
        // Again, because a writer may have made both since.
        match self.existing_backup() {
            Some(backup) if file.is_none() => {
                let only_backup = || Error::OnlyBackup { path: self.path.clone(), backup };
                self.try_open()?.ok_or_else(only_backup).map(Some)
            }
            _ => Ok(file),
        }
    }

    fn try_open(&self) -> Result<Option<OpenFile>, Error> {
        if self.path.is_dir() {
            return Err(file::directory_error(&self.path, USUAL_NAME));
        }
        let Some(path) = file::follow_links(&self.path)? else { return Ok(None) };
        let fail = |error| failure("Cannot read", &self.path, error);
        let file = match file::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(fail)?,
        };
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_file() {
            file::check_trusted(&path, &metadata)?;
        }
        let fingerprint = file::fingerprint(&file).map_err(fail)?;
        Ok(Some(OpenFile { file, fingerprint }))
    }

    /// Creates the directory if it is missing.
    pub fn make_directory(&self) -> Result<(), Error> {
        let directory = file::directory(&self.path);
        file::check_creator(directory)?;
        file::make_directory(directory).map_err(|error| failure("Cannot create", directory, error))
    }

    /// Writes the file, or replaces it.
    ///
    /// # Errors
    ///
    /// [`Error::NotPrivate`] if others have access to it or its directory, and [`Error::File`], also for a symbolic
    /// link.
    pub fn replace(&self, directory: &LockedDirectory, bytes: &[u8], before: Before) -> Result<(), Error> {
        let access = self.find_access()?;
        let last = || match before {
            Before::Nothing => Ok(()),
            Before::Kept => self.make_backup(),
            Before::Dropped => self.remove_backups(),
        };
        directory.replace_after(&self.path, bytes, access, last)
    }

    /// Removes the backup, and one that a killed writer has not finished.
    fn remove_backups(&self) -> io::Result<()> {
        for backup in [file::hidden(&self.path, "backup")?, self.backup()] {
            file::remove_if_present(&backup).map_err(|error| {
                let reason = format!(
                    "{}, which removed recipients can read, cannot be removed: {error}",
                    printable_path(&backup)
                );
                io::Error::new(error.kind(), reason)
            })?;
        }
        Ok(())
    }

    /// Gives the present file a second name, which it keeps when it is replaced.
    fn make_backup(&self) -> io::Result<()> {
        if file::own_identity(&self.path) == file::own_identity(&self.backup()) {
            // A writer made this backup, and was killed before it replaced the file.
            return Ok(());
        }
        let temporary = file::hidden(&self.path, "backup")?;
        file::remove_if_present(&temporary)?;
        match fs::hard_link(&self.path, &temporary) {
            // Not every file system supports hard links.
            Err(error) if file::has_no_links(&error) => {
                let bytes = file::read_open(&file::open(&self.path)?)?;
                file::write_new(&temporary, &bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                return Err(io::Error::other(
                    "it is a mount point of its own and cannot be replaced. Mount its directory instead",
                ));
            }
            linked => linked?,
        }
        file::rename(&temporary, &self.backup())
    }

    /// The path of the previous version.
    pub fn backup(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".backup");
        name.into()
    }

    /// The path of the previous version, if there is one.
    pub fn existing_backup(&self) -> Option<PathBuf> {
        Some(self.backup()).filter(|backup| backup.exists())
    }

    /// Whether the directory of the file exists.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if something else has its name.
    pub fn has_directory(&self) -> Result<bool, Error> {
        if self.path.is_dir() {
            return Err(file::directory_error(&self.path, USUAL_NAME));
        }
        let directory = file::directory(&self.path);
        let fail = |error| failure("Cannot use", directory, error);
        match fs::metadata(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Ok(metadata) if !metadata.is_dir() => Err(fail(io::ErrorKind::NotADirectory.into())),
            metadata => metadata.map(|_| true).map_err(fail),
        }
    }

    /// Checks that the file can be written, without writing it.
    ///
    /// # Errors
    ///
    /// As [`replace`](Self::replace).
    pub fn check_writable(&self) -> Result<(), Error> {
        let fail = |error| failure("Cannot write", &self.path, error);
        let absolute = std::path::absolute(file::directory(&self.path)).map_err(fail)?;
        if self.has_directory()? {
            self.find_access()?;
        }
        let mut directory = absolute.as_path();
        while !directory.exists()
            && let Some(parent) = directory.parent()
        {
            directory = parent;
        }
        file::check_can_create(directory).map_err(fail)
    }

    /// Who has access to the file when it is written. In a working tree of git, everyone who had access before, because
    /// git does not keep modes, and the file is public anyway. Elsewhere its owner only, and nobody else may have had
    /// access to it or its directory.
    fn find_access(&self) -> Result<Access, Error> {
        let directory = file::directory(&self.path);
        let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if let Some(link) = [directory, &self.path].into_iter().find(|path| is_link(path)) {
            return Err(failure("Cannot write", link, write_through_link(link)));
        }
        let found = fs::metadata(&self.path).ok();
        if is_in_working_tree(directory) {
            return Ok(if found.is_some() { Access::AsBefore } else { Access::Private });
        }
        let metadata = fs::metadata(directory).map_err(|error| failure("Cannot use", directory, error))?;
        file::check_private(directory, &metadata).map_err(|error| match error {
            Error::NotPrivate { path, what, .. } if !self.is_alone_in(directory) => {
                let how = if cfg!(windows) { "" } else { " (mkdir -m 700 …)" };
                let fix = format!("Move the file to a directory of its own{how}");
                Error::NotPrivate { path, what, fix }
            }
            error => error,
        })?;
        if let Some(found) = found {
            file::check_private(&self.path, &found)?;
        }
        Ok(Access::Private)
    }

    /// Whether a directory holds only files of the store. If it holds others, advice to close it would be wrong:
    /// somebody else may use them.
    fn is_alone_in(&self, directory: &Path) -> bool {
        let Some(own) = self.path.file_name().and_then(OsStr::to_str) else { return false };
        let belongs_to_store = |entry: io::Result<fs::DirEntry>| {
            let name = entry.map(|entry| entry.file_name());
            name.is_ok_and(|name| {
                name.to_str()
                    .is_some_and(|name| name.trim_start_matches('.').starts_with(own.trim_start_matches('.')))
            })
        };
        fs::read_dir(directory).is_ok_and(|mut entries| entries.all(belongs_to_store))
    }
}

/// Whether a directory is in a working tree of git that no other user could have made.
fn is_in_working_tree(directory: &Path) -> bool {
    let has_repository = |directory: &Path| {
        let git = directory.join(".git");
        fs::symlink_metadata(&git)
            .is_ok_and(|found| !found.is_symlink() && file::check_trusted(&git, &found).is_ok())
    };
    file::canonical(directory).is_ok_and(|directory| directory.ancestors().any(has_repository))
}

/// The error for writing a file through a symbolic link.
fn write_through_link(link: &Path) -> io::Error {
    let target =
        file::canonical(link).map(|target| format!(": {}", printable_path(target))).unwrap_or_default();
    io::Error::other(format!(
        "it is a symbolic link, through which os-secrets does not write. Name what it leads to{target}"
    ))
}
