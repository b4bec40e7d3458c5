//! How a client starts us.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::file::is_executable;
use crate::{context::Context, failure::Failure};

/// The name of the program with the commands.
const THIS_PROGRAM: &str = "secrets";

/// A program of ours that a client can start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnProgram {
    /// Its absolute path.
    pub path: PathBuf,
    /// Whether its name alone starts it: it is the first of this name in `PATH`.
    pub is_in_path: bool,
}

/// Finds one of our programs by its name, such as `git-credential-os-secrets`: in `PATH`, else beside the program that
/// runs. `None` if it is in neither place.
pub fn find_own_program(context: &Context, name: &str) -> Option<OwnProgram> {
    if name == THIS_PROGRAM {
        // Other programs may have this name.
        let path = find_this_program(context)?;
        let is_in_path = find_in_path(name).as_ref() == Some(&path);
        return Some(OwnProgram { path, is_in_path });
    }
    if let Some(path) = find_in_path(name) {
        return Some(OwnProgram { path, is_in_path: true });
    }
    let beside = started_file(context)?;
    let path = find_in(beside.parent()?, name)?;
    Some(OwnProgram { path, is_in_path: false })
}

/// Finds a program by its name in `PATH`.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    path_directories().iter().find_map(|directory| find_in(directory, name))
}

/// The directories of `PATH`. A relative one is left out: it means another directory for the client.
pub fn path_directories() -> Vec<PathBuf> {
    let directories = env::var_os("PATH");
    directories.iter().flat_map(env::split_paths).filter(|directory| directory.is_absolute()).collect()
}

/// One of our programs as a client starts it without a shell: by its name if that is enough, else by its path.
///
/// # Errors
///
/// [`Failure::Refused`] if the program is not found, or if its path is not text of one line.
pub fn client_program(context: &Context, name: &str) -> Result<String, Failure> {
    let found = find_own_program(context, name).ok_or_else(|| not_found(name))?;
    // On Windows, a client that uses no shell finds nothing but .exe files by their name.
    if found.is_in_path && (cfg!(unix) || found.path.extension().is_some_and(|ending| ending == "exe")) {
        return Ok(name.to_owned());
    }
    let path = found.path.into_os_string().into_string().ok();
    path.filter(|path| !path.contains(char::is_control)).ok_or_else(|| {
        Failure::Refused(
            format!(
                "the path of {name} has control characters or is not UTF-8 text. Put its directory in PATH"
            )
            .into(),
        )
    })
}

/// One of our programs as the first word of a command line that a client gives to a shell, or splits as a shell would. It
/// is the name alone if that is enough.
///
/// # Errors
///
/// [`Failure::Refused`] if the program is not found, or if its path has characters that clients read in different ways.
pub fn command_word(context: &Context, name: &str) -> Result<String, Failure> {
    let program = client_program(context, name)?;
    let is_safe = |path: &&str| {
        !path.contains(['"', '$', '`', '%'])
            && !path.contains(char::is_control)
            && (cfg!(windows) || !path.contains('\\'))
    };
    match Some(&*program).filter(is_safe) {
        Some(path) if path.contains(|c: char| !c.is_ascii_alphanumeric() && !"/\\:._-+@".contains(c)) => {
            Ok(format!("\"{path}\""))
        }
        Some(path) => Ok(path.to_owned()),
        None => Err(Failure::Refused(
            format!(
                "the path of {name} has characters that clients read in different ways. Put its directory in PATH"
            )
            .into(),
        )),
    }
}

/// The failure of a setup that does not find one of our programs.
pub fn not_found(name: &str) -> Failure {
    let message = format!(
        "the program {name} is neither in PATH nor beside the one that runs. Install os-secrets with it"
    );
    Failure::Refused(message.into())
}

/// The program that runs, by a path that outlives an update: a link in `PATH` that leads to it, else its own path.
pub fn find_this_program(context: &Context) -> Option<PathBuf> {
    let started = started_file(context)?;
    let real = fs::canonicalize(&started).ok();
    let in_path = path_directories()
        .iter()
        .filter_map(|directory| find_in(directory, THIS_PROGRAM))
        .find(|path| real.as_ref().is_some_and(|real| leads_to(path, real)));
    in_path.or(Some(started))
}

/// Whether a program in `PATH` is a file: the file itself, a link to it, or a script of npm that starts it.
fn leads_to(path: &Path, file: &Path) -> bool {
    if path.extension().is_some_and(|ending| ending == "cmd") {
        // npm writes the path from the script's directory.
        let Ok(directory) = path.parent().map(fs::canonicalize).transpose() else { return false };
        let text = fs::read_to_string(path).unwrap_or_default();
        let places = directory.iter().flat_map(|directory| directory.ancestors().take(2));
        return places.filter_map(|place| file.strip_prefix(place).ok()?.to_str()).any(|rest| {
            let rest = rest.strip_prefix("node_modules\\").unwrap_or(rest);
            text.contains(rest)
        });
    }
    fs::canonicalize(path).is_ok_and(|path| path == file)
}

/// The file that runs: the native program, or within a JavaScript runtime the script.
fn started_file(context: &Context) -> Option<PathBuf> {
    if !context.hosted {
        return env::current_exe().ok();
    }
    let words: Vec<_> = env::args_os().collect();
    let script = words.len().checked_sub(context.word_count + 1).map(|at| PathBuf::from(&words[at]))?;
    std::path::absolute(script).ok()
}

/// The program with a name in a directory. On Windows, npm installs a script that starts it.
fn find_in(directory: &Path, name: &str) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &["", ".js"] };
    endings.iter().map(|ending| directory.join(format!("{name}{ending}"))).find(|path| is_program(path))
}

/// Whether a path is that of a file that this user may run.
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file()) && is_executable(path)
}
