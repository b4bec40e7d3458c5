//! `~/.git-credentials`, in which `git credential-store` keeps passwords: a URL with user and password on each line.

use std::path::PathBuf;

use super::{PlainEntry, PlainFile, PlainFormat, home_of_git};
use crate::helpers::git::{CredentialUrl, Parts, UrlError, name_of, service};
use os_secrets::{
    credential::Key,
    environment::{Process, Variables},
    error::Error,
};

/// The files of `git credential-store`.
pub struct GitCredentials;

impl PlainFormat for GitCredentials {
    fn name(&self) -> &'static str {
        "git"
    }

    fn paths(&self) -> Vec<PathBuf> {
        let Some(home) = home_of_git() else { return Vec::new() };
        let directory = Process.directory("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        vec![home.join(".git-credentials"), directory.join("git").join("credentials")]
    }

    fn entries(&self, file: &PlainFile<'_>) -> Result<Vec<PlainEntry>, Error> {
        Ok(parse(file).entries)
    }

    fn skipped(&self, file: &PlainFile<'_>) -> Vec<String> {
        parse(file).skipped
    }

    fn refused(&self, file: &PlainFile<'_>) -> Vec<String> {
        parse(file).refused
    }
}

/// What a file holds.
#[derive(Default)]
struct Parsed {
    entries: Vec<PlainEntry>,
    skipped: Vec<String>,
    refused: Vec<String>,
}

fn parse(file: &PlainFile<'_>) -> Parsed {
    let (mut parsed, mut start) = (Parsed::default(), 0);
    for (index, whole) in file.content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        let place = format!("line {} of {}", index + 1, os_secrets::printable::printable_path(file.path));
        let cut = start..start + whole.len();
        start = cut.end;
        // git ignores these as well.
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        match parse_line(line) {
            Ok(mut entry) => {
                let other = parsed.entries.iter_mut().find(|other| other.key == entry.key);
                match other {
                    // git uses the first one.
                    Some(other) if other.value == entry.value => other.cuts.push(cut),
                    Some(_) => parsed.skipped.push(format!("{place}: an entry before it has the same user")),
                    None => {
                        entry.cuts.push(cut);
                        parsed.entries.push(entry);
                    }
                }
            }
            Err(NoEntry::Skipped(reason)) => parsed.skipped.push(format!("{place}: {reason}")),
            Err(NoEntry::Refused(reason)) => parsed.refused.push(format!("{place}: {reason}")),
        }
    }
    parsed
}

/// Why a line is no entry. No part of the line is shown: without a password, the user may be a token.
enum NoEntry {
    Skipped(&'static str),
    Refused(String),
}

fn parse_line(line: &[u8]) -> Result<PlainEntry, NoEntry> {
    let url = CredentialUrl::parse(line).map_err(|error| match error {
        UrlError::NoProtocol => NoEntry::Skipped("it is not a URL"),
        UrlError::LineBreak => NoEntry::Refused(
            "it has a line break, a carriage return or a NUL byte, which git does not take".into(),
        ),
        UrlError::NotText => NoEntry::Refused("it is not UTF-8 text".into()),
    })?;
    let CredentialUrl { protocol, host, path, username, password } = url;
    let (Some(user), Some(password)) = (username, password) else {
        return Err(NoEntry::Skipped("it has no user or no password"));
    };
    if host.is_empty() && path.is_none() {
        return Err(NoEntry::Skipped("it has no host"));
    }
    let service = service(&protocol, &host, path.as_deref()).map_err(NoEntry::Refused)?;
    let name = name_of(Some(&user)).map_err(NoEntry::Refused)?;
    // With such a password, the user is the token.
    let is_token = password.expose().is_empty() || password.expose() == b"x-oauth-basic";
    let shown = if is_token { "***" } else { &*user };
    let label = match service.strip_prefix(&format!("git:{protocol}://")) {
        Some(rest) => format!("{protocol}://{shown}@{rest}"),
        None => service.clone(),
    };
    let value = Parts::of_password(password).spell();
    let value = value.map_err(|reason| NoEntry::Refused(format!("its password {reason}")))?;
    Ok(PlainEntry { label, key: Key { service, name }, value, cuts: Vec::new() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse_text(text: &str) -> Parsed {
        parse(&PlainFile { path: Path::new("f"), content: text.as_bytes() })
    }

    #[test]
    fn entries_are_decoded() {
        let text = "https://a%40b:p%2fq@h:8080\n\nhttps://u:p@h/x.git\nhttps://token:x-oauth-basic@h\nhttps://u:%7b@i";
        let entries = parse_text(text).entries;
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| {
                let value = str::from_utf8(entry.value.expose()).unwrap();
                (&*entry.label, &*entry.key.service, &*entry.key.name, value)
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("https://a@b@h:8080", "git:https://h:8080", "a@b", "p/q"),
                ("https://u@h/x.git", "git:https://h/x.git", "u", "p"),
                ("https://***@h", "git:https://h", "token", "x-oauth-basic"),
                ("https://u@i", "git:https://i", "u", "{\"password\":\"{\"}"),
            ]
        );
    }

    #[test]
    fn an_entry_takes_its_line_and_those_that_repeat_it() {
        let text = "# a\nhttps://u:p@h\nhttps://v:p@h\nhttps://u:p@h\nhttps://u:q@h";
        let parsed = parse_text(text);
        assert_eq!(parsed.entries.len(), 2);
        let rest = GitCredentials.without(text.as_bytes(), &[&parsed.entries[0]]);
        assert_eq!(&*rest, b"# a\nhttps://v:p@h\nhttps://u:q@h");
        assert_eq!(parsed.skipped, ["line 5 of f: an entry before it has the same user"]);
    }

    #[test]
    fn lines_without_a_credential_are_told_without_their_content() {
        let text = "https://hunter2@h\nhunter2\nhttps://h\nhttps://u:hunter2%0a@h\nhttps://u:hunter2@h\r\n\
                    https://u:hunter2@\nhttps://%3cnone%3e:hunter2@h\na b://u:hunter2@h\n";
        let parsed = parse_text(text);
        assert!(parsed.entries.is_empty());
        assert_eq!((parsed.skipped.len(), parsed.refused.len()), (4, 4));
        assert!(!format!("{:?}{:?}", parsed.skipped, parsed.refused).contains("hunter2"));
    }
}
