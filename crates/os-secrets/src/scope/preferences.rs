//! The user scope of `bus-secrets`: BusDK's preferences file.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{FoundSecrets, Name, collect_names};
use crate::{
    credential::Secret,
    environment::{Process, Variables, configuration_directory},
    error::Error,
    executor::{Lane, Purpose},
    file::{Access, LockedDirectory, check_creator, failure, make_directory, read},
    json::Document,
};

const FILE: &str = "preferences.json";
const VALUES: [&str; 1] = ["values"];
const PREFIX: &str = "secrets.";
/// The content of a new file.
const EMPTY: &[u8] = br#"{"version":1}"#;

/// BusDK's preferences: `{"version": 1, "values": {"secrets.<name>": "…"}}`, in a private file.
#[derive(Clone, Debug)]
pub struct Preferences {
    path: PathBuf,
}

impl Preferences {
    /// The user's preferences, at the path that BusDK uses. That is the first of these:
    ///
    /// 1. `BUS_PREFERENCES_PATH`, if it is set;
    /// 2. `preferences.json` in `BUS_CONFIG_DIR`, if that is set;
    /// 3. `bus/preferences.json` in `XDG_CONFIG_HOME` or `~/.config`, if that file exists (newer versions of BusDK);
    /// 4. `busdk/preferences.json` in the same directory.
    ///
    /// On Windows the last two are in `Bus` and `BusDK` in `%APPDATA%`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if the environment names none of these directories.
    pub fn of_user() -> Result<Self, Error> {
        Self::locate(&Process, Path::exists)
    }

    fn locate(variables: &impl Variables, exists: impl Fn(&Path) -> bool) -> Result<Self, Error> {
        if let Some(path) = variables.get("BUS_PREFERENCES_PATH") {
            return Ok(Self { path: path.into() });
        }
        if let Some(directory) = variables.get("BUS_CONFIG_DIR") {
            return Ok(Self { path: Path::new(&directory).join(FILE) });
        }
        let configuration = configuration_directory(variables).ok_or_else(|| {
            Error::InvalidSetting(format!(
                "The path of BusDK's preferences is not known. Set {} or BUS_PREFERENCES_PATH",
                if cfg!(windows) { "APPDATA" } else { "HOME, XDG_CONFIG_HOME" }
            ))
        })?;
        let [newer, older] = if cfg!(windows) { ["Bus", "BusDK"] } else { ["bus", "busdk"] };
        let newer = configuration.join(newer).join(FILE);
        let path = if exists(&newer) { newer } else { configuration.join(older).join(FILE) };
        Ok(Self { path })
    }

    /// The lane for work on the file.
    pub fn lane(&self, purpose: Purpose) -> Lane {
        Lane::for_file(&self.path, purpose)
    }

    /// Reads secrets. The result has no entry for a name that does not exist.
    pub fn get_all(&self, names: &BTreeSet<Name>) -> Result<FoundSecrets, Error> {
        let mut found = FoundSecrets::new();
        let Some(bytes) = read(&self.path)? else { return Ok(found) };
        let document = self.parse(&bytes)?;
        for name in names {
            found.extend(document.text(&VALUES, &member_name(name))?.map(|secret| (name.clone(), secret)));
        }
        Ok(found)
    }

    /// The names of all secrets.
    pub fn list(&self) -> Result<BTreeSet<Name>, Error> {
        let Some(bytes) = read(&self.path)? else { return Ok(BTreeSet::new()) };
        let document = self.parse(&bytes)?;
        let names = document.names(&VALUES)?;
        Ok(collect_names(
            names.filter_map(|member| Name::parse(member.strip_prefix(PREFIX)?.as_bytes()).ok()),
        ))
    }

