//! Examining the file, and changing its recipients.

use std::path::{Path, PathBuf};

use super::{
    envelope::{self, Protection, StoreKeys},
    keys::{KeySource, Unlock},
    recipients::Recipient,
    vault::{Recipients, Vault, copy_command},
};
use crate::{credential::Key, error::Error, file::LockedDirectory, printable::printable_path};

/// What an examination of a store has found.
#[derive(Debug)]
pub struct FileDiagnosis {
    /// The path of the file.
    pub path: PathBuf,
    /// Whether the file exists.
    pub exists: bool,
    /// The place that its key comes from.
    pub key: Result<KeySource, Error>,
    /// The item in the operating system's store, if the key is an identity there.
    pub os_identity: Option<Key>,
    /// The recipients of the file; empty if it has a passphrase, `None` if it cannot be read.
    pub recipients: Option<Vec<String>>,
    /// The number of credentials in it, or why it cannot be read.
    pub credentials: Result<usize, Error>,
    /// Whether the file lists fewer recipients than it has. It can be written once `rekey` adds those that are missing.
    pub lacks_recipients: bool,
    /// Why the file cannot be written although it can be read, or could be with its passphrase.
    pub unwritable: Option<Error>,
    /// Whether the file or its identity has a passphrase that the user would be asked for.
    pub asks: bool,
    /// The previous version of the file, if it exists.
    pub backup: Option<PathBuf>,
}

/// Examines a store through a vault that does not ask the user. `can_ask` tells whether the store itself could.
pub fn diagnose(vault: &Vault, can_ask: bool) -> Result<FileDiagnosis, Error> {
    let file = vault.file()?;
    let credentials = file.open().and_then(|_| Ok(vault.read_entries()?.len()));
    let recipients = match &credentials {
        // The plugin is not started again.
        Err(error @ (Error::Plugin { .. } | Error::PluginTimeout { .. })) => Err(error.clone()),
        _ => list_recipients(vault),
    };
    let has_passphrase = || {
        let bytes = vault.read_bytes(&file.open().ok()??).ok()?;
        Some(envelope::has_passphrase(&bytes))
    };
    let is_protected = matches!(credentials, Err(Error::ProtectedIdentity { .. }));
    let asks_for_file = || credentials.is_err() && vault.may_ask_user() && has_passphrase() == Some(true);
    let asks = can_ask && (is_protected || asks_for_file());
    let unwritable = match (&credentials, recipients.as_ref().err()) {
        (Ok(_), Some(error)) => Some(error.clone()),
        (Err(_), _) if !asks => None,
        (Ok(_), None) => {
            let listed = recipients.as_deref().unwrap_or_default();
            file.check_writable().and_then(|()| check_plugins(vault, listed)).err()
        }
        _ => file.check_writable().err(),
    };
    let lacks_recipients = credentials.is_ok() && recipients.is_err() && can_add_recipients(vault);
    let (key, os_identity) = match vault.find_key(false) {
        Ok((Unlock::OsIdentity(item), source)) => (Ok(source), Some(item)),
        Ok((_, source)) => (Ok(source), None),
        Err(error) => (Err(error), None),
    };
    Ok(FileDiagnosis {
        lacks_recipients,
        path: file.path.clone(),
        exists: file.path.exists(),
        key,
        os_identity,
        asks,
        unwritable,
        recipients: recipients.ok().map(|listed| listed.iter().map(ToString::to_string).collect()),
        credentials,
        backup: file.existing_backup(),
    })
}

/// Checks whether the plugins of the recipients of the file may be started, and exist.
fn check_plugins(vault: &Vault, recipients: &[Recipient]) -> Result<(), Error> {
    if recipients.iter().all(|recipient| recipient.plugin().is_none()) {
        return Ok(());
    }
    vault.check_plugins(recipients, &*vault.read_keys(false)?, &[]).map(drop)
}

fn list_recipients(vault: &Vault) -> Result<Vec<Recipient>, Error> {
    if vault.will_create_identity()? {
        return Ok(Vec::new());
    }
    let keys = vault.read_keys(false)?;
    if matches!(*keys, StoreKeys::Passphrase(_)) {
        return Ok(Vec::new());
    }
    let contents = vault.read_contents(keys)?;
    let StoreKeys::Identities { usable, .. } = &*contents.keys else { return Ok(Vec::new()) };
    let payload = vault.parse_valid_payload(&contents)?;
    vault.current_recipients(&payload, &contents, &usable[0])
}

/// Whether the file can have other recipients: it can be read, and all of those that it has or lists are of kinds that
/// os-secrets knows.
fn can_add_recipients(vault: &Vault) -> bool {
    let contents = vault.read_keys(false).and_then(|keys| vault.read_contents(keys));
    contents.is_ok_and(|contents| {
        let protection = contents.header.as_ref().map(|header| &header.protection);
        let Some(Protection::Recipients { own, types }) = protection else { return false };
        let Ok(payload) = vault.parse_valid_payload(&contents) else { return false };
        let Ok(mut listed) = payload.recipients() else { return false };
        listed.extend((!listed.contains(own)).then(|| own.clone()));
        !envelope::has_unknown(types, &listed)
    })
}

/// The error for changing the recipients of a file that does not exist.
pub fn no_file_error(path: &Path) -> Error {
    let path = printable_path(path);
    Error::InvalidRecipients(format!("the file {path} does not exist yet. The first set creates it"))
}

/// Adds and removes recipients, and returns those that the file has then. If it removes any, no backup is left that they
/// could open.
pub fn rekey(vault: &Vault, add: &[Recipient], remove: &[Recipient]) -> Result<Vec<String>, Error> {
    let refuse = |reason: &str| Error::InvalidRecipients(reason.into());
    let file = vault.file()?;
    if file.open()?.is_none() {
        return Err(no_file_error(&file.path));
    }
    let keys = vault.read_keys(false)?;
    let directory = LockedDirectory::lock(&file.path)?;
    let contents = vault.read_contents(keys)?;
    let Some(Protection::Recipients { own, types }) =
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
    if envelope::has_unknown(types, &recipients) {
        return Err(refuse(&format!(
            "the file is also encrypted for recipients of a kind that os-secrets does not know. If they are of age plugins, \
             add them with --add; to do without them, copy its secrets to a new file with `{}`",
            copy_command(&file.path)
        )));
    }
    // The header of an age file tells the number of its recipients, but not who they are. Exactly those that the
    // payload does not list must be added.
    let unlisted = envelope::count_unlisted(types, &listed);
    let has_others = recipients.len() != listed.len() + unlisted;
    if unlisted > 0 && (has_others || envelope::count_unlisted(types, &recipients) > 0) {
        return Err(refuse(&format!(
            "the file has {} recipients and does not list {unlisted} of them, who could not read it any more. \
             First add these with --add, and no others; if you do not know them, copy its secrets to a new file with \
             `{}`",
            types.len(),
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
        let plugins = add.iter().filter_map(|recipient| Some(recipient.plugin()?.to_owned())).collect();
        let recipients = Recipients::New { recipients, removes: !remove.is_empty(), plugins };
        vault.write(&directory, payload, &contents, recipients)?;
    }
    Ok(texts)
}
