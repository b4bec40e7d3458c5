//! Answering git: gitcredentials(7) and git-credential(1).
//!
//! A credential is stored under the service `git:PROTOCOL://HOST[/PATH]`, with the user as its name.
//!
//! | file | what it holds |
//! |---|---|
//! | `request.rs` | what git asks |
//! | `value.rs` | what a stored credential holds |
//! | `url.rs` | the URLs of credentials |

use std::ffi::OsString;

use super::{Credentials, parts::now};
use crate::{
    context::Context,
    exit_codes::SUCCESS,
    failure::Failure,
    output::{open_input, printable, read_all},
};
use os_secrets::{
    error::{Error, Reason},
    file,
    wiped::WipedBuffer,
};
use request::{GitRefusal, GitRequest, user_of};

mod request;
mod url;
mod value;

pub use request::{name_of, service};
pub use url::{CredentialUrl, UrlError};
pub use value::Parts;

/// The maximum length of a line, with the newline, in bytes.
const MAX_LINE: usize = 65_535;

/// What git learns about us if it asks.
const CAPABILITIES: &[u8] = b"version 0\ncapability authtype\n";

/// Makes git give up, and ask neither other helpers nor the user.
const QUIT: &[u8] = b"quit=1\n";

/// Answers git. `words` is the operation: `get`, `store` or `erase`. Others are ignored, as git demands.
pub fn answer(context: &Context, words: &[OsString]) -> Result<i32, Failure> {
    answer_git(context, words).or_else(|failure| {
        let missing = match &failure {
            Failure::Call(error) => describe_missing_store(error),
            _ => None,
        };
        let Some(missing) = missing else { return Err(failure) };
        context.print_message(&format!("{missing}. Run secrets doctor"));
        Ok(failure.exit_code(context.program))
    })
}

/// Why there is no store, in one short sentence: git prints it in the middle of other work. `None` for other errors.
fn describe_missing_store(error: &Error) -> Option<&'static str> {
    Some(match error.reason() {
        Reason::NoBus => {
            "The credential store cannot be reached, because there is no usable D-Bus session bus"
        }
        Reason::NoService => "No credential store answers",
        _ => return None,
    })
}

fn answer_git(context: &Context, words: &[OsString]) -> Result<i32, Failure> {
    let operation = match words {
        [operation, ..] if !operation.as_encoded_bytes().starts_with(b"-") => operation,
        _ => {
            return Err(Failure::Usage(
                "git starts this program with get, store or erase. To make it do so, run secrets setup git"
                    .into(),
            ));
        }
    };
    let credentials = Credentials(context);
    match operation.to_str() {
        Some("get") => {
            let answer = find(&credentials, &read_request()?).or_else(|failure| {
                // The store, and not the credential. Without this line, git would go on to ask the user.
                if matches!(failure, Failure::Call(_)) {
                    context.output.write(QUIT)?;
                }
                Err(failure)
            })?;
            context.output.write(&answer.into_bytes())?;
        }
        Some("store") => store(&credentials, read_request()?)?,
        Some("erase") => erase(&credentials, &read_request()?)?,
        Some("capability") => context.output.write(CAPABILITIES)?,
        _ => {}
    }
    Ok(SUCCESS)
}

fn read_request() -> Result<GitRequest, Failure> {
    let input = open_input().and_then(read_all);
    let input = input
        .map_err(|error| Failure::Failed(file::failure("Cannot read", "standard input".as_ref(), error)))?;
    GitRequest::parse(&input).map_err(refused)
}

fn refused(refusal: GitRefusal) -> Failure {
    Failure::Refused(refusal.into())
}

