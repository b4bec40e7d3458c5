//! `~/.git-credentials`, in which `git credential-store` keeps passwords: a URL with user and password on each line.

use std::{ops::Range, path::PathBuf};

use super::{NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat, findings::BEFORE, home_of_git};
use crate::{
    helpers::git::{CredentialUrl, Parts, UrlError, name_of, service},
    setup::ClientLock,
};
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

    fn lock(&self) -> ClientLock {
        ClientLock::BesideTarget
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let (mut findings, mut start) = (PlainFindings::default(), 0);
        for (index, whole) in file.content.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = whole.strip_suffix(b"\n").unwrap_or(whole);
            let cut = start..start + whole.len();
            start = cut.end;
            // git ignores these as well.
            if line.trim_ascii().is_empty() || line.starts_with(b"#") {
                continue;
            }
            findings.add_counted(format!("line {}", index + 1), parse_line(line, cut), BEFORE);
        }
        Ok(findings)
    }
}

/// The entry on a line, or why it has none. No part of the line is shown: without a password, the user may be a token.
fn parse_line(line: &[u8], cut: Range<usize>) -> Result<PlainEntry, NoEntry> {
    let url = CredentialUrl::parse(line).map_err(|error| match error {
        UrlError::NoProtocol => NoEntry::skipped("it is not a URL"),
        UrlError::LineBreak => NoEntry::refused(
            "it has a line break, a carriage return or a NUL byte, which git does not take. Remove it from the line",
        ),
        UrlError::NotText => NoEntry::refused("it is not UTF-8 text. Encode other bytes as %XX"),
    })?;
    let CredentialUrl { protocol, host, path, username, password } = url;
    let (Some(user), Some(password)) = (username, password) else {
        return Err(NoEntry::skipped("it has no user or no password"));
    };
    if host.is_empty() && path.is_none() {
        return Err(NoEntry::skipped("it has no host"));
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
    Ok(PlainEntry { label, key: Key { service, name }, value, cuts: vec![cut] })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn find(text: &str) -> PlainFindings {
        GitCredentials.find(&PlainFile { path: Path::new("f"), content: text.as_bytes() }).unwrap()
    }

    #[test]
    fn entries_are_decoded() {
        let text = "https://a%40b:p%2fq@h:8080\n\nhttps://u:p@h/x.git\nhttps://token:x-oauth-basic@h\nhttps://u:%7b@i";
        let entries = find(text).entries;
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

    /// The file without its entries.
    fn rest(text: &str) -> String {
        let rest = GitCredentials.without(text.as_bytes(), &find(text).entries.iter().collect::<Vec<_>>());
        String::from_utf8(rest.to_vec()).unwrap()
    }

    #[test]
    fn an_entry_takes_its_line_and_those_that_repeat_it() {
        let text = "# a\nhttps://u:p@h\nhttps://v:p@h\nhttps://u:p@h\n";
        let found = find(text);
        assert_eq!((found.entries.len(), found.skipped.len()), (2, 0));
        let left = GitCredentials.without(text.as_bytes(), &[&found.entries[0]]);
        assert_eq!(&*left, b"# a\nhttps://v:p@h\n");
    }

    #[test]
    fn a_superseded_line_stays_with_the_one_that_counts_and_is_named() {
        let text = "https://u:p@h\nhttps://u:q@h\nhttps://u:p@h\nhttps://v:p@h\n";
        let found = find(text);
        let values: Vec<_> = found.entries.iter().map(|entry| entry.value.expose()).collect();
        assert_eq!(values, [b"p", b"p"]);
        assert_eq!(found.skipped.len(), 1);
        assert_eq!(found.skipped[0].name, "line 2");
        assert!(found.skipped[0].reason.contains("superseded by the entry before it"));
        assert_eq!(rest(text), text.replace("https://v:p@h\n", ""));
        // As the user is told to do.
        let repaired = text.replace("https://u:q@h\n", "");
        assert!(find(&repaired).skipped.is_empty());
        assert_eq!(rest(&repaired), "");
    }

    #[test]
    fn lines_without_a_credential_are_told_without_their_content() {
        let text = "https://hunter2@h\nhunter2\nhttps://h\nhttps://u:hunter2%0a@h\nhttps://u:hunter2@h\r\n\
                    https://u:hunter2@\nhttps://%3cnone%3e:hunter2@h\na b://u:hunter2@h\n";
        let parsed = find(text);
        assert!(parsed.entries.is_empty());
        assert_eq!((parsed.skipped.len(), parsed.refused.len()), (4, 4));
        assert!(!format!("{:?}{:?}", parsed.skipped, parsed.refused).contains("hunter2"));
    }
}
