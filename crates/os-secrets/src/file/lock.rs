//! Writing a file while no other program does.

use std::{
    io,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{Access, PAUSE, failure, hidden, os, remove_if_present, replace};
use crate::error::Error;

/// How long to wait for one other writer.
const MAX_WAIT: Duration = Duration::from_secs(25);
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// How long a writer has waited for the lock of a file's directory.
pub struct LockWait {
    start: Instant,
    /// When the file last changed, as far as the waiting writer has seen. A writer that changes the file has the lock.
    /// Writers that take turns are no reason to give up.
    last_change: Instant,
    modified: Option<SystemTime>,
}

impl LockWait {
    /// The wait that begins now.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { start: now, last_change: now, modified: None }
    }

    /// The pause before the next attempt. It grows with the wait: if this writer has waited for long, many others may wait,
    /// too, and each attempt takes time from the writer that has the lock.
    pub fn pause(&self) -> Duration {
        pause_after(self.start.elapsed())
    }

    /// Whether one writer has kept the lock for too long.
    fn is_over(&mut self, file: &Path) -> bool {
        let modified = file.symlink_metadata().and_then(|metadata| metadata.modified()).ok();
        if modified != self.modified {
            (self.modified, self.last_change) = (modified, Instant::now());
        }
        self.last_change.elapsed() >= MAX_WAIT
    }
}

fn pause_after(waited: Duration) -> Duration {
    (waited / 16).clamp(PAUSE, MAX_PAUSE)
}

/// The directory of a file, locked against other writers until this is dropped.
///
/// The file itself cannot be locked: the lock would be lost when the file is replaced.
pub struct LockedDirectory {
    lock: os::Lock,
}

impl LockedDirectory {
    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the directory cannot be read, or another program keeps it locked for 25 seconds without
    /// changing the file.
    pub fn lock(file: &Path) -> Result<Self, Error> {
        let mut wait = LockWait::begin();
        loop {
            match Self::try_lock(file, &mut wait)? {
                Some(directory) => return Ok(directory),
                None => thread::sleep(wait.pause()),
            }
        }
    }

    /// Takes the lock if it is free. Otherwise returns `None`: the caller must try again after [`LockWait::pause`].
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn try_lock(file: &Path, wait: &mut LockWait) -> Result<Option<Self>, Error> {
        let fail = |error| failure("Cannot write", file, error);
        match os::Lock::try_take(file, wait.start).map_err(fail)? {
            Some(lock) => Ok(Some(Self { lock })),
            None if !wait.is_over(file) => Ok(None),
            None => {
                let reason = format!(
                    "another program has kept its directory locked for {} s. End that program, then try again",
                    MAX_WAIT.as_secs()
                );
                Err(fail(io::Error::other(reason)))
            }
        }
    }

    /// Replaces the file in one step. The new file keeps the old one's owner and group if the process may set them.
    ///
    /// # Errors
    ///
    /// [`Error::File`], also if the path is a symbolic link. The file is then unchanged.
    pub fn replace(&self, file: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
        self.replace_after(file, bytes, access, || Ok(()))
    }

    /// As [`replace`](Self::replace). `last` is called when the new file is completely on the disk, as the last step
    /// before it replaces the old one.
    ///
    /// # Errors
    ///
    /// Also those of `last`.
    pub fn replace_after(
        &self,
        file: &Path,
        bytes: &[u8],
        access: Access,
        last: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), Error> {
        self.try_replace(file, bytes, access, last).map_err(|error| failure("Cannot write", file, error))
    }

    fn try_replace(
        &self,
        file: &Path,
        bytes: &[u8],
        access: Access,
        last: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let temporary = hidden(file, "tmp")?;
        // Only the holder of the lock writes this file. If it exists, its writer was killed.
        remove_if_present(&temporary)?;
        replace(file, &temporary, bytes, |new| os::give(new, file, access), last)?;
        // The new name must survive a crash of the machine. Not every file system can ensure that.
        match self.lock.sync() {
            Err(error)
                if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                Err(io::Error::other(format!(
                    "it was written, but its directory cannot be synced, so that the change may be lost in a crash: \
                     {error}"
                )))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn writers_that_take_turns_are_waited_for_longer_than_one_that_keeps_the_lock() {
        let file = std::env::temp_dir().join(format!("os-secrets-wait-{:016x}", getrandom::u64().unwrap()));
        let long_ago = Instant::now().checked_sub(MAX_WAIT).unwrap();
        let mut wait = LockWait { start: long_ago, last_change: long_ago, modified: None };
        assert!(wait.is_over(&file), "there is no file that anybody could have changed");
        std::fs::write(&file, "1").unwrap();
        assert!(!wait.is_over(&file));
        wait.last_change = long_ago;
        assert!(wait.is_over(&file));
        let later = wait.modified.unwrap() + Duration::from_secs(1);
        File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert!(!wait.is_over(&file));
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_script_is_a_program_before_it_gets_its_name() {
        use std::os::unix::fs::PermissionsExt;

        let folder =
            std::env::temp_dir().join(format!("os-secrets-program-{:016x}", getrandom::u64().unwrap()));
        os::make_directory(&folder).unwrap();
        let (file, temporary) = (folder.join("script"), folder.join(".script.os-secrets.tmp"));
        let mode_of = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o7777);
        let directory = LockedDirectory::lock(&file).unwrap();
        for (before, expected) in [(None, 0o700), (Some(0o640), 0o750), (Some(0o644), 0o755)] {
            if let Some(mode) = before {
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            }
            let mut last = None;
            directory
                .replace_after(&file, b"#!/bin/sh\n", Access::Program, || {
                    last = mode_of(&temporary).ok();
                    Ok(())
                })
                .unwrap();
            assert_eq!((last, mode_of(&file).ok()), (Some(expected), Some(expected)));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn who_has_waited_for_long_tries_less_often() {
        let pauses = [0, 100, 400, 25_000].map(|waited| pause_after(Duration::from_millis(waited)));
        assert_eq!(pauses.map(|pause| pause.as_micros()), [3_000, 6_250, 25_000, 50_000]);
    }
}
