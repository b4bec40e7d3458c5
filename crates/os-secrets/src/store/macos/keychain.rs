//! The calls of the store, in terms of Keychain.

use std::sync::LazyLock;

use tokio::sync::Mutex;

use super::{
    api::{self, Item, OpenKeychain},
    interaction::{CallKind, Deadline, InteractionGate},
    query::{self, Query},
    status::{AUTH_FAILED, INTERACTION_NOT_ALLOWED, ITEM_NOT_FOUND},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    executor::Lane,
    progress::Progress,
    store::{Call, SetOptions, Store, check_key, check_part, check_size, settings::Settings},
    sync::SharedByKey,
};

/// The gate of this process.
static GATE: InteractionGate = InteractionGate::new(api::allow_interaction);

/// The calls that may ask the user, and then wait for as long as the user takes to answer.
static INTERACTIVE: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));
/// The calls that must not ask the user. None of them waits for the user.
static SILENT: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));
/// The calls that never ask the user, but may have to wait while the system asks for another call: it then holds its locks
/// of the item, or of the keychain. In [`SILENT`], they would hold up calls that must not wait for the user.
static LOOKUP: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));

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

/// Keeps calls apart that read, store or delete one item. The system takes its locks of an item and of the item's keychain
/// in one order when it deletes the item or adds it again, and in the other when it reads the value or updates the item.
/// Beside each other, both would wait for ever. (Security 61901: `KeychainImpl::deleteItem` locks the keychain, then the
/// item in `ItemImpl::dbUniqueRecord`; `ItemImpl::getContent` and `update` lock the item, then the keychain.)
static ITEMS: SharedByKey<Key, Mutex<()>> = SharedByKey::new();

/// Waits for the turn of a call that reads, stores or deletes an item. Returns the call's work, which keeps the turn until
/// its end. The work gets the deadline of all that the call waits for.
async fn in_turn<T, W: FnOnce(&Key, Deadline) -> Result<T, Error>>(
    key: &Key,
    interactive: bool,
    work: W,
) -> Result<impl FnOnce() -> Result<T, Error> + use<T, W>, Error> {
    let deadline = Deadline::of_call(interactive);
    let turn = deadline.wait_for(ITEMS.get(key.clone(), || Mutex::new(())).lock_owned()).await?;
    let key = key.clone();
    Ok(move || {
        let _turn = turn;
        let outcome = work(&key, deadline);
        if interactive { outcome } else { outcome.map_err(of_silent_call) }
    })
}

/// Does work that never asks the user, but may have to wait while the user is asked.
pub(super) async fn look_up<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let work = move || {
        let _admission = GATE.enter(CallKind::Lookup, Deadline::NEVER)?;
        work()
    };
    LOOKUP.run(work).await
}

/// Checks that a keychain is unlocked, for a call that must not ask.
///
/// The switch of the process does not help here: an opened keychain remembers whether it could ask for its password when
/// it was opened, as long as the process keeps using it.
fn check_unlocked(keychain: &OpenKeychain) -> Result<(), Error> {
    match keychain.read_state()?.unlocked {
        true => Ok(()),
        false => Err(api::status_error("SecKeychainGetStatus", INTERACTION_NOT_ALLOWED)),
    }
}

/// Returns the answer for an item that was not found. The system also finds nothing if it cannot search the user's
/// keychains, which is an error.
fn confirm_absence<T>(answer: T) -> Result<T, Error> {
    OpenKeychain::open_default()?.read_state().map(|_| answer)
}

/// Whether an item exists. While the system asks the user about this very item, it makes the call wait for the answer.
///
/// Like every search for attributes or references, this needs no turn: the system takes its locks of items and keychains
/// one at a time for it. The only exception is an item whose last update failed half way, so that the system has to
/// find its record again (`ItemImpl::dbUniqueRecord`): a search may then wait for ever beside a delete. That is rare.
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
    let interactive = progress.is_interactive();
    let read = in_turn(key, interactive, move |key, deadline| match interactive {
        true => read_asking(key),
        false => read_silently(key, deadline),
    });
    select_lane(interactive).run(read.await?).await
}

fn read_asking(key: &Key) -> Result<Option<Secret>, Error> {
    let _admission = GATE.enter(CallKind::Asking, Deadline::NEVER)?;
    match api::read_value(&query::for_value(key, true))? {
        None => confirm_absence(None),
        found => Ok(found),
    }
}

