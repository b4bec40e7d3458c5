//! The settings, read once per process: the environment (`OS_SECRETS_*`), else the user's settings file.

use std::{ffi::OsString, time::Duration};

pub use super::kind::StoreKind;
use super::{
    exec, file,
    settings_file::{Origin, SettingsFile},
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
    /// The default is [`DEFAULT_TIMEOUT`]. Only the Secret Service uses it.
    pub timeout: Result<Duration, Error>,
    /// The path of the encrypted file, and what unlocks it.
    pub file: file::Defaults,
    /// The variables that credential helpers get.
    pub helpers: Vec<(String, OsString)>,
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
            Some(text) => Err(Error::InvalidSetting(format!(
                "OS_SECRETS_PROVIDER must be os, file or memory, and is {text:?}. Other stores can only be chosen in a program's code"
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
            helpers: exec::inherited_environment(variables),
            settings_file,
        }
    }
}

fn parse_timeout(text: &OsString) -> Result<Duration, Error> {
    match text.to_str().and_then(|text| text.parse().ok()) {
        Some(milliseconds @ 1..=MAX_TIMEOUT) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(Error::InvalidSetting(format!(
            "OS_SECRETS_TIMEOUT must be a whole number of milliseconds from 1 to {MAX_TIMEOUT}, and is {text:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn the_provider_is_one_of_three() {
        let provider = |text: &str| {
            Settings::read(&|name: &str| (name == "OS_SECRETS_PROVIDER").then(|| text.into())).kind
        };
        assert_eq!(provider(""), Ok(StoreKind::Os));
        assert_eq!(provider("os"), Ok(StoreKind::Os));
        assert_eq!(provider("file"), Ok(StoreKind::File));
        assert_eq!(provider("memory"), Ok(StoreKind::Memory));
        for bad in ["exec", "Memory", "File", " os"] {
            let error = provider(bad).unwrap_err();
            assert_eq!(error.code(), Code::InvalidSetting);
            assert!(
                error.to_string().starts_with("OS_SECRETS_PROVIDER must be os, file or memory"),
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