/// The attributes of the credential that git wants. Nothing if there is none.
///
/// If git names no user, the first user in the order of their names whose credential is valid is offered. If there is none,
/// the first whose refresh token can renew it. A damaged one is an error only if there is no other.
fn find(credentials: &Credentials<'_>, request: &GitRequest) -> Result<WipedBuffer, Failure> {
    let (now, mut renewal, mut damage) = (now(), None, None);
    let Some(service) = request.service().map_err(refused)? else { return Ok(WipedBuffer::default()) };
    for name in names(credentials, &service, request)? {
        let Some(value) = credentials.get(&service, &name)? else { continue };
        let answer = Parts::parse(value).map_err(String::from).and_then(|parts| {
            let answer = spell_answer(&parts, user_of(&name), request.takes_authtype, now).transpose()?;
            Ok(answer.map(|answer| (answer, parts.is_expired(now))))
        });
        match answer {
            Ok(Some((answer, false))) => return Ok(answer),
            Ok(Some((answer, true))) => renewal = renewal.or(Some(answer)),
            Ok(None) => {}
            Err(reason) => damage = damage.or(Some(reason)),
        }
    }
    match (renewal, damage) {
        (Some(renewal), _) => Ok(renewal),
        (None, None) => Ok(WipedBuffer::default()),
        // Without the user, who may be a token.
        (None, Some(reason)) => {
            let message = format!(
                "A credential of {service} {reason}. Find it with secrets list --service {service}, and store it again \
                 or delete it"
            );
            Err(refused(printable(&message)))
        }
    }
}

/// The names of the credentials that a request can mean.
fn names(credentials: &Credentials<'_>, service: &str, request: &GitRequest) -> Result<Vec<String>, Failure> {
    if let Some(user) = &request.username {
        // Nobody's credential has the name of a user that cannot be.
        return Ok(name_of(Some(user)).into_iter().collect());
    }
    Ok(credentials.names(service)?.into_iter().collect())
}

/// What git is told about a credential, if it can use it. After the credential has expired, only the user and the refresh
/// token, with which another helper can renew it.
///
/// The error is a part of a sentence: the credential cannot be sent.
fn spell_answer(
    parts: &Parts,
    user: Option<&str>,
    takes_authtype: bool,
    now: u64,
) -> Option<Result<WipedBuffer, String>> {
    let mut attributes: Vec<(&str, &[u8])> = Vec::new();
    let expiry = parts.password_expiry_utc.map(|expiry| expiry.to_string());
    let user = user.map(|user| ("username", user.as_bytes()));
    match (&parts.credential, &parts.authtype, &parts.password) {
        _ if parts.is_expired(now) => {
            parts.oauth_refresh_token.as_ref()?;
            attributes.extend(user);
        }
        (Some(credential), Some(authtype), _) if takes_authtype => {
            attributes.push(("capability[]", b"authtype"));
            attributes.push(("authtype", authtype.expose()));
            attributes.push(("credential", credential.expose()));
            attributes.extend(user);
        }
        (_, authtype, Some(password)) => {
            if let (true, Some(authtype)) = (takes_authtype, authtype) {
                attributes.push(("capability[]", b"authtype"));
                attributes.push(("authtype", authtype.expose()));
            }
            attributes.extend(user);
            attributes.push(("password", password.expose()));
        }
        _ => return None,
    }
    if let Some(expiry) = expiry.as_ref().filter(|_| !parts.is_expired(now)) {
        attributes.push(("password_expiry_utc", expiry.as_bytes()));
    }
    if let Some(token) = &parts.oauth_refresh_token {
        attributes.push(("oauth_refresh_token", token.expose()));
    }
    Some(spell(&attributes))
}

fn spell(attributes: &[(&str, &[u8])]) -> Result<WipedBuffer, String> {
    let mut spelled = WipedBuffer::default();
    for (key, value) in attributes {
        // A password with a line break could add attributes of its own.
        if value.iter().any(|byte| b"\n\r\0".contains(byte)) {
            return Err(format!("has a line break or a NUL byte in its {key}, which git does not take"));
        }
        if key.len() + value.len() + 2 > MAX_LINE {
            return Err(format!("has a {key} that is longer than git takes"));
        }
        for part in [key.as_bytes(), b"=", value, b"\n"] {
            spelled.extend_from_slice(part);
        }
    }
    Ok(spelled)
}

