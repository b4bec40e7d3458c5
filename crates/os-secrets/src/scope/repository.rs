//! The repository scope: `busdk.secrets` in the workspace's `datapackage.json`, in plain text.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Found, Name, sorted};
use crate::{
    credential::Secret,
    error::Error,
    executor::{Lane, Purpose},
    file::{Access, LockedDirectory, canonical, failure, read},
    json::Document,
};

/// The file's name.
const FILE: &str = "datapackage.json";
/// Where the secrets are in it; each name is one member there, dots and all.
const SECRETS: [&str; 2] = ["busdk", "secrets"];

/// The secrets of a workspace.
#[derive(Clone, Debug)]
pub struct Repository {
    directory: PathBuf,
}

impl Repository {
    /// Those of the workspace in a directory. It is not looked for in the directories above.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The lane of work with the file.
    pub fn lane(&self, purpose: Purpose) -> Lane {
        Lane::for_file(&self.directory, purpose)
    }

    /// Reads secrets; those that there are none of are absent from the answer.
    pub fn get_all(&self, names: &BTreeSet<Name>) -> Result<Found, Error> {
        let found = self.with_document(|document| {
            let mut found = Found::new();
            for name in names {
                found.extend(document.text(&SECRETS, name.as_str())?.map(|secret| (name.clone(), secret)));
            }
            Ok(found)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The names there are.
    pub fn list(&self) -> Result<BTreeSet<Name>, Error> {
        let names = self.with_document(|document| {
            Ok(sorted(document.names(&SECRETS)?.filter_map(|name| Name::parse(name.as_bytes()).ok())))
        })?;
        Ok(names.unwrap_or_default())
    }

    /// Stores a secret. There must be a file; the rest of it stays as it is.
    pub fn set(&self, name: &Name, value: &Secret) -> Result<(), Error> {
        let text = str::from_utf8(value.expose()).map_err(|_| Error::InvalidData)?;
        self.update(|document| {
            document.set(&SECRETS, name.as_str(), text)?;
            Ok(true)
        })?
        .map(drop)
        .ok_or_else(|| {
            failure(
                "Cannot write",
                &self.directory.join(FILE),
                io::Error::other("there is no such file, which makes a directory a workspace"),
            )
        })
    }

    /// Deletes a secret; whether there was one.
    pub fn delete(&self, name: &Name) -> Result<bool, Error> {
        let deleted = self.update(|document| document.remove(&SECRETS, name.as_str()))?;
        Ok(deleted.unwrap_or(false))
    }

    fn with_document<T>(
        &self,
        work: impl FnOnce(&Document<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(path) = self.path()? else { return Ok(None) };
        let Some(bytes) = read(&path)? else { return Ok(None) };
        work(&Document::parse(&path, &bytes)?).map(Some)
    }

    /// Changes the file where the work says that it changed the document; says the same.
    fn update(
        &self,
        work: impl FnOnce(&mut Document<'_>) -> Result<bool, Error>,
    ) -> Result<Option<bool>, Error> {
        let Some(path) = self.path()? else { return Ok(None) };
        let directory = LockedDirectory::lock(&path)?;
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let mut document = Document::parse(&path, &bytes)?;
        let changed = work(&mut document)?;
        if changed {
            directory.replace(&path, &document.to_bytes(), Access::AsBefore)?;
        }
        Ok(Some(changed))
    }

    /// The file itself: where it is a symbolic link, what that leads to. `None` where there is none.
    fn path(&self) -> Result<Option<PathBuf>, Error> {
        let path = self.directory.join(FILE);
        // A workspace that is not there is an error; one without the file is not.
        let check = |path: &Path| fs::metadata(path).map_err(|error| failure("Cannot read", path, error));
        if !check(&self.directory)?.is_dir() {
            return Err(failure("Cannot read", &self.directory, io::ErrorKind::NotADirectory.into()));
        }
        match canonical(&path) {
            Ok(path) => Ok(Some(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure("Cannot read", &path, error)),
        }
    }
}
