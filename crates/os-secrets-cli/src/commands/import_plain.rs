//! `import --from`: stores the credentials that another program keeps in plain text, and takes them out of its file.

use std::{cell::RefCell, path::PathBuf};

use super::transfer::{ImportRules, ImportStep, NotDone, do_each};
use crate::{
    context::{Context, Target},
    exit_codes::FAILED,
    failure::Failure,
    plain::{PlainEntry, PlainFile, PlainFindings, PlainFormat, UnmovedEntry},
    setup::file::{ClientFile, change_file},
};
use os_secrets::{
    credential::{Key, Secret},
    file::Access,
    printable::{printable, printable_path},
};

/// What to do with the credentials of a file.
#[derive(Clone, Copy)]
pub struct PlainImport {
    pub rules: ImportRules,
    /// Whether an entry is deleted from the file after its value was stored and read back.
    pub delete: bool,
}

/// The credentials that are in the store, or would be in a dry run, because of the entries so far.
type Kept = RefCell<Vec<(Key, Secret)>>;

/// Imports one file, or those that the client has.
pub fn import_plain(
    context: &Context,
    format: &dyn PlainFormat,
    file: Option<PathBuf>,
    import: PlainImport,
) -> Result<(), Failure> {
    let paths = match file {
        Some(file) => vec![context.path(&file)],
        None => format.paths(),
    };
    context.reject_output_over(&paths)?;
    let (mut count, mut failed) = (0, None);
    let kept = Kept::default();
    for path in &paths {
        let found = ClientFile::read(path)?;
        let Some(content) = &found.content else { continue };
        count += 1;
        match import_file(context, format, &PlainFile { path: &found.path, content }, import, &kept) {
            Err(Failure::Silent(code)) => failed = failed.max(Some(code)),
            done => done?,
        }
    }
    if count == 0 {
        let names: Vec<_> = paths.iter().map(printable_path).collect();
        let reason = format!("there is no file {}; nothing was imported", names.join(" or "));
        return Err(Failure::Refused(reason.into()));
    }
    failed.map_or(Ok(()), |code| Err(Failure::Silent(code)))
}

fn import_file(
    context: &Context,
    format: &dyn PlainFormat,
    file: &PlainFile<'_>,
    import: PlainImport,
    kept: &Kept,
) -> Result<(), Failure> {
    let path = file.path;
    if import.delete && !import.rules.dry_run {
        format.lock().remove_stale(path)?;
    }
    let PlainFindings { entries, skipped, refused } = format.find(file).map_err(Failure::Failed)?;
    let shown = printable_path(path);
    for UnmovedEntry { name, reason } in &skipped {
        context.note(&format!("skipped {name} in {shown}: {reason}"));
    }
    for UnmovedEntry { name, reason } in &refused {
        context.print_message(&format!("not stored: {name} in {shown}: {reason}"));
    }
    if entries.is_empty() && refused.is_empty() {
        context.note(&match skipped.is_empty() {
            true => format!("{shown} has no credentials in plain text"),
            false => format!("{shown} has nothing that can be imported"),
        });
        return Ok(());
    }
    let stored = RefCell::new(Vec::new());
    let labelled = entries.into_iter().map(|entry| (entry.label.clone(), entry)).collect();
    let done = do_each(context, "stored", labelled, |entry: PlainEntry| {
        // Else the entry would take the place of one that is out of its file by now, also with --force.
        if kept.borrow().iter().any(|(key, value)| *key == entry.key && *value != entry.value) {
            return Err(NotDone::because(
                "was not stored: an entry before it has another value for the same credential. Remove one of the two",
            ));
        }
        let did = store_entry(context, &entry, import)?;
        kept.borrow_mut().push((entry.key.clone(), entry.value.clone()));
        stored.borrow_mut().push(entry);
        Ok(did)
    });
    let done = match (done, refused.is_empty()) {
        (Ok(()), false) => Err(Failure::Silent(FAILED)),
        (done, _) => done,
    };
    let stored = stored.into_inner();
    if import.rules.dry_run || stored.is_empty() {
        return done;
    }
    let can_leave = stored.iter().any(|entry| !entry.cuts.is_empty());
    if import.delete && can_leave {
        delete_entries(context, format, path, &stored)?;
    } else if can_leave {
        context.note(&format!(
            "{shown} still holds the values. To delete them there, run the command again with --delete"
        ));
    }
    for entry in stored.iter().filter(|entry| entry.cuts.is_empty()) {
        let label = printable(&entry.label);
        context.note(&format!("{label} stays in {shown}, too, because of an entry that was skipped"));
    }
    done
}

/// Stores the value of an entry and reads it back, unless a different one is stored. Returns what was done.
fn store_entry(context: &Context, entry: &PlainEntry, import: PlainImport) -> Result<&'static str, NotDone> {
    let fail = |error| NotDone::failed("was not stored", &error);
    let target = Target::Credential(entry.key.clone());
    let read = || -> Result<Option<Secret>, NotDone> { context.get_value(&target).map_err(fail) };
    let done = match import.rules.choose(read()?.as_ref(), &entry.value, "")? {
        ImportStep::Nothing(done) => return Ok(done),
        ImportStep::Store(done) => done,
    };
    context.set_value(target.clone(), entry.value.clone()).map_err(fail)?;
    match read()?.as_ref() == Some(&entry.value) {
        true => Ok(done),
        false => Err(NotDone::because(
            "was stored, but the store returns another value. Its entry stays in the file",
        )),
    }
}

/// Deletes entries that were stored from their file. An entry that another program has changed meanwhile stays.
fn delete_entries(
    context: &Context,
    format: &dyn PlainFormat,
    path: &std::path::Path,
    stored: &[PlainEntry],
) -> Result<(), Failure> {
    let mut count = 0;
    change_file(path, Access::AsBefore, format.lock(), |found| {
        let Some(content) = &found.content else { return Ok::<_, Failure>(None) };
        let file = PlainFile { path: &found.path, content };
        let mut entries = format.find(&file).map_err(Failure::Failed)?.entries;
        entries.retain(|entry| !entry.cuts.is_empty());
        let is_stored = |entry: &&PlainEntry| {
            stored.iter().any(|other| other.key == entry.key && other.value == entry.value)
        };
        let shares =
            |entry: &&PlainEntry| entries.iter().any(|other| other.cuts == entry.cuts && !is_stored(&other));
        let chosen: Vec<_> = entries.iter().filter(is_stored).filter(|entry| !shares(entry)).collect();
        count = chosen.len();
        Ok((count > 0).then(|| format.without(content, &chosen)))
    })?;
    let noun = if count == 1 { "entry" } else { "entries" };
    context.note(&format!("deleted {count} {noun} from {}", printable_path(path)));
    Ok(())
}
