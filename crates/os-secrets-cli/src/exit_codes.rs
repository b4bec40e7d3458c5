//! The exit codes.
//!
//! `run` otherwise exits with the code of its command. It exits with [`FAILED`] if the command has run, but its masked
//! output could not be passed on.

/// The command succeeded.
pub const SUCCESS: i32 = 0;
/// The command failed.
pub const FAILED: i32 = 1;
/// The command line is wrong.
pub const WRONG_USAGE: i32 = 2;
/// `run` found its command and could not start it. Shells use the same code.
pub const NOT_EXECUTABLE: i32 = 126;
/// `run` did not find its command. Shells use the same code.
pub const NOT_FOUND: i32 = 127;
