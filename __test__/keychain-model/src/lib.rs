//! A model of macOS' Security framework, for keychains that are files. With it, the store for macOS runs on Linux: the
//! store's own source, over Apple's own Core Foundation.
//!
//! It behaves as Apple's published sources say (Security 61901) wherever the store depends on it:
//!
//! | file | what it holds |
//! |---|---|
//! | `items.rs` | `SecItem…`: find, add, update and delete |
//! | `keychains.rs` | `SecKeychain…` and the session |
//! | `access_objects.rs` | `SecAccess…` and `SecACL…` |
//! | `prompts.rs` | who is asked what: passwords, applications, partitions |
//! | `handles.rs` | the switch of the process, and the handles that remember it |
//! | `locks.rs` | which calls wait for which |
//! | `world.rs` | the keychains, the executables and the user, in a file that tests read and write |
//! | `objects.rs` | the objects that are passed, with their references counted |
//! | `query.rs`, `constants.rs`, `status.rs` | dictionaries, names and results |
//!
//! What is not modelled: the data protection keychain, attributes other than service and account, lists of applications
//! that the caller makes, and the time after which keychains lock themselves.

#![allow(non_snake_case, non_upper_case_globals, reason = "Apple's names")]

mod access_objects;
mod constants;
mod handles;
mod items;
mod keychains;
mod locks;
mod objects;
mod prompts;
mod query;
mod status;
mod world;
