//! age plugins: programs that open files and encrypt them with keys that age itself does not know, such as those in a
//! YubiKey or a TPM.
//!
//! Follows <https://c2sp.org/age-plugin>. The plugins of identities are the user's own choice. Those of recipients are
//! not: anybody who knows a recipient of the user can write a file that lists others. So the plugin of a recipient is
//! started only if the user trusts it: see [`Plugins::check`].
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the names of plugins, and which of them may be started |
//! | `comments.rs` | the recipients in comments before identities |
//! | `conversation.rs` | what is said between us and a plugin |
//! | `message.rs` | the text form of the messages |
//! | `process.rs`, `unix.rs`, `windows.rs` | the process of a plugin, its pipes and its end |
//!
//! Dependencies point downwards in this list.

use std::{
    collections::HashSet, ffi::OsString, fmt, io::ErrorKind, path::PathBuf, sync::Arc, time::Duration,
};

use age_core::{
    format::{FileKey, Stanza},
    primitives::bech32_decode,
};

use crate::{credential::Secret, environment::Variables, error::Error};

pub mod comments;
mod conversation;
mod message;
mod process;
#[cfg(all(test, unix))]
mod tests_with_programs;

use conversation::Conversation;
use process::find_program;

/// The start of an identity of a plugin.
pub const PLUGIN_IDENTITY: &str = "AGE-PLUGIN-";
/// The start of a recipient of a plugin.
const PLUGIN_RECIPIENT: &str = "age1";
/// The time for a plugin to answer, without the time that the user takes to answer its questions. A hardware key waits
/// about half a minute for the user's touch.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name of the plugin of an identity, `AGE-PLUGIN-NAME-1…`, in lower case. `None` if the text is no such identity.
pub fn plugin_of_identity(text: &str) -> Option<String> {
    read_name(text, |prefix| prefix.strip_prefix(PLUGIN_IDENTITY)?.strip_suffix('-'))
}

/// The name of the plugin of a recipient, `age1NAME1…`. `None` if the text is no such recipient.
pub fn plugin_of_recipient(text: &str) -> Option<String> {
    read_name(text, |prefix| prefix.strip_prefix(PLUGIN_RECIPIENT))
}

/// The name in the first part of a text in Bech32, whose checksum must be right.
fn read_name(text: &str, name_in: fn(&str) -> Option<&str>) -> Option<String> {
    let is_valid = |name: &&str| {
        let may_have = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        !name.is_empty() && name.bytes().all(may_have)
    };
    let name = |prefix: &str| Some(name_in(prefix).filter(is_valid)?.to_ascii_lowercase());
    bech32_decode(text, |_| (), |_| Ok(()), |prefix, _| name(prefix.as_str()).ok_or(())).ok()
}

/// What the environment says of plugins.
#[derive(Clone, Debug, Default)]
pub struct PluginSettings {
    /// The directories of programs.
    path: Option<OsString>,
    /// `OS_SECRETS_PLUGINS`: the names of plugins that may be started for the recipients of every file.
    trusted: Vec<String>,
}

impl PluginSettings {
    /// Reads them from an environment.
    pub fn read(variables: &impl Variables) -> Self {
        let named = variables.get("OS_SECRETS_PLUGINS").unwrap_or_default();
        let names = named.to_string_lossy().to_ascii_lowercase();
        let trusted = names.split(',').map(|name| name.trim().to_owned()).collect();
        Self { path: variables.get("PATH"), trusted }
    }
}

/// The user, with whom plugins speak.
pub trait PluginUser: Send + Sync {
    /// Shows a message of a plugin, which is given by the name of its program.
    fn show(&self, program: &str, text: &str);

    /// Asks the user for what a plugin wants to know, without showing the answer. `None` if the user gives none.
    fn ask(&self, program: &str, text: &str) -> Option<Secret>;
}

/// The plugins that one store may start.
#[derive(Clone)]
pub struct Plugins {
    settings: PluginSettings,
    user: Option<Arc<dyn PluginUser>>,
    may_ask: bool,
    patience: Duration,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plugins").field("trusted", &self.settings.trusted).finish_non_exhaustive()
    }
}

impl Plugins {
    /// The plugins of a store. Without a `user`, messages are not shown and questions are not answered.
    pub fn new(settings: PluginSettings, user: Option<Arc<dyn PluginUser>>) -> Self {
        Self { settings, user, may_ask: true, patience: PATIENCE }
    }

    /// None at all.
    pub fn none() -> Self {
        Self::new(PluginSettings::default(), None)
    }

    /// The same plugins, whose messages the user still sees, but whose questions are not answered.
    pub fn without_asking(&self) -> Self {
        Self { may_ask: false, ..self.clone() }
    }

    /// The user who sees the messages of plugins.
    pub fn user(&self) -> Option<Arc<dyn PluginUser>> {
        self.user.clone()
    }

