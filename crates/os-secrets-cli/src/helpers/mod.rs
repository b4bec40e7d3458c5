//! Credential helpers: answering other programs that ask for their credentials, each in its own protocol.
//!
//! `secrets helper CLIENT …` answers, and so does the program under the name that the client looks for (see [`NAMES`]).
//! The words after the client are not parsed by clap: they belong to the client's protocol.
//!
//! | file | what it holds |
//! |---|---|
//! | `git/` | git |
//! | `docker.rs` | Docker, Podman and others |
//! | `cargo/` | cargo's credential provider protocol |
//! | `npm.rs` | the header of a registry, for pnpm |
//! | `aws.rs` | the AWS CLI and SDKs |
//! | `kubectl.rs` | kubectl and other clients of Kubernetes |
//! | `keyring/` | Python's `keyring`, for pip and uv |
//! | `terraform.rs` | Terraform and OpenTofu |
//! | `bazel.rs` | Bazel |
//! | `askpass/` | the questions of ssh, git and sudo |
//! | `credentials.rs` | the stored credentials of clients |
//! | `parts.rs` | stored credentials that have several parts |
//! | `address.rs` | the addresses of servers that clients name |

use std::ffi::OsString;

use crate::{context::Context, failure::Failure};

mod address;
mod askpass;
pub mod aws;
mod bazel;
pub mod cargo;
mod credentials;
pub mod docker;
pub mod git;
mod keyring;
pub mod kubectl;
pub mod npm;
mod parts;
mod terraform;

pub use credentials::Credentials;
pub use parts::is_visible;

/// The clients that `secrets helper` answers.
pub const CLIENTS: &[&str] =
    &["git", "docker", "cargo", "npm", "aws", "kubectl", "keyring", "terraform", "bazel", "askpass"];

/// The names under which the program answers a client at once, without `helper` and the client in its words.
pub const NAMES: &[(&str, &str)] = &[
    ("git-credential-os-secrets", "git"),
    (docker::PROGRAM, "docker"),
    ("cargo-credential-os-secrets", "cargo"),
    ("terraform-credentials-os-secrets", "terraform"),
    ("bazel-credential-os-secrets", "bazel"),
    // No package installs it: `secrets setup keyring` makes it where the user wants it.
    ("keyring", "keyring"),
];

/// The words of `secrets` that do the same as a helper that was started by its own name. `None` if the program has another
/// name.
///
/// `--store STORE` may stand before the words of the protocol, because a client's configuration can have such flags. Only
/// Docker's protocol has `--version`; the other names print that of `secrets`.
pub fn words_of(program: &str, words: Vec<OsString>) -> Option<Vec<OsString>> {
    let (_, client) = NAMES.iter().find(|(name, _)| *name == program)?;
    if *client != "docker" && matches!(&*words, [word] if word == "--version" || word == "-V") {
        return Some(words);
    }
    let takes_value = |word: &OsString| word == "--store";
    let is_joined = |word: &OsString| word.to_str().is_some_and(|word| word.starts_with("--store="));
    let before = match &*words {
        [first, _, ..] if takes_value(first) => 2,
        [first, ..] if is_joined(first) => 1,
        _ => 0,
    };
    let mut all = words;
    let protocol = all.split_off(before);
    all.extend(["helper".into(), (*client).into()]);
    all.extend(protocol);
    Some(all)
}

/// Answers a client. Returns the exit code.
pub fn answer(context: &Context, client: &str, words: Vec<OsString>) -> Result<i32, Failure> {
    match client {
        "git" => git::answer(context, &words),
        "docker" => docker::answer(context, &words),
        "cargo" => cargo::answer(context, &words),
        "npm" => npm::answer(context, &words),
        "aws" => aws::answer(context, words),
        "kubectl" => kubectl::answer(context, words),
        "keyring" => keyring::answer(context, words),
        "terraform" => terraform::answer(context, words),
        "bazel" => bazel::answer(context, words),
        "askpass" => askpass::answer(context, words),
        _ => unreachable!("clap takes no other client than those of CLIENTS"),
    }
}
