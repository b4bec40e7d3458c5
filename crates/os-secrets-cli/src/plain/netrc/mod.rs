//! `~/.netrc`, from which curl, git and ftp take logins, as curl parses it.

use std::{ops::Range, path::PathBuf};

use zeroize::Zeroizing;

use self::tokens::{NetrcToken, NetrcTokens, is_space};
use super::{NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat, findings::BEFORE, home_of_git};
use crate::helpers::git::{Parts, name_of, service};
use os_secrets::{
    credential::{Key, Secret},
    environment::{Process, Variables, absolute_path},
    error::Error,
};

mod tokens;

/// The file `.netrc`.
pub struct Netrc;

impl PlainFormat for Netrc {
    fn name(&self) -> &'static str {
        "netrc"
    }

    fn paths(&self) -> Vec<PathBuf> {
        if let Some(path) = Process.get("NETRC") {
            return vec![absolute_path(path.as_ref())];
        }
        let names: &[&str] = if cfg!(windows) { &[".netrc", "_netrc"] } else { &[".netrc"] };
        home_of_git().map_or_else(Vec::new, |home| names.iter().map(|name| home.join(name)).collect())
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let machines = parse_machines(file.content).map_err(|at| {
            let line = line_of(file.content, at);
            Error::InvalidFile {
                path: file.path.into(),
                reason: format!(
                    "has a quoted word in line {line} that does not end. Add the quote at its end"
                ),
            }
        })?;
        let mut findings = PlainFindings::default();
        for machine in machines {
            let name = format!("line {}", machine.line);
            let cuts = machine.cuts(file.content);
            // As curl does.
            findings.add_counted(name, machine.into_entry(cuts), BEFORE);
        }
        Ok(findings)
    }
}

/// The words of a `machine` or of `default`.
#[derive(Default)]
struct Machine {
    /// The name. `None` for `default`.
    name: Option<Zeroizing<Vec<u8>>>,
    line: usize,
    login: Option<Zeroizing<Vec<u8>>>,
    password: Option<Zeroizing<Vec<u8>>>,
    /// Where its words stand, each with what follows it, in their order.
    parts: Vec<Range<usize>>,
    /// Where `password` and the password stand.
    password_parts: Vec<Range<usize>>,
    /// Whether it has macros, which would belong to another machine without it.
    has_macros: bool,
    /// Why it must stay as it is, although it may have a login and a password.
    unclear: Option<&'static str>,
}

/// The number of a line.
fn line_of(content: &[u8], at: usize) -> usize {
    content[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Why a machine with `#` before a value stays.
const UNCLEAR_VALUE: &str =
    "some versions of curl take a value with # at its start for a comment. Put it in quotes";

/// Whether a word has a meaning where no value is due.
fn is_keyword(word: &[u8]) -> bool {
    let keywords = ["machine", "default", "login", "password", "account", "macdef"];
    keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword.as_bytes()))
}

/// The machines of a file. The error: where a quoted word starts that does not end.
fn parse_machines(content: &[u8]) -> Result<Vec<Machine>, usize> {
    let mut words = NetrcTokens::new(content);
    let mut machines: Vec<Machine> = Vec::new();
    // Also where a value should be: curl up to 7.83 takes `#p` for the value, and the others for a comment.
    let is_comment = |word: &NetrcToken| !word.is_quoted && word.text.starts_with(b"#");
    while let Some(word) = words.read_next()? {
        if is_comment(&word) {
            words.skip_line();
            // curl up to 7.83 reads the words of such a comment.
            let comment = &content[word.at.start..words.at];
            if let Some(machine) = machines.last_mut()
                && comment.split(|byte| is_space(*byte)).any(is_keyword)
            {
                machine.refuse("a comment behind it has words such as login, which not every curl ignores");
            }
            continue;
        }
        // It may be a part of a password.
        let keyword =
            Zeroizing::new(if word.is_quoted { Vec::new() } else { word.text.to_ascii_lowercase() });
        match &**keyword {
            b"machine" => {
                let name = words.read_next()?;
                let is_unclear = name.as_ref().is_some_and(is_comment);
                let at = word.at.start..name.as_ref().map_or(word.at.end, |name| name.at.end);
                machines.push(Machine {
                    name: Some(name.map_or_else(Zeroizing::default, |name| name.text)),
                    line: line_of(content, at.start),
                    parts: vec![at],
                    unclear: is_unclear.then_some(UNCLEAR_VALUE),
                    ..Machine::default()
                });
            }
            b"default" => machines.push(Machine {
                line: line_of(content, word.at.start),
                parts: vec![word.at],
                ..Machine::default()
            }),
            b"macdef" => {
                words.skip_macro();
                if let Some(machine) = machines.last_mut() {
                    machine.has_macros = true;
                }
            }
            b"login" | b"password" | b"account" => {
                let value = words.read_next()?;
                let at = word.at.start..value.as_ref().map_or(word.at.end, |value| value.at.end);
                let Some(machine) = machines.last_mut() else { continue };
                machine.parts.push(at.clone());
                if value.as_ref().is_some_and(is_comment) {
                    machine.refuse(UNCLEAR_VALUE);
                }
                let text = value.map(|value| value.text);
                let former = match &**keyword {
                    b"login" => std::mem::replace(&mut machine.login, text),
                    b"password" => {
                        machine.password_parts.push(at);
                        std::mem::replace(&mut machine.password, text)
                    }
                    _ => {
                        machine.refuse("it has an account, which git does not take");
                        None
                    }
                };
                if former.is_some() {
                    machine.refuse("it has several logins or passwords. Write a machine for each");
                }
            }
            // curl ignores other words.
            _ => {}
        }
    }
    Ok(machines)
}

