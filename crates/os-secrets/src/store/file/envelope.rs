//! The age file around the payload: its header, and the key that it holds for those who may read.
//!
//! Follows <https://age-encryption.org/v1>, through the crate `age`, whose readers and writers of payloads
//! are left aside (see `stream.rs`).

use std::{
    collections::HashSet,
    io::{Read, Write},
    str::FromStr,
    sync::{Arc, OnceLock},
};

use age::{
    DecryptError, Decryptor, EncryptError, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    scrypt,
    secrecy::{ExposeSecret, SecretString},
    x25519,
};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::stream::{self, NONCE};

const INTRO: &[u8] = b"age-encryption.org/";
const VERSION: &[u8] = b"age-encryption.org/v1\n";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// The scrypt work factor of new files, as a power of two, and the highest that is accepted: those of the
/// program `age`. They take about a second, and a quarter of a minute.
const WORK: u8 = 18;
const MAX_WORK: u8 = 22;

/// What opens the file.
pub enum Keys {
    /// Secret keys, of which the first is the one that new files are made for.
    Identities(Vec<x25519::Identity>),
    /// A passphrase.
    Passphrase(SecretString),
}

/// Who can read the file.
#[derive(Clone)]
pub enum Lock {
    /// Whoever knows the passphrase.
    Passphrase,
    /// Those who have one of several identities.
    Recipients {
        /// Our own.
        own: x25519::Recipient,
        /// How many there are in all; a file does not tell who.
        count: usize,
        /// Whether all are of a kind that can be written again.
        all_known: bool,
    },
}

/// A header that was unlocked. With it, a payload can be opened and replaced.
pub struct Header {
    bytes: Vec<u8>,
    key: FileKey,
    /// Who can read the file.
    pub lock: Lock,
}

