//! A program that keeps credentials: one that speaks the protocol of Docker's credential helpers.
//!
//! The protocol (<https://github.com/docker/docker-credential-helpers>) knows servers and user names. A
//! credential is the server `os-secrets://<service>/<name>`, both percent-encoded, with the name as its user.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use tokio::sync::Mutex;

use super::{Call, SetOptions, Store, check_credential};
use crate::{
    credential::{Key, Secret},
    error::Error,
    json::{Document, object_of_texts},
    progress::Progress,
};

mod helper;

pub use helper::environment;
use helper::{Helper, RunOutcome};

const SCHEME: &str = "os-secrets://";
/// What helpers say of what they do not have; Docker compares the same words.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// How long one run of the program may take where nothing else is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);

/// The program, and how it is run.
#[derive(Clone, Debug)]
pub struct ExecOptions {
    /// The program, by an absolute path.
    pub command: PathBuf,
    /// Variables of its environment, besides those of [`environment`], or in their place.
    pub env: Vec<(String, String)>,
    /// How long one run may take; [`DEFAULT_TIMEOUT`] otherwise.
    pub timeout: Option<Duration>,
}

/// A store that a program keeps.
pub struct ExecStore {
    helper: Helper,
    /// One change at a time: each is several runs, and most programs know no other.
    changing: Mutex<()>,
}

impl ExecStore {
    /// A store kept by a program. It is run with each call, and not before.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] where its path is not absolute.
    pub fn new(options: ExecOptions, environment: Vec<(String, std::ffi::OsString)>) -> Result<Self, Error> {
        if !options.command.is_absolute() {
            return Err(Error::InvalidSetting(format!(
                "The option command must be the absolute path of a program, and is {:?}",
                options.command
            )));
        }
        Ok(Self { helper: Helper::new(options, environment), changing: Mutex::default() })
    }

    async fn read(&self, key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
        let server = server(key);
        let output = match self.helper.run("get", server.as_bytes(), progress).await? {
            RunOutcome::Done(output) => output,
            RunOutcome::Failed(why) if why == NOT_FOUND => return Ok(None),
            RunOutcome::Failed(why) => return Err(self.helper.failed("get", &why)),
        };
        let answer = self.parse("get", &output)?;
        let text = |member| answer.field(member).and_then(|field| field.text());
        match (text("Username"), text("Secret")) {
            (Some(user), Some(secret)) if user.expose() == key.name.as_bytes() => Ok(Some(secret)),
            // So docker-credential-pass tells that there is none.
            (Some(user), Some(secret)) if user.expose().is_empty() && secret.expose().is_empty() => Ok(None),
            (Some(_), Some(_)) => {
                Err(self.helper.failed("get", "it answered with another user name than was stored"))
            }
            _ => Err(self.helper.failed("get", "there is no user name and secret in its answer")),
        }
    }

    async fn store(&self, key: &Key, value: &Secret, progress: &Progress) -> Result<(), Error> {
        let text = str::from_utf8(value.expose()).map_err(|_| Error::TextOnly)?;
        let members = [("ServerURL", &*server(key)), ("Username", &key.name), ("Secret", text)];
        let input = object_of_texts(&members, 0);
        self.change("store", &input, progress).await?;
        // Some cut values at their end, or do not find again what has certain names.
        let kept = match self.read(key, progress).await? {
            Some(kept) if kept == *value => return Ok(()),
            kept => kept,
        };
        let is_part = |kept: &Secret| {
            str::from_utf8(kept.expose())
                .is_ok_and(|kept| kept.trim() == text.trim() || (!kept.is_empty() && text.starts_with(kept)))
        };
        if kept.as_ref().is_some_and(is_part) {
            // A wrong value is worse than none.
            self.change("erase", server(key).as_bytes(), progress).await?;
            progress.refused();
            let reason = "it keeps only a part of this value, which was deleted again";
            return Err(self.helper.failed("store", reason));
        }
        // That of another process, perhaps, which is not ours to delete.
        Err(self.helper.failed("store", "right afterwards it gives back something else than was stored"))
    }

    async fn erase(&self, key: &Key, progress: &Progress) -> Result<bool, Error> {
        // It does not tell whether there was anything.
        if self.read(key, progress).await?.is_none() {
            return Ok(false);
        }
        self.change("erase", server(key).as_bytes(), progress).await
    }

    /// Has something changed; whether there was something to change.
    async fn change(
        &self,
        operation: &'static str,
        input: &[u8],
        progress: &Progress,
    ) -> Result<bool, Error> {
        match self.helper.run(operation, input, progress).await? {
            RunOutcome::Done(_) => Ok(true),
            RunOutcome::Failed(why) => {
                progress.refused();
                if why == NOT_FOUND {
                    return Ok(false);
                }
                Err(self.helper.failed(operation, &why))
            }
        }
    }

    async fn all(&self, service: Option<&str>, progress: &Progress) -> Result<Vec<Key>, Error> {
        let output = match self.helper.run("list", b"", progress).await? {
            RunOutcome::Done(output) => output,
            RunOutcome::Failed(why) => return Err(self.helper.failed("list", &why)),
        };
        let answer = self.parse("list", &output)?;
        let found = answer
            .members()
            .filter_map(|(server, user)| {
                let key = key(&server?)?;
                // Others' credentials are none of ours.
                (user.text()?.expose() == key.name.as_bytes()).then_some(key)
            })
            .filter(|key| service.is_none_or(|service| key.service == service));
        let mut keys = BTreeSet::new();
        keys.extend(found);
        Ok(keys.into_iter().collect())
    }

    fn parse<'a>(&'a self, operation: &'static str, output: &'a [u8]) -> Result<Document<'a>, Error> {
        Document::parse(self.helper.command(), output)
            .map_err(|_| self.helper.failed(operation, "its answer is not a JSON object"))
    }
}

impl Store for ExecStore {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(self.read(key, progress))
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let value = check_credential(key, value)?;
            let _turn = self.changing.lock().await;
            match value {
                Some(value) => self.store(key, value, progress).await,
                None => self.erase(key, progress).await.map(drop),
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            let _turn = self.changing.lock().await;
            self.erase(key, progress).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move { Ok(self.all(Some(&key.service), progress).await?.contains(key)) })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(self.all(service, progress))
    }
}

/// The server that a credential is stored under.
fn server(key: &Key) -> String {
    format!("{SCHEME}{}/{}", encoded(&key.service), encoded(&key.name))
}

/// The credential that is stored under a server.
fn key(server: &str) -> Option<Key> {
    let (service, name) = server.strip_prefix(SCHEME)?.split_once('/')?;
    Some(Key { service: decoded(service)?, name: decoded(name)? })
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).into(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, left)) = rest.split_first() {
        rest = left;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, left) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
        rest = left;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_a_server_of_its_own() {
        for (service, name, expected) in [
            ("my-cli", "token", "os-secrets://my-cli/token"),
            ("a/b", "c", "os-secrets://a%2Fb/c"),
            ("a", "b/c", "os-secrets://a/b%2Fc"),
            ("é %", "ü@x", "os-secrets://%C3%A9%20%25/%C3%BC%40x"),
        ] {
            let credential = Key { service: service.into(), name: name.into() };
            assert_eq!(server(&credential), expected);
            assert_eq!(key(expected), Some(credential));
        }
        for other in ["https://index.docker.io/v1/", "os-secrets://a", "os-secrets:///b", "os-secrets://a/%f"]
        {
            assert_eq!(key(other), None, "{other}");
        }
    }
}
