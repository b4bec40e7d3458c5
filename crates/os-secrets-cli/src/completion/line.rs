//! What the word at the cursor is.

use std::collections::HashMap;

use clap::{Arg, Command, ValueHint};

use super::{Candidate, known::Place};
use crate::args::has_command;
use os_secrets::scope::REFERENCE;

/// What the word at the cursor is.
pub enum Wanted<'a> {
    /// No word is known that could stand here.
    Nothing,
    /// A command of the program.
    Command,
    /// A flag, or `--` in front of the command of `run`.
    Flag,
    /// `--`, which comes before the command of `run`.
    Dashes,
    /// The value of a flag, or an argument of the command.
    Value {
        /// The flag or the argument.
        arg: &'a Arg,
        /// What the word has before the value, such as `--service=`.
        prefix: String,
    },
    /// A part of another program's command line.
    CommandLine {
        /// The position of the other program. Ours is 0.
        start: usize,
        /// How many words `--` there are before it.
        dashes: usize,
    },
}

/// A command line up to the cursor.
pub struct Line<'a> {
    /// What the word at the cursor is.
    pub wanted: Wanted<'a>,
    /// The command, else the program.
    command: &'a Command,
    /// The values of flags, by their ids.
    values: HashMap<&'a str, String>,
    /// Whether `--` has ended the flags.
    after_dashes: bool,
}

impl<'a> Line<'a> {
    /// Parses the words before the word at the cursor.
    pub fn parse(definition: &'a Command, before: &[String], current: &str) -> Self {
        let mut line = Self {
            wanted: Wanted::Nothing,
            command: definition,
            values: HashMap::new(),
            after_dashes: false,
        };
        let (mut pending, mut positional, mut is_help) = (None::<&Arg>, 0, false);
        for (at, word) in before.iter().enumerate() {
            let is_program = std::ptr::eq(line.command, definition);
            if let Some(arg) = pending.take() {
                line.values.insert(arg.get_id().as_str(), word.clone());
            } else if !line.after_dashes && word == "--" {
                if line.takes_command_line() {
                    let dashes = before[..=at].iter().filter(|word| *word == "--").count();
                    line.wanted = Wanted::CommandLine { start: at + 2, dashes };
                    return line;
                }
                line.after_dashes = true;
            } else if !line.after_dashes && word.starts_with('-') && word.len() > 1 {
                pending = line.take_flag(word);
            } else if !is_program || is_help {
                positional += 1;
            } else if word == "help" {
                is_help = true;
            } else {
                match definition.find_subcommand(word) {
                    Some(command) if !command.is_hide_set() => line.command = command,
                    _ => return line,
                }
            }
        }
        let is_program = std::ptr::eq(line.command, definition);
        line.wanted = if let Some(arg) = pending {
            Wanted::Value { arg, prefix: String::new() }
        } else if !line.after_dashes && current.starts_with('-') {
            match current.split_once('=').and_then(|(flag, _)| Some((line.find_long(flag)?, flag))) {
                Some((arg, flag)) => Wanted::Value { arg, prefix: format!("{flag}=") },
                None => Wanted::Flag,
            }
        } else if is_program && positional == 0 {
            Wanted::Command
        } else if line.takes_command_line() {
            Wanted::Dashes
        } else {
            match line.command.get_positionals().nth(positional) {
                Some(arg) if !is_program => Wanted::Value { arg, prefix: String::new() },
                _ => Wanted::Nothing,
            }
        };
        line
    }

    /// The value that a flag has on this line.
    pub fn value(&self, id: &str) -> Option<&str> {
        self.values.get(id).map(String::as_str)
    }

