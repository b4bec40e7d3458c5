//! The age file around the payload: its header, which holds the file's key for each recipient.
//!
//! Follows <https://age-encryption.org/v1> with the crate `age`, except for the payload (see `stream.rs`).

use std::{
    io::{self, Read, Write},
    sync::{Arc, OnceLock},
};

use age::{
    DecryptError, Decryptor, EncryptError, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    scrypt,
    secrecy::SecretString,
};
use age_core::format::FileKey;
use zeroize::Zeroizing;

use super::{
    catching::{CatchingIdentity, CatchingRecipient, IdentityWithPlugins, RecipientWithPlugins},
    identities::Identity,
    plugin::Plugins,
    recipients::{Recipient, is_known_type},
    stream::{self, NONCE},
};
use crate::error::Error;

/// The start of the first line. The number of the version follows.
const INTRO: &[u8] = b"age-encryption.org/v";
const VERSION: &[u8] = b"age-encryption.org/v1\n";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// The scrypt work factor of new files, as a power of two. It takes about a second, as in the program `age`.
const WORK: u8 = 18;
/// The highest work factor that is accepted. It takes about fifteen seconds, as in the program `age`.
const MAX_WORK: u8 = 22;

/// The keys that open the file.
pub enum StoreKeys {
    /// Identities. New files are encrypted for the first one.
    Identities {
        /// The identities: at least one.
        usable: Vec<Identity>,
        /// A sentence for the message if none of them opens the file, such as which others cannot be used.
        note: Option<String>,
    },
    /// A passphrase.
    Passphrase(SecretString),
}

impl StoreKeys {
    /// The recipients of the identities, in their order. None if it is a passphrase.
    pub fn recipients(&self) -> Vec<Recipient> {
        match self {
            Self::Identities { usable, .. } => {
                usable.iter().map(|identity| identity.recipient.clone()).collect()
            }
            Self::Passphrase(_) => Vec::new(),
        }
    }

    /// The names of the plugins of the identities, and of those that encrypt for them.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        let usable = match self {
            Self::Identities { usable, .. } => usable.as_slice(),
            Self::Passphrase(_) => &[],
        };
        usable.iter().flat_map(|identity| identity.plugin().into_iter().chain(identity.recipient.plugin()))
    }
}

/// What protects the file.
#[derive(Clone)]
pub enum Protection {
    /// A passphrase.
    Passphrase,
    /// Recipients, who each have an identity.
    Recipients {
        /// The recipient of the identity in use.
        own: Recipient,
        /// The types of all recipients. The header does not tell who they are.
        types: Vec<String>,
    },
}

/// Whether a header, given by the types of its recipients, has more recipients of unknown types than recipients of plugins
/// are listed. The plugins alone know their types, and each recipient has one stanza.
pub fn has_unknown(types: &[String], listed: &[Recipient]) -> bool {
    let unknown = types.iter().filter(|kind| !is_known_type(kind)).count();
    unknown > listed.iter().filter(|recipient| recipient.plugin().is_some()).count()
}

/// The number of recipients of a header, given by their types, that are not among the listed ones.
pub fn count_unlisted(types: &[String], listed: &[Recipient]) -> usize {
    let mut kinds: Vec<_> = types.iter().map(String::as_str).collect();
    for recipient in listed {
        let is_of_kind = |kind: &&str| match recipient.kind() {
            Some(known) => *kind == known,
            None => !is_known_type(kind),
        };
        if let Some(at) = kinds.iter().position(is_of_kind) {
            kinds.swap_remove(at);
        }
    }
    kinds.len()
}

/// A header that was unlocked. It can open and replace the payload.
pub struct Header {
    bytes: Vec<u8>,
    key: FileKey,
    /// What protects the file.
    pub protection: Protection,
}

