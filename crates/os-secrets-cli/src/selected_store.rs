//! The store that `--store` or the environment selects.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, IsTerminal, Write},
    path::{MAIN_SEPARATOR, Path, PathBuf, is_separator},
    sync::Arc,
};

use crate::{commands::doctor::Subject, failure::Failure, terminal};
use os_secrets::{
    credential::Secret,
    environment::{Process, Variables, absolute_path},
    error::Error,
    file,
    printable::printable_path,
    store::{
        self, Choice,
        file::{AskPassphrase, FileOptions, FileStore, PassphrasePrompt, PluginUser},
        settings::StoreKind,
    },
};

/// A store.
#[derive(Clone)]
pub enum SelectedStore {
    /// The operating system's.
    Os,
    /// An encrypted file.
    File(Arc<FileStore>),
    /// The memory of this process. Only the environment selects it.
    Memory,
    /// The server of Vault or OpenBao that the environment names.
    Vault,
}

impl SelectedStore {
    /// The store that a word of the command line names. Relative paths start in `directory`.
    pub fn parse(word: OsString, directory: &Path) -> Result<Self, Failure> {
        Self::parse_with(word, directory, ask_on_terminal())
    }

    /// As [`parse`](Self::parse). `ask` asks the user for a passphrase.
    pub fn parse_with(word: OsString, directory: &Path, ask: Option<AskPassphrase>) -> Result<Self, Failure> {
        Ok(match word.as_encoded_bytes() {
            b"os" => Self::Os,
            b"file" => Self::open_file(None, ask),
            b"vault" => Self::Vault,
            path if path.iter().any(|&byte| is_separator(byte.into())) => {
                Self::open_file(Some(&directory.join(word)), ask)
            }
            _ => {
                return Err(Failure::Usage(format!(
                    "unknown store; use os, file, vault, or a path that contains {MAIN_SEPARATOR}"
                )));
            }
        })
    }

    /// Whether it is a file whose identity comes from a pipe.
    pub fn has_pipe(&self) -> bool {
        matches!(self, Self::File(file) if find_pipe(file).is_some())
    }

    /// The store that the environment selects. `ask` asks the user for a passphrase.
    pub fn from_environment(ask: Option<AskPassphrase>) -> Result<Self, Error> {
        Ok(match store::settings().kind.clone()? {
            StoreKind::Os => Self::Os,
            StoreKind::File => Self::open_file(None, ask),
            StoreKind::Memory => Self::Memory,
            StoreKind::Vault => Self::Vault,
        })
    }

    /// `path` is the file, else the one that the environment names.
    fn open_file(path: Option<&Path>, ask: Option<AskPassphrase>) -> Self {
        let options = FileOptions {
            path: path.map(absolute_path),
            plugin_user: ask.is_some().then(|| Arc::new(TerminalUser) as _),
            ask,
            ..FileOptions::default()
        };
        Self::File(Arc::new(FileStore::new(options, store::settings().file.clone())))
    }

    /// The store, as calls take it.
    pub fn choice(&self) -> Choice {
        match self {
            Self::Os => Choice::Os,
            Self::File(store) => Choice::Own(Arc::clone(store) as _),
            Self::Memory => Choice::Environment,
            Self::Vault => Choice::Vault,
        }
    }

    /// The store, as it is examined. `start` is as in [`Subject::File`].
    pub fn into_subject(self, start: String) -> Subject {
        match self {
            Self::Os => Subject::Os,
            Self::File(store) => Subject::File { store, start },
            Self::Memory => Subject::Memory,
            Self::Vault => Subject::Vault(Arc::clone(store::vault())),
        }
    }

    /// The files that hold the store's secrets and keys.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::File(store) => store.files(),
            Self::Os | Self::Memory | Self::Vault => Vec::new(),
        }
    }

    /// Whether both are the same store.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Os, Self::Os) | (Self::Memory, Self::Memory) | (Self::Vault, Self::Vault) => true,
            (Self::File(one), Self::File(other)) => {
                matches!((one.path(), other.path()), (Ok(one), Ok(other)) if file::is_same(one, other))
            }
            _ => false,
        }
    }
}

