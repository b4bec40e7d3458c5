//! The credentials of the file in memory: their names, and their encrypted values.

use std::{
    collections::BTreeMap,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, KeyInit};
use zeroize::Zeroizing;

use crate::{
    credential::{Key, Secret},
    error::Error,
};

/// Credentials whose values are encrypted while nobody uses them.
#[derive(Default)]
pub struct Entries(BTreeMap<Key, EncryptedValue>);

struct EncryptedValue {
    nonce: u64,
    bytes: Box<[u8]>,
}

impl Entries {
    /// Adds a credential, or replaces the one with the same key.
    pub fn insert(&mut self, key: Key, value: &Secret) -> Result<(), Error> {
        let nonce = next_nonce();
        let mut bytes = Vec::with_capacity(value.expose().len() + 16);
        bytes.extend_from_slice(value.expose());
        cipher()?
            .encrypt_in_place(&widen(nonce), &[], &mut bytes)
            .map_err(|_| Error::Internal("a value cannot be encrypted in memory".into()))?;
        self.0.insert(key, EncryptedValue { nonce, bytes: bytes.into_boxed_slice() });
        Ok(())
    }

    /// The value of a credential; `None` if it does not exist.
    pub fn get(&self, key: &Key) -> Result<Option<Secret>, Error> {
        let Some(encrypted) = self.0.get(key) else { return Ok(None) };
        let mut bytes = Zeroizing::new(encrypted.bytes.to_vec());
        cipher()?
            .decrypt_in_place(&widen(encrypted.nonce), &[], &mut *bytes)
            .map_err(|_| Error::Internal("an encrypted value has changed in memory".into()))?;
        Ok(Some(Secret::new(std::mem::take(&mut *bytes))))
    }

    /// Whether a credential exists.
    pub fn has(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// The keys of all credentials, or of those of one service.
    pub fn list(&self, service: Option<&str>) -> Vec<Key> {
        let is_wanted = |key: &&Key| service.is_none_or(|service| key.service == service);
        self.0.keys().filter(is_wanted).cloned().collect()
    }

    /// The number of credentials.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The cipher with the key of this process. The key is created when it is first needed, and stored nowhere else.
fn cipher() -> Result<&'static ChaCha20Poly1305, Error> {
    static CIPHER: OnceLock<Option<ChaCha20Poly1305>> = OnceLock::new();
    let cipher = CIPHER.get_or_init(|| {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).ok()?;
        Some(ChaCha20Poly1305::new((&*key).into()))
    });
    cipher.as_ref().ok_or_else(|| Error::Internal("the system gives no random numbers".into()))
}

fn next_nonce() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// A nonce in the cipher's own size.
fn widen(nonce: u64) -> chacha20poly1305::Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&nonce.to_le_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_sealed() {
        let mut entries = Entries::default();
        let key = |name: &str| Key { service: "s".into(), name: name.into() };
        let value = Secret::new(b"hunter2 hunter2".to_vec());
        entries.insert(key("a"), &value).unwrap();
        entries.insert(key("b"), &value).unwrap();
        let sealed = |name: &str| entries.0[&key(name)].bytes.to_vec();
        assert!(!sealed("a").windows(7).any(|part| part == b"hunter2"));
        assert_ne!(sealed("a"), sealed("b"));
        assert_eq!(entries.get(&key("b")), Ok(Some(value)));
        assert_eq!(entries.get(&key("c")), Ok(None));
        assert_eq!(entries.list(Some("t")), []);
        assert_eq!(entries.list(None).len(), 2);
    }
}
