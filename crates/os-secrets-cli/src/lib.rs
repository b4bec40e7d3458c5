//! The programs `secrets` and `bus-secrets`.
//!
//! One implementation, reached as a native program and through the addon. A file a command; the rest:
//!
//! | file | what it holds |
//! |---|---|
//! | `args.rs` | the command line |
//! | `output/` | where results go |
//! | `terminal/` | asking for a value without showing it |
//! | `dotenv.rs` | reading dotenv files |
//! | `child/`, `mask/` | running another program |
//! | `signals.rs` | Unix: catching signals for a while |
//! | `console.rs` | Windows: text and keys of the console |

use std::{
    cell::Cell,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use zeroize::Zeroizing;

use os_secrets::{
    bounds::Bounds,
    credential::{Key, Secret},
    error::{Code, Error},
    executor::block_on,
    file,
    progress::Progress,
    scope::{Name, Preferences, Repository, Resolution, Scope, Scopes, User},
    store::{Call, Choice, SetOptions},
};

#[forbid(unsafe_code)]
mod args;
pub mod child;
#[forbid(unsafe_code)]
mod completions;
#[cfg(windows)]
mod console;
#[forbid(unsafe_code)]
mod copy;
#[forbid(unsafe_code)]
mod delete;
#[forbid(unsafe_code)]
mod doctor;
#[forbid(unsafe_code)]
mod dotenv;
#[forbid(unsafe_code)]
mod get;
#[forbid(unsafe_code)]
mod import;
#[forbid(unsafe_code)]
mod init;
#[forbid(unsafe_code)]
mod inject;
#[forbid(unsafe_code)]
mod list;
#[forbid(unsafe_code)]
pub mod mask;
#[forbid(unsafe_code)]
mod migrate;
#[forbid(unsafe_code)]
mod output;
#[forbid(unsafe_code)]
mod rekey;
#[forbid(unsafe_code)]
mod resolve;
#[forbid(unsafe_code)]
mod run;
#[forbid(unsafe_code)]
mod set;
#[cfg(unix)]
mod signals;
#[forbid(unsafe_code)]
mod stores;
pub mod terminal;

use args::{Arguments, Asked, Command};
use output::Output;
use stores::Selected;

/// The name that the program goes by, which decides where the user's secrets lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// They lie in the operating system's store.
    Secrets,
    /// They lie in BusDK's preferences, and the commands are BusDK's.
    BusSecrets,
}

impl Program {
    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::BusSecrets => "bus-secrets",
        }
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// It was called in a wrong way: exit code 2.
    Usage(String),
    /// It could not be done: exit code 1.
    Failed(Error),
    /// It was not done, because of what the person said: exit code 1.
    Refused(&'static str),
    /// All is said; only the exit code is left.
    Exit(i32),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // What no secret can be named is a mistake of whoever typed it.
        match error.code() {
            Code::InvalidArgument => Self::Usage(error.to_string()),
            _ => Self::Failed(error),
        }
    }
}

/// Runs a program: its exit code. `words` are the command line without the program's name; `hosted` says
/// that this is a JavaScript runtime's process.
pub fn run(program: Program, words: Vec<OsString>, hosted: bool) -> i32 {
    // Secrets must not lie around in core dumps, nor be read by a debugger. A child does not inherit it.
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    match execute(program, words, hosted) {
        Ok(code) => code,
        Err(failure) => {
            let (told, code) = match failure {
                Failure::Exit(code) => return code,
                Failure::Usage(what) => (what, 2),
                Failure::Failed(error) => (error.to_string(), 1),
                Failure::Refused(why) => (why.to_owned(), 1),
            };
            tell(program, &told);
            code
        }
    }
}

fn tell(program: Program, what: &str) {
    // Where nobody can be told, there is nobody to tell that.
    let line = format!("{}: {}\n", program.name(), output::shown(what));
    let _ = output::write_all(&io::stderr(), line.as_bytes());
}

