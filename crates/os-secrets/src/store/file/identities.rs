//! The text of an identity: reading its file or pipe, and parsing it.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read},
    mem,
    path::Path,
    str::FromStr,
    sync::Arc,
};

use age::{
    secrecy::SecretString,
    ssh::{self, UnsupportedKey},
    x25519,
};
use zeroize::Zeroizing;

use super::{
    plugin::{PLUGIN_IDENTITY, comments::RecipientComments, plugin_of_identity},
    recipients::{Recipient, parse_ssh_recipient},
};
use crate::{
    credential::Secret,
    file::{find_other_owner, is_pipe, writable_by_others},
    program::command_line,
    wiped::WipedBuffer,
};

/// The start of every secret key.
pub const SECRET_KEY: &str = "AGE-SECRET-KEY-1";
/// The directory with the secrets of a container.
pub const CONTAINER: &str = "/run/secrets";
/// The maximum size of an identity's file, in bytes.
pub const MAX_IDENTITY: u64 = 1 << 20;
/// The maximum number of unusable lines that a message describes.
const MAX_DESCRIBED: usize = 3;

/// Whether a text is an identity, of any kind, and not the path of its file.
pub fn is_identity(text: &[u8]) -> bool {
    let has_start = |text: &[u8], start: &str| {
        text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
    };
    let trimmed = text.trim_ascii_start();
    // Paths may contain "age-plugin-" in lower case, such as the directory of a plugin.
    (0..text.len()).any(|at| has_start(&text[at..], SECRET_KEY))
        || has_start(trimmed, "AGE-SECRET-KEY-")
        || trimmed.starts_with(b"-----BEGIN ")
        || trimmed.starts_with(PLUGIN_IDENTITY.as_bytes())
        || text.contains(&b'\n')
}

/// Reads the file of an identity. It may be a symbolic link, as with Kubernetes, or a pipe, as with `<(…)` of a shell.
/// Unless `strict`, every user may read it, as with Docker. But nobody else may own or write it: they could make us
/// encrypt for an identity of theirs. In the directory for a container's secrets, which is root's, any user may own it:
/// Docker Compose binds files of the host there, whose owners mean nothing inside.
pub fn read_identity(path: &Path, strict: bool) -> Result<Zeroizing<Vec<u8>>, String> {
    let fail = |error: io::Error| format!("cannot be read: {error}");
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if !metadata.is_file() && !is_pipe(&metadata) {
        return Err("is not a regular file or a pipe. Give the text of the identity instead".into());
    }
    if !path.starts_with(CONTAINER)
        && let Some(why) = find_other_owner(path).map_err(fail)?
    {
        return Err(why);
    }
    if let Some(why) = writable_by_others(path, &metadata, strict) {
        return Err(why);
    }
    let mut text = WipedBuffer::default();
    text.read_to_end(File::open(path).map_err(fail)?.take(MAX_IDENTITY + 1)).map_err(fail)?;
    if text.len() as u64 > MAX_IDENTITY {
        return Err("is too large to be an identity".into());
    }
    Ok(text.into_bytes())
}

/// An identity that opens files.
#[derive(Clone)]
pub struct Identity {
    pub(super) key: IdentityKey,
    /// Its recipient.
    pub recipient: Recipient,
}

/// What opens files for an identity.
#[derive(Clone)]
pub(super) enum IdentityKey {
    /// The crate age.
    Native(Arc<dyn age::Identity + Send + Sync>),
    /// An age plugin.
    Plugin {
        /// The name of the plugin.
        name: String,
        /// The text of the identity.
        text: Secret,
    },
}

impl From<x25519::Identity> for Identity {
    fn from(key: x25519::Identity) -> Self {
        Self { recipient: key.to_public().into(), key: IdentityKey::Native(Arc::new(key)) }
    }
}

impl Identity {
    /// The name of the plugin that opens files for it, if one does.
    pub(super) fn plugin(&self) -> Option<&str> {
        match &self.key {
            IdentityKey::Native(_) => None,
            IdentityKey::Plugin { name, .. } => Some(name),
        }
    }
}