fn read_silently(key: &Key, deadline: Deadline) -> Result<Option<Secret>, Error> {
    {
        // This opens the keychains, so the switch must still be on.
        let _admission = GATE.enter(CallKind::Silent, deadline)?;
        let Some(item) = Item::find(&query::for_reference(key))? else { return confirm_absence(None) };
        check_unlocked(&item.keychain()?)?;
    }
    let _admission = GATE.enter(CallKind::SilentRead, deadline)?;
    // If another program has deleted the item meanwhile, it is absent: the keychains could be searched a moment ago.
    api::read_value(&query::for_value(key, false))
}

/// Translates the error of a call that must not ask. The user was not asked, so no password was wrong.
fn of_silent_call(error: Error) -> Error {
    match error {
        Error::Keychain { operation, status: AUTH_FAILED, .. } => {
            api::status_error(operation, INTERACTION_NOT_ALLOWED)
        }
        error => error,
    }
}

fn write_asking(key: &Key, value: &Secret, unrestricted: bool) -> Result<(), Error> {
    let _admission = GATE.enter(CallKind::Asking, Deadline::NEVER)?;
    // Without a keychain, the system would offer the user to make a new one.
    OpenKeychain::open_default()?.read_state()?;
    add_or_update(&query::for_item(key, true), &query::for_new_item(key, value, unrestricted, true), value)
}

fn write_silently(key: &Key, value: &Secret, unrestricted: bool, deadline: Deadline) -> Result<(), Error> {
    let _admission = GATE.enter(CallKind::Silent, deadline)?;
    check_unlocked(&OpenKeychain::open_default()?)?;
    // An update goes to the keychain that is searched first.
    if let Some(item) = Item::find(&query::for_reference(key))? {
        check_unlocked(&item.keychain()?)?;
    }
    let new = query::for_new_item(key, value, unrestricted, false);
    add_or_update(&query::for_item(key, false), &new, value)
}

/// Adds an item, or updates it if it exists.
///
/// An update keeps the list of applications that may read the item. The system needs no permission for it, also if
/// another executable has made the item, and then asks both before they read the new value. Deleting the item and adding
/// it anew would ask one of them less, but could lose the value.
fn add_or_update(item: &Query, new: &Query, value: &Secret) -> Result<(), Error> {
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

/// Deletes an item.
///
/// The system asks for nothing, even if the keychain is locked: it deletes the records without decrypting anything
/// (`SSDbUniqueRecordImpl::deleteRecord`, `SSKey::free`). But it may have to wait while it asks the user for another
/// call. A call that must not ask does not wait for that.
fn delete(key: &Key, kind: CallKind, deadline: Deadline) -> Result<bool, Error> {
    let _admission = GATE.enter(kind, deadline)?;
    let deleted = match Item::find(&query::for_reference(key))? {
        None => false,
        Some(item) => item.delete()?,
    };
    if deleted { Ok(true) } else { confirm_absence(false) }
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
            let (value, interactive) = (value.clone(), progress.is_interactive());
            let write = in_turn(key, interactive, move |key, deadline| match interactive {
                true => write_asking(key, &value, options.unrestricted),
                false => write_silently(key, &value, options.unrestricted, deadline),
            });
            select_lane(interactive).change(progress, write.await?).await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let interactive = progress.is_interactive();
            let (lane, kind) = match interactive {
                true => (&*LOOKUP, CallKind::Lookup),
                false => (&*SILENT, CallKind::Silent),
            };
            let work = in_turn(key, interactive, move |key, deadline| delete(key, kind, deadline));
            lane.change(progress, work.await?).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            look_up(move || has_item(&key)).await
        })
    }

    fn needs_service(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            // Keychain holds the items of all programs, and the caller must not see those of the others.
            let service = service.ok_or(Error::NeedsService)?.to_owned();
            look_up(move || list_keys(&service)).await
        })
    }

    fn list_by_prefix<'a>(&'a self, prefix: &'a str, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            let prefix = prefix.to_owned();
            look_up(move || list_keys_by_prefix(&prefix)).await
        })
    }
}

/// Lists the keys of the items of all services that start with a prefix.
fn list_keys_by_prefix(prefix: &str) -> Result<Vec<Key>, Error> {
    let keys = query::keys_by_prefix(prefix, api::read_names(&query::for_all_services())?);
    if keys.is_empty() { confirm_absence(keys) } else { Ok(keys) }
}

/// Lists the keys of a service's items.
pub(super) fn list_keys(service: &str) -> Result<Vec<Key>, Error> {
    check_part(service)?;
    let keys = query::keys_of_service(service, api::read_names(&query::for_service(service))?);
    if keys.is_empty() { confirm_absence(keys) } else { Ok(keys) }
}
