//! The user's settings file: what counts if the environment does not say which store to use.
//!
//! Programs that are not started by a shell (by cron, an editor or a service manager) do not have the variables of the
//! shell. They have the same home directory, and so the same file. It is never looked for in the working directory, which
//! may be a cloned repository. It holds no secret.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::kind::StoreKind;
use crate::{
    document::{self, DeValue},
    environment::{Variables, configuration_directory, home_directory},
    error::Error,
    file::{TrustedFile, failure, read_if_present},
    printable::printable_path,
};

/// The path of the file in the user's configuration directory.
const PATH: [&str; 2] = ["os-secrets", "config.toml"];

/// The user's settings file, as it was when the process looked.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    /// Its path. `None` if the user's configuration directory is not known.
    pub path: Option<PathBuf>,
    /// What it says, or why it is refused. `None` if it does not exist.
    pub content: Result<Option<FileSettings>, Error>,
}

/// What a settings file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileSettings {
    /// `store`: which store to use.
    pub store: Option<StoreKind>,
    /// `file`: the path of the encrypted file.
    pub file: Option<PathBuf>,
    /// `identity`: where the identity is.
    pub identity: Option<IdentitySetting>,
}

/// Where the identity is, as the settings file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdentitySetting {
    /// `"os"`: it is an item in the operating system's store.
    Os,
    /// It is in the file at this path.
    File(PathBuf),
}

/// Where a setting comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A variable of the environment.
    Variable(&'static str),
    /// The settings file.
    SettingsFile,
    /// Nothing names it.
    Default,
}

impl Origin {
    /// Where a setting comes from that a variable or the settings file can name.
    pub fn find(variables: &impl Variables, variable: &'static str, is_in_file: bool) -> Self {
        match variables.get(variable) {
            Some(_) => Self::Variable(variable),
            None if is_in_file => Self::SettingsFile,
            None => Self::Default,
        }
    }
}

impl SettingsFile {
    /// Reads the file of the user to whom an environment belongs.
    pub fn read(variables: &impl Variables) -> Self {
        let path = configuration_directory(variables)
            .map(|directory| PATH.iter().fold(directory, |path, name| path.join(name)));
        let home = home_directory(variables);
        let content = path.as_deref().map_or(Ok(None), |path| read(path, home.as_deref()));
        Self { path, content }
    }

    /// No file.
    pub fn none() -> Self {
        Self { path: None, content: Ok(None) }
    }

    /// What the file says. Nothing if it does not exist.
    ///
    /// # Errors
    ///
    /// Why it is refused: [`Error::Untrusted`], [`Error::InvalidSetting`] or [`Error::File`].
    pub fn settings(&self) -> Result<FileSettings, Error> {
        Ok(self.content.clone()?.unwrap_or_default())
    }
}

fn read(path: &Path, home: Option<&Path>) -> Result<Option<FileSettings>, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_in_home_of_another(path) => {
            return Ok(None);
        }
        Err(error) => return Err(failure("Cannot read", path, error)),
    }
    let Some(content) = read_if_present(path, TrustedFile::Settings)? else { return Ok(None) };
    parse(&content, home).map(Some).map_err(|problems| {
        let path = printable_path(path);
        let rest = problems[1..].iter().map(|problem| problem.replacen(", ", "; ", 1));
        let problems: String = problems[..1].iter().cloned().chain(rest).collect();
        Error::InvalidSetting(format!("{path}{problems}. Correct or remove the file"))
    })
}

/// Whether the configuration directory is in a home that this user may not look into. A process that has changed its user
/// often still has the `HOME` of the old one, whose settings are not meant for it.
#[cfg(unix)]
fn is_in_home_of_another(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(directory) = path.ancestors().nth(PATH.len()) else { return false };
    match fs::metadata(directory) {
        Ok(found) => found.uid() != rustix::process::geteuid().as_raw(),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Windows has no processes that change their user and keep its variables.
#[cfg(windows)]
fn is_in_home_of_another(_: &Path) -> bool {
    false
}

/// Parses the file. `home` is the directory for which `~` stands.
///
/// # Errors
///
/// All that is wrong, each as a text that follows the path of the file.
fn parse(content: &[u8], home: Option<&Path>) -> Result<FileSettings, Vec<String>> {
    let (table, mut problems) = document::parse(content)?;
    let mut settings = FileSettings::default();
    for (key, value) in &table {
        let name = &**key.get_ref();
        let set = match (name, value.get_ref()) {
            ("store", DeValue::String(text)) => parse_store(text).map(|store| settings.store = Some(store)),
            ("file", DeValue::String(text)) => parse_path(text, home).map(|path| settings.file = Some(path)),
            ("identity", DeValue::String(text)) => {
                parse_identity(text, home).map(|identity| settings.identity = Some(identity))
            }
            ("store" | "file" | "identity", _) => Err("it must be a text in quotes"),
            _ => Err("this key is not known; the file has store, file and identity"),
        };
        if let Err(problem) = set {
            problems.report(key.span(), name, problem);
        }
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems.into_texts()) }
}

fn parse_store(text: &str) -> Result<StoreKind, &'static str> {
    match text {
        "os" => Ok(StoreKind::Os),
        "file" => Ok(StoreKind::File),
        _ => Err("it must be \"os\" or \"file\""),
    }
}

