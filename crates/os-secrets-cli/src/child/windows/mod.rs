//! Windows: the command is always a child, because a process cannot be replaced.
//!
//! | file | what it holds |
//! |---|---|
//! | `search.rs` | which file a command word means |
//! | `stream.rs` | passing the child's output on |
//! | `printed.rs` | the forms in which programs print a value |

use std::{
    ffi::OsStr,
    os::windows::ffi::OsStrExt,
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

use super::ChildError;
use crate::{console::CtrlHandler, mask::Mask};
use os_secrets::sync::lock;
use os_secrets::{error::Error, job::Job};

mod printed;
#[forbid(unsafe_code)]
mod search;
mod stream;

/// Held while a child runs.
static RUNNING: Mutex<()> = Mutex::new(());

/// The command that a word means: the file that a shell in this directory would start. It is found by our own `PATH`,
/// whatever `PATH` it gets. `None` if there is no such file.
pub fn find_command(word: &OsStr, directory: &Path) -> Option<Command> {
    search::find(word, directory).map(Command::new)
}

/// Converts the value of an environment variable. Windows has UTF-16 there, so the value must be text.
///
/// # Errors
///
/// [`Error::InvalidData`] if it is not UTF-8.
pub fn to_variable(value: &[u8]) -> Result<&OsStr, Error> {
    str::from_utf8(value).map(OsStr::new).map_err(|_| Error::InvalidData)
}

/// Whether both names mean the same environment variable. They are case-insensitive.
pub fn is_same_variable(one: &OsStr, other: &OsStr) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Does nothing. Handlers of Ctrl-C are not inherited, and the standard library passes the standard handles on even
/// if a runtime hides them from children.
pub fn reset_for_child(_command: &mut Command, _hosted: bool) {}

/// Runs the command to its end, and returns its status.
///
/// # Errors
///
/// [`ChildError`].
pub fn run_command(command: Command) -> Result<ExitStatus, ChildError> {
    ChildTurn::begin()?.run(command, None, || {})
}

/// What [`size_for_system`] counts.
pub const SIZE_UNIT: &str = "UTF-16 units";

/// The size of a name, value or argument for the system.
pub fn size_for_system(text: &OsStr) -> usize {
    text.encode_wide().count()
}

/// The maximum size of a variable with its name, `=` and the NUL at its end.
pub fn max_variable() -> Option<usize> {
    Some(32_767)
}

/// The maximum size of all variables and arguments together. The variables have none.
pub fn max_environment() -> Option<usize> {
    None
}

/// Does nothing: a console is left as it is.
pub fn exit_at_once(_code: i32) {}

/// The child's exit code. If it does not fit into eight bits, ends this process with it.
pub fn end_like(status: ExitStatus) -> i32 {
    match status.code().unwrap_or(1) {
        code @ 0..=0xff => code,
        // Bun keeps only eight bits of a script's exit code.
        code => exit(code),
    }
}

/// Leaves Ctrl-C and Ctrl-Break to a child until the child has ended. Children run one at a time.
pub struct ChildTurn {
    _turn: MutexGuard<'static, ()>,
    _handler: CtrlHandler,
}

impl ChildTurn {
    /// From here on, Ctrl-C and Ctrl-Break do not end this process.
    ///
    /// # Errors
    ///
    /// [`ChildError::Start`].
    pub fn begin() -> Result<Self, ChildError> {
        let turn = lock(&RUNNING);
        let handler = CtrlHandler::add(leave_to_child).map_err(ChildError::Start)?;
        // The fields drop in order: the handler may wait for the turn to end.
        Ok(Self { _turn: turn, _handler: handler })
    }

    /// Runs the command to its end, with its output masked if there is a mask, and returns its status.
    ///
    /// Calls `at_end` when the command has ended. If children of a masked command outlive it, what they write afterwards is
    /// lost.
    ///
    /// # Errors
    ///
    /// [`ChildError`].
    pub fn run(
        self,
        mut command: Command,
        mask: Option<&Mask>,
        at_end: impl FnOnce(),
    ) -> Result<ExitStatus, ChildError> {
        if mask.is_some() {
            stream::connect(&mut command);
        }
        let mut child = command.spawn().map_err(ChildError::Start)?;
        // The command's environment holds secrets.
        drop(command);
        // Without a job, the child would only outlive this process.
        let job = Job::of(&child).ok();
        let ended = match mask {
            Some(mask) => stream::pass_on(&mut child, mask),
            None => child.wait(),
        };
        // Ends what the child has left behind, which may use the same files.
        drop(job);
        at_end();
        ended.map_err(ChildError::PassOn)
    }
}

/// The console calls a handler in each of its processes. On Ctrl-C, only the child's decides what happens.
unsafe extern "system" fn leave_to_child(event: u32) -> BOOL {
    match event {
        CTRL_C_EVENT | CTRL_BREAK_EVENT => TRUE,
        _ => {
            // The console is closed, or the session ends. When this returns, this process ends and the child with it.
            // So it waits while the child ends by itself, for which Windows grants some seconds.
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
        assert_eq!(to_variable("ä🔑".as_bytes()).unwrap(), "ä🔑");
        assert_eq!(to_variable(b"a\xff"), Err(Error::InvalidData));
        assert!(is_same_variable("Path".as_ref(), "PATH".as_ref()));
        assert!(!is_same_variable("Path".as_ref(), "PATHS".as_ref()));
    }

    #[test]
    fn the_exit_code_has_32_bits() {
        for code in [0, 7, 300, -1_073_741_510] {
            let mut command = Command::new("cmd");
            command.args(["/c", "exit", &code.to_string()]);
            assert_eq!(run_command(command).unwrap().code(), Some(code));
        }
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        let Err(ChildError::Start(error)) = run_command(Command::new("no-such-command")) else { panic!() };
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
