//! Bazel: a credential helper.
//!
//! The program gets `get`, and on standard input a JSON object with the URI that Bazel wants to read. It prints a JSON
//! object with the headers for the request (EngFlow's credential helper specification, which Bazel follows).

use std::{ffi::OsString, path::Path};

use zeroize::Zeroizing;

use super::{Credentials, address::ServerAddress, parts::is_visible};
use crate::{context::Context, failure::Failure, output::read_input};
use os_secrets::{
    credential::Secret,
    json::{Document, array_of_texts},
    printable::printable,
};

/// The name of a host's credential.
const NAME: &str = "token";
/// What stands before the token in the header.
const SCHEME: &[u8] = b"Bearer ";
/// The answer if there is no token for the URI.
const NO_HEADERS: &[u8] = b"{\"headers\":{}}\n";

/// Answers one request.
pub fn answer(context: &Context, words: Vec<OsString>) -> Result<i32, Failure> {
    if words != ["get"] {
        return Err(Failure::Usage("the word after secrets helper bazel must be get".into()));
    }
    let input = read_input(None)?;
    let address = parse_request(&input).map_err(|reason| Failure::Refused(reason.into()))?;
    // Bazel asks for every URI, also for those that need no token.
    if !address.is_safe() {
        context.output.write(NO_HEADERS)?;
        return Ok(crate::exit_codes::SUCCESS);
    }
    let service = format!("bazel:{}", address.host);
    match Credentials(context).get(&service, NAME)? {
        None => context.output.write(NO_HEADERS)?,
        Some(token) if token.expose().is_empty() || !is_visible(token.expose()) => {
            let service = printable(&service);
            return Err(Failure::Refused(
                format!(
                    "the stored token of {service} has a space, a line break or a character beyond ASCII. Store another \
                     with secrets set --service {service} {NAME}"
                )
                .into(),
            ));
        }
        Some(token) => context.output.write(&spell(&token))?,
    }
    Ok(crate::exit_codes::SUCCESS)
}

/// The server in Bazel's request.
fn parse_request(input: &[u8]) -> Result<ServerAddress, &'static str> {
    let document = Document::parse(Path::new(""), input)
        .map_err(|_| "the request on standard input is not a JSON object")?;
    let uri = document.field("uri").and_then(|field| field.text()).ok_or("the request has no uri")?;
    let uri = str::from_utf8(uri.expose()).map_err(|_| "the uri is not UTF-8 text")?;
    ServerAddress::parse(uri).ok_or("the uri of the request has no host, or a user in it")
}

/// The answer with a token.
fn spell(token: &Secret) -> Zeroizing<Vec<u8>> {
    let mut header = Zeroizing::new(Vec::with_capacity(SCHEME.len() + token.expose().len()));
    header.extend_from_slice(SCHEME);
    header.extend_from_slice(token.expose());
    // A token has only ASCII.
    let values = array_of_texts(str::from_utf8(&header).into_iter());
    let (start, end) = (b"{\"headers\":{\"Authorization\":", b"}}\n");
    let mut answer = Zeroizing::new(Vec::with_capacity(start.len() + values.len() + end.len()));
    answer.extend_from_slice(start);
    answer.extend_from_slice(&values);
    answer.extend_from_slice(end);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_names_the_server() {
        let host = |input: &str| parse_request(input.as_bytes()).map(|address| address.host);
        assert_eq!(host(r#"{"uri": "https://Example.com:443/a?b"}"#).unwrap(), "example.com");
        assert_eq!(host(r#"{"uri": "https://example.com:8443/", "x": 1}"#).unwrap(), "example.com:8443");
        for input in ["", "[]", "{}", r#"{"uri": 1}"#, r#"{"uri": "x"}"#, r#"{"uri": "https://a@b/"}"#] {
            assert!(host(input).is_err(), "{input}");
        }
        assert_eq!(
            &*spell(&Secret::new(b"a\"b".to_vec())),
            b"{\"headers\":{\"Authorization\":[\"Bearer a\\\"b\"]}}\n"
        );
    }
}
