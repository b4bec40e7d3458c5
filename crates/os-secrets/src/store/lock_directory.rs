//! The directory for the locks of a user.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    environment::{Variables, cache_directory, usual_runtime_directory},
    error::Error,
    file::{self, failure},
};

/// The directories in which the locks of a user may lie.
#[derive(Clone, Default, Debug)]
pub struct LockDirectories {
    /// The directory for what belongs to the user's login: `$XDG_RUNTIME_DIR`, or without it the usual one, because cron
    /// does not set the variable. Only on Linux.
    runtime: Option<PathBuf>,
    /// The directory for the user's caches.
    cache: Option<PathBuf>,
}

impl LockDirectories {
    /// Reads them from an environment.
    pub fn read(variables: &impl Variables) -> Self {
        Self::read_with(variables, usual_runtime_directory())
    }

    /// As [`read`](Self::read). `usual` is the runtime directory of a user whose environment does not name it.
    fn read_with(variables: &impl Variables, usual: Option<PathBuf>) -> Self {
        let named = variables.directory("XDG_RUNTIME_DIR").filter(|_| cfg!(target_os = "linux"));
        Self { runtime: named.or(usual), cache: cache_directory(variables) }
    }

    /// The directory for locks: in the first of the two if it exists and only this user has access to it, else in the
    /// second. It need not exist.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if the user has none.
    pub fn find(&self) -> Result<PathBuf, Error> {
        let is_own =
            |path: &&PathBuf| fs::metadata(path).is_ok_and(|found| file::check_private(path, &found).is_ok());
        match (self.runtime.as_ref().filter(is_own), &self.cache) {
            (Some(runtime), _) => Ok(runtime.join("os-secrets")),
            (None, Some(cache)) => Ok(cache.join("os-secrets").join("locks")),
            (None, None) => Err(Error::InvalidSetting(format!(
                "There is no directory for locks, because {} is not set. Set it to a directory of the user",
                if cfg!(windows) { "LOCALAPPDATA" } else { "HOME" }
            ))),
        }
    }
}

/// Creates the directory for locks, and checks that nobody else can use it.
///
/// # Errors
///
/// [`Error::File`] and [`Error::NotPrivate`].
pub fn prepare_directory(directory: &Path) -> Result<(), Error> {
    file::check_creator(directory)?;
    file::make_directory(directory)
        .map_err(|error| add_advice(failure("Cannot create the directory for locks", directory, error)))?;
    let fail = |error| failure("Cannot use the directory for locks", directory, error);
    let found = fs::symlink_metadata(directory).map_err(fail)?;
    if found.is_symlink() {
        return Err(fail(file::symbolic_link()));
    }
    file::check_private(directory, &found)
}

/// Adds to the error of the directory for locks which variable leads to another directory.
fn add_advice(mut error: Error) -> Error {
    if let Error::File { reason, .. } = &mut error {
        let variable = if cfg!(windows) {
            "LOCALAPPDATA"
        } else if cfg!(target_os = "linux") {
            "XDG_RUNTIME_DIR or XDG_CACHE_HOME"
        } else {
            "XDG_CACHE_HOME"
        };
        *reason = format!("{reason}. Set {variable} to a private directory that this user can write").into();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_directory() -> PathBuf {
        let path = std::env::temp_dir()
            .join(format!("os-secrets-lock-directory-{:016x}", getrandom::u64().unwrap()));
        file::make_directory(&path).unwrap();
        path
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn locks_are_in_the_runtime_directory_if_only_the_user_has_access_to_it() {
        use std::os::unix::fs::PermissionsExt;

        let directory = make_directory();
        let variables = |name: &str| match name {
            "XDG_RUNTIME_DIR" => Some(directory.clone().into_os_string()),
            "HOME" => Some("/home/me".into()),
            _ => None,
        };
        let found = || LockDirectories::read_with(&variables, None).find().unwrap();
        assert_eq!(found(), directory.join("os-secrets"));
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(found(), Path::new("/home/me/.cache/os-secrets/locks"));
        fs::remove_dir(&directory).unwrap();
        assert_eq!(found(), Path::new("/home/me/.cache/os-secrets/locks"));
        assert!(LockDirectories::read_with(&|_: &str| None, None).find().is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_without_xdg_runtime_dir_uses_the_same_directory_as_one_with_it() {
        let base = make_directory();
        let named = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| base.clone().into_os_string());
        let unnamed = |name: &str| (name == "HOME").then(|| "/home/me".into());
        let find = |usual| LockDirectories::read_with(&unnamed, Some(usual)).find().unwrap();
        assert_eq!(find(base.clone()), LockDirectories::read_with(&named, None).find().unwrap());
        // The variable is obeyed.
        let other = LockDirectories::read_with(&named, Some("/".into())).find().unwrap();
        assert_eq!(other, base.join("os-secrets"));
        fs::remove_dir(&base).unwrap();
        assert_eq!(find(base), Path::new("/home/me/.cache/os-secrets/locks"));
    }

    #[test]
    fn the_error_for_a_directory_that_cannot_be_made_says_which_variable_to_set() {
        let parent = make_directory();
        let file = parent.join("file");
        fs::write(&file, "").unwrap();
        let message = prepare_directory(&file.join("locks")).unwrap_err().to_string();
        assert!(message.starts_with("Cannot create the directory for locks "), "{message}");
        let variable = if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_CACHE_HOME" };
        let advice = format!("{variable} to a private directory that this user can write");
        assert!(message.ends_with(&advice), "{message}");
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_directory_that_others_can_use_is_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let parent = make_directory();
        let directory = parent.join("locks");
        prepare_directory(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(prepare_directory(&directory), Err(Error::NotPrivate { .. })));
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        let link = parent.join("link");
        symlink(&directory, &link).unwrap();
        assert!(matches!(prepare_directory(&link), Err(Error::File { .. })));
        fs::remove_dir_all(parent).unwrap();
    }
}
