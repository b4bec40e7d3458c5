//! What the user was told already in this session of a terminal.

use std::path::Path;

/// Notes that the user is told on this terminal that the encrypted file at a path is used. Returns whether they were told
/// already.
///
/// Only on Unix, and only if there is a directory for what belongs to the user's login (`XDG_RUNTIME_DIR`).
#[cfg(unix)]
pub fn note_store(path: &Path) -> bool {
    use std::{
        io::{IsTerminal, stderr},
        os::unix::ffi::OsStrExt,
        path::PathBuf,
    };

    use os_secrets::{
        environment::{Process, Variables},
        file::{read, write},
    };

    if !stderr().is_terminal() {
        return false;
    }
    let directory = Process.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let (Some(directory), Ok(session)) = (directory, rustix::process::getsid(None)) else { return false };
    let note = directory.join(format!("os-secrets-store-{}", session.as_raw_nonzero()));
    let path = path.as_os_str().as_bytes();
    let was_told = read(&note).is_ok_and(|told| told.is_some_and(|told| *told == *path));
    if !was_told {
        // If it cannot be kept, the user is told again.
        let _ = write(&note, path);
    }
    was_told
}

/// Notes nothing: on Windows, sessions of a terminal are not told apart.
#[cfg(windows)]
pub fn note_store(_: &Path) -> bool {
    false
}