    /// Who completes the word (`words`, `files` or `directories`), and what it may be.
    pub fn candidates(
        &self,
        definition: &Command,
        place: impl FnOnce() -> Place,
    ) -> (String, Vec<Candidate>) {
        let words = |candidates| ("words".into(), candidates);
        match &self.wanted {
            Wanted::Nothing | Wanted::CommandLine { .. } => words(Vec::new()),
            Wanted::Dashes => words(vec![Candidate::new("--", "The command follows")]),
            Wanted::Command => words(commands(definition)),
            Wanted::Flag => words(self.flags()),
            Wanted::Value { arg, prefix } => {
                let (kind, mut values) = self.values_of(arg, place);
                for candidate in &mut values {
                    candidate.text.insert_str(0, prefix);
                }
                // Without `--` in front, the word would be a flag.
                values.retain(|candidate| {
                    !prefix.is_empty() || self.after_dashes || !candidate.text.starts_with('-')
                });
                (kind.into(), values)
            }
        }
    }

    fn values_of(&self, arg: &Arg, place: impl FnOnce() -> Place) -> (&'static str, Vec<Candidate>) {
        let possible = arg.get_possible_values();
        if !possible.is_empty() {
            let values = possible.iter().map(|value| Candidate::new(value.get_name(), ""));
            return ("words", values.collect());
        }
        let is_store = arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "STORE"));
        match (arg.get_id().as_str(), self.command.get_name()) {
            ("name", _) => ("words", place().names()),
            ("service", _) => ("words", place().services()),
            ("value", "resolve") => {
                let mut names = place().names();
                for name in &mut names {
                    name.text.insert_str(0, REFERENCE);
                }
                ("words", names)
            }
            _ if is_store => {
                let stores = [
                    ("os", "The operating system's store"),
                    ("file", "The encrypted file"),
                    ("vault", "The server of Vault or OpenBao"),
                ];
                ("files", stores.map(|(name, about)| Candidate::new(name, about)).into())
            }
            ("directory", _) => ("directories", Vec::new()),
            _ => match arg.get_value_hint() {
                ValueHint::AnyPath | ValueHint::FilePath => ("files", Vec::new()),
                _ => ("words", Vec::new()),
            },
        }
    }

    fn flags(&self) -> Vec<Candidate> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let flags = shown.filter_map(|arg| {
            let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some(Candidate::new(format!("--{}", arg.get_long()?), about))
        });
        flags.collect()
    }

    /// Takes a flag, and returns it if the next word is its value.
    fn take_flag(&mut self, word: &str) -> Option<&'a Arg> {
        let takes_value = |arg: &Arg| arg.get_action().takes_values();
        if let Some((flag, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
            let arg = self.find_long(flag).filter(|arg| takes_value(arg))?;
            self.values.insert(arg.get_id().as_str(), value.into());
            return None;
        }
        if word.starts_with("--") {
            return self.find_long(word).filter(|arg| takes_value(arg));
        }
        for (at, letter) in word.char_indices().skip(1) {
            let arg = self.command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
            if takes_value(arg) {
                return match &word[at + letter.len_utf8()..] {
                    "" => Some(arg),
                    value => {
                        let value = value.strip_prefix('=').unwrap_or(value);
                        self.values.insert(arg.get_id().as_str(), value.into());
                        None
                    }
                };
            }
        }
        None
    }

    /// The flag that a word with two dashes names.
    fn find_long(&self, word: &str) -> Option<&'a Arg> {
        let name = word.strip_prefix("--")?;
        let has_name =
            |arg: &&Arg| arg.get_long_and_visible_aliases().is_some_and(|names| names.contains(&name));
        self.command.get_arguments().find(has_name)
    }

    /// Whether the command ends with the command line of another program.
    fn takes_command_line(&self) -> bool {
        self.command.get_positionals().any(Arg::is_last_set)
    }
}

fn commands(definition: &Command) -> Vec<Candidate> {
    let names = definition.get_subcommands().filter(|command| has_command(definition, command.get_name()));
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    let commands = names.map(|command| Candidate::new(command.get_name(), about(command)));
    commands.chain([Candidate::new("help", "Print the help of a command")]).collect()
}
