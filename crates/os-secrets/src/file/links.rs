//! Unix: following the symbolic links on the way to a file whose content must not come from another user.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf, absolute},
};

use super::{
    failure,
    os::has_access_list,
    writers::{Advice, check_owner, check_writers},
};
use crate::error::Error;

/// The maximum number of symbolic links on the way to a file, as on Linux.
const MAX_LINKS: u32 = 40;
/// The bit in the mode of a directory in which users can replace only their own files, such as `/tmp`.
const STICKY: u32 = 0o1000;

const ADVICE: Advice<'static> = Advice {
    owner: "Run the program as that user, or use another file; or check its content, and run as root",
    mode: "Run",
    check_link: "Check where the symbolic link leads",
    link: None,
};

/// Follows the symbolic links on the way to a file, as a volume of Kubernetes has them. Returns the path without links,
/// or `None` if there is no such file.
///
/// # Errors
///
/// [`Error::Untrusted`] if another user could have put a link or the file there: each link, its directory and the file's
/// directory must belong to this user or to root, and nobody else may write the directories. In directories such as
/// `/tmp` others may write, because they cannot replace what is not theirs. [`Error::File`] if something on the way
/// cannot be read.
pub fn follow_links(path: &Path) -> Result<Option<PathBuf>, Error> {
    follow(path, &ADVICE)
}

/// As [`follow_links`], with this advice in errors.
pub(super) fn follow(path: &Path, advice: &Advice<'_>) -> Result<Option<PathBuf>, Error> {
    let fail = |error| failure("Cannot read", advice.link.unwrap_or(path), error);
    let mut names = split(&absolute(path).map_err(fail)?);
    let (mut found, mut links) = (PathBuf::from("/"), 0);
    while let Some(name) = names.pop_front() {
        if name == ".." {
            found.pop();
            continue;
        }
        let next = found.join(name);
        let metadata = match fs::symlink_metadata(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Another user could have removed the file.
                return if names.is_empty() {
                    check_directory(&found, advice).map(|()| None)
                } else {
                    Ok(None)
                };
            }
            metadata => metadata.map_err(fail)?,
        };
        if !metadata.is_symlink() {
            found = next;
            continue;
        }
        check_directory(&found, advice)?;
        check_owner(&next, &metadata, advice)?;
        links += 1;
        if links > MAX_LINKS {
            return Err(fail(io::Error::other("there are too many symbolic links on the way to it")));
        }
        let target = fs::read_link(&next).map_err(fail)?;
        if target.has_root() {
            found = PathBuf::from("/");
        }
        let mut rest = split(&target);
        rest.append(&mut names);
        names = rest;
    }
    if let Some(directory) = found.parent() {
        check_directory(directory, advice)?;
    }
    Ok(Some(found))
}

/// The names in a path, and its `..`.
fn split(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.map(|part| part.as_os_str().to_owned()).collect()
}

/// Checks that nobody but this user and root can replace the files of this user and root in a directory.
fn check_directory(path: &Path, advice: &Advice<'_>) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|error| failure("Cannot read", path, error))?;
    if metadata.mode() & STICKY != 0 {
        check_owner(path, &metadata, advice)
    } else {
        check_writable(path, &metadata, advice)
    }
}

/// Checks that nobody but this user and root can write a file, or create and replace files in a directory.
///
/// # Errors
///
/// [`Error::Untrusted`].
pub fn check_trusted(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    check_writable(path, metadata, &ADVICE)
}

/// As [`check_trusted`], with this advice in errors.
fn check_writable(path: &Path, metadata: &Metadata, advice: &Advice<'_>) -> Result<(), Error> {
    // If a directory cannot be opened, it is not known whether it has a list.
    let has_list = || !File::open(path).is_ok_and(|file| !has_access_list(&file));
    check_writers(path, metadata, has_list, advice)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::file::make_directory;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path =
                std::env::temp_dir().join(format!("os-secrets-links-{:016x}", getrandom::u64().unwrap()));
            make_directory(&path).unwrap();
            Self(fs::canonicalize(path).unwrap())
        }

        fn set_mode(&self, name: &str, mode: u32) {
            fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn trusted_links_are_followed_to_the_file() {
        let folder = Folder::new();
        let at = |name: &str| folder.0.join(name);
        fs::create_dir_all(at("..2026/deep")).unwrap();
        fs::write(at("..2026/deep/file"), "").unwrap();
        symlink("..2026", at("..data")).unwrap();
        symlink("..data/deep/../deep/file", at("file")).unwrap();
        symlink(at("file"), at("absolute")).unwrap();
        symlink("itself", at("itself")).unwrap();
        symlink("missing", at("dangling")).unwrap();
        let whole = Some(at("..2026/deep/file"));
        for path in ["file", "absolute", "..data/deep/file", "./..data/../file"] {
            assert_eq!(follow_links(&at(path)), Ok(whole.clone()), "{path}");
        }
        assert_eq!(follow_links(&at("dangling")), Ok(None));
        assert_eq!(follow_links(&at("missing/file")), Ok(None));
        assert!(follow_links(&at("itself")).unwrap_err().to_string().contains("too many symbolic links"));
    }

    #[test]
    fn what_another_user_could_have_put_there_is_refused() {
        let folder = Folder::new();
        let at = |name: &str| folder.0.join(name);
        fs::create_dir(at("deep")).unwrap();
        fs::write(at("deep/file"), "").unwrap();
        symlink("deep/file", at("link")).unwrap();
        for (directory, path) in
            [("deep", "deep/file"), ("deep", "link"), ("deep", "deep/missing"), (".", "link")]
        {
            folder.set_mode(directory, 0o777);
            let error = follow_links(&at(path)).unwrap_err();
            let found = fs::canonicalize(at(directory)).unwrap();
            assert!(matches!(&error, Error::Untrusted { path, .. } if *path == found), "{error}");
            assert!(error.to_string().ends_with(&format!("Run: chmod go-w {}", found.display())), "{error}");
            // In such a directory, others cannot replace what is ours.
            folder.set_mode(directory, 0o1777);
            follow_links(&at(path)).unwrap();
            folder.set_mode(directory, 0o700);
        }
        // Only root can give a link to another user.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(at("link"), Some(12345), None).unwrap();
            let error = follow_links(&at("link")).unwrap_err().to_string();
            assert!(error.contains("is a symbolic link that belongs to the user 12345"), "{error}");
        }
    }
}
