//! The text of an identity: reading its file or pipe, and parsing it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use age::x25519;
use zeroize::Zeroizing;

use crate::{
    file::{find_other_owner, is_pipe, writable_by_others},
    program::command_line,
    wiped::WipedBuffer,
};

/// The start of every secret key.
pub const SECRET_KEY: &str = "AGE-SECRET-KEY-1";
/// The start of an identity of an age plugin.
const PLUGIN: &str = "AGE-PLUGIN-";
/// The directory with the secrets of a container.
pub const CONTAINER: &str = "/run/secrets";
/// The maximum size of an identity's file, in bytes.
const MAX_IDENTITY: u64 = 1 << 20;
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
        || trimmed.starts_with(PLUGIN.as_bytes())
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

/// The identities in a text.
pub struct Identities {
    /// Those that os-secrets can use: at least one.
    pub usable: Vec<x25519::Identity>,
    /// What else is in the text. Follows "has".
    pub unusable: Option<String>,
}

/// Parses identities: one per line, and comments. Lines that cannot be used are an error only if no line can be used.
///
/// # Errors
///
/// A description of what is wrong. It follows the name of the text, and shows no part of it.
pub fn parse_identities(text: &[u8]) -> Result<Identities, String> {
    if text.starts_with(b"age-encryption.org/") {
        return Err(describe_problems(&[format!("{ENCRYPTED}, {UNSUPPORTED}")]));
    }
    let text = decode_text(text)?;
    let (mut usable, mut problems) = (Vec::new(), Vec::new());
    let mut lines = text.lines().map(str::trim).enumerate();
    while let Some((index, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Ok(identity) = x25519::Identity::from_str(line) {
            usable.push(identity);
            continue;
        }
        problems.push(match unsupported_kind(line) {
            Some(kind) => format!("{kind} in line {}, {UNSUPPORTED}", index + 1),
            None => format!("something in line {} that is not an identity ({SECRET_KEY}…)", index + 1),
        });
        if line.starts_with("-----BEGIN ") {
            lines.by_ref().find(|(_, line)| line.starts_with("-----END "));
        }
    }
    match (usable.is_empty(), problems.is_empty()) {
        (true, true) => Err(format!("contains no identity ({SECRET_KEY}…)")),
        (true, false) => Err(describe_problems(&problems)),
        (false, true) => Ok(Identities { usable, unusable: None }),
        (false, false) => Ok(Identities { usable, unusable: Some(join(&problems)) }),
    }
}

const ENCRYPTED: &str = "an identity that is encrypted with a passphrase";
const UNSUPPORTED: &str = "which os-secrets cannot use";

/// The kind of an identity that os-secrets cannot use, from its first line.
fn unsupported_kind(line: &str) -> Option<&'static str> {
    let is = |start: &str| line.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
    if is("AGE-SECRET-KEY-PQ-1") {
        return Some("a post-quantum identity (AGE-SECRET-KEY-PQ-1…)");
    }
    if is(PLUGIN) {
        return Some("an identity of an age plugin (AGE-PLUGIN-…)");
    }
    if is("age1") {
        return Some("a recipient (age1…, the public key)");
    }
    if is("-----BEGIN AGE ENCRYPTED FILE-----") {
        return Some(ENCRYPTED);
    }
    (line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")).then_some("an SSH key")
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
        "has {}. Use an X25519 identity ({SECRET_KEY}…), as `{}` and age-keygen make it",
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

/// The kind of a recipient that os-secrets cannot use. `None` if the text is not known to be a recipient at all.
pub fn unsupported_recipient(text: &str) -> Option<&'static str> {
    if text.starts_with("age1pq1") || text.starts_with("age1tagpq1") {
        return Some("a post-quantum recipient (age1pq1…)");
    }
    // An X25519 recipient has 62 characters, and a digit 1 in it is a typing error.
    if text.strip_prefix("age1").is_some_and(|rest| rest.contains('1')) && text.len() != 62 {
        return Some("a recipient of an age plugin (age1NAME1…)");
    }
    let is_ssh = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| text.starts_with(start));
    if is_ssh {
        return Some("an SSH key");
    }
    is_identity(text.as_bytes()).then_some("an identity, which is the private key and must stay secret")
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    fn reason(text: &str) -> String {
        parse_identities(text.as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn identities_of_other_kinds_are_named_as_not_supported() {
        for (text, kind) in [
            ("AGE-SECRET-KEY-PQ-1QQQQ\n", "a post-quantum identity (AGE-SECRET-KEY-PQ-1…) in line 1, which"),
            (
                "# yubikey\nAGE-PLUGIN-YUBIKEY-1QQQQ\n",
                "an identity of an age plugin (AGE-PLUGIN-…) in line 2",
            ),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n", "an SSH key"),
            ("age-encryption.org/v1\n-> scrypt x 18\n", "encrypted with a passphrase"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "encrypted with a passphrase"),
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
        let parsed = parse_identities(text.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!(parsed.usable.len(), 1);
        assert_eq!(parsed.usable[0].to_public().to_string(), identity.to_public().to_string());
        let unusable = parsed.unusable.unwrap_or_default();
        assert!(unusable.contains("post-quantum") && unusable.contains("in line 6"), "{unusable}");
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
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            let bytes: Vec<u8> = units.flat_map(to_bytes).collect();
            assert_eq!(parse_identities(&bytes).map(|parsed| parsed.usable.len()), Ok(1));
            let cut = parse_identities(&bytes[..bytes.len() - 1]).map(|parsed| parsed.usable.len());
            assert_eq!(cut, Err("is UTF-16 text that ends within a character".into()));
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

    #[test]
    fn recipients_of_other_kinds_are_named() {
        for (text, kind) in [
            ("age1pq1qqqq", Some("post-quantum")),
            ("age1yubikey1qqqq", Some("plugin")),
            ("ssh-ed25519 AAAA me@host", Some("SSH")),
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