    /// The same plugins, and beside those of the environment these are trusted, given by their names.
    pub fn trusting<'a>(&self, names: impl Iterator<Item = &'a str>) -> Self {
        let mut trusting = self.clone();
        trusting.settings.trusted.extend(names.map(str::to_owned));
        trusting
    }

    /// Checks whether the plugin of a recipient may be started, and whether its program exists. Nothing is started.
    ///
    /// # Errors
    ///
    /// [`Error::UntrustedPlugin`] unless the user has an identity of this plugin, has given a recipient of it in this
    /// command, or has named it in `OS_SECRETS_PLUGINS`; [`Error::NoPlugin`] if its program is not found.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        if !self.settings.trusted.iter().any(|trusted| trusted == name) {
            return Err(Error::UntrustedPlugin { name: name.into() });
        }
        self.find(name).map(drop)
    }

    /// Asks the plugin of an identity for the key of the file with these stanzas. `None` if the identity does not open
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::NoPlugin`], [`Error::Plugin`] and [`Error::PluginTimeout`].
    pub fn unwrap(
        &self,
        name: &str,
        identity: &Secret,
        stanzas: &[Stanza],
    ) -> Result<Option<FileKey>, Error> {
        self.start(name, "identity-v1")?.unwrap(identity, stanzas)
    }

    /// Lets the plugin of a recipient encrypt the key of a file. Returns the stanza for the header, and the labels that
    /// all recipients of the file must share.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check), [`Error::Plugin`] and [`Error::PluginTimeout`].
    pub fn wrap(
        &self,
        name: &str,
        recipient: &str,
        key: &FileKey,
    ) -> Result<(Stanza, HashSet<String>), Error> {
        self.check(name)?;
        self.start(name, "recipient-v1")?.wrap(recipient, key)
    }

    fn find(&self, name: &str) -> Result<PathBuf, Error> {
        find_program(self.settings.path.as_deref(), &program_of(name)).ok_or_else(|| Error::NoPlugin {
            name: name.into(),
            reason: "was not found in the absolute directories of PATH".into(),
        })
    }

    fn start<'a>(&'a self, name: &'a str, state_machine: &str) -> Result<Conversation<'a>, Error> {
        let program = self.find(name)?;
        Conversation::begin(self, name, &program, state_machine).map_err(|error| {
            let why = match error.kind() {
                // The file was found.
                ErrorKind::NotFound => {
                    "the interpreter in its first line, or the loader that it was built for, does not exist"
                        .into()
                }
                _ => error.to_string(),
            };
            Error::NoPlugin { name: name.into(), reason: format!("cannot be started: {why}") }
        })
    }
}

/// The name of the program of a plugin.
fn program_of(name: &str) -> String {
    format!("age-plugin-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_plugin_is_read_from_its_recipients_and_identities() {
        for (text, of_recipient, of_identity) in [
            ("age1yubikey1ddjhjpm8ewx", Some("yubikey"), None),
            ("AGE-PLUGIN-YUBIKEY-1DDJHJ0AJGFR", None, Some("yubikey")),
            ("age1a+b.c_d-91ddjhj9kw03r", Some("a+b.c_d-9"), None),
            // A character is wrong, missing, or of the other case.
            ("age1yubikey1ddjhjpm8ewq", None, None),
            ("age1yubikey1ddjhjpm8ew", None, None),
            ("age1yubikey1Ddjhjpm8ewx", None, None),
            ("age-plugin-yubikey-1ddjhj0ajgfr", None, None),
            // The name is not one of a program.
            ("age1a/b1ddjhjlgtryp", None, None),
            ("AGE-PLUGIN-A/B-1DDJHJTK37U2", None, None),
            ("AGE-PLUGIN--1DDJHJ9DPVFL", None, None),
            ("age11ddjhjdd880d", None, None),
            ("age1ddjhjap7lja", None, None),
            ("nonsense", None, None),
        ] {
            assert_eq!(plugin_of_recipient(text).as_deref(), of_recipient, "{text}");
            assert_eq!(plugin_of_identity(text).as_deref(), of_identity, "{text}");
        }
    }

    #[test]
    fn the_plugins_that_the_environment_names_are_trusted() {
        let settings =
            PluginSettings::read(&|name: &str| (name == "OS_SECRETS_PLUGINS").then(|| " tpm,PQ ".into()));
        let plugins = Plugins::new(settings, None);
        for name in ["tpm", "pq"] {
            assert!(matches!(plugins.check(name), Err(Error::NoPlugin { .. })), "{name}");
        }
        assert_eq!(plugins.check("yubikey"), Err(Error::UntrustedPlugin { name: "yubikey".into() }));
        let trusting = plugins.trusting(["yubikey"].into_iter());
        assert!(matches!(trusting.check("yubikey"), Err(Error::NoPlugin { .. })));
    }
}
