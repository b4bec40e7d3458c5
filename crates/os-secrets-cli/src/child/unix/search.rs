//! Which file a command word means.
//!
//! The standard library would search the `PATH` that the command gets, which a dotenv file may have set.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

/// The directories to search if there is no `PATH`, as in the C library.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file that a word means, for a process that works in `directory`. If the word has no directory, searches our own
/// `PATH`. If no file there can be executed, returns one that cannot, so that the system says why.
pub fn find(word: &OsStr, directory: &Path) -> Option<PathBuf> {
    if word.as_bytes().contains(&b'/') {
        return Some(word.into());
    }
    find_in(word, directory, &env::var_os("PATH").unwrap_or(DEFAULT_PATH.into()))
}

fn find_in(word: &OsStr, directory: &Path, path: &OsStr) -> Option<PathBuf> {
    let mut refused = None;
    for listed in env::split_paths(path) {
        // An empty entry means the current directory. With the dot, the word is not searched for again.
        let listed = if listed.as_os_str().is_empty() { PathBuf::from(".") } else { listed };
        let found = listed.join(word);
        // Relative entries start in the directory of the command.
        let seen = directory.join(&found);
        if !fs::metadata(&seen).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        if access(&seen, Access::EXEC_OK).is_ok() {
            return Some(found);
        }
        refused.get_or_insert(found);
    }
    refused
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_file_that_can_be_executed_counts() {
        let root = env::temp_dir().join(format!("os-secrets-path-{}", std::process::id()));
        for (file, mode) in [
            ("one/tool", 0o644),
            ("one/plain", 0o644),
            ("two/tool", 0o755),
            ("three/tool", 0o755),
            ("top", 0o755),
        ] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(root.join("one/folder")).unwrap();
        for (word, file) in [
            ("tool", Some("two/tool")),
            ("plain", Some("one/plain")),
            ("top", Some("./top")),
            ("folder", None),
            ("nothing", None),
            ("", None),
        ] {
            let found = find_in(word.as_ref(), &root, "one::two:three".as_ref());
            assert_eq!(found.as_deref(), file.map(Path::new), "{word}");
        }
        assert_eq!(find("./x".as_ref(), &root), Some("./x".into()));
        fs::remove_dir_all(root).unwrap();
    }
}
