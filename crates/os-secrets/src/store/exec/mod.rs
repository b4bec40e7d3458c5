//! A store that another program keeps: a credential helper as Docker uses them.
//!
//! The protocol (<https://github.com/docker/docker-credential-helpers>) has servers and user names. A credential is
//! stored under the server `os-secrets://<service>/<name>`, both percent-encoded, with the name as user name.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the requests and answers of the protocol |
//! | `helper/mod.rs` | running the program |
//! | `helper/unix.rs`, `helper/windows.rs` | the parts of that which differ by system |

use std::{collections::BTreeSet, future::ready, path::PathBuf, time::Duration};

use tokio::sync::Mutex;

use super::{Call, SetOptions, Store, check_credential, credential_lock::LockDomain};
use crate::{
    credential::{Key, Secret},
    error::Error,
    json::{Document, object_of_texts},
    percent::percent_encode,
    progress::Progress,
};

mod helper;

pub use helper::inherited_environment;
use helper::{Helper, RunOutcome};

const SCHEME: &str = "os-secrets://";
/// The output of a helper for a credential that does not exist. Docker compares the same text.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The default of [`ExecOptions::timeout`].
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);

/// The program, and how to run it.
#[derive(Clone, Debug)]
pub struct ExecOptions {
    /// The absolute path of the program.
    pub command: PathBuf,
    /// Variables for its environment. They are added to those of [`inherited_environment`], or replace them.
    pub env: Vec<(String, String)>,
    /// The time for one run of the program; `None` means [`DEFAULT_TIMEOUT`].
    pub timeout: Option<Duration>,
}

/// A store that a program keeps.
pub struct ExecStore {
    helper: Helper,
    /// Held during a change. It takes several runs of the program, and no other change must come between them.
    changing: Mutex<()>,
}

impl ExecStore {
    /// A store that a program keeps. The program is first run by the first call.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if the path of the program is not absolute.
    pub fn new(options: ExecOptions, environment: Vec<(String, std::ffi::OsString)>) -> Result<Self, Error> {
        if !options.command.is_absolute() {
            return Err(Error::InvalidSetting(format!(
                "The option command must be the absolute path of a program, and is {:?}",
                options.command
            )));
        }
        Ok(Self { helper: Helper::new(options, environment), changing: Mutex::default() })
    }

    async fn read_value(&self, key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
        let server = server_of(key);
        let output = match self.helper.run("get", server.as_bytes(), progress).await? {
            RunOutcome::Succeeded(output) => output,
            RunOutcome::Failed(why) if why == NOT_FOUND => return Ok(None),
            RunOutcome::Failed(why) => return Err(self.helper.failed("get", &why)),
        };
        let answer = self.parse_answer("get", &output)?;
        let text = |member| answer.field(member).and_then(|field| field.text());
        match (text("Username"), text("Secret")) {
            (Some(user), Some(secret)) if user.expose() == key.name.as_bytes() => Ok(Some(secret)),
            // This is how docker-credential-pass reports that the credential does not exist.
            (Some(user), Some(secret)) if user.expose().is_empty() && secret.expose().is_empty() => Ok(None),
            (Some(_), Some(_)) => Err(self
                .helper
                .failed("get", "its answer has another user name than the one that was stored")),
            _ => Err(self.helper.failed("get", "its answer has no user name and secret")),
        }
    }

    async fn store_value(&self, key: &Key, value: &Secret, progress: &Progress) -> Result<(), Error> {
        let text = str::from_utf8(value.expose()).map_err(|_| Error::TextOnly)?;
        let members = [("ServerURL", &*server_of(key)), ("Username", &key.name), ("Secret", text)];
        let input = object_of_texts(&members, 0);
        self.run_change("store", &input, progress).await?;
        // Some programs truncate values, or cannot find credentials with certain names.
        let kept = match self.read_value(key, progress).await? {
            Some(kept) if kept == *value => return Ok(()),
            kept => kept,
        };
        let is_part = |kept: &Secret| {
            str::from_utf8(kept.expose())
                .is_ok_and(|kept| kept.trim() == text.trim() || (!kept.is_empty() && text.starts_with(kept)))
        };
        if kept.as_ref().is_some_and(is_part) {
            // A wrong value is worse than a missing one.
            self.run_change("erase", server_of(key).as_bytes(), progress).await?;
            progress.refused();
            let reason = "it keeps only a part of this value. That part was deleted again";
            return Err(self.helper.failed("store", reason));
        }
        // Another process may have stored this value, so that it must not be deleted.
        Err(self
            .helper
            .failed("store", "right after the value was stored, it returns something else than was stored"))
    }

