//! The programs `secrets` and `bus-secrets`.
//!
//! Both are native programs, and the addon runs them inside a JavaScript runtime. [`run`] is the start of all of them:
//! it parses the command line, makes a `Context` and hands both to the command. The addon also calls [`examine`] and
//! [`create_identity`], what `doctor` and `init` do.
//!
//! | file | what it holds |
//! |---|---|
//! | `args/` | the command line: commands, flags, help texts |
//! | `commands/` | one file per command |
//! | `completion/` | completing the command line in a shell |
//! | `context.rs` | what every command works with: directory, scope, store, output |
//! | `selected_store.rs` | the store that `--store` or the environment selects |
//! | `session.rs` | what the user was told already in this session of a terminal |
//! | `values.rs` | the value of one secret or credential |
//! | `both_scopes.rs` | warnings about secrets that both scopes have |
//! | `failure.rs` | why a command fails |
//! | `exit_codes.rs` | the exit codes, also those of `run` |
//! | `output/` | writing results and messages, reading input |
//! | `terminal/` | asking for a secret without showing it |
//! | `dotenv/` | parsing dotenv files |
//! | `encoding.rs` | values as JSON, URLs, base64 and shells write them |
//! | `project/` | the project file `.secrets.toml` |
//! | `sources.rs` | the variables of `run`, from the project file, the environment and dotenv files |
//! | `wanted.rs` | what a variable is to hold: a secret, or a text |
//! | `helpers/` | answering other programs that ask for their credentials |
//! | `setup/` | changing the configuration of other programs so that they ask us |
//! | `plain/` | the files in which other programs keep credentials in plain text |
//! | `json_members.rs` | the members of a JSON object, for changing one of them |
//! | `reference.rs` | references that only `run` replaces |
//! | `clipboard/` | the clipboard, and clearing it |
//! | `secret_files.rs` | secrets as private files while a command runs |
//! | `child/` | running another program |
//! | `mask/` | replacing secrets in another program's output |
//! | `signals.rs` | Unix: catching signals |
//! | `console.rs` | Windows: text and keys of the console |

#![deny(unsafe_code)]

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

mod args;
mod both_scopes;
pub mod child;
mod clipboard;
mod commands;
mod completion;
#[cfg(windows)]
#[allow(unsafe_code)]
mod console;
mod context;
mod dotenv;
mod encoding;
mod exit_codes;
mod failure;
mod helpers;
mod json_members;
pub mod mask;
mod output;
mod plain;
mod program;
mod project;
mod reference;
mod secret_files;
mod selected_store;
mod session;
mod setup;
#[cfg(unix)]
#[allow(unsafe_code)]
mod signals;
mod sources;
pub mod terminal;
mod values;
mod wanted;

use args::Parsed;
use context::Context;
use failure::Failure;
use output::{Output, print_message};

pub use args::definition;
pub use commands::{
    doctor::{Report, Subject, examine},
    init::{create_identity, identity_path},
};
pub use program::Program;
pub use selected_store::subject_from_environment;

/// Runs the program with a name, and returns its exit code. `None` if there is none of this name.
///
/// The name is that of a [`Program`], or of a credential helper, such as `git-credential-os-secrets`. `words` and `hosted`
/// are those of [`run`].
pub fn run_named(name: &str, words: Vec<OsString>, hosted: bool) -> Option<i32> {
    if let Some(program) = Program::ALL.into_iter().find(|program| program.name() == name) {
        return Some(run(program, words, hosted));
    }
    let words = helpers::words_of(name, words)?;
    Some(run(Program::Secrets, words, hosted))
}

/// Runs the native program and returns its exit code: the one whose name it was started by, else the one named `default`.
pub fn run_native(default: &str) -> i32 {
    let mut words = env::args_os();
    let started = words.next().map(PathBuf::from);
    let name = started.as_deref().and_then(Path::file_stem).and_then(OsStr::to_str);
    let is_own = |name: &&str| {
        Program::ALL.iter().any(|program| program.name() == *name) || helpers::client_of(name).is_some()
    };
    let name = name.filter(is_own).unwrap_or(default);
    run_named(name, words.collect(), false).unwrap_or(exit_codes::FAILED)
}

/// Runs a program and returns its exit code.
///
/// `words` is the command line without the program's name. `hosted` says that the process is a JavaScript runtime.
pub fn run(program: Program, words: Vec<OsString>, hosted: bool) -> i32 {
    // Keeps secrets out of core dumps and away from debuggers. Children do not inherit this.
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    #[cfg(unix)]
    if program != Program::BusSecrets {
        output::closed::examine(hosted);
    }
    match execute(program, words, hosted) {
        Ok(code) => code,
        Err(failure) => {
            if let Some(message) = failure.message() {
                print_message(program, &message);
            }
            failure.exit_code(program)
        }
    }
}

fn execute(program: Program, words: Vec<OsString>, hosted: bool) -> Result<i32, Failure> {
    if program != Program::BusSecrets
        && let [command, shell] = &*words
        && command == completion::COMMAND
    {
        completion::complete(program, shell.to_str());
        return Ok(exit_codes::SUCCESS);
    }
    let word_count = words.len();
    match args::parse(program, words)? {
        Parsed::Print(text) => {
            Output { quiet: false, file: None }.write(text.as_bytes())?;
            Ok(exit_codes::SUCCESS)
        }
        Parsed::Run(arguments) => {
            let (mut context, command) = Context::new(program, *arguments, hosted)?;
            context.word_count = word_count;
            commands::execute(&context, command)
        }
    }
}
