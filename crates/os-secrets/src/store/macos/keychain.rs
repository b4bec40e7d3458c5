//! The calls of the store, in terms of Keychain.

use std::sync::LazyLock;

use super::{
    api,
    interaction::{InteractionGate, PATIENCE},
    query::{self, Query},
    status::{AUTH_FAILED, INTERACTION_NOT_ALLOWED, ITEM_NOT_FOUND},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::Lane,
    progress::Progress,
    store::{Call, SetOptions, Store, check_key, check_part, check_size, settings::Settings},
};

/// The gate of this process.
static GATE: InteractionGate = InteractionGate::new(api::allow_interaction);

/// The calls that may ask the user, and then wait for as long as the user takes to answer.
static INTERACTIVE: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));
/// The calls that never ask the user, other than those in [`LOOKUP`].
pub(super) static SILENT: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));
/// `has` and `list`, which never ask the user. The system makes them wait while it asks the user about an item that
/// they look up, so they have a lane of their own: in [`SILENT`], they would hold up calls that must not wait for
/// the user.
pub(super) static LOOKUP: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));

/// The user's keychains. New items go to the default one, and existing items are searched for in all of them.
pub struct Keychain(());

impl Keychain {
    /// The keychains of this process's user. They need no settings.
    ///
    /// # Errors
    ///
    /// None. Stores of other systems have settings that can be wrong.
    pub fn from_environment(_: &Settings) -> Result<Self, Error> {
        Ok(Self(()))
    }
}

/// Does work that may ask the user only if `interactive` is true: see [`InteractionGate`]. Returns `None` if it may not
/// ask and `item`, which it needs, does not exist.
fn run_in_turn<T>(
    interactive: bool,
    item: Option<&Key>,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if interactive {
        let _turn = GATE.enter_interactive();
        return work().map(Some);
    }
    // While the system asks the user for another call, the calls below might wait for the answer as well.
    if !GATE.wait_until_quiet(PATIENCE) {
        return Err(Error::Asking);
    }
    if let Some(key) = item
        && api::read_names(&query::for_presence(key))?.is_empty()
    {
        return Ok(None);
    }
    // A locked keychain is refused here, before asking is switched off. For some seconds, an opened keychain remembers
    // whether it could ask for its password when it was opened. So in the silent turn a locked one might ask
    // nevertheless, or might not ask for a later call that may.
    if !api::DefaultKeychain::open()?.read_state()?.unlocked {
        return Err(api::status_error("SecKeychainGetStatus", INTERACTION_NOT_ALLOWED));
    }
    let _turn = GATE.enter_silent(PATIENCE).ok_or(Error::Asking)?;
    work().map(Some).map_err(|error| match error {
        // The user was not asked, so no password was wrong.
        Error::Keychain { operation, status: AUTH_FAILED, .. } => {
            api::status_error(operation, INTERACTION_NOT_ALLOWED)
        }
        error => error,
    })
}

/// Returns the answer for an item that was not found. The system also finds nothing if it cannot search the user's
/// keychains, which is an error.
fn confirm_absence<T>(answer: T) -> Result<T, Error> {
    api::DefaultKeychain::open()?.read_state().map(|_| answer)
}

/// Whether an item exists. This takes no turn, because attributes are not encrypted and can be read without asking.
/// While the system asks the user about this very item, it makes the call wait for the answer.
fn has_item(key: &Key) -> Result<bool, Error> {
    match api::read_names(&query::for_presence(key))?.is_empty() {
        true => confirm_absence(false),
        false => Ok(true),
    }
}

/// The lane of a call that may ask the user, or must not.
fn select_lane(interactive: bool) -> &'static Lane {
    if interactive { &INTERACTIVE } else { &SILENT }
}

/// Reads the value of an item.
pub(super) async fn read_item(key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
    check_key(key)?;
    let (key, interactive) = (key.clone(), progress.is_interactive());
    let read = move || {
        let read_value = || api::read_value(&query::for_value(&key, interactive));
        match run_in_turn(interactive, Some(&key), read_value)?.flatten() {
            None => confirm_absence(None),
            found => Ok(found),
        }
    };
    select_lane(interactive).run(read).await
}

/// Does work that changes an item. The work is told whether it may ask the user.
async fn change_item<T: Send + 'static>(
    progress: &Progress,
    work: impl FnOnce(bool) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let interactive = progress.is_interactive();
    select_lane(interactive).change(progress, move || work(interactive)).await
}

/// Adds an item, or updates it if it exists.
fn write_item(item: &Query, new: &Query, value: &Secret) -> Result<(), Error> {
    if api::add_item(new)? || api::update_item(item, &query::for_update(value))? {
        return Ok(());
    }
    // Another program may have deleted the item in between. If it still exists, it is in the default keychain, and
    // that keychain is not among those that are searched.
    match api::add_item(new)? {
        true => Ok(()),
        false => Err(api::status_error("SecItemUpdate", ITEM_NOT_FOUND)),
    }
}

impl Store for Keychain {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(read_item(key, progress))
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        options: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            if value.expose().is_empty() {
                return self.delete(key, progress).await.map(drop);
            }
            check_key(key)?;
            check_size(key, Some(value))?;
            let (key, value) = (key.clone(), value.clone());
            change_item(progress, move |interactive| {
                let new = query::for_new_item(&key, &value, options.unrestricted, interactive);
                let write = || write_item(&query::for_item(&key, interactive), &new, &value);
                run_in_turn(interactive, None, write).map(drop)
            })
            .await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            change_item(progress, move |interactive| {
                let delete = || api::delete_item(&query::for_item(&key, interactive));
                match run_in_turn(interactive, Some(&key), delete)? {
                    Some(true) => Ok(true),
                    _ => confirm_absence(false),
                }
            })
            .await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            LOOKUP.run(move || has_item(&key)).await
        })
    }

    fn needs_service(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            // Keychain holds the items of all programs, and the caller must not see those of the others.
            let service = service.ok_or(Error::NeedsService)?.to_owned();
            LOOKUP.run(move || list_keys(&service)).await
        })
    }
}

/// Lists the keys of a service's items.
pub(super) fn list_keys(service: &str) -> Result<Vec<Key>, Error> {
    check_part(service)?;
    let keys = query::keys_of_service(service, api::read_names(&query::for_service(service))?);
    if keys.is_empty() { confirm_absence(keys) } else { Ok(keys) }
}
