//! Running another program, with its output masked or not.
//!
//! The program and whoever waits for ours must not notice that ours is between them.
//!
//! | folder | what it holds |
//! |---|---|
//! | `unix/` | the program replaces this process, or is a child that gets its signals and terminals |
//! | `windows/` | the program is a child; finding it, and what it may print for a value |

use std::{
    io,
    process::{Command, ExitStatus},
    sync::atomic::{AtomicBool, Ordering},
};

#[cfg(unix)]
#[allow(unsafe_code)]
mod unix;
#[cfg(windows)]
#[allow(unsafe_code)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use os_secrets::{
    environment::{NOT_FOR_CHILDREN, TOKENS_OF_SERVERS},
    store::{self, settings::StoreKind},
};

use crate::mask::Mask;

pub use system::{
    ChildTurn, SIZE_UNIT, as_printed, end_like, exit_at_once, find_command, is_same_variable,
    max_environment, max_variable, reset_for_child, run_command, size_for_system, to_variable,
};

/// Whether the command line names a server as the store.
static USES_SERVER: AtomicBool = AtomicBool::new(false);

/// Call if the command line names a server as the store: children then do not get its token.
pub fn withhold_tokens() {
    USES_SERVER.store(true, Ordering::Relaxed);
}

/// The variables that a child does not get, because they open the store of this process.
pub fn withheld_variables() -> impl Iterator<Item = &'static str> {
    let is_on_server = USES_SERVER.load(Ordering::Relaxed) || store::settings().kind == Ok(StoreKind::Vault);
    let tokens = TOKENS_OF_SERVERS.into_iter().filter(move |_| is_on_server);
    NOT_FOR_CHILDREN.into_iter().chain(tokens)
}

/// Keeps from a child what opens the store of this process.
pub fn withhold_keys(command: &mut Command) {
    for variable in withheld_variables() {
        command.env_remove(variable);
    }
}

/// Why a command did not run to its end.
#[derive(Debug)]
pub enum ChildError {
    /// It could not be started.
    Start(io::Error),
    /// It has run, but its output could not be passed on. A reader that has ended is no such error.
    PassOn(io::Error),
}

/// Runs the command to its end with its output masked, and returns its status.
///
/// # Errors
///
/// [`ChildError`].
pub fn run_masked(command: Command, mask: &Mask) -> Result<ExitStatus, ChildError> {
    ChildTurn::begin()?.run(command, Some(mask), || {})
}
