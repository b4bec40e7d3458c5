//! `migrate`: copies what other packages have stored.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Context, Failure,
    args::Service,
    copy::{Copy, Undone, copy_each, copy_to},
};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    scope::{Name, Preferences, SERVICE, User},
    store::{self, ForeignItem, Package},
};

/// Where a credential comes from.
#[derive(Clone)]
enum Origin {
    Item(ForeignItem),
    Preference(User, Name),
}

pub fn migrate(context: &Context, from: &str, service: Service, delete: bool) -> Result<(), Failure> {
    context.without_scope("migrate")?;
    let service = context.service(service)?;
    let required = || Failure::Usage("--service is missing: whose credentials are to be copied".into());
    let package = match from {
        "keytar" => Some(Package::Keytar),
        "napi-rs" => Some(Package::NapiRs),
        _ => None,
    };
    let (service, found) = match package {
        Some(package) => {
            let service = service.ok_or_else(required)?;
            let found = items(context, package, service.clone())?;
            (service, found)
        }
        None => (service.unwrap_or_else(|| SERVICE.into()), preferences(context)?),
    };
    let mut counts = HashMap::new();
    for (name, _) in &found {
        *counts.entry(name.clone()).or_insert(0) += 1;
    }
    let found = found.into_iter().map(|(name, origin)| (name.clone(), (name, origin))).collect();
    copy_each(context, found, |(name, origin)| match counts[&name] {
        1 => copy(context, Key { service: service.clone(), name }, origin, delete),
        _ => Err(Undone::because("there are several of this name, and which counts is not known")),
    })
}

fn items(context: &Context, package: Package, service: String) -> Result<Vec<(String, Origin)>, Error> {
    let items = context.call(Progress::reading(true), |progress| async move {
        store::os()?.list_foreign(package, &service, &progress).await
    })?;
    Ok(items.into_iter().map(|item| (item.name.clone(), Origin::Item(item))).collect())
}

fn preferences(context: &Context) -> Result<Vec<(String, Origin)>, Error> {
    let user = User::Preferences(Preferences::of_user());
    let names = context.call(Progress::reading(true), {
        let user = user.clone();
        |progress| async move { user.list(&progress).await }
    })?;
    Ok(names.into_iter().map(|name| (name.to_string(), Origin::Preference(user.clone(), name))).collect())
}

/// Copies one, and says what was done.
fn copy(context: &Context, key: Key, origin: Origin, delete: bool) -> Result<&'static str, Undone> {
    let (from, to, chosen) = (origin.clone(), key.clone(), context.store());
    #[cfg(not(target_os = "linux"))]
    if let Origin::Item(item) = &origin
        && matches!(chosen, store::Choice::Os)
        && item.is_of(&key)
    {
        let item = item.clone();
        let kept = context
            .call(Progress::changing(true), |progress| async move { keep(&item, &to, &progress).await });
        // It is the very item: deleting it would delete the credential.
        return kept.map(|()| "kept").map_err(|error| Undone::failed("is not converted", &error));
    }
    let copied = context.call(Progress::changing(true), |progress| async move {
        let value = from.read(&progress).await?;
        copy_to(chosen.store()?, &to, &value, &progress).await
    });
    match copied {
        Ok(Copy::Done) if !delete => return Ok("copied"),
        Ok(Copy::Done) => {}
        Ok(Copy::Differs) => {
            return Err(Undone::because("another value is there under this name; nothing was deleted"));
        }
        Ok(Copy::Empty) => return Err(Undone::because("it is empty; nothing was deleted")),
        Err(error) => return Err(Undone::failed("is not copied", &error)),
    }
    let removed = context
        .call(Progress::changing(true), |progress| async move { origin.remove(&key, &progress).await });
    match removed {
        Ok(()) => Ok("moved"),
        Err(error) => Err(Undone::failed("is copied, but the old one is not deleted", &error)),
    }
}

/// Makes UTF-8 of what is the very item of a key.
#[cfg(windows)]
async fn keep(item: &ForeignItem, key: &Key, progress: &Progress) -> Result<(), Error> {
    let value = store::os()?.get_foreign(item, progress).await?;
    store::os()?.convert_foreign(key, &value, progress).await
}

/// Sees to it that this program may read what is the very item of a key, by reading it: Keychain asks the person
/// the first time.
#[cfg(target_os = "macos")]
async fn keep(item: &ForeignItem, _: &Key, progress: &Progress) -> Result<(), Error> {
    store::os()?.get_foreign(item, progress).await.map(drop)
}

impl Origin {
    async fn read(&self, progress: &Arc<Progress>) -> Result<Secret, Error> {
        match self {
            Self::Item(item) => store::os()?.get_foreign(item, progress).await,
            Self::Preference(user, name) => {
                let mut found = user.get_all(BTreeSet::from([name.clone()]), progress).await?;
                let gone = || Error::NotFound { name: name.to_string(), place: "BusDK's preferences" };
                found.remove(name).ok_or_else(gone)
            }
        }
    }

    async fn remove(&self, key: &Key, progress: &Progress) -> Result<(), Error> {
        match self {
            Self::Item(item) => store::os()?.delete_foreign(item, key, progress).await,
            Self::Preference(user, name) => user.delete(name, progress).await.map(drop),
        }
    }
}