/// The identities in a text.
pub struct Identities {
    /// Those that os-secrets can use: at least one.
    pub usable: Vec<Identity>,
    /// What else is in the text. Follows "has".
    pub unusable: Option<String>,
    /// Whether the passphrase has opened any of them.
    pub protected: bool,
}

/// Why a text has no identity that can be used.
#[derive(Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// A description of what is wrong. It follows the name of the text, and shows no part of it.
    Invalid(String),
    /// It is protected by a passphrase, and none was given.
    Protected,
    /// The passphrase does not open it.
    WrongPassphrase,
}

impl From<String> for IdentityError {
    fn from(reason: String) -> Self {
        Self::Invalid(reason)
    }
}

/// Parses identities: one per line, and comments. Lines that cannot be used are an error only if no line can be used.
///
/// SSH keys that are protected are opened with the passphrase.
///
/// # Errors
///
/// As [`IdentityError`] describes them. A passphrase that one of several keys does not have is an error.
pub fn parse_identities(text: &[u8], passphrase: Option<&SecretString>) -> Result<Identities, IdentityError> {
    if find_age_file(text).is_some() {
        return Err(IdentityError::Protected);
    }
    let text = decode_text(text)?;
    let (mut usable, mut problems, mut is_protected) = (Vec::new(), Vec::new(), false);
    let mut lines = text.lines().map(str::trim).enumerate().peekable();
    let mut comments = RecipientComments::default();
    while let Some((index, line)) = lines.next() {
        if line.starts_with('#') {
            comments.read(line);
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let comments = mem::take(&mut comments);
        if let Ok(identity) = x25519::Identity::from_str(line) {
            usable.push(identity.into());
            continue;
        }
        if let Some(name) = plugin_of_identity(line) {
            match comments.find(&name) {
                Some(recipient) => {
                    let text = Secret::new(line.as_bytes().to_vec());
                    usable.push(Identity { key: IdentityKey::Plugin { name, text }, recipient });
                }
                None => problems.push(format!(
                    "an identity of the plugin {name} in line {}, whose recipient is not known (write it into a line \
                     before: # recipient: age1{name}1…)",
                    index + 1
                )),
            }
            continue;
        }
        let mut kind = unsupported_kind(line);
        if line.starts_with("-----BEGIN ") {
            let mut block = vec![line];
            while let Some((_, line)) = lines.next_if(|(_, line)| !is_after_block(line)) {
                block.push(line);
                if line.starts_with("-----END ") {
                    break;
                }
            }
            if SSH_KEYS.contains(&line) {
                match parse_ssh_key(&Zeroizing::new(block.join("\n"))) {
                    Ok(SshKey::Open(identity)) => {
                        usable.push(identity);
                        continue;
                    }
                    Ok(SshKey::Protected(key, recipient)) => {
                        is_protected = true;
                        if let Some(passphrase) = passphrase {
                            let opened = key.decrypt(passphrase.clone());
                            let opened = opened.map_err(|_| IdentityError::WrongPassphrase)?;
                            let key = IdentityKey::Native(Arc::new(ssh::Identity::from(opened)));
                            usable.push(Identity { key, recipient });
                            continue;
                        }
                        kind = Some("an SSH key that is protected by a passphrase");
                    }
                    Err(what) => kind = Some(what),
                }
            }
        }
        problems.push(match kind {
            Some(kind) => format!("{kind} in line {}, {UNSUPPORTED}", index + 1),
            None => format!("something in line {} that is not an identity ({SECRET_KEY}…)", index + 1),
        });
    }
    let protected = is_protected && passphrase.is_some();
    match (usable.is_empty(), problems.is_empty()) {
        (true, _) if is_protected => Err(IdentityError::Protected),
        (true, true) => Err(format!("contains no identity ({SECRET_KEY}…)").into()),
        (true, false) => Err(describe_problems(&problems).into()),
        (false, true) => Ok(Identities { usable, unusable: None, protected }),
        (false, false) => Ok(Identities { usable, unusable: Some(join(&problems)), protected }),
    }
}

/// Whether a line cannot be in a PEM block. A block without its last line ends before it.
fn is_after_block(line: &str) -> bool {
    let is = |start: &str| line.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
    is("-----BEGIN ") || is("AGE-") || is("#")
}

/// The first lines of the private keys of SSH that age can use.
const SSH_KEYS: [&str; 2] = ["-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"];
const OTHER_SSH: &str = "an SSH key of another kind than ed25519 and RSA";
const UNSUPPORTED: &str = "which os-secrets cannot use";

/// The kind of an identity that os-secrets cannot use, from its first line.
fn unsupported_kind(line: &str) -> Option<&'static str> {
    let is = |start: &str| line.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
    if is("AGE-SECRET-KEY-PQ-1") {
        return Some(
            "a post-quantum identity (AGE-SECRET-KEY-PQ-1…), which `age-plugin-pq -identity FILE` converts,",
        );
    }
    if is(PLUGIN_IDENTITY) {
        return Some("an identity of an age plugin (AGE-PLUGIN-NAME-1…) that is incomplete or damaged");
    }
    if is("age1") {
        return Some("a recipient (age1…, the public key)");
    }
    if is(ARMOR) {
        return Some("an age file after other lines");
    }
    if is("-----BEGIN PRIVATE KEY-----") || is("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return Some(
            "a key in the format PKCS #8, which `ssh-keygen -p -f FILE` converts if it is an SSH key,",
        );
    }
    if line.starts_with("-----BEGIN ") && line.contains("-----END ") {
        return Some("a key without its line breaks");
    }
    (line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")).then_some(OTHER_SSH)
}

