//! Access keys in `~/.aws/credentials` and `~/.aws/config`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat,
    aws_ini::{AwsOption, AwsSection, DEFAULT_SECTION, parse_aws},
    findings::AFTER,
};
use crate::helpers::{
    aws::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, SERVICE, SESSION_TOKEN},
    is_visible,
};
use os_secrets::{
    credential::{Key, Secret},
    environment::{Process, Variables, home_directory},
    error::Error,
    json::object_of_texts,
    printable::printable,
};

/// The options with secrets, each with the member that it is stored as. The last one is the old name of the token.
const OPTIONS: [(&str, &str); 4] = [
    ("aws_access_key_id", ACCESS_KEY_ID),
    ("aws_secret_access_key", SECRET_ACCESS_KEY),
    ("aws_session_token", SESSION_TOKEN),
    ("aws_security_token", SESSION_TOKEN),
];

/// Files of the AWS CLI.
pub struct AwsFiles;

impl PlainFormat for AwsFiles {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn paths(&self) -> Vec<PathBuf> {
        [credentials_path(), config_path()].into_iter().flatten().collect()
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        find_keys(file, AwsFile::at(file.path))
    }
}

/// Which of the two files it is. They name profiles by different rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AwsFile {
    Credentials,
    Config,
}

impl AwsFile {
    /// The file at a path. If the AWS CLI reads neither file there, its name counts.
    fn at(path: &Path) -> Self {
        let is_at = |other: Option<PathBuf>| {
            other.is_some_and(|other| {
                let resolve = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                resolve(&other) == resolve(path)
            })
        };
        match path.file_name() {
            _ if is_at(config_path()) => Self::Config,
            _ if is_at(credentials_path()) => Self::Credentials,
            Some(name) if name == "config" => Self::Config,
            _ => Self::Credentials,
        }
    }

    /// The profile whose section it is, or why it is of none.
    fn profile_of(self, section: &AwsSection<'_>) -> Result<String, NoEntry> {
        if section.name == DEFAULT_SECTION {
            return Err(NoEntry::skipped(
                "its options count for every profile. Move them to a section of their own",
            ));
        }
        let (profile, reason) = match self {
            Self::Config => (
                section.config_profile(),
                "in the config file, it is of no profile. Write profile and the name of one, such as [profile work]",
            ),
            Self::Credentials => (
                section.credentials_profile().map(str::to_owned),
                "in the credentials file, it is of no profile that every program finds. Write only the name of one, such \
                 as [work]",
            ),
        };
        profile.ok_or_else(|| NoEntry::skipped(reason))
    }
}

/// Finds the keys of profiles. In a file with several sections for one profile, the last one counts.
fn find_keys(file: &PlainFile<'_>, kind: AwsFile) -> Result<PlainFindings, Error> {
    let invalid = |reason: String| Error::InvalidFile { path: file.path.into(), reason };
    let text = str::from_utf8(file.content).map_err(|_| invalid("is not UTF-8 text".into()))?;
    let sections = parse_aws(text)
        .map_err(|line| invalid(format!("cannot be read as the AWS CLI does, because of line {line}")))?;
    let (mut findings, mut seen) = (PlainFindings::default(), Vec::new());
    for section in sections.iter().rev() {
        let profile = kind.profile_of(section);
        let counts = profile.as_ref().is_ok_and(|profile| !seen.contains(profile));
        if let Ok(profile) = &profile {
            seen.push(profile.clone());
        }
        let Some(entry) = read_keys(text, section, profile) else { continue };
        let name = format!("the section [{}]", printable(section.name));
        match entry {
            Ok(entry) if !counts => {
                let winner = findings.entries.iter().position(|other| other.key == entry.key);
                findings.add_superseded(name, entry, winner, AFTER);
            }
            entry => findings.add(name, entry),
        }
    }
    findings.reverse();
    Ok(findings)
}

