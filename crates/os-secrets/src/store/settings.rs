//! What the environment says of the store, read once: which one, and where it is.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{exec, file};
use crate::error::Error;

/// The variables of an environment.
pub trait Variables {
    /// The value of a variable; an empty one counts as none.
    fn get(&self, name: &str) -> Option<OsString>;

    /// The directory that a variable names; as the base directory specification has it, a relative path
    /// counts as none.
    fn directory(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// The environment of this process, or nothing where that is not to be trusted: in a process with more
/// privileges than its caller has.
pub struct Process;

impl Variables for Process {
    fn get(&self, name: &str) -> Option<OsString> {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        (!is_privileged()).then_some(value)
    }
}

#[cfg(target_os = "linux")]
use super::linux::environment::is_privileged;
#[cfg(target_os = "macos")]
use super::macos::environment::is_privileged;

/// Whether the process has more privileges than who has started it: no such thing is here.
#[cfg(windows)]
fn is_privileged() -> bool {
    false
}

/// Where programs keep their configuration: `%APPDATA%` on Windows; elsewhere `$XDG_CONFIG_HOME`, or
/// `~/.config`.
pub fn configuration_directory(variables: &impl Variables) -> Option<PathBuf> {
    base_directory(variables, "XDG_CONFIG_HOME", ".config")
}

/// Where programs keep their data: `%APPDATA%` on Windows; elsewhere `$XDG_DATA_HOME`, or `~/.local/share`.
pub fn data_directory(variables: &impl Variables) -> Option<PathBuf> {
    base_directory(variables, "XDG_DATA_HOME", ".local/share")
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

/// A store that the environment may choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    /// The operating system's.
    Os,
    /// The encrypted file.
    File,
}

/// The settings of the process, as they were when they were first asked for.
pub struct Settings {
    /// `OS_SECRETS_PROVIDER`, else the operating system's.
    pub provider: Result<Provider, Error>,
    /// Where the encrypted file is, and what unlocks it.
    pub file: file::Defaults,
    /// What programs that keep credentials are given of the environment.
    pub helpers: Vec<(String, OsString)>,
}

impl Settings {
    /// Reads those of an environment.
    pub fn read(variables: &impl Variables) -> Self {
        let provider = match variables.get("OS_SECRETS_PROVIDER") {
            None => Ok(Provider::Os),
            Some(text) if text == "os" => Ok(Provider::Os),
            Some(text) if text == "file" => Ok(Provider::File),
            Some(text) => Err(Error::InvalidSetting(format!(
                "OS_SECRETS_PROVIDER must be os or file, and is {text:?}; other stores are chosen in a \
                 program's code"
            ))),
        };
        let file = file::Defaults::read(variables);
        Self { provider, file, helpers: exec::environment(variables) }
    }
}

/// A path as it is now, whatever directory the process works in later.
pub fn fixed(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_one_of_two() {
        let provider = |text: &str| {
            Settings::read(&|name: &str| (name == "OS_SECRETS_PROVIDER").then(|| text.into())).provider
        };
        assert_eq!(provider(""), Ok(Provider::Os));
        assert_eq!(provider("os"), Ok(Provider::Os));
        assert_eq!(provider("file"), Ok(Provider::File));
        for bad in ["memory", "exec", "File", " os"] {
            let error = provider(bad).unwrap_err();
            assert_eq!(error.code(), "ERR_SECRETS_INVALID_SETTING");
            assert!(error.to_string().starts_with("OS_SECRETS_PROVIDER must be os or file"), "{error}");
        }
    }
}
