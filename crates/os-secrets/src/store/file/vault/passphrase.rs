//! Asking the user for the passphrase of the file.

use super::{LastUnlock, Vault};
use crate::{
    error::Error,
    store::file::{
        AskPassphrase, PassphrasePrompt,
        envelope::{self, OpenError, StoreKeys},
        keys::{self, KeySource, Unlock},
    },
    sync::lock,
};

/// How often the user is asked for a passphrase, until it is right.
const MAX_ANSWERS: usize = 3;

impl Vault {
    /// Whether there is a way to ask the user.
    pub fn can_ask(&self) -> bool {
        self.ask.is_some()
    }

    /// Whether the next call may ask the user for the passphrase.
    pub fn would_ask(&self) -> bool {
        self.can_ask() && lock(&self.keys).is_none() && (self.may_ask_user() || self.names_identity())
    }

    /// Whether the key is an identity in a text or a file, which a passphrase may protect.
    fn names_identity(&self) -> bool {
        let found = self.defaults.keys.find_key(self.unlock.as_ref());
        matches!(found, Ok(Some((Unlock::Identity(_), _))))
    }

    /// Reads the keys. If they are an identity that is protected by a passphrase, and nothing names the passphrase, the
    /// user is asked for it.
    pub fn open_keys(&self, mut unlock: Unlock, source: &KeySource) -> Result<StoreKeys, Error> {
        let keys = &self.defaults.keys;
        let mut read = keys.read_keys(&unlock, source);
        let (Some(ask), Err(Error::ProtectedIdentity { setting })) = (&self.ask, &read) else { return read };
        let path = unlock.path().unwrap_or_else(|| setting.into());
        for prompt in
            [PassphrasePrompt::Identity].into_iter().chain([PassphrasePrompt::IdentityAgain; MAX_ANSWERS - 1])
        {
            let Some(protected) = unlock.with_passphrase(ask(&path, prompt)?) else { break };
            unlock = protected;
            read = keys.read_keys(&unlock, source);
            if !matches!(read, Err(Error::WrongPassphrase { .. })) {
                break;
            }
        }
        read
    }

    /// What unlocks the file, and the place that it comes from. The user may be asked.
    pub fn find_key(&self, writes: bool) -> Result<(Unlock, KeySource), Error> {
        let found = self.defaults.keys.find_key(self.unlock.as_ref())?;
        if let Some(ask) = self.ask.as_ref().filter(|_| keys::may_ask_user(&found)) {
            let file = self.file()?;
            let bytes = file.open()?.map(|open| self.read_bytes(&open)).transpose()?;
            let asked = match bytes {
                Some(bytes) if envelope::has_passphrase(&bytes) => {
                    Some(self.ask_for_passphrase(ask, &bytes)?)
                }
                None if writes && found.is_none() => {
                    Some(Unlock::Passphrase(ask(&file.path, PassphrasePrompt::New)?))
                }
                _ => None,
            };
            if let Some(unlock) = asked {
                return Ok((unlock, KeySource::Given));
            }
        }
        found.ok_or_else(|| match &self.file {
            Ok(file) if file.path.exists() => Error::NoKeyFor { path: file.path.clone() },
            _ => Error::NoKey,
        })
    }

    /// Asks for the passphrase of a file with this content, again if it is wrong. After [`MAX_ANSWERS`], returns the last
    /// one, whose error is that of the call.
    fn ask_for_passphrase(&self, ask: &AskPassphrase, bytes: &[u8]) -> Result<Unlock, Error> {
        let path = &self.file()?.path;
        let mut answer = Unlock::Passphrase(ask(path, PassphrasePrompt::Existing)?);
        for _ in 1..MAX_ANSWERS {
            let keys = self.defaults.keys.read_keys(&answer, &KeySource::Given)?;
            match envelope::open(bytes, &keys, None, &self.plugins) {
                Err(OpenError::WrongKey(_)) => {
                    answer = Unlock::Passphrase(ask(path, PassphrasePrompt::Again)?);
                }
                Ok((_, header)) => {
                    // The next call need not derive the key anew. Not waited for: who holds it may wait for the keys.
                    if let Ok(mut last_unlock) = self.last_unlock.try_lock() {
                        *last_unlock = Some(LastUnlock::Opened(header));
                    }
                    break;
                }
                Err(OpenError::Damaged(_) | OpenError::Plugin(_)) => break,
            }
        }
        Ok(answer)
    }

    /// Whether the user could be asked for the passphrase, because neither the program nor the environment names a
    /// key.
    pub fn may_ask_user(&self) -> bool {
        self.defaults.keys.find_key(self.unlock.as_ref()).is_ok_and(|found| keys::may_ask_user(&found))
    }
}
