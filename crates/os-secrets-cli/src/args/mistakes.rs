//! What the user may have meant by a wrong command line. `bus-secrets` says nothing of it, as BusDK's program.
//!
//! A message may repeat a word of the command line only if that word stands where a name or a command stands, and is a
//! valid name of a secret. Any other word may be a value.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use strsim::osa_distance;

use super::{definition, has_command, words::Words};
use crate::{Program, failure::Failure, reference::FILE_REFERENCE};
use os_secrets::scope::{Name, REFERENCE};

/// What other programs call our commands.
const SYNONYMS: &[(&str, &str)] = &[
    ("add", "set"),
    ("create", "set"),
    ("new", "set"),
    ("put", "set"),
    ("save", "set"),
    ("store", "set"),
    ("read", "get"),
    ("show", "get"),
    ("print", "get"),
    ("cat", "get"),
    ("clip", "get --clip"),
    ("remove", "delete"),
    ("del", "delete"),
    ("unset", "delete"),
    ("mv", "rename"),
    ("move", "rename"),
    ("exists", "has"),
    ("random", "generate"),
    ("missing", "check"),
    ("backup", "export"),
    ("completion", "completions"),
    ("status", "doctor"),
];
/// The longest word that a message repeats.
const MAX_REPEATED: usize = 64;
/// The longest word that is taken for an environment variable although it has no underscore.
const MAX_WORD: usize = 12;

/// Where the help is: that of the command if there is one.
pub fn help_hint(program: Program, command: Option<&str>) -> String {
    let name = program.name();
    match command
        .filter(|command| program != Program::BusSecrets && has_command(&definition(program), command))
    {
        Some(command) => format!("run {name} {command} -h for help"),
        None => format!("run {name} -h for help"),
    }
}

/// The failure of an unknown command.
pub fn unknown_command(program: Program, word: &str) -> Failure {
    let name = program.name();
    Failure::Usage(match similar_command(program, word) {
        Some(command) => {
            format!(
                "unknown command; did you mean {name} {command}? {}",
                capitalized(help_hint(program, command.split(' ').next()))
            )
        }
        None => format!("unknown command; {}", help_hint(program, None)),
    })
}