    /// Stores a secret. Creates the file and its directory if they are missing.
    pub fn set(&self, name: &Name, value: &Secret) -> Result<(), Error> {
        let text = str::from_utf8(value.expose()).map_err(|_| Error::InvalidData)?;
        check_creator(&self.path)?;
        if let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            make_directory(parent).map_err(|error| failure("Cannot create", parent, error))?;
        }
        let directory = LockedDirectory::lock(&self.path)?;
        let bytes = read(&self.path)?;
        let mut document = self.parse(bytes.as_ref().map_or(EMPTY, |bytes| bytes))?;
        document.set(&VALUES, &member_name(name), text)?;
        document.sort(&VALUES)?;
        directory.replace(&self.path, &document.to_bytes(), Access::Private)
    }

    /// Deletes a secret, and returns whether it existed.
    pub fn delete(&self, name: &Name) -> Result<bool, Error> {
        if read(&self.path)?.is_none() {
            return Ok(false);
        }
        let directory = LockedDirectory::lock(&self.path)?;
        let Some(bytes) = read(&self.path)? else { return Ok(false) };
        let mut document = self.parse(&bytes)?;
        if !document.remove(&VALUES, &member_name(name))? {
            return Ok(false);
        }
        directory.replace(&self.path, &document.to_bytes(), Access::Private).map(|()| true)
    }

    fn parse<'a>(&'a self, bytes: &'a [u8]) -> Result<Document<'a>, Error> {
        let document = Document::parse(&self.path, bytes)?;
        match document.is_number("version", 1.0)? {
            None | Some(true) => Ok(document),
            Some(false) => {
                Err(document.error("is of a version that this os-secrets does not know; it knows version 1"))
            }
        }
    }
}

/// The name of a secret's member in the file.
fn member_name(name: &Name) -> String {
    format!("{PREFIX}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(variables: &[(&str, &str)], there: &str) -> Option<String> {
        let variables: std::collections::HashMap<_, _> = variables.iter().copied().collect();
        let found = Preferences::locate(
            &|name: &str| variables.get(name).map(std::ffi::OsString::from),
            |path: &Path| path == Path::new(there),
        );
        found.ok().map(|found| found.path.to_string_lossy().into_owned())
    }

    #[test]
    #[cfg(windows)]
    fn the_file_is_found_as_busdk_finds_it() {
        let all = [("BUS_PREFERENCES_PATH", r"C:\p.json"), ("BUS_CONFIG_DIR", r"C:\c"), ("APPDATA", r"C:\a")];
        let expected = [r"C:\p.json", r"C:\c\preferences.json", r"C:\a\BusDK\preferences.json"];
        for (from, expected) in expected.iter().enumerate() {
            assert_eq!(path(&all[from..], "").as_deref(), Some(*expected));
        }
        let newer = r"C:\a\Bus\preferences.json";
        assert_eq!(path(&all[2..], newer).as_deref(), Some(newer));
        assert_eq!(path(&[("HOME", r"C:\h")], ""), None);
    }

    #[test]
    #[cfg(unix)]
    fn the_file_is_found_as_busdk_finds_it() {
        let all = [
            ("BUS_PREFERENCES_PATH", "/p.json"),
            ("BUS_CONFIG_DIR", "/c"),
            ("XDG_CONFIG_HOME", "/x"),
            ("HOME", "/h"),
        ];
        let expected = ["/p.json", "/c/preferences.json", "/x/busdk/preferences.json"];
        for (from, expected) in expected.iter().enumerate() {
            assert_eq!(path(&all[from..], "").as_deref(), Some(*expected));
        }
        assert_eq!(path(&all[3..], "").as_deref(), Some("/h/.config/busdk/preferences.json"));
        assert_eq!(path(&all[2..], "/x/bus/preferences.json").as_deref(), Some("/x/bus/preferences.json"));
        assert_eq!(path(&all[1..], "/x/bus/preferences.json").as_deref(), Some("/c/preferences.json"));
        let relative = [("XDG_CONFIG_HOME", "x"), ("HOME", "/h")];
        assert_eq!(path(&relative, "").as_deref(), Some("/h/.config/busdk/preferences.json"));
        assert_eq!(path(&[], ""), None);
    }
}
