//! The logins in `~/.docker/config.json`, and in the `~/.config/containers/auth.json` of Podman, Skopeo and Buildah.

use std::{ops::Range, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{PlainEntry, PlainFile, PlainFormat, cut_out};
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

/// The files in which Docker and Podman keep logins: `config.json` and `auth.json`.
pub struct DockerConfig;

impl PlainFormat for DockerConfig {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn paths(&self) -> Vec<PathBuf> {
        auth_paths()
    }

    fn entries(&self, file: &PlainFile<'_>) -> Result<Vec<PlainEntry>, Error> {
        Ok(parse(file)?.entries)
    }

    fn skipped(&self, file: &PlainFile<'_>) -> Vec<String> {
        parse(file).map_or_else(|_| Vec::new(), |logins| logins.skipped)
    }

    fn refused(&self, file: &PlainFile<'_>) -> Vec<String> {
        parse(file).map_or_else(|_| Vec::new(), |logins| logins.refused)
    }

    /// The members of `auths` that stay need commas between them, whichever are cut out.
    fn without(&self, content: &[u8], entries: &[&PlainEntry]) -> Zeroizing<Vec<u8>> {
        let is_cut = |place: &Range<usize>| entries.iter().any(|entry| entry.cuts.contains(place));
        let cuts = with_auths(content, |auths| auths.cuts(|member| is_cut(&member.place)));
        cut_out(content, &cuts.unwrap_or_default())
    }
}

/// The logins of a file.
#[derive(Default)]
struct DockerLogins {
    entries: Vec<PlainEntry>,
    skipped: Vec<String>,
    refused: Vec<String>,
}

fn parse(file: &PlainFile<'_>) -> Result<DockerLogins, Error> {
    let mut logins = DockerLogins::default();
    let blank = file.content.trim_ascii().is_empty();
    let document = Document::parse(file.path, if blank { b"{}" } else { file.content })?;
    let Some(auths) = document.field(AUTHS).and_then(|field| field.members()) else {
        return Ok(logins);
    };
    let auths: Vec<_> = auths.into_iter().filter_map(|(name, login)| Some((name?, login))).collect();
    let places = places(file.content);
    for (index, (name, login)) in auths.iter().enumerate() {
        if auths.iter().filter(|(other, _)| other == name).count() > 1 {
            if auths[..index].iter().all(|(other, _)| other != name) {
                logins
                    .refused
                    .push(format!("{}: the file has it several times. Remove all but one", printable(name)));
            }
            continue;
        }
        let Some(server) = server_of(name) else { continue };
        let invalid = || document.error(format!("has a login of {} that cannot be read", printable(name)));
        let (user, value) = match read_login(login).ok_or_else(invalid)? {
            DockerLogin::None => continue,
            DockerLogin::Unclear(reason) => {
                logins.refused.push(format!("{}: {reason}", printable(name)));
                continue;
            }
            DockerLogin::Of(user, value) => (user, value),
        };
        // As in Docker, which asks for another spelling of the server only if there is none of its own.
        if name != server && auths.iter().any(|(other, _)| other == server) {
            logins.skipped.push(format!(
                "{}: the file has {}, too, which counts",
                printable(name),
                printable(server)
            ));
            continue;
        }
        let cuts: Vec<_> =
            places.iter().filter(|(found, _)| *found == *name).map(|(_, place)| place.clone()).collect();
        let label = format!("{name} ({user})");
        let key = Key { service: format!("{PREFIX}{server}"), name: user };
        logins.entries.push(PlainEntry { label, key, value, cuts });
    }
    Ok(logins)
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
    /// More than a helper can keep, and why.
    Unclear(&'static str),
    /// A user and a secret.
    Of(String, Secret),
}

/// What a login holds. `None` if it cannot be read.
///
/// As in Docker, `auth` takes precedence over `username` and `password`.
fn read_login(login: &Field<'_, '_>) -> Option<DockerLogin> {
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

    fn entries(content: &str) -> Result<Vec<PlainEntry>, Error> {
        DockerConfig.entries(&PlainFile { path: "config.json".as_ref(), content: content.as_bytes() })
    }

    fn found(content: &str) -> Vec<(String, String, String)> {
        let entries = entries(content).unwrap();
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
            let logins = parse(&PlainFile { path: "f".as_ref(), content: content.as_bytes() }).unwrap();
            assert!(logins.entries.is_empty(), "{content}");
            assert_eq!((logins.refused.len(), logins.skipped.len()), (refused, skipped), "{content}");
            assert!(!format!("{:?}{:?}", logins.refused, logins.skipped).contains("hunter2"));
        }
        for content in [
            r#"{"auths":{"https://r/v1/":{"username":"u","password":"old"},"r":{"username":"u","password":"new"}}}"#,
            r#"{"auths":{"r":{"username":"u","password":"new"},"http://r":{"username":"u","password":"old"}}}"#,
        ] {
            assert_eq!(found(content), [login("docker:r", "u", "new")]);
        }
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
    fn logins_that_cannot_be_read_are_named_without_their_content() {
        for content in [
            r#"{"auths":{"r":{"auth":"hunter2!"}}}"#,
            r#"{"auths":{"r":{"auth":"aHVudGVyMg=="}}}"#,
            r#"{"auths":{"r":{"auth":{"hunter2":1}}}}"#,
            r#"{"auths":{"r":"hunter2"}}"#,
            r#"{"auths":{"r":{"auth":"Omh1bnRlcjI="}}}"#,
        ] {
            let error = entries(content).map(drop).unwrap_err().to_string();
            assert!(error.contains("a login of r") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn exactly_the_members_are_cut_out() {
        let content = "{\r\n\t\"auths\": {\n\t\t\"a\": {\"auth\": \"YTox\"},\n\t\t\"b\": {},\n\t\t\"c\": {\"auth\": \"YTox\"}\n\t},\n\t\"x\": 1.0\n}";
        let all = entries(content).unwrap();
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
        let entries = entries(only).unwrap();
        let rest = DockerConfig.without(only.as_bytes(), &[&entries[0]]);
        assert_eq!(&*rest, b"{\"auths\": {}}\n");
    }
}