/// Why a file cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The file is damaged. Holds what is wrong; the text follows the name of the file.
    Damaged(&'static str),
    /// The key does not open the file. Holds the reason; the text follows "because".
    WrongKey(&'static str),
    /// A plugin has failed, and no other identity opens the file.
    Plugin(Box<Error>),
}

/// The reason of [`OpenError::WrongKey`] for a wrong passphrase.
pub const WRONG_PASSPHRASE: &str = "the passphrase is wrong";
const TRUNCATED: OpenError = OpenError::Damaged("is truncated or damaged");
const ALTERED: OpenError = OpenError::Damaged("is damaged: its content has changed since it was encrypted");

/// The offset at which the payload's nonce ends, in the file as it is on the disk. The nonce changes with every write.
/// Returns `None` if the header is incomplete.
pub fn end_of_nonce(file: &[u8]) -> Option<usize> {
    if is_armored(file) {
        let end = end_of_header(&remove_armor(file).ok()?)? + NONCE;
        // Each line has 64 characters for 48 bytes.
        return Some((ARMOR.len() + 2 + end.div_ceil(48) * 66).min(file.len()));
    }
    Some(end_of_header(file)? + NONCE).filter(|end| *end <= file.len())
}

/// Decrypts a file. `known` is a header that was unlocked before. If the file has the same header, it need not be
/// unlocked again.
pub fn open(
    file: &[u8],
    keys: &StoreKeys,
    known: Option<&Arc<Header>>,
    plugins: &Plugins,
) -> Result<(Zeroizing<Vec<u8>>, Arc<Header>), OpenError> {
    let plain;
    let file = if is_armored(file) {
        plain = remove_armor(file)?;
        &plain
    } else {
        file
    };
    if file.is_empty() {
        return Err(OpenError::Damaged("is empty"));
    }
    check_version(file)?;
    let end = match end_of_header(file) {
        Some(end) if end + NONCE <= file.len() => end,
        _ => return Err(TRUNCATED),
    };
    let header = match known {
        Some(known) if known.bytes == file[..end] => Arc::clone(known),
        _ => Arc::new(unlock_header(file, end, keys, plugins)?),
    };
    let (nonce, payload) = file[end..].split_first_chunk().expect("its length was checked");
    let plaintext = stream::open(&header.key, nonce, payload).ok_or(ALTERED)?;
    Ok((plaintext, header))
}

/// Checks the first line. Only that line tells a newer version from a damaged file.
fn check_version(file: &[u8]) -> Result<(), OpenError> {
    if file.starts_with(VERSION) {
        return Ok(());
    }
    if VERSION.starts_with(file) {
        return Err(TRUNCATED);
    }
    let Some(rest) = file.strip_prefix(INTRO) else {
        return Err(OpenError::Damaged("is not a file encrypted with age, or its first line is damaged"));
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_version = rest.get(digits) == Some(&b'\n') && rest[0] != b'0';
    Err(if is_version { OpenError::Damaged("is in the format of a newer version of age") } else { ALTERED })
}

/// Whether a file has a passphrase.
pub fn has_passphrase(file: &[u8]) -> bool {
    let plain = if is_armored(file) { remove_armor(file).unwrap_or_default() } else { file.to_vec() };
    end_of_header(&plain).is_some_and(|end| recipient_types(&plain[..end]) == ["scrypt"])
}

/// Encrypts a payload, and returns the new file and its header.
///
/// For recipients, the header and the file's key are new each time. With a passphrase, the new file keeps both from the
/// file that it replaces. Its payload is still encrypted with another key, because age derives that from the file's key
/// and the nonce.
///
/// # Errors
///
/// Those of the system. An [`Error`] of a plugin, and [`Error::MixedRecipients`], are in an [`io::Error`].
pub fn seal(
    plaintext: &[u8],
    keys: &StoreKeys,
    recipients: &[Recipient],
    replaced: Option<&Arc<Header>>,
    armored: bool,
    plugins: &Plugins,
) -> io::Result<(Vec<u8>, Arc<Header>)> {
    let (header, mut file) = match (keys, replaced) {
        (StoreKeys::Passphrase(_), Some(header)) => {
            let mut file = header.bytes.clone();
            let mut nonce = [0; NONCE];
            getrandom::fill(&mut nonce).map_err(io::Error::other)?;
            file.extend_from_slice(&nonce);
            (Arc::clone(header), file)
        }
        (StoreKeys::Passphrase(passphrase), None) => {
            let mut recipient = scrypt::Recipient::new(passphrase.clone());
            recipient.set_work_factor(WORK);
            begin_file(&[&recipient], |_| Protection::Passphrase)?
        }
        (StoreKeys::Identities { usable, .. }, _) => {
            let own = match replaced.map(|header| &header.protection) {
                Some(Protection::Recipients { own, .. }) => own.clone(),
                _ => usable[0].recipient.clone(),
            };
            let recipients: Vec<_> =
                recipients.iter().map(|recipient| RecipientWithPlugins { recipient, plugins }).collect();
            let recipients: Vec<_> =
                recipients.iter().map(|recipient| recipient as &dyn age::Recipient).collect();
            begin_file(&recipients, |types| Protection::Recipients { own, types })?
        }
    };
    let nonce = *file.last_chunk().expect("it ends with the nonce");
    stream::seal(&header.key, &nonce, plaintext, &mut file);
    if armored {
        file = add_armor(&file)?;
    }
    Ok((file, header))
}

/// A new header for these recipients, and the start of the file: the header and the nonce. `protection` gets the types of
/// the recipients.
fn begin_file(
    recipients: &[&dyn age::Recipient],
    protection: impl FnOnce(Vec<String>) -> Protection,
) -> io::Result<(Arc<Header>, Vec<u8>)> {
    let caught = OnceLock::new();
    let catching: Vec<_> =
        recipients.iter().map(|inner| CatchingRecipient { inner: *inner, caught: &caught }).collect();
    let each = catching.iter().map(|recipient| recipient as &dyn age::Recipient);
    let refused = |error| match error {
        EncryptError::Io(error) => error,
        EncryptError::IncompatibleRecipients { .. } => io::Error::other(Error::MixedRecipients),
        // The error's own text is not used: it would compile in a library for translations.
        _ => io::Error::other("age does not accept the recipients"),
    };
    let encryptor = Encryptor::with_recipients(each).map_err(refused)?;
    let mut file = Vec::new();
    drop(encryptor.wrap_output(&mut file)?);
    let key = caught.into_inner().ok_or_else(|| io::Error::other("age has created no key"))?;
    let bytes = file[..file.len() - NONCE].to_vec();
    let protection = protection(recipient_types(&bytes));
    Ok((Arc::new(Header { bytes, key, protection }), file))
}

fn unlock_header(file: &[u8], end: usize, keys: &StoreKeys, plugins: &Plugins) -> Result<Header, OpenError> {
    let decryptor = Decryptor::new_buffered(file).map_err(open_error)?;
    let by_passphrase;
    let own: Vec<_> = match keys {
        StoreKeys::Identities { usable, .. } => {
            // A plugin may need the user's touch, so it is asked only if no other identity opens the file.
            let of_kind = |by_plugin| usable.iter().filter(move |own| own.plugin().is_some() == by_plugin);
            let in_order = of_kind(false).chain(of_kind(true));
            in_order.map(|identity| IdentityWithPlugins { identity, plugins }).collect()
        }
        StoreKeys::Passphrase(_) => Vec::new(),
    };
    let (identities, is_passphrase): (Vec<&dyn age::Identity>, _) = match keys {
        StoreKeys::Identities { .. } => (own.iter().map(|own| own as &dyn age::Identity).collect(), false),
        StoreKeys::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MAX_WORK);
            by_passphrase = identity;
            (vec![&by_passphrase], true)
        }
    };
    match (decryptor.is_scrypt(), is_passphrase) {
        (true, false) => {
            return Err(OpenError::WrongKey("it is locked with a passphrase, and an identity was given"));
        }
        (false, true) => {
            return Err(OpenError::WrongKey("it is encrypted for identities, and a passphrase was given"));
        }
        _ => {}
    }
    let mut catching: Vec<_> = identities.into_iter().map(CatchingIdentity::new).collect();
    let opened = decryptor.decrypt(catching.iter().map(|identity| identity as &dyn age::Identity));
    let found = catching.iter().position(|identity| identity.caught.get().is_some());
    let plugin = found.and_then(|index| own.get(index)?.identity.plugin());
    opened.map(drop).map_err(|error| match (error, plugin) {
        (DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys, _) if is_passphrase => {
            OpenError::WrongKey(WRONG_PASSPHRASE)
        }
        (DecryptError::NoMatchingKeys, _) => {
            match catching.iter_mut().find_map(|identity| identity.failed.take()) {
                Some(error) => OpenError::Plugin(Box::new(error)),
                None => open_error(DecryptError::NoMatchingKeys),
            }
        }
        (DecryptError::InvalidMac, Some(name)) => {
            let reason =
                "it answered with a key that does not open the file, or the header of the file is damaged";
            OpenError::Plugin(Box::new(Error::Plugin { name: name.into(), reason: reason.into() }))
        }
        (error, _) => open_error(error),
    })?;
    let index = found.ok_or(ALTERED)?;
    let key = catching.swap_remove(index).caught.into_inner().ok_or(ALTERED)?;
    let protection = match keys {
        StoreKeys::Passphrase(_) => Protection::Passphrase,
        StoreKeys::Identities { .. } => Protection::Recipients {
            own: own[index].identity.recipient.clone(),
            types: recipient_types(&file[..end]),
        },
    };
    Ok(Header { bytes: file[..end].to_vec(), key, protection })
}

