//! The repository scope: `busdk.secrets` in the workspace's `datapackage.json`, in plain text.
//!
//! Its secrets come before those of the user. So a file that another user can have written is refused.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use super::{FoundSecrets, Name, collect_names};
use crate::{
    credential::Secret,
    environment::absolute_path,
    error::Error,
    executor::{Lane, Purpose},
    file::{Access, FoundFile, LockedDirectory, TrustedFile, failure, find_trusted, read_trusted},
    json::Document,
    store::credential_lock::LockDomain,
};

/// The file's name.
const FILE: &str = "datapackage.json";
/// The path to the secrets in the file. Each name there is one member, including its dots.
const SECRETS: [&str; 2] = ["busdk", "secrets"];

/// The secrets of a workspace.
#[derive(Clone, Debug)]
pub struct Repository {
    directory: PathBuf,
}

impl Repository {
    /// The secrets of the workspace in exactly this directory. Its parents are not searched.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The lane for work on the file.
    pub fn lane(&self, purpose: Purpose) -> Lane {
        Lane::for_file(&self.directory, purpose)
    }

    /// Reads secrets. The result has no entry for a name that does not exist.
    pub fn get_all(&self, names: &BTreeSet<Name>) -> Result<FoundSecrets, Error> {
        let found = self.with_document(|document| {
            let mut found = FoundSecrets::new();
            for name in names {
                found.extend(document.text(&SECRETS, name.as_str())?.map(|secret| (name.clone(), secret)));
            }
            Ok(found)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The names of all secrets.
    pub fn list(&self) -> Result<BTreeSet<Name>, Error> {
        let names = self.with_document(|document| {
            Ok(collect_names(document.names(&SECRETS)?.filter_map(|name| Name::parse(name.as_bytes()).ok())))
        })?;
        Ok(names.unwrap_or_default())
    }

    /// Stores a secret. The file must exist, and the rest of it stays as it is.
    pub fn set(&self, name: &Name, value: &Secret) -> Result<(), Error> {
        let text = str::from_utf8(value.expose()).map_err(|_| Error::InvalidData)?;
        self.update(|document| {
            document.set(&SECRETS, name.as_str(), text)?;
            Ok(true)
        })?
        .map(drop)
        .ok_or_else(|| Error::NoWorkspace { path: self.directory.join(FILE) })
    }

    /// Deletes a secret, and returns whether it existed.
    pub fn delete(&self, name: &Name) -> Result<bool, Error> {
        let deleted = self.update(|document| document.remove(&SECRETS, name.as_str()))?;
        Ok(deleted.unwrap_or(false))
    }

    /// Which programs that read and then replace a secret exclude each other. `None` if the file does not exist.
    pub fn lock_domain(&self) -> Result<Option<LockDomain>, Error> {
        Ok(self.find_file()?.map(|found| LockDomain::File(found.path)))
    }

    fn with_document<T>(
        &self,
        work: impl FnOnce(&Document<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(found) = self.find_file().map_err(advise)? else { return Ok(None) };
        let Some(bytes) = read_trusted(&found).map_err(advise)? else { return Ok(None) };
        work(&Document::parse(&found.path, &bytes)?).map(Some)
    }

    /// Changes the document, and writes the file if `work` returns that it has changed something. Returns the same, or
    /// `None` if the file does not exist.
    fn update(
        &self,
        work: impl FnOnce(&mut Document<'_>) -> Result<bool, Error>,
    ) -> Result<Option<bool>, Error> {
        let Some(found) = self.find_file()? else { return Ok(None) };
        let path = &found.path;
        let directory = LockedDirectory::lock(path)?;
        let Some(bytes) = read_trusted(&found)? else { return Ok(None) };
        let mut document = Document::parse(path, &bytes)?;
        let changed = work(&mut document)?;
        if changed {
            directory.replace(path, &document.to_bytes(), Access::AsBefore)?;
        }
        Ok(Some(changed))
    }

    /// The file, with symbolic links resolved. `None` if it does not exist.
    fn find_file(&self) -> Result<Option<FoundFile>, Error> {
        let path = absolute_path(&self.directory.join(FILE));
        // It is an error if the directory does not exist, but not if the file does not.
        match fs::metadata(&self.directory) {
            Ok(found) if found.is_dir() => find_trusted(&path, TrustedFile::Repository),
            Ok(_) => Err(failure("Cannot read", &self.directory, io::ErrorKind::NotADirectory.into())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(failure("Cannot read", &self.directory, error))
            }
            Err(error) => Err(failure("Cannot read", &path, error)),
        }
    }
}

/// Adds the way around a file that cannot be read.
fn advise(error: Error) -> Error {
    match error {
        Error::File { action, path, reason, denied } => {
            let reason = format!(
                "{reason}. Correct that, or use only your own secrets, with the scope user (--scope user)"
            )
            .into();
            Error::File { action, path, reason, denied }
        }
        error => error,
    }
}
