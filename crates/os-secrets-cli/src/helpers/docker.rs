//! Docker, Podman and others: the protocol of docker-credential-helpers
//! (<https://github.com/docker/docker-credential-helpers>).
//!
//! The client starts the program with one word and writes to its standard input. The program answers on standard output,
//! also with errors, and exits with 0 or 1. The clients compare some of the error texts.
//!
//! | word | input | answer |
//! |---|---|---|
//! | store | `{"ServerURL": …, "Username": …, "Secret": …}` | nothing |
//! | get | the server | the same object |
//! | erase | the server | nothing, also if there was nothing |
//! | list | ignored | an object with the user of each server |
//! | version | ignored | a line |
//!
//! A server has one user. The user name `<token>` stands for an identity token. The credential of a server is stored under
//! the service `docker:<server>`, with the user as name.

use std::{collections::BTreeSet, ffi::OsString, io::Read, path::Path};

use super::Credentials;
use crate::{
    context::Context,
    encoding::{JsonStyle, json},
    exit_codes::{FAILED, SUCCESS},
    failure::{Failure, describe},
    output::{open_input, printable},
};
use os_secrets::{credential::Secret, error::Error, json::Document, store::MAX_VALUE, wiped::WipedBuffer};

/// The name by which the clients find the program.
pub const PROGRAM: &str = "docker-credential-os-secrets";
/// What stands before the server in the service of a credential.
pub const PREFIX: &str = "docker:";

/// The texts that clients compare.
const NOT_FOUND: &str = "credentials not found in native keychain";
const NO_SERVER: &str = "no credentials server URL";
const NO_USER: &str = "no credentials username";
const NUL_IN_SERVER: &str = "The server URL has a NUL";
/// The maximum size of an input: JSON may need six bytes for each byte of a value.
const MAX_INPUT: usize = 6 * MAX_VALUE + (1 << 20);
/// How often a call begins anew because another process has changed the user of the server meanwhile.
const MAX_ROUNDS: usize = 100;
/// What Go's encoder escapes beyond what JSON demands.
const OF_GO: JsonStyle = JsonStyle { as_code: "<>&\u{2028}\u{2029}", ..JsonStyle::PLAIN };

/// Why a client gets no answer.
enum DockerRefusal {
    /// A text of the protocol, or about the input.
    Text(String),
    /// The store failed.
    Store(Error),
}

impl From<&str> for DockerRefusal {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Error> for DockerRefusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Answers a client. Returns the exit code.
pub fn answer(context: &Context, words: &[OsString]) -> Result<i32, Failure> {
    let usage = format!("Usage: {PROGRAM} <store|get|erase|list|version>");
    let [word] = words else {
        context.output.write(format!("{usage}\n").as_bytes())?;
        return Ok(FAILED);
    };
    let word = word.to_string_lossy();
    let helper = DockerHelper(Credentials(context));
    let answer = match &*word {
        "--help" | "-h" => Ok(text(&format!("{usage}\n"))),
        "version" | "--version" | "-v" => {
            Ok(text(&format!("{PROGRAM} (os-secrets) v{}\n", env!("CARGO_PKG_VERSION"))))
        }
        "store" => helper.store(),
        "get" => helper.get(),
        "erase" => helper.erase(),
        "list" => helper.list(),
        other => Err(DockerRefusal::Text(format!("{PROGRAM}: unknown action: {other}"))),
    };
    let (answer, code) = match answer {
        Ok(answer) => (answer, SUCCESS),
        Err(DockerRefusal::Text(reason)) => (text(&format!("{}\n", printable(&reason))), FAILED),
        Err(DockerRefusal::Store(error)) => (text(&format!("{}\n", printable(&describe(&error)))), FAILED),
    };
    context.output.write(answer.expose())?;
    Ok(code)
}

fn text(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

struct DockerHelper<'a>(Credentials<'a>);

impl DockerHelper<'_> {
    /// Stores the credential of a server, and deletes those of its other users.
    fn store(&self) -> Result<Secret, DockerRefusal> {
        let input = read_input()?;
        let Login { server, user, secret } = Login::parse(input.expose())?;
        let service = service_of(&server);
        for round in 0..MAX_ROUNDS {
            self.0.set(&service, &user, secret.clone())?;
            let names = self.0.names(&service)?;
            // Two processes that delete each other's user would never come to an end. From the second round on, the first
            // user by name stays.
            if round > 0 && names.first().is_some_and(|first| *first < user) {
                self.0.delete(&service, &user)?;
                return Ok(text(""));
            }
            for other in names.iter().filter(|name| **name != user) {
                self.0.delete(&service, other)?;
            }
            // Another process that stores another user at the same time may have deleted this one. Each makes sure that one
            // of them stays.
            if secret.expose().is_empty() || self.0.names(&service)?.contains(&user) {
                return Ok(text(""));
            }
        }
        Err("Other programs keep deleting what was stored for this server. Log in again".into())
    }

