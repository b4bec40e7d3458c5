#![doc = include_str!("../README.md")]
//!
//! A call is a future that the crate's own executor must run: [`executor::block_on`] does that, and waits for the
//! outcome. [`bounds::Bounds`] gives a call a deadline or a signal that cancels it.
//!
//! # Modules
//!
//! | module | what it holds |
//! |---|---|
//! | `accounts` | Unix: the users and groups of the machine |
//! | [`bounds`] | the deadline and the signal of a call |
//! | [`credential`] | [`Key`](credential::Key) and [`Secret`](credential::Secret): what is stored, under which name |
//! | [`document`] | TOML files that people write |
//! | [`environment`] | the variables of the process, and the directories that they name |
//! | [`error`] | the one error type, with its codes and messages |
//! | [`executor`] | the thread that does the input and output |
//! | [`file`](mod@file) | reading files, and replacing them atomically |
//! | `job` | Windows: programs that end with us |
//! | [`json`] | JSON files that others write, too |
//! | `keyring` | with the feature `keyring`: the stores for programs that use keyring-core |
//! | [`keytar`] | what the API of `keytar` does |
//! | `pipe` | Windows: how much a pipe holds |
//! | [`percent`] | percent-encoding |
//! | [`printable`](mod@printable) | showing texts and paths of others in messages |
//! | `process_group` | programs that we start, with everything that they start |
//! | [`program`] | how messages tell the user to run the program `secrets` |
//! | [`progress`] | what one call may do, and how far it has come |
//! | [`scope`] | named secrets, references to them, and where they lie |
//! | [`store`] | the [`Store`](store::Store) trait and its implementations |
//! | [`sync`] | locks, and values that threads share |
//! | [`wiped`] | a buffer that is wiped from memory, however large it grows |
//!
//! Dependencies point one way: scope, keyring, keytar → store → credential, bounds, progress, file, document, json,
//! environment, error → program, printable, percent.

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "macos", windows)))]
compile_error!("os-secrets has a store for Linux, FreeBSD, macOS and Windows only");

// Only the system knows who is a member of a group.
#[cfg(unix)]
#[deny(unsafe_code)]
mod accounts;
#[forbid(unsafe_code)]
pub mod bounds;
#[forbid(unsafe_code)]
pub mod credential;
#[forbid(unsafe_code)]
pub mod document;
// Only the system tells whether the process is privileged.
#[deny(unsafe_code)]
pub mod environment;
#[forbid(unsafe_code)]
pub mod error;
#[forbid(unsafe_code)]
pub mod executor;
// Windows has no safe way to say who may use a file.
#[cfg_attr(all(unix, not(any(target_os = "macos", keychain_model))), forbid(unsafe_code))]
#[cfg_attr(any(windows, target_os = "macos", keychain_model), deny(unsafe_code))]
pub mod file;
#[cfg(windows)]
pub mod job;
#[forbid(unsafe_code)]
pub mod json;
#[cfg(feature = "keyring")]
#[forbid(unsafe_code)]
pub mod keyring;
#[forbid(unsafe_code)]
pub mod keytar;
#[forbid(unsafe_code)]
pub mod percent;
#[cfg(windows)]
pub mod pipe;
#[forbid(unsafe_code)]
pub mod printable;
#[forbid(unsafe_code)]
mod process_group;
#[forbid(unsafe_code)]
pub mod program;
#[forbid(unsafe_code)]
pub mod progress;
#[forbid(unsafe_code)]
pub mod scope;
pub mod store;
#[forbid(unsafe_code)]
pub mod sync;
#[forbid(unsafe_code)]
pub mod wiped;
