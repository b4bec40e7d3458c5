//! cargo's file with the tokens of registries, `$CARGO_HOME/credentials.toml`.
//!
//! The file names a registry by its name in cargo's configuration. A token is stored under the URL of the registry's index,
//! which is what cargo asks for. Only the user's own configuration says which URL that is, not a project's.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
    path::PathBuf,
};

use super::{NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat, cut_out};
use crate::{
    helpers::cargo::{TOKEN, service},
    setup::{
        ClientLock,
        cargo::{cargo_file, cargo_home},
        file::ClientFile,
        toml::{Found, find, parse},
    },
};
use os_secrets::{
    credential::{Key, Secret},
    document::{DeTable, DeValue},
    environment::{Process, Variables},
    error::Error,
    printable::printable,
};

/// The URL of the index of crates.io, as cargo sends it, whichever protocol it uses.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// cargo's `credentials.toml`.
pub struct CargoCredentials;

impl PlainFormat for CargoCredentials {
    fn name(&self) -> &'static str {
        "cargo"
    }

    fn paths(&self) -> Vec<PathBuf> {
        // cargo prefers the first.
        let home = cargo_home();
        home.map(|home| vec![home.join("credentials"), home.join("credentials.toml")]).unwrap_or_default()
    }

    fn lock(&self) -> ClientLock {
        ClientLock::OfFile
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let table = parse(file.path, file.content)?;
        let configuration = cargo_file("config").and_then(|path| ClientFile::read(&path).ok());
        let configuration = configuration.as_ref().and_then(|found| {
            let content = found.content.as_ref()?;
            parse(&found.path, content).ok()
        });
        let mut findings = PlainFindings::default();
        add_registry(file.content, &table, &["registry"], Ok(CRATES_IO.to_owned()), &mut findings);
        match find(&table, &["registries"]) {
            Some((DeValue::Table(registries), _)) => {
                // In the order of the file.
                let mut names: Vec<_> = registries.keys().collect();
                names.sort_by_key(|name| name.span().start);
                for name in names.into_iter().map(|name| &**name.get_ref()) {
                    let index = index_of(name, configuration.as_ref()).ok_or_else(|| {
                        NoEntry::skipped(
                            "the URL of its index is not in your cargo configuration. Add registries.NAME.index there",
                        )
                    });
                    add_registry(file.content, &table, &["registries", name], index, &mut findings);
                }
            }
            Some(_) => findings.leave("registries", NoEntry::refused(NO_TABLE)),
            None => {}
        }
        findings.entries.sort_by_key(|entry| entry.cuts.first().map(|cut| cut.start));
        Ok(findings)
    }
}

/// Why something that is no table stays.
const NO_TABLE: &str = "it is not a table, and cargo cannot read it either. Correct it";

/// Adds the token of the registry whose table is under keys.
fn add_registry(
    content: &[u8],
    table: &DeTable<'_>,
    keys: &[&str],
    index: Result<String, NoEntry>,
    findings: &mut PlainFindings,
) {
    let label = keys.get(1).map_or_else(|| "crates.io".to_owned(), |name| printable(name));
    match find(table, keys) {
        None => return,
        Some((DeValue::Table(_), _)) => {}
        Some(_) => return findings.leave(label, NoEntry::refused(NO_TABLE)),
    }
    if find(table, &[keys, &["secret-key"]].concat()).is_some() {
        let reason = "the secret key stays in the file, because cargo has no other place for it";
        findings.leave(&*label, NoEntry::skipped(reason));
    }
    let keys = [keys, &[TOKEN]].concat();
    if let Some((value, place)) = find(table, &keys) {
        let entry = index.and_then(|index| read_token(content, table, &keys, (value, place), &label, &index));
        findings.add(label, entry);
    }
}

