//! The encryption of secrets on the bus.
//!
//! This is `dh-ietf1024-sha256-aes128-cbc-pkcs7` of the Secret Service specification: a Diffie-Hellman exchange in the
//! second Oakley group (RFC 2409, section 6.2), HKDF with SHA-256 (RFC 5869) without salt and info over the shared
//! number, and AES-128 in CBC mode with PKCS #7 padding and a new initialization vector for each secret. It protects
//! secrets from a program that watches the bus, but not from one that can send messages in our place.

use aes::{
    Aes128,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use crypto_bigint::{U256, U1024, const_monty_params, modular::ConstMontyForm};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::{credential::Secret, error::Error};

/// The algorithm's name in the specification.
pub const ALGORITHM: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/// The size of an AES block and of an initialization vector, in bytes.
const BLOCK: usize = 16;

const PRIME: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
    020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
    4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
    ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";

const_monty_params!(Group, U1024, PRIME, "The modulus of the second Oakley group.");

type Element = ConstMontyForm<Group, { U1024::LIMBS }>;

/// Our half of a key exchange.
pub struct KeyPair {
    // Twice as long as the derived key of 128 bits. A longer number would not make a group of 1024 bits stronger.
    private: Zeroizing<U256>,
    public: U1024,
}

impl KeyPair {
    /// Generates a pair from the system's random numbers.
    pub fn generate() -> Result<Self, Error> {
        loop {
            let mut private = Zeroizing::new([0; U256::BYTES]);
            fill_random(&mut *private)?;
            let pair = Self::from_private(U256::from_be_slice(&*private));
            // Services disagree on whether leading zeros are sent. Use a number that has none.
            if pair.public_bytes()[0] != 0 {
                return Ok(pair);
            }
        }
    }

    fn from_private(private: U256) -> Self {
        let public = Element::new(&U1024::from_u8(2)).pow(&private).retrieve();
        Self { private: Zeroizing::new(private), public }
    }

    /// Our public number: 128 bytes, big-endian.
    pub fn public_bytes(&self) -> Vec<u8> {
        self.public.to_be_bytes().as_ref().to_vec()
    }

    /// Derives the session's key from our private number and the service's public number. Only the service can derive
    /// the same key.
    ///
    /// `None` if no honest service can have that public number: it is longer than the modulus, or it makes the key
    /// predictable (0, 1 and −1 modulo the prime).
    pub fn derive_key(&self, peer: &[u8]) -> Option<Agreement> {
        let start = peer.iter().position(|&byte| byte != 0)?;
        let digits = &peer[start..];
        let mut padded = [0; U1024::BYTES];
        padded[U1024::BYTES.checked_sub(digits.len())?..].copy_from_slice(digits);
        let peer = U1024::from_be_slice(&padded);
        let last = U1024::from_be_hex(PRIME).wrapping_sub(&U1024::ONE);
        if peer <= U1024::ONE || peer >= last {
            return None;
        }
        let mut shared = Element::new(&peer).pow(&self.private).retrieve();
        let mut bytes = shared.to_be_bytes();
        let mut key = AesKey(Zeroizing::new([0; BLOCK]));
        Hkdf::<Sha256>::new(None, bytes.as_ref())
            .expand(&[], &mut *key.0)
            .expect("16 bytes are within HKDF's limit");
        let ambiguous = bytes.as_ref()[0] == 0;
        shared.zeroize();
        bytes.as_mut().zeroize();
        Some(Agreement { key, ambiguous })
    }
}

/// The result of a key exchange.
pub struct Agreement {
    /// The key that both sides have derived.
    pub key: AesKey,
    /// Whether the shared number begins with a zero byte, which happens once in 256 exchanges. The specification does
    /// not say whether that byte is part of the number, and services differ. The exchange should be repeated.
    pub ambiguous: bool,
}

/// The key of an encrypted session, wiped when it is dropped.
pub struct AesKey(Zeroizing<[u8; BLOCK]>);

/// An encrypted secret: the `parameters` and `value` of the specification's `Secret`.
pub struct EncryptedSecret {
    /// The initialization vector.
    pub parameters: Vec<u8>,
    /// The ciphertext.
    pub value: Vec<u8>,
}

impl AesKey {
    /// Encrypts a secret with a new initialization vector.
    pub fn encrypt(&self, secret: &Secret) -> Result<EncryptedSecret, Error> {
        let mut iv = [0; BLOCK];
        fill_random(&mut iv)?;
        Ok(self.encrypt_with(secret, iv))
    }

    fn encrypt_with(&self, secret: &Secret, iv: [u8; BLOCK]) -> EncryptedSecret {
        let plain = secret.expose();
        let padded = plain.len() + BLOCK - plain.len() % BLOCK;
        // Allocated once, so that no shorter copy of the plain text stays in memory, and encrypted in place.
        let mut value = Vec::with_capacity(padded);
        value.extend_from_slice(plain);
        value.resize(padded, 0);
        self.encrypt_in_place(&mut value, plain.len(), iv);
        wipe_stack();
        EncryptedSecret { parameters: iv.to_vec(), value }
    }

    /// Decrypts a secret. `None` if it is damaged or was encrypted with another key.
    pub fn decrypt(&self, encrypted: EncryptedSecret) -> Option<Secret> {
        let iv: [u8; BLOCK] = encrypted.parameters.try_into().ok()?;
        let mut value = Zeroizing::new(encrypted.value);
        let length = self.decrypt_in_place(&mut value, iv);
        wipe_stack();
        value.truncate(length?);
        Some(Secret::new(std::mem::take(&mut *value)))
    }

    #[inline(never)]
    fn encrypt_in_place(&self, value: &mut [u8], length: usize, iv: [u8; BLOCK]) {
        cbc::Encryptor::<Aes128>::new((&*self.0).into(), &iv.into())
            .encrypt_padded::<Pkcs7>(value, length)
            .expect("the buffer has room for the padding");
    }

    #[inline(never)]
    fn decrypt_in_place(&self, value: &mut [u8], iv: [u8; BLOCK]) -> Option<usize> {
        let cipher = cbc::Decryptor::<Aes128>::new((&*self.0).into(), &iv.into());
        cipher.decrypt_padded::<Pkcs7>(value).ok().map(|plain| plain.len())
    }
}

/// Overwrites the stack below the calling function. The cipher, called by the same function, has left its working
/// copies there: blocks of plain text and the expanded key.
#[inline(never)]
fn wipe_stack() {
    let mut area = [0_u8; 4096];
    area.zeroize();
    std::hint::black_box(&area);
}

fn fill_random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|error| Error::Internal(format!("the system gives no random numbers: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn key(text: &str) -> AesKey {
        AesKey(Zeroizing::new(hex(text).try_into().unwrap()))
    }

    /// Computed independently of this code: with Python's `pow` for the group, its `hmac` and `hashlib` for HKDF, and
    /// OpenSSL's `enc -aes-128-cbc` for the secret.
    const OUR_PRIVATE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const OUR_PUBLIC: &str = "\
        2dbb058b34968f2815e2606a6006a0b2aecd9ba79ff997d12db9d74bfb40f1d3\
        4898c3de176fc9229c4bd10c3ec057fe162dc117ff2e698eb8b6b8dcf882ff45\
        228818acc149faf2f664bf2cd209f3707238103317f27b9d887b6cadef650258\
        2fb9baaf37c1e9b9d4824bccdc6d7dc97b99cdb0808eed2225aeb50a0838b3d7";
    const THEIR_PUBLIC: &str = "\
        ab97645262711c4ffaf0b3ec0699f50a2f51eb6d5449c2a5137c1db953d6b659\
        76b9b23f4cf88c1b939fbbdc3386cef2bb1d37de797f33c79f5c1f252baf99fa\
        fa45dab51bbbe4aed1687443c9dc2001f6751667cfe41f96d675706a322c08cf\
        4102a259ee9d2b7bf4cd94c5de5da506a185ddd746cb6757405e24e9a836f355";
    const SHARED_KEY: &str = "945ff91ab9fe6e4c7ba845d448fe6088";
    const IV: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    const CIPHERTEXT: &str = "64816cd589d82c83b9a7c33c97b7b8572c65eb96fcc5381f546928b8ebc28e25";

    #[test]
    fn known_answer_from_key_exchange_to_secret() {
        let pair = KeyPair::from_private(U256::from_be_hex(OUR_PRIVATE));
        assert_eq!(pair.public_bytes(), hex(OUR_PUBLIC));
        let agreement = pair.derive_key(&hex(THEIR_PUBLIC)).unwrap();
        assert_eq!(*agreement.key.0, *hex(SHARED_KEY));
        assert!(!agreement.ambiguous);
        let secret = Secret::new("a password, and £".into());
        let encrypted = agreement.key.encrypt_with(&secret, hex(IV).try_into().unwrap());
        assert_eq!((&encrypted.parameters, &encrypted.value), (&hex(IV), &hex(CIPHERTEXT)));
        assert_eq!(agreement.key.decrypt(encrypted), Some(secret));
    }

    /// The shared number of these two begins with a zero byte. The key is derived from all 128 bytes, as libsecret and
    /// gnome-keyring do.
    #[test]
    fn known_answer_with_a_leading_zero() {
        let pair = KeyPair::from_private(U256::from_be_hex(OUR_PRIVATE));
        let agreement = pair
            .derive_key(&hex("\
        def94d45a5f15a78bc5b26064cad07962da44d51447d698859bcbcae474ad977\
        f1df11d51b11ffd42eb5a9c9205a004fcf36e54134b1497e654c9c753d797c34\
        e435c8b7cd740fd3dcc5a635e436777e47385f87c8c0c34afe8d87c9fd3f5e78\
        59351602e1f5400632a706964418f4d65b42970785bc590f7cf9fe34b22c2f34"))
            .unwrap();
        assert!(agreement.ambiguous);
        assert_eq!(*agreement.key.0, *hex("ab947a2d338013193bee70f15c4523bf"));
    }

    #[test]
    fn both_sides_agree() {
        for _ in 0..8 {
            let (ours, theirs) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
            let key = ours.derive_key(&theirs.public_bytes()).unwrap().key;
            assert_eq!(*key.0, *theirs.derive_key(&ours.public_bytes()).unwrap().key.0);
            // A service that sends its number as a signed integer puts a zero byte in front.
            assert_eq!(*key.0, *ours.derive_key(&[vec![0], theirs.public_bytes()].concat()).unwrap().key.0);
        }
    }

    #[test]
    fn numbers_that_leave_no_secret_are_refused() {
        let pair = KeyPair::generate().unwrap();
        let prime = hex(PRIME);
        let mut last = prime.clone();
        *last.last_mut().unwrap() -= 1;
        for bad in [vec![], vec![0; 128], vec![1], prime, last, vec![0xff; 128], vec![1; 129]] {
            assert!(pair.derive_key(&bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_length_comes_back() {
        let key = key("000102030405060708090a0b0c0d0e0f");
        for length in [0, 1, 15, 16, 17, 31, 32, 33, 100_000] {
            let secret = Secret::new(vec![0x5a; length]);
            let encrypted = key.encrypt(&secret).unwrap();
            assert_eq!(encrypted.value.len(), length / 16 * 16 + 16);
            assert!(key.decrypt(encrypted) == Some(secret), "{length}");
        }
    }

    #[test]
    fn damaged_secrets_are_refused() {
        let key = key("000102030405060708090a0b0c0d0e0f");
        let decrypt = |parameters: &[u8], value: &[u8]| {
            key.decrypt(EncryptedSecret { parameters: parameters.to_vec(), value: value.to_vec() })
        };
        assert!(decrypt(&[0; 16], &[]).is_none(), "no block");
        assert!(decrypt(&[0; 15], &[0; 16]).is_none(), "short vector");
        assert!(decrypt(&[0; 17], &[0; 16]).is_none(), "long vector");
        assert!(decrypt(&[0; 16], &[0; 17]).is_none(), "half a block");
        let encrypted = key.encrypt_with(&Secret::new(b"0123456789".to_vec()), [7; 16]);
        let mut iv = encrypted.parameters.clone();
        iv[15] ^= 0x55;
        assert!(decrypt(&iv, &encrypted.value).is_none(), "bad padding");
    }
}
