//! The functions that `keytar.js` calls. It has checked the arguments.
//!
//! Without a store, they go to the one that the environment chooses. A call has no timeout and no signal, and may ask the
//! user.

use napi::{
    Env,
    bindgen_prelude::{External, Unknown},
};
use napi_derive::napi;

use super::{
    CredentialCall,
    opened::{Opened, choice_of},
    port::start,
    start_call,
    values::{CallOptions, Reply, Value},
};
use os_secrets::{
    credential::{Key, Secret},
    json::array_of_objects,
    keytar,
    progress::Progress,
    store::Intent,
};

/// The options of every call.
const OPTIONS: CallOptions = CallOptions { interactive: true, ..CallOptions::UNBOUNDED };

/// Reads a password. Returns a promise of a string or null.
#[napi]
pub fn get_password(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    account: String,
) -> napi::Result<Unknown<'static>> {
    let get: CredentialCall = |store, key, progress| {
        Box::pin(async move { keytar::get_password(store, key, progress).await.map(Reply::Text) })
    };
    let key = Key { service, name: account };
    start_call(env, choice_of(store), key, OPTIONS, Intent::Read, get)
}

/// Stores a password. Returns a promise of undefined.
#[napi]
pub fn set_password(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    account: String,
    password: Value,
) -> napi::Result<Unknown<'static>> {
    let ((choice, held), key) = (choice_of(store), Key { service, name: account });
    start(env, OPTIONS, held, move |options, bounds| async move {
        let progress = Progress::changing(options.interactive);
        let call = async { keytar::set_password(choice.store()?, &key, &password.0, &progress).await };
        bounds.run(&progress, call).await.map(|()| Reply::Nothing)
    })
}

/// Deletes a password. Returns a promise of whether there was one.
#[napi]
pub fn delete_password(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    account: String,
) -> napi::Result<Unknown<'static>> {
    let delete: CredentialCall = |store, key, progress| {
        Box::pin(async move { keytar::delete_password(store, key, progress).await.map(Reply::Boolean) })
    };
    let key = Key { service, name: account };
    start_call(env, choice_of(store), key, OPTIONS, Intent::Change, delete)
}

/// Reads the password of any account of a service. Returns a promise of a string or null.
#[napi]
pub fn find_password(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
) -> napi::Result<Unknown<'static>> {
    let (choice, held) = choice_of(store);
    start(env, OPTIONS, held, move |options, bounds| async move {
        let progress = Progress::reading(options.interactive);
        let call = async { keytar::find_password(choice.store()?, &service, &progress).await };
        bounds.run(&progress, call).await.map(Reply::Text)
    })
}

/// Reads the passwords of all accounts of a service. Returns a promise of JSON: an array of `{ account, password }`.
///
/// Only the caller gets the text in a promise. If objects were filled here, setters in a polluted prototype could see the
/// passwords.
#[napi]
pub fn find_credentials(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
) -> napi::Result<Unknown<'static>> {
    let (choice, held) = choice_of(store);
    start(env, OPTIONS, held, move |options, bounds| async move {
        let progress = Progress::reading(options.interactive);
        let call = async { keytar::find_credentials(choice.store()?, &service, &progress).await };
        bounds.run(&progress, call).await.map(|found| Reply::Text(Some(to_json(&found))))
    })
}

fn to_json(found: &[(String, Secret)]) -> Secret {
    let objects = found.iter().map(|(account, password)| {
        [("account", &**account), ("password", str::from_utf8(password.expose()).unwrap_or_default())]
    });
    Secret::new(std::mem::take(&mut *array_of_objects(objects)))
}
