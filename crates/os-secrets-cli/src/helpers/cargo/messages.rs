//! The requests of cargo, and the answers to them.

use serde_json::json;
use zeroize::Zeroizing;

use os_secrets::{
    credential::Secret,
    json::{Document, object_of_texts},
};

/// The first line, which says which versions of the protocol are spoken.
pub const HELLO: &[u8] = b"{\"v\":[1]}\n";

/// A request.
pub struct CargoRequest {
    /// The registry that it is about.
    pub registry: Registry,
    /// What cargo wants.
    pub kind: RequestKind,
    /// The arguments in cargo's configuration, and those of `cargo login`.
    pub args: Vec<String>,
}

/// A registry.
pub struct Registry {
    /// The URL of its index.
    pub index: String,
    /// Its name in cargo's configuration.
    pub name: Option<String>,
}

impl Registry {
    /// Whether the index is a URL: all that cargo sends are.
    pub fn is_url(&self) -> bool {
        self.index.contains("://") && self.index.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

/// What cargo wants.
pub enum RequestKind {
    /// The token, for any operation.
    Get,
    /// Store this token. Without one, the user is asked for it.
    Login {
        /// The token.
        token: Option<Secret>,
        /// Where the user can get a token.
        login_url: Option<String>,
    },
    /// Delete the token.
    Logout,
    /// Something that another version of cargo can ask for.
    Unknown,
}

impl CargoRequest {
    /// Parses a line.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the user. It has no part of the line.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let invalid = || {
            "cargo has sent something that is no request of version 1 of its protocol. Install a newer os-secrets"
                .to_owned()
        };
        let document = Document::parse("the request".as_ref(), line).map_err(|_| invalid())?;
        let field_text = |members: &[&str], name| {
            let text = document.text(members, name).map_err(|_| invalid())?;
            text.map(into_string).transpose().map_err(|()| invalid())
        };
        if document.is_number("v", 1.0) != Ok(Some(true)) {
            return Err(invalid());
        }
        let kind = match field_text(&[], "kind")?.ok_or_else(invalid)?.as_str() {
            "get" => RequestKind::Get,
            "login" => RequestKind::Login {
                // cargo sends null for no token.
                token: match document.field("token") {
                    Some(field) if field.is_null() => None,
                    _ => document.text(&[], "token").map_err(|_| invalid())?,
                },
                login_url: match document.field("login-url") {
                    Some(field) if field.is_null() => None,
                    _ => field_text(&[], "login-url")?,
                },
            },
            "logout" => RequestKind::Logout,
            _ => RequestKind::Unknown,
        };
        Ok(Self {
            registry: Registry {
                index: field_text(&["registry"], "index-url")?.ok_or_else(invalid)?,
                // It is only shown.
                name: field_text(&["registry"], "name").ok().flatten(),
            },
            kind,
            args: match document.field("args") {
                Some(args) => args.texts().ok_or_else(invalid)?,
                None => Vec::new(),
            },
        })
    }
}

fn into_string(text: Secret) -> Result<String, ()> {
    str::from_utf8(text.expose()).map(str::to_owned).map_err(|_| ())
}

/// An answer.
pub enum Answer {
    /// This is the token.
    Get(Secret),
    /// The token was stored.
    Login,
    /// The token was deleted.
    Logout,
    /// There is no token. cargo asks the next provider.
    NotFound,
    /// The index is no URL. cargo asks the next provider.
    UrlNotSupported,
    /// The request is not known.
    OperationNotSupported,
    /// It failed. cargo asks no other provider, and shows the message.
    Other(String),
}

impl Answer {
    /// The line to send.
    pub fn to_line(&self) -> Zeroizing<Vec<u8>> {
        let value = match self {
            Self::Get(token) => return get_line(token),
            Self::Login => json!({ "Ok": { "kind": "login" } }),
            Self::Logout => json!({ "Ok": { "kind": "logout" } }),
            Self::NotFound => json!({ "Err": { "kind": "not-found" } }),
            Self::UrlNotSupported => json!({ "Err": { "kind": "url-not-supported" } }),
            Self::OperationNotSupported => json!({ "Err": { "kind": "operation-not-supported" } }),
            Self::Other(message) => {
                json!({ "Err": { "kind": "other", "message": message, "caused-by": [] } })
            }
        };
        Zeroizing::new(format!("{value}\n").into_bytes())
    }
}

