//! macOS: Keychain, with the same items as `Bun.secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | `keychain.rs` | what get, set, delete, has and list do |
//! | `query.rs` | the query of each of them |
//! | `interaction.rs` | how a call is kept from asking the user |
//! | `status.rs` | what the system's result codes mean |
//! | `api.rs` | the calls of the Security framework |
//! | `framework.rs` | the framework's names, which `types.rs` compares with Apple's headers |
//! | `foreign.rs` | the items of other packages |
//! | `diagnosis.rs` | what `secrets doctor` reports |
//!
//! A credential is a generic password whose service and account are the key's service and name. New items go to the
//! default keychain, which is the login keychain unless the user has chosen another. Keychain protects each item for
//! the executable that made it, and asks the user before another executable reads it.
//!
//! Modules that need nothing of macOS are also compiled for the tests on other systems.

#[cfg(any(target_os = "macos", keychain_model))]
pub mod api;
#[cfg(any(target_os = "macos", keychain_model))]
#[forbid(unsafe_code)]
pub mod diagnosis;
#[cfg(any(target_os = "macos", keychain_model))]
#[forbid(unsafe_code)]
pub mod foreign;
#[cfg(any(target_os = "macos", keychain_model))]
mod framework;
#[forbid(unsafe_code)]
pub mod interaction;
#[cfg(any(target_os = "macos", keychain_model))]
#[forbid(unsafe_code)]
pub mod keychain;
#[forbid(unsafe_code)]
pub mod query;
#[forbid(unsafe_code)]
pub mod status;
#[cfg(all(target_os = "macos", test))]
mod types;
