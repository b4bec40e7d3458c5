//! The store for macOS, on a model of the Security framework (`__test__/keychain-model`) and Apple's own Core
//! Foundation. `npm run test:keychain` runs these tests on Linux.
//!
//! | file | what it tests |
//! |---|---|
//! | `support.rs` | [`Mac`](support::Mac): the model's keychains, executables and user |
//! | `access.rs` | items of other executables |
//! | `bun.rs` | the calls of Bun beside ours |
//! | `memory.rs` | that nothing leaks |
//! | `locked.rs` | keychains that are locked, missing or several |
//! | `concurrent.rs` | calls beside each other and beside prompts |
//! | `failures.rs` | functions that fail |
//! | `items.rs` | what is stored, found, listed and deleted |

#![cfg(keychain_model)]

mod access;
mod bun;
mod concurrent;
mod failures;
mod items;
mod locked;
mod memory;
mod support;
