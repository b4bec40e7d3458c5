//! What every command works with: the directory, the scope, the store and the output.

use std::{
    cell::Cell,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use crate::{
    Program,
    args::{Arguments, Command, CredentialArgs, ServiceArg, name_advice},
    child,
    dotenv::{self, Variable},
    failure::Failure,
    output::{self, Output, print_message},
    selected_store::{self, SelectedStore, ask_on_terminal},
    session,
};
use os_secrets::{
    bounds::Bounds,
    credential::{Key, Secret},
    error::Error,
    executor::block_on,
    file,
    printable::printable_path,
    program::command_on_file,
    progress::Progress,
    scope::{Name, Preferences, Repository, Resolution, Scope, Scopes, User, parse_reference},
    store::{self, Call, Choice, file::FileStore, settings_file::Origin},
};

/// The word that stands for standard input or output in place of a file.
pub const STANDARD: &str = "-";

/// What every command works with.
pub struct Context {
    pub program: Program,
    pub output: Output,
    /// The directory to work in: `-C`, else `.`.
    pub directory: PathBuf,
    /// Whether the process is a JavaScript runtime.
    pub hosted: bool,
    /// The number of words of the command line, without those that start the program.
    pub word_count: usize,
    /// `--scope`.
    scope: Option<Scope>,
    /// The store, if the program has one and its setting is valid.
    pub selected: Option<SelectedStore>,
    /// Whether the command line has `--store`.
    has_store_flag: bool,
    /// Whether `--store` has a path.
    has_file_flag: bool,
    /// From which directory the store's relative path is taken.
    store_start: Option<String>,
    /// Whether the command creates an encrypted file that does not exist.
    creates_store: bool,
    /// Whether [`Self::announce_store`] has printed its note.
    announced: Cell<bool>,
    /// Whether looking into the other scope has failed. It is not tried again, because it may have taken seconds.
    pub other_scope_failed: Cell<bool>,
}

/// What a name on the command line means.
#[derive(Clone)]
pub enum Target {
    /// A secret of the workspace or of the user.
    Secret(Name, Scope),
    /// A credential of any application.
    Credential(Key),
}

impl Context {
    /// Makes the context of a command line, and returns it with the command.
    pub fn new(program: Program, arguments: Arguments, hosted: bool) -> Result<(Self, Command), Failure> {
        let scope = arguments.scope();
        let Arguments { directory, output, quiet, store, command, .. } = arguments;
        let directory = directory.unwrap_or_else(|| PathBuf::from("."));
        let mut context = Self {
            program,
            output: Output {
                quiet,
                file: output
                    .filter(|path| path.as_os_str() != STANDARD)
                    .map(|path| path_in(&directory, &path)),
            },
            hosted,
            word_count: 0,
            scope,
            selected: None,
            has_store_flag: store.is_some(),
            has_file_flag: store
                .as_ref()
                .is_some_and(|word| word != "os" && word != "file" && word != "vault"),
            store_start: selected_store::describe_start(store.as_deref(), &directory),
            creates_store: command.creates_store(),
            announced: Cell::new(false),
            other_scope_failed: Cell::new(false),
            directory,
        };
        context.check_directory()?;
        // Before the command changes something.
        if let (false, Some(file)) = (quiet, &context.output.file) {
            file::check_output(file).map_err(Failure::Failed)?;
        }
        if program != Program::BusSecrets {
            if needs_settings(&command, store.is_some()) {
                store::settings().settings_file.settings().map_err(Failure::Failed)?;
            }
            context.selected = match store {
                Some(word) => Some(SelectedStore::parse(word, &context.directory)?),
                // A wrong setting is reported by the commands that use the store.
                None => SelectedStore::from_environment(ask_on_terminal()).ok(),
            };
            if let Some(selected) = &context.selected {
                context.reject_output_over(&selected.paths())?;
                if matches!(selected, SelectedStore::Vault) {
                    child::withhold_tokens();
                }
            }
        }
        Ok((context, command))
    }

    fn check_directory(&self) -> Result<(), Failure> {
        // The current directory needs no check, and we may not be allowed to look at it.
        if self.directory.as_os_str() == "." {
            return Ok(());
        }
        let fail = |error| Failure::Failed(file::failure("Cannot work in", &self.directory, error));
        if !fs::metadata(&self.directory).map_err(fail)?.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        Ok(())
    }

    /// The scope for a command that reads.
    pub fn scope_to_read(&self) -> Scope {
        self.scope.unwrap_or(Scope::Auto)
    }

    /// The scope for a command that stores or deletes.
    pub fn scope_to_change(&self) -> Result<Scope, Failure> {
        match self.scope.unwrap_or(Scope::User) {
            Scope::Auto => Err(Failure::Usage("--scope must be user or repo to change a secret".into())),
            scope => Ok(scope),
        }
    }

    /// Fails if `--scope` is given. `other` is the command or flag that does not allow it.
    pub fn reject_scope(&self, other: &str) -> Result<(), Failure> {
        match self.scope {
            None => Ok(()),
            Some(_) => Err(Failure::Usage(format!("--scope cannot be used with {other}"))),
        }
    }

    /// Whether `--store` is given.
    pub fn has_store_flag(&self) -> bool {
        self.has_store_flag
    }

    /// Whether `--store` names the encrypted file by its path.
    pub fn has_file_flag(&self) -> bool {
        self.has_file_flag
    }

    /// Fails if `--store` is given. `command` is the command that does not allow it.
    pub fn reject_store(&self, command: &str) -> Result<(), Failure> {
        match self.has_store_flag {
            false => Ok(()),
            true => Err(Failure::Usage(format!("--store cannot be used with {command}"))),
        }
    }

    /// Fails if `-o` names one of these files.
    pub fn reject_output_over(&self, paths: &[impl AsRef<Path>]) -> Result<(), Failure> {
        let output = self.output.file.as_deref();
        match paths.iter().any(|path| output.is_some_and(|output| file::is_same(output, path.as_ref()))) {
            false => Ok(()),
            true => Err(Failure::Usage(
                "-o would overwrite a file that holds keys or secrets; choose another file".into(),
            )),
        }
    }

    /// A path of the command line, relative to the directory to work in.
    pub fn path(&self, path: &Path) -> PathBuf {
        path_in(&self.directory, path)
    }

    /// What a name means: a credential of the application if `--service` is given, else a secret of `scope`.
    pub fn target(
        &self,
        credential: CredentialArgs,
        scope: impl FnOnce() -> Result<Scope, Failure>,
    ) -> Result<Target, Failure> {
        match self.service(credential.service)? {
            None => Ok(Target::Secret(self.parse_name(credential.name.as_encoded_bytes())?, scope()?)),
            Some(service) => {
                let name = into_text(credential.name, "the credential's name")?;
                Ok(Target::Credential(Key { service, name }))
            }
        }
    }

    /// The name of a secret. The failure says what the user may have meant.
    pub fn parse_name(&self, text: &[u8]) -> Result<Name, Failure> {
        Name::parse(text).map_err(|error| self.with_advice(error, text))
    }

    /// The failure of a name or reference that is not valid, with what may have been meant.
    pub fn with_advice(&self, error: Error, name: &[u8]) -> Failure {
        match Failure::from(error) {
            Failure::Usage(message) if self.program != Program::BusSecrets => {
                Failure::Usage(message + &name_advice(name))
            }
            failure => failure,
        }
    }

    /// The application that `--service` names, if it is given.
    pub fn service(&self, argument: ServiceArg) -> Result<Option<String>, Failure> {
        let Some(service) = argument.service else { return Ok(None) };
        self.reject_scope("--service")?;
        into_text(service, "--service").map(Some)
    }

    /// The store for what is not in the repository. Prints a note as [`Self::announce_store`] does.
    pub fn store(&self) -> Choice {
        self.announce_store();
        self.silent_store()
    }

    /// As [`store`](Self::store), without a note.
    pub fn silent_store(&self) -> Choice {
        self.selected.as_ref().map_or(Choice::Environment, SelectedStore::choice)
    }

    /// Prints a note if the environment selects another store than the operating system's: once per process, and per
    /// session of a terminal. A store that the user's settings file selects is the user's choice for all programs. In any
    /// case it says if an encrypted file does not exist, unless the command creates it, and from which pipe its identity
    /// is read.
    pub fn announce_store(&self) {
        // What is not printed does not count as seen.
        if self.output.quiet || self.announced.replace(true) {
            return;
        }
        let note = match &self.selected {
            Some(SelectedStore::File(file)) => {
                file.path().ok().and_then(|path| self.describe_file(file, path))
            }
            Some(SelectedStore::Memory) => {
                Some("using memory (OS_SECRETS_PROVIDER). Nothing is kept when this command ends".into())
            }
            Some(SelectedStore::Os | SelectedStore::Vault) | None => None,
        };
        if let Some(note) = note {
            self.note(&note);
        }
    }

    /// What the user should know about the encrypted file that is used.
    fn describe_file(&self, file: &FileStore, path: &Path) -> Option<String> {
        let missing = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.creates_store => {
                format!(", which does not exist{}", self.store_start())
            }
            _ => String::new(),
        };
        let pipe = selected_store::describe_pipe(file);
        let is_chosen = self.has_store_flag || store::settings().kind_origin == Origin::SettingsFile;
        let is_known = || is_chosen || session::note_store(path);
        if missing.is_empty() && pipe.is_empty() && is_known() {
            return None;
        }
        Some(format!("using the encrypted file {}{missing}{pipe}", printable_path(path)))
    }

    /// From which directory the store's relative path is taken, in parentheses. Empty if the path is not relative.
    pub fn store_start(&self) -> String {
        self.store_start.as_ref().map(|start| format!(" ({start})")).unwrap_or_default()
    }

    /// The selected store, or why the setting is wrong.
    pub fn selected_store(&self) -> Result<SelectedStore, Error> {
        match &self.selected {
            Some(selected) => Ok(selected.clone()),
            None => SelectedStore::from_environment(ask_on_terminal()),
        }
    }

    /// The repository's and the user's secrets.
    pub fn scopes(&self) -> Scopes {
        if self.program != Program::BusSecrets && self.scope != Some(Scope::Repository) {
            self.announce_store();
        }
        self.silent_scopes()
    }

    /// As [`scopes`](Self::scopes), without a note about the store.
    pub fn silent_scopes(&self) -> Scopes {
        Scopes {
            repository: Repository::new(self.directory.clone()),
            user: match self.program {
                Program::BusSecrets => User::Preferences(Preferences::of_user()),
                _ => User::Store(self.silent_store()),
            },
        }
    }

    /// Replaces the references among these values by the secrets. `names` are what the values are called in errors.
    pub fn resolve(&self, values: Vec<Secret>, names: Option<Vec<String>>) -> Result<Vec<Secret>, Failure> {
        let invalid = values.iter().find(|value| parse_reference(value.expose()).is_err()).cloned();
        let resolution = Resolution::parse(values, names, self.scope_to_read());
        let resolution = match (resolution, invalid) {
            (Err(error), Some(reference)) => return Err(self.with_advice(error, reference.expose())),
            (resolution, _) => resolution?,
        };
        let scopes = self.scopes();
        let resolved = self.call(Progress::reading(true), |progress| async move {
            resolution.finish(&scopes, &progress).await
        })?;
        self.warn_of_hidden(resolved.from_repository);
        Ok(resolved.values)
    }

    /// Prints a message on standard error, even with `--quiet`.
    pub fn print_message(&self, message: &str) {
        print_message(self.program, message);
    }

    /// Prints a message on standard error that `--quiet` suppresses.
    pub fn note(&self, message: &str) {
        if !self.output.quiet {
            self.print_message(message);
        }
    }

    /// Reads a file, or standard input if `None` or `-`.
    pub fn read_input(&self, file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        output::read_input(not_standard(file).map(|file| self.directory.join(file)).as_deref())
    }

    /// Reads the variables of a dotenv file, or of standard input if `None`.
    pub fn read_dotenv(&self, file: Option<&Path>) -> Result<Vec<Variable>, Failure> {
        let text = self.read_input(file)?;
        self.parse_dotenv(file, &text)
    }

    /// Parses the text of a dotenv file.
    pub fn parse_dotenv(&self, file: Option<&Path>, text: &[u8]) -> Result<Vec<Variable>, Failure> {
        dotenv::parse(text)
            .map_err(|error| self.invalid_input(file, format!("is not a valid dotenv file: {error}")))
    }

    /// The failure of a command whose input is wrong. `reason` follows the name of the file.
    pub fn invalid_input(&self, file: Option<&Path>, reason: String) -> Failure {
        Failure::Failed(Error::InvalidFile { path: self.input_path(file), reason })
    }

    /// The path of an input for messages.
    pub fn input_path(&self, file: Option<&Path>) -> PathBuf {
        not_standard(file).map_or_else(|| "standard input".into(), |file| self.directory.join(file))
    }

    /// Says who else can read what was stored in this scope: everybody who has the repository, or the recipients of the
    /// encrypted file.
    pub fn note_readers(&self, scope: Option<Scope>) {
        if scope == Some(Scope::Repository) {
            self.note(
                "warning: datapackage.json holds its secrets in plain text. Everyone who has the repository can \
                 read them",
            );
        } else if let Some(SelectedStore::File(store)) = &self.selected
            && let Ok(path) = store.path()
            && let count @ 2.. = store.recipient_count()
        {
            let doctor = command_on_file(path, "doctor");
            self.note(&format!(
                "{count} recipients can read {}. `{doctor}` lists them",
                printable_path(path)
            ));
        }
    }

    /// Runs a call on the thread of the connections, and waits for its result.
    pub fn call<T, F>(&self, progress: Progress, call: impl FnOnce(Arc<Progress>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let progress = Arc::new(progress);
        let call: Call<T> = Box::pin(call(Arc::clone(&progress)));
        block_on(async move { Bounds::default().run(&progress, call).await })?
    }
}

/// Whether a command must not do anything while the user's settings file is refused.
fn needs_settings(command: &Command, has_store_flag: bool) -> bool {
    match command {
        Command::Doctor { .. } | Command::Completions { .. } | Command::ClearClipboard { .. } => false,
        // Without the flag, its calls of the store fail. Then it tells the client in the client's protocol.
        Command::Helper { .. } => has_store_flag,
        _ => true,
    }
}

/// The file that a word of the command line names; `None` if it means standard input.
pub fn not_standard(file: Option<&Path>) -> Option<&Path> {
    file.filter(|file| file.as_os_str() != STANDARD)
}

fn path_in(directory: &Path, path: &Path) -> PathBuf {
    if directory.as_os_str() == "." { path.to_owned() } else { directory.join(path) }
}

/// Converts a word of the command line that must be text and not empty. `what` names it in errors.
fn into_text(word: OsString, what: &str) -> Result<String, Failure> {
    match word.into_string() {
        Ok(text) if !text.is_empty() => Ok(text),
        Ok(_) => Err(Failure::Usage(format!("{what} must not be empty"))),
        Err(_) => Err(Failure::Usage(format!("{what} must be UTF-8 text"))),
    }
}
