//! The value of a registry's `Authorization` header, which pnpm's `tokenHelper` prints. See [Authentication
//! settings](https://pnpm.io/npmrc#urltokenhelper).

use std::ffi::OsString;

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{Credentials, cargo::check_token};
use crate::{
    context::Context,
    encoding::base64,
    exit_codes::SUCCESS,
    failure::Failure,
    output::printable,
    plain::npmrc::{TOKEN, USER_AND_PASSWORD, service},
};
use os_secrets::{credential::Secret, error::Error};

/// A registry as npm's files spell it: `//HOST/PATH/`. `None` if the text is no registry.
pub fn registry_key(text: &str) -> Option<String> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = text.strip_prefix("//").unwrap_or(text);
    let rest = rest.trim_end_matches('/');
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-:/@[]+".contains(c);
    (!rest.is_empty() && !rest.starts_with('-') && rest.chars().all(allowed)).then(|| format!("//{rest}/"))
}

/// Prints the header of a registry.
pub fn answer(context: &Context, words: &[OsString]) -> Result<i32, Failure> {
    let registry = match words {
        [registry] => registry.to_str().and_then(registry_key),
        _ => None,
    };
    let registry = registry.ok_or_else(|| {
        Failure::Usage("name the registry, such as secrets helper npm //registry.npmjs.org/".into())
    })?;
    let header = match find_header(&Credentials(context), &service(&registry))? {
        Some(header) => header,
        // The file may spell it without the slash at its end.
        None => find_header(&Credentials(context), &service(registry.trim_end_matches('/')))?.ok_or_else(|| {
            let registry = printable(&registry);
            Failure::Refused(
                format!(
                    "There is no token for {registry}. Store it with secrets set --service npm:{registry} {TOKEN}"
                )
                .into(),
            )
        })?,
    };
    context.output.write(&header)?;
    Ok(SUCCESS)
}

/// The header of a service: its token, else its user and password.
fn find_header(credentials: &Credentials<'_>, service: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    if let Some(token) = credentials.get(service, TOKEN)? {
        return header("Bearer ", &token).map(Some);
    }
    if let Some(both) = credentials.get(service, USER_AND_PASSWORD)? {
        return header("Basic ", &both).map(Some);
    }
    let names = credentials.names(service)?;
    let Some(user) = names.first() else { return Ok(None) };
    if names.len() > 1 {
        return Err(Failure::Refused(
            format!("There are passwords of several users under {}. Delete all but one", printable(service))
                .into(),
        ));
    }
    let Some(password) = credentials.get(service, user)? else { return Ok(None) };
    let invalid = || Failure::Failed(Error::InvalidData);
    // No decoded text is longer.
    let mut decoded = Zeroizing::new(vec![0; password.expose().len() + 3]);
    let length = STANDARD.decode_slice(password.expose(), &mut decoded).map_err(|_| invalid())?;
    let mut pair = Zeroizing::new(Vec::with_capacity(user.len() + 1 + length));
    pair.extend_from_slice(user.as_bytes());
    pair.push(b':');
    pair.extend_from_slice(&decoded[..length]);
    header("Basic ", &base64(&pair)).map(Some)
}

fn header(scheme: &str, value: &Secret) -> Result<Zeroizing<Vec<u8>>, Failure> {
    check_token(value).map_err(|reason| {
        Failure::Refused(format!("The stored token {reason}. Store it again with secrets set").into())
    })?;
    let mut line = Zeroizing::new(Vec::with_capacity(scheme.len() + value.expose().len() + 1));
    line.extend_from_slice(scheme.as_bytes());
    line.extend_from_slice(value.expose());
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_spelled_as_in_the_file() {
        for text in ["//a.b:80/c/", "http://a.b:80/c", "a.b:80/c//"] {
            assert_eq!(registry_key(text).as_deref(), Some("//a.b:80/c/"), "{text}");
        }
        for text in ["", "//", "https:///", "//a b/", "//a'/", "//a/$x", "--x", "//a\n/"] {
            assert_eq!(registry_key(text), None, "{text}");
        }
    }
}
