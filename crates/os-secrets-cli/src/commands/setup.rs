//! `setup`: makes other programs ask us for their credentials, and takes that back.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::doctor::is_store_working;
use crate::{
    context::Context,
    exit_codes::FAILED,
    failure::{Failure, describe as describe_error},
    plain::{self, PlainFile, PlainFindings, PlainFormat, UnmovedEntry},
    setup::{
        self, CLIENTS, FileChange, Recorded, Replacement, SetupClient,
        edit::{apply, into_bytes, revert},
        file::{
            ClientFile, change_file, copy_program, missing_directories, remove_empty_directories, remove_file,
        },
        record::{change_record, read_record, take_turn},
    },
};
use os_secrets::{
    error::Error,
    file::{Access, failure, make_executable},
    printable::{printable, printable_path},
};

/// How often a setup begins again if other programs change the file meanwhile.
const MAX_ATTEMPTS: usize = 10;

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
    if !dry_run {
        for change in read_record()?.iter().filter(|change| change.client == client.name()) {
            client.lock().remove_stale(&change.path)?;
        }
    }
    let text = if undo {
        undo_changes(context, client, dry_run)?
    } else {
        make_changes(context, client, selected.as_deref(), dry_run)?
    };
    context.output.write(text.as_bytes())
}

fn make_changes(
    context: &Context,
    client: &dyn SetupClient,
    selected: Option<&str>,
    dry_run: bool,
) -> Result<String, Failure> {
    let mut text = String::new();
    for attempt in 1.. {
        let changes = client.changes(context, selected)?;
        let copies = client.copies(context, selected)?;
        if changes.is_empty() && copies.is_empty() && text.is_empty() {
            print_warnings(context, client, selected);
            let state = match client.is_set_up(context)? {
                true => "asks os-secrets already",
                false => "is set up already, but does not ask os-secrets",
            };
            return Ok(format!("{} {state}\n", client.name()));
        }
        match apply_changes(client, &changes, &copies, dry_run, &mut text)? {
            None => break,
            Some(path) if attempt == MAX_ATTEMPTS => {
                let path = printable_path(path);
                return Err(Failure::Refused(
                    format!("another program keeps changing {path}. Run the command again when it has ended")
                        .into(),
                ));
            }
            Some(_) => {}
        }
    }
    for note in client.notes(context) {
        context.note(&note);
    }
    print_warnings(context, client, selected);
    if !dry_run && !is_store_working(context) {
        context.note(&format!(
            "the credential store does not work, so that {} will get an error when it asks os-secrets. Run secrets doctor",
            client.name()
        ));
    }
    Ok(text)
}

/// Makes changes, and appends what was done to a text. Returns the path of a file that another program has changed
/// meanwhile: it and those behind it are left as they are.
fn apply_changes(
    client: &dyn SetupClient,
    changes: &[FileChange],
    copies: &[PathBuf],
    dry_run: bool,
    text: &mut String,
) -> Result<Option<PathBuf>, Failure> {
    for change in changes {
        if !dry_run && !make_change(client, change)? {
            return Ok(Some(change.path.clone()));
        }
        describe(&change.path, &change.replacements, dry_run, text);
    }
    for path in copies {
        if !dry_run {
            make_copy(client, path)?;
        }
        let verb = if dry_run { "would copy" } else { "copied" };
        text.push_str(&format!("{verb} this program to {}\n", printable_path(path)));
    }
    Ok(None)
}

fn print_warnings(context: &Context, client: &dyn SetupClient, selected: Option<&str>) {
    for warning in client.warnings(context, selected) {
        context.note(&warning);
    }
}

/// Makes a change. Returns false if another program has changed the file meanwhile, which is then left as it is.
fn make_change(client: &dyn SetupClient, change: &FileChange) -> Result<bool, Failure> {
    if change.replacements.is_empty() {
        let made = make_executable(&change.path);
        made.map_err(|error| failure("Cannot make a program of", &change.path, error))?;
        return Ok(true);
    }
    let new_directories = missing_directories(&change.path);
    let access = if change.is_program { Access::Program } else { Access::AsBefore };
    let mut is_made = false;
    change_file(&change.path, access, client.lock(), |found| {
        if found.text()? != change.before.as_str() {
            return Ok(None);
        }
        // First, so that a change that was made can always be taken back.
        let recorded = Recorded {
            client: client.name().to_owned(),
            path: change.path.clone(),
            is_new: found.content.is_none(),
            new_directories,
            replacements: change.replacements.clone(),
        };
        change_record(|changes| {
            if !changes.contains(&recorded) {
                changes.push(recorded);
            }
        })?;
        is_made = true;
        Ok(Some(into_bytes(apply(&change.before, &change.replacements))))
    })
    // The exit codes of stores are not for the files of clients.
    .map_err(Failure::of_any_kind)?;
    Ok(is_made)
}

