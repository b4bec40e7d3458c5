//! `setup keyring DIR`: makes the program `keyring` that pip and uv start. It is a script that runs us. On Windows it is a
//! copy of our program, because uv starts no scripts, and because the shell of Windows would take parts of a URL for
//! commands.

use std::path::{Path, PathBuf, absolute};

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, SetupClient,
    file::ClientFile,
    own_program::{find_this_program, is_program, path_directories},
    record::read_record,
};
use crate::{context::Context, encoding::shell_word, failure::Failure};
use os_secrets::printable::printable_path;

/// What tells our program `keyring` from others. The script has it, and so has the program itself.
const MARK: &str = "# Made by secrets setup keyring: answers programs that ask the keyring of Python.";

/// pip and uv, which start a program `keyring`.
pub struct Keyring;

impl SetupClient for Keyring {
    fn name(&self) -> &'static str {
        "keyring"
    }

    fn argument(&self) -> &'static str {
        " DIR"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        let directories = chosen_directories(context, selected)?;
        let mut changes = Vec::new();
        if !cfg!(windows) {
            let script = script(context)?;
            for directory in &directories {
                changes.extend(script_change(directory.join(file_name()), &script)?);
            }
        }
        for directory in &directories {
            advise(context, directory);
        }
        Ok(changes)
    }

    fn copies(&self, context: &Context, selected: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
        if !cfg!(windows) {
            return Ok(Vec::new());
        }
        if context.hosted {
            return Err(Failure::Refused(
                "on Windows, keyring must be a program of its own, and this is a script. Install secrets.exe, and run its \
                 setup"
                    .into(),
            ));
        }
        let paths = chosen_directories(context, selected)?.into_iter().map(|dir| dir.join(file_name()));
        let mut copies = Vec::new();
        for path in paths {
            let found = ClientFile::read(&path)?;
            match &found.content {
                Some(content) if !is_ours(content) => return Err(other_program(&path)),
                Some(_) => {}
                None => copies.push(path),
            }
        }
        Ok(copies)
    }

    fn is_our_copy(&self, content: &[u8]) -> bool {
        is_ours(content)
    }

    fn without_ours(&self, _: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        Ok(is_ours(content.as_bytes()).then(Zeroizing::default))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let Some(first) = first_in_path() else { return Ok(false) };
        Ok(ClientFile::read(&first)?.content.is_some_and(|content| is_ours(&content)))
    }
}

/// The directory that the user names, else those of the setup before.
fn chosen_directories(context: &Context, selected: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    if let Some(selected) = selected {
        let directory = absolute(context.path(Path::new(selected)))
            .map_err(|_| Failure::Usage("the directory must not be empty".into()))?;
        return Ok(vec![directory]);
    }
    let recorded = read_record()?.into_iter().filter(|change| change.client == Keyring.name());
    let mut directories: Vec<_> = recorded.filter_map(|change| Some(change.path.parent()?.into())).collect();
    directories.dedup();
    if directories.is_empty() {
        return Err(Failure::Usage(
            "name a directory in PATH for the program keyring, such as secrets setup keyring ~/.local/bin"
                .into(),
        ));
    }
    Ok(directories)
}

fn file_name() -> &'static str {
    if cfg!(windows) { "keyring.exe" } else { "keyring" }
}

fn script(context: &Context) -> Result<String, Failure> {
    let program = find_this_program(context).and_then(|path| path.into_os_string().into_string().ok());
    let program = program.ok_or(Failure::Refused(
        "the path of this program is not UTF-8 text, so that a script cannot name it. Move it to another directory".into(),
    ))?;
    let word = shell_word(program.as_bytes());
    let word = String::from_utf8_lossy(word.expose());
    Ok(format!("#!/bin/sh\n{MARK}\nexec {word} helper keyring \"$@\"\n"))
}

fn script_change(path: PathBuf, script: &str) -> Result<Option<FileChange>, Failure> {
    let found = ClientFile::read(&path)?;
    match &found.content {
        Some(content) if !is_ours(content) => Err(other_program(&path)),
        _ => Ok(FileChange::of_script(path, found.text()?, script.to_owned())),
    }
}

fn is_ours(content: &[u8]) -> bool {
    content.windows(MARK.len()).any(|part| part == MARK.as_bytes())
}

fn other_program(path: &Path) -> Failure {
    let path = printable_path(path);
    Failure::Refused(
        format!("{path} is another program and was not changed. Choose another directory").into(),
    )
}

/// Tells the user if programs will find another `keyring`, or none.
fn advise(context: &Context, directory: &Path) {
    let directories = path_directories();
    let own = printable_path(directory);
    if !directories.iter().any(|other| is_same_directory(other, directory)) {
        context.note(&format!("{own} is not in PATH. Add it there, so that programs find keyring"));
    } else if let Some(first) = first_in_path().filter(|first| {
        let found = directories.iter().position(|other| is_same_directory(other, directory));
        let before = first.parent().and_then(|parent| directories.iter().position(|other| other == parent));
        before < found
    }) {
        context.note(&format!(
            "programs find {} first. Put {own} before its directory in PATH",
            printable_path(first)
        ));
    }
}

fn is_same_directory(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

fn first_in_path() -> Option<PathBuf> {
    path_directories().into_iter().map(|directory| directory.join(file_name())).find(|path| is_program(path))
}
