//! A store on a server of HashiCorp Vault or OpenBao: the secrets engine KV, version 1 or 2.
//!
//! The service of a credential is the path of a secret, and its name is a field of that secret, so that
//! `vault kv get -field=api_key secret/my-app` reads the credential `my-app`, `api_key`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | [`VaultStore`]: which requests a call needs |
//! | `address.rs` | the address of the server, and paths |
//! | `client.rs` | connections and requests |
//! | `failure.rs` | the meaning of an answer |
//! | `fields.rs` | the fields of a secret |
//! | `options.rs` | the settings |
//! | `server.rs` | requests with a token, and requests again |
//! | `shared_once.rs` | work that is done once for all calls |
//! | `tls.rs` | which certificates are trusted |
//! | `token.rs` | how to log in |
//! | `upkeep.rs` | logging in, and renewing tokens |
//! | `versioned.rs` | changes on a mount of version 2 |
//! | `unversioned.rs` | changes on a mount of version 1 |

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::{Mutex, OwnedMutexGuard};
use zeroize::Zeroizing;

use super::{Call, SetOptions, Store, check_credential, check_key, check_part, credential_lock::LockDomain};
use crate::{
    credential::{Key, Secret},
    error::{Code, Error, Reason},
    json::Document,
    printable::printable,
    progress::Progress,
    sync::SharedByKey,
};

mod address;
mod client;
mod failure;
mod fields;
mod options;
mod server;
mod shared_once;
mod tls;
mod token;
mod unversioned;
mod upkeep;
mod versioned;

use address::{encode_path, path_of_service, service_of_path};
use client::Answer;
use fields::{Fields, Place};
pub use options::{Defaults, VaultOptions, service_account_file};
use server::{Reply, Request, Server, read_member, unexpected};
use shared_once::SharedOnce;
pub use token::Login;

/// The version of the secrets engine KV at a mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    /// It keeps only the newest value of a secret.
    One,
    /// It keeps several versions of a secret, and checks which one a change replaces.
    Two,
}

/// The changes of this process that read a secret before they write it, by the place of the secret. On a mount of version 1,
/// one could undo another; on one of version 2, they would only be in each other's way.
static TURNS: SharedByKey<String, Mutex<()>> = SharedByKey::new();

/// A store on a server.
pub struct VaultStore {
    server: Result<Arc<Server>, Error>,
    version: SharedOnce<Version>,
    domain: LockDomain,
}

impl VaultStore {
    /// A store. Nothing is sent before the first call. A wrong setting is the error of every call.
    pub fn new(options: VaultOptions, defaults: &Defaults) -> Self {
        Self {
            server: defaults.complete(options).map(|target| Arc::new(Server::new(target))),
            version: SharedOnce::new(),
            domain: LockDomain::new_in_process(),
        }
    }

    /// The address of the server and the mount.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if a setting is wrong.
    pub fn place_of_secrets(&self) -> Result<(String, String), Error> {
        let target = &self.server()?.target;
        let address = format!("{}{}", target.address.origin, target.address.base);
        Ok((address, format!("{}/{}", target.mount, target.prefix).trim_end_matches('/').to_owned()))
    }

    /// Examines the server, the log-in and the mount. Returns the version of the secrets engine KV.
    ///
    /// # Errors
    ///
    /// What keeps credentials from being read.
    pub async fn examine(&self) -> Result<u32, Error> {
        let progress = Progress::reading(false);
        self.server()?.bound(&progress, self.version(&progress)).await.map(|version| match version {
            Version::One => 1,
            Version::Two => 2,
        })
    }

