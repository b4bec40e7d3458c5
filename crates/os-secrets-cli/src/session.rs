//! What the user was told already in this session of a terminal.

use std::path::Path;

/// Whether the user has seen on this terminal that the encrypted file at a path is used. The next time, they have.
///
/// Only on Unix, and only if there is a directory for what belongs to the user's login (`XDG_RUNTIME_DIR`).
#[cfg(unix)]
pub fn has_seen_store(path: &Path) -> bool {
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
    let has_seen = read(&note).is_ok_and(|seen| seen.is_some_and(|seen| *seen == *path));
    if !has_seen {
        // If it cannot be kept, the user sees it again.
        let _ = write(&note, path);
    }
    has_seen
}

/// Whether the user has seen on this terminal that the encrypted file at a path is used. It is not known on Windows.
#[cfg(windows)]
pub fn has_seen_store(_: &Path) -> bool {
    false
}
