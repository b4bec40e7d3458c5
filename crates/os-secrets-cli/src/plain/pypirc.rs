//! `~/.pypirc`, in which twine and others find the repositories to upload to (Python packaging user guide, "The .pypirc
//! file").
//!
//! A credential is stored under the URL and the user that twine asks the keyring for. Only the password is taken out: twine
//! goes on to read the repository and the user in the file.

use std::{env, ops::Range, path::PathBuf};

use super::{NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    printable::printable,
};

const PYPI: &str = "https://upload.pypi.org/legacy/";
const TEST_PYPI: &str = "https://test.pypi.org/legacy/";
/// The hosts that twine reaches by https even if the URL has http.
const ALWAYS_HTTPS: [&str; 4] =
    ["pypi.python.org", "testpypi.python.org", "upload.pypi.org", "test.pypi.org"];
/// The user of tokens, which twine takes for these hosts if the file names none.
const TOKEN_USER: &str = "__token__";

/// The format of `.pypirc`.
pub struct Pypirc;

impl PlainFormat for Pypirc {
    fn name(&self) -> &'static str {
        "pypirc"
    }

    fn paths(&self) -> Vec<PathBuf> {
        env::home_dir().into_iter().map(|home| home.join(".pypirc")).collect()
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let invalid = |reason: &str| Error::InvalidFile { path: file.path.into(), reason: reason.into() };
        let text = str::from_utf8(file.content).map_err(|_| invalid("is not UTF-8 text"))?;
        let sections =
            parse(text).ok_or_else(|| invalid("is not a valid .pypirc file; twine cannot read it either"))?;
        let mut findings = PlainFindings::default();
        for section in &sections {
            if let Some(password) = section.option("password") {
                findings.add(format!("[{}]", printable(section.name)), read_entry(section, password));
            }
        }
        Ok(findings)
    }
}

/// The entry of a section with a password, or why it has none.
fn read_entry(section: &PypircSection<'_>, password: &IniOption) -> Result<PlainEntry, NoEntry> {
    if password.is_continued {
        return Err(NoEntry::refused("its password has several lines. Write it in one line"));
    }
    if password.value.is_empty() {
        return Err(NoEntry::skipped("its password is empty"));
    }
    let repository = section.option("repository").map(|repository| &*repository.value);
    // First, because there may be a password in it.
    if repository.is_some_and(has_user) {
        return Err(NoEntry::refused(
            "the URL of its repository has a user. Write that as the username of the section",
        ));
    }
    let repository = match (section.name, repository) {
        ("pypi" | "server-login", None) => PYPI.to_owned(),
        ("testpypi", None) => TEST_PYPI.to_owned(),
        (_, Some(repository)) => normalize(repository),
        (_, None) => return Err(NoEntry::skipped("it has no repository. Add the URL of one")),
    };
    let default = is_pypi(&repository).then(|| TOKEN_USER.to_owned());
    let user = section.option("username").map(|user| user.value.clone()).filter(|user| !user.is_empty());
    let user = user.or(default).ok_or_else(|| NoEntry::skipped("it has no username. Add one"))?;
    Ok(PlainEntry {
        label: format!("[{}] {user} at {repository}", section.name),
        key: Key { service: repository, name: user },
        value: Secret::new(password.value.clone().into_bytes()),
        cuts: vec![password.line.clone()],
    })
}

/// The URL that twine asks the keyring for.
fn normalize(repository: &str) -> String {
    let Some((scheme, rest)) = repository.split_once("://") else { return repository.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = match ALWAYS_HTTPS.contains(&host) {
        true => "https".to_owned(),
        false => scheme.to_ascii_lowercase(),
    };
    format!("{scheme}://{rest}")
}

fn is_pypi(repository: &str) -> bool {
    repository.starts_with(PYPI) || repository.starts_with(TEST_PYPI)
}

/// Whether the URL has a user, and perhaps a password, before the host.
fn has_user(repository: &str) -> bool {
    let rest = repository.split_once("://").map_or(repository, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

struct PypircSection<'a> {
    name: &'a str,
    options: Vec<IniOption>,
}

impl PypircSection<'_> {
    /// The option with a name, which is in lower case.
    fn option(&self, key: &str) -> Option<&IniOption> {
        self.options.iter().find(|option| option.key == key)
    }
}

struct IniOption {
    /// In lower case.
    key: String,
    value: String,
    /// Its first line.
    line: Range<usize>,
    /// Whether more lines follow. They are not in the value.
    is_continued: bool,
}

impl Drop for IniOption {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.value);
    }
}

