//! cargo's credential provider protocol, version 1.
//!
//! cargo starts the program with `--cargo-plugin` and sends one request per line; each is answered with one line. See
//! [Credential Provider Protocol](https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html) in the Cargo
//! Book.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | answering each request |
//! | `messages.rs` | the requests and the answers |
//! | `lines.rs` | reading lines into memory that is wiped |

use std::{
    ffi::OsString,
    io::{self, Read},
};

use super::Credentials;
use crate::{
    context::Context,
    exit_codes::SUCCESS,
    failure::{Failure, describe},
    output::{open_input, printable},
    terminal,
};
use os_secrets::credential::Secret;

mod lines;
mod messages;

use lines::Lines;
use messages::{Answer, CargoRequest, HELLO, Registry, RequestKind};

/// The word with which cargo starts a credential provider.
const PLUGIN: &str = "--cargo-plugin";
/// The name of the credential; its service says which registry it is for.
pub const TOKEN: &str = "token";

/// The service of a registry's token. `index` is the URL of its index, as cargo sends it.
pub fn service(index: &str) -> String {
    format!("cargo:{index}")
}

/// Answers cargo's requests until it sends no more.
pub fn answer(context: &Context, words: &[OsString]) -> Result<i32, Failure> {
    match words {
        [only] if only == PLUGIN => {}
        _ => {
            return Err(Failure::Usage(
                "cargo itself starts this program, with --cargo-plugin. To make it do so, run secrets setup cargo".into(),
            ));
        }
    }
    context.output.write(HELLO)?;
    let input =
        open_input().map_err(|error| Failure::Refused(format!("Cannot read requests: {error}").into()))?;
    answer_all(context, Lines::new(input))?;
    // cargo hides the answer of a provider that fails.
    Ok(SUCCESS)
}

fn answer_all(context: &Context, mut lines: Lines<impl Read>) -> Result<(), Failure> {
    loop {
        let (answer, is_last) = match lines.next_line() {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => match CargoRequest::parse(&line) {
                Ok(request) => (answer_request(context, &request), false),
                Err(reason) => (Answer::Other(reason), true),
            },
            Err(error) => (Answer::Other(format!("Cannot read the request: {error}")), true),
        };
        context.output.write(&answer.to_line())?;
        if is_last {
            return Ok(());
        }
    }
}

fn answer_request(context: &Context, request: &CargoRequest) -> Answer {
    // A configuration that comes with a project can have arguments. They must not choose the store.
    if request.args.iter().any(|arg| arg == "--store" || arg.starts_with("--store=")) {
        return Answer::Other(
            "cargo's configuration cannot choose the store. Choose it in the settings file of os-secrets, or with \
             OS_SECRETS_PROVIDER"
                .into(),
        );
    }
    if !request.registry.is_url() {
        return Answer::UrlNotSupported;
    }
    let (credentials, service) = (Credentials(context), service(&request.registry.index));
    let fail = |error| Answer::Other(describe(&error));
    match &request.kind {
        RequestKind::Get => match credentials.get(&service, TOKEN) {
            Ok(Some(token)) => match check_token(&token) {
                Ok(()) => Answer::Get(token),
                Err(reason) => Answer::Other(format!(
                    "The stored token of {} {reason}. Log in again with cargo login",
                    printable(&request.registry.index)
                )),
            },
            Ok(None) => Answer::NotFound,
            Err(error) => fail(error),
        },
        RequestKind::Login { token, login_url } => {
            let token = match token {
                Some(token) => token.clone(),
                None => match ask_for_token(&request.registry, login_url.as_deref()) {
                    Ok(token) => token,
                    Err(reason) => return Answer::Other(reason),
                },
            };
            match check_token(&token) {
                Ok(()) => {}
                Err(reason) => {
                    return Answer::Other(format!(
                        "Nothing was stored: the token {reason}. Copy it from the registry again"
                    ));
                }
            }
            credentials.set(&service, TOKEN, token).map_or_else(fail, |()| Answer::Login)
        }
        RequestKind::Logout => match credentials.delete(&service, TOKEN) {
            Ok(true) => Answer::Logout,
            Ok(false) => Answer::NotFound,
            Err(error) => fail(error),
        },
        RequestKind::Unknown => Answer::OperationNotSupported,
    }
}

/// Checks that a token can be sent in a header, as cargo does.
///
/// # Errors
///
/// What is wrong with it, as a text that follows "the token".
pub fn check_token(token: &Secret) -> Result<(), &'static str> {
    match token.expose() {
        [] => Err("is empty"),
        bytes if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) => Ok(()),
        _ => Err("has line breaks or other characters that no token has"),
    }
}

/// Asks for the token on the terminal. Standard input belongs to the protocol.
fn ask_for_token(registry: &Registry, login_url: Option<&str>) -> Result<Secret, String> {
    let name = printable(registry.name.as_deref().unwrap_or(&registry.index));
    let place = login_url.map(|url| format!(" from {}", printable(url))).unwrap_or_default();
    let cannot = |error: io::Error| {
        format!("Cannot ask for the token: {error}. Give it to cargo login on standard input")
    };
    match terminal::ask([&format!("Token for {name}{place}: ")]).map_err(cannot)? {
        Some([token]) => Ok(token),
        None => Err("No token was given, and nothing was stored".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_no_header_can_hold_are_refused() {
        for (token, is_valid) in [
            ("cioAbc123", true),
            ("Bearer a\tb~", true),
            ("", false),
            ("a\nb", false),
            ("a\r", false),
            ("a\0", false),
            ("t\u{f6}ken", false),
            ("a\u{7f}", false),
        ] {
            assert_eq!(check_token(&Secret::new(token.into())).is_ok(), is_valid, "{token:?}");
        }
    }
}
