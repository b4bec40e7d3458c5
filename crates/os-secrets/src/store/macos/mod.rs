//! macOS: Keychain, in the items of `Bun.secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | `keychain.rs` | what get, set, delete and list mean |
//! | `query.rs` | what is asked for each of them |
//! | `turns.rs` | how a call keeps from asking the person |
//! | `status.rs` | what the system's result codes mean |
//! | `api.rs` | the system's calls, and what can go wrong with one |
//! | `foreign.rs` | the items of other packages |
//! | `diagnosis.rs` | what state the store is in |
//!
//! A credential is a generic password, with the service and the name as its account, in the default keychain,
//! which is the login keychain unless the person has chosen another. Keychain guards each item for the executable
//! that has made it, and asks the person before another one reads it.
//!
//! What needs nothing of macOS is built for the tests of every system.

#[cfg(target_os = "macos")]
pub mod api;
#[cfg(target_os = "macos")]
#[forbid(unsafe_code)]
pub mod diagnosis;
#[cfg(target_os = "macos")]
#[forbid(unsafe_code)]
pub mod foreign;
#[cfg(target_os = "macos")]
#[forbid(unsafe_code)]
pub mod keychain;
#[forbid(unsafe_code)]
pub mod query;
#[forbid(unsafe_code)]
pub mod status;
#[forbid(unsafe_code)]
pub mod turns;
