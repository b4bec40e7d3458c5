//! The logins in `~/.docker/config.json`, in Helm's `~/.config/helm/registry/config.json`, and in the
//! `~/.config/containers/auth.json` of Podman, Skopeo and Buildah.

use std::{ops::Range, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat, cut_out};
use crate::{helpers::docker::PREFIX, json_members::JsonObject, setup::docker::auth_paths};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    json::{Document, Field},
    printable::printable,
};

/// The member of the file with the logins.
const AUTHS: &str = "auths";
/// The user name of an identity token.
const TOKEN_USER: &str = "<token>";
/// The server of Docker Hub, which Docker itself calls so.
const HUB: &str = "https://index.docker.io/v1/";

/// The files in which Docker, Helm and Podman keep logins: `config.json` and `auth.json`.
pub struct DockerConfig;

impl PlainFormat for DockerConfig {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn paths(&self) -> Vec<PathBuf> {
        auth_paths()
    }

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let blank = file.content.trim_ascii().is_empty();
        let document = Document::parse(file.path, if blank { b"{}" } else { file.content })?;
        let Some(auths) = document.field(AUTHS).filter(|auths| !auths.is_null()) else {
            return Ok(PlainFindings::default());
        };
        let auths = auths.members().ok_or_else(|| {
            document.error("has something under auths that is no object, which Docker cannot read either")
        })?;
        Ok(find_logins(&auths.collect::<Vec<_>>(), &places(file.content)))
    }

    /// The members of `auths` that stay need commas between them, whichever are cut out.
    fn without(&self, content: &[u8], entries: &[&PlainEntry]) -> Zeroizing<Vec<u8>> {
        let is_cut = |place: &Range<usize>| entries.iter().any(|entry| entry.cuts.contains(place));
        let cuts = with_auths(content, |auths| auths.cuts(|member| is_cut(&member.place)));
        cut_out(content, &cuts.unwrap_or_default())
    }
}

/// A member of `auths`. Its name is `None` if it contains half a surrogate pair.
type DockerMember<'d, 'a> = (Option<String>, Field<'d, 'a>);

/// Finds the logins. `places` are those of the members.
fn find_logins(auths: &[DockerMember<'_, '_>], places: &[(String, Range<usize>)]) -> PlainFindings {
    let mut findings = PlainFindings::default();
    // What is spelled as the server itself counts for Docker. It asks for other spellings only if there is none.
    let (own, others): (Vec<_>, Vec<_>) =
        auths.iter().partition(|(name, _)| name.as_deref().is_none_or(|name| server_of(name) == Some(name)));
    for (name, login) in own.iter().chain(&others) {
        let Some(name) = name else {
            let reason = "its name is not text, and Docker cannot read it either. Remove it";
            findings.leave("a login", NoEntry::refused(reason));
            continue;
        };
        let is_same = |(other, _): &&DockerMember<'_, '_>| other.as_ref() == Some(name);
        let shown = printable(name);
        if auths.iter().filter(is_same).count() > 1 {
            if !findings.refused.iter().any(|refused| refused.name == shown) {
                findings.leave(shown, NoEntry::refused("the file has it several times. Remove all but one"));
            }
            continue;
        }
        let found = match read_login(login) {
            DockerLogin::None => continue,
            DockerLogin::Unclear(reason) => Err(NoEntry::refused(reason)),
            DockerLogin::Of(user, value) => match server_of(name) {
                Some(server) => {
                    let cuts = places.iter().filter(|(found, _)| found == name);
                    Ok(PlainEntry {
                        label: format!("{name} ({user})"),
                        key: Key { service: format!("{PREFIX}{server}"), name: user },
                        value,
                        cuts: cuts.map(|(_, place)| place.clone()).collect(),
                    })
                }
                None => Err(NoEntry::skipped(
                    "it is for a part of a registry, and clients ask a helper only for whole registries",
                )),
            },
        };
        let entry = match found {
            Ok(entry) => entry,
            Err(reason) => {
                findings.leave(shown, reason);
                continue;
            }
        };
        let server = entry.key.service.strip_prefix(PREFIX).unwrap_or_default();
        if name == server || own.iter().all(|(other, _)| other.as_deref() != Some(server)) {
            findings.add(shown, Ok(entry));
            continue;
        }
        let by = format!("the login of {}", printable(server));
        let winner = findings.entries.iter().position(|other| other.key.service == entry.key.service);
        findings.add_superseded(shown, entry, winner, &by);
    }
    findings.entries.sort_by_key(|entry| entry.cuts.first().map(|cut| cut.start));
    findings
}

