//! `helper askpass`: answers ssh, git and sudo when they ask for a password by an askpass program.
//!
//! They ask every question by the same program, also whether to trust a host. So only questions for a password or a
//! passphrase are answered, and one for a password on another host only if the command line names that host. A command line
//! that names something answers for nothing else.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the answer |
//! | `question.rs` | the questions |

use std::{env, ffi::OsString};

use zeroize::Zeroizing;

use crate::{
    context::{Context, Target},
    exit_codes::SUCCESS,
    failure::Failure,
    output::printable,
};
use os_secrets::scope::Scope;
use question::{AskpassQuestion, recognize};

mod question;

const USAGE: &str = "usage: secrets helper askpass NAME [--for USER@HOST|URL|FILE] QUESTION";

/// Answers a client.
pub fn answer(context: &Context, words: Vec<OsString>) -> Result<i32, Failure> {
    let usage = || Failure::Usage(USAGE.into());
    let words: Vec<_> =
        words.into_iter().map(|word| word.into_string().map_err(|_| usage())).collect::<Result<_, _>>()?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (name, meant, prompt) = match *words {
        [name, "--for", meant, prompt] => (name, Some(meant), prompt),
        [name, prompt] if prompt != "--for" => (name, None, prompt),
        _ => return Err(usage()),
    };
    // ssh also tells by a variable that it only wants a confirmation, or no answer.
    let wants_other = env::var_os("SSH_ASKPASS_PROMPT").is_some_and(|kind| !kind.is_empty());
    let question = recognize(prompt).filter(|_| !wants_other);
    match question {
        None => {
            return Err(refuse(
                prompt,
                "it does not ask for a password. Answer it yourself once, on a terminal",
            ));
        }
        Some(AskpassQuestion::Remote(asked)) if meant != Some(asked) => {
            return Err(refuse_other(prompt, asked));
        }
        Some(AskpassQuestion::Local(asked)) if meant.is_some_and(|meant| meant != asked) => {
            return Err(refuse_other(prompt, asked));
        }
        Some(_) => {}
    }
    // Not the repository's: whoever wrote it must not choose the answer.
    let target = Target::Secret(context.parse_name(name.as_bytes())?, Scope::User);
    let secret = context.get_value(&target)?.ok_or_else(|| target.not_found())?;
    let value = secret.expose();
    if value.contains(&b'\n') || value.contains(&b'\r') || value.contains(&0) {
        return Err(Failure::Refused(
            format!("{} has several lines, and an answer has one", target.label()).into(),
        ));
    }
    let mut answer = Zeroizing::new(Vec::with_capacity(value.len() + 1));
    answer.extend_from_slice(value);
    answer.push(b'\n');
    context.output.write(&answer)?;
    Ok(SUCCESS)
}

fn refuse_other(prompt: &str, asked: &str) -> Failure {
    refuse(prompt, &format!("to answer it, the command needs --for '{}'", printable(asked)))
}

fn refuse(prompt: &str, reason: &str) -> Failure {
    Failure::Refused(format!("did not answer \"{}\": {reason}", printable(prompt.trim_end())).into())
}
