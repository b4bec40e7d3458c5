//! The environment of the process: its variables, and the directories that they name.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The variables that unlock an encrypted file or log in to a server. No program that we start gets them.
pub const NOT_FOR_CHILDREN: [&str; 4] =
    ["OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE", "OS_SECRETS_VAULT_SECRET_ID", "OS_SECRETS_VAULT_JWT"];

/// The variables with the token of a server. Other programs use them as well, so that only those that we start while they
/// log in to our store do not get them.
pub const TOKENS_OF_SERVERS: [&str; 2] = ["BAO_TOKEN", "VAULT_TOKEN"];

/// The variables of an environment.
pub trait Variables {
    /// The value of a variable. An empty one counts as unset.
    fn get(&self, name: &str) -> Option<OsString>;

    /// The directory that a variable names. A relative path counts as unset, as the XDG base directory specification
    /// demands.
    fn directory(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// The environment of this process. It is empty if the process has more privileges than its caller, because the
/// caller must not be able to redirect the store.
pub struct Process;

impl Variables for Process {
    fn get(&self, name: &str) -> Option<OsString> {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        (!is_privileged()).then_some(value)
    }
}

/// Whether the kernel started the process with more privileges than its caller has (`AT_SECURE`).
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn is_privileged() -> bool {
    // SAFETY: `getauxval` reads the process's auxiliary vector and has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether the process runs with more privileges than its caller has.
#[cfg(any(target_os = "freebsd", target_os = "macos"))]
#[allow(unsafe_code)]
pub fn is_privileged() -> bool {
    // SAFETY: `issetugid` has no preconditions.
    unsafe { libc::issetugid() != 0 }
}

/// Whether the process runs with more privileges than its caller has. Windows has no such processes.
#[cfg(windows)]
pub fn is_privileged() -> bool {
    false
}

/// The user's home directory: `%USERPROFILE%` on Windows, elsewhere `$HOME`.
pub fn home_directory(variables: &impl Variables) -> Option<PathBuf> {
    variables.directory(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
}

/// The directory for configuration files: `%APPDATA%` on Windows, elsewhere `$XDG_CONFIG_HOME` or `~/.config`.
pub fn configuration_directory(variables: &impl Variables) -> Option<PathBuf> {
    base_directory(variables, "XDG_CONFIG_HOME", ".config")
}

/// The directory for data files: `%APPDATA%` on Windows, elsewhere `$XDG_DATA_HOME` or `~/.local/share`.
pub fn data_directory(variables: &impl Variables) -> Option<PathBuf> {
    base_directory(variables, "XDG_DATA_HOME", ".local/share")
}

/// The directory for caches: `%LOCALAPPDATA%` on Windows, elsewhere `$XDG_CACHE_HOME`, or `~/Library/Caches` on macOS and
/// `~/.cache` on Linux.
pub fn cache_directory(variables: &impl Variables) -> Option<PathBuf> {
    if cfg!(windows) {
        return variables.directory("LOCALAPPDATA");
    }
    let usual = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    base_directory(variables, "XDG_CACHE_HOME", usual)
}

/// The directory that a login makes for what belongs to it, if the environment does not name it: `/run/user` and the user's
/// number. It need not exist. Only Linux has it.
pub fn usual_runtime_directory() -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    return Some(Path::new("/run/user").join(rustix::process::geteuid().as_raw().to_string()));
    #[cfg(not(target_os = "linux"))]
    None
}

fn base_directory(variables: &impl Variables, variable: &str, usual: &str) -> Option<PathBuf> {
    if cfg!(windows) {
        return variables.directory("APPDATA");
    }
    variables.directory(variable).or_else(|| Some(variables.directory("HOME")?.join(usual)))
}

impl<F: Fn(&str) -> Option<OsString>> Variables for F {
    fn get(&self, name: &str) -> Option<OsString> {
        self(name).filter(|value| !value.is_empty())
    }
}

/// The absolute form of a path, so that it stays the same if the process changes its working directory.
pub fn absolute_path(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
