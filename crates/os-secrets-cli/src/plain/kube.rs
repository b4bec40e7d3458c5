//! Tokens and client keys in the kubeconfig.

use std::{ops::Range, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat,
    kubeconfig::{KubeUser, Kubeconfig, find, kubeconfig_paths, servers_of},
    yaml::YamlMember,
};
use crate::{
    helpers::{
        is_visible,
        kubectl::{CERTIFICATE, KEY, TOKEN, service},
    },
    setup::ClientLock,
};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    json::object_of_texts,
    printable::printable,
};

/// Members of a user with secrets that a credential plugin cannot give.
const NOT_FOR_PLUGINS: [(&str, &str); 2] =
    [("password", "a password"), ("auth-provider", "an auth-provider")];

/// Kubeconfigs.
pub struct KubeFiles;

impl PlainFormat for KubeFiles {
    fn name(&self) -> &'static str {
        "kube"
    }

    fn paths(&self) -> Vec<PathBuf> {
        kubeconfig_paths()
    }

    fn lock(&self) -> ClientLock {
        ClientLock::BesideLink
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let files = [Kubeconfig::parse(file.path, file.content)?];
        let mut findings = PlainFindings::default();
        for user in files[0].read_users()? {
            match user {
                Ok(user) => add_user(&files, &user, file.content, &mut findings),
                Err((name, error)) => findings.leave(name, refuse(error)),
            }
        }
        Ok(findings)
    }
}

/// Adds the credential of a user, for each of its servers.
fn add_user(
    files: &[Kubeconfig<'_>; 1],
    user: &KubeUser<'_, '_>,
    content: &[u8],
    findings: &mut PlainFindings,
) {
    let name = format!("the user {}", printable(&user.name));
    for (member, what) in NOT_FOR_PLUGINS {
        if find(user.members, member).is_some() {
            findings.leave(
                &*name,
                NoEntry::Skipped(format!(
                    "it has {what}, and a credential plugin gives only tokens and client certificates"
                )),
            );
        }
    }
    let (value, cuts) = match read_credential(&files[0], user, content) {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(error) => return findings.leave(name, refuse(error)),
    };
    let servers = match servers_of(files, &user.name) {
        Ok(servers) => servers,
        Err(error) => return findings.leave(name, refuse(error)),
    };
    // The helper would refuse to give it out.
    for server in &servers.unsafe_ones {
        let reason =
            "others could read the credential on its way, because the kubeconfig does not verify the server";
        findings.leave(format!("{name} for {}", printable(server)), NoEntry::skipped(reason));
    }
    if servers.safe.is_empty() && servers.unsafe_ones.is_empty() {
        findings.leave(&*name, NoEntry::skipped("no context in the file says for which server it is"));
    }
    // The file's copy stays for a server for which nothing is stored.
    let cuts = if servers.unsafe_ones.is_empty() { cuts } else { Vec::new() };
    for server in servers.safe {
        findings.entries.push(PlainEntry {
            label: format!("the user {} for {server}", user.name),
            key: Key { service: service(&server), name: user.name.clone() },
            value: value.clone(),
            cuts: cuts.clone(),
        });
    }
}

/// Why something that cannot be read stays.
fn refuse(error: Error) -> NoEntry {
    NoEntry::Refused(match error {
        Error::InvalidFile { reason, .. } => format!("it {reason}"),
        other => other.to_string(),
    })
}

/// A credential as it is stored, and its lines.
type CredentialLines = (Secret, Vec<Range<usize>>);

/// The credential of a user.
fn read_credential(
    config: &Kubeconfig<'_>,
    user: &KubeUser<'_, '_>,
    content: &[u8],
) -> Result<Option<CredentialLines>, Error> {
    let member = |name| find(user.members, name);
    let (token, certificate, key) =
        (member("token"), member("client-certificate-data"), member("client-key-data"));
    let mut cuts = Vec::new();
    let mut cut = |member: &YamlMember<'_>| {
        let start = &content[..member.lines.start];
        if !(start.is_empty() || start.ends_with(b"\n")) {
            return Err(config.invalid(member.line, "a secret behind something else"));
        }
        cuts.push(member.lines.clone());
        Ok(())
    };
    let mut parts: Vec<(&str, Zeroizing<Vec<u8>>)> = Vec::new();
    if let Some(member) = token
        && let Some(mut text) = config.text(member)?
    {
        if !is_visible(text.as_bytes()) {
            return Err(config.invalid(member.line, "a token with spaces"));
        }
        cut(member)?;
        parts.push((TOKEN, Zeroizing::new(std::mem::take(&mut *text).into_bytes())));
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        let texts = [config.text(certificate)?, config.text(key)?];
        if texts.iter().filter(|text| text.is_some()).count() == 1 {
            return Err(config
                .invalid(certificate.line, "a client certificate without its key, or the key without it"));
        }
        for ((member, name), text) in [(certificate, CERTIFICATE), (key, KEY)].into_iter().zip(texts) {
            let Some(text) = text else { continue };
            let decoded = decode_base64(&text).filter(|decoded| str::from_utf8(decoded).is_ok());
            let decoded =
                decoded.ok_or_else(|| config.invalid(member.line, "data that is not base64 of PEM"))?;
            cut(member)?;
            parts.push((name, decoded));
        }
    }
    cuts.sort_by_key(|cut| cut.start);
    Ok(match &mut *parts {
        [] => None,
        [(TOKEN, token)] if !token.starts_with(b"{") => {
            Some((Secret::new(std::mem::take(&mut *token)), cuts))
        }
        parts => {
            let members: Vec<_> =
                parts.iter().filter_map(|(name, text)| Some((*name, str::from_utf8(text).ok()?))).collect();
            let mut object = object_of_texts(&members, 0);
            Some((Secret::new(std::mem::take(&mut *object)), cuts))
        }
    })
}

fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoded = Zeroizing::new(vec![0; text.len() / 4 * 3 + 3]);
    let length = BASE64_STANDARD.decode_slice(text, &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const SERVERS: &str = "clusters:\n- cluster:\n    server: https://a:6443\n  name: a\n- cluster:\n    server: https://b/\n  name: b\n\
                           contexts:\n- context:\n    cluster: a\n    user: u\n  name: one\n- context:\n    cluster: b\n    user: u\n  name: two\n";

    fn find_all(text: &str) -> Result<PlainFindings, Error> {
        KubeFiles.find(&PlainFile { path: Path::new("x"), content: text.as_bytes() })
    }

    fn entries(text: &str) -> Result<Vec<PlainEntry>, Error> {
        Ok(find_all(text)?.entries)
    }

    fn rest(text: &str) -> String {
        let entries = entries(text).unwrap();
        let rest = KubeFiles.without(text.as_bytes(), &entries.iter().collect::<Vec<_>>());
        String::from_utf8(rest.to_vec()).unwrap()
    }

    #[test]
    fn a_user_is_stored_under_each_server_of_its_contexts() {
        let text = format!("{SERVERS}users:\n- name: u\n  user:\n    token: hunter2\n    # mine\n    x: y\n");
        let found = entries(&text).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|entry| (entry.key.label(), str::from_utf8(entry.value.expose()).unwrap()))
            .collect();
        assert_eq!(
            shown,
            [("kubernetes:https://a:6443/u".into(), "hunter2"), ("kubernetes:https://b/u".into(), "hunter2")]
        );
        assert_eq!(rest(&text), format!("{SERVERS}users:\n- name: u\n  user:\n    # mine\n    x: y\n"));
    }

    #[test]
    fn certificates_are_stored_as_a_plugin_gives_them() {
        let text = format!(
            "{SERVERS}users:\r\n- name: u\r\n  user:\r\n    client-certificate-data: Q0VSVAo=\r\n    client-key-data: \"S0VZCg==\"\r\n    token: 't'\r\n"
        );
        let found = entries(&text).unwrap();
        assert_eq!(
            str::from_utf8(found[0].value.expose()).unwrap(),
            r#"{"token":"t","clientCertificateData":"CERT\n","clientKeyData":"KEY\n"}"#
        );
        assert_eq!(rest(&text), format!("{SERVERS}users:\r\n- name: u\r\n  user:\r\n"));
    }

    #[test]
    fn what_a_plugin_cannot_give_is_left_and_named() {
        let text = format!(
            "{SERVERS}users:\n- name: u\n  user:\n    username: x\n    password: hunter2\n- name: lost\n  user:\n    token: t\n"
        );
        assert!(entries(&text).unwrap().is_empty());
        let skipped = find_all(&text).unwrap().skipped;
        let names: Vec<_> = skipped.iter().map(|skipped| &*skipped.name).collect();
        assert_eq!(names, ["the user u", "the user lost"]);
        assert!(skipped[0].reason.contains("it has a password") && !skipped[0].reason.contains("hunter2"));
        assert!(skipped[1].reason.contains("no context"));
    }

    #[test]
    fn a_server_that_the_helper_refuses_is_skipped_and_named() {
        let user = "users:\n- name: u\n  user:\n    token: hunter2\n";
        let file = |text: &str| {
            let found = find_all(text).unwrap();
            (found.entries.len(), found.skipped.len(), rest(text) == text)
        };
        let skipping = SERVERS.replace("https://b/\n", "https://b/\n    insecure-skip-tls-verify: true\n");
        assert_eq!(file(&format!("{skipping}{user}")), (1, 1, true));
        assert_eq!(file(&format!("{}{user}", skipping.replace("true", "false"))), (2, 0, false));
        assert_eq!(file(&format!("{}{user}", SERVERS.replace("https://a", "http://a"))), (1, 1, true));
        let local = skipping.replace("https://b/", "https://127.0.0.1:1");
        assert_eq!(file(&format!("{local}{user}")), (2, 0, false));
    }

    #[test]
    fn a_user_that_cannot_be_read_is_refused_with_its_line_and_hides_no_other() {
        let good = "- name: v\n  user:\n    token: t\n";
        let context = "- context:\n    cluster: a\n    user: v\n  name: three\nusers:\n";
        for (user, name, more) in [
            ("- name: u\n  user:\n    token: \"hunter2\\x41\"\n", "the user u", 2),
            ("- name: u\n  user:\n    token: hunter2\n      hunter2\n", "the user u", 2),
            ("- name: u\n  user:\n    token: |\n      hunter2\n", "the user u", 2),
            ("- name: u\n  user:\n    token: &hunter2 x\n", "the user u", 2),
            ("- name: u\n  user:\n    token: 'hunter2 x'\n", "the user u", 2),
            (
                "- name: u\n  user:\n    client-key-data: hunter2\n    client-certificate-data: hunter2\n",
                "the user u",
                3,
            ),
            (
                "- name: u\n  user:\n    client-key-data: aHVudGVyMg==\n    client-certificate-data: null\n",
                "the user u",
                3,
            ),
            ("- name: u\n  user: {token: hunter2}\n", "the user u", 1),
            ("- name: u\n  user: hunter2\n", "the user u", 1),
            ("- name: u\n  user:\n    <<: *hunter2\n", "the user u", 2),
            ("- name: \"hunter2\\x41\"\n  user:\n    token: t\n", "the user at place 1 of users", 0),
        ] {
            let text = format!("{SERVERS}{context}{user}{good}");
            let found = find_all(&text).unwrap();
            assert_eq!((found.entries.len(), found.refused.len()), (1, 1), "{text}");
            assert_eq!(found.refused[0].name, name);
            let line = SERVERS.lines().count() + context.lines().count() + 1 + more;
            let reason = &found.refused[0].reason;
            assert!(reason.contains(&format!("line {line},")) && !reason.contains("hunter2"), "{reason}");
            assert_eq!(rest(&text), text.replace(good, "- name: v\n  user:\n"));
        }
        let text = format!("{SERVERS}users: {{a: hunter2}}\n");
        let told = entries(&text).map(drop).unwrap_err().to_string();
        assert!(told.contains("flow style in line") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_user_whose_server_cannot_be_read_is_refused_and_hides_no_other() {
        let servers = SERVERS.replace(
            "- cluster:\n    server: https://b/\n  name: b",
            "- cluster: {server: https://b/}\n  name: b",
        );
        let context = "- context:\n    cluster: a\n    user: v\n  name: three\n";
        let users = "users:\n- name: u\n  user:\n    token: hunter2\n- name: v\n  user:\n    token: t\n";
        let text = format!("{servers}{context}{users}");
        let found = find_all(&text).unwrap();
        assert_eq!((found.entries.len(), found.refused.len()), (1, 1));
        assert_eq!((&*found.entries[0].key.name, &*found.refused[0].name), ("v", "the user u"));
        assert_eq!(rest(&text), text.replace("    token: t\n", ""));
    }

    #[test]
    fn a_damaged_file_is_refused_or_loses_nothing_but_its_entries() {
        let text = format!(
            "{SERVERS}users:\n- name: 'é'\n  user: {{}}\n- name: u\n  user:\n    client-key-data: S0VZCg==\n    token: \"t\" # é\n"
        );
        for (at, old) in text.char_indices() {
            for new in [
                "", "\n", "\r", "\t", " ", "-", ":", "#", "'", "\"", "\\", "{", "[", "|", "&", "é",
                "\u{feff}",
            ] {
                let damaged = format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..]);
                let Ok(found) = entries(&damaged) else { continue };
                let cut: usize = found.first().map_or(0, |entry| entry.cuts.iter().map(Range::len).sum());
                assert!(rest(&damaged).len() == damaged.len() - cut || found.len() > 1, "{damaged}");
            }
            let _ = entries(&text[..at]);
        }
    }
}
