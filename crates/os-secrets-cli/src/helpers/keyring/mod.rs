//! `helper keyring`: answers programs that ask Python's `keyring`, such as pip and uv.
//!
//! The protocol is the command line of the package keyring 25 on PyPI. The service and the user are stored as given. The
//! services of os-secrets itself do not exist for it: pip asks for whatever host an index names.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the answers |
//! | `line.rs` | the command line |

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
};

use zeroize::Zeroizing;

use super::{Credentials, is_own_service};
use crate::{
    commands::set::{check_text, drop_newline},
    context::Context,
    exit_codes::{FAILED, SUCCESS},
    failure::Failure,
    output::{printable, read_input},
    terminal,
};
use line::KeyringRequest;
use os_secrets::{
    credential::{Secret, is_valid_part},
    file,
    json::object_of_texts,
};

mod line;

const USAGE: &str = "\
usage: keyring [--mode password|creds] [--output plain|json] get SERVICE [USER]
       keyring set SERVICE USER <PASSWORD
       keyring del SERVICE USER
       keyring --list-backends
       keyring diagnose

This keyring is os-secrets. With --mode creds, get needs no user: it prints the first one, and a newline before the password.
";

const DIAGNOSIS: &str = "This keyring is os-secrets. To check its store, run secrets doctor\n";

/// Answers a client. Returns the exit code: 1 if there is no such password.
pub fn answer(context: &Context, words: Vec<OsString>) -> Result<i32, Failure> {
    let credentials = Credentials(context);
    let request = line::parse(words).map_err(|message| Failure::Usage(format!("keyring: {message}")))?;
    match request {
        KeyringRequest::Get { service, user, wants_user, as_json } => {
            return get(context, &service, user, wants_user, as_json);
        }
        KeyringRequest::Set { service, user } => {
            if !is_valid_part(&service) || !is_valid_part(&user) {
                return Err(Failure::Usage("keyring: the service and the user must not be empty".into()));
            }
            if is_own_service(&service) {
                let reason = format!("{service} is a service of os-secrets itself. Use secrets set for it");
                return Err(Failure::Refused(printable(&reason).into()));
            }
            let password = read_password(&service, &user)?;
            check_text(context.program, &password, false)?;
            credentials.set(&service, &user, password)?;
        }
        KeyringRequest::Delete { service, user } => {
            let is_found = is_valid_part(&service)
                && is_valid_part(&user)
                && !is_own_service(&service)
                && credentials.delete(&service, &user)?;
            if !is_found {
                let reason = format!("there is no password of {user} for {service}");
                return Err(Failure::Refused(printable(&reason).into()));
            }
        }
        KeyringRequest::ListBackends => context.output.write(b"os-secrets\n")?,
        KeyringRequest::Diagnose => context.output.write(DIAGNOSIS.as_bytes())?,
        KeyringRequest::Help => context.output.write(USAGE.as_bytes())?,
    }
    Ok(SUCCESS)
}

fn get(
    context: &Context,
    service: &str,
    user: Option<String>,
    wants_user: bool,
    as_json: bool,
) -> Result<i32, Failure> {
    let credentials = Credentials(context);
    if is_own_service(service)
        || !is_valid_part(service)
        || user.as_ref().is_some_and(|user| !is_valid_part(user))
    {
        return Ok(FAILED);
    }
    let user = match user {
        Some(user) => user,
        // The first in the order of their bytes, so that the answer is always the same.
        None => match credentials.names(service)?.into_iter().next() {
            Some(user) => user,
            None => return Ok(FAILED),
        },
    };
    let Some(password) = credentials.get(service, &user)? else { return Ok(FAILED) };
    let answer = spell(wants_user.then_some(&*user), &password, as_json)?;
    context.output.write(&answer)?;
    Ok(SUCCESS)
}

/// The answer to `get`.
fn spell(user: Option<&str>, password: &Secret, as_json: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let no_text = || Failure::Refused("the stored password is not UTF-8 text without NUL bytes".into());
    let text = str::from_utf8(password.expose()).map_err(|_| no_text())?;
    if text.contains('\0') {
        return Err(no_text());
    }
    if as_json {
        let members: Vec<_> =
            user.map(|user| ("username", user)).into_iter().chain([("password", text)]).collect();
        let mut object = object_of_texts(&members, 1);
        object.push(b'\n');
        return Ok(object);
    }
    // Clients take the first line, or cut line breaks off at the ends: they would send another password.
    if [user.unwrap_or_default(), text].iter().any(|part| part.contains(['\n', '\r'])) {
        return Err(Failure::Refused(
            "the stored user or password has a line break, which only --output json can print".into(),
        ));
    }
    let mut answer = Zeroizing::new(Vec::with_capacity(user.map_or(0, str::len) + text.len() + 2));
    for part in user.into_iter().chain([text]) {
        answer.extend_from_slice(part.as_bytes());
        answer.push(b'\n');
    }
    Ok(answer)
}

/// Reads the password from standard input, or asks for it on a terminal.
fn read_password(service: &str, user: &str) -> Result<Secret, Failure> {
    let password = if io::stdin().is_terminal() {
        let prompt = format!("Password for '{}' in '{}': ", printable(user), printable(service));
        let fail = |error| Failure::Failed(file::failure("Cannot read", "the terminal".as_ref(), error));
        let answer = terminal::ask([&prompt]).map_err(fail)?;
        answer.map_or_else(|| Secret::new(Vec::new()), |[password]| password)
    } else {
        let mut password = read_input(None)?;
        drop_newline(&mut password);
        Secret::new(std::mem::take(&mut *password))
    };
    match password.expose() {
        [] => Err(Failure::Refused("the password is empty; nothing was changed".into())),
        _ => Ok(password),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(user: Option<&str>, password: &[u8], as_json: bool) -> Option<String> {
        let spelled = spell(user, &Secret::new(password.to_vec()), as_json).ok()?;
        String::from_utf8(spelled.to_vec()).ok()
    }

    #[test]
    fn answers_have_the_form_that_python_prints() {
        let json = "{\"username\":\"u\",\"password\":\"a\\\"\\n\u{e9}\"}\n";
        for (user, password, as_json, answer) in [
            (None, "p w", false, "p w\n"),
            (Some("u"), "p", false, "u\np\n"),
            (None, "p", true, "{\"password\":\"p\"}\n"),
            (Some("u"), "a\"\n\u{e9}", true, json),
        ] {
            assert_eq!(spelled(user, password.as_bytes(), as_json).as_deref(), Some(answer));
        }
    }

    #[test]
    fn what_a_client_would_read_differently_is_refused() {
        for (user, password) in [
            (None, &b"a\nb"[..]),
            (None, b"a\n"),
            (None, b"a\r"),
            (Some("u\nv"), b"a"),
            (None, b"\xff"),
            (None, b"a\0"),
        ] {
            assert_eq!(spelled(user, password, false), None);
        }
        for password in [&b"\xff"[..], b"a\0"] {
            assert_eq!(spelled(None, password, true), None);
        }
    }
}