/// The start of an armored age file.
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// The age file that the text of an identity is. An armored one may be in any encoding that [`decode_text`] knows.
/// `None` if the text is no age file.
pub fn find_age_file(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if text.starts_with(b"age-encryption.org/") {
        return Some(text.into());
    }
    let decoded = decode_text(text).ok()?;
    let armored = decoded.trim_start();
    armored.starts_with(ARMOR).then(|| armored.as_bytes().to_vec().into())
}

/// The private key of an SSH key pair.
enum SshKey {
    Open(Identity),
    Protected(ssh::EncryptedKey, Recipient),
}

/// Parses the private key of an SSH key pair.
///
/// # Errors
///
/// What it is instead.
fn parse_ssh_key(block: &str) -> Result<SshKey, &'static str> {
    let key = ssh::Identity::from_buffer(block.as_bytes(), None);
    let key = key.map_err(|_| "an SSH key that is incomplete or damaged")?;
    match &key {
        ssh::Identity::Unencrypted(_) | ssh::Identity::Encrypted(_) => {}
        ssh::Identity::Unsupported(UnsupportedKey::EncryptedPem) => {
            return Err("an encrypted SSH key in the format PEM, which `ssh-keygen -p -f FILE` converts,");
        }
        ssh::Identity::Unsupported(UnsupportedKey::EncryptedSsh(_)) => {
            return Err("an SSH key that is encrypted with an unknown cipher");
        }
        ssh::Identity::Unsupported(UnsupportedKey::Hardware(_)) => {
            return Err("an SSH key that is on a security key (sk-…)");
        }
        ssh::Identity::Unsupported(UnsupportedKey::Type(_)) => return Err(OTHER_SSH),
    }
    let public = ssh::Recipient::try_from(key.clone()).map_err(|error| match error {
        ssh::ParseRecipientKeyError::RsaModulusTooLarge => "an RSA key of more than 4096 bits",
        _ => OTHER_SSH,
    })?;
    // Parsed from its text as a recipient of the file is: what cannot be a recipient must not be an identity.
    let recipient = parse_ssh_recipient(&public.to_string())?;
    Ok(match key {
        ssh::Identity::Encrypted(key) => SshKey::Protected(key, recipient),
        key => SshKey::Open(Identity { key: IdentityKey::Native(Arc::new(key)), recipient }),
    })
}

fn join(problems: &[String]) -> String {
    let mut text = problems[..problems.len().min(MAX_DESCRIBED)].join(", and ");
    if problems.len() > MAX_DESCRIBED {
        text.push_str(", and more");
    }
    text
}