/// The answer with a token. cargo may keep it until it ends, and use it for everything that it does with the registry.
fn get_line(token: &Secret) -> Zeroizing<Vec<u8>> {
    const START: &[u8] = b"{\"Ok\":";
    const END: &[u8] = b",\"operation_independent\":true}}\n";
    // What is not ASCII was refused before.
    let token = str::from_utf8(token.expose()).unwrap_or_default();
    let object = object_of_texts(&[("kind", "get"), ("token", token), ("cache", "session")], 0);
    let mut line = Zeroizing::new(Vec::with_capacity(START.len() + object.len() + END.len()));
    line.extend_from_slice(START);
    line.extend_from_slice(&object[..object.len() - 1]);
    line.extend_from_slice(END);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> &'static str {
        match CargoRequest::parse(line.as_bytes()).map(|request| request.kind) {
            Ok(RequestKind::Get) => "get",
            Ok(RequestKind::Login { token: Some(_), .. }) => "login with a token",
            Ok(RequestKind::Login { .. }) => "login",
            Ok(RequestKind::Logout) => "logout",
            Ok(RequestKind::Unknown) => "unknown",
            Err(_) => "invalid",
        }
    }

    #[test]
    fn requests_are_parsed() {
        let registry = r#""v":1,"registry":{"index-url":"sparse+https://a/","name":"a","headers":["x"]}"#;
        for (members, expected) in [
            (r#","kind":"get","operation":"read","args":["--a","b"],"new":{}"#, "get"),
            (r#","kind":"get","operation":"what comes later""#, "get"),
            (r#","kind":"login","token":"t","login-url":"https://a/me""#, "login with a token"),
            (r#","kind":"login","token":null,"login-url":null"#, "login"),
            (r#","kind":"logout","args":[]"#, "logout"),
            (r#","kind":"refresh""#, "unknown"),
            (r#","kind":1"#, "invalid"),
            (r#","kind":"login","token":["t"]"#, "invalid"),
            (r#","kind":"get","args":[1]"#, "invalid"),
            ("", "invalid"),
        ] {
            assert_eq!(kind(&format!("{{{registry}{members}}}")), expected, "{members}");
        }
        for line in [
            "",
            "[]",
            "{}",
            "{\"v\":1",
            r#"{"v":2,"registry":{"index-url":"a://b"},"kind":"get"}"#,
            r#"{"v":1,"registry":{},"kind":"get"}"#,
            r#"{"v":1,"registry":"a://b","kind":"get"}"#,
        ] {
            assert_eq!(kind(line), "invalid", "{line}");
        }
    }

    #[test]
    fn answers_are_those_of_the_protocol() {
        for (answer, line) in [
            (
                Answer::Get(Secret::new(b"a\"b".to_vec())),
                r#"{"Ok":{"kind":"get","token":"a\"b","cache":"session","operation_independent":true}}"#,
            ),
            (Answer::Login, r#"{"Ok":{"kind":"login"}}"#),
            (Answer::NotFound, r#"{"Err":{"kind":"not-found"}}"#),
            (
                Answer::Other("It\nfailed".into()),
                r#"{"Err":{"caused-by":[],"kind":"other","message":"It\nfailed"}}"#,
            ),
        ] {
            assert_eq!(str::from_utf8(&answer.to_line()).unwrap(), format!("{line}\n"));
        }
    }

    #[test]
    fn an_index_is_a_url() {
        let is_url = |index: &str| Registry { index: index.into(), name: None }.is_url();
        assert!(is_url("sparse+https://index.crates.io/"));
        for index in ["", "crates.io", "https://a/\nb", "https://\u{e9}/", "https://a b/", "a://\0"] {
            assert!(!is_url(index), "{index:?}");
        }
    }
}
