//! What the calls of a store mean to Keychain.

use std::sync::LazyLock;

use super::{
    api,
    query::{self, Query},
    status::{AUTH_FAILED, INTERACTION_NOT_ALLOWED, ITEM_NOT_FOUND},
    turns::{PATIENCE, Turns},
};
use crate::{
    credential::{Key, Secret, is_valid_part},
    error::Error,
    executor::Lane,
    progress::Progress,
    store::{Call, SetOptions, Store, check_key, check_size, settings::Settings},
};

/// Those of the process.
static TURNS: Turns = Turns::new(api::allow_interaction);

/// The calls that may ask the user, and then wait for as long as the user takes to answer.
static ASKING: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));
/// The calls that never ask the user, other than those in [`LOOKUP`].
pub(super) static SILENT: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));
/// `has` and `list`, which never ask the user. The system makes them wait while it asks the user about an item that
/// they look up, so they have a lane of their own: in [`SILENT`], they would hold up calls that must not wait for
/// the user.
pub(super) static LOOKUP: LazyLock<Lane> = LazyLock::new(|| Lane::new(3));

/// The keychains of the person: the default one for what is new, and all that are searched for what is there.
pub struct Keychain(());

impl Keychain {
    /// Those of the process. They need no settings.
    ///
    /// # Errors
    ///
    /// None; other systems have some.
    pub fn from_environment(_: &Settings) -> Result<Self, Error> {
        Ok(Self(()))
    }
}

/// Does what may ask the person, or must not: see [`Turns`]. `None` where it must not, and is about an item that is
/// not there.
fn in_turn<T>(
    interactive: bool,
    item: Option<&Key>,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if interactive {
        let _turn = TURNS.asking();
        return work().map(Some);
    }
    // While the system asks for another call, what follows might have to wait with that.
    if !TURNS.is_quiet(PATIENCE) {
        return Err(Error::Asking);
    }
    if let Some(key) = item
        && api::attributes(&query::presence(key))?.is_empty()
    {
        return Ok(None);
    }
    // While nothing is switched: for some seconds an open keychain goes by whether it might ask for its password
    // when it was opened, and would do so, or would not do so for the next call, which may.
    if !api::DefaultKeychain::open()?.state()?.unlocked {
        return Err(api::failure("SecKeychainGetStatus", INTERACTION_NOT_ALLOWED));
    }
    let _turn = TURNS.silent(PATIENCE).ok_or(Error::Asking)?;
    work().map(Some).map_err(|error| match error {
        // Nobody was asked, so that nobody was wrong.
        Error::Keychain { operation, status: AUTH_FAILED, .. } => {
            api::failure(operation, INTERACTION_NOT_ALLOWED)
        }
        error => error,
    })
}

/// What is answered where nothing was found. The system finds nothing, too, where it cannot search the person's
/// keychains, and that is an error.
fn nothing<T>(answer: T) -> Result<T, Error> {
    api::DefaultKeychain::open()?.state().map(|_| answer)
}

/// Whether there is an item. It takes no turn: what is not encrypted is read without asking. Where the person is
/// being asked for that very item, the system has it wait until they have answered.
fn is_there(key: &Key) -> Result<bool, Error> {
    match api::attributes(&query::presence(key))?.is_empty() {
        true => nothing(false),
        false => Ok(true),
    }
}

/// The lane of a call that may ask the user, or must not.
fn lane(interactive: bool) -> &'static Lane {
    if interactive { &ASKING } else { &SILENT }
}

/// Reads the value of an item.
pub(super) async fn read(key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
    check_key(key)?;
    let (key, interactive) = (key.clone(), progress.is_interactive());
    let read = move || {
        let value = || api::value(&query::value(&key, interactive));
        match in_turn(interactive, Some(&key), value)?.flatten() {
            None => nothing(None),
            found => Ok(found),
        }
    };
    lane(interactive).run(read).await
}

/// Changes an item.
async fn change<T: Send + 'static>(
    progress: &Progress,
    work: impl FnOnce(bool) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let interactive = progress.is_interactive();
    lane(interactive).change(progress, move || work(interactive)).await
}

/// Adds an item, or updates the one that is there.
fn write(item: &Query, new: &Query, value: &Secret) -> Result<(), Error> {
    if api::add(new)? || api::update(item, &query::change(value))? {
        return Ok(());
    }
    // Another has deleted it meanwhile. Where not, the default keychain, which has it, is not searched.
    match api::add(new)? {
        true => Ok(()),
        false => Err(api::failure("SecItemUpdate", ITEM_NOT_FOUND)),
    }
}

impl Store for Keychain {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(read(key, progress))
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
            change(progress, move |interactive| {
                let new = query::new(&key, &value, options.unrestricted, interactive);
                let write = || write(&query::item(&key, interactive), &new, &value);
                in_turn(interactive, None, write).map(drop)
            })
            .await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            change(progress, move |interactive| {
                let delete = || api::delete(&query::item(&key, interactive));
                match in_turn(interactive, Some(&key), delete)? {
                    Some(true) => Ok(true),
                    _ => nothing(false),
                }
            })
            .await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            LOOKUP.run(move || is_there(&key)).await
        })
    }

    fn needs_service(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            // What others keep there is nobody's business.
            let service = service.ok_or(Error::NeedsService)?.to_owned();
            LOOKUP.run(move || list(&service)).await
        })
    }
}

/// The keys of a service's items.
pub(super) fn list(service: &str) -> Result<Vec<Key>, Error> {
    if !is_valid_part(service) {
        return Err(Error::InvalidKey);
    }
    let keys = query::keys(service, api::attributes(&query::of_service(service))?);
    if keys.is_empty() { nothing(keys) } else { Ok(keys) }
}
