//! Examining the file, and changing its recipients.

use std::path::PathBuf;

use age::x25519;

use super::{
    envelope::{self, Protection, StoreKeys},
    keys::KeySource,
    vault::{Recipients, Vault, copy_command},
};
use crate::{error::Error, file::LockedDirectory, printable::printable_path};

/// What an examination of a store has found.
#[derive(Debug)]
pub struct FileDiagnosis {
    /// The path of the file.
    pub path: PathBuf,
    /// Whether the file exists.
    pub exists: bool,
    /// The place that its key comes from.
    pub key: Result<KeySource, Error>,
    /// The recipients of the file; empty if it has a passphrase, `None` if it cannot be read.
    pub recipients: Option<Vec<String>>,
    /// The number of credentials in it, or why it cannot be read.
    pub credentials: Result<usize, Error>,
    /// Whether the file lists fewer recipients than it has. It can be written once `rekey` adds those that are missing.
    pub lacks_recipients: bool,
    /// Why the file cannot be written although it can be read, or could be with its passphrase.
    pub unwritable: Option<Error>,
    /// Whether the file has a passphrase that the user would be asked for.
    pub asks: bool,
    /// The previous version of the file, if it exists.
    pub backup: Option<PathBuf>,
}

/// Examines a store through a vault that does not ask the user. `can_ask` tells whether the store itself could.
pub fn diagnose(vault: &Vault, can_ask: bool) -> Result<FileDiagnosis, Error> {
    let file = vault.file()?;
    let credentials = file.open().and_then(|_| Ok(vault.read_entries()?.len()));
    let recipients = list_recipients(vault);
    let has_passphrase = || {
        let bytes = vault.read_bytes(&file.open().ok()??).ok()?;
        Some(envelope::has_passphrase(&bytes))
    };
    let asks = can_ask && credentials.is_err() && vault.may_ask_user() && has_passphrase() == Some(true);
    let unwritable = match (&credentials, recipients.as_ref().err()) {
        (Ok(_), Some(error)) => Some(error.clone()),
        (Err(_), _) if !asks => None,
        _ => file.check_writable().err(),
    };
    let lacks_recipients = credentials.is_ok() && recipients.is_err() && can_add_recipients(vault)?;
    Ok(FileDiagnosis {
        lacks_recipients,
        path: file.path.clone(),
        exists: file.path.exists(),
        key: vault.find_key(false).map(|(_, source)| source),
        asks,
        unwritable,
        recipients: recipients.ok(),
        credentials,
        backup: file.existing_backup(),
    })
}

fn list_recipients(vault: &Vault) -> Result<Vec<String>, Error> {
    let keys = vault.read_keys(false)?;
    if matches!(*keys, StoreKeys::Passphrase(_)) {
        return Ok(Vec::new());
    }
    let contents = vault.read_contents(keys)?;
    let StoreKeys::Identities { usable, .. } = &*contents.keys else { return Ok(Vec::new()) };
    let payload = vault.parse_valid_payload(&contents)?;
    let recipients = vault.current_recipients(&payload, &contents, &usable[0])?;
    Ok(recipients.iter().map(ToString::to_string).collect())
}

/// Whether the file can have other recipients: all of those that it has or lists are of the kind that os-secrets knows.
fn can_add_recipients(vault: &Vault) -> Result<bool, Error> {
    let contents = vault.read_contents(vault.read_keys(false)?)?;
    let protection = contents.header.as_ref().map(|header| &header.protection);
    let all_known = matches!(protection, Some(Protection::Recipients { all_known: true, .. }));
    Ok(all_known && vault.parse_valid_payload(&contents)?.recipients().is_ok())
}

/// Adds and removes recipients, and returns those that the file has then. If it removes any, no backup is left that they
/// could open.
pub fn rekey(
    vault: &Vault,
    add: &[x25519::Recipient],
    remove: &[x25519::Recipient],
) -> Result<Vec<String>, Error> {
    let refuse = |reason: &str| Error::InvalidRecipients(reason.into());
    let file = vault.file()?;
    if file.open()?.is_none() {
        return Err(refuse(&format!(
            "the file {} does not exist yet. The first set creates it",
            printable_path(&file.path)
        )));
    }
    let keys = vault.read_keys(false)?;
    let directory = LockedDirectory::lock(&file.path)?;
    let contents = vault.read_contents(keys)?;
    let Some(Protection::Recipients { own, count, all_known }) =
        contents.header.as_ref().map(|header| &header.protection)
    else {
        return Err(refuse("the file is locked with a passphrase, and cannot have recipients as well"));
    };
    let payload = vault.parse_valid_payload(&contents)?;
    let mut recipients = payload.recipients().map_err(|error| vault.payload_error(error))?;
    if !recipients.contains(own) {
        recipients.insert(0, own.clone());
    }
    let listed = recipients.clone();
    recipients.extend(add.iter().filter(|added| !listed.contains(added)).cloned());
    if !all_known {
        return Err(refuse(&format!(
            "the file is also encrypted for recipients of another kind than age1…. To do without them, copy its secrets \
             to a new file with `{}`",
            copy_command(&file.path)
        )));
    }
    // The header of an age file tells the number of its recipients, but not who they are. Exactly those that the
    // payload does not list must be added.
    let unlisted = count.saturating_sub(listed.len());
    if unlisted > 0 && recipients.len() != listed.len() + unlisted {
        return Err(refuse(&format!(
            "the file has {count} recipients and does not list {unlisted} of them, who could not read it any more. \
             First add these with --add, and no others; if you do not know them, copy its secrets to a new file with \
             `{}`",
            copy_command(&file.path)
        )));
    }
    if remove.contains(own) {
        return Err(refuse("the identity in use could not read the file any more. Use another identity"));
    }
    if let Some(unknown) = remove.iter().find(|recipient| !recipients.contains(recipient)) {
        return Err(refuse(&format!("{unknown} is not one of them")));
    }
    recipients.retain(|recipient| !remove.contains(recipient));
    let texts = recipients.iter().map(ToString::to_string).collect();
    if recipients != listed {
        let recipients = Recipients::New { recipients, removes: !remove.is_empty() };
        vault.write(&directory, payload, &contents, recipients)?;
    }
    Ok(texts)
}