/// The entry of a token, which is found under keys, or why it has none.
fn read_token(
    content: &[u8],
    table: &DeTable<'_>,
    keys: &[&str],
    (value, place): Found<'_, '_>,
    label: &str,
    index: &str,
) -> Result<PlainEntry, NoEntry> {
    check_index(index).map_err(NoEntry::skipped)?;
    let DeValue::String(token) = value else {
        return Err(NoEntry::refused("its token is not text, and cargo cannot read it either. Correct it"));
    };
    if token.is_empty() {
        return Err(NoEntry::skipped("its token is empty"));
    }
    let cuts = cuts(content, table, keys, &place).ok_or_else(|| {
        NoEntry::skipped("its token cannot be taken out of the file. Move it to a line of its own")
    })?;
    Ok(PlainEntry {
        label: format!("{label} ({})", printable(index)),
        key: Key { service: service(index), name: TOKEN.to_owned() },
        value: Secret::new(token.as_bytes().to_vec()),
        cuts,
    })
}

/// The URL of a registry's index: of the environment, else of the user's configuration.
fn index_of(name: &str, configuration: Option<&DeTable<'_>>) -> Option<String> {
    let variable = format!("CARGO_REGISTRIES_{}_INDEX", name.to_uppercase().replace('-', "_"));
    let of_environment = Process.get(&variable).and_then(|value| value.into_string().ok());
    let of_configuration =
        || Some(find(configuration?, &["registries", name, "index"])?.0.as_str()?.to_owned());
    of_environment.or_else(of_configuration).filter(|index| index.contains("://"))
}

/// Checks that cargo sends the URL of an index as it is spelled, and not another spelling of it. It normalizes URLs as the
/// WHATWG's URL Standard says. Spellings that are rare are refused, too.
fn check_index(index: &str) -> Result<(), &'static str> {
    let not_normal = "cargo asks for another spelling of the URL of its index. In your cargo configuration, write the host in \
                      small letters with a path behind it, and without dot segments or the usual port";
    let sparse = index.strip_prefix("sparse+");
    if sparse.is_some_and(|url| !url.ends_with('/')) {
        return Err(
            "cargo takes the URL of a sparse index only with / at its end. Add it in your cargo configuration",
        );
    }
    let (scheme, rest) = sparse.unwrap_or(index).split_once("://").ok_or(not_normal)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_plain = |text: &str, more: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c) || more.contains(c))
    };
    let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_normal_host = match scheme {
        "http" | "https" => {
            !path.is_empty() && is_normal_address(address, if scheme == "https" { "443" } else { "80" })
        }
        "file" => authority.is_empty(),
        "ssh" | "git" => {
            let (host, port) = address.split_once(':').unwrap_or((address, "1"));
            !host.is_empty() && is_plain(host, "") && is_normal_port(port)
        }
        _ => false,
    };
    let is_dots = |segment: &str| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    let is_normal = is_normal_host
        && is_plain(user, "")
        && authority.contains('@') != user.is_empty()
        && is_plain(path, "!$&'()*+,;=:@/%")
        && !path.split('/').any(is_dots);
    if is_normal { Ok(()) } else { Err(not_normal) }
}

fn is_normal_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
}

/// Whether a host with its port, which is not the usual one, is spelled as the URL Standard does.
fn is_normal_address(address: &str, usual: &str) -> bool {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    if port.is_some_and(|port| port == usual || !is_normal_port(port)) {
        return false;
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return !inner.contains('.')
            && inner.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == inner);
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    host.chars().all(is_name)
        && (!is_number || host.parse::<Ipv4Addr>().is_ok_and(|address| address.to_string() == host))
}