fn open_error(error: DecryptError) -> OpenError {
    match error {
        DecryptError::NoMatchingKeys => OpenError::WrongKey(
            "it is encrypted for other recipients, and not for your identity, or its header is damaged",
        ),
        DecryptError::ExcessiveWork { .. } => {
            OpenError::Damaged("has a scrypt work factor that is too high to be accepted")
        }
        DecryptError::Io(_) => TRUNCATED,
        _ => ALTERED,
    }
}

/// The types of the recipients in a header. A stanza of a type that ends with `-grease` belongs to no recipient: writers
/// add it so that readers do not reject types that they do not know.
fn recipient_types(header: &[u8]) -> Vec<String> {
    let stanzas = header.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"-> "));
    let types = stanzas.filter_map(|stanza| str::from_utf8(stanza).ok()?.split(' ').next());
    types.filter(|kind| !kind.ends_with("-grease")).map(str::to_owned).collect()
}

/// The offset at which the header ends: after the line with its MAC.
fn end_of_header(file: &[u8]) -> Option<usize> {
    let mac = file.windows(5).position(|window| window == b"\n--- ")? + 1;
    Some(mac + file[mac..].iter().position(|byte| *byte == b'\n')? + 1)
}

/// Whether a file is armored: encoded as text.
pub fn is_armored(file: &[u8]) -> bool {
    file.starts_with(ARMOR)
}

