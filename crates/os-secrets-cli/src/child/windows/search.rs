//! Which file a command word means, as in a shell: `npm` is `npm.cmd`.
//!
//! The standard library and Windows itself would only look for `npm.exe`.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf, absolute},
};

/// The extensions of files that can be started: programs, and scripts that the standard library runs with `cmd`. Other
/// extensions in `PATHEXT` belong to documents, which a shell opens with another program.
const STARTABLE: [&str; 4] = ["com", "exe", "bat", "cmd"];

/// The file that a word means. If the word has no directory, searches the directories of our own `PATH`. The current
/// directory is searched only if it is one of them.
pub fn find(word: &OsStr, directory: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    find_in(word, directory, &path, &extensions(env::var_os("PATHEXT")))
}

fn find_in(word: &OsStr, directory: &Path, path: &OsStr, extensions: &[String]) -> Option<PathBuf> {
    let is_path = word.as_encoded_bytes().iter().any(|byte| b"/\\:".contains(byte));
    let mut names = names(word, extensions);
    let mut directories = vec![PathBuf::new()];
    if is_path {
        // The system decides whether the file itself can be started.
        names.push(word.to_owned());
    } else {
        directories = env::split_paths(path).filter(|listed| !listed.as_os_str().is_empty()).collect();
    }
    for listed in directories {
        // Relative directories start in the child's directory, as on Unix.
        let listed = directory.join(listed);
        for name in &names {
            if let Ok(file) = absolute(listed.join(name))
                && is_file(&file)
            {
                return Some(file);
            }
        }
    }
    None
}

/// The file names to look for, in order of preference.
fn names(word: &OsStr, extensions: &[String]) -> Vec<OsString> {
    let own = Path::new(word).extension().map(OsStr::to_ascii_lowercase);
    let is_whole = own.is_some_and(|own| STARTABLE.iter().any(|startable| own == *startable));
    let with = extensions.iter().map(|extension| {
        let mut name = word.to_owned();
        name.push(".");
        name.push(extension);
        name
    });
    is_whole.then(|| word.to_owned()).into_iter().chain(with).collect()
}

/// The extensions in `PATHEXT` that can be started, in its order and without the dot.
fn extensions(pathext: Option<OsString>) -> Vec<String> {
    let listed = pathext.and_then(|listed| listed.into_string().ok()).unwrap_or_default();
    let known = listed.split(';').filter_map(|extension| extension.trim().strip_prefix('.'));
    let known: Vec<_> =
        known.map(str::to_ascii_lowercase).filter(|known| STARTABLE.contains(&&**known)).collect();
    if known.is_empty() { STARTABLE.map(String::from).into() } else { known }
}

/// Whether the path exists and is no directory. Links count without being followed: those to programs of the Microsoft
/// Store can be started, but not opened.
fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_counts_and_then_the_first_extension() {
        let root = env::temp_dir().join(format!("os-secrets-search-{}", std::process::id()));
        for file in
            ["one/npm", "one/npm.cmd", "one/webpack.js", "two/npm.exe", "two/tool.bat", "two/tool.exe"]
                .into_iter()
                .chain(["two/webpack.js.cmd", "two/plain", "two/directory.exe/x"])
        {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let path = env::join_paths(["one", "", "two"].map(PathBuf::from)).unwrap();
        let extensions = extensions(Some(".COM;.EXE;.BAT;.CMD;.JS".into()));
        for (word, file) in [
            ("npm", Some("one/npm.cmd")),
            ("NPM.cmd", Some("one/npm.cmd")),
            ("npm.exe", Some("two/npm.exe")),
            ("tool", Some("two/tool.exe")),
            ("tool.bat", Some("two/tool.bat")),
            ("webpack.js", Some("two/webpack.js.cmd")),
            ("./two/tool", Some("two/tool.exe")),
            ("two\\tool.bat", Some("two/tool.bat")),
            ("./two/plain", Some("two/plain")),
            ("plain", None),
            ("directory", None),
            ("./npm", None),
            ("nothing", None),
        ] {
            let found = find_in(word.as_ref(), &root, &path, &extensions);
            let told = |path: PathBuf| path.to_string_lossy().to_lowercase();
            let expected = file.map(|file| told(absolute(root.join(file)).unwrap()));
            assert_eq!(found.map(told), expected, "{word}");
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn only_what_can_be_started_counts() {
        assert_eq!(extensions(Some(".CMD;.VBS; .exe;JS;.JS".into())), ["cmd", "exe"]);
        for none in [None, Some("".into()), Some(".JS".into())] {
            assert_eq!(extensions(none), STARTABLE);
        }
    }
}
