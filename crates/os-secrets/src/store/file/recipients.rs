//! Recipients of the file: the public keys that it is encrypted for, as texts.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use age::{ssh, x25519};

use super::{identities::is_identity, plugin::plugin_of_recipient};

/// The type of an X25519 recipient in a header.
const X25519: &str = "X25519";
/// The types of SSH keys that age can encrypt for, in a public key and in a header.
const SSH: [&str; 2] = ["ssh-ed25519", "ssh-rsa"];

/// A recipient of the file.
#[derive(Clone)]
pub struct Recipient {
    /// Its only spelling. Recipients are compared by it.
    text: String,
    pub(super) key: RecipientKey,
}

/// What encrypts for a recipient.
#[derive(Clone)]
pub(super) enum RecipientKey {
    /// The crate age.
    Native {
        /// What a header calls the kind of the recipient.
        kind: &'static str,
        /// The public key.
        key: Arc<dyn age::Recipient + Send + Sync>,
    },
    /// An age plugin. What a header calls the kind of its recipients is not known.
    Plugin {
        /// The name of the plugin.
        name: String,
    },
}

impl fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl Hash for Recipient {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl From<x25519::Recipient> for Recipient {
    fn from(key: x25519::Recipient) -> Self {
        Self { text: key.to_string(), key: RecipientKey::Native { kind: X25519, key: Arc::new(key) } }
    }
}

impl Recipient {
    /// The text, as [`parse_recipient`] takes it.
    pub(super) fn as_text(&self) -> &str {
        &self.text
    }

    /// What a header calls its kind. `None` if that is not known, because a plugin encrypts for it.
    pub(super) fn kind(&self) -> Option<&'static str> {
        match self.key {
            RecipientKey::Native { kind, .. } => Some(kind),
            RecipientKey::Plugin { .. } => None,
        }
    }

    /// The name of the plugin that encrypts for it, if one does.
    pub(super) fn plugin(&self) -> Option<&str> {
        match &self.key {
            RecipientKey::Native { .. } => None,
            RecipientKey::Plugin { name } => Some(name),
        }
    }
}

/// Whether a header gives this type to recipients for whom os-secrets encrypts without a plugin.
pub fn is_known_type(kind: &str) -> bool {
    kind == X25519 || SSH.contains(&kind)
}

/// Parses a recipient: `age1…` of X25519, `age1NAME1…` of a plugin, or the line of an SSH public key, of which the comment
/// is left out.
pub fn parse_recipient(text: &str) -> Option<Recipient> {
    let text = text.trim();
    match x25519::Recipient::from_str(text) {
        Ok(key) => Some(key.into()),
        Err(_) => parse_plugin_recipient(text).or_else(|| parse_ssh_recipient(text).ok()),
    }
}

/// Parses a recipient of a plugin.
pub(super) fn parse_plugin_recipient(text: &str) -> Option<Recipient> {
    let name = plugin_of_recipient(text)?;
    Some(Recipient { text: text.to_owned(), key: RecipientKey::Plugin { name } })
}

/// Parses the line of an SSH public key.
///
/// # Errors
///
/// What the text is instead.
pub fn parse_ssh_recipient(text: &str) -> Result<Recipient, &'static str> {
    let mut fields = text.split_ascii_whitespace();
    let (kind, encoded) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    let Some(kind) = SSH.into_iter().find(|known| *known == kind) else {
        return Err("an SSH key of another kind than ed25519 and RSA");
    };
    let key = ssh::Recipient::from_str(text).map_err(|error| match error {
        ssh::ParseRecipientKeyError::RsaModulusTooSmall => "an RSA key of fewer than 2048 bits",
        ssh::ParseRecipientKeyError::RsaModulusTooLarge => "an RSA key of more than 4096 bits",
        _ => "an incomplete SSH key",
    })?;
    let text = key.to_string();
    // age does not look at what follows a key.
    let is_whole = text
        .strip_prefix(kind)
        .is_some_and(|whole| whole.trim_start().trim_end_matches('=') == encoded.trim_end_matches('='));
    let key = RecipientKey::Native { kind, key: Arc::new(key) };
    if is_whole { Ok(Recipient { text, key }) } else { Err("an incomplete SSH key") }
}

/// The kind of a recipient that os-secrets cannot use. `None` if the text is not known to be a recipient at all.
pub fn unsupported_recipient(text: &str) -> Option<&'static str> {
    // An X25519 recipient has 62 characters, and a digit 1 in it is a typing error.
    if text.strip_prefix("age1").is_some_and(|rest| rest.contains('1')) && text.len() != 62 {
        return Some("an incomplete recipient of an age plugin (age1NAME1…)");
    }
    let is_ssh = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| text.starts_with(start));
    if is_ssh {
        return parse_ssh_recipient(text).err();
    }
    is_identity(text.as_bytes()).then_some("an identity, which is the private key and must stay secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn the_comment_of_an_ssh_key_is_not_part_of_the_recipient() {
        for line in [ED25519.to_owned(), format!("{ED25519} me@host\n"), format!(" {ED25519}  two words")] {
            let parsed = parse_recipient(&line).map(|recipient| recipient.to_string());
            assert_eq!(parsed.as_deref(), Some(ED25519), "{line}");
        }
    }

    #[test]
    fn an_ssh_key_that_lacks_characters_or_has_more_is_refused() {
        for line in [&ED25519[..ED25519.len() - 1], &format!("{ED25519}AAAA"), "ssh-ed25519", "ssh-rsa AAAA"]
        {
            assert!(parse_recipient(line).is_none(), "{line}");
            assert_eq!(unsupported_recipient(line), Some("an incomplete SSH key"), "{line}");
        }
    }

    #[test]
    fn recipients_of_other_kinds_are_named() {
        for (text, kind) in [
            ("age1yubikey1qqqq", Some("incomplete recipient of an age plugin")),
            ("ecdsa-sha2-nistp256 AAAA me@host", Some("another kind than ed25519 and RSA")),
            ("sk-ssh-ed25519@openssh.com AAAA me@host", Some("another kind than ed25519 and RSA")),
            ("ssh-dss AAAA me@host", Some("another kind than ed25519 and RSA")),
            ("AGE-SECRET-KEY-1QQQQ", Some("private key")),
            ("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2e1w8zmrj2kg5sfn9aqmcac8p", None),
            ("nonsense", None),
        ] {
            let found = unsupported_recipient(text);
            assert_eq!(found.is_some(), kind.is_some(), "{text}: {found:?}");
            assert!(found.is_none_or(|found| found.contains(kind.unwrap_or_default())), "{found:?}");
        }
    }
}
