//! The files in which other programs keep credentials in plain text: finding the credentials, and taking them out.
//!
//! Each format has a file of its own. None of them changes anything beyond the entries: other bytes stay as they are.

use std::{ops::Range, path::PathBuf};

use zeroize::Zeroizing;

use crate::setup::ClientLock;
use os_secrets::{
    credential::{Key, Secret},
    environment::{Process, Variables},
    error::Error,
};

pub mod aws;
pub mod aws_ini;
mod cargo;
mod docker;
mod findings;
mod git;
mod kube;
pub mod kubeconfig;
#[cfg(test)]
mod losses;
mod netrc;
pub mod npmrc;
mod pypirc;
pub mod yaml;
pub mod yaml_scalar;

pub use findings::{NoEntry, PlainFindings, UnmovedEntry};

/// A file format with credentials in plain text.
pub trait PlainFormat: Sync {
    /// The word for `import --from`.
    fn name(&self) -> &'static str;

    /// Where the client has such files. Not all of them need to exist.
    fn paths(&self) -> Vec<PathBuf>;

    /// How the client locks the file.
    fn lock(&self) -> ClientLock {
        ClientLock::Nothing
    }

    /// Finds the entries of a file, in their order. An entry that cannot be read hides no other one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], which contains no part of the file, if no entry can be told from the rest of it.
    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error>;

    /// The content of the file without these entries, which `find` has returned for this content.
    fn without(&self, content: &[u8], entries: &[&PlainEntry]) -> Zeroizing<Vec<u8>> {
        let mut cuts: Vec<_> = entries.iter().flat_map(|entry| entry.cuts.clone()).collect();
        cuts.sort_by_key(|cut| cut.start);
        cut_out(content, &cuts)
    }
}

/// A file, as a format parses it.
pub struct PlainFile<'a> {
    /// Its path, for errors.
    pub path: &'a std::path::Path,
    /// What it holds.
    pub content: &'a [u8],
}

/// An entry with a credential.
pub struct PlainEntry {
    /// What the user calls it, such as the URL with the user. It has no part of the secret.
    pub label: String,
    /// Where we store it.
    pub key: Key,
    /// What we store.
    pub value: Secret,
    /// The parts of the file that only this entry needs, in bytes. If several entries have the same, they stay until all of
    /// these entries were stored. If there are none, the entry stays in the file because of another one, which is skipped.
    pub cuts: Vec<Range<usize>>,
}

/// The formats, in the order in which they are listed.
pub const FORMATS: &[&dyn PlainFormat] = &[
    &git::GitCredentials,
    &docker::DockerConfig,
    &cargo::CargoCredentials,
    &npmrc::Npmrc,
    &aws::AwsFiles,
    &kube::KubeFiles,
    &netrc::Netrc,
    &pypirc::Pypirc,
];

/// The user's home directory, as git and curl find it.
pub fn home_of_git() -> Option<PathBuf> {
    let home = Process.directory("HOME");
    if cfg!(windows) { home.or_else(|| Process.directory("USERPROFILE")) } else { home }
}

/// The format with a name.
pub fn format(name: &str) -> Option<&'static dyn PlainFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// The content without some parts, which are in their order. Parts may overlap.
pub fn cut_out(content: &[u8], cuts: &[Range<usize>]) -> Zeroizing<Vec<u8>> {
    let mut rest = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut end = 0;
    for cut in cuts {
        if end < cut.start {
            rest.extend_from_slice(&content[end..cut.start]);
        }
        end = end.max(cut.end);
    }
    rest.extend_from_slice(&content[end..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_out() {
        for (cuts, rest) in [
            (vec![], "0123456789"),
            (vec![0..2, 5..6], "2346789"),
            (vec![0..4, 2..6], "6789"),
            (vec![0..6, 2..4, 8..10], "67"),
            (vec![3..3, 5..5], "0123456789"),
        ] {
            assert_eq!(&*cut_out(b"0123456789", &cuts), rest.as_bytes());
        }
    }
}
