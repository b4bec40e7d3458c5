//! `setup python-keyring`: makes Python's module `keyring`, which twine and Poetry import, ask us.
//!
//! The module's file of settings (`keyringrc.cfg`) names a backend and its directory. The backend is a small module that
//! runs `secrets helper keyring`.

use std::{env, ops::Range, path::PathBuf};

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, Replacement, SetupClient,
    edit::{line_break, replace_parts},
    file::ClientFile,
    own_program::find_this_program,
};
use crate::{context::Context, failure::Failure};
use os_secrets::environment::{Process, Variables, configuration_directory, data_directory};

/// The backend. `PROGRAM` is replaced by the path of our program as a Python text.
const BACKEND: &str = include_str!("os_secrets_keyring.py");
const MODULE: &str = "os_secrets_keyring";
const BACKEND_NAME: &str = "os_secrets_keyring.Keyring";

/// Programs that import Python's module `keyring`, such as twine and Poetry.
pub struct PythonKeyring;

impl SetupClient for PythonKeyring {
    fn name(&self) -> &'static str {
        "python-keyring"
    }

    fn changes(&self, context: &Context, _: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        if has_other_backend() {
            context.note(
                "PYTHON_KEYRING_BACKEND names another backend. Unset it, so that Python asks os-secrets",
            );
        }
        let (directory, settings) = places()?;
        let mut changes = Vec::new();
        let (module, backend) = (directory.join(format!("{MODULE}.py")), backend(context)?);
        let found = ClientFile::read(&module)?;
        let old = found.text()?;
        if old != backend {
            let replacements = vec![Replacement::of_part(old, 0..old.len(), backend)];
            changes.push(FileChange::of_text(module, old, replacements));
        }
        let found = ClientFile::read(&settings)?;
        let directory = directory.to_str().filter(|path| is_value(path)).ok_or_else(not_text)?;
        let replacements = changed_settings(found.text()?, directory);
        if !replacements.is_empty() {
            changes.push(FileChange::of_text(settings, found.text()?, replacements));
        }
        Ok(changes)
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        Ok(former_settings(&change.replacements, content))
    }

    fn is_set_up(&self, context: &Context) -> Result<bool, Failure> {
        if has_other_backend() {
            return Ok(false);
        }
        Ok(self.changes(context, None)?.is_empty())
    }

    fn notes(&self, _: &Context) -> Vec<String> {
        vec![
            "passwords that Python's keyring has stored before are not found any more; store them again"
                .into(),
        ]
    }
}

/// Whether the environment names another backend, which wins over the settings.
fn has_other_backend() -> bool {
    env::var_os("PYTHON_KEYRING_BACKEND").is_some_and(|name| name != BACKEND_NAME)
}

/// The directory of the backend, and the file of settings.
fn places() -> Result<(PathBuf, PathBuf), Failure> {
    let unknown = || {
        Failure::Refused("your home directory is not known. Set HOME to it, and run the command again".into())
    };
    let data = data_directory(&Process).ok_or_else(unknown)?;
    let settings = match cfg!(windows) {
        true => Process.directory("LOCALAPPDATA").map(|directory| directory.join("Python Keyring")),
        false => configuration_directory(&Process).map(|directory| directory.join("python_keyring")),
    };
    Ok((data.join("os-secrets").join("python"), settings.ok_or_else(unknown)?.join("keyringrc.cfg")))
}

fn backend(context: &Context) -> Result<String, Failure> {
    let program = find_this_program(context).ok_or_else(not_text)?;
    if cfg!(windows) && program.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("exe")) {
        return Err(Failure::Refused(
            "on Windows, Python can start programs only, and this is a script. Install secrets.exe, and run its setup"
                .into(),
        ));
    }
    let program = program.to_str().ok_or_else(not_text)?;
    // JSON texts are Python texts.
    let text = serde_json::to_string(program).map_err(|_| not_text())?;
    Ok(BACKEND.replacen("\"PROGRAM\"", &text, 1))
}

fn not_text() -> Failure {
    Failure::Refused(
        "the path of this program or of your data directory is not UTF-8 text of one line, which Python needs. Choose \
         another one"
            .into(),
    )
}

/// Whether Python reads a value from its settings as it was written: it is one line without white space around it.
fn is_value(value: &str) -> bool {
    !value.is_empty() && value.trim() == value && !value.contains(char::is_control)
}

/// What to change so that the settings name our backend. Empty if they do.
fn changed_settings(text: &str, directory: &str) -> Vec<Replacement> {
    let newline = line_break(text);
    let wanted = [("default-keyring", BACKEND_NAME), ("keyring-path", directory)];
    let lines = setting_lines(text);
    let mut replacements = Vec::new();
    let mut missing = String::new();
    for (key, value) in wanted {
        let Some((_, line)) = lines.iter().find(|(found, _)| *found == key) else {
            missing.push_str(&format!("{key} = {value}{newline}"));
            continue;
        };
        let old = &text[line.clone()];
        let is_same = old.split_once(['=', ':']).is_some_and(|(_, found)| found.trim() == value);
        if !is_same {
            // With its line break, so that it is found again.
            let end = if old.ends_with('\n') { newline } else { "" };
            let new = format!("{key} = {value}{end}");
            replacements.push(Replacement::of_part(text, line.clone(), new));
        }
    }
    if !missing.is_empty() {
        replacements.push(match end_of_header(text) {
            Some(at) if text[..at].ends_with('\n') => Replacement::insert(at, missing),
            Some(at) => Replacement::insert(at, newline.to_owned() + &missing),
            None => {
                let before = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
                let new = format!("{before}[backend]{newline}{missing}");
                Replacement::insert(text.len(), new)
            }
        });
    }
    // What is inserted in front of a line comes before what replaces the line.
    replacements.sort_by_key(|replacement| (replacement.at, !replacement.old.is_empty()));
    replacements
}