    /// A call within its deadline.
    fn bound<'a, T: Send + 'a>(
        &'a self,
        progress: &'a Progress,
        call: impl Future<Output = Result<T, Error>> + Send + 'a,
    ) -> Call<'a, T> {
        Box::pin(async move { self.server()?.bound(progress, call).await })
    }

    fn server(&self) -> Result<&Arc<Server>, Error> {
        self.server.as_ref().map_err(Error::clone)
    }

    /// Finds the version of the mount, once.
    async fn version(&self, progress: &Progress) -> Result<Version, Error> {
        self.version.get_or_make(async || self.find_version(progress).await).await
    }

    async fn find_version(&self, progress: &Progress) -> Result<Version, Error> {
        let server = self.server()?;
        let request = Request {
            operation: format!("examining the mount {}", server.target.mount),
            method: "GET",
            path: format!("sys/internal/ui/mounts/{}", server.target.mount),
            body: Zeroizing::default(),
            changes: false,
        };
        match server.ask(&request, progress).await? {
            Reply::Done(answer) => {
                let kind = read_member(&answer.body, &["data"], "type").ok_or_else(unexpected)?;
                if !matches!(kind.as_str(), "kv" | "generic") {
                    return Err(Error::InvalidSetting(format!(
                        "The mount {} is not a secrets engine KV. Correct the mount",
                        server.target.mount
                    )));
                }
                let path = read_member(&answer.body, &["data"], "path").ok_or_else(unexpected)?;
                if encode_path(path.trim_end_matches('/')).ok().as_ref() != Some(&server.target.mount) {
                    return Err(Error::InvalidSetting(format!(
                        "The mount is {}, and {} names a path in it. Correct the mount, and put the rest of the path into the \
                         prefix",
                        printable(path.trim_end_matches('/')),
                        server.target.mount
                    )));
                }
                let version = read_member(&answer.body, &["data", "options"], "version");
                Ok(if version.is_some_and(|version| *version == "2") { Version::Two } else { Version::One })
            }
            // Every server since Vault 0.10 knows this path.
            Reply::Missing(_) | Reply::Conflict => Err(server.not_a_server(&request)),
            // A server does not say in this way whether the mount exists.
            Reply::Denied(error) => {
                let path = format!("{}/?list=true", server.target.mount);
                match server.ask(&Request { path, ..request }, progress).await {
                    Err(found) if found.reason() == Reason::NoMount => Err(found),
                    _ => Err(error),
                }
            }
        }
    }

    /// Waits until no other change of this process reads and writes a secret.
    async fn take_turn(&self, service: &str) -> Result<OwnedMutexGuard<()>, Error> {
        let (target, path) = (&self.server()?.target, self.path(service)?);
        let namespace = target.namespace.as_deref().unwrap_or_default();
        // Neither a namespace nor a mount has a space.
        let place =
            format!("{}{} {namespace} {}/{path}", target.address.origin, target.address.base, target.mount);
        Ok(TURNS.get(place, Mutex::default).lock_owned().await)
    }

    /// The path of a service's secret, percent-encoded, with the path before the services.
    fn path(&self, service: &str) -> Result<String, Error> {
        let path = encode_path(&path_of_service(service)?)?;
        Ok(format!("{}{path}", self.server()?.target.prefix))
    }

    /// A request for a secret at a path.
    fn request(&self, operation: &str, service: &str, method: &'static str, path: String) -> Request {
        let mount = self.server().map(|server| server.target.mount.clone()).unwrap_or_default();
        Request {
            operation: format!("{operation} {service}"),
            method,
            path: format!("{mount}/{path}"),
            body: Zeroizing::default(),
            changes: false,
        }
    }

    /// Reads the fields of a service's secret. `None` if there is no secret.
    async fn read_secret(&self, service: &str, progress: &Progress) -> Result<Option<Arc<Answer>>, Error> {
        let path = self.path(service)?;
        let path = match self.version(progress).await? {
            Version::One => path,
            Version::Two => format!("data/{path}"),
        };
        let request = self.request("reading", service, "GET", path);
        let asked = self.server()?.ask(&request, progress).await;
        if matches!(&asked, Err(error) if error.reason() == Reason::NoMount) {
            // Somebody has changed the mount. The next call looks at it again.
            self.version.replace_if(|_| true, None).await;
        }
        asked?.found()
    }

    async fn get_value(&self, key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
        check_key(key)?;
        let Some(answer) = self.read_secret(&key.service, progress).await? else { return Ok(None) };
        let fields = Fields::parse(&answer.body, self.place(progress).await?)?;
        fields.value(&key.name).map_err(|_| self.not_text(key))
    }

    /// The error for a field that is a number or another value of JSON.
    fn not_text(&self, key: &Key) -> Error {
        Error::Vault {
            address: self.place_of_secrets().map(|(address, _)| address).unwrap_or_default(),
            operation: format!("reading {}", key.service),
            message: format!("its field {} is not a text. Store it as a text", key.name),
            code: Code::InvalidData,
            reason: Reason::NotText,
        }
    }

    /// Where the fields of a secret that was read are.
    async fn place(&self, progress: &Progress) -> Result<Place, Error> {
        Ok(match self.version(progress).await? {
            Version::One => Place::Data,
            Version::Two => Place::DataOfVersion,
        })
    }

    /// Whether a secret has a field. Reads the secret if the token may not ask for its names alone.
    async fn has_field(&self, key: &Key, progress: &Progress) -> Result<bool, Error> {
        match self.list_fields(&key.service, progress).await {
            Err(error) if error.reason() == Reason::Denied => {}
            names => return Ok(names?.contains(&key.name)),
        }
        let Some(answer) = self.read_secret(&key.service, progress).await? else { return Ok(false) };
        Ok(Fields::parse(&answer.body, self.place(progress).await?)?.has(&key.name))
    }

    /// The names of a secret's fields, without their values if the mount can do that.
    async fn list_fields(&self, service: &str, progress: &Progress) -> Result<Vec<String>, Error> {
        if self.version(progress).await? == Version::Two {
            let path = format!("subkeys/{}?depth=1", self.path(service)?);
            let request = self.request("listing", service, "GET", path);
            return match self.server()?.ask(&request, progress).await?.found()? {
                Some(answer) => Ok(Fields::parse(&answer.body, Place::Subkeys)?.names()),
                None => Ok(Vec::new()),
            };
        }
        let Some(answer) = self.read_secret(service, progress).await? else { return Ok(Vec::new()) };
        Ok(Fields::parse(&answer.body, Place::Data)?.names())
    }

    /// The services whose secrets are below a folder, which is empty or ends with a slash. Asks for one folder at a time.
    async fn list_services(&self, folder: &str, progress: &Progress) -> Result<Vec<String>, Error> {
        let server = self.server()?;
        let start = match self.version(progress).await? {
            Version::One => "",
            Version::Two => "metadata/",
        };
        let (mut folders, mut services) = (vec![folder.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            let encoded = match folder.trim_end_matches('/') {
                "" => String::new(),
                path => encode_path(path)? + "/",
            };
            let path = format!("{start}{}{encoded}?list=true", server.target.prefix);
            let request = self.request("listing", &folder, "GET", path);
            let Some(answer) = server.ask(&request, progress).await?.found()? else { continue };
            for name in read_names(&answer)? {
                let path = format!("{folder}{name}");
                match path.ends_with('/') {
                    // Other programs can make folders that have no path in a request, such as "a//b".
                    true if encode_path(path.trim_end_matches('/')).is_ok() => folders.push(path),
                    false if encode_path(&path).is_ok() => services.push(service_of_path(&path)),
                    _ => {}
                }
            }
        }
        Ok(services)
    }

    /// The keys of services. Four requests are in flight at a time.
    async fn list_keys(&self, services: &[String], progress: &Progress) -> Result<Vec<Key>, Error> {
        let mut parts = services.chunks(services.len().div_ceil(4).max(1));
        let mut next = || self.list_keys_in_turn(parts.next().unwrap_or_default(), progress);
        let (mut keys, two, three, four) = tokio::try_join!(next(), next(), next(), next())?;
        keys.extend([two, three, four].into_iter().flatten());
        Ok(keys.into_iter().collect())
    }

    /// The keys of services, with one request at a time.
    async fn list_keys_in_turn(
        &self,
        services: &[String],
        progress: &Progress,
    ) -> Result<BTreeSet<Key>, Error> {
        let mut keys = BTreeSet::new();
        for service in services {
            let names = self.list_fields(service, progress).await?;
            keys.extend(names.into_iter().map(|name| Key { service: service.clone(), name }));
        }
        Ok(keys)
    }
}