fn remove_armor(file: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut plain = Vec::with_capacity(file.len());
    ArmoredReader::new(file).read_to_end(&mut plain).map_err(|_| ALTERED)?;
    Ok(plain)
}

fn add_armor(file: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    writer.write_all(file)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use age::x25519;

    use super::*;

    /// Checks that every file that differs from a valid one in one bit is said to be damaged, or to be encrypted with
    /// another key, or is opened as before.
    fn check_flips(armored: bool, keys: &StoreKeys, recipient: &dyn age::Recipient, protection: Protection) {
        let plaintext = b"{\"version\":1}";
        let (header, mut file) = begin_file(&[recipient], |_| protection).unwrap();
        let nonce = *file.last_chunk().unwrap();
        stream::seal(&header.key, &nonce, plaintext, &mut file);
        if armored {
            file = add_armor(&file).unwrap();
        }
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let reason = match open(&flipped, keys, None, &Plugins::none()) {
                Ok((opened, _)) => {
                    assert_eq!(*opened, plaintext, "bit {bit}");
                    continue;
                }
                Err(OpenError::WrongKey(_)) => continue,
                Err(OpenError::Plugin(error)) => panic!("bit {bit}: {error}"),
                Err(OpenError::Damaged(reason)) => reason,
            };
            let bare = if armored { remove_armor(&flipped).unwrap_or_default() } else { flipped };
            let number = bare.strip_prefix(INTRO).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
            let number = number.and_then(|number| str::from_utf8(number).ok()?.parse::<u32>().ok());
            let is_newer = number.is_some_and(|number| number > 1);
            assert_eq!(reason.contains("newer version"), is_newer, "bit {bit}: {reason}");
            assert!(
                is_newer || reason.contains("damaged") || reason.contains("work factor"),
                "bit {bit}: {reason}"
            );
        }
    }

    #[test]
    fn a_file_with_a_flipped_bit_is_damaged_and_not_of_a_newer_version() {
        let identity = Identity::from(x25519::Identity::generate());
        let public = identity.recipient.clone();
        let keys = StoreKeys::Identities { usable: vec![identity], note: None };
        for armored in [false, true] {
            let protection = Protection::Recipients { own: public.clone(), types: vec!["X25519".into()] };
            let recipient = RecipientWithPlugins { recipient: &public, plugins: &Plugins::none() };
            check_flips(armored, &keys, &recipient, protection);
        }
    }

    #[test]
    fn a_file_with_a_passphrase_and_a_flipped_bit_is_damaged_and_not_of_a_newer_version() {
        let passphrase = SecretString::from("correct horse");
        let mut recipient = scrypt::Recipient::new(passphrase.clone());
        recipient.set_work_factor(2);
        check_flips(false, &StoreKeys::Passphrase(passphrase), &recipient, Protection::Passphrase);
    }
}
