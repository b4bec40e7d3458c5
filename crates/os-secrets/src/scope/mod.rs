//! Named secrets and references to them, in the scopes of `bus-secrets`.
//!
//! A secret has a [`Name`]. It is either in the repository, in plain text, for everybody who works on it, or in the
//! user's own store. [`Scope::Auto`] looks in the repository first.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the scopes: reading, storing, deleting and listing secrets in them |
//! | `name.rs` | names, and references to them |
//! | `resolution.rs` | replacing many references by their secrets |
//! | `existence.rs` | finding out whether the other scope has a secret of the same name |
//! | `repository.rs` | the secrets in a workspace's `datapackage.json` |
//! | `preferences.rs` | the secrets in BusDK's preferences |

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::SystemTime,
};

use tokio::task::JoinSet;

use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::{Purpose, ended},
    progress::Progress,
    store::{
        Choice, SetOptions,
        credential_lock::LockPlace,
        file::keys::{is_whole_identity, user_identity},
    },
};

mod existence;
mod name;
mod preferences;
mod repository;
mod resolution;

pub use name::{Name, REFERENCE, parse_reference};
pub use preferences::Preferences;
pub use repository::Repository;
pub use resolution::{Resolution, Resolved};

/// The service of the user's secrets in a credential store.
pub const SERVICE: &str = "os-secrets";

/// Where to look for a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// In the repository first, then in the user's store.
    Auto,
    /// In the user's store.
    User,
    /// In the repository.
    Repository,
}

impl Scope {
    /// The scope with this name on the command line and in options.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "user" => Some(Self::User),
            "repo" => Some(Self::Repository),
            _ => None,
        }
    }

    fn has_repository(self) -> bool {
        self != Self::User
    }

    fn has_user(self) -> bool {
        self != Self::Repository
    }

    /// The scope in words.
    fn description(self) -> &'static str {
        match self {
            Self::Auto => "the repository or the user's store",
            Self::User => "the user's store",
            Self::Repository => "the repository",
        }
    }
}

/// The secrets that were found, by their names.
pub type FoundSecrets = HashMap<Name, Secret>;

/// The secrets that were found in one scope or in both.
#[derive(Default)]
pub struct Found {
    /// The secrets, by their names.
    pub secrets: FoundSecrets,
    /// With [`Scope::Auto`], the names of the secrets that are the repository's. The user may have others of these
    /// names, which are not used.
    pub from_repository: BTreeSet<Name>,
}

/// The scopes that were found to have a secret of some name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InScopes {
    /// Whether the repository has one.
    pub repository: bool,
    /// Whether the user has one.
    pub user: bool,
}

/// Where the user's secrets are.
#[derive(Clone)]
pub enum User {
    /// In a credential store, under [`SERVICE`].
    Store(Choice),
    /// In BusDK's preferences. An error is returned only by calls that need the user's secrets.
    Preferences(Result<Preferences, Error>),
}

impl User {
    /// Whether the operating system's store has them.
    fn is_os(&self) -> bool {
        matches!(self, Self::Store(choice) if choice.is_os())
    }

    /// Reads secrets. The result has no entry for a name that does not exist.
    pub async fn get_all(
        &self,
        names: BTreeSet<Name>,
        progress: &Arc<Progress>,
    ) -> Result<FoundSecrets, Error> {
        let preferences = match self {
            Self::Store(choice) => return get_from_store(choice, names, progress).await,
            Self::Preferences(preferences) => preferences.clone()?,
        };
        let lane = preferences.lane(Purpose::Read);
        lane.run(move || preferences.get_all(&names)).await
    }

    /// Stores a secret, or replaces the one with the same name.
    pub async fn set(&self, name: &Name, value: Secret, progress: &Progress) -> Result<(), Error> {
        let (preferences, name) = match self {
            Self::Store(choice) => {
                return choice
                    .store()?
                    .set(&credential_key(name), &value, SetOptions::default(), progress)
                    .await;
            }
            Self::Preferences(preferences) => (preferences.clone()?, name.clone()),
        };
        let lane = preferences.lane(Purpose::Write);
        lane.change(progress, move || preferences.set(&name, &value)).await
    }