/// Parses as Python's `RawConfigParser`. `None` if the text is not valid.
fn parse(text: &str) -> Option<Vec<PypircSection<'_>>> {
    let mut sections: Vec<PypircSection<'_>> = Vec::new();
    // The indentation of the option that a deeper line continues.
    let (mut at, mut continued) = (0, None);
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indentation = line.chars().take_while(|c| c.is_whitespace()).count();
        let option = sections.last_mut().and_then(|section| section.options.last_mut());
        if let (Some(own), Some(option)) = (continued, option)
            && indentation > own
        {
            option.is_continued = true;
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let (name, _) = rest.rsplit_once(']')?;
            if name.is_empty() || sections.iter().any(|section| section.name == name) {
                return None;
            }
            sections.push(PypircSection { name, options: Vec::new() });
            continued = None;
            continue;
        }
        let section = sections.last_mut()?;
        let (key, value) = trimmed.split_once(['=', ':'])?;
        let key = key.trim().to_lowercase();
        if key.is_empty() || section.options.iter().any(|option| option.key == key) {
            return None;
        }
        section.options.push(IniOption {
            key,
            value: value.trim().to_owned(),
            line: range,
            is_continued: false,
        });
        continued = Some(indentation);
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn find(text: &str) -> Result<PlainFindings, Error> {
        Pypirc.find(&PlainFile { path: Path::new(".pypirc"), content: text.as_bytes() })
    }

    /// The service, user and password of each entry, and the file without them.
    fn imported(text: &str) -> (Vec<[String; 3]>, String) {
        let entries = find(text).unwrap().entries;
        let rest = Pypirc.without(text.as_bytes(), &entries.iter().collect::<Vec<_>>());
        let found = entries.iter().map(|entry| {
            let value = String::from_utf8(entry.value.expose().to_vec()).unwrap();
            assert!(!entry.label.contains(&value));
            [entry.key.service.clone(), entry.key.name.clone(), value]
        });
        (found.collect(), String::from_utf8(rest.to_vec()).unwrap())
    }

    fn keys<const N: usize>(keys: [[&str; 3]; N]) -> Vec<[String; 3]> {
        keys.into_iter().map(|key| key.map(str::to_owned)).collect()
    }

    #[test]
    fn only_the_passwords_leave_the_file() {
        let text = "# mine\r\n[distutils]\r\nindex-servers =\r\n  pypi\r\n  company\r\n\r\n[pypi]\r\npassword = pypi-t=1:2\r\n\
                    [company]\r\n  Repository : HTTPS://pypi.example.com/legacy/\r\n  username: alice\r\n  ; old\r\n  \
                    Password:s e\r\n[testpypi]\r\nusername=b\r\npassword=x";
        let (found, rest) = imported(text);
        assert_eq!(
            found,
            keys([
                [PYPI, TOKEN_USER, "pypi-t=1:2"],
                ["https://pypi.example.com/legacy/", "alice", "s e"],
                [TEST_PYPI, "b", "x"]
            ])
        );
        let without = |text: &str, line: &str| text.replacen(line, "", 1);
        let expected = without(text, "password = pypi-t=1:2\r\n");
        let expected = without(&expected, "  Password:s e\r\n");
        assert_eq!(rest, without(&expected, "password=x"));
    }

    #[test]
    fn a_url_is_the_one_that_twine_asks_for() {
        for (repository, service) in [
            ("http://upload.pypi.org/legacy/", PYPI),
            ("http://pypi.example.com", "http://pypi.example.com"),
            ("Http://Pypi.example.com:80/x?y", "http://Pypi.example.com:80/x?y"),
        ] {
            let (found, _) =
                imported(&format!("[a]\nrepository={repository}\nusername=u\npassword=hunter2\n"));
            assert_eq!(found, keys([[service, "u", "hunter2"]]));
        }
    }

    #[test]
    fn sections_without_a_credential_have_no_entry() {
        for text in [
            "",
            "[pypi]\nusername = u\n",
            "[pypi]\nusername = u\npassword =\n",
            "[company]\nusername = u\npassword = p\n",
            "[company]\nrepository = https://x/\npassword = p\n",
        ] {
            assert_eq!(imported(text).0, keys([]), "{text}");
        }
    }

    #[test]
    fn a_section_that_is_not_clear_is_named_and_hides_no_other() {
        for (section, skipped, refused) in [
            ("repository = https://u:hunter2@x/\nusername = u\npassword = hunter2\n", 0, 1),
            ("repository = https://x/\nusername = u\npassword =\n  hunter2\n", 0, 1),
            ("repository = https://x/\nusername = u\npassword = hunter2\n\n # x\n more\n", 0, 1),
            ("username = u\npassword = hunter2\n", 1, 0),
            ("repository = https://x/\npassword = hunter2\n", 1, 0),
        ] {
            let text = format!("[a]\n{section}[pypi]\npassword = right\n");
            let (found, rest) = imported(&text);
            assert_eq!(found, keys([[PYPI, TOKEN_USER, "right"]]), "{text}");
            assert_eq!(rest, text.replace("password = right\n", ""));
            let found = find(&text).unwrap();
            assert_eq!((found.skipped.len(), found.refused.len()), (skipped, refused), "{text}");
            let left = found.skipped.iter().chain(&found.refused).next().unwrap();
            assert_eq!(left.name, "[a]");
            assert!(!left.reason.contains("hunter2"));
        }
    }

    #[test]
    fn a_file_that_twine_refuses_is_refused_without_its_text() {
        for text in [
            "password = hunter2\n",
            "[pypi\npassword = hunter2\n",
            "[pypi]\nhunter2\n",
            "[pypi]\npassword = hunter2\npassword = hunter2\n",
            "[pypi]\n[pypi]\npassword = hunter2\n",
            "\u{feff}[pypi]\npassword = hunter2\n",
        ] {
            let Err(error) = find(text) else { panic!("{text}") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let not_text = PlainFile { path: Path::new("x"), content: b"[a]\npassword=\xff" };
        assert!(Pypirc.find(&not_text).is_err());
    }
}
