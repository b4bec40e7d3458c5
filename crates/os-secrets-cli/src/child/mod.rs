//! Runs the command: with its output masked, and so that neither it nor who waits for us can tell.

use std::io;

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod os;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod os;

pub use os::{as_printed, end_like, is_one_variable, program, reset_for_child, run, run_masked, variable};

/// Why a command was not run as it should.
#[derive(Debug)]
pub enum Failed {
    /// It could not be started.
    ToStart(io::Error),
    /// It has run, but its output could not be passed on, for another reason than that nobody reads it
    /// any more.
    ToPassOn(io::Error),
}
