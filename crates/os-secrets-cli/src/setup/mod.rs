//! Changing the configuration of other programs so that they ask us for their credentials, and taking it back.
//!
//! A change is a few replacements of bytes. What was replaced is kept in a record of the user's, so that `--undo` restores
//! the file byte for byte although others have edited it since.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the clients, and what each must know about its files |
//! | `git/` | git |
//! | `docker.rs` | Docker, Podman and others |
//! | `helm.rs` | Helm's file with logins, for `docker.rs` |
//! | `cargo.rs` | cargo |
//! | `pnpm.rs` | pnpm |
//! | `aws.rs` | the AWS CLI and SDKs |
//! | `kubectl.rs` | kubectl and other clients of Kubernetes |
//! | `keyring.rs` | pip and uv, which start a program `keyring` |
//! | `python_keyring.rs` | twine and Poetry, which import Python's module `keyring` |
//! | `terraform.rs` | Terraform and OpenTofu |
//! | `bazel.rs` | Bazel |
//! | `edit.rs` | replacing bytes in a text |
//! | `toml.rs` | finding and inserting keys in TOML files |
//! | `file.rs` | reading and replacing a client's file |
//! | `own_program.rs` | how a client starts us |
//! | `client_lock.rs` | the locks of clients |
//! | `record.rs` | what was changed, for `--undo` |

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::{context::Context, failure::Failure};

pub mod aws;
pub mod bazel;
pub mod cargo;
pub mod client_lock;
pub mod docker;
pub mod edit;
pub mod file;
mod git;
mod helm;
mod keyring;
pub mod kubectl;
pub mod own_program;
mod pnpm;
mod python_keyring;
pub mod record;
pub mod terraform;
pub mod toml;

pub use client_lock::ClientLock;
pub use edit::Replacement;
use file::is_executable;
pub use record::Recorded;

/// A program whose configuration can name us as its credential helper.
pub trait SetupClient: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// The word that must follow the name on the command line, with a space before it. Empty if none must.
    fn argument(&self) -> &'static str {
        ""
    }

    /// The changes that make the client ask us, each to one file. `selected` is the word after the client, such as the AWS
    /// profile. Empty if the client asks us already.
    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure>;

    /// How the client locks its files.
    fn lock(&self) -> ClientLock {
        ClientLock::Nothing
    }

    /// Whether the text that we have inserted can be cut out of a file. It cannot if others have added to it, such as
    /// options to a section that we have made: then [`without_ours`](Self::without_ours) does it.
    fn can_revert(&self, _: &Recorded, _: &str) -> bool {
        true
    }

    /// Takes our setting out of a file that another program has rewritten since, so that the text which we inserted is not
    /// in it any more as it was. Returns the new content, or `None` if our setting is not in the file.
    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure>;

    /// Where a copy of our program must be so that the client starts it. Empty if no copy is needed, or if it is there.
    fn copies(&self, _: &Context, _: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
        Ok(Vec::new())
    }

    /// Whether a file with this content is a copy of our program, of any version.
    fn is_our_copy(&self, _: &[u8]) -> bool {
        false
    }

    /// Whether the client asks us. It does not if its configuration names us and it prefers what else is there.
    fn is_set_up(&self, context: &Context) -> Result<bool, Failure>;

    /// What the user must know after a change, one sentence each.
    fn notes(&self, _: &Context) -> Vec<String> {
        Vec::new()
    }

    /// What keeps the client from getting a credential from us, one sentence each: what it prefers to us, or that nothing is
    /// stored. `selected` is the word after the client. Nobody is asked to unlock the store.
    fn warnings(&self, _: &Context, _selected: Option<&str>) -> Vec<String> {
        Vec::new()
    }
}

/// The clients, in the order in which they are listed.
pub const CLIENTS: &[&dyn SetupClient] = &[
    &git::Git,
    &docker::Docker,
    &cargo::Cargo,
    &pnpm::Pnpm,
    &aws::Aws,
    &kubectl::Kubectl,
    &keyring::Keyring,
    &python_keyring::PythonKeyring,
    &terraform::Terraform,
    &bazel::Bazel,
];

/// A change to one file. The file is created if it does not exist.
pub struct FileChange {
    /// The file, as the client finds it. It may be a symbolic link.
    pub path: PathBuf,
    /// What the file holds now.
    pub before: Zeroizing<String>,
    /// What is replaced, in the order of the positions, which are those in `before`. Empty if the file only has to become a
    /// program.
    pub replacements: Vec<Replacement>,
    /// Whether the file is a program.
    pub is_program: bool,
}

impl FileChange {
    /// The change of a file that is no program and holds a text.
    pub fn of_text(path: PathBuf, before: &str, replacements: Vec<Replacement>) -> Self {
        Self { path, before: Zeroizing::new(before.to_owned()), replacements, is_program: false }
    }

    /// The change that makes a file a script of ours with this text. `old` is what it holds. `None` if nothing is to do.
    pub fn of_script(path: PathBuf, old: &str, new: String) -> Option<Self> {
        let replacements = match old == new {
            true if is_executable(&path) => return None,
            true => Vec::new(),
            false => vec![Replacement::of_part(old, 0..old.len(), new)],
        };
        Some(Self { is_program: true, ..Self::of_text(path, old, replacements) })
    }
}

/// The client with a name.
pub fn client(name: &str) -> Option<&'static dyn SetupClient> {
    CLIENTS.iter().copied().find(|client| client.name() == name)
}
