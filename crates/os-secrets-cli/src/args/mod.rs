//! The command line: commands, flags and help texts.
//!
//! | file | what it holds |
//! |---|---|
//! | `words.rs` | the words before clap parses them: `-h` and `-V` anywhere, a command after `--`, aliases |
//! | `command.rs` | the commands and their help texts |
//! | `groups.rs` | arguments that several commands have, or that belong together |
//! | `usage.rs` | the messages for a wrong command line |
//! | `mistakes.rs` | what the user may have meant by a wrong command line |
//! | `help.rs` | what the help of a command says beyond its flags |

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory, Parser};

use crate::{Program, failure::Failure};
use os_secrets::scope::Scope;
use usage::describe_error;
use words::{InfoFlag, Words};

mod command;
mod groups;
mod help;
mod mistakes;
mod usage;
mod words;

pub use command::Command;
pub use groups::{ClipArgs, CredentialArgs, GenerateArgs, PlainArgs, ServiceArg, SourceArgs};
pub use mistakes::name_advice;

/// Keep secrets in the operating system's credential store, and use them by name.
#[derive(Parser)]
#[command(disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub struct Arguments {
    /// Run as if started in DIR
    #[arg(short = 'C', long = "chdir", value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,

    /// Write the result to FILE, readable only by you, instead of standard output
    #[arg(short, long, value_name = "FILE", global = true)]
    pub output: Option<PathBuf>,

    /// Write no result, and print only errors
    #[arg(short, long, global = true, overrides_with = "quiet")]
    pub quiet: bool,

    /// Whose secrets: user, repo, or auto (repo, then user) [default: auto to read, user to change]
    #[arg(long, value_name = "SCOPE", global = true, value_parser = ["auto", "user", "repo"])]
    #[arg(hide_possible_values = true)]
    scope: Option<String>,

    /// The store: os (the operating system's), file (the encrypted file), vault (the server), or a path to an encrypted file
    #[arg(long, visible_alias = "provider", value_name = "STORE", global = true)]
    pub store: Option<OsString>,

    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::SetTrue)]
    help: bool,

    /// Print the version
    #[arg(short = 'V', long, global = true, action = clap::ArgAction::SetTrue)]
    version: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What a command line asks for.
pub enum Parsed {
    /// Print this text: the help or the version.
    Print(String),
    /// Run a command.
    Run(Box<Arguments>),
}

impl Arguments {
    /// The scope, if `--scope` is given.
    pub fn scope(&self) -> Option<Scope> {
        self.scope.as_deref().and_then(Scope::parse)
    }
}

/// The commands that bus-secrets does not have.
const NOT_IN_BUS_SECRETS: &[&str] = &[
    "has",
    "generate",
    "edit",
    "rename",
    "run",
    "check",
    "env",
    "inject",
    "export",
    "import",
    "migrate",
    "copy",
    "init",
    "rekey",
    "textconv",
    "doctor",
    "clear-clipboard",
    "setup",
    "helper",
    "completions",
];

/// The flags of the program that a command refuses, so that its help does not show them.
const REFUSED_FLAGS: [(&str, &[&str]); 10] = [
    ("run", &["output"]),
    ("migrate", &["scope"]),
    ("copy", &["scope", "store"]),
    ("init", &["scope", "store"]),
    ("rekey", &["scope"]),
    ("textconv", &["scope", "store"]),
    ("doctor", &["scope"]),
    ("setup", &["scope", "store"]),
    ("helper", &["scope"]),
    ("completions", &["scope", "store"]),
];

/// What `--service` does, if it is not to name the application of one credential.
const HELP_OF_SERVICE: [(&str, &str); 5] = [
    ("export", "Print the credentials of this application instead of secrets"),
    ("list", "List the credentials of this application instead of secrets"),
    ("import", "Store the values as credentials of this application, under the names of their variables"),
    ("migrate", "The service to copy [default for bus-preferences: os-secrets]"),
    ("copy", "Copy only the credentials of this service [default: all that the store lists]"),
];

/// The other names of commands. bus-secrets has none.
const ALIASES: [(&str, &str); 3] = [("ls", "list"), ("rm", "delete"), ("exec", "run")];

/// The last lines of the help.
const EXIT_CODES: &str = "Exit codes: 0 success, 1 no such secret or another failure, 2 wrong usage, 3 the store cannot be \
                          reached, unlocked or read. run: the code of its command, 126 or 127. doctor: 0 or 1\n\n\
                          secrets help COMMAND prints the flags of a command, its defaults, an example and its exit codes";
const EXIT_CODES_OF_BUS_SECRETS: &str = "Exit codes: 0 success, 1 failure, 2 wrong usage";

