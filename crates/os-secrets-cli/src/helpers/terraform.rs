//! Terraform and OpenTofu: a credentials helper.
//!
//! The program gets `get`, `store` or `forget` and a host as its last words. Credentials are JSON objects with a token, on
//! standard input for `store` and on standard output for `get`, where `{}` means that there are none (Terraform
//! documentation, "Credentials Helpers" among its internals).

use std::{ffi::OsString, path::Path};

use super::{Credentials, parts::is_visible};
use crate::{context::Context, failure::Failure, output::read_input};
use os_secrets::{
    credential::Secret,
    json::{Document, object_of_texts},
    printable::printable,
};

/// The name of a host's credential.
const NAME: &str = "token";

/// Answers one request.
pub fn answer(context: &Context, words: Vec<OsString>) -> Result<i32, Failure> {
    let usage = || {
        Failure::Usage(
            "the words after secrets helper terraform must be get, store or forget, and a HOST".into(),
        )
    };
    let words: Vec<_> =
        words.into_iter().map(OsString::into_string).collect::<Result<_, _>>().map_err(|_| usage())?;
    let [verb, host] = <[String; 2]>::try_from(words).map_err(|_| usage())?;
    if host.is_empty() {
        return Err(usage());
    }
    let service = format!("terraform:{host}");
    let credentials = Credentials(context);
    match &*verb {
        "get" => {
            let Some(token) = credentials.get(&service, NAME)? else {
                context.output.write(b"{}\n")?;
                return Ok(crate::exit_codes::SUCCESS);
            };
            let text = str::from_utf8(token.expose()).ok().filter(|text| is_token(text)).ok_or_else(|| {
                let host = printable(&host);
                Failure::Refused(
                    format!(
                        "the stored token of {host} has a space, a line break or a character beyond ASCII. Store another \
                         with secrets set --service terraform:{host} {NAME}"
                    )
                    .into(),
                )
            })?;
            let mut answer = object_of_texts(&[(NAME, text)], 1);
            answer.push(b'\n');
            context.output.write(&answer)?;
        }
        "store" => {
            let input = read_input(None)?;
            let token = parse_credentials(&input).map_err(|reason| Failure::Refused(reason.into()))?;
            credentials.set(&service, NAME, token)?;
        }
        // A host without a credential is what it should be afterwards.
        "forget" => drop(credentials.delete(&service, NAME)?),
        _ => return Err(usage()),
    }
    Ok(crate::exit_codes::SUCCESS)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && is_visible(text.as_bytes())
}

/// The token of the credentials that the client stores.
fn parse_credentials(input: &[u8]) -> Result<Secret, &'static str> {
    let document = Document::parse(Path::new(""), input)
        .map_err(|_| "the credentials on standard input are not a JSON object. Nothing was stored")?;
    // The documentation demands an error in place of credentials that are stored in part.
    if document.members().any(|(name, _)| name.as_deref() != Some(NAME)) {
        return Err(
            "the credentials have more than a token, and only a token can be kept. Nothing was stored",
        );
    }
    let token = document.field(NAME).and_then(|field| field.text());
    token
        .filter(|token| str::from_utf8(token.expose()).is_ok_and(is_token))
        .ok_or("the credentials have no token of visible characters. Nothing was stored")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_that_are_one_token_are_stored() {
        let token = parse_credentials(b"{\"token\": \"a.b\"}").unwrap();
        assert_eq!(token.expose(), b"a.b");
        for (input, reason) in [
            ("", "not a JSON object"),
            ("[\"hunter2\"]", "not a JSON object"),
            ("{}", "no token"),
            ("{\"token\": null}", "no token"),
            ("{\"token\": \"\"}", "no token"),
            ("{\"token\": \"hunter2\\r\\nx: y\"}", "no token"),
            ("{\"token\": \"a\", \"user\": \"hunter2\"}", "more than a token"),
        ] {
            let told = parse_credentials(input.as_bytes()).unwrap_err();
            assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
        }
    }
}
