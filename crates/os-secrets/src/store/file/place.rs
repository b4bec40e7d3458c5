//! Where the file lies: whether nobody else can get at it, and how it is replaced.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    error::Error,
    file::{self, Access, Directory, failure},
};

/// The store's file, as it was at one time.
pub struct Stamp {
    /// As [`file::fingerprint`].
    numbers: [u64; 5],
    /// Its first bytes: the header with its MAC, and the payload's nonce.
    head: Vec<u8>,
}

/// An open file that only we can read and write.
pub struct Open {
    file: File,
    /// As [`file::fingerprint`].
    numbers: [u64; 5],
}

impl Open {
    /// Whether it is still what a stamp was taken of.
    pub fn is(&self, stamp: &Stamp) -> io::Result<bool> {
        if self.numbers != stamp.numbers {
            return Ok(false);
        }
        let mut head = vec![0; stamp.head.len()];
        file::read_start(&self.file, &mut head)?;
        Ok(head == stamp.head)
    }

    /// A stamp of it, where it begins with `head`.
    pub fn stamp(&self, head: &[u8]) -> Stamp {
        Stamp { numbers: self.numbers, head: head.to_vec() }
    }

    /// All of it.
    pub fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        file::read_open(&self.file)
    }
}

/// The path of a store's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
}

impl Place {
    /// Opens the file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotPrivate`] where others can get at it, and [`Error::File`], also for symbolic links.
    pub fn open(&self) -> Result<Option<Open>, Error> {
        if !self.has_directory()? {
            return Ok(None);
        }
        let file = match file::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| failure("Cannot read", &self.path, error))?,
        };
        let fail = |error| failure("Cannot read", &self.path, error);
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_file() {
            file::check_private(&self.path, &metadata)?;
        }
        let numbers = file::fingerprint(&file).map_err(fail)?;
        Ok(Some(Open { file, numbers }))
    }

    /// Makes the directory where it is missing.
    pub fn make_directory(&self) -> Result<(), Error> {
        let directory = file::directory(&self.path);
        file::make_directory(directory).map_err(|error| failure("Cannot make", directory, error))?;
        self.has_directory().map(drop)
    }

    /// Replaces the file. What was there stays as [`backup`](Self::backup), where `keeps` says so.
    pub fn replace(&self, directory: &Directory, bytes: &[u8], keeps: bool) -> Result<(), Error> {
        directory.replace_after(
            &self.path,
            bytes,
            Access::Private,
            || if keeps { self.keep() } else { Ok(()) },
        )
    }

    /// Gives the file as it is another name, too, which it keeps when it is replaced.
    fn keep(&self) -> io::Result<()> {
        if file::own_identity(&self.path) == file::own_identity(&self.backup()) {
            // A writer was killed between the two.
            return Ok(());
        }
        let temporary = file::hidden(&self.path, "backup")?;
        match file::remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::hard_link(&self.path, &temporary) {
            // Not every file system has links.
            Err(error) if file::has_no_links(&error) => {
                let bytes = file::read_open(&file::open(&self.path)?)?;
                file::write_new(&temporary, &bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                return Err(io::Error::other(
                    "it is mounted by itself; mount its directory, so that it can be replaced",
                ));
            }
            linked => linked?,
        }
        file::rename(&temporary, &self.backup())
    }

    /// Where the version before the last one is.
    pub fn backup(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".backup");
        name.into()
    }

    /// Whether there is a directory for it to be in.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn has_directory(&self) -> Result<bool, Error> {
        let directory = file::directory(&self.path);
        let fail = |error| failure("Cannot use", directory, error);
        let metadata = match fs::symlink_metadata(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            metadata => metadata.map_err(fail)?,
        };
        if metadata.is_symlink() {
            return Err(fail(file::symbolic_link()));
        }
        if !metadata.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        file::check_private(directory, &metadata).map(|()| true).map_err(|error| match error {
            Error::NotPrivate { path, what, .. } if !self.is_own(directory) => {
                let how = if cfg!(windows) { "" } else { " (mkdir -m 700 …)" };
                let mend = format!("Put the file into a directory of its own{how}");
                Error::NotPrivate { path, what, fix: mend }
            }
            error => error,
        })
    }

    /// Whether a directory holds nothing but what is the store's. Of others it is not to be taken away.
    fn is_own(&self, directory: &Path) -> bool {
        let Some(own) = self.path.file_name().and_then(OsStr::to_str) else { return false };
        let is_ours = |entry: io::Result<fs::DirEntry>| {
            let name = entry.map(|entry| entry.file_name());
            name.is_ok_and(|name| {
                name.to_str()
                    .is_some_and(|name| name.trim_start_matches('.').starts_with(own.trim_start_matches('.')))
            })
        };
        fs::read_dir(directory).is_ok_and(|mut entries| entries.all(is_ours))
    }
}
