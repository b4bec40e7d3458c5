//! The words of a command line, before clap parses them.
//!
//! Like BusDK's program, ours take `-h` and `-V` in any position, and a command after `--`. Clap does neither. Aliases
//! are replaced here, because bus-secrets has none.

use std::ffi::OsString;

use super::ALIASES;

/// A flag that prints something about the program.
pub enum InfoFlag {
    /// `-h`.
    Help,
    /// `-V`.
    Version,
}

/// The words of a command line.
pub struct Words(pub Vec<OsString>);

impl Words {
    /// Whether the next word is the value of this flag, which stands before the command.
    fn takes_value(flag: &str) -> bool {
        match flag.strip_prefix("--") {
            Some(long) => ["chdir", "output", "scope", "store", "provider"].contains(&long),
            None => ["C", "o"].contains(&flag[1..].trim_start_matches('q')),
        }
    }

    /// The first `-h` or `-V` in any position. It wins over everything else, even over mistakes.
    pub fn info_flag(&self) -> Option<InfoFlag> {
        let flags = self.0.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str());
        flags
            .filter_map(|flag| {
                // After a letter that takes a value, the rest of the word is that value.
                let letters =
                    flag.strip_prefix('-').and_then(|letters| letters.split(['C', 'o', 'i']).next());
                let cluster = letters.filter(|letters| letters.chars().all(|c| "hVqn".contains(c)));
                match flag {
                    "--help" => Some(InfoFlag::Help),
                    "--version" => Some(InfoFlag::Version),
                    _ => match cluster?.chars().find(|c| "hV".contains(*c))? {
                        'h' => Some(InfoFlag::Help),
                        _ => Some(InfoFlag::Version),
                    },
                }
            })
            .next()
    }

    /// The position of the command, and whether `--` comes right before it.
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

    /// The command, if there is one.
    pub fn command(&self) -> Option<&str> {
        let (at, _) = self.find_command()?;
        self.0[at].to_str()
    }

    /// The words after the command.
    pub fn after_command(&self) -> impl Iterator<Item = &OsString> {
        self.0.iter().skip(self.find_command().map_or(self.0.len(), |(at, _)| at + 1))
    }

    /// Puts `--` between the client of `helper` and the words of its protocol, which are not ours to parse.
    pub fn protect_protocol(&mut self) {
        let Some((at, _)) = self.find_command() else { return };
        let is_client = |word: &OsString| !word.as_encoded_bytes().starts_with(b"-");
        if self.0[at] == "helper"
            && self.0.get(at + 1).is_some_and(is_client)
            && self.0.get(at + 2).is_some_and(|word| word != "--")
        {
            self.0.insert(at + 2, "--".into());
        }
    }

    /// Replaces an alias by the command that it stands for.
    pub fn replace_alias(&mut self) {
        let Some((at, _)) = self.find_command() else { return };
        if let Some((_, command)) = ALIASES.iter().find(|(alias, _)| self.0[at] == *alias) {
            self.0[at] = command.into();
        }
    }

    /// The words with the command before `--`, where clap expects it.
    pub fn with_command_first(&self) -> Vec<OsString> {
        let mut words = self.0.clone();
        if let Some((at, true)) = self.find_command() {
            words.swap(at - 1, at);
            if words[at - 1] == "run" && words.get(at + 1).is_some_and(|word| word == "--") {
                words.remove(at);
            }
        }
        words
    }
}
