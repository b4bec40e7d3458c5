//! Secrets that the repository and the user both have, of which `resolve` tells the program once.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use os_secrets::{
    scope::{Name, Scope, Scopes},
    sync::lock,
};

/// What earlier calls have found.
struct Done {
    /// The names that were told, each with the directory of its repository.
    told: BTreeSet<(PathBuf, Name)>,
    /// The names that could not be looked up in the user's store. They are not looked up again for any repository: each
    /// could take seconds.
    failed: BTreeSet<Name>,
}

static DONE: Mutex<Done> = Mutex::new(Done { told: BTreeSet::new(), failed: BTreeSet::new() });

/// The names among these that the user's store has as well, without those that this function has returned before for
/// this repository's directory. Takes at most this time.
pub async fn find_hidden(
    scopes: &Scopes,
    directory: &Path,
    mut from_repository: BTreeSet<Name>,
    time: Option<Duration>,
) -> BTreeSet<Name> {
    let key = |name: &Name| (directory.to_owned(), name.clone());
    from_repository.retain(|name| {
        let done = lock(&DONE);
        !done.told.contains(&key(name)) && !done.failed.contains(name)
    });
    match scopes.find_existing(from_repository.clone(), Scope::User, time).await {
        // Another call may have told some meanwhile.
        Ok(hidden) => hidden.into_iter().filter(|name| lock(&DONE).told.insert(key(name))).collect(),
        Err(_) => {
            lock(&DONE).failed.extend(from_repository);
            BTreeSet::new()
        }
    }
}
