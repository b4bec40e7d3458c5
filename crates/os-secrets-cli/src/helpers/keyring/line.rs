//! The command line of Python's `keyring`, which the clients call. Options may stand in every position, as `argparse` allows.

use std::ffi::OsString;

/// What a command line asks for.
#[derive(PartialEq, Eq, Debug)]
pub enum KeyringRequest {
    /// Print a password, or with `wants_user` a user and the password.
    Get {
        /// The service, such as the URL of an index.
        service: String,
        /// The user. If `None`, any user of the service, which only `--mode creds` allows.
        user: Option<String>,
        /// Whether `--mode creds` is given.
        wants_user: bool,
        /// Whether `--output json` is given.
        as_json: bool,
    },
    /// Store a password.
    Set {
        /// The service.
        service: String,
        /// The user.
        user: String,
    },
    /// Delete a password.
    Delete {
        /// The service.
        service: String,
        /// The user.
        user: String,
    },
    /// Print which backends there are.
    ListBackends,
    /// Print where the settings are.
    Diagnose,
    /// Print the usage.
    Help,
}

/// Parses the words after `keyring`. The error is a message, and shows no value of the command line.
pub fn parse(words: Vec<OsString>) -> Result<KeyringRequest, String> {
    let mut words = words.into_iter().map(into_text);
    let (mut wants_user, mut as_json, mut positional) = (false, false, Vec::new());
    while let Some(word) = words.next() {
        let word = word?;
        let (flag, mut joined) = match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (&*word, None),
        };
        let mut value = || joined.take().map_or_else(|| words.next().unwrap_or(Ok(String::new())), Ok);
        match flag {
            "--" => {
                for word in words.by_ref() {
                    positional.push(word?);
                }
            }
            "-h" | "--help" => return Ok(KeyringRequest::Help),
            "--list-backends" => return Ok(KeyringRequest::ListBackends),
            "--mode" => wants_user = choose("--mode", ["password", "creds"], &value()?)?,
            "--output" => as_json = choose("--output", ["plain", "json"], &value()?)?,
            "-b" | "-p" | "--keyring-backend" | "--keyring-path" => {
                return Err(format!("{flag} cannot be used: os-secrets is the only backend of this keyring"));
            }
            "--disable" => {
                return Err(
                    "--disable cannot be used. To undo the setup, run secrets setup keyring --undo".into()
                );
            }
            // A short flag may have a value right after it.
            _ if flag.starts_with("--") => return Err(format!("unrecognized arguments: {flag}")),
            _ if flag.starts_with('-') && flag.len() > 1 => {
                return Err("unrecognized arguments: a word that starts with -".into());
            }
            _ => positional.push(word),
        }
    }
    request(positional, wants_user, as_json)
}

fn request(positional: Vec<String>, wants_user: bool, as_json: bool) -> Result<KeyringRequest, String> {
    let mut words = positional.into_iter();
    let (operation, service, user) = (words.next(), words.next(), words.next());
    if words.next().is_some() {
        return Err("unrecognized arguments: a password is read from standard input".into());
    }
    match (operation.as_deref(), service, user) {
        (Some("get"), Some(service), user) if wants_user || user.is_some() => {
            Ok(KeyringRequest::Get { service, user, wants_user, as_json })
        }
        (Some("get"), ..) if wants_user => Err("get requires service".into()),
        (Some("set"), Some(service), Some(user)) => Ok(KeyringRequest::Set { service, user }),
        (Some("del"), Some(service), Some(user)) => Ok(KeyringRequest::Delete { service, user }),
        (Some("diagnose"), ..) => Ok(KeyringRequest::Diagnose),
        (Some(operation @ ("get" | "set" | "del")), ..) => {
            Err(format!("{operation} requires service and username"))
        }
        _ => Err("Specify operation (get, set, del, diagnose)".into()),
    }
}

/// Whether the second of two choices is made.
fn choose(flag: &str, choices: [&str; 2], value: &str) -> Result<bool, String> {
    match choices.iter().position(|choice| *choice == value) {
        Some(at) => Ok(at == 1),
        None => Err(format!("{flag} must be {} or {}", choices[0], choices[1])),
    }
}

fn into_text(word: OsString) -> Result<String, String> {
    word.into_string().map_err(|_| "the service and the user must be UTF-8 text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<KeyringRequest, String> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn options_may_stand_in_every_position() {
        let get = |user: Option<&str>, wants_user, as_json| {
            Ok(KeyringRequest::Get {
                service: "s".into(),
                user: user.map(str::to_owned),
                wants_user,
                as_json,
            })
        };
        assert_eq!(parsed("get s u"), get(Some("u"), false, false));
        assert_eq!(parsed("get -- s u"), get(Some("u"), false, false));
        for line in
            ["get s --mode creds", "--mode=creds get s", "get --mode creds s", "get --mode=creds -- s"]
        {
            assert_eq!(parsed(line), get(None, true, false), "{line}");
        }
        for line in [
            "--mode=creds --output=json get s u",
            "get s --output json u --mode creds",
            "get s u --mode creds --output plain --output json",
        ] {
            assert_eq!(parsed(line), get(Some("u"), true, true), "{line}");
        }
        assert_eq!(parsed("set s u"), Ok(KeyringRequest::Set { service: "s".into(), user: "u".into() }));
        assert_eq!(
            parsed("del -- -s -u"),
            Ok(KeyringRequest::Delete { service: "-s".into(), user: "-u".into() })
        );
        assert_eq!(parsed("--list-backends"), Ok(KeyringRequest::ListBackends));
        assert_eq!(parsed("diagnose"), Ok(KeyringRequest::Diagnose));
        assert_eq!(parsed("get -h"), Ok(KeyringRequest::Help));
    }

    #[test]
    fn wrong_lines_are_refused_without_their_values() {
        for line in [
            "",
            "get",
            "get s",
            "set s",
            "del s",
            "list s",
            "get --mode creds",
            "get s u --mode",
            "get s u --mode=all",
            "get s u --output xml",
            "get s u --verbose=hunter2",
            "get s u -xhunter2",
            "set s u hunter2",
            "-b hunter2 get s u",
            "get s u --keyring-path=hunter2",
            "--disable",
        ] {
            let message = parsed(line).unwrap_err();
            assert!(!message.contains("hunter2"), "{line}: {message}");
        }
    }
}
