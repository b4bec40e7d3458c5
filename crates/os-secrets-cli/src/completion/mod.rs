//! Completing the command line in a shell, with the names that the stores have.
//!
//! The script of a shell (`secrets completions`) calls `secrets __complete SHELL`, which reads the words up to the cursor
//! from standard input, each with a NUL at its end. They are not arguments, because one of them may be a value, and other
//! users can see arguments. It prints what may come next: on the first line `words`, `files`, `directories`, or `command N`
//! if the line continues with the command line of another program; then one candidate per line, with a tab and a
//! description. It asks nobody anything, reads no value from the operating system's store, and fails without a message.
//!
//! clap_complete has an engine for this as well. It passes the words as arguments, and its script for bash does not quote
//! candidates.
//!
//! | file | what it holds |
//! |---|---|
//! | `line.rs` | what the word at the cursor is: a command, a flag, a value |
//! | `known.rs` | the names and services in the stores |
//! | `bash.rs` | splitting and quoting words as bash does |
//! | `scripts/` | the scripts of the shells |

use std::io;

use crate::{
    Program,
    args::definition,
    output::{open_input, read_all, write_all},
};
use known::Place;
use line::{Line, Wanted};
use os_secrets::printable::is_unsafe;

mod bash;
mod known;
mod line;

/// The command that the scripts call. It is not in the help.
pub const COMMAND: &str = "__complete";

/// A shell that has a script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShellKind {
    Bash,
    Fish,
    PowerShell,
    Zsh,
}

impl ShellKind {
    /// The shell with this name on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "bash" => Self::Bash,
            "fish" => Self::Fish,
            "powershell" => Self::PowerShell,
            "zsh" => Self::Zsh,
            _ => return None,
        })
    }

    /// The script that makes the shell complete a program's command line.
    pub fn script(self, program: Program) -> String {
        let script = match self {
            Self::Bash => include_str!("scripts/secrets.bash"),
            Self::Fish => include_str!("scripts/secrets.fish"),
            Self::PowerShell => include_str!("scripts/secrets.ps1"),
            Self::Zsh => include_str!("scripts/secrets.zsh"),
        };
        let name = program.name();
        script.replace("@FUNCTION@", &name.replace('-', "_")).replace("@PROGRAM@", name)
    }
}

/// A possible next word.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    text: String,
    description: String,
}

impl Candidate {
    fn new(text: impl Into<String>, description: impl ToString) -> Self {
        let description = description.to_string();
        Self { text: text.into(), description: description.lines().next().unwrap_or_default().into() }
    }
}

/// Answers a script. `shell` is the word after the command.
pub fn complete(program: Program, shell: Option<&str>) {
    let Some(shell) = shell.and_then(ShellKind::parse) else { return };
    let Ok(input) = open_input().and_then(read_all) else { return };
    let fields: Vec<_> = match str::from_utf8(&input).map(|text| text.rsplit_once('\0')) {
        // Whatever follows the last NUL is a newline of PowerShell.
        Ok(Some((fields, _))) => fields.split('\0').collect(),
        _ => return,
    };
    // A shell that has given up does not read.
    let _ = write_all(&io::stdout(), answer(program, shell, &fields).as_bytes());
}