fn execute(program: Program, words: Vec<OsString>, hosted: bool) -> Result<i32, Failure> {
    let arguments = match args::parse(program, words)? {
        Asked::Text(text) => {
            return Output { quiet: false, file: None }.write(text.as_bytes()).map(|()| 0);
        }
        Asked::Do(arguments) => *arguments,
    };
    let scope = arguments.scope();
    let Arguments { directory, output, quiet, store, command, .. } = arguments;
    let directory = directory.unwrap_or_else(|| PathBuf::from("."));
    let mut context = Context {
        program,
        scope,
        output: Output { quiet, file: output.map(|path| at(&directory, &path)) },
        selected: None,
        names_store: store.is_some(),
        announced: Cell::new(false),
        directory,
        hosted,
    };
    context.check_directory()?;
    if program == Program::Secrets {
        context.selected = match store {
            Some(word) => Some(Selected::parse(word, &context.directory)?),
            // A wrong setting matters where the store is used.
            None => Selected::of_environment().ok(),
        };
        if let Some(selected) = &context.selected {
            context.keep_from_output(&selected.paths())?;
        }
    }
    match command {
        Command::Set { target, value } => set::set(&context, target, value),
        Command::Get { target, form } => get::get(&context, target, form.json),
        Command::List { service, form } => list::list(&context, service, form.json),
        Command::Resolve { value } => resolve::resolve(&context, value),
        Command::Delete { target } => delete::delete(&context, target),
        Command::Run { env_files, mask, command } => return run::run(&context, &env_files, mask, command),
        Command::Inject { input } => inject::inject(&context, input),
        Command::Import { file, service, dry_run } => import::import(&context, file, service, dry_run),
        Command::Migrate { from, service, delete } => migrate::migrate(&context, &from, service, delete),
        Command::Copy { from, to, service } => copy::copy(&context, from, to, service),
        Command::Init { file } => init::init(&context, file),
        Command::Rekey { add, remove } => rekey::rekey(&context, &add, &remove),
        Command::Doctor { form } => return doctor::doctor(&context, form.json),
        Command::Completions { shell } => completions::completions(&context, &shell),
    }
    .map(|()| 0)
}

/// What all commands go by.
struct Context {
    program: Program,
    scope: Option<Scope>,
    output: Output,
    directory: PathBuf,
    /// The store, where that is known.
    selected: Option<Selected>,
    /// Whether the command line names one.
    names_store: bool,
    /// Whether it was said that it is not the operating system's.
    announced: Cell<bool>,
    hosted: bool,
}

/// What a name on the command line names.
enum Named {
    /// A secret, in the scopes of the workspace.
    Secret(Name, Scope),
    /// Any application's credential.
    Credential(Key),
}

