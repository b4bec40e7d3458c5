//! Windows: the command is a child, since no process can take over another's place.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::{Command, ExitStatus, exit},
    sync::{Mutex, MutexGuard},
};

use windows_sys::{
    Win32::{
        Foundation::{FALSE, TRUE},
        System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT},
    },
    core::BOOL,
};

pub use self::printed::as_printed;

use super::Failed;
use crate::{console::Handled, mask::Mask};
use os_secrets::sync::lock;
use os_secrets::{error::Error, job::Job};

mod printed;
#[forbid(unsafe_code)]
mod search;
mod stream;

/// Held while a child runs.
static RUNNING: Mutex<()> = Mutex::new(());

/// What to start for this word: the file that a shell would, as seen from this directory, with `path` in place of
/// our own `PATH`. `None` where there is none.
pub fn program(word: &OsStr, directory: &Path, path: Option<&OsStr>) -> Option<OsString> {
    search::find(word, directory, path).map(OsString::from)
}

/// A variable's value: it has UTF-16 there, and so it must be text.
///
/// # Errors
///
/// [`Error::InvalidData`] for anything else.
pub fn variable(value: &[u8]) -> Result<&OsStr, Error> {
    str::from_utf8(value).map(OsStr::new).map_err(|_| Error::InvalidData)
}

/// Whether these name one variable: case does not count.
pub fn is_one_variable(one: &OsStr, other: &OsStr) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Nothing has to be done: what handles Ctrl-C is not inherited, and the standard library passes the
/// standard handles on, also where a runtime keeps them from children.
pub fn reset_for_child(_command: &mut Command, _hosted: bool) {}

/// Runs the command to its end, and gives how it ended.
///
/// # Errors
///
/// [`Failed`].
pub fn run(mut command: Command) -> Result<ExitStatus, Failed> {
    let _running = Running::begin()?;
    let mut child = command.spawn().map_err(Failed::ToStart)?;
    // Its environment holds secrets.
    drop(command);
    // Where there is none it runs as well.
    let _job = Job::of(&child).ok();
    child.wait().map_err(Failed::ToPassOn)
}

/// Runs the command to its end with its output masked, and gives how it ended.
///
/// What its children that outlive it write afterwards is lost. Only one command runs at a time; others
/// wait for their turn.
///
/// # Errors
///
/// [`Failed`].
pub fn run_masked(mut command: Command, mask: &Mask) -> Result<ExitStatus, Failed> {
    let _running = Running::begin()?;
    stream::connect(&mut command);
    let mut child = command.spawn().map_err(Failed::ToStart)?;
    // Its environment holds secrets.
    drop(command);
    // Where there is none it runs as well.
    let _job = Job::of(&child).ok();
    stream::pass_on(&mut child, mask).map_err(Failed::ToPassOn)
}

/// The exit code, of which all 32 bits count: where it has more than eight the process ends here.
pub fn end_like(status: ExitStatus) -> i32 {
    match status.code().unwrap_or(1) {
        code @ 0..=0xff => code,
        // Bun has a byte for the code that a script gives.
        code => exit(code),
    }
}

/// Leaves the keys that end a process to the child, until it is dropped.
struct Running {
    _turn: MutexGuard<'static, ()>,
    _handled: Handled,
}

impl Running {
    fn begin() -> Result<Self, Failed> {
        let turn = lock(&RUNNING);
        let handled = Handled::by(leave_to_child).map_err(Failed::ToStart)?;
        // The turn is over before the handler is gone, which may wait for that.
        Ok(Self { _turn: turn, _handled: handled })
    }
}

/// Every process of the console is told, and what the child does decides.
unsafe extern "system" fn leave_to_child(event: u32) -> BOOL {
    match event {
        CTRL_C_EVENT | CTRL_BREAK_EVENT => TRUE,
        _ => {
            // The console is closed, or the session ends. When this returns the process ends, and with it the
            // child, which has some seconds to end by itself.
            drop(RUNNING.lock());
            FALSE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_hold_text_and_have_names_without_case() {
        assert_eq!(variable("ä🔑".as_bytes()).unwrap(), "ä🔑");
        assert_eq!(variable(b"a\xff"), Err(Error::InvalidData));
        assert!(is_one_variable("Path".as_ref(), "PATH".as_ref()));
        assert!(!is_one_variable("Path".as_ref(), "PATHS".as_ref()));
    }

    #[test]
    fn the_exit_code_has_32_bits() {
        for code in [0, 7, 300, -1_073_741_510] {
            let mut command = Command::new("cmd");
            command.args(["/c", "exit", &code.to_string()]);
            assert_eq!(run(command).unwrap().code(), Some(code));
        }
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        let Err(Failed::ToStart(error)) = run(Command::new("no-such-command")) else { panic!() };
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