fn answer(program: Program, shell: ShellKind, fields: &[&str]) -> String {
    let (words, quoting) = match (shell, fields) {
        (ShellKind::Bash, [line, breaks]) => {
            let (words, quoting) = bash::split(line, breaks);
            (words, Some(quoting))
        }
        (ShellKind::Bash, _) => return String::new(),
        _ => (fields.iter().map(|field| (*field).to_owned()).collect(), None),
    };
    let [before @ .., current] = &*words else { return String::new() };
    let definition = definition(program);
    let line = Line::parse(&definition, before, current);
    let (kind, candidates) = match &line.wanted {
        // bash splits words in its own way, but never at `--`.
        Wanted::CommandLine { dashes, .. } if shell == ShellKind::Bash => {
            (format!("command {dashes}"), Vec::new())
        }
        Wanted::CommandLine { start, .. } => (format!("command {start}"), Vec::new()),
        _ => line.candidates(&definition, || Place::of(&line)),
    };
    let mut answer = kind + "\n";
    for Candidate { text, description } in candidates {
        if text.chars().any(is_unsafe) {
            continue;
        }
        match &quoting {
            Some(quoting) => {
                let quoted = text.starts_with(current).then(|| quoting.quote(&text)).flatten();
                answer.extend(quoted.map(|quoted| quoted + "\n"));
            }
            None => {
                let description: String = description.chars().filter(|c| !is_unsafe(*c)).collect();
                answer.push_str(&format!("{text}\t{description}\n"));
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(shell: ShellKind, fields: &[&str]) -> String {
        answer(Program::Secrets, shell, fields)
    }

    fn words(line: &[&str]) -> Vec<String> {
        let answer = completed(ShellKind::Fish, line);
        answer.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_line_is_completed_with_what_may_follow() {
        for (line, has, has_not) in [
            (&[""][..], "set", "__complete"),
            (&["-q", "-C", "x", ""], "list", "--scope"),
            (&["-"], "--scope", "set"),
            (&["list", "-"], "--json", "--raw"),
            (&["ls", "--"], "--json", "--raw"),
            (&["run", "-"], "--mask", "--output"),
            (&["run", ""], "--", "set"),
            (&["get", "--scope", ""], "repo", "set"),
            (&["get", "--scope=u"], "--scope=user", "user"),
            (&["help", ""], "inject", "--scope"),
            (&["completions", ""], "fish", "set"),
            (&["copy", "--from", ""], "os", "set"),
            (&["migrate", "--from", ""], "keytar", "os"),
            (&["migrate", "--from", ""], "keyring", "os"),
        ] {
            let words = words(line);
            assert!(words.iter().any(|word| word == has), "{line:?}: {words:?}");
            assert!(words.iter().all(|word| word != has_not), "{line:?}: {words:?}");
        }
    }

    #[test]
    fn the_shell_completes_files_and_other_commands() {
        for (line, kind) in [
            (&["run", "--env-file", ""][..], "files"),
            (&["import", ""], "files"),
            (&["-o", ""], "files"),
            (&["-qo", ""], "files"),
            (&["copy", "--to", ""], "files"),
            (&["-C", ""], "directories"),
            (&["run", "--", ""], "command 3"),
            (&["-q", "exec", "--mask", "--", "git", "-C", ""], "command 5"),
            (&["set", "a", ""], "words"),
            (&["set", "a", "v", ""], "words"),
            (&["bogus", ""], "words"),
            (&["bogus", "--", ""], "words"),
        ] {
            assert_eq!(words(line)[0], kind, "{line:?}");
        }
        assert_eq!(completed(ShellKind::Bash, &["secrets -q run --env-file=x -- git ", "="]), "command 1\n");
    }

    #[test]
    fn bash_gets_only_what_begins_with_the_word() {
        assert_eq!(completed(ShellKind::Bash, &["secrets de", ""]), "words\ndelete\n");
        assert_eq!(completed(ShellKind::Bash, &["secrets get --scope=r", "=:"]), "words\nrepo\n");
        assert_eq!(completed(ShellKind::Bash, &["secrets get --scope=r", ""]), "words\n--scope=repo\n");
        assert_eq!(completed(ShellKind::Bash, &["secrets get --scope 'r", ""]), "words\nrepo\n");
        assert_eq!(completed(ShellKind::Bash, &["secrets"]), "");
    }

    #[test]
    fn scripts_are_for_the_program_that_prints_them() {
        for shell in [ShellKind::Bash, ShellKind::Fish, ShellKind::PowerShell, ShellKind::Zsh] {
            let script = shell.script(Program::OsSecrets);
            assert!(!script.contains("@PROGRAM@") && !script.contains("@FUNCTION@"), "{script}");
            assert!(script.contains("os-secrets __complete"), "{script}");
        }
    }
}
