//! Runs the command: with its output masked, and so that neither it nor who waits for us can tell.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::{Command, ExitStatus},
};

use super::mask::Mask;
use crate::{credential::Secret, error::Error};

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// Why a command was not run as it should.
#[derive(Debug)]
pub enum Failed {
    /// It could not be started.
    ToStart(io::Error),
    /// It has run, but its output could not be passed on, for another reason than that nobody reads it
    /// any more.
    ToPassOn(io::Error),
}

/// What to start for a word that names a program, where it is looked for from this directory. `path` comes in
/// place of our own `PATH`.
///
/// `None` where there is nothing of that name. On Unix the system looks, and who starts it is told so.
pub fn program(word: &OsStr, directory: &Path, path: Option<&OsStr>) -> Option<OsString> {
    system::program(word, directory, path)
}

/// A value that holds no NUL, as a variable of an environment has it.
///
/// # Errors
///
/// [`Error::InvalidData`], where variables have nothing but text.
pub fn variable(value: &[u8]) -> Result<&OsStr, Error> {
    system::variable(value)
}

/// Whether two names are those of one variable.
pub fn is_one_variable(one: &OsStr, other: &OsStr) -> bool {
    system::is_one_variable(one, other)
}

/// What to mask, so that these values are masked as programs print them.
pub fn as_printed(values: Vec<Secret>) -> Vec<Secret> {
    system::as_printed(values)
}

/// Has the child begin as if there were nothing between it and who called us.
///
/// `hosted` says that we run within a JavaScript runtime.
pub fn reset_for_child(command: &mut Command, hosted: bool) {
    system::reset_for_child(command, hosted);
}

/// Runs the command in the place of this process, or gives how it ended where there is no such thing.
///
/// # Errors
///
/// [`Failed::ToStart`].
pub fn run(command: Command) -> Result<ExitStatus, Failed> {
    system::run(command)
}

/// Runs the command to its end with its output masked, and gives how it ended.
///
/// What its children that outlive it write afterwards is lost. Only one command runs at a time; others
/// wait for their turn.
///
/// # Errors
///
/// [`Failed`].
pub fn run_masked(command: Command, mask: &Mask) -> Result<ExitStatus, Failed> {
    system::run_masked(command, mask)
}

/// Ends this process as the child did, where that was a signal or a code that a runtime would cut; otherwise
/// gives the exit code.
///
/// The code is 128 and the signal's number where the signal does not end us, as in the first process of
/// a container.
pub fn end_like(status: ExitStatus) -> i32 {
    system::end_like(status)
}
