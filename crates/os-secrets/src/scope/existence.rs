//! Finding out whether a scope has secrets of some names, beside a call that does not need to know.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{Name, Scope, Scopes, User, collect_names, credential_key};
use crate::{
    bounds::Bounds,
    error::Error,
    executor::{Purpose, ended},
    progress::Progress,
    store::Choice,
};

/// How long to wait for the operating system's store, which may not answer at all.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How long to wait for an encrypted file. Deriving a key from a passphrase takes about one second of processor time,
/// which may be many seconds on a busy machine.
const MAX_WAIT_FOR_FILE: Duration = Duration::from_secs(30);

impl Scopes {
    /// The names among these of which the repository or the user has secrets. It reads no value of the user's, does not
    /// ask the user, and does not wait long: at most five seconds, 30 for an encrypted file, or for the given time if that
    /// is shorter.
    ///
    /// # Errors
    ///
    /// Those of the store or the file, and [`Error::Timeout`]. They must not fail a call that has its own result.
    pub async fn find_existing(
        &self,
        names: BTreeSet<Name>,
        scope: Scope,
        time: Option<Duration>,
    ) -> Result<BTreeSet<Name>, Error> {
        if names.is_empty() {
            return Ok(names);
        }
        let progress = Arc::new(Progress::reading(false));
        let longest = if self.user.is_os() { MAX_WAIT } else { MAX_WAIT_FOR_FILE };
        let bounds = Bounds { timeout: Some(time.map_or(longest, |time| time.min(longest))), canceled: None };
        bounds.run(&progress, self.find_names(names, scope, &progress)).await
    }

    /// Whether there is such a secret. It reads no value of the user's.
    ///
    /// # Errors
    ///
    /// Those of the store or the file.
    pub async fn has(&self, name: &Name, scope: Scope, progress: &Arc<Progress>) -> Result<bool, Error> {
        let names = BTreeSet::from([name.clone()]);
        Ok(!self.find_names(names, scope, progress).await?.is_empty())
    }

    /// As [`find_existing`](Self::find_existing), for a call whose result this is: it waits as long as the call does, and
    /// asks the user if the call may.
    ///
    /// # Errors
    ///
    /// Those of the store or the file.
    pub async fn find_names(
        &self,
        mut names: BTreeSet<Name>,
        scope: Scope,
        progress: &Arc<Progress>,
    ) -> Result<BTreeSet<Name>, Error> {
        let mut existing = BTreeSet::new();
        if scope.has_repository() {
            let repository = self.repository.clone();
            let known = self.repository.lane(Purpose::Read).run(move || repository.list()).await?;
            existing.extend(names.intersection(&known).cloned());
            names.retain(|name| !known.contains(name));
        }
        if scope.has_user() {
            match &self.user {
                User::Store(choice) => existing.extend(find_in_store(choice, names, progress).await?),
                User::Preferences(_) => {
                    let known = self.user.list(progress).await?;
                    existing.extend(names.intersection(&known).cloned());
                }
            }
        }
        Ok(existing)
    }
}

async fn find_in_store(
    choice: &Choice,
    names: BTreeSet<Name>,
    progress: &Arc<Progress>,
) -> Result<BTreeSet<Name>, Error> {
    let mut checks: JoinSet<Result<_, Error>> = JoinSet::new();
    for name in names {
        let (choice, progress) = (choice.clone(), Arc::clone(progress));
        checks.spawn(async move {
            let exists = choice.store()?.has(&credential_key(&name), &progress).await?;
            Ok(exists.then_some(name))
        });
    }
    let mut existing = Vec::new();
    while let Some(check) = checks.join_next().await {
        existing.extend(ended(check)??);
    }
    Ok(collect_names(existing.into_iter()))
}