/// Calls a function with the object `auths` of a file.
fn with_auths<T>(content: &[u8], call: impl FnOnce(&JsonObject) -> T) -> Option<T> {
    let object = JsonObject::parse("".as_ref(), str::from_utf8(content).ok()?).ok()?;
    // Not by `member`: the document's member has exactly this name.
    let member = object.members.iter().rfind(|member| member.name.as_deref() == Some(AUTHS))?;
    object.object_of(member).map(|auths| call(&auths))
}

/// The members of `auths`: their names and places.
fn places(content: &[u8]) -> Vec<(String, Range<usize>)> {
    let named = |auths: &JsonObject| {
        auths.members.iter().filter_map(|member| Some((member.name.clone()?, member.place.clone()))).collect()
    };
    with_auths(content, named).unwrap_or_default()
}

/// The server that clients ask a helper for, of a member's name. `None` if they ask for none: Podman keeps logins for parts
/// of a registry only in its file.
///
/// Docker names Docker Hub by a URL and others by their host. Its older versions have stored URLs of others, too.
fn server_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://"));
    match rest {
        _ if name == HUB => Some(name),
        Some(rest) => rest.split('/').next().filter(|host| !host.is_empty()),
        None => Some(name).filter(|name| !name.is_empty() && !name.contains('/')),
    }
}

/// What a member of `auths` holds.
enum DockerLogin {
    /// No credential, as when a helper has it.
    None,
    /// Something that no helper can keep, and why.
    Unclear(&'static str),
    /// A user and a secret.
    Of(String, Secret),
}

/// Reads a login.
fn read_login(login: &Field<'_, '_>) -> DockerLogin {
    parse_login(login).unwrap_or(DockerLogin::Unclear(
        "it cannot be read, and Docker cannot read it either. Log in again, or remove it",
    ))
}

/// Parses a login. `None` if it is damaged.
///
/// As in Docker, `auth` takes precedence over `username` and `password`.
fn parse_login(login: &Field<'_, '_>) -> Option<DockerLogin> {
    let [mut auth, mut user, mut password, mut token, mut registry_token] = [const { None }; 5];
    for (name, value) in login.members()? {
        let member = match name.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("auth") => &mut auth,
            Some("username") => &mut user,
            Some("password") => &mut password,
            Some("identitytoken") => &mut token,
            Some("registrytoken") => &mut registry_token,
            _ => continue,
        };
        if member.is_some() {
            return Some(DockerLogin::Unclear("it has a member several times. Remove all but one"));
        }
        *member = match value.is_null() {
            true => None,
            false => Some(value.text()?),
        };
    }
    let given = |text: Option<Secret>| text.filter(|text| !text.expose().is_empty());
    if given(registry_token).is_some() {
        return Some(DockerLogin::Unclear("it has a registry token, which no helper can keep"));
    }
    let (mut user, mut password) = (given(user), given(password));
    if let Some(auth) = given(auth) {
        let (name, value) = decode(&auth)?;
        if password.as_ref().is_some_and(|password| *password != value) {
            return Some(DockerLogin::Unclear("its auth and its password differ. Remove one of the two"));
        }
        (user, password) = (Some(name), given(Some(value)));
    }
    match (given(token), user, password) {
        (Some(_), _, Some(_)) => Some(DockerLogin::Unclear(
            "it has a password and an identity token, and a helper keeps only one. Remove one of the two",
        )),
        (Some(token), _, None) => Some(DockerLogin::Of(TOKEN_USER.into(), token)),
        (None, Some(user), Some(password)) => {
            Some(DockerLogin::Of(String::from_utf8(user.expose().to_vec()).ok()?, password))
        }
        _ => Some(DockerLogin::None),
    }
}

