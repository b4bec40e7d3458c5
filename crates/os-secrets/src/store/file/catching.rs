//! Recipients and identities, as the crate age takes them, that remember the file's key, which age does not hand out.

use std::{cell::OnceCell, collections::HashSet, io, sync::OnceLock};

use age::{DecryptError, EncryptError, secrecy::ExposeSecret};
use age_core::format::{FileKey, Stanza};

use super::{
    identities::{Identity, IdentityKey},
    plugin::Plugins,
    recipients::{Recipient, RecipientKey},
};
use crate::error::Error;

/// A recipient that remembers the key of the file that is encrypted for it.
pub struct CatchingRecipient<'a> {
    /// The recipient.
    pub inner: &'a dyn age::Recipient,
    /// Where the key is kept.
    pub caught: &'a OnceLock<FileKey>,
}

impl age::Recipient for CatchingRecipient<'_> {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        self.caught.get_or_init(|| copy_key(key));
        self.inner.wrap_file_key(key)
    }
}

/// An identity that remembers the key of the file that it opens, or why its plugin has failed. age then tries the next
/// identity.
pub struct CatchingIdentity<'a> {
    /// The identity.
    pub inner: &'a dyn age::Identity,
    /// The key.
    pub caught: OnceCell<FileKey>,
    /// The error of its plugin.
    pub failed: OnceCell<Error>,
}

impl<'a> CatchingIdentity<'a> {
    /// An identity that has opened nothing yet.
    pub fn new(inner: &'a dyn age::Identity) -> Self {
        Self { inner, caught: OnceCell::new(), failed: OnceCell::new() }
    }

    fn catch(&self, found: Option<Result<FileKey, DecryptError>>) -> Option<Result<FileKey, DecryptError>> {
        match found {
            Some(Ok(key)) => {
                self.caught.get_or_init(|| copy_key(&key));
                Some(Ok(key))
            }
            Some(Err(DecryptError::Io(error))) => match error.downcast::<Error>() {
                Ok(error) => {
                    self.failed.get_or_init(|| error);
                    None
                }
                Err(error) => Some(Err(error.into())),
            },
            found => found,
        }
    }
}

impl age::Identity for CatchingIdentity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.catch(self.inner.unwrap_stanza(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        self.catch(self.inner.unwrap_stanzas(stanzas))
    }
}

/// A recipient of the file, with the plugins that may encrypt for it.
pub struct RecipientWithPlugins<'a> {
    /// The recipient.
    pub recipient: &'a Recipient,
    /// The plugins.
    pub plugins: &'a Plugins,
}

impl age::Recipient for RecipientWithPlugins<'_> {
    /// The error of a plugin is in an [`io::Error`].
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        match &self.recipient.key {
            RecipientKey::Native { key: native, .. } => native.wrap_file_key(key),
            RecipientKey::Plugin { name } => {
                let wrapped = self.plugins.wrap(name, self.recipient.as_text(), key);
                let (stanza, labels) = wrapped.map_err(io::Error::other)?;
                Ok((vec![stanza], labels))
            }
        }
    }
}

/// An identity, with the plugins that may open the file for it.
pub struct IdentityWithPlugins<'a> {
    /// The identity.
    pub identity: &'a Identity,
    /// The plugins.
    pub plugins: &'a Plugins,
}

impl age::Identity for IdentityWithPlugins<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        match &self.identity.key {
            IdentityKey::Native(native) => native.unwrap_stanza(stanza),
            // A plugin is given all stanzas at once.
            IdentityKey::Plugin { .. } => None,
        }
    }

    /// The error of a plugin is in an [`io::Error`].
    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match &self.identity.key {
            IdentityKey::Native(native) => native.unwrap_stanzas(stanzas),
            IdentityKey::Plugin { name, text } => {
                let unwrapped = self.plugins.unwrap(name, text, stanzas);
                unwrapped.map_err(|error| io::Error::other(error).into()).transpose()
            }
        }
    }
}

fn copy_key(key: &FileKey) -> FileKey {
    FileKey::init_with_mut(|copy| copy.copy_from_slice(key.expose_secret()))
}
