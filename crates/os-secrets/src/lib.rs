//! The `Bun.secrets` API over the operating system's own credential store, and others that are named.
//!
//! The core of the npm package `os-secrets` and of the program `secrets`:
//!
//! | module | what it holds |
//! |---|---|
//! | [`credential`] | [`Key`](credential::Key) and [`Secret`](credential::Secret): what is stored, under which name |
//! | [`error`] | the one error type, with its codes and messages |
//! | [`executor`] | the thread that does the input and output |
//! | [`file`](mod@file) | reading files, and replacing them in one step |
//! | `job` | programs that end with us, on Windows |
//! | [`json`] | JSON files that others write as well |
//! | [`limits`] | what bounds a call: deadline, signal, whether it may ask |
//! | `pipe` | what is in a pipe, on Windows |
//! | `shared` | values that all who use the same key share |
//! | [`scope`] | named secrets, references to them, and where they lie |
//! | [`store`] | the [`Store`](store::Store) trait and one implementation an operating system |
//!
//! Dependencies point one way: scope → store → credential, limits, file,
//! json, error.

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
compile_error!("os-secrets has a store for Linux, macOS and Windows only");

#[forbid(unsafe_code)]
pub mod credential;
#[forbid(unsafe_code)]
pub mod error;
#[forbid(unsafe_code)]
pub mod executor;
// Windows has no safe way to say who may use a file.
#[cfg_attr(unix, forbid(unsafe_code))]
#[cfg_attr(windows, deny(unsafe_code))]
pub mod file;
#[cfg(windows)]
pub mod job;
#[forbid(unsafe_code)]
pub mod json;
#[forbid(unsafe_code)]
pub mod limits;
#[cfg(windows)]
pub mod pipe;
#[forbid(unsafe_code)]
pub mod scope;
#[forbid(unsafe_code)]
pub(crate) mod shared;
pub mod store;
