//! The command line: what it may hold, and what it says of itself.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Args, CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Failure, Program};
use os_secrets::scope::Scope;

/// Named secrets in the operating system's credential store, and references to them.
#[derive(Parser)]
#[command(disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// Work in this directory; relative paths start there, too
    #[arg(short = 'C', long = "chdir", value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,

    /// Write the result to this file, readable by its owner alone, instead of standard output
    #[arg(short, long, value_name = "FILE", global = true)]
    pub output: Option<PathBuf>,

    /// Write no result anywhere; the exit code tells
    #[arg(short, long, global = true, overrides_with = "quiet")]
    pub quiet: bool,

    /// Where to look or to store: auto (the repository, then the user), user or repo
    #[arg(long, value_name = "SCOPE", global = true, value_parser = ["auto", "user", "repo"])]
    #[arg(hide_possible_values = true)]
    scope: Option<String>,

    /// The store: os (the operating system's), file (the encrypted file), or an encrypted file's path, with a /
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

/// What the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Store a secret, in place of one that was there
    ///
    /// Without a value on the command line, where other users of the machine can see it, the value is
    /// read from standard input, less one newline at its end, or asked for twice on a terminal.
    Set {
        #[command(flatten)]
        target: Target,
        /// The value; better left away
        value: Option<OsString>,
    },
    /// Print a secret
    Get {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        form: Form,
    },
    /// Print the names of secrets, sorted, and no values
    List {
        #[command(flatten)]
        service: Service,
        #[command(flatten)]
        form: Form,
    },
    /// Print what a value stands for: the secret of secret:<name>, or itself
    Resolve {
        /// A reference (secret:<name>), or any other text
        value: OsString,
    },
    /// Delete a secret
    Delete {
        #[command(flatten)]
        target: Target,
    },
    /// Run a command with the references in its environment resolved
    Run {
        /// Take variables from this dotenv file, too; they come before inherited ones
        #[arg(long = "env-file", value_name = "FILE")]
        env_files: Vec<PathBuf>,
        /// Replace resolved values by *** in what the command prints
        #[arg(long)]
        mask: bool,
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Fill in a template that holds {{ secret:<name> }}
    Inject {
        /// The template; standard input where none is named
        #[arg(short, long, value_name = "FILE")]
        input: Option<PathBuf>,
    },
    /// Store the values of a dotenv file
    ///
    /// API_KEY becomes the secret api_key; with --service it keeps its name.
    Import {
        /// The file; standard input where none is named
        file: Option<PathBuf>,
        #[command(flatten)]
        service: Service,
        /// Only print what would be stored
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy credentials that another package has stored into those that this one reads
    Migrate {
        /// Who stored them: keytar, napi-rs (@napi-rs/keyring) or bus-preferences
        #[arg(long, value_name = "PACKAGE", value_parser = ["keytar", "napi-rs", "bus-preferences"])]
        #[arg(hide_possible_values = true)]
        from: String,
        #[command(flatten)]
        service: Service,
        /// Delete each there when its copy has been read back and is equal
        #[arg(long)]
        delete: bool,
    },
    /// Copy credentials from one store to another
    Copy {
        /// The store to read: os, file, or an encrypted file's path
        #[arg(long, value_name = "STORE")]
        from: OsString,
        /// The store to write
        #[arg(long, value_name = "STORE")]
        to: OsString,
        #[command(flatten)]
        service: Service,
    },
    /// Make an identity, which unlocks an encrypted file, and print its recipient
    Init {
        /// The identity's file; os-secrets/identity in the user's configuration where none is named
        file: Option<PathBuf>,
    },
    /// Change who can read the encrypted file, and print who can
    Rekey {
        /// A recipient (age1…) who can from now on
        #[arg(long, value_name = "RECIPIENT")]
        add: Vec<String>,
        /// One who cannot any more; what they have read, they know
        #[arg(long, value_name = "RECIPIENT")]
        remove: Vec<String>,
    },
    /// Say which store would be used, whether it works, and what to do where it does not
    Doctor {
        #[command(flatten)]
        form: Form,
    },
    /// Print a script that completes this program's commands in a shell
    Completions {
        /// The shell
        #[arg(value_parser = ["bash", "fish", "powershell", "zsh"])]
        shell: String,
    },
}

/// One credential.
#[derive(Args)]
pub struct Target {
    /// The secret's name
    pub name: OsString,
    #[command(flatten)]
    pub service: Service,
}

/// Whose credentials.
#[derive(Args)]
pub struct Service {
    /// The credentials of this application, with any name, instead of the secrets
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<OsString>,
}

/// How to print.
#[derive(Args)]
pub struct Form {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is asked of the program.
pub enum Asked {
    /// To print a text about itself.
    Text(String),
    /// To do something.
    Do(Box<Arguments>),
}

impl Arguments {
    /// The scope, where one was named.
    pub fn scope(&self) -> Option<Scope> {
        self.scope.as_deref().and_then(Scope::parse)
    }
}

/// The commands that bus-secrets does not have.
const BEYOND: [&str; 9] =
    ["run", "inject", "import", "migrate", "copy", "init", "rekey", "doctor", "completions"];

/// Reads a command line, without the program's name.
///
/// No message holds a word of it that may be a secret.
pub fn parse(program: Program, words: Vec<OsString>) -> Result<Asked, Failure> {
    let words = Words(words);
    if let Some(flag) = words.help_or_version() {
        return Ok(Asked::Text(match flag {
            Flag::Help => help(program, words.command()),
            Flag::Version => format!("{} {}\n", program.name(), env!("CARGO_PKG_VERSION")),
        }));
    }
    if program == Program::BusSecrets && words.command().is_some_and(|command| BEYOND.contains(&command)) {
        return Err(Failure::Usage("unknown command; bus-secrets -h lists them".into()));
    }
    let words = [OsString::from(program.name())].into_iter().chain(words.with_command_first());
    let arguments = Arguments::try_parse_from(words).map_err(|error| usage(program, &error))?;
    if program == Program::BusSecrets
        && (arguments.store.is_some() || arguments.command.is_beyond_bus_secrets())
    {
        return Err(Failure::Usage("unknown flag; bus-secrets -h lists them".into()));
    }
    Ok(Asked::Do(Box::new(arguments)))
}

/// The command line's definition, as this program has it.
pub fn definition(program: Program) -> clap::Command {
    let mut definition = Arguments::command().name(program.name()).bin_name(program.name());
    if program == Program::BusSecrets {
        for command in BEYOND {
            definition = definition.mut_subcommand(command, |command| command.hide(true));
        }
        for command in ["set", "get", "list", "delete"] {
            definition = definition.mut_subcommand(command, |command| {
                command.mut_args(|arg| {
                    let beyond = ["service", "json"].contains(&arg.get_id().as_str());
                    arg.hide(beyond)
                })
            });
        }
        definition = definition.mut_arg("store", |store| store.hide(true));
        definition = definition.mut_subcommand("set", |set| {
            set.long_about(None).mut_arg("value", |value| value.required(true).help("The value"))
        });
        definition =
            definition.about("Named secrets in BusDK's preferences and repositories, and references to them");
    }
    definition.build();
    definition
}

fn help(program: Program, command: Option<&str>) -> String {
    let mut definition = definition(program);
    let command = command.filter(|command| program == Program::Secrets || !BEYOND.contains(command));
    let shown = match command.and_then(|command| definition.find_subcommand_mut(command)) {
        Some(command) => command.render_long_help(),
        None => definition.render_help(),
    };
    shown.to_string()
}

impl Command {
    /// Whether bus-secrets has no such flags.
    fn is_beyond_bus_secrets(&self) -> bool {
        let (service, json) = match self {
            Self::Set { target, .. } | Self::Delete { target } => (&target.service.service, false),
            Self::Get { target, form } => (&target.service.service, form.json),
            Self::List { service, form } => (&service.service, form.json),
            _ => return false,
        };
        service.is_some() || json
    }
}

/// What is wrong with the use, in words of our own: clap's would show values.
fn usage(program: Program, error: &clap::Error) -> Failure {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" "),
        _ => String::new(),
    };
    // Without what the help calls its value.
    let flag = |flag: String| flag.split(' ').next().unwrap_or_default().to_owned();
    let what = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("{} is missing", named(ContextKind::InvalidArg)),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "no command is given".into()
        }
        ErrorKind::InvalidSubcommand => "unknown command".into(),
        ErrorKind::UnknownArgument => match named(ContextKind::InvalidArg) {
            flag if flag.starts_with('-') => "unknown flag; put -- in front of what is none".into(),
            _ => "too many arguments; put one with spaces in quotes".into(),
        },
        ErrorKind::ArgumentConflict => format!("{} is given twice", flag(named(ContextKind::InvalidArg))),
        ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::WrongNumberOfValues => {
            let valid = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                    format!("is one of {}", valid.join(", "))
                }
                _ => "wants a value".into(),
            };
            format!("{} {valid}", flag(named(ContextKind::InvalidArg)))
        }
        ErrorKind::TooManyValues => format!("{} takes no value", named(ContextKind::InvalidArg)),
        _ => "wrong use".into(),
    };
    Failure::Usage(format!("{what}; {} -h tells how it is used", program.name()))
}