/// The store that the environment selects, as it is examined by a program that cannot ask for a passphrase.
///
/// # Errors
///
/// [`Error::InvalidSetting`] if the environment names no store that exists.
pub fn subject_from_environment() -> Result<Subject, Error> {
    Ok(SelectedStore::from_environment(None)?.into_subject(String::new()))
}

/// What asks for a passphrase, if there is a terminal.
pub fn ask_on_terminal() -> Option<AskPassphrase> {
    terminal::keyboard().is_ok().then(|| Arc::new(ask_passphrase) as AskPassphrase)
}

/// From which directory the relative path of the encrypted file is taken, as a text for messages. `None` if the path is
/// not relative. `word` is that of the command line, whose relative paths start in `directory`.
pub fn describe_start(word: Option<&OsStr>, directory: &Path) -> Option<String> {
    let named = word.filter(|word| *word != "file");
    let (what, path) = match named {
        Some(word) => ("--store", PathBuf::from(word)),
        None => ("OS_SECRETS_FILE", Process.get("OS_SECRETS_FILE")?.into()),
    };
    let start = absolute_path(if named.is_some() { directory } else { Path::new(".") });
    path.is_relative().then(|| format!("a relative {what} starts in {}", printable_path(start)))
}

/// From which pipe the identity comes, on a terminal: the command waits until a program writes to it.
pub fn describe_pipe(file: &FileStore) -> String {
    match find_pipe(file) {
        Some(pipe) if io::stderr().is_terminal() => {
            format!(", and waiting for an identity from the pipe {}", printable_path(pipe))
        }
        _ => String::new(),
    }
}

/// The pipe from which the identity comes, if it comes from one.
fn find_pipe(file: &FileStore) -> Option<PathBuf> {
    file.files().into_iter().find(|path| fs::metadata(path).is_ok_and(|found| file::is_pipe(&found)))
}

/// The user at the terminal, with whom age plugins speak.
struct TerminalUser;

impl PluginUser for TerminalUser {
    fn show(&self, program: &str, text: &str) {
        // Nobody sees it if standard error is closed.
        let _ = writeln!(io::stderr(), "{program}: {text}");
    }

    fn ask(&self, program: &str, text: &str) -> Option<Secret> {
        let [answer] = terminal::ask([&*format!("{program}: {text}: ")]).ok()??;
        Some(answer)
    }
}

const WRONG: &str = "That passphrase is wrong. ";

/// Asks for the passphrase of a file, twice if the file is new.
fn ask_passphrase(path: &Path, prompt: PassphrasePrompt) -> Result<Secret, Error> {
    let fail = |error| file::failure("Cannot read", "the terminal".as_ref(), error);
    let missing = || Error::NoPassphrase("No passphrase was entered");
    let path = printable_path(path);
    let passphrase = if prompt == PassphrasePrompt::New {
        let prompts = [&*format!("Passphrase for the new file {path}: "), "Repeat the passphrase: "];
        let [first, again] = terminal::ask(prompts).map_err(fail)?.ok_or_else(missing)?;
        if first != again {
            return Err(Error::NoPassphrase("The two passphrases differ"));
        }
        first
    } else {
        let (wrong, what) = match prompt {
            PassphrasePrompt::New | PassphrasePrompt::Existing => ("", ""),
            PassphrasePrompt::Again => (WRONG, ""),
            PassphrasePrompt::Identity => ("", "the identity "),
            PassphrasePrompt::IdentityAgain => (WRONG, "the identity "),
        };
        let prompts = [&*format!("{wrong}Passphrase for {what}{path}: ")];
        let [only] = terminal::ask(prompts).map_err(fail)?.ok_or_else(missing)?;
        only
    };
    if passphrase.expose().is_empty() { Err(missing()) } else { Ok(passphrase) }
}
