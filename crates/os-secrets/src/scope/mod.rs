//! Named secrets and references to them, in the scopes of `bus-secrets`.
//!
//! A secret has a [`Name`]. It lies in the repository, plain, for all who work on it, or in the
//! user's own store. Who looks in [`Scope::Auto`] gets the repository's, else the user's.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use tokio::task::JoinSet;

use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::{Purpose, ended},
    progress::Progress,
    store::{Choice, SetOptions},
};

mod name;
mod preferences;
mod repository;
mod resolution;

pub use name::{Name, REFERENCE, reference};
pub use preferences::Preferences;
pub use repository::Repository;
pub use resolution::Resolution;

/// The service under which the user's secrets lie in a credential store.
pub const SERVICE: &str = "os-secrets";

/// Where to look.
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
    /// The scope of this name on the command line and in options.
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

    fn place(self) -> &'static str {
        match self {
            Self::Auto => "the repository or the user's store",
            Self::User => "the user's store",
            Self::Repository => "the repository",
        }
    }
}

/// The secrets that were found, by their names.
pub type Found = HashMap<Name, Secret>;

/// Where the user's secrets lie.
#[derive(Clone)]
pub enum User {
    /// In a credential store, as those of [`SERVICE`].
    Store(Choice),
    /// In BusDK's preferences, or nowhere: who asks for nothing of the user's needs no place for it.
    Preferences(Result<Preferences, Error>),
}

impl User {
    /// Reads secrets; those that there are none of are absent from the answer.
    pub async fn get_all(&self, names: BTreeSet<Name>, progress: &Arc<Progress>) -> Result<Found, Error> {
        let preferences = match self {
            Self::Store(choice) => return get_all_of(choice, names, progress).await,
            Self::Preferences(preferences) => preferences.clone()?,
        };
        let lane = preferences.lane(Purpose::Read);
        lane.run(move || preferences.get_all(&names)).await
    }

    /// Stores a secret, in place of one that was there.
    pub async fn set(&self, name: &Name, value: Secret, progress: &Progress) -> Result<(), Error> {
        let (preferences, name) = match self {
            Self::Store(choice) => {
                return choice.store()?.set(&key(name), &value, SetOptions::default(), progress).await;
            }
            Self::Preferences(preferences) => (preferences.clone()?, name.clone()),
        };
        let lane = preferences.lane(Purpose::Write);
        lane.change(progress, move || preferences.set(&name, &value)).await
    }

    /// Deletes a secret; whether there was one.
    pub async fn delete(&self, name: &Name, progress: &Progress) -> Result<bool, Error> {
        let (preferences, name) = match self {
            Self::Store(choice) => return choice.store()?.delete(&key(name), progress).await,
            Self::Preferences(preferences) => (preferences.clone()?, name.clone()),
        };
        let lane = preferences.lane(Purpose::Write);
        lane.change(progress, move || preferences.delete(&name)).await
    }

    /// The names of the secrets there are.
    pub async fn list(&self, progress: &Progress) -> Result<BTreeSet<Name>, Error> {
        let preferences = match self {
            Self::Store(choice) => {
                let keys = choice.store()?.list(Some(SERVICE), progress).await?;
                // Others may have stored something there that is no secret of ours.
                return Ok(sorted(keys.iter().filter_map(|key| Name::parse(key.name.as_bytes()).ok())));
            }
            Self::Preferences(preferences) => preferences.clone()?,
        };
        let lane = preferences.lane(Purpose::Read);
        lane.run(move || preferences.list()).await
    }
}

/// The places of both scopes.
#[derive(Clone)]
pub struct Scopes {
    /// The repository's.
    pub repository: Repository,
    /// The user's.
    pub user: User,
}

impl Scopes {
    /// Those of a workspace directory, with the user's secrets in the store that the environment chooses.
    pub fn of_workspace(directory: PathBuf) -> Self {
        Self { repository: Repository::new(directory), user: User::Store(Choice::Environment) }
    }

    /// Reads a secret.
    ///
    /// # Errors
    ///
    /// As [`get_all`](Self::get_all), and [`Error::NotFound`].
    pub async fn get(&self, name: &Name, scope: Scope, progress: &Arc<Progress>) -> Result<Secret, Error> {
        let mut found = self.get_all(BTreeSet::from([name.clone()]), scope, progress).await?;
        found.remove(name).ok_or_else(|| Self::not_found(name, scope))
    }

    /// Reads secrets; those that there are none of are absent from the answer. A file is read once.
    ///
    /// # Errors
    ///
    /// Those of the store and of the files. Where the repository's file is wrong, the user's store
    /// does not answer in its place.
    pub async fn get_all(
        &self,
        mut names: BTreeSet<Name>,
        scope: Scope,
        progress: &Arc<Progress>,
    ) -> Result<Found, Error> {
        let mut found = Found::new();
        if names.is_empty() {
            return Ok(found);
        }
        if scope.has_repository() {
            let (repository, asked) = (self.repository.clone(), names.clone());
            found = self.repository.lane(Purpose::Read).run(move || repository.get_all(&asked)).await?;
            names.retain(|name| !found.contains_key(name));
        }
        if scope.has_user() && !names.is_empty() {
            found.extend(self.user.get_all(names, progress).await?);
        }
        Ok(found)
    }

    /// The error for a name that is not there.
    pub fn not_found(name: &Name, scope: Scope) -> Error {
        Error::NotFound { name: name.to_string(), place: scope.place() }
    }

    /// Stores a secret, in place of one that was there.
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

    /// Deletes a secret.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], besides those of the store or the file.
    pub async fn delete(&self, name: &Name, scope: Scope, progress: &Progress) -> Result<(), Error> {
        let deleted = if scope == Scope::Repository {
            let (repository, name) = (self.repository.clone(), name.clone());
            self.repository.lane(Purpose::Write).change(progress, move || repository.delete(&name)).await?
        } else {
            self.user.delete(name, progress).await?
        };
        if deleted { Ok(()) } else { Err(Self::not_found(name, scope)) }
    }

    /// The names of the secrets there are, sorted.
    pub async fn list(&self, scope: Scope, progress: &Progress) -> Result<BTreeSet<Name>, Error> {
        let mut names = BTreeSet::new();
        if scope.has_repository() {
            let repository = self.repository.clone();
            names = self.repository.lane(Purpose::Read).run(move || repository.list()).await?;
        }
        if scope.has_user() {
            names.extend(self.user.list(progress).await?);
        }
        Ok(names)
    }
}

async fn get_all_of(
    choice: &Choice,
    names: BTreeSet<Name>,
    progress: &Arc<Progress>,
) -> Result<Found, Error> {
    let mut reads: JoinSet<Result<_, Error>> = JoinSet::new();
    for name in names {
        let (choice, progress) = (choice.clone(), Arc::clone(progress));
        reads.spawn(async move {
            let secret = choice.store()?.get(&key(&name), &progress).await?;
            Ok(secret.map(|secret| (name, secret)))
        });
    }
    let mut found = Found::new();
    while let Some(read) = reads.join_next().await {
        found.extend(ended(read)??);
    }
    Ok(found)
}

/// A set of names. It takes them in one by one: to collect them would bring code along that sorts them first.
fn sorted(names: impl Iterator<Item = Name>) -> BTreeSet<Name> {
    let mut sorted = BTreeSet::new();
    sorted.extend(names);
    sorted
}

fn key(name: &Name) -> Key {
    Key { service: SERVICE.into(), name: name.to_string() }
}
