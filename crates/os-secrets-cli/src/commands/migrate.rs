//! `migrate`: copies credentials that other packages have stored.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::transfer::{CopyOutcome, NotDone, copy_each, copy_value};
use crate::{args::ServiceArg, context::Context, failure::Failure};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    scope::{Name, Preferences, SERVICE, User},
    store::{self, ForeignItem, Package},
};

/// A credential of another package.
#[derive(Clone)]
enum Origin {
    /// An item of the operating system's store.
    Item(ForeignItem),
    /// A secret in BusDK's preferences.
    Preference(User, Name),
}

pub fn migrate(context: &Context, from: &str, service: ServiceArg, delete: bool) -> Result<(), Failure> {
    context.reject_scope("migrate")?;
    let service = context.service(service)?;
    let package = match from {
        "keytar" => Some(Package::Keytar),
        "napi-rs" => Some(Package::NapiRs),
        "keyring" => Some(Package::Keyring),
        _ => None,
    };
    let (service, found) = match package {
        Some(package) => {
            let missing = || Failure::Usage("--service is missing: name the service to copy".into());
            let service = service.ok_or_else(missing)?;
            let found = find_items(context, package, service.clone())?;
            (service, found)
        }
        None => (service.unwrap_or_else(|| SERVICE.into()), find_preferences(context)?),
    };
    let mut counts = HashMap::new();
    for (name, _) in &found {
        *counts.entry(name.clone()).or_insert(0) += 1;
    }
    let found = found.into_iter().map(|(name, origin)| (name.clone(), (name, origin))).collect();
    copy_each(context, found, |(name, origin)| match counts[&name] {
        1 => migrate_one(context, Key { service: service.clone(), name }, origin, delete),
        _ => Err(NotDone::because(
            "was not copied: several credentials have this name, and it is unknown which one counts",
        )),
    })
}

fn find_items(context: &Context, package: Package, service: String) -> Result<Vec<(String, Origin)>, Error> {
    let items = context.call(Progress::reading(true), |progress| async move {
        store::os()?.list_foreign(package, &service, &progress).await
    })?;
    Ok(items.into_iter().map(|item| (item.name.clone(), Origin::Item(item))).collect())
}

fn find_preferences(context: &Context) -> Result<Vec<(String, Origin)>, Error> {
    let user = User::Preferences(Preferences::of_user());
    let names = context.call(Progress::reading(true), {
        let user = user.clone();
        |progress| async move { user.list(&progress).await }
    })?;
    Ok(names.into_iter().map(|name| (name.to_string(), Origin::Preference(user.clone(), name))).collect())
}

/// Copies one credential, and returns what was done.
fn migrate_one(context: &Context, key: Key, origin: Origin, delete: bool) -> Result<&'static str, NotDone> {
    let (from, to, store) = (origin.clone(), key.clone(), context.store());
    #[cfg(any(windows, target_os = "macos", keychain_model))]
    if let Origin::Item(item) = &origin
        && matches!(store, store::Choice::Os)
        && item.is_of(&key)
    {
        let item = item.clone();
        let kept = context.call(Progress::changing(true), |progress| async move {
            convert_in_place(&item, &to, &progress).await
        });
        // The original is our credential, too, so it must not be deleted.
        return kept.map(|()| "kept").map_err(|error| NotDone::failed("was not converted", &error));
    }
    let copied = context.call(Progress::changing(true), |progress| async move {
        let value = from.read(&progress).await?;
        copy_value(store.store()?, &to, &value, &progress).await
    });
    match copied {
        Ok(CopyOutcome::Copied) if !delete => return Ok("copied"),
        Ok(CopyOutcome::Unchanged) if !delete => return Ok("unchanged"),
        Ok(CopyOutcome::Copied | CopyOutcome::Unchanged) => {}
        Ok(CopyOutcome::Differs) => {
            return Err(NotDone::because(
                "was not copied: a different value is stored under this name; nothing was deleted",
            ));
        }
        Ok(CopyOutcome::Empty) => {
            return Err(NotDone::because("was not copied: the value is empty; nothing was deleted"));
        }
        Err(error) => return Err(NotDone::failed("was not copied", &error)),
    }
    let deleted = context
        .call(Progress::changing(true), |progress| async move { origin.delete(&key, &progress).await });
    match deleted {
        Ok(()) => Ok("moved"),
        Err(error) => Err(NotDone::failed("was copied, but the original was not deleted", &error)),
    }
}

/// Converts an item that is already ours to UTF-8.
#[cfg(windows)]
async fn convert_in_place(item: &ForeignItem, key: &Key, progress: &Progress) -> Result<(), Error> {
    let value = store::os()?.get_foreign(item, progress).await?;
    store::os()?.convert_foreign(key, &value, progress).await
}

/// Reads an item that is already ours. Keychain then asks the user, once, whether this program may read it.
#[cfg(any(target_os = "macos", keychain_model))]
async fn convert_in_place(item: &ForeignItem, _: &Key, progress: &Progress) -> Result<(), Error> {
    store::os()?.get_foreign(item, progress).await.map(drop)
}

impl Origin {
    async fn read(&self, progress: &Arc<Progress>) -> Result<Secret, Error> {
        match self {
            Self::Item(item) => store::os()?.get_foreign(item, progress).await,
            Self::Preference(user, name) => {
                let mut found = user.get_all(BTreeSet::from([name.clone()]), progress).await?;
                let not_found = || Error::NotFound { name: name.to_string(), place: "BusDK's preferences" };
                found.remove(name).ok_or_else(not_found)
            }
        }
    }

    async fn delete(&self, key: &Key, progress: &Progress) -> Result<(), Error> {
        match self {
            Self::Item(item) => store::os()?.delete_foreign(item, key, progress).await,
            Self::Preference(user, name) => user.delete(name, progress).await.map(drop),
        }
    }
}