/// The keys in a section, or why they are no entry. `None` if it has none.
fn read_keys(
    text: &str,
    section: &AwsSection<'_>,
    profile: Result<String, NoEntry>,
) -> Option<Result<PlainEntry, NoEntry>> {
    let found: Vec<_> = OPTIONS
        .iter()
        .filter_map(|(name, member)| Some((*member, section.option(name)?)))
        .filter(|(_, option)| !option.value.is_empty() || option.is_continued)
        .collect();
    let has = |member| found.iter().any(|(other, _)| *other == member);
    let profile = match profile {
        _ if found.is_empty() => return None,
        Ok(profile) => profile,
        Err(reason) => return Some(Err(reason)),
    };
    if !has(ACCESS_KEY_ID) || !has(SECRET_ACCESS_KEY) {
        return Some(Err(NoEntry::skipped(
            "it does not have both aws_access_key_id and aws_secret_access_key, which AWS takes only together",
        )));
    }
    let is_key = |option: &AwsOption<'_>| !option.is_continued && is_visible(option.value.as_bytes());
    if let Some((_, option)) = found.iter().find(|(_, option)| !is_key(option)) {
        let line = text[..option.lines.start].matches('\n').count() + 1;
        return Some(Err(NoEntry::Refused(format!("its value in line {line} is no AWS key. Correct it"))));
    }
    if found.iter().filter(|(member, _)| *member == SESSION_TOKEN).count() > 1 {
        return Some(Err(NoEntry::refused(
            "it has aws_session_token and aws_security_token. Remove one of the two",
        )));
    }
    let members: Vec<_> = found.iter().map(|(member, option)| (*member, option.value)).collect();
    let mut cuts: Vec<_> = found.iter().map(|(_, option)| option.lines.clone()).collect();
    if cuts.len() == section.options.len() {
        cuts.push(section.header.clone());
        // A comment stays, and the lines after it, which may belong to what follows.
        let empty = section.others.iter().take_while(|other| !other.is_comment);
        cuts.extend(empty.map(|other| other.line.clone()));
    }
    cuts.sort_by_key(|cut| cut.start);
    Some(Ok(PlainEntry {
        label: profile.clone(),
        key: Key { service: SERVICE.into(), name: profile },
        value: secret(object_of_texts(&members, 0)),
        cuts,
    }))
}

fn secret(mut bytes: Zeroizing<Vec<u8>>) -> Secret {
    Secret::new(std::mem::take(&mut *bytes))
}

