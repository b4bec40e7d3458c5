//! What a stored credential of git holds.

use std::{path::Path, str};

use os_secrets::{
    credential::Secret,
    json::{Document, object_of_texts},
};

/// The parts of a credential, each as git sends it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Parts {
    /// The password.
    pub password: Option<Secret>,
    /// The HTTP authentication scheme, such as `Bearer`.
    pub authtype: Option<Secret>,
    /// The credential of that scheme.
    pub credential: Option<Secret>,
    /// When the password expires, in seconds since 1970.
    pub password_expiry_utc: Option<u64>,
    /// The OAuth refresh token that belongs to the password.
    pub oauth_refresh_token: Option<Secret>,
}

/// The members of the JSON object, which are named as git's attributes.
const PASSWORD: &str = "password";
const AUTHTYPE: &str = "authtype";
const CREDENTIAL: &str = "credential";
const EXPIRY: &str = "password_expiry_utc";
const REFRESH_TOKEN: &str = "oauth_refresh_token";

impl Parts {
    /// Only a password.
    pub fn of_password(password: Secret) -> Self {
        Self { password: Some(password), ..Self::default() }
    }

    /// Parses a stored value.
    ///
    /// The value is the bare password, unless it is a JSON object with the member `password` or `credential`. Such an
    /// object holds the parts as texts under the names of git's attributes. Other members are ignored.
    ///
    /// # Errors
    ///
    /// What is wrong with the object, in words that follow "it".
    pub fn parse(value: Secret) -> Result<Self, &'static str> {
        let Some(object) = value.expose().starts_with(b"{").then_some(value.expose()) else {
            return Ok(Self::of_password(value));
        };
        let is_ours = |document: &Document<'_>| {
            [PASSWORD, CREDENTIAL].iter().any(|name| document.field(name).is_some())
        };
        let Some(document) = Document::parse(Path::new(""), object).ok().filter(is_ours) else {
            return Ok(Self::of_password(value));
        };
        let text = |name| match document.field(name) {
            Some(field) => field.text().map(Some).ok_or("has a member that is not a text"),
            None => Ok(None),
        };
        let parts = Self {
            password: text(PASSWORD)?,
            authtype: text(AUTHTYPE)?,
            credential: text(CREDENTIAL)?,
            password_expiry_utc: match text(EXPIRY)? {
                Some(expiry) => Some(parse_number(expiry.expose()).ok_or("has a wrong password_expiry_utc")?),
                None => None,
            },
            oauth_refresh_token: text(REFRESH_TOKEN)?,
        };
        match (&parts.credential, &parts.authtype) {
            (Some(_), None) => Err("has the member credential, but not authtype"),
            _ => Ok(parts),
        }
    }

    /// The value to store: the bare password if there is nothing else, and JSON otherwise. A password that is empty or
    /// starts with a brace is always stored as JSON, because some stores do not keep empty values, and because
    /// [`parse`](Self::parse) could take the password for JSON.
    ///
    /// # Errors
    ///
    /// A part that must be JSON is not UTF-8 text, in words that follow "git's credential".
    pub fn spell(&self) -> Result<Secret, &'static str> {
        if let Self { password: Some(password), .. } = self
            && *self == Self::of_password(password.clone())
            && !matches!(password.expose().first(), None | Some(b'{'))
        {
            return Ok(password.clone());
        }
        let expiry = self.password_expiry_utc.map(|expiry| expiry.to_string());
        let texts = [
            (PASSWORD, &self.password),
            (AUTHTYPE, &self.authtype),
            (CREDENTIAL, &self.credential),
            (REFRESH_TOKEN, &self.oauth_refresh_token),
        ];
        let mut members = Vec::new();
        for (name, text) in texts {
            if let Some(text) = text {
                members.push((name, str::from_utf8(text.expose()).map_err(|_| "is not UTF-8 text")?));
            }
        }
        members.extend(expiry.as_deref().map(|expiry| (EXPIRY, expiry)));
        Ok(Secret::new(std::mem::take(&mut *object_of_texts(&members, 0))))
    }

    /// Whether the parts are no longer valid at a time, in seconds since 1970.
    pub fn is_expired(&self, now: u64) -> bool {
        self.password_expiry_utc.is_some_and(|expiry| expiry < now)
    }

    /// Whether these are the parts that git means: a password or credential that it names is the same.
    pub fn matches(&self, named: &Self) -> bool {
        (named.password.is_none() || named.password == self.password)
            && (named.credential.is_none() || named.credential == self.credential)
    }

    /// Adds what git did not send about the same password or credential: an older git forgets what it does not know.
    #[must_use]
    pub fn completed_by(self, stored: Self) -> Self {
        if !stored.matches(&self) {
            return self;
        }
        Self {
            password: self.password.or(stored.password),
            authtype: self.authtype.or(stored.authtype),
            credential: self.credential.or(stored.credential),
            password_expiry_utc: self.password_expiry_utc.or(stored.password_expiry_utc),
            oauth_refresh_token: self.oauth_refresh_token.or(stored.oauth_refresh_token),
        }
    }
}