/// A file of settings with the former values instead of ours. `None` if it has none of ours.
fn former_settings(replacements: &[Replacement], content: &str) -> Option<Zeroizing<String>> {
    let mut made = Vec::new();
    for Replacement { old, new, .. } in replacements {
        made.extend(new.lines().filter_map(|line| Some((key_and_value(line)?, old))));
    }
    let former: Vec<_> = setting_lines(content)
        .into_iter()
        .filter_map(|(_, line)| {
            let found = key_and_value(&content[line.clone()])?;
            let (_, former) = made.iter().find(|(ours, _)| *ours == found)?;
            Some((line, &****former))
        })
        .collect();
    (!former.is_empty()).then(|| replace_parts(content, &former))
}

/// The key of a setting in small letters, and its value.
fn key_and_value(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.split_once(['=', ':'])?;
    Some((key.trim().to_ascii_lowercase(), value.trim()))
}

/// The lines of the section `[backend]` with our two settings: the key, and where the line with its continuations is.
fn setting_lines(text: &str) -> Vec<(&'static str, Range<usize>)> {
    let (mut at, mut is_inside, mut found) = (0, false, Vec::<(&'static str, Range<usize>)>::new());
    let mut last = None;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        let is_continued = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        if is_continued {
            if let Some(index) = last {
                let (_, line): &mut (&str, Range<usize>) = &mut found[index];
                line.end = range.end;
            }
            continue;
        }
        last = None;
        if line.starts_with('[') {
            is_inside = line.trim_end() == "[backend]";
        } else if is_inside && let Some((key, _)) = line.split_once(['=', ':']) {
            let key = key.trim().to_ascii_lowercase();
            if let Some(key) = ["default-keyring", "keyring-path"].into_iter().find(|known| *known == key) {
                last = Some(found.len());
                found.push((key, range));
            }
        }
    }
    found
}

/// Where the line `[backend]` ends.
fn end_of_header(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == "[backend]" {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::edit::shown::{apply, revert, show};

    const OURS: &str = "default-keyring = os_secrets_keyring.Keyring\nkeyring-path = /d\n";

    #[test]
    fn settings_are_changed_and_restored() {
        for (text, changed) in [
            ("", format!("[backend]\n{OURS}")),
            ("[other]\na=b", format!("[other]\na=b\n[backend]\n{OURS}")),
            ("[backend]\n# x\n[other]\n", format!("[backend]\n{OURS}# x\n[other]\n")),
            ("[backend]", format!("[backend]\n{OURS}")),
            (
                "[backend]\ndefault-keyring = a.B\n  c\n",
                "[backend]\nkeyring-path = /d\ndefault-keyring = os_secrets_keyring.Keyring\n".into(),
            ),
            (
                "[backend]\nDefault-Keyring: a.B\n  c\nkeyring-path=/e",
                "[backend]\ndefault-keyring = os_secrets_keyring.Keyring\nkeyring-path = /d".into(),
            ),
        ] {
            let changes = changed_settings(text, "/d");
            assert_eq!(apply(text, &changes), changed);
            assert_eq!(revert(&changed, &changes).as_deref(), Some(text));
            assert_eq!(changed_settings(&changed, "/d"), []);
        }
        let crlf = "[backend]\r\nx = y\r\n";
        let changed = apply(crlf, &changed_settings(crlf, "/d"));
        assert_eq!(changed, format!("[backend]\r\n{}x = y\r\n", OURS.replace('\n', "\r\n")));
    }

    #[test]
    fn former_settings_come_back_in_a_file_that_others_have_written() {
        let text = "[backend]\ndefault-keyring = a.B\nkeyring-path = /mine\n";
        let changes = changed_settings(text, "/d");
        let rewritten = apply(text, &changes).replace(" = ", "=");
        assert_eq!(show(former_settings(&changes, &rewritten)).as_deref(), Some(text));
        // What the user has chosen since stays.
        let chosen = rewritten.replace("/d", "/e");
        let expected = "[backend]\ndefault-keyring = a.B\nkeyring-path=/e\n";
        assert_eq!(show(former_settings(&changes, &chosen)).as_deref(), Some(expected));
        assert_eq!(show(former_settings(&changes, text)), None);
        let new = changed_settings("[backend]\n", "/d");
        assert_eq!(
            show(former_settings(&new, "[backend]\nkeyring-path : /d\nx=y\n")).as_deref(),
            Some("[backend]\nx=y\n")
        );
    }

    #[test]
    fn our_settings_are_found_in_a_file_that_others_have_written() {
        let settings = setting_lines("[other]\nkeyring-path=/a\n[backend]\nkeyring-path : /b\n\n[z]\n");
        assert_eq!(settings, [("keyring-path", 34..52)]);
    }
}
