//! The AWS CLI and SDKs: `credential_process`.
//!
//! The setting of a profile in `~/.aws/config` names a command, which prints the profile's credentials as JSON of version 1
//! (AWS SDKs and Tools Reference Guide, "Process credential provider"). On a failure, the CLI shows what the command prints
//! on standard error.

use std::ffi::OsString;

use super::{Credentials, parts::StoredParts};
use crate::{context::Context, failure::Failure};
use os_secrets::{credential::Secret, printable::printable};

/// The service of the credentials of AWS. Their names are the profiles.
pub const SERVICE: &str = "aws";
/// The profile if none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// The member with the public part of a key. All members in these constants are stored and printed.
pub const ACCESS_KEY_ID: &str = "AccessKeyId";
/// The member with the secret part of a key.
pub const SECRET_ACCESS_KEY: &str = "SecretAccessKey";
/// The member with the token that belongs to a temporary key.
pub const SESSION_TOKEN: &str = "SessionToken";
const EXPIRATION: &str = "Expiration";
const ACCOUNT_ID: &str = "AccountId";

/// Prints the credentials of a profile.
pub fn answer(context: &Context, words: Vec<OsString>) -> Result<i32, Failure> {
    let profile = parse_profile(words)?;
    let shown = printable(&profile);
    let store = format!("secrets set --service {SERVICE} {shown}");
    let value = Credentials(context).get(SERVICE, &profile)?.ok_or_else(|| {
        let message = format!("there are no AWS credentials of the profile {shown}. Store them with {store}");
        Failure::Refused(message.into())
    })?;
    let parts = check(&value).map_err(|reason| {
        let message = format!(
            "the stored AWS credentials of the profile {shown} cannot be used: {reason}. Store others with {store}"
        );
        Failure::Refused(message.into())
    })?;
    let parts = parts.spell();
    let mut answer = zeroize::Zeroizing::new(Vec::with_capacity(parts.expose().len() + 16));
    answer.extend_from_slice(b"{\"Version\":1");
    answer.extend_from_slice(parts.expose());
    answer.extend_from_slice(b"}\n");
    context.output.write(&answer)?;
    Ok(crate::exit_codes::SUCCESS)
}

/// Parses and checks a stored value.
fn check(value: &Secret) -> Result<StoredParts, String> {
    let names = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, EXPIRATION, ACCOUNT_ID];
    let parts = StoredParts::parse(value, &names)?;
    for name in [ACCESS_KEY_ID, SECRET_ACCESS_KEY] {
        if parts.get(name).is_none() {
            return Err(format!("{name} is missing"));
        }
    }
    names.iter().try_for_each(|name| parts.check_visible(name))?;
    // An SDK would take it, and fail at the next request with a message about signatures.
    parts.check_not_expired(EXPIRATION)?;
    Ok(parts)
}

fn parse_profile(words: Vec<OsString>) -> Result<String, Failure> {
    let usage =
        || Failure::Usage("the words after secrets helper aws must be --profile PROFILE, or none".into());
    let words: Vec<_> =
        words.into_iter().map(OsString::into_string).collect::<Result<_, _>>().map_err(|_| usage())?;
    let profile = match &*words {
        [] => DEFAULT_PROFILE,
        [flag, profile] if flag == "--profile" => profile,
        [word] => word.strip_prefix("--profile=").ok_or_else(usage)?,
        _ => return Err(usage()),
    };
    if profile.is_empty() { Err(usage()) } else { Ok(profile.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_sdk_cannot_use_is_refused_without_showing_it() {
        let told = |text: &str| check(&Secret::new(text.as_bytes().to_vec())).map(drop);
        let keys = r#""AccessKeyId": "AKIA1", "SecretAccessKey": "hunter2""#;
        assert_eq!(told(&format!("{{{keys}}}")), Ok(()));
        assert_eq!(told(&format!("{{{keys}, \"Version\": 1, \"SessionToken\": null}}")), Ok(()));
        for (text, reason) in [
            ("hunter2".to_owned(), "not a JSON object"),
            ("{\"AccessKeyId\": \"hunter2\"}".into(), "SecretAccessKey is missing"),
            ("{\"SecretAccessKey\": \"hunter2\"}".into(), "AccessKeyId is missing"),
            (format!("{{{keys}, \"SessionToken\": \"hunter2\\r\\nx: y\"}}"), "SessionToken has a space"),
            (format!("{{{keys}, \"SessionToken\": 5}}"), "SessionToken is not a text"),
            (format!("{{{keys}, \"Expiration\": \"hunter2\"}}"), "Expiration is not a time"),
            (format!("{{{keys}, \"Expiration\": \"2001-01-01T00:00:00Z\"}}"), "they expired at 2001-01-01"),
        ] {
            let told = told(&text).unwrap_err();
            assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn the_profile_follows_its_flag() {
        let parse = |words: &[&str]| parse_profile(words.iter().map(OsString::from).collect()).ok();
        assert_eq!(parse(&[]).as_deref(), Some("default"));
        assert_eq!(parse(&["--profile", "a b"]).as_deref(), Some("a b"));
        assert_eq!(parse(&["--profile=work"]).as_deref(), Some("work"));
        for wrong in
            [&["--profile"][..], &["--profile="], &["--profile", ""], &["work"], &["--profile", "a", "b"]]
        {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
