//! The settings, read once per process: the environment (`OS_SECRETS_*`), else the user's settings file.

use std::{ffi::OsString, time::Duration};

pub use super::kind::StoreKind;
use super::{
    exec, file,
    lock_directory::LockDirectories,
    settings_file::{Origin, SettingsFile},
    vault,
};
use crate::{environment::Variables, error::Error};

/// The deadline of a message to the Secret Service if `OS_SECRETS_TIMEOUT` is not set. It is that of GDBus.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);
/// The longest deadline that can be set, in milliseconds: JavaScript's timers end there, too.
const MAX_TIMEOUT: u64 = i32::MAX as u64;

/// The settings of the process. A wrong one is kept as an error, which the calls that need it return.
pub struct Settings {
    /// `OS_SECRETS_PROVIDER`: which store to use. The default is the operating system's. If the settings file is refused,
    /// this is the reason, even if the environment names a store: half of the settings could be those of the file.
    pub kind: Result<StoreKind, Error>,
    /// Where [`kind`](Self::kind) comes from.
    pub kind_origin: Origin,
    /// `OS_SECRETS_TIMEOUT` in milliseconds: the deadline for connecting to the bus, and for the reply to each message.
    /// The default is [`DEFAULT_TIMEOUT`]. For a server of Vault or OpenBao, and a store that the program provides, it is the
    /// deadline of a call that has no other.
    pub timeout: Result<Duration, Error>,
    /// The path of the encrypted file, and what unlocks it.
    pub file: file::Defaults,
    /// The server of Vault or OpenBao, and how to log in to it.
    pub vault: vault::Defaults,
    /// The variables that credential helpers get.
    pub helpers: Vec<(String, OsString)>,
    /// Where the locks of credentials lie.
    pub locks: LockDirectories,
    /// The user's settings file.
    pub settings_file: SettingsFile,
}

impl Settings {
    /// Reads the settings from an environment, and from the settings file of its user.
    pub fn read(variables: &impl Variables) -> Self {
        let settings_file = SettingsFile::read(variables);
        let named = settings_file.settings();
        let in_file = named.as_ref().ok().and_then(|named| named.store);
        let kind = match variables.get("OS_SECRETS_PROVIDER") {
            None => Ok(in_file.unwrap_or(StoreKind::Os)),
            Some(text) if text == "os" => Ok(StoreKind::Os),
            Some(text) if text == "file" => Ok(StoreKind::File),
            Some(text) if text == "memory" => Ok(StoreKind::Memory),
            Some(text) if text == "vault" => Ok(StoreKind::Vault),
            Some(text) => Err(Error::InvalidSetting(format!(
                "OS_SECRETS_PROVIDER must be os, file, vault or memory, and is {text:?}. Other stores can only be chosen in a program's code"
            ))),
        };
        let timeout =
            variables.get("OS_SECRETS_TIMEOUT").map_or(Ok(DEFAULT_TIMEOUT), |text| parse_timeout(&text));
        let kind_origin = Origin::find(variables, "OS_SECRETS_PROVIDER", in_file.is_some());
        Self {
            kind: named.and(kind),
            kind_origin,
            timeout,
            file: file::Defaults::read(variables, &settings_file),
            vault: vault::Defaults::read(variables),
            helpers: exec::inherited_environment(variables),
            locks: LockDirectories::read(variables),
            settings_file,
        }
    }
}

fn parse_timeout(text: &OsString) -> Result<Duration, Error> {
    parse_milliseconds(text.to_str().unwrap_or_default()).map_err(|range| {
        Error::InvalidSetting(format!("OS_SECRETS_TIMEOUT must be {range}, and is {text:?}"))
    })
}

/// Parses a timeout in milliseconds.
///
/// # Errors
///
/// What the text must be, if it is not. It follows "must be".
pub(crate) fn parse_milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(milliseconds @ 1..=MAX_TIMEOUT) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(format!("a whole number of milliseconds from 1 to {MAX_TIMEOUT}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn the_provider_is_one_of_four() {
        let provider = |text: &str| {
            Settings::read(&|name: &str| (name == "OS_SECRETS_PROVIDER").then(|| text.into())).kind
        };
        assert_eq!(provider(""), Ok(StoreKind::Os));
        assert_eq!(provider("os"), Ok(StoreKind::Os));
        assert_eq!(provider("file"), Ok(StoreKind::File));
        assert_eq!(provider("memory"), Ok(StoreKind::Memory));
        assert_eq!(provider("vault"), Ok(StoreKind::Vault));
        for bad in ["exec", "Memory", "File", " os"] {
            let error = provider(bad).unwrap_err();
            assert_eq!(error.code(), Code::InvalidSetting);
            assert!(
                error.to_string().starts_with("OS_SECRETS_PROVIDER must be os, file, vault or memory"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_timeout_is_a_number_of_milliseconds() {
        let read = |text: &str| {
            Settings::read(&|name: &str| (name == "OS_SECRETS_TIMEOUT").then(|| text.into())).timeout
        };
        assert_eq!(read(""), Ok(DEFAULT_TIMEOUT));
        assert_eq!(read("1500"), Ok(Duration::from_millis(1500)));
        for bad in ["0", "-1", "1.5", "1e3", "25s", " 5", "2147483648", "x"] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.code(), Code::InvalidSetting);
            assert!(error.to_string().contains("OS_SECRETS_TIMEOUT"), "{error}");
        }
    }
}
