//! What the API of the npm package `keytar` does, over our credentials.
//!
//! On Linux, `keytar` has stored items of its own. They are found after ours, and removed when a password is stored or
//! deleted: otherwise an old password would come back when ours is deleted.
//!
//! Another program may store a password between two reads of one call: it stores ours, and then removes that of `keytar`.
//! So that such a password is not missing, ours are read again after those of `keytar`.

use std::collections::BTreeSet;

use crate::{
    credential::{Key, Secret},
    error::{Effect, Error},
    progress::Progress,
    store::{SetOptions, Store},
};

/// Reads a password as text. Returns `None` only if neither we nor `keytar` have stored one.
///
/// # Errors
///
/// [`Error::Of`] with [`Error::InvalidData`] if it is not text; also those of the store.
pub async fn get_password(
    store: &dyn Store,
    key: &Key,
    progress: &Progress,
) -> Result<Option<Secret>, Error> {
    let found = read_value(store, key, progress).await?;
    found.map(|value| read_text(store, key, value)).transpose()
}

/// Stores a password as our credential, and removes what `keytar` has stored under the same key.
///
/// # Errors
///
/// [`Error::Incomplete`] if the password was stored and the other was not removed.
pub async fn set_password(
    store: &dyn Store,
    key: &Key,
    value: &Secret,
    progress: &Progress,
) -> Result<(), Error> {
    store.set(key, value, SetOptions::default(), progress).await?;
    let done = "The password was stored, but the one that keytar itself had stored for this account was not deleted, \
                and would come back if this one is deleted";
    delete_keytar_password(store, key, progress, done).await.map(drop)
}

/// Deletes a password, both ours and that of `keytar`. Returns whether there was one.
///
/// # Errors
///
/// [`Error::Incomplete`] if ours was deleted and the other was not.
pub async fn delete_password(store: &dyn Store, key: &Key, progress: &Progress) -> Result<bool, Error> {
    if !store.delete(key, progress).await? {
        return store.delete_keytar_password(key, progress).await;
    }
    let done = "The password was deleted, but the one that keytar itself had stored for this account was not";
    delete_keytar_password(store, key, progress, done).await?;
    Ok(true)
}

/// Reads the password of any account of a service as text, preferably one of ours. Returns `None` only if there is none.
///
/// # Errors
///
/// [`Error::Of`] with [`Error::InvalidData`] if there are passwords and none of them is text; also those of the store.
pub async fn find_password(
    store: &dyn Store,
    service: &str,
    progress: &Progress,
) -> Result<Option<Secret>, Error> {
    let mut not_text = None;
    let own = list_accounts(store, service, progress).await?;
    let mut found = find_text(store, service, own, &mut not_text, progress).await?;
    if found.is_none() && store.has_keytar_items() {
        let others = store.list_keytar_accounts(service, progress).await?;
        found = find_text(store, service, others, &mut not_text, progress).await?;
        if found.is_none() {
            let own = list_accounts(store, service, progress).await?;
            found = find_text(store, service, own, &mut not_text, progress).await?;
        }
    }
    match (found, not_text) {
        (None, Some(error)) => Err(error),
        (found, _) => Ok(found),
    }
}

/// Reads the passwords of all accounts of a service as text, sorted by account. Each account occurs once.
///
/// # Errors
///
/// [`Error::Of`] with [`Error::InvalidData`] if one of them is not text; also those of the store.
pub async fn find_credentials(
    store: &dyn Store,
    service: &str,
    progress: &Progress,
) -> Result<Vec<(String, Secret)>, Error> {
    // Ours last, because a password may become ours in between.
    let mut names = store.list_keytar_accounts(service, progress).await?;
    names.append(&mut list_accounts(store, service, progress).await?);
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let key = Key { service: service.to_owned(), name };
        // One that was deleted meanwhile is left out.
        if let Some(password) = get_password(store, &key, progress).await? {
            found.push((key.name, password));
        }
    }
    Ok(found)
}

/// Reads our password, or the one of `keytar` if we have stored none.
async fn read_value(store: &dyn Store, key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
    let own = store.get(key, progress).await?;
    if own.is_some() || !store.has_keytar_items() {
        return Ok(own);
    }
    match store.get_keytar_password(key, progress).await? {
        None => store.get(key, progress).await,
        found => Ok(found),
    }
}

/// The password as text, or an error that names the account.
fn read_text(store: &dyn Store, key: &Key, value: Secret) -> Result<Secret, Error> {
    store.as_text(value).map_err(|error| Error::Of { of: key.label(), error: Box::new(error) })
}

/// Reads the first password of these accounts that is text. The error for one that is not goes to `not_text`.
async fn find_text(
    store: &dyn Store,
    service: &str,
    names: BTreeSet<String>,
    not_text: &mut Option<Error>,
    progress: &Progress,
) -> Result<Option<Secret>, Error> {
    for name in names {
        let key = Key { service: service.to_owned(), name };
        if let Some(value) = read_value(store, &key, progress).await? {
            match read_text(store, &key, value) {
                Ok(text) => return Ok(Some(text)),
                Err(error) => *not_text = Some(error),
            }
        }
    }
    Ok(None)
}

/// Lists the accounts of our credentials of a service. It may ask the user, as `keytar` does.
async fn list_accounts(
    store: &dyn Store,
    service: &str,
    progress: &Progress,
) -> Result<BTreeSet<String>, Error> {
    store.unlock_names(Some(service), progress).await?;
    let keys = store.list(Some(service), progress).await?;
    Ok(keys.into_iter().map(|key| key.name).collect())
}

/// Deletes what `keytar` has stored under a key, after a change that is `done`.
async fn delete_keytar_password(
    store: &dyn Store,
    key: &Key,
    progress: &Progress,
    done: &'static str,
) -> Result<bool, Error> {
    let own = Progress::changing(progress.is_interactive());
    store.delete_keytar_password(key, &own).await.map_err(|error| {
        let error = match own.effect() {
            // That nothing was changed is not true of the whole call.
            Effect::None | Effect::NotDone => error,
            Effect::Unknown => error.with_effect(Effect::Unknown),
        };
        Error::Incomplete { done, error: Box::new(error) }
    })
}