/// Parses a command line without the program's name.
///
/// No error shows a word of the command line that may be a secret.
pub fn parse(program: Program, words: Vec<OsString>) -> Result<Parsed, Failure> {
    let mut words = Words(words);
    if program != Program::BusSecrets {
        words.replace_alias();
        words.protect_protocol();
    }
    if let Some(flag) = words.info_flag() {
        return Ok(Parsed::Print(match flag {
            InfoFlag::Help => help(program, words.command()),
            InfoFlag::Version => format!("{} {}\n", program.name(), env!("CARGO_PKG_VERSION")),
        }));
    }
    if program != Program::BusSecrets && words.command() == Some("help") {
        let topic =
            words.after_command().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'));
        return match topic {
            Some(topic) if !has_command(&definition(program), topic) => {
                Err(mistakes::unknown_command(program, topic))
            }
            topic => Ok(Parsed::Print(help(program, topic))),
        };
    }
    let is_missing = |command| NOT_IN_BUS_SECRETS.contains(&command);
    if program == Program::BusSecrets && words.command().is_some_and(is_missing) {
        return Err(Failure::Usage("unknown command; run bus-secrets -h for a list".into()));
    }
    let line = [OsString::from(program.name())].into_iter().chain(words.with_command_first());
    let arguments =
        Arguments::try_parse_from(line).map_err(|error| describe_error(program, &words, &error))?;
    if program == Program::BusSecrets
        && (arguments.store.is_some() || arguments.command.has_flags_beyond_bus_secrets())
    {
        return Err(Failure::Usage("unknown flag; run bus-secrets -h for a list".into()));
    }
    Ok(Parsed::Run(Box::new(arguments)))
}

/// The definition of a program's command line. For bus-secrets, it hides what only `secrets` has.
pub fn definition(program: Program) -> clap::Command {
    let mut definition = Arguments::command().name(program.name()).bin_name(program.name());
    if program == Program::BusSecrets {
        for command in NOT_IN_BUS_SECRETS {
            definition = definition.mut_subcommand(command, |command| command.hide(true));
        }
        for command in ["set", "get", "list", "resolve", "delete"] {
            definition = definition.mut_subcommand(command, |command| {
                command.long_about(None).mut_args(|arg| {
                    let is_missing = ["service", "json", "long", "raw", "clip", "clear_after"]
                        .contains(&arg.get_id().as_str());
                    arg.hide(is_missing)
                })
            });
        }
        definition = definition.mut_subcommand("get", |get| get.long_about(None));
        let resolve = "Print the secret that a reference names\n\nThe reference secret:NAME prints the secret NAME. \
                       Any other value is printed as it is.";
        definition = definition.mut_subcommand("resolve", |command| command.long_about(resolve));
        definition = definition.mut_arg("store", |store| store.hide(true));
        definition = definition.mut_subcommand("set", |set| {
            set.mut_arg("value", |value| value.required(true).help("The value"))
        });
        definition = definition.after_help(EXIT_CODES_OF_BUS_SECRETS);
        definition =
            definition.about("Keep secrets in BusDK's preferences and repositories, and use them by name");
    }
    if program != Program::BusSecrets {
        for (alias, command) in ALIASES {
            definition = definition.mut_subcommand(command, |command| command.visible_alias(alias));
        }
    }
    for (command, help) in HELP_OF_SERVICE {
        definition = definition
            .mut_subcommand(command, |command| command.mut_arg("service", |service| service.help(help)));
    }
    // Only now do commands have the flags of the program.
    definition.build();
    for (command, flags) in REFUSED_FLAGS {
        definition = definition.mut_subcommand(command, |command| {
            command.mut_args(|arg| {
                let is_refused = flags.contains(&arg.get_id().as_str());
                if is_refused { arg.hide(true) } else { arg }
            })
        });
    }
    if program == Program::BusSecrets { definition } else { help::with_notes(definition) }
}

/// Whether a program has a command or an alias of this name.
pub fn has_command(definition: &clap::Command, name: &str) -> bool {
    definition.find_subcommand(name).is_some_and(|command| !command.is_hide_set())
}

/// The help of a command, or of the program if there is no such command.
fn help(program: Program, command: Option<&str>) -> String {
    let mut definition = definition(program);
    let has = |command: &&str| program != Program::BusSecrets || !NOT_IN_BUS_SECRETS.contains(command);
    let help = match command.filter(has).and_then(|command| definition.find_subcommand_mut(command)) {
        Some(command) => command.render_long_help(),
        None => definition.render_help(),
    };
    help.to_string()
}

impl Command {
    /// Whether the command stores secrets, and creates an encrypted file that does not exist.
    pub fn creates_store(&self) -> bool {
        matches!(self, Self::Set { .. } | Self::Generate(_) | Self::Import { .. } | Self::Migrate { .. })
    }

    /// Whether the command has flags that bus-secrets does not know.
    fn has_flags_beyond_bus_secrets(&self) -> bool {
        let (service, other) = match self {
            Self::Set { credential, raw, .. } => (&credential.service, *raw),
            Self::Get { credential, raw, format, clip } => {
                (&credential.service, *raw || format.json || clip.clip || clip.clear_after.is_some())
            }
            Self::List { service, format, long } => (service, format.json || *long),
            Self::Delete { credential } => (&credential.service, false),
            Self::Resolve { raw, .. } => return *raw,
            _ => return false,
        };
        service.service.is_some() || other
    }
}

#[cfg(test)]
mod tests;
