//! Masked commands on a terminal behave as without us: on pseudoterminals whose other end the tests have.
//!
//! `../programs/mask.rs` runs them. `cargo test` builds it; before `cargo test --test masked_terminal`, run
//! `cargo build --example mask`.

// The scripts need Linux: /proc, ps and bash.
#![cfg(target_os = "linux")]

mod ends;
mod jobs;
mod keyboard;
mod screen;
mod streams;
