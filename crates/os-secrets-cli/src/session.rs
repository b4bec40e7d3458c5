//! What the user was told already in this session of a terminal.

use std::path::Path;

/// Notes that the user is told on this terminal that the encrypted file at a path is used. Returns whether they were told
/// already.
///
/// Only on Unix. The note is in the directory for what belongs to the user's login (`XDG_RUNTIME_DIR`), else among the
/// user's caches.
#[cfg(unix)]
pub fn note_store(path: &Path) -> bool {
    use std::{
        io::{IsTerminal, stderr},
        os::unix::ffi::OsStrExt,
    };

    use os_secrets::file::{read, write};

    if !stderr().is_terminal() {
        return false;
    }
    let (Some(notes), Some(session)) = (notes_path(), session_name()) else { return false };
    let known = read(&notes).ok().flatten().unwrap_or_default();
    let (known, was_told) = add_note(&known, [session.as_bytes(), path.as_os_str().as_bytes()]);
    if let Some(known) = known {
        // If it cannot be kept, the user is told again.
        let _ = write(&notes, &known);
    }
    was_told
}

/// Notes nothing: on Windows, sessions of a terminal are not told apart.
#[cfg(windows)]
pub fn note_store(_: &Path) -> bool {
    false
}

/// The number of notes that are kept, so that the file does not grow for ever.
#[cfg(unix)]
const KEPT: usize = 64;

/// The file with the notes. Its directory exists.
#[cfg(unix)]
fn notes_path() -> Option<std::path::PathBuf> {
    use os_secrets::{
        environment::{Process, Variables, cache_directory},
        file::{check_creator, make_directory},
    };

    if let Some(runtime) = Process.directory("XDG_RUNTIME_DIR") {
        return Some(runtime.join("os-secrets-told"));
    }
    let directory = cache_directory(&Process)?.join("os-secrets");
    let notes = directory.join("told");
    check_creator(&notes).ok()?;
    make_directory(&directory).ok()?;
    Some(notes)
}

/// Tells the session from others, also from later ones whose leader has the same process ID, if the system shows when the
/// leader was started.
#[cfg(unix)]
fn session_name() -> Option<String> {
    let leader = rustix::process::getsid(None).ok()?.as_raw_nonzero();
    let stat = std::fs::read_to_string(format!("/proc/{leader}/stat")).unwrap_or_default();
    // The name of the program may contain spaces and parentheses.
    let start = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(19));
    Some(format!("{leader} {}", start.unwrap_or_default()))
}

/// Adds a note, a session and a path, to those of a file. Returns the new content of the file, if it changes, and whether
/// the note was there.
#[cfg(unix)]
fn add_note(known: &[u8], note: [&[u8]; 2]) -> (Option<Vec<u8>>, bool) {
    let texts: Vec<_> = known.split(|byte| *byte == 0).collect();
    let notes: Vec<_> = texts.chunks_exact(2).collect();
    if notes.iter().any(|other| **other == note) {
        return (None, true);
    }
    let kept = notes.iter().skip((notes.len() + 1).saturating_sub(KEPT)).copied().chain([&note[..]]);
    (Some(kept.flatten().flat_map(|text| text.iter().copied().chain([0])).collect()), false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_known_in_its_session_only_until_others_follow() {
        let mut file = Vec::new();
        let mut add = |session: &str, path: &str| {
            let (new, was_there) = add_note(&file, [session.as_bytes(), path.as_bytes()]);
            assert_eq!(new.is_none(), was_there);
            file = new.unwrap_or(std::mem::take(&mut file));
            (was_there, file.len())
        };
        assert!(!add("1 5", "/a").0 && add("1 5", "/a").0);
        assert!(!add("1 6", "/a").0 && !add("1 5", "/b").0 && !add("1 5", "").0);
        assert!(add("1 5", "/a").0 && add("1 6", "/a").0 && add("1 5", "/b").0 && add("1 5", "").0);
        let sizes: Vec<_> = (100..300).map(|session| add(&session.to_string(), "/a").1).collect();
        assert_eq!(sizes[KEPT], sizes[199]);
        assert!(!add("1 5", "/a").0 && add("299", "/a").0);
        // What is damaged is begun anew.
        assert_eq!(add_note(b"x", [b"1", b"/a"]), (Some(b"1\0/a\0".to_vec()), false));
    }
}