fn make_copy(client: &dyn SetupClient, path: &Path) -> Result<(), Failure> {
    let recorded = Recorded {
        client: client.name().to_owned(),
        path: path.to_owned(),
        is_new: true,
        new_directories: missing_directories(path),
        replacements: Vec::new(),
    };
    change_record(|changes| changes.push(recorded))?;
    copy_program(path).map_err(Failure::Failed)
}

fn undo_changes(context: &Context, client: &dyn SetupClient, dry_run: bool) -> Result<String, Failure> {
    let mut text = String::new();
    let recorded: Vec<_> =
        read_record()?.into_iter().filter(|change| change.client == client.name()).collect();
    for change in recorded.iter().rev() {
        let verb = match (undo_change(client, change, dry_run)?, dry_run) {
            (Undone::Nothing, _) => None,
            (Undone::Restored, false) => Some("restored"),
            (Undone::Restored, true) => Some("would restore"),
            (Undone::Removed, false) => Some("removed"),
            (Undone::Removed, true) => Some("would remove"),
        };
        if let Some(verb) = verb {
            text.push_str(&format!("{verb} {}\n", printable_path(&change.path)));
        }
        if !dry_run && !change.path.exists() {
            remove_empty_directories(&change.new_directories);
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

/// What came of taking a change back.
#[derive(Clone, Copy)]
enum Undone {
    /// Nothing of the change was left.
    Nothing,
    /// The file is as it was, beside what others have changed.
    Restored,
    /// We had made the file, and nothing else was in it.
    Removed,
}

/// Takes a change back. In a dry run, only finds out what would come of it.
fn undo_change(client: &dyn SetupClient, change: &Recorded, dry_run: bool) -> Result<Undone, Failure> {
    if ClientFile::read(&change.path)?.content.is_none() {
        return Ok(Undone::Nothing);
    }
    let mut outcome = Undone::Nothing;
    change_file(&change.path, Access::AsBefore, client.lock(), |found| {
        let Some(undone) = without_change(client, change, found)? else { return Ok(None) };
        outcome = if change.is_new && is_blank(&undone) { Undone::Removed } else { Undone::Restored };
        if let (Undone::Removed, false) = (outcome, dry_run) {
            // While no other os-secrets changes it.
            remove_file(&found.path)?;
        }
        let is_written = matches!(outcome, Undone::Restored) && !dry_run;
        Ok::<_, Failure>(is_written.then(|| into_bytes(undone)))
    })
    .map_err(Failure::of_any_kind)?;
    Ok(outcome)
}

/// What a file holds without a change. `None` if the change is not in it any more.
fn without_change(
    client: &dyn SetupClient,
    change: &Recorded,
    found: &ClientFile,
) -> Result<Option<Zeroizing<String>>, Failure> {
    if change.replacements.is_empty() {
        // It is a copy of this program.
        let is_ours = found.content.as_ref().is_some_and(|content| client.is_our_copy(content));
        return Ok(is_ours.then(Zeroizing::default));
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

/// Appends what is changed in a file. Only what we insert and replace is shown: the rest may hold secrets.
fn describe(path: &Path, replacements: &[Replacement], dry_run: bool, text: &mut String) {
    let verb = if dry_run { "would change" } else { "changed" };
    text.push_str(&format!("{verb} {}\n", printable_path(path)));
    for Replacement { old, new, .. } in replacements {
        let old = old.lines().map(|line| ('-', show_former(line)));
        let new = new.lines().map(|line| ('+', line.to_owned()));
        for (sign, line) in old.chain(new).filter(|(_, line)| !line.trim().is_empty()) {
            // Indentation is no danger to a terminal.
            let columns: Vec<_> = line.trim_end().split('\t').map(printable).collect();
            text.push_str(&format!("{sign} {}\n", columns.join("\t")));
        }
    }
}

/// A line that is replaced, without what may be a secret among the words of a command: the key, and the name of the program.
fn show_former(line: &str) -> String {
    const OTHER: &str = "another command";
    let Some(end) = line.find('=').or_else(|| line.find(':')) else {
        let is_word = line.chars().any(char::is_alphanumeric);
        return if is_word { OTHER.into() } else { line.to_owned() };
    };
    let (key, value) = line.split_at(end + 1);
    let bare = value.trim().trim_matches(['"', '\'', ',']);
    let word = bare.split_whitespace().next().unwrap_or_default();
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_name = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let is_path = |c: char| is_name(c) || "/\\:~".contains(c);
    match (value.trim().is_empty(), name.chars().all(is_name) && word.chars().all(is_path)) {
        (true, _) => line.to_owned(),
        // The name alone.
        (false, true) if bare == name && !name.starts_with('-') => line.to_owned(),
        (false, true) if !name.is_empty() && !name.starts_with('-') => format!("{key} {name}"),
        _ => format!("{key} {OTHER}"),
    }
}

/// Prints which clients ask us, and which files hold credentials in plain text. Fails if it cannot tell of one of them.
fn show_overview(context: &Context) -> Result<(), Failure> {
    let (mut text, mut is_complete) = (String::new(), true);
    let width = CLIENTS.iter().map(|client| client.name().len()).max().unwrap_or_default();
    for client in CLIENTS {
        let name = client.name();
        let is_set_up = client.is_set_up(context);
        let state = match &is_set_up {
            Ok(true) => "asks os-secrets".to_owned(),
            Ok(false) => format!("does not ask os-secrets. Run: secrets setup {name}{}", client.argument()),
            Err(failure) => {
                is_complete = false;
                format!("unknown: {}", printable(&failure.message().unwrap_or_default()))
            }
        };
        text.push_str(&format!("{name:width$}  {state}\n"));
        if matches!(is_set_up, Ok(true)) {
            for warning in client.warnings(context, None) {
                text.push_str(&format!("{:width$}  {}\n", "", printable(&warning)));
            }
        }
    }
    let mut found = String::new();
    for (format, path) in
        plain::FORMATS.iter().flat_map(|format| format.paths().into_iter().map(move |path| (format, path)))
    {
        match find_entries(*format, &path) {
            Ok(findings) => describe_entries(*format, &path, &findings, &mut found),
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

/// What a client's file holds: nothing if there is no such file.
fn find_entries(format: &dyn PlainFormat, path: &Path) -> Result<PlainFindings, Error> {
    let found = ClientFile::read(path)?;
    let Some(content) = &found.content else { return Ok(PlainFindings::default()) };
    format.find(&PlainFile { path: &found.path, content })
}

/// Appends the entries of a client's file: those that can be moved into the store, with the command for that, and the others,
/// with the reason.
fn describe_entries(format: &dyn PlainFormat, path: &Path, findings: &PlainFindings, text: &mut String) {
    let PlainFindings { entries, skipped, refused } = findings;
    if entries.is_empty() && skipped.is_empty() && refused.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", printable_path(path)));
    let (staying, movable): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.cuts.is_empty());
    for entry in &movable {
        text.push_str(&format!("  {}\n", printable(&entry.label)));
    }
    for entry in staying {
        let label = printable(&entry.label);
        text.push_str(&format!("  cannot be moved: {label}: it stays because of an entry below\n"));
    }
    for UnmovedEntry { name, reason } in skipped.iter().chain(refused) {
        text.push_str(&format!("  cannot be moved: {}: {}\n", printable(name), printable(reason)));
    }
    if !movable.is_empty() {
        text.push_str(&format!("  To store them, run: secrets import --from {} --delete\n", format.name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_replaced_command_only_its_key_and_program_are_shown() {
        for (line, shown) in [
            ("//r.example/:tokenHelper=/opt/old --token hunter2", "//r.example/:tokenHelper= old"),
            ("//r.example/:tokenHelper=sh -c 'echo hunter2'", "//r.example/:tokenHelper= sh"),
            (
                "//r.example/:tokenHelper=https://u:hunter2@h/x?hunter2",
                "//r.example/:tokenHelper= another command",
            ),
            ("default-keyring = a.B", "default-keyring = a.B"),
            ("Default-Keyring: a.B", "Default-Keyring: a.B"),
            ("  hunter2 hunter2", "another command"),
            ("\t\"credsStore\":\"desktop\",", "\t\"credsStore\":\"desktop\","),
            ("x = $(hunter2)", "x = another command"),
            ("x = --hunter2", "x = another command"),
            ("x = \"$hunter2\"", "x = another command"),
            ("x =", "x ="),
            ("{ }", "{ }"),
        ] {
            assert_eq!(show_former(line), shown);
        }
    }
}
