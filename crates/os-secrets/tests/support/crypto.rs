//! The service's side of `dh-ietf1024-sha256-aes128-cbc-pkcs7`, written independently of the store's.

use aes::{
    Aes128,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use crypto_bigint::{NonZero, U1024};
use hkdf::Hkdf;
use sha2::Sha256;

/// The modulus of the exchange, in hexadecimal digits.
pub const PRIME: &str = "\
    FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
    020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
    4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
    EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";

/// The smallest of the service's private numbers. It need not be secret here.
const FIRST_PRIVATE: u64 = 0xd1ff_1e4e_11a2_0001;

/// The key of a session.
pub type Key = [u8; 16];

/// Answers a client's public number. Returns the service's public number and the derived key.
///
/// The shared number begins with a zero byte if and only if `leading_zero`.
pub fn exchange(peer: &[u8], leading_zero: bool) -> (Vec<u8>, Key) {
    let prime = NonZero::new(U1024::from_be_hex(PRIME)).unwrap();
    let times = |a: &U1024, b: &U1024| a.mul_mod_vartime(b, &prime);
    let power = |base: &U1024| {
        let bits = (0..u64::BITS).rev().map(|bit| FIRST_PRIVATE >> bit & 1 == 1);
        bits.fold(U1024::ONE, |power, bit| {
            let square = times(&power, &power);
            if bit { times(&square, base) } else { square }
        })
    };
    let (generator, peer) = (U1024::from_u8(2), U1024::from_be_slice(peer));
    let (mut public, mut shared) = (power(&generator), power(&peer));
    while (shared.to_be_bytes().as_ref()[0] == 0) != leading_zero {
        (public, shared) = (times(&public, &generator), times(&shared, &peer));
    }
    let mut key = Key::default();
    Hkdf::<Sha256>::new(None, shared.to_be_bytes().as_ref()).expand(&[], &mut key).unwrap();
    (public.to_be_bytes().as_ref().to_vec(), key)
}

/// Encrypts a value. Returns the initialization vector and the ciphertext.
pub fn encrypt(key: &Key, value: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut iv = Key::default();
    getrandom::fill(&mut iv).unwrap();
    let mut buffer = [value, &[0; 16]].concat();
    let ciphertext = cbc::Encryptor::<Aes128>::new(key.into(), &iv.into())
        .encrypt_padded::<Pkcs7>(&mut buffer, value.len())
        .unwrap();
    (iv.to_vec(), ciphertext.to_vec())
}

/// Decrypts a value. `None` if the client did not encrypt it correctly.
pub fn decrypt(key: &Key, iv: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let iv: Key = iv.try_into().ok()?;
    let mut buffer = ciphertext.to_vec();
    let cipher = cbc::Decryptor::<Aes128>::new(key.into(), &iv.into());
    cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok().map(<[u8]>::to_vec)
}
