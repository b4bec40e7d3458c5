//! The stores that JavaScript opens, and their examination.

use std::{sync::Arc, time::Duration};

use napi::{
    Env,
    bindgen_prelude::{External, Unknown},
};
use napi_derive::napi;
use tokio::sync::watch;

use super::{
    environment::{self, RefusingStore},
    port::{Held, start},
    values::{CallOptions, Reply, Value, throw},
};
use os_secrets::{
    credential::Secret,
    error::Error,
    store::{
        self, Choice,
        exec::{ExecOptions, ExecStore},
        file::{FileOptions, FileStore, keys::Unlock},
        memory::MemoryStore,
        settings_file::Origin,
    },
};
use os_secrets_cli::{Subject, examine, subject_from_environment};

/// A store that JavaScript has opened.
pub struct Opened {
    choice: Choice,
    /// What is examined. `None` is the store that the environment chooses.
    subject: Option<Result<Subject, Error>>,
    /// Every call in progress holds a receiver.
    pub calls: Arc<watch::Sender<()>>,
}

impl Opened {
    fn new(choice: Choice, subject: Option<Result<Subject, Error>>) -> External<Self> {
        External::new(Self { choice, subject, calls: Arc::default() })
    }
}

/// The store of a handle, and what a call on it holds. Without a handle, the store that the environment variables
/// choose.
pub fn choice_of(handle: Option<&External<Opened>>) -> (Choice, Held) {
    handle
        .map_or((Choice::Environment, None), |opened| (opened.choice.clone(), Some(opened.calls.subscribe())))
}

/// Opens the store that the environment variables choose.
#[napi]
pub fn open_chosen() -> External<Opened> {
    Opened::new(Choice::Environment, None)
}

/// Whether a variable that leads to the store was set when the process was started.
#[napi]
pub fn was_set(name: String) -> bool {
    environment::was_set(&name)
}

/// Whether a variable that leads to the store had this value when the process was started.
#[napi]
pub fn had_value(name: String, value: Value) -> bool {
    environment::had_value(&name, &value.0)
}

/// The store that the user's settings file names, if the environment names none.
#[napi]
pub fn settings_provider() -> Option<&'static str> {
    environment::settings_provider()
}

/// Whether the path of the encrypted file comes from the user's settings file.
#[napi]
pub fn is_path_in_settings() -> bool {
    store::settings().file.path_origin == Origin::SettingsFile
}

/// Opens a store whose calls all fail because of a setting. `message` says why.
#[napi]
pub fn open_refusing(message: String) -> External<Opened> {
    let refused = Err(Error::InvalidSetting(message.clone()));
    Opened::new(Choice::Own(Arc::new(RefusingStore(message))), Some(refused))
}

/// Opens the operating system's store.
#[napi]
pub fn open_os() -> External<Opened> {
    Opened::new(Choice::Os, Some(Ok(Subject::Os)))
}

/// Opens a store in the memory of the process.
#[napi]
pub fn open_memory() -> External<Opened> {
    Opened::new(Choice::Own(Arc::new(MemoryStore::default())), Some(Ok(Subject::Memory)))
}

/// Opens a store in an encrypted file. The environment variables fill in what is undefined.
#[napi]
pub fn open_file(
    path: Option<String>,
    identity: Option<Value>,
    passphrase: Option<Value>,
    must_exist: bool,
) -> External<Opened> {
    let identity = identity.map(|identity| Unlock::Identity(identity.0));
    let unlock = identity.or(passphrase.map(|passphrase| Unlock::Passphrase(passphrase.0)));
    let options = FileOptions { path: path.map(Into::into), unlock, must_exist, ask: None };
    let store = Arc::new(FileStore::new(options, store::settings().file.clone()));
    let subject = Subject::File { store: Arc::clone(&store), start: String::new() };
    Opened::new(Choice::Own(store), Some(Ok(subject)))
}

/// Opens a store that a credential helper keeps. `variables` are names and values in turn. `timeout` is in milliseconds;
/// 0 means the default.
#[napi]
pub fn open_exec(
    env: Env,
    command: String,
    variables: Vec<String>,
    timeout: u32,
) -> napi::Result<External<Opened>> {
    let pairs = variables.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let timeout = (timeout > 0).then(|| Duration::from_millis(timeout.into()));
    let subject = Subject::Helper(command.clone().into());
    let options = ExecOptions { command: command.into(), env: pairs.collect(), timeout };
    match ExecStore::new(options, store::settings().helpers.clone()) {
        Ok(store) => Ok(Opened::new(Choice::Own(Arc::new(store)), Some(Ok(subject)))),
        Err(error) => Err(throw(env, &error)),
    }
}

/// Examines a store. Returns a promise of what `secrets doctor --json` prints.
#[napi]
pub fn diagnose(env: Env, store: &External<Opened>) -> napi::Result<Unknown<'static>> {
    let subject = store.subject.clone();
    start(env, CallOptions::UNBOUNDED, None, |_, _| async move {
        let report = examine(subject.unwrap_or_else(subject_from_environment)?).await?;
        Ok(Reply::Text(Some(Secret::new(report.to_json().into_bytes()))))
    })
}
