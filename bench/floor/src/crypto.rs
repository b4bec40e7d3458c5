//! The client's side of `dh-ietf1024-sha256-aes128-cbc-pkcs7`, without the care that real secrets need:
//! nothing is wiped.

use aes::{
    Aes128,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use crypto_bigint::{U256, U1024, const_monty_params, modular::ConstMontyForm};
use hkdf::Hkdf;
use sha2::Sha256;

/// The algorithm's name in the specification.
pub const ALGORITHM: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

const PRIME: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
    020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
    4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
    ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";

const_monty_params!(Group, U1024, PRIME, "The modulus of the second Oakley group.");

type Element = ConstMontyForm<Group, { U1024::LIMBS }>;
type Block = [u8; 16];

/// Our half of a key exchange.
pub struct KeyPair {
    private: U256,
    /// Our public number.
    pub public: Vec<u8>,
}

impl KeyPair {
    /// Makes a pair from the system's random numbers.
    pub fn generate() -> Self {
        loop {
            let mut bytes = [0; U256::BYTES];
            getrandom::fill(&mut bytes).expect("the system has random numbers");
            let private = U256::from_be_slice(&bytes);
            let public = Element::new(&U1024::from_u8(2)).pow(&private).retrieve().to_be_bytes();
            if public.as_ref()[0] != 0 {
                return Self { private, public: public.as_ref().to_vec() };
            }
        }
    }

    /// The key for the service's public number. `None` if the shared number begins with a zero byte, which some services
    /// count and others do not.
    pub fn agree(&self, peer: &[u8]) -> Option<Key> {
        // Some services send their number with a sign, which is a zero byte.
        let digits = &peer[peer.len().saturating_sub(U1024::BYTES)..];
        let mut padded = [0; U1024::BYTES];
        padded[U1024::BYTES - digits.len()..].copy_from_slice(digits);
        let shared = Element::new(&U1024::from_be_slice(&padded)).pow(&self.private).retrieve().to_be_bytes();
        let mut key = Block::default();
        let derived = Hkdf::<Sha256>::new(None, shared.as_ref()).expand(&[], &mut key);
        derived.expect("16 bytes are within HKDF's limit");
        (shared.as_ref()[0] != 0).then_some(Key(key))
    }
}

/// The key of a session.
pub struct Key(Block);

impl Key {
    /// Encrypts a value: the initialization vector and the ciphertext.
    pub fn seal(&self, value: &[u8]) -> (Block, Vec<u8>) {
        let mut vector = Block::default();
        getrandom::fill(&mut vector).expect("the system has random numbers");
        let mut buffer = [value, &Block::default()].concat();
        let cipher = cbc::Encryptor::<Aes128>::new((&self.0).into(), (&vector).into());
        let sealed = cipher.encrypt_padded::<Pkcs7>(&mut buffer, value.len());
        let length = sealed.expect("the buffer has room for the padding").len();
        buffer.truncate(length);
        (vector, buffer)
    }

    /// Decrypts a value. `None` if it is damaged or was encrypted with another key.
    pub fn open(&self, vector: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let vector: Block = vector.try_into().ok()?;
        let cipher = cbc::Decryptor::<Aes128>::new((&self.0).into(), (&vector).into());
        let mut buffer = sealed.to_vec();
        let length = cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}