/// A number of seconds in decimal digits.
pub fn parse_number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    fn parse(text: &str) -> Result<Parts, &'static str> {
        Parts::parse(secret(text))
    }

    #[test]
    fn a_bare_password_stays_bare() {
        let parts = Parts::of_password(secret("hunter2"));
        assert_eq!(parts.spell(), Ok(secret("hunter2")));
        assert_eq!(parse("hunter2"), Ok(parts));
    }

    #[test]
    fn passwords_that_look_like_json_are_kept_apart() {
        for password in ["", "{", "{}", "{\"password\":\"x\"}", "{\"a\":1}", "{\"credential\":\"x\"}"] {
            let parts = Parts::of_password(secret(password));
            let spelled = parts.spell().unwrap();
            assert_ne!(spelled, secret(password));
            assert_eq!(Parts::parse(spelled), Ok(parts));
        }
        // Those that were stored with secrets set, if they cannot be ours.
        for bare in ["{", "{}", "{\"a\":1}", " {\"password\":\"x\"}", "{\"password\":\"x\"", "[]", "null"] {
            assert_eq!(parse(bare), Ok(Parts::of_password(secret(bare))), "{bare}");
        }
        // Bytes that are not text can only be a bare password.
        let bytes = Parts::of_password(Secret::new(vec![0xff]));
        assert_eq!(bytes.spell(), Ok(Secret::new(vec![0xff])));
        assert!(Parts { password_expiry_utc: Some(1), ..bytes }.spell().is_err());
    }

    #[test]
    fn all_parts_are_read_as_they_were_stored() {
        let parts = Parts {
            password: Some(secret("p\"\\\u{e9}")),
            authtype: Some(secret("Bearer")),
            credential: Some(secret("c")),
            password_expiry_utc: Some(u64::MAX),
            oauth_refresh_token: Some(secret("t")),
        };
        assert_eq!(Parts::parse(parts.spell().unwrap()), Ok(parts));
    }

    #[test]
    fn a_damaged_object_is_no_password() {
        for damaged in [
            "{\"password\":1}",
            "{\"password\":null}",
            "{\"password\":\"x\",\"password_expiry_utc\":1}",
            "{\"password\":\"x\",\"password_expiry_utc\":\"-1\"}",
            "{\"password\":\"x\",\"oauth_refresh_token\":[]}",
            "{\"credential\":\"x\"}",
        ] {
            assert!(parse(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn what_git_does_not_send_is_kept_only_with_the_same_password() {
        let stored = Parts {
            oauth_refresh_token: Some(secret("t")),
            password_expiry_utc: Some(5),
            ..Parts::of_password(secret("p"))
        };
        let sent = |password| Parts::of_password(secret(password)).completed_by(stored.clone());
        assert_eq!(sent("p"), stored);
        assert_eq!(sent("q"), Parts::of_password(secret("q")));
    }
}