/// The file for keys: `$AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`.
pub fn credentials_path() -> Option<PathBuf> {
    aws_path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

/// The file for settings: `$AWS_CONFIG_FILE` or `~/.aws/config`.
pub fn config_path() -> Option<PathBuf> {
    aws_path("AWS_CONFIG_FILE", "config")
}

fn aws_path(variable: &str, name: &str) -> Option<PathBuf> {
    let home = home_directory(&Process);
    match Process.get(variable).map(PathBuf::from) {
        Some(path) => match path.strip_prefix("~") {
            Ok(rest) => Some(home?.join(rest)),
            Err(_) => Some(std::path::absolute(&path).unwrap_or(path)),
        },
        None => Some(home?.join(".aws").join(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, kind: AwsFile) -> Result<PlainFindings, Error> {
        find_keys(&PlainFile { path: Path::new("x"), content: text.as_bytes() }, kind)
    }

    fn entries(text: &str) -> Result<Vec<PlainEntry>, Error> {
        Ok(find(text, AwsFile::Credentials)?.entries)
    }

    /// The file without its entries.
    fn rest(text: &str) -> String {
        rest_of(text, AwsFile::Credentials)
    }

    fn rest_of(text: &str, kind: AwsFile) -> String {
        let entries = find(text, kind).unwrap().entries;
        let rest = AwsFiles.without(text.as_bytes(), &entries.iter().collect::<Vec<_>>());
        String::from_utf8(rest.to_vec()).unwrap()
    }

    #[test]
    fn keys_are_stored_as_credential_process_prints_them() {
        let text = "[default]\naws_access_key_id=AKIA1\nAWS_Secret_Access_Key : a/b+c=\n\
                    [x y]\naws_session_token = t\naws_secret_access_key = s\naws_access_key_id = i\n\
                    [z]\naws_access_key_id = only\n";
        let found = entries(text).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|entry| {
                (&*entry.key.service, &*entry.key.name, str::from_utf8(entry.value.expose()).unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("aws", "default", r#"{"AccessKeyId":"AKIA1","SecretAccessKey":"a/b+c="}"#),
                ("aws", "x y", r#"{"AccessKeyId":"i","SecretAccessKey":"s","SessionToken":"t"}"#),
            ]
        );
    }

    #[test]
    fn the_lines_of_keys_are_cut_out_and_empty_sections() {
        // An indented line continues the value before it.
        let continued = "[a]\naws_access_key_id = i\n  aws_secret_access_key = s\n";
        assert_eq!(rest(continued), continued);
        let keys = "aws_access_key_id = i\r\naws_SECRET_access_key = s\r\n";
        for (text, left) in [
            (format!("[a]\r\n{keys}"), ""),
            (format!("[a]\r\n{keys}\r\n[b]\r\nregion = x\r\n"), "[b]\r\nregion = x\r\n"),
            (format!("[a]\r\n{keys}region = x"), "[a]\r\nregion = x"),
            (format!("# top\r\n[a]\r\n{keys}\r\n# end\r\n\r\n[b]\r\n"), "# top\r\n# end\r\n\r\n[b]\r\n"),
            (format!("[a]\r\naws_session_token = t\r\n{keys}[b]\r\n{keys}"), ""),
            (format!("[a]\r\ns3 =\r\n  x = 1\r\n{keys}"), "[a]\r\ns3 =\r\n  x = 1\r\n"),
            ("[a]\naws_access_key_id = i\n".into(), "[a]\naws_access_key_id = i\n"),
        ] {
            assert_eq!(rest(&text), left, "{text}");
        }
    }

    const KEYS: &str = "aws_access_key_id = i\naws_secret_access_key = s\n";

    #[test]
    fn a_section_counts_only_in_the_file_whose_rule_names_a_profile_by_it() {
        let text = format!("[a]\n{KEYS}[profile b]\n{KEYS}[default]\n{KEYS}[DEFAULT]\n{KEYS}");
        for (kind, profiles, left) in [
            (AwsFile::Config, ["b", "default"], ["the section [a]", "the section [DEFAULT]"]),
            (AwsFile::Credentials, ["a", "default"], ["the section [profile b]", "the section [DEFAULT]"]),
        ] {
            let found = find(&text, kind).unwrap();
            let names: Vec<_> = found.entries.iter().map(|entry| &*entry.key.name).collect();
            let skipped: Vec<_> = found.skipped.iter().map(|skipped| &*skipped.name).collect();
            assert_eq!((&*names, &*skipped), (&profiles[..], &left[..]));
        }
        assert_eq!(AwsFile::at(Path::new("/none/config")), AwsFile::Config);
        assert_eq!(AwsFile::at(Path::new("/none/credentials")), AwsFile::Credentials);
    }

    #[test]
    fn the_last_section_of_a_profile_counts_in_config_and_keeps_those_that_differ() {
        let other = KEYS.replace("= s", "= old");
        let text = format!("[profile a]\n{other}[profile 'a']\n{KEYS}[profile b]\n{KEYS}");
        let found = find(&text, AwsFile::Config).unwrap();
        let values: Vec<_> = found.entries.iter().map(|entry| entry.value.expose()).collect();
        assert_eq!(values, [br#"{"AccessKeyId":"i","SecretAccessKey":"s"}"#; 2]);
        assert_eq!((found.skipped.len(), &*found.skipped[0].name), (1, "the section [profile a]"));
        assert!(found.skipped[0].reason.contains("superseded by the entry after it"));
        assert_eq!(rest_of(&text, AwsFile::Config), text.replace(&format!("[profile b]\n{KEYS}"), ""));
        let same = format!("[profile a]\n{KEYS}[profile 'a']\n{KEYS}");
        assert_eq!(rest_of(&same, AwsFile::Config), "");
        let empty = format!("[profile a]\n{KEYS}[profile 'a']\nregion = x\n");
        let found = find(&empty, AwsFile::Config).unwrap();
        assert_eq!((found.entries.len(), found.skipped.len()), (0, 1));
    }

    #[test]
    fn keys_that_are_not_clear_are_named_and_hide_no_others() {
        for (damaged, skipped, refused) in [
            (format!("{KEYS}aws_session_token=hunter2\naws_security_token=hunter2\n"), 0, 1),
            ("aws_access_key_id = i\naws_secret_access_key = hun\n ter2\n".into(), 0, 1),
            ("aws_access_key_id = i\naws_secret_access_key =\n hunter2\n".into(), 0, 1),
            ("aws_access_key_id = i\naws_secret_access_key = hunter2 x\n".into(), 0, 1),
            ("aws_secret_access_key = hunter2\n".into(), 1, 0),
        ] {
            let text = format!("[a]\n{damaged}[b]\n{KEYS}");
            let found = find(&text, AwsFile::Credentials).unwrap();
            assert_eq!((found.skipped.len(), found.refused.len()), (skipped, refused), "{damaged}");
            let left = found.skipped.iter().chain(&found.refused).next().unwrap();
            assert_eq!(left.name, "the section [a]");
            assert!(!left.reason.contains("hun"), "{left:?}");
            assert_eq!((found.entries.len(), rest(&text)), (1, format!("[a]\n{damaged}")));
        }
    }

    #[test]
    fn errors_show_nothing_of_the_file() {
        let told = entries("hunter2").map(drop).unwrap_err().to_string();
        assert!(told.contains("line 1") && !told.contains("hun"), "{told}");
    }

    #[test]
    fn a_damaged_file_is_refused_or_loses_nothing_but_its_entries() {
        let text =
            "# é\n[a]\naws_access_key_id = i\naws_secret_access_key = s\n\n[profile 'b c']\nregion=é\n";
        for (at, old) in text.char_indices() {
            for new in ["", "\n", "\r", "\t", " ", "=", ":", "#", "[", "]", "é", "\u{feff}"] {
                let damaged = format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..]);
                let Ok(found) = entries(&damaged) else { continue };
                let cut: usize = found.iter().flat_map(|entry| &entry.cuts).map(ExactSizeIterator::len).sum();
                assert_eq!(rest(&damaged).len(), damaged.len() - cut, "{damaged}");
            }
        }
    }
}
