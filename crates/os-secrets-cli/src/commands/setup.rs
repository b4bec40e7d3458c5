//! `setup`: makes other programs ask us for their credentials, and takes that back.

use std::{ffi::OsString, path::Path};

use zeroize::Zeroizing;

use crate::{
    context::Context,
    exit_codes::FAILED,
    failure::{Failure, describe as describe_error},
    plain::{self, PlainFile, PlainFormat},
    setup::{
        self, CLIENTS, Change, Client, Recorded, Replacement,
        edit::{apply, revert},
        file::{ClientFile, change_file, copy_program, make_executable, remove_file},
        record::{change_record, read_record, take_turn},
    },
};
use os_secrets::{
    error::Error,
    printable::{printable, printable_path},
};

pub fn setup(
    context: &Context,
    client: Option<&str>,
    selected: Option<OsString>,
    dry_run: bool,
    undo: bool,
) -> Result<(), Failure> {
    context.reject_scope("setup")?;
    // Clients start us without this flag. The settings file counts for all of them.
    context.reject_store("setup, because clients use the store that your settings file names")?;
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
    // Two setups at once would both find that the client does not ask us.
    let _turn = if dry_run { None } else { Some(take_turn()?) };
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
    let copies = client.copies(context, selected)?;
    if changes.is_empty() && copies.is_empty() {
        return Ok(format!("{} asks os-secrets already\n", client.name()));
    }
    let mut text = String::new();
    for change in &changes {
        describe(&change.path, &change.replacements, dry_run, &mut text);
        if !dry_run {
            make_change(client, change)?;
        }
    }
    for path in &copies {
        let verb = if dry_run { "would copy" } else { "copied" };
        text.push_str(&format!("{verb} this program to {}\n", printable_path(path)));
        if !dry_run {
            make_copy(client, path)?;
        }
    }
    for note in client.notes(context) {
        context.note(&note);
    }
    Ok(text)
}

fn make_change(client: &dyn Client, change: &Change) -> Result<(), Failure> {
    if change.replacements.is_empty() {
        return Ok(make_executable(&change.path)?);
    }
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

fn make_copy(client: &dyn Client, path: &Path) -> Result<(), Failure> {
    let recorded = Recorded {
        client: client.name().to_owned(),
        path: path.to_owned(),
        is_new: true,
        replacements: Vec::new(),
    };
    change_record(|changes| changes.push(recorded))?;
    copy_program(path).map_err(Failure::Failed)
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
    let mut was_undone = false;
    change_file(&change.path, |found| {
        let undone = without_change(client, change, found)?;
        was_undone = undone.is_some();
        let undone = undone.filter(|_| !dry_run);
        if undone.as_ref().is_some_and(|undone| change.is_new && is_blank(undone)) {
            // While no other os-secrets changes it.
            remove_file(&found.path)?;
            return Ok::<_, Failure>(None);
        }
        Ok(undone.map(|undone| Zeroizing::new(undone.into_bytes())))
    })?;
    Ok(was_undone)
}

/// What a file holds without a change. `None` if the change is not in it any more.
fn without_change(
    client: &dyn Client,
    change: &Recorded,
    found: &ClientFile,
) -> Result<Option<String>, Failure> {
    if change.replacements.is_empty() {
        // It is a copy of this program.
        let is_ours = found.content.as_ref().is_some_and(|content| client.is_our_copy(content));
        return Ok(is_ours.then(String::new));
    }
    let text = found.text()?;
    match client.can_revert(change, text).then(|| revert(text, &change.replacements)).flatten() {
        Some(reverted) => Ok(Some(reverted)),
        None => client.without_ours(change, text),
    }
}

/// Whether a file holds nothing: it is empty, or an empty JSON object.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '{' || c == '}')
}

/// Appends what is changed in a file. Only what we insert and replace is shown: the rest may hold secrets. What we replace
/// names a program or a directory, and no client replaces a command with words that others have chosen.
fn describe(path: &Path, replacements: &[Replacement], dry_run: bool, text: &mut String) {
    let verb = if dry_run { "would change" } else { "changed" };
    text.push_str(&format!("{verb} {}\n", printable_path(path)));
    for Replacement { old, new, .. } in replacements {
        for (sign, part) in [('-', old), ('+', new)] {
            for line in part.lines().filter(|line| !line.trim().is_empty()) {
                // Indentation is no danger to a terminal.
                let columns: Vec<_> = line.trim_end().split('\t').map(printable).collect();
                text.push_str(&format!("{sign} {}\n", columns.join("\t")));
            }
        }
    }
}

/// Prints which clients ask us, and which files hold credentials in plain text. Fails if it cannot tell of one of them.
fn show_overview(context: &Context) -> Result<(), Failure> {
    let (mut text, mut is_complete) = (String::new(), true);
    let width = CLIENTS.iter().map(|client| client.name().len()).max().unwrap_or_default();
    for client in CLIENTS {
        let name = client.name();
        let state = match client.is_set_up(context) {
            Ok(true) => "asks os-secrets".to_owned(),
            Ok(false) => format!("does not ask os-secrets. Run: secrets setup {name}{}", client.argument()),
            Err(failure) => {
                is_complete = false;
                format!("unknown: {}", printable(&failure.message().unwrap_or_default()))
            }
        };
        text.push_str(&format!("{name:width$}  {state}\n"));
    }
    let mut found = String::new();
    for (format, path) in
        plain::FORMATS.iter().flat_map(|format| format.paths().into_iter().map(move |path| (format, path)))
    {
        match entries_of(*format, &path) {
            Ok(labels) if labels.is_empty() => {}
            Ok(labels) => {
                found.push_str(&format!("\n{}\n", printable_path(&path)));
                labels.iter().for_each(|label| found.push_str(&format!("  {}\n", printable(label))));
                found.push_str(&format!(
                    "  To store them, run: secrets import --from {} --delete\n",
                    format.name()
                ));
            }
            Err(error) => {
                is_complete = false;
                context.print_message(&describe_error(&error));
            }
        }
    }
    text.push_str(match (found.is_empty(), is_complete) {
        (true, true) => "\nNo credentials in plain text were found.\n",
        (true, false) => "",
        (false, _) => "\nCredentials in plain text:\n",
    });
    text.push_str(&found);
    context.output.write(text.as_bytes())?;
    if is_complete { Ok(()) } else { Err(Failure::Silent(FAILED)) }
}

/// The labels of the credentials in a client's file. Empty if there is no such file.
fn entries_of(format: &dyn PlainFormat, path: &Path) -> Result<Vec<String>, Error> {
    let found = ClientFile::read(path)?;
    let Some(content) = &found.content else { return Ok(Vec::new()) };
    let entries = format.entries(&PlainFile { path: &found.path, content })?;
    Ok(entries.into_iter().map(|entry| entry.label).collect())
}