/// Describes an error of clap that is a known mistake.
pub fn describe_mistake(program: Program, words: &Words, error: &clap::Error) -> Option<Failure> {
    let detail = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let command = words.command();
    let name = program.name();
    let message = match (error.kind(), command) {
        (ErrorKind::InvalidSubcommand, _) => {
            return Some(unknown_command(program, detail(ContextKind::InvalidSubcommand)));
        }
        (ErrorKind::MissingRequiredArgument, Some("run")) => {
            format!("the command is missing; put it after --: {name} run -- COMMAND")
        }
        (ErrorKind::UnknownArgument, Some(command)) => match (detail(ContextKind::InvalidArg), command) {
            ("-", "inject") => format!("-i names the template: {name} inject -i -"),
            (word, "copy") if !word.starts_with('-') => format!(
                "copy is for stores: {name} copy --from STORE --to STORE. For the clipboard: {name} get --clip NAME"
            ),
            (word, "generate") if word.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("--length names the number of characters: {name} generate --length {word} NAME")
            }
            ("-e" | "--env", "run") => {
                format!(
                    "set the variable before it, or name a file with --env-file: VARIABLE=secret:NAME {name} run -- \
                     COMMAND"
                )
            }
            (flag, _) if flag.starts_with('-') => {
                let flag = similar_flag(program, command, words, flag)?;
                return Some(Failure::Usage(format!(
                    "unknown flag; did you mean --{flag}? {}",
                    capitalized(help_hint(program, Some(command)))
                )));
            }
            (word, "run") => {
                let more =
                    if words.after_command().last().is_some_and(|last| last != word) { " …" } else { "" };
                format!(
                    "put -- before the command: {name} run -- {}{more}",
                    repeated(word).unwrap_or("COMMAND")
                )
            }
            (word, "inject") => {
                format!("-i names the template: {name} inject -i {}", repeated(word).unwrap_or("FILE"))
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(Failure::Usage(format!("{message}; {}", help_hint(program, command))))
}

/// What a text that is not the name of a secret was meant to be, as a question. Empty if that is not clear.
///
/// It is shown only if the text is a reference, or has the form of an environment variable. Anything else may be a value.
pub fn name_advice(text: &[u8]) -> String {
    let Ok(text) = str::from_utf8(text) else { return String::new() };
    let (is_reference, name) =
        match text.strip_prefix(REFERENCE).or_else(|| text.strip_prefix(FILE_REFERENCE)) {
            Some(name) => (true, name),
            None => (false, text),
        };
    let meant = if is_variable(name) {
        name.to_ascii_lowercase()
    } else if is_reference && let Some(name) = repeated(name) {
        name.to_owned()
    } else {
        return String::new();
    };
    format!(". Did you mean {meant}?")
}

/// Whether a text has the form of an environment variable. Random letters and digits, such as a key in base32, have not.
fn is_variable(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let starts = text.starts_with(|first: char| first.is_ascii_uppercase());
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    starts
        && text.len() <= MAX_REPEATED
        && text.split('_').all(is_word)
        && (text.contains('_') || (text.len() <= MAX_WORD && !has_digit))
}

/// The word, if a message may repeat it.
fn repeated(word: &str) -> Option<&str> {
    (word.len() <= MAX_REPEATED && Name::parse(word.as_bytes()).is_ok()).then_some(word)
}

/// The command that a word was meant to be.
fn similar_command(program: Program, word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    if let Some((_, command)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == word) {
        return Some((*command).into());
    }
    let definition = definition(program);
    let visible = definition.get_subcommands().filter(|command| !command.is_hide_set());
    nearest(&word, visible.map(clap::Command::get_name))
}

/// The flag of a command that a word was meant to be, without its dashes. `-json` is `--json`.
fn similar_flag(program: Program, command: &str, words: &Words, flag: &str) -> Option<String> {
    let definition = definition(program);
    let command = definition.find_subcommand(command)?;
    let flags = || {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        shown.flat_map(|arg| arg.get_long_and_visible_aliases().unwrap_or_default())
    };
    if let Some(long) = flag.strip_prefix("--") {
        let long = long.split('=').next().unwrap_or_default();
        return nearest(&long.to_ascii_lowercase(), flags());
    }
    // Of a word with one dash, clap names the first letter that it does not know.
    let meant =
        words.after_command().filter_map(|word| word.to_str()?.strip_prefix('-')).find(|letters| {
            let letter = flag.trim_start_matches('-');
            !letters.starts_with('-') && letters.contains(letter)
        })?;
    flags().find(|long| meant.split('=').next() == Some(*long)).map(str::to_owned)
}

/// The nearest of some words: one that begins with the word, or that differs in a letter or two.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let allowed = match word.len() {
        0..2 => return None,
        2..4 => 1,
        _ => 2,
    };
    let mut known: Vec<_> = known
        .map(|known| {
            if word.len() > 2 && known.starts_with(word) {
                (0, known)
            } else {
                (osa_distance(word, known), known)
            }
        })
        .filter(|(distance, known)| *distance <= allowed && *distance < known.len())
        .collect();
    known.sort();
    known.first().map(|(_, known)| (*known).to_owned())
}

fn capitalized(mut text: String) -> String {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_repeats_names_and_variables_only() {
        for (text, meant) in [
            ("OPENAI_API_KEY", "openai_api_key"),
            ("TOKEN", "token"),
            ("S3_KEY2", "s3_key2"),
            ("secret:foo", "foo"),
            ("secret:OPENAI_API_KEY", "openai_api_key"),
            ("secret-file:TLS_KEY", "tls_key"),
        ] {
            assert_eq!(name_advice(text.as_bytes()), format!(". Did you mean {meant}?"));
        }
        for value in [
            "JBSWY3DPEHPK3PXP",
            "JBSWYDPEHPKPXPAB",
            "AKIAIOSFODNN7EXAMPLE",
            "Hunter2",
            "sk-Live",
            "secret:",
            "secret:Hunter2",
            "_A",
            "A__B",
            "",
        ] {
            assert_eq!(name_advice(value.as_bytes()), "", "{value}");
        }
        assert_eq!(name_advice(b"\xff"), "");
        assert_eq!(name_advice(format!("A_{}", "B".repeat(80)).as_bytes()), "");
    }

    #[test]
    fn near_misses_have_one_meaning() {
        let commands = ["set", "get", "list", "delete", "inject", "completions", "copy"];
        for (word, meant) in [
            ("sett", Some("set")),
            ("gte", Some("get")),
            ("lsit", Some("list")),
            ("comp", Some("completions")),
            ("injcet", Some("inject")),
            ("hunter", None),
            ("x", None),
            ("", None),
            ("yet", Some("get")),
        ] {
            assert_eq!(nearest(word, commands.into_iter()).as_deref(), meant, "{word}");
        }
    }
}