/// The names in the answer to a list.
fn read_names(answer: &Answer) -> Result<Vec<String>, Error> {
    let answer = Document::parse("answer".as_ref(), &answer.body).map_err(|_| unexpected())?;
    answer.texts(&["data"], "keys").ok_or_else(unexpected)
}

impl Store for VaultStore {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        self.bound(progress, self.get_value(key, progress))
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        self.bound(progress, async move {
            match check_credential(key, value)? {
                Some(value) => self.store_value(key, value, progress).await,
                None => self.delete_value(key, progress).await.map(drop),
            }
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        old: Option<&'a Secret>,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, bool> {
        self.bound(progress, async move {
            let value = check_credential(key, value)?;
            self.replace_value(key, old, value, progress).await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        self.bound(progress, async move {
            check_key(key)?;
            self.delete_value(key, progress).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        self.bound(progress, async move {
            check_key(key)?;
            self.has_field(key, progress).await
        })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        self.bound(progress, async move {
            let services = match service {
                Some(service) => {
                    check_part(service)?;
                    vec![service.to_owned()]
                }
                None => self.list_services("", progress).await?,
            };
            self.list_keys(&services, progress).await
        })
    }

    fn list_by_prefix<'a>(&'a self, prefix: &'a str, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        self.bound(progress, async move {
            // The folder that holds all services of the prefix, if it can be a path. The path of an address is another text.
            let folder = match prefix.rfind('/') {
                Some(slash) if !prefix.contains(':') => &prefix[..=slash],
                _ => "",
            };
            if !folder.is_empty() && encode_path(folder.trim_end_matches('/')).is_err() {
                return Ok(Vec::new());
            }
            let mut services = self.list_services(folder, progress).await?;
            services.retain(|service| service.starts_with(prefix));
            self.list_keys(&services, progress).await
        })
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        // The server decides between processes; see `replace`.
        Box::pin(async { Ok(self.domain.clone()) })
    }
}
