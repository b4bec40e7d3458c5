//! The user scope of `bus-secrets`: BusDK's preferences file.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{Found, Name, sorted};
use crate::{
    credential::Secret,
    environment::{Process, Variables, configuration_directory},
    error::Error,
    executor::{Lane, Purpose},
    file::{Access, LockedDirectory, failure, make_directory, read},
    json::Document,
};

const FILE: &str = "preferences.json";
const VALUES: [&str; 1] = ["values"];
const PREFIX: &str = "secrets.";
/// What stands in a file that is made.
const EMPTY: &[u8] = br#"{"version":1}"#;

/// BusDK's preferences: `{"version": 1, "values": {"secrets.<name>": "…"}}`, for their owner alone.
#[derive(Clone, Debug)]
pub struct Preferences {
    path: PathBuf,
}

impl Preferences {
    /// Those of the user, where BusDK keeps them: `BUS_PREFERENCES_PATH`; else the file in
    /// `BUS_CONFIG_DIR`; else in `bus` under `XDG_CONFIG_HOME` or `~/.config`, where there is one, as
    /// newer BusDK has it; else in `busdk` there. On Windows in `Bus` or `BusDK` under `%APPDATA%`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] where the environment says nothing of that.
    pub fn of_user() -> Result<Self, Error> {
        Self::read(&Process, Path::exists)
    }

    fn read(variables: &impl Variables, exists: impl Fn(&Path) -> bool) -> Result<Self, Error> {
        if let Some(path) = variables.get("BUS_PREFERENCES_PATH") {
            return Ok(Self { path: path.into() });
        }
        if let Some(directory) = variables.get("BUS_CONFIG_DIR") {
            return Ok(Self { path: Path::new(&directory).join(FILE) });
        }
        let configuration = configuration_directory(variables).ok_or_else(|| {
            Error::InvalidSetting(format!(
                "There is no place for the user's secrets: set {} or BUS_PREFERENCES_PATH",
                if cfg!(windows) { "APPDATA" } else { "HOME, XDG_CONFIG_HOME" }
            ))
        })?;
        let [newer, older] = if cfg!(windows) { ["Bus", "BusDK"] } else { ["bus", "busdk"] };
        let newer = configuration.join(newer).join(FILE);
        let path = if exists(&newer) { newer } else { configuration.join(older).join(FILE) };
        Ok(Self { path })
    }

    /// The lane of work with the file.
    pub fn lane(&self, purpose: Purpose) -> Lane {
        Lane::for_file(&self.path, purpose)
    }

    /// Reads secrets; those that there are none of are absent from the answer.
    pub fn get_all(&self, names: &BTreeSet<Name>) -> Result<Found, Error> {
        let mut found = Found::new();
        let Some(bytes) = read(&self.path)? else { return Ok(found) };
        let document = self.parse(&bytes)?;
        for name in names {
            found.extend(document.text(&VALUES, &member(name))?.map(|secret| (name.clone(), secret)));
        }
        Ok(found)
    }

    /// The names there are.
    pub fn list(&self) -> Result<BTreeSet<Name>, Error> {
        let Some(bytes) = read(&self.path)? else { return Ok(BTreeSet::new()) };
        let document = self.parse(&bytes)?;
        let names = document.names(&VALUES)?;
        Ok(sorted(names.filter_map(|member| Name::parse(member.strip_prefix(PREFIX)?.as_bytes()).ok())))
    }

    /// Stores a secret. File and directory are made where they are missing.
    pub fn set(&self, name: &Name, value: &Secret) -> Result<(), Error> {
        let text = str::from_utf8(value.expose()).map_err(|_| Error::InvalidData)?;
        if let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            make_directory(parent).map_err(|error| failure("Cannot make", parent, error))?;
        }
        let directory = LockedDirectory::lock(&self.path)?;
        let bytes = read(&self.path)?;
        let mut document = self.parse(bytes.as_ref().map_or(EMPTY, |bytes| bytes))?;
        document.set(&VALUES, &member(name), text)?;
        document.sort(&VALUES)?;
        directory.replace(&self.path, &document.to_bytes(), Access::Private)
    }

    /// Deletes a secret; whether there was one.
    pub fn delete(&self, name: &Name) -> Result<bool, Error> {
        if read(&self.path)?.is_none() {
            return Ok(false);
        }
        let directory = LockedDirectory::lock(&self.path)?;
        let Some(bytes) = read(&self.path)? else { return Ok(false) };
        let mut document = self.parse(&bytes)?;
        if !document.remove(&VALUES, &member(name))? {
            return Ok(false);
        }
        directory.replace(&self.path, &document.to_bytes(), Access::Private).map(|()| true)
    }

    fn parse<'a>(&'a self, bytes: &'a [u8]) -> Result<Document<'a>, Error> {
        let document = Document::parse(&self.path, bytes)?;
        match document.is_number("version", 1.0)? {
            None | Some(true) => Ok(document),
            Some(false) => Err(document.error("is of a version that is not known here; 1 is")),
        }
    }
}

fn member(name: &Name) -> String {
    format!("{PREFIX}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(variables: &[(&str, &str)], there: &str) -> Option<String> {
        let variables: std::collections::HashMap<_, _> = variables.iter().copied().collect();
        let found = Preferences::read(
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
