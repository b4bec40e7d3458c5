//! The payload of an age file: STREAM with ChaCha20-Poly1305, in chunks of 64 KiB.
//!
//! Follows <https://age-encryption.org/v1>. The crate `age` implements it as well, but it leaves plaintext in memory
//! without wiping it, and it creates a new key for each file, which takes a second if the file has a passphrase.

use age_core::{format::FileKey, primitives::hkdf, secrecy::ExposeSecret};
use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, Key, KeyInit};
use zeroize::Zeroizing;

/// The size of the nonce in front of the payload, in bytes.
pub const NONCE: usize = 16;

const CHUNK: usize = 64 << 10;
const TAG: usize = 16;

/// Encrypts a payload and appends it to `out`. The nonce must be new for this key.
pub fn seal(key: &FileKey, nonce: &[u8; NONCE], plaintext: &[u8], out: &mut Vec<u8>) {
    let cipher = cipher(key, nonce);
    let chunks = plaintext.len().div_ceil(CHUNK).max(1);
    // Sized once, because growing could leave a copy of the plaintext behind.
    out.reserve_exact(plaintext.len() + chunks * TAG);
    for index in 0..chunks {
        let chunk = &plaintext[index * CHUNK..plaintext.len().min((index + 1) * CHUNK)];
        let start = out.len();
        out.extend_from_slice(chunk);
        let tag = cipher
            .encrypt_in_place_detached(&chunk_nonce(index, index + 1 == chunks), &[], &mut out[start..])
            .expect("a chunk is short enough");
        out.extend_from_slice(&tag);
    }
}

/// Decrypts a payload. Returns `None` if any part of it has changed since it was encrypted.
pub fn open(key: &FileKey, nonce: &[u8; NONCE], payload: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = cipher(key, nonce);
    let mut plaintext = Zeroizing::new(Vec::with_capacity(payload.len()));
    let chunks = payload.len().div_ceil(CHUNK + TAG).max(1);
    for index in 0..chunks {
        let end = payload.len().min((index + 1) * (CHUNK + TAG));
        let (chunk, tag) = payload[index * (CHUNK + TAG)..end].split_last_chunk::<TAG>()?;
        if chunk.is_empty() && index > 0 {
            return None;
        }
        let start = plaintext.len();
        plaintext.extend_from_slice(chunk);
        let nonce = chunk_nonce(index, index + 1 == chunks);
        cipher.decrypt_in_place_detached(&nonce, &[], &mut plaintext[start..], tag.into()).ok()?;
    }
    Some(plaintext)
}

fn cipher(key: &FileKey, nonce: &[u8; NONCE]) -> ChaCha20Poly1305 {
    let key = Zeroizing::new(hkdf(nonce, b"payload", key.expose_secret()));
    ChaCha20Poly1305::new(Key::from_slice(&*key))
}

/// The nonce of a chunk: its number in eleven bytes, big-endian, and one byte that tells whether it is the last chunk.
fn chunk_nonce(index: usize, last: bool) -> chacha20poly1305::Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(index as u64).to_be_bytes());
    nonce[11] = u8::from(last);
    nonce.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened_and_not_cut() {
        let key = FileKey::init_with_mut(|key| key.fill(7));
        let nonce = [9; NONCE];
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plaintext: Vec<u8> = (0..size).map(|index| index as u8).collect();
            let mut sealed = Vec::new();
            seal(&key, &nonce, &plaintext, &mut sealed);
            assert_eq!(open(&key, &nonce, &sealed).unwrap().as_slice(), plaintext);
            for cut in [0, 1, sealed.len() - 1, sealed.len().saturating_sub(CHUNK + TAG)] {
                assert!(cut == sealed.len() || open(&key, &nonce, &sealed[..cut]).is_none(), "{size} {cut}");
            }
            sealed.extend_from_slice(&[0; TAG]);
            assert!(open(&key, &nonce, &sealed).is_none());
        }
    }
}