impl Context {
    fn check_directory(&self) -> Result<(), Failure> {
        // Where we are is a directory, also one that we may not look at.
        if self.directory.as_os_str() == "." {
            return Ok(());
        }
        let fail = |error| file::failure("Cannot work in", &self.directory, error);
        if !fs::metadata(&self.directory).map_err(fail)?.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()).into());
        }
        Ok(())
    }

    /// The scope to read from.
    fn scope_to_read(&self) -> Scope {
        self.scope.unwrap_or(Scope::Auto)
    }

    /// The scope to change.
    fn scope_to_change(&self) -> Result<Scope, Failure> {
        match self.scope.unwrap_or(Scope::User) {
            Scope::Auto => Err(Failure::Usage("--scope is user or repo for a command that changes".into())),
            scope => Ok(scope),
        }
    }

    /// Refuses a scope where it would mean nothing.
    fn without_scope(&self, what: &str) -> Result<(), Failure> {
        match self.scope {
            None => Ok(()),
            Some(_) => Err(Failure::Usage(format!("--scope does not go with {what}"))),
        }
    }

    /// Refuses a store where it would mean nothing.
    fn without_store(&self, what: &str) -> Result<(), Failure> {
        match self.names_store {
            false => Ok(()),
            true => Err(Failure::Usage(format!("--store does not go with {what}"))),
        }
    }

    /// Refuses to write the result over one of these.
    fn keep_from_output(&self, paths: &[impl AsRef<Path>]) -> Result<(), Failure> {
        let output = self.output.file.as_deref();
        match paths.iter().any(|path| output.is_some_and(|output| file::is_same(output, path.as_ref()))) {
            false => Ok(()),
            true => Err(Failure::Usage("-o names a file that holds keys or secrets".into())),
        }
    }

    /// A path of the command line, as it is meant from the directory to work in.
    fn at(&self, path: &Path) -> PathBuf {
        at(&self.directory, path)
    }

    /// What a name means: a secret's of `scope`, or with a service any credential's.
    fn named(
        &self,
        target: args::Target,
        scope: impl FnOnce() -> Result<Scope, Failure>,
    ) -> Result<Named, Failure> {
        match self.service(target.service)? {
            None => Ok(Named::Secret(Name::parse(target.name.as_encoded_bytes())?, scope()?)),
            Some(service) => {
                Ok(Named::Credential(Key { service, name: text(target.name, "the credential's name")? }))
            }
        }
    }

    /// The application whose credentials are meant, where one is named.
    fn service(&self, service: args::Service) -> Result<Option<String>, Failure> {
        let Some(service) = service.service else { return Ok(None) };
        self.without_scope("--service")?;
        text(service, "--service").map(Some)
    }

    /// The store of what is not the repository's.
    fn store(&self) -> Choice {
        self.announce();
        self.selected.as_ref().map_or(Choice::Environment, Selected::choice)
    }

    /// Says which store is used where it is not the operating system's, once.
    fn announce(&self) {
        if let Some(Selected::File(file)) = &self.selected
            && let Ok(path) = file.path()
            && !self.announced.replace(true)
        {
            self.note(&format!("using the encrypted file {}", path.display()));
        }
    }

    /// The store that was named or that the environment chooses.
    fn selected(&self) -> Result<Selected, Error> {
        match &self.selected {
            Some(selected) => Ok(selected.clone()),
            None => Selected::of_environment(),
        }
    }

    fn scopes(&self) -> Scopes {
        Scopes {
            repository: Repository::new(self.directory.clone()),
            user: match self.program {
                Program::Secrets if self.scope == Some(Scope::Repository) => User::Store(Choice::Environment),
                Program::Secrets => User::Store(self.store()),
                Program::BusSecrets => User::Preferences(Preferences::of_user()),
            },
        }
    }

    /// What each of these values stands for. `names` are what they are called in errors.
    fn resolve(&self, values: Vec<Secret>, names: Option<Vec<String>>) -> Result<Vec<Secret>, Failure> {
        let resolution = Resolution::parse(values, names, self.scope_to_read())?;
        let scopes = self.scopes();
        let resolved = self.call(Progress::reading(true), |progress| async move {
            resolution.finish(&scopes, &progress).await
        })?;
        Ok(resolved)
    }

    /// Tells the person something on standard error, also where results are not wanted.
    fn tell(&self, what: &str) {
        tell(self.program, what);
    }

    /// Tells the person something beside the result.
    fn note(&self, what: &str) {
        if !self.output.quiet {
            self.tell(what);
        }
    }

    /// Stores a value under what was named.
    fn set(&self, named: Named, value: Secret) -> Result<(), Error> {
        match named {
            Named::Secret(name, scope) => {
                let scopes = self.scopes();
                self.call(Progress::changing(true), |progress| async move {
                    scopes.set(&name, value, scope, &progress).await
                })
            }
            Named::Credential(key) => {
                let store = self.store();
                self.call(Progress::changing(true), |progress| async move {
                    store.store()?.set(&key, &value, SetOptions::default(), &progress).await
                })
            }
        }
    }

    /// Reads a file of the workspace, or standard input where none is named.
    fn read(&self, file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Error> {
        output::read_input(file.map(|file| self.directory.join(file)).as_deref())
    }

    /// Reads the variables of a dotenv file.
    fn read_dotenv(&self, file: Option<&Path>) -> Result<Vec<(String, Secret)>, Error> {
        dotenv::parse(&self.read(file)?).map_err(|malformed| Error::InvalidFile {
            path: file.map_or_else(|| "standard input".into(), |file| self.directory.join(file)),
            reason: format!("is not a dotenv file: {malformed}"),
        })
    }

    /// Warns where values have gone to the repository.
    fn warn_of(&self, scope: Option<Scope>) {
        if scope == Some(Scope::Repository) {
            self.note(
                "warning: datapackage.json holds its secrets in plain text, for everybody who gets the repository",
            );
        }
    }

    /// Runs a call on the thread of the connections, and waits for it.
    fn call<T, F>(&self, progress: Progress, call: impl FnOnce(Arc<Progress>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let progress = Arc::new(progress);
        let call: Call<T> = Box::pin(call(Arc::clone(&progress)));
        block_on(async move { Bounds::default().run(&progress, call).await })?
    }
}

/// A path that starts in a directory.
fn at(directory: &Path, path: &Path) -> PathBuf {
    if directory.as_os_str() == "." { path.to_owned() } else { directory.join(path) }
}

/// A word of the command line that must be text, and not empty.
fn text(word: OsString, what: &str) -> Result<String, Failure> {
    match word.into_string() {
        Ok(text) if !text.is_empty() => Ok(text),
        Ok(_) => Err(Failure::Usage(format!("{what} is empty"))),
        Err(_) => Err(Failure::Usage(format!("{what} is not UTF-8 text"))),
    }
}