    fn get(&self) -> Result<Secret, DockerRefusal> {
        let server = read_server()?;
        let service = service_of(&server);
        for _ in 0..MAX_ROUNDS {
            let Some(user) = self.find_user(&service)? else { return Err(NOT_FOUND.into()) };
            // If it is missing, another process has just stored another user.
            let Some(secret) = self.0.get(&service, &user)? else { continue };
            let secret = secret.into_text()?;
            let members = [
                ("ServerURL", server.as_bytes()),
                ("Username", user.as_bytes()),
                ("Secret", secret.expose()),
            ];
            return Ok(spell_object(members.into_iter()));
        }
        Err("Other programs keep changing the user of this server. Try again".into())
    }

    /// Deletes the credentials of all users of a server.
    fn erase(&self) -> Result<Secret, DockerRefusal> {
        let service = service_of(&read_server()?);
        for user in self.0.names(&service)? {
            self.0.delete(&service, &user)?;
        }
        Ok(text(""))
    }

    fn list(&self) -> Result<Secret, DockerRefusal> {
        let keys = self.0.list_by_prefix(PREFIX)?;
        let mut listed: Vec<(&str, String)> = Vec::new();
        for key in &keys {
            let server = &key.service[PREFIX.len()..];
            // Such a server cannot be asked for.
            if server != clean(server) || server.is_empty() {
                continue;
            }
            match listed.last() {
                None => listed.push((server, key.name.clone())),
                Some((last, _)) if *last != server => listed.push((server, key.name.clone())),
                // The user that `get` answers with.
                Some(_) => {
                    if let (Some(user), Some(entry)) = (self.find_user(&key.service)?, listed.last_mut()) {
                        entry.1 = user;
                    }
                }
            }
        }
        Ok(spell_object(listed.iter().map(|(server, user)| (*server, user.as_bytes()))))
    }

    /// The user of a server. Several were stored with `secrets set`: then the one that was changed last, if the store
    /// knows, else the first by name.
    fn find_user(&self, service: &str) -> Result<Option<String>, Error> {
        let names = self.0.names(service)?;
        if names.len() < 2 {
            return Ok(names.into_iter().next());
        }
        let changes = self.0.list_changes(service)?;
        Ok(last_changed(names, |name| changes.get(name).copied()))
    }
}

/// The name with the latest change; the first of several.
fn last_changed<T: Ord>(names: BTreeSet<String>, change: impl Fn(&str) -> Option<T>) -> Option<String> {
    names.into_iter().rev().max_by_key(|name| change(name))
}

/// What a client stores.
struct Login {
    server: String,
    user: String,
    secret: Secret,
}

impl Login {
    fn parse(input: &[u8]) -> Result<Self, DockerRefusal> {
        const INVALID: &str = "The input is not a JSON object with the texts ServerURL, Username and Secret";
        let document = Document::parse(Path::new("input"), input).map_err(|_| INVALID)?;
        let [mut server, mut user, mut secret] = [const { None }; 3];
        for (name, value) in document.members() {
            // As in Go, case does not matter, the last member counts, and null changes nothing.
            let member = match name.as_deref().map(str::to_ascii_lowercase).as_deref() {
                Some("serverurl") => &mut server,
                Some("username") => &mut user,
                Some("secret") => &mut secret,
                _ => continue,
            };
            if !value.is_null() {
                *member = Some(value.text().ok_or(INVALID)?);
            }
        }
        let into_text = |member: Option<Secret>| {
            let bytes = member.map(|text| text.expose().to_vec()).unwrap_or_default();
            String::from_utf8(bytes).map_err(|_| DockerRefusal::from(INVALID))
        };
        let (server, user) = (into_text(server)?, into_text(user)?);
        if server.is_empty() {
            return Err(NO_SERVER.into());
        }
        if user.is_empty() {
            return Err(NO_USER.into());
        }
        if server.contains('\0') {
            return Err(NUL_IN_SERVER.into());
        }
        if server != clean(&server) {
            return Err("The server URL has line breaks, or spaces around it. Nothing was stored".into());
        }
        Ok(Self { server, user, secret: secret.unwrap_or_else(|| text("")) })
    }
}

/// The service under which a server's credential is stored.
fn service_of(server: &str) -> String {
    format!("{PREFIX}{server}")
}

/// The server that an input means. As in Docker's own helpers, line breaks and the spaces around it do not count.
fn clean(input: &str) -> String {
    let joined: String = input.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    joined.trim().to_owned()
}

