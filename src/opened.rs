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
    credential::{Key, Secret},
    error::Error,
    store::{
        self, Choice, Store,
        exec::{ExecOptions, ExecStore},
        file::{self, FileOptions, FileStore, keys::Unlock},
        memory::MemoryStore,
        settings_file::Origin,
        vault::{self, Login, VaultOptions, VaultStore},
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
    /// A store that the program provides.
    pub fn custom(store: Arc<dyn Store>) -> External<Self> {
        Self::new(Choice::Own(store), Some(Ok(Subject::Custom)))
    }

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

/// Whether a text is an identity, and not the path of its file.
#[napi]
pub fn is_identity(text: Value) -> bool {
    file::is_identity(text.0.expose())
}

/// Opens a store in an encrypted file. `os_identity` is the service and the name of an identity in the operating system's
/// store. The environment variables fill in what is undefined.
#[napi]
pub fn open_file(
    path: Option<String>,
    identity: Option<Value>,
    os_identity: Option<(String, String)>,
    passphrase: Option<Value>,
    must_exist: bool,
) -> External<Opened> {
    let identity = identity.map(|identity| Unlock::Identity(identity.0));
    let os_identity = os_identity.map(|(service, name)| Unlock::OsIdentity(Key { service, name }));
    let unlock = match (identity.or(os_identity), passphrase) {
        (Some(identity), Some(passphrase)) => identity.with_passphrase(passphrase.0),
        (None, Some(passphrase)) => Some(Unlock::Passphrase(passphrase.0)),
        (identity, None) => identity,
    };
    let options = FileOptions { path: path.map(Into::into), unlock, must_exist, ..FileOptions::default() };
    let store = Arc::new(FileStore::new(options, store::settings().file.clone()));
    let subject = Subject::File { store: Arc::clone(&store), start: String::new() };
    Opened::new(Choice::Own(store), Some(Ok(subject)))
}

/// Where a server of Vault or OpenBao is.
#[napi(object)]
pub struct ServerOptions {
    /// Its address.
    pub address: Option<String>,
    /// The mount of the secrets engine KV.
    pub mount: Option<String>,
    /// The path before the services.
    pub prefix: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The path or the PEM text of certificates.
    pub ca_cert: Option<String>,
}

/// How to log in to a server.
#[napi(object, object_to_js = false)]
pub struct LoginOptions {
    /// `token`, `appRole`, `kubernetes` or `jwt`.
    pub kind: String,
    /// The path at which the auth method is mounted.
    pub mount: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The token, the secret ID or the JWT.
    pub secret: Option<Value>,
    /// The file of a service account's token.
    pub file: Option<String>,
}

impl LoginOptions {
    fn into_login(self) -> Login {
        let secret = self.secret.map(|secret| secret.0);
        let required = |secret: Option<Secret>| secret.unwrap_or_else(|| Secret::new(Vec::new()));
        let (mount, role) = (self.mount, self.role.unwrap_or_default());
        match &*self.kind {
            "appRole" => Login::AppRole { mount, role_id: role, secret_id: secret },
            "kubernetes" => Login::Kubernetes { mount, role, file: vault::service_account_file(self.file) },
            "jwt" => Login::Jwt { mount, role, token: required(secret) },
            _ => Login::Token(required(secret)),
        }
    }
}

/// Opens a store on a server of Vault or OpenBao. The environment variables fill in what is undefined.
#[napi]
pub fn open_vault(server: ServerOptions, login: Option<LoginOptions>) -> External<Opened> {
    let ServerOptions { address, mount, prefix, namespace, ca_cert } = server;
    let login = login.map(LoginOptions::into_login);
    let options = VaultOptions { address, mount, prefix, namespace, authorities: ca_cert, login };
    let store = Arc::new(VaultStore::new(options, &store::settings().vault));
    let subject = Subject::Vault(Arc::clone(&store));
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