    async fn erase_value(&self, key: &Key, progress: &Progress) -> Result<bool, Error> {
        // The program does not report whether the credential existed.
        if self.read_value(key, progress).await?.is_none() {
            return Ok(false);
        }
        self.run_change("erase", server_of(key).as_bytes(), progress).await
    }

    /// Runs an operation that changes something, and returns whether the credential existed.
    async fn run_change(
        &self,
        operation: &'static str,
        input: &[u8],
        progress: &Progress,
    ) -> Result<bool, Error> {
        match self.helper.run(operation, input, progress).await? {
            RunOutcome::Succeeded(_) => Ok(true),
            RunOutcome::Failed(why) => {
                progress.refused();
                if why == NOT_FOUND {
                    return Ok(false);
                }
                Err(self.helper.failed(operation, &why))
            }
        }
    }

    async fn list_keys(&self, service: Option<&str>, progress: &Progress) -> Result<Vec<Key>, Error> {
        let output = match self.helper.run("list", b"", progress).await? {
            // Programs in Go print an empty map as null.
            RunOutcome::Succeeded(output) if output.trim_ascii() == b"null" => return Ok(Vec::new()),
            RunOutcome::Succeeded(output) => output,
            RunOutcome::Failed(why) if why == NOT_FOUND => return Ok(Vec::new()),
            RunOutcome::Failed(why) => return Err(self.helper.failed("list", &why)),
        };
        let answer = self.parse_answer("list", &output)?;
        let found = answer
            .members()
            .filter_map(|(server, user)| {
                let key = key_of(&server?)?;
                // Credentials of other programs have another user name, or servers of another form.
                (user.text()?.expose() == key.name.as_bytes()).then_some(key)
            })
            .filter(|key| service.is_none_or(|service| key.service == service));
        let mut keys = BTreeSet::new();
        keys.extend(found);
        Ok(keys.into_iter().collect())
    }

    fn parse_answer<'a>(&'a self, operation: &'static str, output: &'a [u8]) -> Result<Document<'a>, Error> {
        Document::parse(self.helper.command(), output)
            .map_err(|_| self.helper.failed(operation, "its answer is not a JSON object"))
    }
}

impl Store for ExecStore {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(self.read_value(key, progress))
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
                Some(value) => self.store_value(key, value, progress).await,
                None => self.erase_value(key, progress).await.map(drop),
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            let _turn = self.changing.lock().await;
            self.erase_value(key, progress).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move { Ok(self.list_keys(Some(&key.service), progress).await?.contains(key)) })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(self.list_keys(service, progress))
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        let command = self.helper.command().to_string_lossy();
        Box::pin(ready(Ok(LockDomain::User(format!("exec {command}")))))
    }
}

/// The server under which a credential is stored.
fn server_of(key: &Key) -> String {
    format!("{SCHEME}{}/{}", percent_encode(&key.service), percent_encode(&key.name))
}

/// The credential that is stored under a server.
fn key_of(server: &str) -> Option<Key> {
    let (service, name) = server.strip_prefix(SCHEME)?.split_once('/')?;
    Some(Key { service: decode_part(service)?, name: decode_part(name)? })
}

/// Decodes a part that is percent-encoded as we do it. `None` if it is not, or is empty.
fn decode_part(text: &str) -> Option<String> {
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
            assert_eq!(server_of(&credential), expected);
            assert_eq!(key_of(expected), Some(credential));
        }
        for other in ["https://index.docker.io/v1/", "os-secrets://a", "os-secrets:///b", "os-secrets://a/%f"]
        {
            assert_eq!(key_of(other), None, "{other}");
        }
    }
}
