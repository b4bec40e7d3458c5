//! The stores that a command line names.

use std::{
    ffi::OsString,
    path::{MAIN_SEPARATOR, Path, PathBuf},
    sync::Arc,
};

use super::{Failure, output::shown, terminal};
use os_secrets::{
    credential::Secret,
    environment::absolute_path,
    error::Error,
    file,
    store::{
        self, Choice,
        file::{AskPassphrase, FileOptions, FileStore},
        settings::StoreKind,
    },
};

/// A store.
#[derive(Clone)]
pub enum Selected {
    /// The operating system's.
    Os,
    /// An encrypted file.
    File(Arc<FileStore>),
}

impl Selected {
    /// The store that `word` names; relative paths start in `directory`.
    pub fn parse(word: OsString, directory: &Path) -> Result<Self, Failure> {
        Ok(match word.as_encoded_bytes() {
            b"os" => Self::Os,
            b"file" => Self::file(None),
            path if path.iter().any(|&byte| std::path::is_separator(byte.into())) => {
                Self::file(Some(&directory.join(word)))
            }
            _ => {
                let text =
                    format!("a store is os, file, or the path of a file, with a {MAIN_SEPARATOR} in it");
                return Err(Failure::Usage(text));
            }
        })
    }

    /// The store that the environment chooses.
    pub fn of_environment() -> Result<Self, Error> {
        Ok(match store::settings().kind.clone()? {
            StoreKind::Os => Self::Os,
            StoreKind::File => Self::file(None),
        })
    }

    fn file(path: Option<&Path>) -> Self {
        let ask = terminal::keyboard().is_ok().then(|| Arc::new(ask) as AskPassphrase);
        let options = FileOptions { path: path.map(absolute_path), unlock: None, ask };
        Self::File(Arc::new(FileStore::new(options, store::settings().file.clone())))
    }

    /// The store itself.
    pub fn choice(&self) -> Choice {
        match self {
            Self::Os => Choice::Os,
            Self::File(store) => Choice::Own(Arc::clone(store) as _),
        }
    }
}

impl Selected {
    /// The files that hold what is the store's.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::File(store) => store.files(),
            Self::Os => Vec::new(),
        }
    }

    /// Whether two are one.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Os, Self::Os) => true,
            (Self::File(one), Self::File(other)) => {
                matches!((one.path(), other.path()), (Ok(one), Ok(other)) if file::is_same(one, other))
            }
            _ => false,
        }
    }
}

/// Asks for the passphrase of a file, twice where it is a new one.
fn ask(path: &Path, is_new: bool) -> Result<Secret, Error> {
    let fail = |error| file::failure("Cannot read", "the terminal".as_ref(), error);
    let none = || Error::NoPassphrase("No passphrase was entered");
    let path = shown(&path.display().to_string());
    let passphrase = if is_new {
        let prompts = [&*format!("Passphrase of the new file {path}: "), "The same again: "];
        let [first, again] = terminal::ask(prompts).map_err(fail)?.ok_or_else(none)?;
        if first != again {
            return Err(Error::NoPassphrase("The two passphrases differ"));
        }
        first
    } else {
        let [only] = terminal::ask([&*format!("Passphrase of {path}: ")]).map_err(fail)?.ok_or_else(none)?;
        only
    };
    if passphrase.expose().is_empty() { Err(none()) } else { Ok(passphrase) }
}
