//! `copy`: copies credentials from one store to another.

use std::ffi::OsString;

use super::transfer::{CopyOutcome, NotDone, copy_each, copy_value};
use crate::{args::ServiceArg, context::Context, failure::Failure, selected_store::SelectedStore};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    file,
    progress::Progress,
    store::{
        Choice,
        file::keys::{is_whole_identity, user_identity},
    },
};

pub fn copy(context: &Context, from: OsString, to: OsString, service: ServiceArg) -> Result<(), Failure> {
    context.reject_scope("copy")?;
    context.reject_store("copy")?;
    let service = context.service(service)?;
    let from = SelectedStore::parse(from, &context.directory)?;
    let to = SelectedStore::parse(to, &context.directory)?;
    check_stores(context, &from, &to)?;
    let (from, to) = (from.choice(), to.choice());
    let keys = context.call(Progress::reading(true), {
        let from = from.clone();
        |progress| async move { from.store()?.list(service.as_deref(), &progress).await }
    })?;
    let keys = keys.into_iter().map(|key| (key.label(), key)).collect();
    copy_each(context, keys, |key| copy_credential(context, &from, &to, key))
}

/// Checks that the stores are two, and that nothing that is read will be overwritten.
fn check_stores(context: &Context, from: &SelectedStore, to: &SelectedStore) -> Result<(), Failure> {
    if from.is_same(to) {
        return Err(Failure::Usage("--from and --to name the same store".into()));
    }
    if let (SelectedStore::File(source), SelectedStore::File(_)) = (from, to)
        && source.path().is_ok_and(|path| to.paths().iter().any(|own| file::is_same(own, path)))
    {
        return Err(Failure::Usage(
            "--from names the backup of --to, which the first change replaces; copy the backup elsewhere first"
                .into(),
        ));
    }
    for store in [from, to] {
        context.reject_output_over(&store.paths())?;
    }
    if let SelectedStore::File(file) = from
        && !file.path()?.exists()
    {
        return Err(Error::NoFile { path: file.path()?.to_owned(), key_is_given: false }.into());
    }
    Ok(())
}

/// Copies a credential, and returns what was done.
fn copy_credential(context: &Context, from: &Choice, to: &Choice, key: Key) -> Result<&'static str, NotDone> {
    let (from, to) = (from.clone(), to.clone());
    let copied = context.call(Progress::changing(true), |progress| async move {
        let not_found = || Error::NotFound { name: key.label(), place: "the store to copy from" };
        let value = from.store()?.get(&key, &progress).await?.ok_or_else(not_found)?;
        if opens_files(&key, &value) {
            return Ok(None);
        }
        copy_value(to.store()?, &key, &value, &progress).await.map(Some)
    });
    let Some(outcome) = copied.transpose() else {
        context.note("the identity that opens encrypted files is not copied: who can read the copy could read those files");
        return Ok("left out");
    };
    match outcome {
        Ok(CopyOutcome::Copied) => Ok("copied"),
        Ok(CopyOutcome::Unchanged) => Ok("unchanged"),
        Ok(CopyOutcome::Differs) => Err(NotDone::because(
            "was not copied: a different value is stored under this name; nothing was changed",
        )),
        Ok(CopyOutcome::Empty) => Err(NotDone::because("was not copied: the value is empty")),
        Err(error) => Err(NotDone::failed("was not copied", &error)),
    }
}

/// Whether a credential is the user's identity in the operating system's store. A secret may have the same name.
fn opens_files(key: &Key, value: &Secret) -> bool {
    *key == user_identity() && is_whole_identity(value)
}