/// Why a file cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not what it should be. Holds what it is, to follow its name.
    Damaged(&'static str),
    /// The key is not the right one. Holds why, to follow "because".
    WrongKey(&'static str),
}

const TRUNCATED: Fault = Fault::Damaged("is truncated");
const ALTERED: Fault = Fault::Damaged("is damaged: it is not as it was encrypted");

/// Where the nonce of the payload ends, in a file as it lies on the disk; it changes whenever the file is
/// written. `None` where there is no whole header.
pub fn end_of_nonce(file: &[u8]) -> Option<usize> {
    if is_armored(file) {
        let end = end_of_header(&remove_armor(file).ok()?)? + NONCE;
        // Each line has 48 bytes in 64 characters.
        return Some((ARMOR.len() + 2 + end.div_ceil(48) * 66).min(file.len()));
    }
    Some(end_of_header(file)? + NONCE).filter(|end| *end <= file.len())
}

/// Opens a file. `known` is a header that was unlocked before: where it is this file's, that costs nothing.
pub fn open(
    file: &[u8],
    keys: &Keys,
    known: Option<&Arc<Header>>,
) -> Result<(Zeroizing<Vec<u8>>, Arc<Header>), Fault> {
    let plain;
    let file = if is_armored(file) {
        plain = remove_armor(file)?;
        &plain
    } else {
        file
    };
    if file.is_empty() {
        return Err(Fault::Damaged("is empty"));
    }
    if !file.starts_with(INTRO) {
        let is_start = VERSION.starts_with(file);
        return Err(if is_start { TRUNCATED } else { Fault::Damaged("is not a file encrypted with age") });
    }
    let end = match end_of_header(file) {
        Some(end) if end + NONCE <= file.len() => end,
        _ => return Err(TRUNCATED),
    };
    let header = match known {
        Some(known) if known.bytes == file[..end] => Arc::clone(known),
        _ => Arc::new(unlock(file, end, keys)?),
    };
    let (nonce, payload) = file[end..].split_first_chunk().expect("its length was checked");
    let plaintext = stream::open(&header.key, nonce, payload).ok_or(ALTERED)?;
    Ok((plaintext, header))
}

/// Whether a file is locked with a passphrase.
pub fn has_passphrase(file: &[u8]) -> bool {
    let plain = if is_armored(file) { remove_armor(file).unwrap_or_default() } else { file.to_vec() };
    end_of_header(&plain).is_some_and(|end| tags(&plain[..end]) == ["scrypt"])
}

/// Encrypts a payload: a file, and its header.
///
/// For recipients everything is new each time. With a passphrase, the header of the file that is replaced
/// stays, with the key in it, and the nonce makes the payload's key another: age derives it from both.
pub fn seal(
    plaintext: &[u8],
    keys: &Keys,
    recipients: &[x25519::Recipient],
    replaced: Option<&Arc<Header>>,
    armored: bool,
) -> std::io::Result<(Vec<u8>, Arc<Header>)> {
    let (header, mut file) = match (keys, replaced) {
        (Keys::Passphrase(_), Some(header)) => {
            let mut file = header.bytes.clone();
            let mut nonce = [0; NONCE];
            getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
            file.extend_from_slice(&nonce);
            (Arc::clone(header), file)
        }
        (Keys::Passphrase(passphrase), None) => {
            let mut recipient = scrypt::Recipient::new(passphrase.clone());
            recipient.set_work_factor(WORK);
            begin(&[&recipient], Lock::Passphrase)?
        }
        (Keys::Identities(identities), _) => {
            let own = match replaced.map(|header| &header.lock) {
                Some(Lock::Recipients { own, .. }) => own.clone(),
                _ => identities[0].to_public(),
            };
            let wraps: Vec<_> = recipients.iter().map(|recipient| recipient as &dyn age::Recipient).collect();
            let lock = Lock::Recipients { own, count: recipients.len(), all_known: true };
            begin(&wraps, lock)?
        }
    };
    let nonce = *file.last_chunk().expect("it ends with the nonce");
    stream::seal(&header.key, &nonce, plaintext, &mut file);
    if armored {
        file = add_armor(&file)?;
    }
    Ok((file, header))
}

/// A header for these recipients, and the beginning of a file: header and nonce.
fn begin(recipients: &[&dyn age::Recipient], lock: Lock) -> std::io::Result<(Arc<Header>, Vec<u8>)> {
    let caught = OnceLock::new();
    let catching: Vec<_> =
        recipients.iter().map(|recipient| Catching { inner: *recipient, caught: &caught }).collect();
    let each = catching.iter().map(|recipient| recipient as &dyn age::Recipient);
    // Not in its own words, which bring a library of translations along.
    let refused = |_| std::io::Error::other("age refuses the recipients");
    let encryptor = Encryptor::with_recipients(each).map_err(refused)?;
    let mut file = Vec::new();
    drop(encryptor.wrap_output(&mut file)?);
    let key = caught.into_inner().ok_or_else(|| std::io::Error::other("age has made no key"))?;
    let bytes = file[..file.len() - NONCE].to_vec();
    Ok((Arc::new(Header { bytes, key, lock }), file))
}

fn unlock(file: &[u8], end: usize, keys: &Keys) -> Result<Header, Fault> {
    let tags = tags(&file[..end]);
    let decryptor = Decryptor::new_buffered(file).map_err(fault)?;
    let (identities, is_passphrase): (Vec<Box<dyn age::Identity>>, _) = match keys {
        Keys::Identities(identities) => {
            let boxed = |identity: &x25519::Identity| Box::new(identity.clone()) as Box<dyn age::Identity>;
            (identities.iter().map(boxed).collect(), false)
        }
        Keys::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MAX_WORK);
            (vec![Box::new(identity)], true)
        }
    };
    match (decryptor.is_scrypt(), is_passphrase) {
        (true, false) => {
            return Err(Fault::WrongKey("it is locked with a passphrase, and an identity was given"));
        }
        (false, true) => {
            return Err(Fault::WrongKey("it is locked for identities, and a passphrase was given"));
        }
        _ => {}
    }
    let catching: Vec<_> = identities
        .iter()
        .map(|identity| Catching { inner: identity.as_ref(), caught: OnceLock::new() })
        .collect();
    decryptor.decrypt(catching.iter().map(|identity| identity as &dyn age::Identity)).map_err(|error| {
        match error {
            DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys if is_passphrase => {
                Fault::WrongKey("the passphrase is not the right one")
            }
            error => fault(error),
        }
    })?;
    let found = catching
        .into_iter()
        .enumerate()
        .find_map(|(index, catching)| Some((index, catching.caught.into_inner()?)));
    let (index, key) = found.ok_or(ALTERED)?;
    let lock = match keys {
        Keys::Passphrase(_) => Lock::Passphrase,
        Keys::Identities(identities) => Lock::Recipients {
            own: identities[index].to_public(),
            // What ends so is there to keep readers from taking anything for granted.
            count: tags.iter().filter(|tag| !tag.ends_with("-grease")).count(),
            all_known: tags.iter().all(|tag| *tag == "X25519" || tag.ends_with("-grease")),
        },
    };
    Ok(Header { bytes: file[..end].to_vec(), key, lock })
}

