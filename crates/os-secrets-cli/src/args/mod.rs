//! The command line: commands, flags and help texts.
//!
//! | file | what it holds |
//! |---|---|
//! | `words.rs` | the words before clap parses them: `-h` and `-V` anywhere, a command after `--`, aliases |
//! | `everyday.rs` | arguments of `generate` and `get --clip` |
//! | `sources.rs` | the flags that say where the variables of a command come from |
//! | `usage.rs` | the messages for a wrong command line |
//! | `mistakes.rs` | what the user may have meant by a wrong command line |
//! | `help.rs` | what the help of a command says beyond its flags |

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::{Program, failure::Failure};
use os_secrets::scope::Scope;
pub use sources::SourceArgs;
use usage::describe_error;
use words::{InfoFlag, Words};

mod everyday;
mod help;
mod mistakes;
mod sources;
mod usage;
mod words;

pub use everyday::{ClipArgs, GenerateArgs};
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

    /// The store: os (the operating system's), file (the encrypted file), or a path to an encrypted file
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

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Store a secret
    ///
    /// Replaces the value that the secret had. Without VALUE, reads the value from standard input and drops one newline
    /// (LF or CRLF) at its end, or asks for it twice on a terminal.
    Set {
        #[command(flatten)]
        credential: CredentialArgs,
        /// Store exactly what standard input gives: any bytes, and the newline at their end
        #[arg(short = 'n', long)]
        raw: bool,
        /// The value. Other users of the machine can see it, so prefer standard input
        value: Option<OsString>,
    },
    /// Print a secret
    ///
    /// A newline follows the value. It is LF, or CRLF if the value ends with a carriage return, so that set drops exactly
    /// this newline.
    Get {
        #[command(flatten)]
        credential: CredentialArgs,
        /// Print exactly the value, without a newline
        #[arg(short = 'n', long)]
        raw: bool,
        #[command(flatten)]
        format: FormatArg,
        #[command(flatten)]
        clip: ClipArgs,
    },
    /// List the names of secrets
    ///
    /// On a terminal and with --json, also prints the scope of each secret.
    List {
        #[command(flatten)]
        service: ServiceArg,
        #[command(flatten)]
        format: FormatArg,
        /// Print the scope of each secret, and when it was changed if the store knows
        #[arg(long)]
        long: bool,
    },
    /// Exit with 0 if there is such a secret, and with 1 if not
    ///
    /// Prints nothing, reads no value, and never asks the user for anything. Exits with 3 if the store cannot tell.
    Has {
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Print the secret that a reference names
    ///
    /// The reference secret:NAME prints the secret NAME. Any other value is printed as it is. A newline follows, as with
    /// get.
    Resolve {
        /// Print exactly the value, without a newline
        #[arg(short = 'n', long)]
        raw: bool,
        /// A reference (secret:NAME), or any other text
        value: OsString,
    },
    /// Delete a secret
    Delete {
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Store a new random value
    ///
    /// The value comes from the operating system's random numbers. It is printed only with --print. A secret that exists
    /// is replaced only with --force.
    Generate(GenerateArgs),
    /// Change a secret in an editor
    ///
    /// The editor is $VISUAL, else $EDITOR, else vi. It gets a private file in memory, which is overwritten and removed
    /// afterwards. If the value is unchanged, or the editor fails, nothing is stored. A newline follows the value in the
    /// file, and one newline at the end is dropped, as with get and set. Only Linux has files in memory.
    Edit {
        #[command(flatten)]
        credential: CredentialArgs,
        /// Edit exactly the value: any bytes, and no newline added or dropped
        #[arg(short = 'n', long)]
        raw: bool,
    },
    /// Give a secret another name
    ///
    /// Stores the value under NEW, reads it back, and only then deletes OLD. If this fails in between, OLD still has the
    /// value, and the same command can be run again. Both names are in the same scope.
    Rename {
        /// The name of the secret
        old: OsString,
        /// The new name
        new: OsString,
        #[command(flatten)]
        service: ServiceArg,
        /// Replace the secret NEW if it has a different value
        #[arg(long)]
        force: bool,
    },
    /// Run a command with secrets in its environment
    ///
    /// Sets the variables of the project file .secrets.toml. Every variable whose value is secret:NAME gets the secret
    /// NAME as its value. With secret-file:NAME, it gets the path of a private file with the secret, which is removed
    /// when the command ends. If a secret does not exist, the command is not started. Exits with the exit code of the
    /// command, with 127 if it is not found, and with 126 if it cannot be run.
    Run {
        #[command(flatten)]
        sources: SourceArgs,
        /// Replace the secrets in the command's output with ***, also their lines and encodings
        #[arg(long)]
        mask: bool,
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Say which secrets the project needs and does not have
    ///
    /// Prints each variable that run would set, and whether its secret exists. Prints and reads no values. Exits with 1 if a
    /// secret is missing.
    Check {
        #[command(flatten)]
        sources: SourceArgs,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Print the variables that run would set, for a shell to evaluate
    ///
    /// In bash and zsh: eval "$(secrets env)". In fish: secrets env | source. In PowerShell: secrets env |
    /// Invoke-Expression. Prints nothing if a secret does not exist.
    Env {
        #[command(flatten)]
        sources: SourceArgs,
        /// The shell: bash, zsh, sh, fish, powershell, or json [default: the one that SHELL names]
        #[arg(long, value_name = "SHELL", value_parser = ["bash", "zsh", "sh", "fish", "powershell", "json"])]
        #[arg(hide_possible_values = true)]
        shell: Option<String>,
    },
    /// Fill in the references of a template
    ///
    /// Replaces every {{ secret:NAME }} with the secret NAME. {{ secret:NAME | json }} writes it as the inside of a JSON
    /// string, | sh as a word of a shell, | url for a URL, and | base64 in base64. {{{{ secret:NAME }}}} becomes
    /// {{ secret:NAME }}. Other text in {{ }} stays as it is.
    Inject {
        /// The template, or - for standard input [default: -]
        #[arg(short, long, value_name = "FILE")]
        input: Option<PathBuf>,
    },
    /// Print the names of all secrets as JSON, or with --values the secrets themselves
    ///
    /// Prints one object with a member for each secret. Its value is null, or with --values the text. A value that is not
    /// text becomes an object with its bytes under "base64". import takes such a file.
    Export {
        #[command(flatten)]
        service: ServiceArg,
        /// Also print the values
        #[arg(long)]
        values: bool,
    },
    /// Store the values of a dotenv or JSON file as secrets
    ///
    /// The input is JSON, in the form of export, if the file's name ends with .json or the text starts with {.
    /// API_KEY becomes the secret api_key. With --service, the name stays as it is. A secret that has a different value
    /// is replaced only with --force.
    Import {
        /// The file, or - for standard input [default: -]
        file: Option<PathBuf>,
        #[command(flatten)]
        service: ServiceArg,
        /// Replace secrets that have a different value
        #[arg(long)]
        force: bool,
        /// Print what would be stored, and store nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy credentials that another package has stored
    ///
    /// Reads each copy back and compares it. Never overwrites a different value.
    Migrate {
        /// The package: keytar, napi-rs (@napi-rs/keyring) or bus-preferences (BusDK)
        #[arg(long, value_name = "PACKAGE", value_parser = ["keytar", "napi-rs", "bus-preferences"])]
        #[arg(hide_possible_values = true)]
        from: String,
        #[command(flatten)]
        service: ServiceArg,
        /// Delete each original after its copy was read back and is equal
        #[arg(long)]
        delete: bool,
    },
    /// Copy credentials from one store to another
    ///
    /// Reads each copy back and compares it. Never overwrites a different value.
    Copy {
        /// The store to copy from: os, file, or a path to an encrypted file
        #[arg(long, value_name = "STORE")]
        from: OsString,
        /// The store to copy to
        #[arg(long, value_name = "STORE")]
        to: OsString,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Make an identity for an encrypted file, and print its recipient
    ///
    /// The identity is the private key that unlocks the file. The recipient is its public key.
    Init {
        /// The file for the identity [default: os-secrets/identity in your configuration directory]
        file: Option<PathBuf>,
    },
    /// Change who can read the encrypted file, and print the recipients
    Rekey {
        /// Let this recipient (age1…) read the file
        #[arg(long, value_name = "RECIPIENT")]
        add: Vec<String>,
        /// Keep this recipient from reading future versions of the file. They keep what they have read
        #[arg(long, value_name = "RECIPIENT")]
        remove: Vec<String>,
    },
    /// Print what an encrypted file holds, without values, for git diff
    ///
    /// Prints the recipients of the file and the names of its secrets. Tell git about it with: git config
    /// diff.os-secrets.textconv "secrets textconv"
    Textconv {
        /// The encrypted file
        file: PathBuf,
    },
    /// Check whether the store works, and show how to fix it
    ///
    /// Changes nothing and asks for nothing. Exits with 1 if the store does not work.
    Doctor {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Clear the clipboard, as get --clip starts it
    #[command(hide = true)]
    ClearClipboard {
        /// Which clipboard
        clipboard: String,
        /// When
        seconds: u32,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_parser = ["bash", "fish", "powershell", "zsh"])]
        shell: String,
    },
}

/// The arguments that name one credential.
#[derive(Args)]
pub struct CredentialArgs {
    /// The name of the secret
    pub name: OsString,
    #[command(flatten)]
    pub service: ServiceArg,
}

/// `--service`.
#[derive(Args)]
pub struct ServiceArg {
    /// Use the credential of this application, which may have any name, instead of a secret
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<OsString>,
}

/// `--json`.
#[derive(Args)]
pub struct FormatArg {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
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
    "completions",
];

/// The flags of the program that a command refuses, so that its help does not show them.
const REFUSED_FLAGS: [(&str, &[&str]); 8] = [
    ("run", &["output"]),
    ("migrate", &["scope"]),
    ("copy", &["scope", "store"]),
    ("init", &["scope", "store"]),
    ("rekey", &["scope"]),
    ("textconv", &["scope", "store"]),
    ("doctor", &["scope"]),
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
