//! Access keys in `~/.aws/credentials` and `~/.aws/config`.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{PlainEntry, PlainFile, PlainFormat, aws_ini::parse_aws};
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

    fn entries(&self, file: &PlainFile<'_>) -> Result<Vec<PlainEntry>, Error> {
        Ok(profiles(file)?.into_iter().filter_map(Result::ok).collect())
    }

    fn refused(&self, file: &PlainFile<'_>) -> Vec<String> {
        profiles(file)
            .map_or_else(|_| Vec::new(), |found| found.into_iter().filter_map(Result::err).collect())
    }
}

/// The profiles with keys in the order of the file, or for each that is refused its name and the reason.
fn profiles(file: &PlainFile<'_>) -> Result<Vec<Result<PlainEntry, String>>, Error> {
    let invalid = |reason: String| Error::InvalidFile { path: file.path.into(), reason };
    let text = str::from_utf8(file.content).map_err(|_| invalid("is not UTF-8 text".into()))?;
    let sections = parse_aws(text)
        .map_err(|line| invalid(format!("cannot be read as the AWS CLI does, because of line {line}")))?;
    let mut entries = Vec::new();
    for section in &sections {
        let found: Vec<_> = OPTIONS
            .iter()
            .filter_map(|(name, member)| Some((*member, section.option(name)?)))
            .filter(|(_, option)| !option.value.is_empty())
            .collect();
        let has = |member| found.iter().any(|(other, _)| *other == member);
        if !has(ACCESS_KEY_ID) || !has(SECRET_ACCESS_KEY) {
            continue;
        }
        if let Some((_, option)) =
            found.iter().find(|(_, option)| option.is_continued || !is_visible(option.value.as_bytes()))
        {
            let line = text[..option.lines.start].matches('\n').count() + 1;
            return Err(invalid(format!("has a value in line {line} that is no AWS key")));
        }
        if found.iter().filter(|(member, _)| *member == SESSION_TOKEN).count() > 1 {
            entries.push(Err(format!(
                "the profile {}: it has aws_session_token and aws_security_token. Remove one of the two",
                printable(section.profile())
            )));
            continue;
        }
        let members: Vec<_> = found.iter().map(|(member, option)| (*member, option.value)).collect();
        let profile = section.profile();
        let mut cuts: Vec<_> = found.iter().map(|(_, option)| option.lines.clone()).collect();
        if cuts.len() == section.options.len() {
            cuts.push(section.header.clone());
            // A comment stays, and the lines after it, which may belong to what follows.
            let empty = section.others.iter().take_while(|other| !other.is_comment);
            cuts.extend(empty.map(|other| other.line.clone()));
        }
        cuts.sort_by_key(|cut| cut.start);
        entries.push(Ok(PlainEntry {
            label: profile.to_owned(),
            key: Key { service: SERVICE.into(), name: profile.to_owned() },
            value: secret(object_of_texts(&members, 0)),
            cuts,
        }));
    }
    Ok(entries)
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
    use std::path::Path;

    use super::*;

    fn entries(text: &str) -> Result<Vec<PlainEntry>, Error> {
        AwsFiles.entries(&PlainFile { path: Path::new("x"), content: text.as_bytes() })
    }

    /// The file without its entries.
    fn rest(text: &str) -> String {
        let entries = entries(text).unwrap();
        let rest = AwsFiles.without(text.as_bytes(), &entries.iter().collect::<Vec<_>>());
        String::from_utf8(rest.to_vec()).unwrap()
    }

    #[test]
    fn keys_are_stored_as_credential_process_prints_them() {
        let text = "[default]\naws_access_key_id=AKIA1\nAWS_Secret_Access_Key : a/b+c=\n\
                    [profile x y]\naws_session_token = t\naws_secret_access_key = s\naws_access_key_id = i\n\
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

    #[test]
    fn a_profile_with_two_session_tokens_is_refused() {
        let text = "[a]\naws_access_key_id=i\naws_secret_access_key=s\naws_session_token=hunter2\naws_security_token=hunter2\n";
        assert_eq!(rest(text), text);
        let refused = AwsFiles.refused(&PlainFile { path: Path::new("x"), content: text.as_bytes() });
        assert_eq!(refused.len(), 1);
        assert!(refused[0].starts_with("the profile a: ") && !refused[0].contains("hunter2"));
    }

    #[test]
    fn errors_show_nothing_of_the_file() {
        for text in [
            "hunter2",
            "[a]\naws_access_key_id = i\naws_secret_access_key = hun\n ter2\n",
            "[a]\naws_access_key_id = i\naws_secret_access_key = hunter2 x\n",
        ] {
            let told = entries(text).map(drop).unwrap_err().to_string();
            assert!(told.contains("line ") && !told.contains("hun"), "{told}");
        }
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