fn parse_identity(text: &str, home: Option<&Path>) -> Result<IdentitySetting, &'static str> {
    match text {
        "os" => Ok(IdentitySetting::Os),
        _ => parse_path(text, home).map(IdentitySetting::File),
    }
}

/// A path. It must not depend on the working directory, and the file may be a link to one in another directory.
fn parse_path(text: &str, home: Option<&Path>) -> Result<PathBuf, &'static str> {
    // What else an identity is taken for is no absolute path.
    if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") || text.contains('\n') {
        return Err("it must be a path. This file holds no secrets; write the identity to a file of its own");
    }
    let is_separator = |character| character == '/' || (cfg!(windows) && character == '\\');
    if let Some(rest) = text.strip_prefix('~').and_then(|rest| rest.strip_prefix(is_separator)) {
        let home = home.ok_or("the home directory, for which ~ stands, is not known")?;
        return Ok(home.join(rest.trim_start_matches(is_separator)));
    }
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("the path must be absolute, or start with ~/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        parse(text.as_bytes(), Some(Path::new("/home/me"))).unwrap_err()
    }

    #[test]
    fn it_names_a_store_a_file_and_an_identity() {
        let root = if cfg!(windows) { "C:/" } else { "/" };
        let home = PathBuf::from(format!("{root}home/me"));
        let parsed = |text: &str| parse(text.as_bytes(), Some(&home)).unwrap();
        assert_eq!(parsed(""), FileSettings::default());
        assert_eq!(
            parsed(&format!(
                "\u{feff}# mine\r\nstore = 'file'\r\nfile = '{root}a.age'\r\nidentity = '~/key'\r\n"
            )),
            FileSettings {
                store: Some(StoreKind::File),
                file: Some(format!("{root}a.age").into()),
                identity: Some(IdentitySetting::File(home.join("key"))),
            }
        );
        assert_eq!(parsed("identity = 'os'").identity, Some(IdentitySetting::Os));
        assert_eq!(parsed("store = \"os\"").store, Some(StoreKind::Os));
        // The rest of the path must not become an absolute one.
        assert_eq!(parsed("file = '~//etc/a'").file, Some(home.join("etc/a")));
    }

    #[test]
    fn what_is_wrong_is_reported_at_once_without_values() {
        let text = "store = 'hunter2'\nfile = 'hunter2/secrets.age'\nidentity = 5\npassphrase = 'hunter2'\n\
                    [env]\nA = 'hunter2'\n";
        let found = problems(text);
        for (line, name) in [(1, "store"), (2, "file"), (3, "identity"), (4, "passphrase"), (5, "env")] {
            let start = format!(", line {line}: {name}: ");
            assert!(found.iter().any(|problem| problem.starts_with(&start)), "{start} {found:#?}");
        }
        assert_eq!(found.len(), 5, "{found:#?}");
        let identity = problems("identity = 'AGE-SECRET-KEY-1HUNTER2'\n");
        assert!(identity[0].contains("it must be a path"), "{identity:#?}");
        for text in
            ["store = 'memory'", "store = ''", "file = ''", "file = '~'", "file = '~other/a'", "file = './a'"]
        {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
        assert_eq!(problems("file = hunter2\nstore = hunter2\n").len(), 2);
        assert_eq!(parse(b"\xff", None).unwrap_err(), [" is not UTF-8 text"]);
        assert!(parse(b"file = '~/a'", None).unwrap_err()[0].contains("home directory"));
        assert!(!format!("{found:?}{identity:?}").to_lowercase().contains("hunter2"));
    }
}