/// The parts of the file that only the token needs: its line, and the header of its table if nothing else is in that. `None`
/// if the rest would not be the same file without the token.
fn cuts(
    content: &[u8],
    table: &DeTable<'_>,
    keys: &[&str],
    place: &Range<usize>,
) -> Option<Vec<Range<usize>>> {
    let text = str::from_utf8(content).ok()?;
    let (_, parents) = keys.split_last()?;
    let (parent, _) = find(table, parents)?;
    let key = parent.as_table()?.get_key_value(TOKEN)?.0.span();
    let line = text[..key.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[place.end..].find('\n').map_or(text.len(), |newline| place.end + newline + 1);
    let is_own_line = !text[line..key.start].contains('{');
    let cut = if is_own_line {
        let is_alone = parent.as_table()?.len() == 1;
        let header = text[..line].trim_end().rfind('\n').map_or(0, |newline| newline + 1);
        let above = text[header..line].trim();
        let is_header = is_alone && above.starts_with('[') && above.ends_with(']');
        if is_header { header..end } else { line..end }
    } else {
        let after = text[place.end..].trim_start_matches([' ', '\t']);
        match after.strip_prefix(',') {
            Some(next) => key.start..text.len() - next.trim_start_matches([' ', '\t']).len(),
            None => {
                let before = text[..key.start].trim_end();
                before.strip_suffix(',').map_or(before.len(), str::len)..place.end
            }
        }
    };
    let rest = cut_out(content, std::slice::from_ref(&cut));
    let (rest, _) = os_secrets::document::parse(&rest).ok()?;
    (find(&rest, keys).is_none() && is_same_without(table, &rest, keys)).then(|| vec![cut])
}

/// Whether a table is another one without the value under keys. Tables that are empty then may be missing.
fn is_same_without(table: &DeTable<'_>, rest: &DeTable<'_>, keys: &[&str]) -> bool {
    let Some((key, inner)) = keys.split_first() else { return false };
    rest.keys().all(|name| table.contains_key(name))
        && table.iter().all(|(name, value)| {
            let left = rest.get(name).map(|value| value.get_ref());
            match (&**name.get_ref() == *key, value.get_ref(), left) {
                (true, DeValue::Table(table), Some(DeValue::Table(rest))) => {
                    is_same_without(table, rest, inner)
                }
                (true, DeValue::Table(table), None) => is_same_without(table, &DeTable::new(), inner),
                (true, _, None) => inner.is_empty(),
                (false, value, Some(left)) => is_same(value, left),
                _ => false,
            }
        })
}

/// Whether two values are the same, wherever they stand.
fn is_same(one: &DeValue<'_>, other: &DeValue<'_>) -> bool {
    match (one, other) {
        (DeValue::Table(one), DeValue::Table(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| {
                    other.get(name).is_some_and(|other| is_same(value.get_ref(), other.get_ref()))
                })
        }
        (DeValue::Array(one), DeValue::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one.get_ref(), other.get_ref()))
        }
        (DeValue::String(one), DeValue::String(other)) => one == other,
        (DeValue::Boolean(one), DeValue::Boolean(other)) => one == other,
        (DeValue::Datetime(one), DeValue::Datetime(other)) => one == other,
        (DeValue::Integer(one), DeValue::Integer(other)) => {
            one.as_str() == other.as_str() && one.radix() == other.radix()
        }
        (DeValue::Float(one), DeValue::Float(other)) => one.as_str() == other.as_str(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content without the token under keys.
    fn without(content: &str, keys: &[&str]) -> Option<String> {
        let table = parse("x".as_ref(), content.as_bytes()).unwrap();
        let (_, place) = find(&table, keys).unwrap();
        let cuts = cuts(content.as_bytes(), &table, keys, &place)?;
        Some(String::from_utf8(cut_out(content.as_bytes(), &cuts).to_vec()).unwrap())
    }

    #[test]
    fn a_token_is_taken_out_with_its_line_and_an_empty_table() {
        for (content, rest) in [
            ("[registry]\ntoken = \"a\"\n", ""),
            ("[registry]\ntoken = \"a\"", ""),
            ("[registry] \r\ntoken = 'a' # x\r\n\r\n[b]\r\n", "\r\n[b]\r\n"),
            ("[registry]\ntoken = \"a\"\nsecret-key = \"b\"\n", "[registry]\nsecret-key = \"b\"\n"),
            ("[registry]\n# Mine\ntoken = \"a\"\n", "[registry]\n# Mine\n"),
            ("registry.token = \"a\"\nb = 1\n", "b = 1\n"),
            ("registry = { token = \"a\", b = 1 }\n", "registry = { b = 1 }\n"),
            ("registry = { b = 1, token = \"a\" }\n", "registry = { b = 1 }\n"),
            ("registry = { token = \"a\" }\n", "registry = { }\n"),
            ("[registry]\ntoken = '''\na\nb'''\n[b]\n", "[b]\n"),
        ] {
            assert_eq!(without(content, &["registry", "token"]).as_deref(), Some(rest), "{content}");
        }
        let two = "[registries.a]\ntoken = \"1\"\n\n[registries.b]\ntoken = \"2\"\n";
        assert_eq!(
            without(two, &["registries", "a", "token"]).as_deref(),
            Some("\n[registries.b]\ntoken = \"2\"\n")
        );
        assert_eq!(
            without(two, &["registries", "b", "token"]).as_deref(),
            Some("[registries.a]\ntoken = \"1\"\n\n")
        );
    }

    #[test]
    fn only_an_index_that_cargo_sends_as_it_is_spelled_is_taken() {
        for index in [
            CRATES_IO,
            "sparse+https://h/",
            "sparse+http://127.0.0.1:9/i/",
            "https://u@h.example:8443/x.git",
            "https://[::1]:1/x",
            "ssh://git@Host:22/X.git",
            "file:///srv/index",
        ] {
            assert_eq!(check_index(index), Ok(()), "{index}");
        }
        for index in [
            "https://EXAMPLE.invalid/",
            "https://example.invalid",
            "HTTPS://h/",
            "sparse+https://h/i",
            "sparse+https://h/i/../x/",
            "https://h/%2E/x",
            "https://h:443/",
            "http://h:080/",
            "https://h:/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://[0::1]/",
            "https://@h/",
            "https:///h/",
            "https://h/a b",
            "https://h\\x/",
            "https://\u{e9}/",
            "file://localhost/x",
        ] {
            assert!(check_index(index).is_err(), "{index}");
        }
    }

    #[test]
    fn a_file_from_which_more_would_go_is_not_changed() {
        // The brace makes the line look like an inline table.
        let content = "\"a{b\".c = 1\nregistries.\"a{b\".token = \"a\"\nd = 1\n";
        assert_eq!(without(content, &["registries", "a{b", "token"]), None);
        let content = "[registries.\"a{b\"]\ntoken = \"a\"\n";
        assert_eq!(without(content, &["registries", "a{b", "token"]).as_deref(), Some(""));
    }

    #[test]
    fn a_registry_that_is_not_clear_is_named_and_hides_no_other() {
        for (damaged, name) in [
            ("[registries.a]\ntoken = 5\n", "a"),
            ("[registries]\na = \"hunter2\"\n", "a"),
            ("registries = \"hunter2\"\n", "registries"),
        ] {
            let content = format!("{damaged}[registry]\ntoken = \"t\"\n");
            let file = PlainFile { path: "x".as_ref(), content: content.as_bytes() };
            let found = CargoCredentials.find(&file).unwrap();
            let left: Vec<_> = found.skipped.iter().chain(&found.refused).collect();
            assert_eq!((found.entries.len(), left.len(), &*left[0].name), (1, 1, name), "{content}");
            assert!(!left[0].reason.contains("hunter2"));
            let rest = CargoCredentials.without(content.as_bytes(), &[&found.entries[0]]);
            assert_eq!(&*rest, damaged.as_bytes());
        }
    }

    #[test]
    fn values_are_compared_wherever_they_stand() {
        let parsed = |text: &'static str| parse("x".as_ref(), text.as_bytes()).unwrap();
        let table = parsed("a = 1\nb = [true, 'x', { c = 0x10 }]\nregistry.token = 't'\n");
        let keys = ["registry", "token"];
        assert!(is_same_without(&table, &parsed("b = [true, \"x\", { c = 0x10 }]\na = 1"), &keys));
        for other in [
            "a = 1",
            "a = 2\nb = [true, 'x', { c = 0x10 }]",
            "a = 1\nb = [true, 'x', { c = 16 }]",
            "a = 1\nb = [true, 'x', { c = 0x10 }]\nd = 1",
            "a = 1\nb = [true, 'x', { c = 0x10 }]\nregistry.token = 't'",
        ] {
            assert!(!is_same_without(&table, &parsed(other), &keys), "{other}");
        }
    }
}
