//! What the calls of a store mean to Keychain.

use super::{
    api,
    query::{self, Query},
    turns::{PATIENCE, Turns},
};
use crate::{
    credential::{Key, Secret},
    error::{Error, keychain::ITEM_NOT_FOUND},
    executor::blocking,
    limits::Progress,
    store::{Call, SetOptions, Store, check_key, check_size},
};

/// Those of the process.
static TURNS: Turns = Turns::new(api::allow_interaction);

/// The keychains of the person: the default one for what is new, and all that are searched for what is there.
pub struct Keychain(());

impl Keychain {
    /// Those of the process. They need no settings.
    ///
    /// # Errors
    ///
    /// None; other systems have some.
    pub fn from_environment() -> Result<Self, Error> {
        Ok(Self(()))
    }
}

/// Does what may ask the person, or must not: see [`Turns`].
fn in_turn<T>(interactive: bool, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    if interactive {
        let _turn = TURNS.asking();
        return work();
    }
    let _turn = TURNS.silent(PATIENCE).ok_or(Error::InteractionNotAllowed)?;
    work()
}

/// Has the pool read something.
pub(super) async fn read(key: &Key, progress: &Progress) -> Result<Option<Secret>, Error> {
    check_key(key)?;
    let (key, interactive) = (key.clone(), progress.is_interactive());
    blocking(move || in_turn(interactive, || api::value(&query::value(&key, interactive)))).await
}

/// Has the pool change something. It does so also where nobody waits for that any more.
async fn change<T: Send + 'static>(
    progress: &Progress,
    work: impl FnOnce(bool) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let interactive = progress.is_interactive();
    progress.sending();
    blocking(move || in_turn(interactive, || work(interactive))).await.inspect_err(|_| progress.refused())
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

    fn set<'a>(&'a self, key: &'a Key, value: &'a Secret, progress: &'a Progress) -> Call<'a, ()> {
        self.set_with(key, value, SetOptions::default(), progress)
    }

    fn set_with<'a>(
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
                write(&query::item(&key, interactive), &new, &value)
            })
            .await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            change(progress, move |interactive| api::delete(&query::item(&key, interactive))).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            let key = key.clone();
            // It takes no turn: what is not encrypted is read without asking, also while others ask.
            blocking(move || Ok(!api::attributes(&query::presence(&key))?.is_empty())).await
        })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            // What others keep there is nobody's business.
            let service = service.ok_or(Error::NeedsService)?.to_owned();
            blocking(move || list(&service)).await
        })
    }
}

/// The keys of a service's items.
pub(super) fn list(service: &str) -> Result<Vec<Key>, Error> {
    if service.is_empty() || service.contains('\0') {
        return Err(Error::InvalidKey);
    }
    Ok(query::keys(service, api::attributes(&query::of_service(service))?))
}