/// The user and password of an `auth`: `user:password` in base64.
fn decode(auth: &Secret) -> Option<(Secret, Secret)> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(auth.expose().len() / 4 * 3 + 3));
    BASE64_STANDARD.decode_vec(auth.expose(), &mut bytes).ok()?;
    let text = str::from_utf8(&bytes).ok()?;
    let (user, password) = text.split_once(':').filter(|(user, _)| !user.is_empty())?;
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    Some((secret(user), secret(password.trim_matches('\0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(content: &str) -> Result<PlainFindings, Error> {
        DockerConfig.find(&PlainFile { path: "config.json".as_ref(), content: content.as_bytes() })
    }

    fn entries(content: &str) -> Vec<PlainEntry> {
        find(content).unwrap().entries
    }

    fn found(content: &str) -> Vec<(String, String, String)> {
        let entries = entries(content);
        let text = |value: &Secret| String::from_utf8(value.expose().to_vec()).unwrap();
        entries
            .iter()
            .map(|entry| (entry.key.service.clone(), entry.key.name.clone(), text(&entry.value)))
            .collect()
    }

    fn login(service: &str, user: &str, value: &str) -> (String, String, String) {
        (service.into(), user.into(), value.into())
    }

    #[test]
    fn every_spelling_of_a_login_is_read() {
        // alice:pw:1, then bob:pw2 and a NUL as old versions have added.
        for (content, expected) in [
            (
                r#"{"auths":{"r:5000":{"auth":"YWxpY2U6cHc6MQ=="}}}"#,
                vec![login("docker:r:5000", "alice", "pw:1")],
            ),
            (r#"{"auths":{"r":{"auth":"Ym9iOnB3MgA="}}}"#, vec![login("docker:r", "bob", "pw2")]),
            (
                r#"{"auths":{"https://index.docker.io/v1/":{"username":"a","password":"b","email":"c"}}}"#,
                vec![login("docker:https://index.docker.io/v1/", "a", "b")],
            ),
            (
                r#"{"auths":{"r":{"auth":"YWxpY2U6cHc6MQ==","username":"x","password":"pw:1"}}}"#,
                vec![login("docker:r", "alice", "pw:1")],
            ),
            (
                r#"{"auths":{"r":{"auth":"YWxpY2U6","identitytoken":"abcd"}}}"#,
                vec![login("docker:r", "<token>", "abcd")],
            ),
            (
                r#"{"auths":{"https://r.example/v1/":{"auth":"YWxpY2U6cHc6MQ=="}}}"#,
                vec![login("docker:r.example", "alice", "pw:1")],
            ),
        ] {
            assert_eq!(found(content), expected, "{content}");
        }
    }

    #[test]
    fn what_no_helper_can_keep_stays_and_is_named() {
        for (content, refused, skipped) in [
            (r#"{"auths":{"r":{"auth":"YWxpY2U6cHc6MQ==","registrytoken":"hunter2"}}}"#, 1, 0),
            (r#"{"auths":{"r":{"auth":"YWxpY2U6cHc6MQ==","identitytoken":"hunter2"}}}"#, 1, 0),
            (r#"{"auths":{"r":{"username":"a","password":"hunter2","identitytoken":"hunter2"}}}"#, 1, 0),
            (r#"{"auths":{"r":{"auth":"YWxpY2U6cHc6MQ==","password":"hunter2"}}}"#, 1, 0),
            (r#"{"auths":{"r":{"username":"a","password":"1"},"r":{"username":"a","password":"2"}}}"#, 1, 0),
            (r#"{"auths":{"r":{"username":"a","password":"1","Password":"2"}}}"#, 1, 0),
            (r#"{"auths":{"https://r/v1/":{"username":"u","password":"hunter2"},"r":{}}}"#, 0, 1),
        ] {
            let logins = find(content).unwrap();
            assert!(logins.entries.is_empty(), "{content}");
            assert_eq!((logins.refused.len(), logins.skipped.len()), (refused, skipped), "{content}");
            assert!(!format!("{:?}{:?}", logins.refused, logins.skipped).contains("hunter2"));
        }
    }

    #[test]
    fn a_superseded_login_stays_with_the_one_that_counts_and_is_named() {
        let old = r#""https://r/v1/":{"username":"u","password":"hunter2"}"#;
        let new = r#""r":{"username":"u","password":"new"}"#;
        for other in [
            old,
            r#""http://r":{"username":"u","password":"hunter2"}"#,
            r#""http://r":{"username":"v","password":"new"}"#,
        ] {
            for content in
                [format!("{{\"auths\":{{{other},{new}}}}}"), format!("{{\"auths\":{{{new},{other}}}}}")]
            {
                assert_eq!(found(&content), [login("docker:r", "u", "new")]);
                let logins = find(&content).unwrap();
                assert_eq!((logins.refused.len(), logins.skipped.len()), (0, 1), "{content}");
                assert!(logins.skipped[0].reason.contains("superseded") && logins.entries[0].cuts.is_empty());
            }
        }
        let content = format!("{{\"auths\":{{{},{new}}}}}", old.replace("hunter2", "new"));
        let logins = find(&content).unwrap();
        assert!(logins.skipped.is_empty());
        let rest = DockerConfig.without(content.as_bytes(), &logins.entries.iter().collect::<Vec<_>>());
        assert_eq!(&*rest, br#"{"auths":{}}"#);
    }

    #[test]
    fn members_without_a_login_are_no_credentials() {
        for content in [
            "",
            "{}",
            r#"{"auths":null}"#,
            r#"{"auths":{"r":{}}}"#,
            r#"{"auths":{"r":{"auth":""},"s":{"email":"x"},"t":{"username":"a","password":""},"u":{"auth":null}}}"#,
            r#"{"auths":{"r/team":{"auth":"YWxpY2U6cHc6MQ=="}}}"#,
            r#"{"credsStore":"os-secrets","other":{"auths":{"r":{"auth":"YWxpY2U6cHc6MQ=="}}}}"#,
        ] {
            assert!(found(content).is_empty(), "{content}");
        }
    }

    #[test]
    fn a_login_that_cannot_be_read_is_refused_without_its_content_and_hides_no_other() {
        for damaged in [
            r#"{"auth":"hunter2!"}"#,
            r#"{"auth":"aHVudGVyMg=="}"#,
            r#"{"auth":{"hunter2":1}}"#,
            r#""hunter2""#,
            r#"{"auth":"Omh1bnRlcjI="}"#,
        ] {
            let content = format!(r#"{{"auths":{{"r":{damaged},"s":{{"auth":"YWxpY2U6cHc6MQ=="}}}}}}"#);
            assert_eq!(found(&content), [login("docker:s", "alice", "pw:1")]);
            let refused = find(&content).unwrap().refused;
            assert_eq!((refused.len(), &*refused[0].name), (1, "r"));
            assert!(!refused[0].reason.contains("hunter2"));
            let rest =
                DockerConfig.without(content.as_bytes(), &entries(&content).iter().collect::<Vec<_>>());
            assert_eq!(&*rest, format!(r#"{{"auths":{{"r":{damaged}}}}}"#).as_bytes());
        }
        for content in ["hunter2", r#"{"auths":"hunter2"}"#, r#"{"auths":["hunter2"]}"#, r#"{"auths":{"r":"#]
        {
            let error = find(content).map(drop).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_login_for_a_part_of_a_registry_stays_and_is_named() {
        let logins = find(r#"{"auths":{"r/team":{"auth":"YWxpY2U6cHc6MQ=="},"r/empty":{}}}"#).unwrap();
        assert_eq!((logins.entries.len(), logins.refused.len(), logins.skipped.len()), (0, 0, 1));
        assert_eq!(logins.skipped[0].name, "r/team");
    }

    #[test]
    fn exactly_the_members_are_cut_out() {
        let content = "{\r\n\t\"auths\": {\n\t\t\"a\": {\"auth\": \"YTox\"},\n\t\t\"b\": {},\n\t\t\"c\": {\"auth\": \"YTox\"}\n\t},\n\t\"x\": 1.0\n}";
        let all = entries(content);
        let without = |chosen: &[usize]| {
            let chosen: Vec<_> = chosen.iter().map(|at| &all[*at]).collect();
            String::from_utf8(DockerConfig.without(content.as_bytes(), &chosen).to_vec()).unwrap()
        };
        assert_eq!(without(&[]), content);
        assert_eq!(
            without(&[0]),
            "{\r\n\t\"auths\": {\n\t\t\"b\": {},\n\t\t\"c\": {\"auth\": \"YTox\"}\n\t},\n\t\"x\": 1.0\n}"
        );
        assert_eq!(
            without(&[1]),
            "{\r\n\t\"auths\": {\n\t\t\"a\": {\"auth\": \"YTox\"},\n\t\t\"b\": {}\n\t},\n\t\"x\": 1.0\n}"
        );
        assert_eq!(without(&[0, 1]), "{\r\n\t\"auths\": {\n\t\t\"b\": {}\n\t},\n\t\"x\": 1.0\n}");
        let only = "{\"auths\": {\n\"a\": {\"auth\": \"YTox\"}\n}}\n";
        let entries = entries(only);
        let rest = DockerConfig.without(only.as_bytes(), &[&entries[0]]);
        assert_eq!(&*rest, b"{\"auths\": {}}\n");
    }
}