    /// Deletes a secret, and returns whether it existed.
    pub async fn delete(&self, name: &Name, progress: &Progress) -> Result<bool, Error> {
        let (preferences, name) = match self {
            Self::Store(choice) => return choice.store()?.delete(&credential_key(name), progress).await,
            Self::Preferences(preferences) => (preferences.clone()?, name.clone()),
        };
        let lane = preferences.lane(Purpose::Write);
        lane.change(progress, move || preferences.delete(&name)).await
    }

    /// The names of all secrets.
    pub async fn list(&self, progress: &Progress) -> Result<BTreeSet<Name>, Error> {
        let preferences = match self {
            Self::Store(choice) => {
                let keys = choice.store()?.list(Some(SERVICE), progress).await?;
                // Other programs may have stored credentials there whose names are not valid names of secrets.
                return Ok(collect_names(
                    keys.iter().filter_map(|key| Name::parse(key.name.as_bytes()).ok()),
                ));
            }
            Self::Preferences(preferences) => preferences.clone()?,
        };
        let lane = preferences.lane(Purpose::Read);
        lane.run(move || preferences.list()).await
    }

    /// Where the lock of a secret lies, for programs that read and then replace it. `None` in BusDK's preferences, whose
    /// programs do neither.
    async fn find_lock(&self, name: &Name) -> Result<Option<LockPlace>, Error> {
        match self {
            Self::Store(choice) => LockPlace::find(choice.store()?, &credential_key(name)).await.map(Some),
            Self::Preferences(_) => Ok(None),
        }
    }

    /// When secrets were changed, by their names. Those for which the store does not know are missing.
    pub async fn list_changes(&self, progress: &Progress) -> Result<BTreeMap<String, SystemTime>, Error> {
        match self {
            Self::Store(choice) => choice.store()?.list_changes(SERVICE, progress).await,
            Self::Preferences(_) => Ok(BTreeMap::new()),
        }
    }
}

/// Both scopes.
#[derive(Clone)]
pub struct Scopes {
    /// The secrets of the repository.
    pub repository: Repository,
    /// The secrets of the user.
    pub user: User,
}

impl Scopes {
    /// Reads a secret.
    ///
    /// # Errors
    ///
    /// As [`get_all`](Self::get_all), and [`Error::NotFound`].
    pub async fn get(&self, name: &Name, scope: Scope, progress: &Arc<Progress>) -> Result<Secret, Error> {
        let mut found = self.get_all(BTreeSet::from([name.clone()]), scope, progress).await?;
        found.secrets.remove(name).ok_or_else(|| Self::not_found(name, scope))
    }

    /// Reads secrets. The result has no entry for a name that does not exist, and none for the user's identity in the
    /// operating system's store, which is not a secret of its name. Each file is read once.
    ///
    /// # Errors
    ///
    /// Those of the store and of the files. If the repository's file is invalid, the user's store is not used instead.
    pub async fn get_all(
        &self,
        mut names: BTreeSet<Name>,
        scope: Scope,
        progress: &Arc<Progress>,
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        if names.is_empty() {
            return Ok(found);
        }
        if scope.has_repository() {
            let (repository, wanted) = (self.repository.clone(), names.clone());
            found.secrets =
                self.repository.lane(Purpose::Read).run(move || repository.get_all(&wanted)).await?;
            names.retain(|name| !found.secrets.contains_key(name));
        }
        if scope == Scope::Auto {
            found.from_repository.extend(found.secrets.keys().cloned());
        }
        if scope.has_user() && !names.is_empty() {
            let mut of_user = self.user.get_all(names, progress).await?;
            // The key of encrypted files is no secret to be resolved or exported, although its item is among them.
            let item = user_identity();
            of_user.retain(|name, value| {
                !(self.user.is_os() && name.as_str() == item.name && is_whole_identity(value))
            });
            found.secrets.extend(of_user);
        }
        Ok(found)
    }

