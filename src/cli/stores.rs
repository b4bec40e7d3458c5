//! The stores that a command line names.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    path::Path,
    sync::Arc,
};

use super::{Failure, terminal};
use crate::{
    credential::Secret,
    error::Error,
    file,
    store::{
        self, Choice,
        file::{Ask, FileStore, Options},
        settings::{Provider, fixed},
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
            path if path.contains(&b'/') => Self::file(Some(&directory.join(word))),
            _ => {
                return Err(Failure::Usage(
                    "a store is os, file, or the path of a file, with a / in it".into(),
                ));
            }
        })
    }

    /// The store that the environment chooses.
    pub fn of_environment() -> Result<Self, Error> {
        Ok(match store::settings().provider.clone()? {
            Provider::Os => Self::Os,
            Provider::File => Self::file(None),
        })
    }

    fn file(path: Option<&Path>) -> Self {
        let ask = io::stdin().is_terminal().then(|| Arc::new(ask) as Ask);
        let options = Options { path: path.map(fixed), unlock: None, ask };
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

/// Asks for the passphrase of a file, twice where it is a new one.
fn ask(is_new: bool) -> Result<Secret, Error> {
    let fail = |error| file::failure("Cannot read", "the terminal".as_ref(), error);
    let [first, again] = if is_new {
        let prompts = ["Passphrase of the new encrypted file: ", "The same again: "];
        terminal::ask(prompts).map_err(fail)?.ok_or(Error::NoPassphrase)?
    } else {
        let prompts = ["Passphrase of the encrypted file: "];
        let [only] = terminal::ask(prompts).map_err(fail)?.ok_or(Error::NoPassphrase)?;
        [only.clone(), only]
    };
    match first == again && !first.expose().is_empty() {
        true => Ok(first),
        false => Err(Error::NoPassphrase),
    }
}