/// Stores a credential, unless it is stored already.
fn store(credentials: &Credentials<'_>, request: GitRequest) -> Result<(), Failure> {
    let Some(service) = request.service().map_err(refused)? else { return Ok(()) };
    let GitRequest { username, mut parts, is_ephemeral, .. } = request;
    if is_ephemeral || parts.authtype.is_none() {
        (parts.authtype, parts.credential) = (None, None);
    }
    if parts.credential.is_none() && (username.is_none() || parts.password.is_none()) {
        return Ok(());
    }
    if parts.is_expired(now()) {
        return Ok(());
    }
    let name = name_of(username.as_deref()).map_err(refused)?;
    // A damaged credential is replaced by one that works.
    let stored = credentials.get(&service, &name)?.and_then(|value| Parts::parse(value).ok());
    if let Some(stored) = &stored {
        parts = parts.completed_by(stored.clone());
    }
    if stored.as_ref() == Some(&parts) {
        return Ok(());
    }
    let value = parts.spell().map_err(|reason| refused(format!("The password for {service} {reason}")))?;
    Ok(credentials.set(&service, &name, value)?)
}

/// Deletes the credentials that a request means. If it has a password, only those with this password.
fn erase(credentials: &Credentials<'_>, request: &GitRequest) -> Result<(), Failure> {
    let Some(service) = request.service().map_err(refused)? else { return Ok(()) };
    let names_password = request.parts.password.is_some() || request.parts.credential.is_some();
    for name in names(credentials, &service, request)? {
        let is_meant = !names_password
            || credentials
                .get(&service, &name)?
                .and_then(|value| Parts::parse(value).ok())
                .is_some_and(|stored| stored.matches(&request.parts));
        if is_meant {
            credentials.delete(&service, &name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use os_secrets::credential::Secret;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    fn spelled(parts: &Parts, user: Option<&str>, takes_authtype: bool) -> Option<Result<String, String>> {
        let answer = spell_answer(parts, user, takes_authtype, 10)?;
        Some(answer.map(|answer| String::from_utf8(answer.into_bytes().to_vec()).unwrap()))
    }

    #[test]
    fn nothing_but_a_refresh_token_is_offered_after_the_expiry() {
        let at = |expiry| Parts { password_expiry_utc: Some(expiry), ..Parts::of_password(secret("p")) };
        let full = |expiry| format!("username=u\npassword=p\npassword_expiry_utc={expiry}\n");
        assert_eq!(spelled(&at(11), Some("u"), false), Some(Ok(full(11))));
        assert_eq!(spelled(&at(10), Some("u"), false), Some(Ok(full(10))));
        assert_eq!(spelled(&at(9), Some("u"), false), None);
        let renewable = Parts { oauth_refresh_token: Some(secret("t")), ..at(9) };
        let renewal = "username=u\noauth_refresh_token=t\n";
        assert_eq!(spelled(&renewable, Some("u"), true), Some(Ok(renewal.into())));
    }

    #[test]
    fn a_credential_of_a_scheme_is_offered_to_a_git_that_takes_it() {
        let bearer =
            Parts { authtype: Some(secret("Bearer")), credential: Some(secret("c")), ..Parts::default() };
        let sent = "capability[]=authtype\nauthtype=Bearer\ncredential=c\n";
        assert_eq!(spelled(&bearer, None, true), Some(Ok(sent.into())));
        assert_eq!(spelled(&bearer, None, false), None);
        let both = Parts { password: Some(secret("p")), ..bearer };
        assert_eq!(spelled(&both, Some("u"), true), Some(Ok(format!("{sent}username=u\n"))));
        assert_eq!(spelled(&both, Some("u"), false), Some(Ok("username=u\npassword=p\n".into())));
    }

    #[test]
    fn what_git_could_misread_is_not_sent() {
        for value in ["a\nhost=b", "a\n", "a\r", "a\0", &"a".repeat(MAX_LINE - 9)] {
            assert!(spelled(&Parts::of_password(secret(value)), None, false).unwrap().is_err());
            let token = Parts { oauth_refresh_token: Some(secret(value)), ..Parts::of_password(secret("p")) };
            assert!(spelled(&token, None, false).unwrap().is_err());
        }
        assert!(spelled(&Parts::of_password(secret("p")), Some("a\nb"), false).unwrap().is_err());
        let longest = Parts::of_password(secret(&"a".repeat(MAX_LINE - 10)));
        assert!(spelled(&longest, None, false).unwrap().is_ok());
    }
}