impl Machine {
    fn refuse(&mut self, reason: &'static str) {
        self.unclear.get_or_insert(reason);
    }

    /// What to cut out of the file: all words of the machine, or only its password if it has macros.
    fn cuts(&self, content: &[u8]) -> Vec<Range<usize>> {
        let parts = if self.has_macros { &self.password_parts } else { &self.parts };
        let mut joined: Vec<Range<usize>> = Vec::new();
        for part in parts {
            match joined.last_mut() {
                Some(last) if content[last.end..part.start].iter().all(|byte| is_space(*byte)) => {
                    last.end = part.end;
                }
                _ => joined.push(part.clone()),
            }
        }
        joined.into_iter().map(|part| with_space(content, part)).collect()
    }

    fn into_entry(self, cuts: Vec<Range<usize>>) -> Result<PlainEntry, NoEntry> {
        let Some(name) = self.name else {
            return Err(NoEntry::skipped("default has no host for which git could ask"));
        };
        let text = |bytes: &[u8]| match str::from_utf8(bytes) {
            Ok(text) if !text.contains(['\n', '\r', '\0']) => Ok(text.to_owned()),
            Ok(_) => Err(NoEntry::refused("it has a line break or a NUL byte, which git does not take")),
            Err(_) => Err(NoEntry::refused("it is not UTF-8 text")),
        };
        let host = text(&name)?;
        if host.is_empty() {
            return Err(NoEntry::skipped("machine has no name"));
        }
        if let Some(reason) = self.unclear {
            return Err(NoEntry::refused(reason));
        }
        let (Some(login), Some(mut password)) = (self.login, self.password) else {
            return Err(NoEntry::Skipped(format!("machine {host} has no login or no password")));
        };
        let login = text(&login)?;
        if password.iter().any(|byte| b"\n\r\0".contains(byte)) {
            return Err(NoEntry::refused(
                "its password has a line break or a NUL byte, which git does not take",
            ));
        }
        let key = Key {
            service: service("https", &host, None).map_err(NoEntry::Refused)?,
            name: name_of(Some(&login)).map_err(NoEntry::Refused)?,
        };
        let is_token = password.is_empty() || &**password == b"x-oauth-basic";
        let label = format!("machine {host} login {}", if is_token { "***" } else { &*login });
        let value = Parts::of_password(Secret::new(std::mem::take(&mut *password))).spell();
        let value = value.map_err(|reason| NoEntry::Refused(format!("its password {reason}")))?;
        Ok(PlainEntry { label, key, value, cuts })
    }
}

