//! The stores of this crate for programs that use `keyring-core`, the interface of the `keyring` crates. Needs the
//! feature `keyring`.
//!
//! `keyring_core::set_default_store(os_secrets::keyring::Store::new()?)` makes entries of `keyring_core` the credentials of
//! `Bun.secrets` and of the npm package os-secrets. The user of an entry is the name of the credential.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what programs need to know |
//! | `store.rs` | the store: it makes entries, and searches for credentials |
//! | `credential.rs` | what an entry does |
//! | `modifiers.rs` | the modifiers of entries and stores, and the calls that they bound |
//! | `error.rs` | which error of keyring-core each error becomes |
//!
//! # Modifiers
//!
//! A store takes modifiers for all its entries ([`Store::new_with_configuration`]), and an entry for itself
//! (`keyring_core::Entry::new_with_modifiers`). Any other modifier, or another value, is `keyring_core::Error::Invalid`.
//!
//! | modifier | what it does |
//! |---|---|
//! | `provider=os`, `=file`, `=memory`, `=vault` | Names [the store](#providers) |
//! | `timeout=1500` | [The time for a whole call](#timeouts) in milliseconds: 1 to 2147483647 |
//! | `interactive=false` | The store must not ask the user. The default is `true` |
//! | `persist=local` | Windows: the credential stays on this machine. By default (`enterprise`) it roams |
//! | `unrestricted=true` | macOS: every application can read a new credential. The default is `false` |
//!
//! ## Providers
//!
//! Without `provider`, the environment and the user's settings file choose the store. They also describe the encrypted file
//! and the server. The whole process shares the memory. For a credential helper, or a file or server with settings of its
//! own, use [`Store::from_choice`].
//!
//! ## Timeouts
//!
//! The timeout includes prompts. Without it, each message to the store has a deadline, and prompts have none.
//!
//! # What entries do
//!
//! - An entry is both a specifier and a wrapper, and never ambiguous: if several collections hold a match, the default
//!   collection wins, as for `Bun.secrets`. `delete_credential` deletes every match.
//! - An empty secret is `Error::Invalid`, and the stored value stays. For `Bun.secrets` an empty value means to delete.
//! - A secret can be any bytes, unless the store holds only text. `Bun.secrets` reads what is UTF-8.
//! - Credentials have no attributes. `update_attributes` is `Error::NotSupportedByStore`.
//! - A search takes `service` and `user`, and finds the credentials that have exactly these. Windows and macOS need the
//!   service.
//! - Calls block their thread, which may be one of an asynchronous runtime. The store is used on a thread of this crate.
//! - keyring-core returns secrets in memory that is not wiped. In this crate they are wiped.
//!
//! # Errors
//!
//! | error of keyring-core | when |
//! |---|---|
//! | `Error::NoEntry` | there is no such credential |
//! | `Error::NoStorageAccess` | the store is locked, denies access, is not there, or a setting of it is wrong |
//! | `Error::PlatformFailure` | the store failed, or did not answer in time |
//! | `Error::TooLong` | the store cannot hold a secret or a name of this size |
//! | `Error::Invalid` | an argument or a modifier is wrong, or the store cannot keep this secret |
//! | `Error::BadEncoding` | the secret is not UTF-8, and was read as a password |
//! | `Error::BadStoreFormat` | a file is damaged |
//! | `Error::NotSupportedByStore` | a search without a service in a store that needs one, or a change of attributes |
//!
//! In `NoStorageAccess` and `PlatformFailure`, the inner error is an [`Error`](crate::error::Error), whose
//! [`code`](crate::error::Error::code) and [`reason`](crate::error::Error::reason) tell more.

mod credential;
mod error;
mod modifiers;
mod store;

pub use credential::KeyringCredential as Credential;
pub use store::KeyringStore as Store;
