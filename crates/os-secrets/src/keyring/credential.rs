//! What an entry does.

use std::{any::Any, collections::HashMap, fmt, sync::Arc};

use keyring_core::{Credential, Error, Result, api::CredentialApi};

use super::modifiers::{Modifiers, invalid};
use crate::credential::{Key, Secret};

/// The credential of a service and a user. It is both a specifier and a wrapper.
#[derive(Clone)]
pub struct KeyringCredential {
    key: Key,
    modifiers: Modifiers,
}

/// A secret that was read.
struct ReadSecret {
    secret: Secret,
    /// Whether the store takes it for text.
    is_text: bool,
}

impl KeyringCredential {
    pub(super) fn new(key: Key, modifiers: Modifiers) -> Self {
        Self { key, modifiers }
    }

    fn read_secret(&self) -> Result<ReadSecret> {
        let key = self.key.clone();
        let found = self.modifiers.call(self.modifiers.reading(), |choice, progress| async move {
            let store = choice.store()?;
            let found = store.get(&key, &progress).await?;
            Ok(found.map(|secret| ReadSecret { is_text: store.as_text(secret.clone()).is_ok(), secret }))
        })?;
        found.ok_or(Error::NoEntry)
    }

    /// Fails if there is no such credential. Does not read its secret.
    fn check_existence(&self) -> Result<()> {
        let key = self.key.clone();
        let exists = self.modifiers.call(self.modifiers.reading(), |choice, progress| async move {
            choice.store()?.has(&key, &progress).await
        })?;
        if exists { Ok(()) } else { Err(Error::NoEntry) }
    }
}

impl CredentialApi for KeyringCredential {
    /// Stores a secret. Replaces one that is there.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the secret is empty, or the store cannot keep it; [`Error::TooLong`] if it is too large. The
    /// stored secret is then still there.
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        // The store would take an empty value for a request to delete.
        if secret.is_empty() {
            return Err(invalid(
                "secret",
                "it must not be empty. To delete a credential, use delete_credential",
            ));
        }
        let (key, value, options) =
            (self.key.clone(), Secret::new(secret.to_vec()), self.modifiers.set_options);
        let stored = self.modifiers.call(self.modifiers.changing(), |choice, progress| async move {
            choice.store()?.set(&key, &value, options, &progress).await
        });
        Ok(stored?)
    }

    /// Reads the secret as text.
    ///
    /// # Errors
    ///
    /// [`Error::BadEncoding`] if it is not UTF-8 text; on Windows also if another program has written it as UTF-16.
    fn get_password(&self) -> Result<String> {
        let ReadSecret { secret, is_text } = self.read_secret()?;
        let bytes = secret.expose().to_vec();
        if is_text { keyring_core::error::decode_password(bytes) } else { Err(Error::BadEncoding(bytes)) }
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        Ok(self.read_secret()?.secret.expose().to_vec())
    }

    /// Credentials have no attributes, so this only looks whether there is the credential.
    fn get_attributes(&self) -> Result<HashMap<String, String>> {
        self.check_existence()?;
        Ok(HashMap::new())
    }

    /// Deletes every credential that the entry matches.
    fn delete_credential(&self) -> Result<()> {
        let key = self.key.clone();
        let deleted = self.modifiers.call(self.modifiers.changing(), |choice, progress| async move {
            choice.store()?.delete(&key, &progress).await
        })?;
        if deleted { Ok(()) } else { Err(Error::NoEntry) }
    }

    /// Returns `None`, because the entry is its own wrapper.
    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        self.check_existence()?;
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some((self.key.service.clone(), self.key.name.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for KeyringCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("service", &self.key.service)
            .field("user", &self.key.name)
            .field("modifiers", &self.modifiers)
            .finish()
    }
}
