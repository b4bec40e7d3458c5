//! Where the file lies: whether nobody else can get at it, and how it is replaced.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    error::Error,
    file::{self, Directory, PRIVATE, failure},
};

/// The store's file, as it was at one time.
pub struct Stamp {
    /// Device, inode, size, and when it was modified, in seconds and nanoseconds.
    numbers: [u64; 5],
    /// Its first bytes: the header with its MAC, and the payload's nonce.
    head: Vec<u8>,
}

/// An open file that only we can read and write.
pub struct Open {
    file: File,
    metadata: Metadata,
}

impl Open {
    /// Whether it is still what a stamp was taken of.
    pub fn is(&self, stamp: &Stamp) -> io::Result<bool> {
        if self.numbers() != stamp.numbers {
            return Ok(false);
        }
        let mut head = vec![0; stamp.head.len()];
        self.file.read_exact_at(&mut head, 0)?;
        Ok(head == stamp.head)
    }

    /// A stamp of it, where it begins with `head`.
    pub fn stamp(&self, head: &[u8]) -> Stamp {
        Stamp { numbers: self.numbers(), head: head.to_vec() }
    }

    fn numbers(&self) -> [u64; 5] {
        let of = &self.metadata;
        [of.dev(), of.ino(), of.size(), of.mtime() as u64, of.mtime_nsec() as u64]
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
        let metadata = file.metadata().map_err(|error| failure("Cannot read", &self.path, error))?;
        if metadata.is_file() {
            check(&self.path, &metadata, PRIVATE)?;
        }
        Ok(Some(Open { file, metadata }))
    }

    /// Makes the directory where it is missing.
    pub fn make_directory(&self) -> Result<(), Error> {
        let directory = self.directory();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| failure("Cannot make", directory, error))?;
        self.has_directory().map(drop)
    }

    /// Replaces the file. What was there stays as [`backup`](Self::backup), where `keeps` says so.
    pub fn replace(&self, directory: &Directory, bytes: &[u8], keeps: bool) -> Result<(), Error> {
        directory.replace_after(&self.path, bytes, PRIVATE, || if keeps { self.keep() } else { Ok(()) })
    }

    /// Gives the file as it is another name, too, which it keeps when it is replaced.
    fn keep(&self) -> io::Result<()> {
        let inode = |path: &Path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino())).ok();
        if inode(&self.path) == inode(&self.backup()) {
            // A writer was killed between the two.
            return Ok(());
        }
        let temporary = file::hidden(&self.path, "backup")?;
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::hard_link(&self.path, &temporary) {
            // Not every file system has links.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
            {
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
        fs::rename(&temporary, self.backup())
    }

    /// Where the version before the last one is.
    pub fn backup(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".backup");
        name.into()
    }

    fn directory(&self) -> &Path {
        self.path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
    }

    /// Whether there is a directory for it to be in.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn has_directory(&self) -> Result<bool, Error> {
        let directory = self.directory();
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
        check(directory, &metadata, 0o700).map(|()| true).map_err(|error| match error {
            Error::NotPrivate { path, what, .. } if !self.is_own(directory) => {
                let mend = "Put the file into a directory of its own (mkdir -m 700 …)".into();
                Error::NotPrivate { path, what, mend }
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

/// Makes sure that nobody but us can get at a file or directory.
fn check(path: &Path, metadata: &Metadata, mode: u32) -> Result<(), Error> {
    let not_private = |what, mend| Err(Error::NotPrivate { path: path.into(), what, mend });
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own {
        let what = format!("belongs to the user {}, and this process runs as {own}", metadata.uid());
        return not_private(what, "Run the program as that user, or use another file".into());
    }
    if metadata.mode() & 0o077 != 0 {
        let what = format!("can be used by other users (its mode is {:03o})", metadata.mode() & 0o777);
        return not_private(what, format!("Run: chmod {mode:o} {}", file::shell_word(path)));
    }
    Ok(())
}