fn fault(error: DecryptError) -> Fault {
    match error {
        DecryptError::NoMatchingKeys => {
            Fault::WrongKey("it is encrypted for other recipients than the identity's")
        }
        DecryptError::ExcessiveWork { .. } => {
            Fault::Damaged("asks for more work to check its passphrase than can be right")
        }
        DecryptError::UnknownFormat => Fault::Damaged("is of a newer version of age than is known here"),
        DecryptError::Io(_) => TRUNCATED,
        _ => ALTERED,
    }
}

/// The kinds of the recipients in a header.
fn tags(header: &[u8]) -> Vec<&str> {
    let stanzas = header.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"-> "));
    stanzas.filter_map(|stanza| str::from_utf8(stanza).ok()?.split(' ').next()).collect()
}

/// Where the header ends: behind the line of its MAC.
fn end_of_header(file: &[u8]) -> Option<usize> {
    let mac = file.windows(5).position(|window| window == b"\n--- ")? + 1;
    Some(mac + file[mac..].iter().position(|byte| *byte == b'\n')? + 1)
}

/// Whether a file is armored: text, for people to send.
pub fn is_armored(file: &[u8]) -> bool {
    file.starts_with(ARMOR)
}

fn remove_armor(file: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut plain = Vec::with_capacity(file.len());
    ArmoredReader::new(file).read_to_end(&mut plain).map_err(|_| ALTERED)?;
    Ok(plain)
}

fn add_armor(file: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    writer.write_all(file)?;
    writer.finish()
}

/// Keeps the file's key, which `age` does not give away.
struct Catching<'a, T: ?Sized, C> {
    inner: &'a T,
    caught: C,
}

impl<T: age::Recipient + ?Sized> age::Recipient for Catching<'_, T, &OnceLock<FileKey>> {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        self.caught.get_or_init(|| copy(key));
        self.inner.wrap_file_key(key)
    }
}

impl<T: age::Identity + ?Sized> age::Identity for Catching<'_, T, OnceLock<FileKey>> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.catch(self.inner.unwrap_stanza(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        self.catch(self.inner.unwrap_stanzas(stanzas))
    }
}

impl<T: ?Sized> Catching<'_, T, OnceLock<FileKey>> {
    fn catch(&self, found: Option<Result<FileKey, DecryptError>>) -> Option<Result<FileKey, DecryptError>> {
        if let Some(Ok(key)) = &found {
            self.caught.get_or_init(|| copy(key));
        }
        found
    }
}

fn copy(key: &FileKey) -> FileKey {
    FileKey::init_with_mut(|copy| copy.copy_from_slice(key.expose_secret()))
}

/// Reads a recipient, `age1…`.
pub fn parse_recipient(text: &str) -> Option<x25519::Recipient> {
    x25519::Recipient::from_str(text).ok()
}