fn read_input() -> Result<Secret, DockerRefusal> {
    let mut input = WipedBuffer::default();
    open_input()
        .and_then(|stream| input.read_to_end(stream.take(MAX_INPUT as u64 + 1)))
        .map_err(|error| DockerRefusal::Text(format!("Cannot read standard input: {error}")))?;
    if input.len() > MAX_INPUT {
        return Err("The input is too long".into());
    }
    let mut bytes = input.into_bytes();
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

fn read_server() -> Result<String, DockerRefusal> {
    let input = read_input()?;
    let server = str::from_utf8(input.expose()).map_err(|_| "The server URL is not UTF-8 text")?;
    match clean(server) {
        server if server.is_empty() => Err(NO_SERVER.into()),
        server if server.contains('\0') => Err(NUL_IN_SERVER.into()),
        server => Ok(server),
    }
}

/// An object of texts, as Go spells it, and a line break.
fn spell_object<'a>(members: impl Iterator<Item = (&'a str, &'a [u8])>) -> Secret {
    let parts: Vec<_> = members
        .map(|(name, value)| {
            let value = str::from_utf8(value).unwrap_or_default();
            (json(name, OF_GO), json(value, OF_GO))
        })
        .collect();
    let length: usize =
        parts.iter().map(|(name, value)| name.expose().len() + value.expose().len() + 6).sum();
    // It has its final size, because growing would leave copies behind.
    let mut object = Vec::with_capacity(length + 3);
    object.push(b'{');
    for (index, (name, value)) in parts.iter().enumerate() {
        object.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
        object.extend_from_slice(name.expose());
        object.extend_from_slice(b"\":\"");
        object.extend_from_slice(value.expose());
        object.push(b'"');
    }
    object.extend_from_slice(b"}\n");
    Secret::new(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(input: &str) -> Result<(String, String, String), String> {
        match Login::parse(input.as_bytes()) {
            Ok(login) => {
                let secret = String::from_utf8(login.secret.expose().to_vec()).unwrap();
                Ok((login.server, login.user, secret))
            }
            Err(DockerRefusal::Text(text)) => Err(text),
            Err(DockerRefusal::Store(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn inputs_are_read_as_go_reads_them() {
        let ours = Ok(("a".to_owned(), "b".to_owned(), "c".to_owned()));
        for input in [
            r#"{"ServerURL":"a","Username":"b","Secret":"c"}"#,
            "{\r\n \"secret\": \"c\",\n \"other\": [1], \"USERNAME\": \"\\u0062\", \"serverurl\": \"a\"}\n",
            r#"{"ServerURL":"x","ServerURL":"a","Username":"b","Username":null,"Secret":"c"}"#,
        ] {
            assert_eq!(parse(input), ours, "{input}");
        }
        assert_eq!(parse(r#"{"ServerURL":"a","Username":"b"}"#), Ok(("a".into(), "b".into(), String::new())));
        for (input, reason) in [
            (r#"{"ServerURL":"","Username":"","Secret":"c"}"#, NO_SERVER),
            (r#"{"Username":"b","Secret":"c"}"#, NO_SERVER),
            (r#"{"ServerURL":"a","Username":"","Secret":"c"}"#, NO_USER),
            (r#"{"ServerURL":null}"#, NO_SERVER),
        ] {
            assert_eq!(parse(input), Err(reason.to_owned()), "{input}");
        }
    }

    #[test]
    fn hostile_inputs_are_refused_without_their_content() {
        for input in [
            "",
            "null",
            "[]",
            "hunter2",
            r#"{"ServerURL":"a","Username":"b","Secret":"hunter2"#,
            r#"{"ServerURL":1,"Username":"b","Secret":"hunter2"}"#,
            r#"{"ServerURL":"a","Username":["b"],"Secret":"hunter2"}"#,
            r#"{"ServerURL":"a","Username":"b","Secret":{"hunter2":1}}"#,
            r#"{"ServerURL":"a\nb","Username":"b","Secret":"hunter2"}"#,
            r#"{"ServerURL":"a\u0000","Username":"b","Secret":"hunter2"}"#,
            r#"{"ServerURL":" a","Username":"b","Secret":"hunter2"}"#,
            r#"{"ServerURL":"a","Username":"b","Secret":"hunter2\ud800"}"#,
        ] {
            let reason = parse(input).unwrap_err();
            assert!(
                !reason.contains("hunter2") && ![NO_SERVER, NO_USER, NOT_FOUND].contains(&&*reason),
                "{input}"
            );
        }
    }

    #[test]
    fn objects_are_spelled_as_in_go() {
        let members =
            [("ServerURL", &b"a&b"[..]), ("Username", b"<token>"), ("Secret", b"\"\\/\n\xe2\x80\xa8")];
        assert_eq!(
            String::from_utf8(spell_object(members.into_iter()).expose().to_vec()).unwrap(),
            "{\"ServerURL\":\"a\\u0026b\",\"Username\":\"\\u003ctoken\\u003e\",\"Secret\":\"\\\"\\\\/\\n\\u2028\"}\n"
        );
        assert_eq!(spell_object([].into_iter()).expose(), b"{}\n");
    }

    #[test]
    fn the_user_who_was_changed_last_wins() {
        let names = || BTreeSet::from(["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        let found = |times: &[(&str, u32)]| {
            last_changed(names(), |name| {
                times.iter().find(|(other, _)| *other == name).map(|(_, time)| *time)
            })
        };
        assert_eq!(found(&[("a", 1), ("b", 3), ("c", 2)]).as_deref(), Some("b"));
        assert_eq!(found(&[("c", 2)]).as_deref(), Some("c"));
        assert_eq!(found(&[]).as_deref(), Some("a"));
    }

    #[test]
    fn line_breaks_and_spaces_of_a_server_do_not_count() {
        for input in ["https://a/v1/", "https://a/v1/\n", " https://a\r\n/v1/ \r\n"] {
            assert_eq!(clean(input), "https://a/v1/");
        }
    }
}
