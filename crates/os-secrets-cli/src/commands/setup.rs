//! `setup`: makes other programs ask us for their credentials, and takes that back.

use std::ffi::OsString;

use crate::{
    context::Context,
    failure::Failure,
    plain::{self, PlainFile},
    setup::{
        self, CLIENTS, Change, Client, Recorded, Replacement,
        edit::{apply, revert},
        file::{ClientFile, change_file, make_executable, remove_file},
        record::{change_record, read_record},
    },
};
use os_secrets::printable::printable_path;
use zeroize::Zeroizing;

pub fn setup(
    context: &Context,
    client: Option<&str>,
    selected: Option<OsString>,
    dry_run: bool,
    undo: bool,
) -> Result<(), Failure> {
    context.reject_scope("setup")?;
    let Some(name) = client else {
        if dry_run || undo {
            return Err(Failure::Usage("name the client, such as secrets setup git".into()));
        }
        return show_overview(context);
    };
    let client = setup::client(name).ok_or_else(|| {
        let names: Vec<_> = CLIENTS.iter().map(|client| client.name()).collect();
        Failure::Usage(format!("the client must be one of {}", names.join(", ")))
    })?;
    let selected = selected
        .map(OsString::into_string)
        .transpose()
        .map_err(|_| Failure::Usage("the word after the client must be UTF-8 text".into()))?;
    let text = if undo {
        undo_changes(context, client, dry_run)?
    } else {
        make_changes(context, client, selected.as_deref(), dry_run)?
    };
    context.output.write(text.as_bytes())
}

fn make_changes(
    context: &Context,
    client: &dyn Client,
    selected: Option<&str>,
    dry_run: bool,
) -> Result<String, Failure> {
    let changes = client.changes(context, selected)?;
    if changes.is_empty() {
        return Ok(format!("{} asks os-secrets already\n", client.name()));
    }
    let mut text = String::new();
    for change in &changes {
        describe(&change.path, &change.replacements, dry_run, &mut text);
        if !dry_run {
            make_change(client, change)?;
        }
    }
    for note in client.notes(context) {
        context.note(&note);
    }
    Ok(text)
}

fn make_change(client: &dyn Client, change: &Change) -> Result<(), Failure> {
    change_file(&change.path, |found| {
        let text = found.text()?;
        let fits = |replacement: &Replacement| {
            text.get(replacement.at..).is_some_and(|rest| rest.starts_with(&*replacement.old))
        };
        if !change.replacements.iter().all(fits) {
            return Err(Failure::Refused(
                format!("{} was changed meanwhile. Run the command again", printable_path(&found.path))
                    .into(),
            ));
        }
        // First, so that a change that was made can always be taken back.
        let recorded = Recorded {
            client: client.name().to_owned(),
            path: change.path.clone(),
            is_new: found.content.is_none(),
            replacements: change.replacements.clone(),
        };
        change_record(|changes| {
            if !changes.contains(&recorded) {
                changes.push(recorded);
            }
        })?;
        Ok(Some(Zeroizing::new(apply(text, &change.replacements).into_bytes())))
    })?;
    if change.is_program {
        make_executable(&change.path)?;
    }
    Ok(())
}

fn undo_changes(context: &Context, client: &dyn Client, dry_run: bool) -> Result<String, Failure> {
    let mut text = String::new();
    let recorded: Vec<_> =
        read_record()?.into_iter().filter(|change| change.client == client.name()).collect();
    for change in recorded.iter().rev() {
        if undo_change(client, change, dry_run)? {
            let would = if dry_run { "would restore" } else { "restored" };
            text.push_str(&format!("{would} {}\n", printable_path(&change.path)));
        }
        if !dry_run {
            change_record(|changes| changes.retain(|other| other != change))?;
        }
    }
    if text.is_empty() {
        text.push_str(&format!("nothing that secrets setup {} has changed is left\n", client.name()));
    }
    if !dry_run && client.is_set_up(context)? {
        context.note(&format!("{} still asks os-secrets: something else has configured that", client.name()));
    }
    Ok(text)
}

/// Takes a change back. Returns whether something of it was left.
fn undo_change(client: &dyn Client, change: &Recorded, dry_run: bool) -> Result<bool, Failure> {
    if ClientFile::read(&change.path)?.content.is_none() {
        return Ok(false);
    }
    let (mut was_undone, mut remove) = (false, None);
    change_file(&change.path, |found| {
        let text = found.text()?;
        let reverted = client.can_revert(change, text).then(|| revert(text, &change.replacements)).flatten();
        let undone = match reverted {
            Some(undone) => Some(undone),
            None => client.without_ours(change, text)?,
        };
        was_undone = undone.is_some();
        let undone = undone.filter(|_| !dry_run);
        if undone.as_ref().is_some_and(|undone| change.is_new && is_blank(undone)) {
            remove = Some(found.path.clone());
            return Ok::<_, Failure>(None);
        }
        Ok(undone.map(|undone| Zeroizing::new(undone.into_bytes())))
    })?;
    if let Some(path) = remove {
        remove_file(&path)?;
    }
    Ok(was_undone)
}

/// Whether a file holds nothing: it is empty, or an empty JSON object.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '{' || c == '}')
}

/// Appends what is changed in a file. Only what we insert and replace is shown: the rest may hold secrets.
fn describe(path: &std::path::Path, replacements: &[Replacement], dry_run: bool, text: &mut String) {
    let verb = if dry_run { "would change" } else { "changed" };
    text.push_str(&format!("{verb} {}\n", printable_path(path)));
    for Replacement { old, new, .. } in replacements {
        for (sign, part) in [('-', old), ('+', new)] {
            for line in part.lines().filter(|line| !line.trim().is_empty()) {
                text.push_str(&format!("{sign} {}\n", line.trim_end()));
            }
        }
    }
}

/// Prints which clients ask us, and which files hold credentials in plain text.
fn show_overview(context: &Context) -> Result<(), Failure> {
    let mut text = String::new();
    for client in CLIENTS {
        let state = match client.is_set_up(context) {
            Ok(true) => "asks os-secrets".to_owned(),
            Ok(false) => format!("not set up; run secrets setup {}", client.name()),
            Err(failure) => failure.message().unwrap_or_default(),
        };
        text.push_str(&format!("{:10}{state}\n", client.name()));
    }
    let plain: Vec<_> = plain::FORMATS
        .iter()
        .flat_map(|format| format.paths().into_iter().map(move |path| (*format, path)))
        .filter_map(|(format, path)| {
            let found = ClientFile::read(&path);
            let content = match &found {
                Ok(found) => found.content.as_ref()?,
                Err(error) => return Some(vec![format!("{}: {error}\n", printable_path(&path))]),
            };
            let file = PlainFile { path: &path, content };
            Some(match format.entries(&file) {
                Ok(entries) => {
                    let line = |label: &str| {
                        format!(
                            "{}: {label} (secrets import --from {})\n",
                            printable_path(&path),
                            format.name()
                        )
                    };
                    entries.iter().map(|entry| line(&entry.label)).collect()
                }
                Err(error) => vec![format!("{error}\n")],
            })
        })
        .flatten()
        .collect();
    text.push_str(match plain.is_empty() {
        true => "\nno credentials in plain text were found in the files of these programs\n",
        false => "\nin plain text:\n",
    });
    text.extend(plain);
    context.output.write(text.as_bytes())
}
