//! Changes on a mount of version 1. It cannot check what a change replaces: only the changes of one store of this process
//! are ordered.

use super::{Fields, Place, Reply, VaultStore, fields::encode_value, unexpected, versioned::text_of};
use crate::{
    credential::{Key, Secret},
    error::Error,
    json::object_of_texts,
    progress::Progress,
};

impl VaultStore {
    /// Reads a secret, changes one field, and writes all. Without a value, the field is deleted, and with the last field
    /// the secret. Returns whether there was a field, or `None` if it is not as expected.
    pub(super) async fn change_unversioned(
        &self,
        key: &Key,
        expected: Option<Option<&Secret>>,
        value: Option<&Secret>,
        progress: &Progress,
    ) -> Result<Option<bool>, Error> {
        let path = self.path(&key.service)?;
        let _turn = self.take_turn(&key.service).await?;
        let answer = self.read_secret(&key.service, progress).await?;
        let mut fields =
            answer.as_ref().map(|answer| Fields::parse(&answer.body, Place::Data)).transpose()?;
        if let Some(expected) = expected {
            let found = fields.as_ref().map(|fields| fields.value(&key.name)).transpose()?.flatten();
            if found.as_ref() != expected {
                return Ok(None);
            }
        }
        let existed = fields.as_ref().is_some_and(|fields| fields.has(&key.name));
        // Without a body, the secret is deleted.
        let body = match (value.map(encode_value), &mut fields) {
            (None, Some(fields)) if existed => {
                fields.remove(&key.name)?;
                (!fields.names().is_empty()).then(|| fields.to_bytes())
            }
            (None, _) => return Ok(Some(false)),
            (Some(text), Some(fields)) => {
                fields.set(&key.name, &text)?;
                Some(fields.to_bytes())
            }
            (Some(text), None) => Some(object_of_texts(&[(&key.name, text_of(&text)?)], 0)),
        };
        let (operation, method) = if body.is_some() { ("writing", "POST") } else { ("deleting", "DELETE") };
        let mut request = self.request(operation, &key.service, method, path);
        request.body = body.unwrap_or_default();
        request.changes = true;
        match self.server()?.ask(&request, progress).await? {
            Reply::Done(_) => Ok(Some(existed)),
            Reply::Missing(_) | Reply::Conflict => Err(unexpected()),
            Reply::Denied(error) => Err(error),
        }
    }
}
