//! Secrets that the repository and the user both have, of which `resolve` tells the program once.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use os_secrets::{
    scope::{Name, Scope, Scopes},
    sync::lock,
};

/// The names that were told, and those that could not be looked up. They are not looked up again: each could take
/// seconds.
static DONE: Mutex<BTreeSet<Name>> = Mutex::new(BTreeSet::new());

/// The names among these that the user's store has as well, without those that this function has returned before. Takes
/// at most this time.
pub async fn find_hidden(
    scopes: &Scopes,
    mut from_repository: BTreeSet<Name>,
    time: Option<Duration>,
) -> BTreeSet<Name> {
    from_repository.retain(|name| !lock(&DONE).contains(name));
    match scopes.find_existing(from_repository.clone(), Scope::User, time).await {
        // Another call may have told some meanwhile.
        Ok(hidden) => hidden.into_iter().filter(|name| lock(&DONE).insert(name.clone())).collect(),
        Err(_) => {
            lock(&DONE).extend(from_repository);
            BTreeSet::new()
        }
    }
}