fn describe_problems(problems: &[String]) -> String {
    format!(
        "has {}. Use an X25519 identity ({SECRET_KEY}…), as `{}` and age-keygen make it, the identity of a plugin, or an SSH key (ed25519 or RSA)",
        join(problems),
        command_line("init")
    )
}

/// Decodes UTF-8, or the UTF-16 that `>` in Windows PowerShell writes.
fn decode_text(bytes: &[u8]) -> Result<Zeroizing<String>, String> {
    // No identity has a NUL, so one in the first two bytes is half of a UTF-16 unit.
    let (encoded, unit): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => (rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => (bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => (bytes, u16::from_be_bytes),
        _ => {
            let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
            return Ok(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()));
        }
    };
    // Large enough from the start, because growing could leave a copy behind: a unit has at most three bytes in UTF-8.
    let mut text = Zeroizing::new(String::with_capacity(encoded.len() / 2 * 3));
    let (units, rest) = encoded.as_chunks();
    for decoded in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        text.push(decoded.map_err(|_| "is UTF-16 text with a damaged character")?);
    }
    if rest.is_empty() { Ok(text) } else { Err("is UTF-16 text that ends within a character".into()) }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    const PLUGIN_YUBIKEY: &str = "AGE-PLUGIN-YUBIKEY-1DDJHJ0AJGFR";

    fn reason(text: &str) -> String {
        match parse_identities(text.as_bytes(), None) {
            Err(IdentityError::Invalid(reason)) => reason,
            other => panic!("{:?}", other.err()),
        }
    }

    #[test]
    fn identities_of_other_kinds_are_named_as_not_supported() {
        for (text, kind) in [
            (
                "AGE-SECRET-KEY-PQ-1QQQQ\n",
                "a post-quantum identity (AGE-SECRET-KEY-PQ-1…), which `age-plugin-pq -identity FILE` converts, in line 1",
            ),
            (
                "# yubikey\nAGE-PLUGIN-YUBIKEY-1QQQQ\n",
                "an identity of an age plugin (AGE-PLUGIN-NAME-1…) that is incomplete or damaged in line 2",
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
                "an SSH key that is incomplete",
            ),
            ("nonsense\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "an age file after other lines"),
            ("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "the public key"),
        ] {
            let reason = reason(text);
            assert!(reason.contains(kind) && reason.contains("AGE-SECRET-KEY-1…"), "{reason}");
            assert!(!reason.contains("QQQQ") && !reason.contains("b3Bl"), "{reason}");
        }
        assert!(reason("AGE-PLUGIN-YUBIKEY-1QQQQ\nnonsense").contains("cannot use, and something in line 2"));
    }

    #[test]
    fn of_several_identities_those_that_can_be_used_are_used() {
        let identity = x25519::Identity::generate();
        let text = format!(
            "AGE-SECRET-KEY-PQ-1QQQQ\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n{}\nnonsense\n",
            identity.to_string().expose_secret()
        );
        let parsed = parse_identities(text.as_bytes(), None).unwrap_or_else(|reason| panic!("{reason:?}"));
        assert_eq!(parsed.usable.len(), 1);
        assert_eq!(parsed.usable[0].recipient.to_string(), identity.to_public().to_string());
        let unusable = parsed.unusable.unwrap_or_default();
        assert!(unusable.contains("post-quantum") && unusable.contains("in line 6"), "{unusable}");
    }

    #[test]
    fn a_recipient_in_a_comment_is_that_of_the_next_identity_only() {
        let identity = x25519::Identity::generate().to_string();
        let comment = "# recipient: age1yubikey1ddjhjpm8ewx\n";
        let plugin = PLUGIN_YUBIKEY;
        for between in [
            identity.expose_secret(),
            "AGE-PLUGIN-YUBIKEY-1QQQQ",
            "AGE-SECRET-KEY-PQ-1QQQQ",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
            "nonsense",
        ] {
            let text =
                format!("{comment}{between}\n{plugin}\n{identity}\n", identity = identity.expose_secret());
            let parsed =
                parse_identities(text.as_bytes(), None).unwrap_or_else(|reason| panic!("{reason:?}"));
            assert!(parsed.usable.iter().all(|identity| identity.plugin().is_none()), "{between}");
            assert!(
                parsed.unusable.unwrap_or_default().contains("whose recipient is not known"),
                "{between}"
            );
        }
        let text = format!("{comment}\n# created: 2026\n{plugin}\n");
        let parsed = parse_identities(text.as_bytes(), None).unwrap_or_else(|reason| panic!("{reason:?}"));
        assert_eq!(parsed.usable[0].recipient.to_string(), "age1yubikey1ddjhjpm8ewx");
    }

    #[test]
    fn a_key_without_its_last_line_ends_before_the_next_identity() {
        let identity = x25519::Identity::generate().to_string();
        let identity = identity.expose_secret();
        let comment = "# recipient: age1yubikey1ddjhjpm8ewx";
        let complete = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----";
        for (rest, usable) in [
            (identity.to_owned(), 1),
            (identity.to_lowercase(), 1),
            (format!("{complete}\n{identity}"), 1),
            (format!("{comment}\n{PLUGIN_YUBIKEY}\n{identity}"), 2),
        ] {
            for kind in ["OPENSSH PRIVATE KEY", "PRIVATE KEY", "AGE ENCRYPTED FILE"] {
                let text = format!("nonsense\n-----BEGIN {kind}-----\nb3Bl\n{rest}\n");
                let parsed =
                    parse_identities(text.as_bytes(), None).unwrap_or_else(|reason| panic!("{reason:?}"));
                assert_eq!(parsed.usable.len(), usable, "{text}");
                assert!(parsed.unusable.unwrap_or_default().contains("in line 2"), "{text}");
            }
        }
    }

    /// The bytes of a text as UTF-16, with a byte order mark or without.
    fn to_utf_16(text: &str, mark: bool, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(to_bytes).collect()
    }

    #[test]
    fn an_armored_age_file_may_have_a_byte_order_mark_or_be_utf_16() {
        let armored = format!("\r\n{ARMOR}\r\nYWdl\r\n");
        for bytes in [
            armored.clone().into_bytes(),
            format!("\u{feff}{armored}").into_bytes(),
            to_utf_16(&armored, true, u16::to_le_bytes),
            to_utf_16(&armored, false, u16::to_le_bytes),
            to_utf_16(&armored, true, u16::to_be_bytes),
        ] {
            let parsed = parse_identities(&bytes, None).map(|parsed| parsed.usable.len());
            assert_eq!(parsed, Err(IdentityError::Protected), "{bytes:?}");
            let file = find_age_file(&bytes).map(|file| file.into_owned());
            assert_eq!(file.as_deref(), Some(armored.trim_start().as_bytes()));
        }
    }

    #[test]
    fn an_identity_may_be_utf_16() {
        let identity = x25519::Identity::generate();
        let text = format!("# ä\r\n{}\r\n", identity.to_string().expose_secret());
        for (mark, to_bytes) in [
            (true, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (true, u16::to_be_bytes),
            (false, u16::to_le_bytes),
            (false, u16::to_be_bytes),
        ] {
            let bytes = to_utf_16(&text, mark, to_bytes);
            assert_eq!(parse_identities(&bytes, None).map(|parsed| parsed.usable.len()), Ok(1));
            let cut = parse_identities(&bytes[..bytes.len() - 1], None).map(|parsed| parsed.usable.len());
            assert_eq!(
                cut,
                Err(IdentityError::Invalid("is UTF-16 text that ends within a character".into()))
            );
        }
    }

    #[test]
    fn an_identity_of_any_kind_is_told_from_a_path() {
        for text in ["AGE-SECRET-KEY-PQ-1QQ", " age-secret-key-1qq", "AGE-PLUGIN-YUBIKEY-1QQ", "a\nb"] {
            assert!(is_identity(text.as_bytes()), "{text}");
        }
        for path in ["/home/me/.config/age-plugin-yubikey/identity", "identity", "/dev/fd/63", ""] {
            assert!(!is_identity(path.as_bytes()), "{path}");
        }
    }
}