/// A part with its whole lines if nothing else is on them, or with the white space up to the next word.
fn with_space(content: &[u8], part: Range<usize>) -> Range<usize> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let before = content[..part.start].iter().rev().take_while(|byte| is_blank(byte)).count();
    let after = content[part.end..].iter().take_while(|byte| is_blank(byte)).count();
    let (start, end) = (part.start - before, part.end + after);
    let starts_line = start == 0 || content[start - 1] == b'\n';
    match content.get(end) {
        Some(b'\n') if starts_line => start..end + 1,
        None if starts_line => start..end,
        // Something stands in front of it, and its line break stays.
        Some(b'\n') | None => start..part.end,
        Some(_) => part.start..end,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn find(text: &str) -> PlainFindings {
        Netrc.find(&PlainFile { path: Path::new("f"), content: text.as_bytes() }).unwrap()
    }

    fn shown(text: &str) -> Vec<(String, String, String)> {
        let entries = find(text).entries.into_iter();
        let value = |entry: &PlainEntry| String::from_utf8(entry.value.expose().to_vec()).unwrap();
        entries.map(|entry| (entry.key.service.clone(), entry.key.name.clone(), value(&entry))).collect()
    }

    #[test]
    fn machines_are_read_in_every_form() {
        let a = |password: &str| [("git:https://a".to_owned(), "u".to_owned(), password.to_owned())];
        for (text, password) in [
            ("machine a login u password p", "p"),
            ("MACHINE a\n\tLogin u\r\n\tPASSWORD p\r\n", "p"),
            ("machine a password p login u\n", "p"),
            ("machine \"a\" login \"u\" password \"p \\\"\\t\\\\q\"\n", "p \"\t\\q"),
            ("# machine x login y password z\nmachine a\n  # c\n login u\npassword \"#p\" # q\n", "#p"),
            ("junk login x password y\nmachine a login u password password", "password"),
            ("macdef m\nmachine x login y password z\n\nmachine a login u password p", "p"),
            ("machine a login u password p\nmachine a login u password q", "p"),
        ] {
            assert_eq!(shown(text), a(password), "{text}");
        }
    }

    #[test]
    fn exactly_the_entrys_words_are_cut_out() {
        for (text, rest) in [
            ("machine a login u password p", ""),
            ("machine a\n\tlogin u\n\tpassword p\n\nmachine b login v\n", "\nmachine b login v\n"),
            ("machine b login v machine a login u password p", "machine b login v"),
            ("machine a login u password p machine b login v\n", "machine b login v\n"),
            ("machine a\n# comment\nlogin u # x\npassword p\r\n", "# comment\n# x\n"),
            ("machine a login u password p\nmachine b\nmachine a login u password p\n", "machine b\n"),
            (
                "machine a\nlogin u\npassword p\nmacdef init\ncd /\n\n",
                "machine a\nlogin u\nmacdef init\ncd /\n\n",
            ),
            (
                "default login v password q\nmachine a login u password \"p q\"\n",
                "default login v password q\n",
            ),
        ] {
            let parsed = find(text);
            assert_eq!(parsed.entries.len(), 1);
            let entries: Vec<_> = parsed.entries.iter().collect();
            let left = Netrc.without(text.as_bytes(), &entries);
            assert_eq!(str::from_utf8(&left).unwrap(), rest, "{text}");
        }
    }

    #[test]
    fn a_superseded_machine_stays_with_the_one_that_counts_and_is_named() {
        let text =
            "machine a login u password p\nmachine a login u password q\nmachine a login u password p\n";
        let found = find(text);
        assert_eq!((found.entries.len(), found.entries[0].value.expose()), (1, &b"p"[..]));
        assert_eq!(found.skipped.len(), 1);
        assert_eq!(found.skipped[0].name, "line 2");
        assert!(found.skipped[0].reason.contains("superseded by the entry before it"));
        assert_eq!(&*Netrc.without(text.as_bytes(), &[&found.entries[0]]), text.as_bytes());
        // As the user is told to do.
        let repaired = text.replace("machine a login u password q\n", "");
        let found = find(&repaired);
        assert_eq!((found.entries.len(), found.skipped.len()), (1, 0));
        assert_eq!(&*Netrc.without(repaired.as_bytes(), &[&found.entries[0]]), b"");
    }

    #[test]
    fn a_machine_that_is_not_clear_is_refused_and_stays() {
        for text in [
            "machine a login u password good # was password old",
            "machine a login u password p1 # MACHINE b",
            "machine a login u1 password p1 login u2 password p2",
            "machine a login u password p1 password p2",
            "machine a login u login v password p1",
            "machine a login u password #p",
            "machine a login #u\npassword p",
            "machine #a\nlogin u password p",
            "machine a login u account x password p",
        ] {
            let both = format!("{text}\nmachine z login u password p\n");
            let parsed = find(&both);
            assert_eq!(
                (parsed.entries.len(), parsed.skipped.len(), parsed.refused.len()),
                (1, 0, 1),
                "{text}"
            );
            let left = Netrc.without(both.as_bytes(), &[&parsed.entries[0]]);
            assert_eq!(str::from_utf8(&left).unwrap(), format!("{text}\n"));
        }
    }

    #[test]
    fn what_is_no_login_is_told_without_its_content() {
        let text = "machine a login hunter2\nmachine b password hunter2\ndefault login u password hunter2\n\
                    machine c login u password \"hunter2\\n\"\nmachine d/e login u password hunter2\nmachine";
        let parsed = find(text);
        assert!(parsed.entries.is_empty());
        assert_eq!((parsed.skipped.len(), parsed.refused.len()), (4, 2));
        assert!(parsed.skipped[2].name == "line 3" && parsed.skipped[2].reason.starts_with("default"));
        assert!(!format!("{:?}{:?}", parsed.skipped, parsed.refused).contains("hunter2"));
        let unended = PlainFile { path: Path::new("f"), content: b"machine a\nlogin \"hunter2" };
        let error = Netrc.find(&unended).map(drop).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}