    /// The error for a secret that does not exist.
    pub fn not_found(name: &Name, scope: Scope) -> Error {
        Error::NotFound { name: name.to_string(), place: scope.description() }
    }

    /// Stores a secret, or replaces the one with the same name.
    pub async fn set(
        &self,
        name: &Name,
        value: Secret,
        scope: Scope,
        progress: &Progress,
    ) -> Result<(), Error> {
        if scope != Scope::Repository {
            return self.user.set(name, value, progress).await;
        }
        let (repository, name) = (self.repository.clone(), name.clone());
        self.repository.lane(Purpose::Write).change(progress, move || repository.set(&name, &value)).await
    }

    /// Where the lock of a secret lies, for programs that read and then replace it. `None` if there is nothing to lock,
    /// because the repository has no file.
    ///
    /// # Errors
    ///
    /// As [`LockPlace::find`], and those of the repository's file.
    pub async fn find_lock(&self, name: &Name, scope: Scope) -> Result<Option<LockPlace>, Error> {
        if scope != Scope::Repository {
            return self.user.find_lock(name).await;
        }
        let repository = self.repository.clone();
        match self.repository.lane(Purpose::Read).run(move || repository.lock_domain()).await? {
            Some(domain) => LockPlace::find_in(domain, &credential_key(name)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Deletes a secret.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and those of the store or the file.
    pub async fn delete(&self, name: &Name, scope: Scope, progress: &Progress) -> Result<(), Error> {
        let deleted = if scope == Scope::Repository {
            let (repository, name) = (self.repository.clone(), name.clone());
            self.repository.lane(Purpose::Write).change(progress, move || repository.delete(&name)).await?
        } else {
            self.user.delete(name, progress).await?
        };
        if deleted {
            return Ok(());
        }
        progress.refused();
        Err(Self::not_found(name, scope))
    }

    /// The names of all secrets, sorted, with the scopes that have them. Only `scope` is searched.
    pub async fn list(&self, scope: Scope, progress: &Progress) -> Result<BTreeMap<Name, InScopes>, Error> {
        let mut names = BTreeMap::<Name, InScopes>::new();
        if scope.has_repository() {
            let repository = self.repository.clone();
            for name in self.repository.lane(Purpose::Read).run(move || repository.list()).await? {
                names.entry(name).or_default().repository = true;
            }
        }
        if scope.has_user() {
            for name in self.user.list(progress).await? {
                names.entry(name).or_default().user = true;
            }
        }
        Ok(names)
    }
}

async fn get_from_store(
    choice: &Choice,
    names: BTreeSet<Name>,
    progress: &Arc<Progress>,
) -> Result<FoundSecrets, Error> {
    let mut reads: JoinSet<Result<_, Error>> = JoinSet::new();
    for name in names {
        let (choice, progress) = (choice.clone(), Arc::clone(progress));
        reads.spawn(async move {
            let secret = choice.store()?.get(&credential_key(&name), &progress).await?;
            Ok(secret.map(|secret| (name, secret)))
        });
    }
    let mut found = FoundSecrets::new();
    while let Some(read) = reads.join_next().await {
        found.extend(ended(read)??);
    }
    Ok(found)
}

/// A set of names. They are inserted one by one: collecting them would compile in code that sorts them first.
fn collect_names(names: impl Iterator<Item = Name>) -> BTreeSet<Name> {
    let mut set = BTreeSet::new();
    set.extend(names);
    set
}

/// The key of a secret in a credential store.
fn credential_key(name: &Name) -> Key {
    Key { service: SERVICE.into(), name: name.to_string() }
}
