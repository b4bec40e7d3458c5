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
use os_secrets::scope::SERVICE;

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

/// How the services of clients start. What comes after it says for which server a credential is.
const PREFIXES: &[&str] = &["git:", docker::PREFIX, "cargo:", "npm:", "kubernetes:", "terraform:", "bazel:"];

/// Whether a service is one of os-secrets: that of the user's own secrets, or of a client that has its own helper. Letters
/// count in either case, as in Credential Manager, and so does a text after a slash, which it could take for a name.
///
/// A client that chooses services freely must not reach them: others would get to choose, such as who names an index.
pub fn is_own_service(service: &str) -> bool {
    let starts_with =
        |prefix: &str| service.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is = |own: &str| starts_with(own) && matches!(service.as_bytes().get(own.len()), None | Some(b'/'));
    is(SERVICE) || is(aws::SERVICE) || PREFIXES.iter().any(|prefix| starts_with(prefix))
}

/// The client that a program with this name answers. `None` if the program has another name.
pub fn client_of(program: &str) -> Option<&'static str> {
    NAMES.iter().find(|(name, _)| *name == program).map(|(_, client)| *client)
}

/// The words of `secrets` that do the same as a helper that was started by its own name. `None` if the program has another
/// name.
///
/// `--store STORE` may stand before the words of the protocol, because a client's configuration can have such flags. Only
/// Docker's protocol has `--version`; the other names print that of `secrets`.
pub fn words_of(program: &str, words: Vec<OsString>) -> Option<Vec<OsString>> {
    let client = client_of(program)?;
    if client != "docker" && matches!(&*words, [word] if word == "--version" || word == "-V") {
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
    all.extend(["helper".into(), client.into()]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::npmrc;

    #[test]
    fn the_services_of_all_clients_are_our_own() {
        for service in [
            SERVICE.into(),
            aws::SERVICE.into(),
            git::service("https", "h", None).unwrap(),
            format!("{}h", docker::PREFIX),
            cargo::service("sparse+https://h/"),
            npmrc::service("//h/"),
            kubectl::service("https://h"),
            "terraform:h".into(),
            "bazel:h:8080".into(),
            "OS-Secrets".into(),
            "os-secrets/name".into(),
            "GIT:https://h".into(),
        ] {
            assert!(is_own_service(&service), "{service}");
        }
    }

    #[test]
    fn the_services_of_other_programs_are_not() {
        for service in [
            "https://os-secrets/simple/",
            "os-secrets.example.com",
            "os-secrets:8080",
            "aws.example.com",
            "awscli",
            "git",
            "git.example.com:8080",
            "poetry-repository-npm",
            "\u{e9}\u{e9}\u{e9}\u{e9}",
            "",
        ] {
            assert!(!is_own_service(service), "{service}");
        }
    }
}