enum Flag {
    Help,
    Version,
}

/// The words of a command line.
struct Words(Vec<OsString>);

impl Words {
    /// Whether a flag in front of the command takes the next word as its value.
    fn takes_value(flag: &str) -> bool {
        match flag.strip_prefix("--") {
            Some(long) => ["chdir", "output", "scope", "store", "provider"].contains(&long),
            None => ["C", "o"].contains(&flag[1..].trim_start_matches('q')),
        }
    }

    /// `-h` or `-V`, wherever it stands: these win over everything, mistakes included.
    fn help_or_version(&self) -> Option<Flag> {
        let flags = self.0.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str());
        flags
            .filter_map(|flag| {
                // What follows a letter that takes a value is that.
                let letters =
                    flag.strip_prefix('-').and_then(|letters| letters.split(['C', 'o', 'i']).next());
                let cluster = letters.filter(|letters| letters.chars().all(|c| "hVq".contains(c)));
                match flag {
                    "--help" => Some(Flag::Help),
                    "--version" => Some(Flag::Version),
                    _ => match cluster?.chars().find(|c| "hV".contains(*c))? {
                        'h' => Some(Flag::Help),
                        _ => Some(Flag::Version),
                    },
                }
            })
            .next()
    }

    /// Where the command stands, and whether `--` comes before it.
    fn find_command(&self) -> Option<(usize, bool)> {
        let mut words = self.0.iter().enumerate();
        while let Some((at, word)) = words.next() {
            match word.to_str() {
                Some("--") => return (at + 1 < self.0.len()).then_some((at + 1, true)),
                Some(flag) if flag.starts_with('-') && flag.len() > 1 => {
                    if Self::takes_value(flag) {
                        words.next();
                    }
                }
                _ => return Some((at, false)),
            }
        }
        None
    }

    fn command(&self) -> Option<&str> {
        let (at, _) = self.find_command()?;
        self.0[at].to_str()
    }

    /// The words with the command in front of `--`, where clap looks for it.
    fn with_command_first(mut self) -> Vec<OsString> {
        if let Some((at, true)) = self.find_command() {
            self.0.swap(at - 1, at);
            if self.0[at - 1] == "run" && self.0.get(at + 1).is_some_and(|word| word == "--") {
                self.0.remove(at);
            }
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(program: Program, line: &[&str]) -> Result<Asked, Failure> {
        parse(program, line.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_definition_is_sound() {
        definition(Program::Secrets).debug_assert();
        definition(Program::BusSecrets).debug_assert();
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        for line in [
            ["-C", "d", "get", "a", "--scope", "user", "-q", "-o=f"],
            ["get", "a", "-q", "--scope=user", "--chdir", "d", "--output", "f"],
            ["--scope", "user", "-qCd", "-of", "--", "get", "a", ""],
            ["--scope=user", "-qC", "d", "-o", "f", "--", "get", "a"],
        ] {
            let line: Vec<_> = line.into_iter().filter(|word| !word.is_empty()).collect();
            let Ok(Asked::Do(arguments)) = parsed(Program::BusSecrets, &line) else { panic!("{line:?}") };
            assert_eq!(arguments.directory.as_deref(), Some("d".as_ref()));
            assert_eq!(arguments.output.as_deref(), Some("f".as_ref()));
            assert!(arguments.quiet && arguments.scope() == Some(Scope::User));
            assert!(matches!(&arguments.command, Command::Get { target, .. } if target.name == "a"));
        }
    }

    #[test]
    fn a_command_may_follow_two_dashes() {
        for line in [&["run", "--", "true"][..], &["--", "run", "--", "true"], &["--", "run", "true"]] {
            let Ok(Asked::Do(arguments)) = parsed(Program::Secrets, line) else { panic!("{line:?}") };
            assert!(matches!(&arguments.command, Command::Run { command, .. } if command == &["true"]));
        }
        let Ok(Asked::Text(help)) = parsed(Program::Secrets, &["-qC", ".", "get", "-h"]) else { panic!() };
        assert!(help.contains("secrets get"), "{help}");
    }

    #[test]
    fn help_and_version_win() {
        for line in [
            &["-h"][..],
            &["bogus", "--help"],
            &["get", "-qh", "--scope", "x"],
            &["-q", "-o", "-h"],
            &["-hC", "."],
            &["-qhof", "get"],
        ] {
            let Ok(Asked::Text(text)) = parsed(Program::Secrets, line) else { panic!("{line:?}") };
            assert!(text.contains("Usage: secrets"), "{text}");
        }
        let Ok(Asked::Text(version)) = parsed(Program::BusSecrets, &["set", "-V", "-h"]) else { panic!() };
        assert!(version.starts_with("bus-secrets 0."));
        assert!(matches!(parsed(Program::Secrets, &["resolve", "--", "-h"]), Ok(Asked::Do(_))));
    }

    #[test]
    fn no_message_shows_a_value() {
        for line in [
            &["set", "name", "Hunter-2", "Hunter-3"][..],
            &["set", "name", "--Hunter-2"],
            &["set", "name", "-Hunter-2"],
            &["set", "name", "--hunter"],
            &["hunter"],
            &["Hunter-2"],
            &["get", "name", "--scope", "Hunter-2"],
            &["set", "name", "--quiet=Hunter-2"],
        ] {
            let Err(Failure::Usage(told)) = parsed(Program::Secrets, line) else {
                panic!("{line:?} is taken")
            };
            assert!(!told.contains("unter"), "{told}");
        }
    }
}
