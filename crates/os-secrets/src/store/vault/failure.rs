//! The meaning of an answer's status and errors.

use super::client::Answer;
use crate::error::{Code, Reason};

/// The code, the reason and the message of a failure.
pub type Failed = (Code, Reason, String);

/// The meaning of an answer.
pub enum Status {
    /// It is done.
    Done,
    /// There is no such secret.
    Missing,
    /// A check-and-set has failed, or is required.
    Conflict,
    /// The token is not valid, or its policies do not allow it.
    Denied(Failed),
    /// The server refuses it for good.
    Failed(Failed),
}

impl Status {
    /// The meaning of an answer to a request with a method, for which [`retry`](Self::retry) has no failure.
    pub fn of(answer: &Answer, method: &str) -> Self {
        if let 200..=299 = answer.status {
            return Self::Done;
        }
        let errors = errors_of(answer);
        let has = |text: &str| errors.iter().flatten().any(|error| error.contains(text));
        let failed = |code, reason, advice: &str| {
            Self::Failed((code, reason, format!("{}. {advice}", describe_errors(answer))))
        };
        match answer.status {
            403 => {
                let advice = "Give the token a policy that allows it";
                let message = format!("{}. {advice}", describe_errors(answer));
                Self::Denied((Code::AccessDenied, Reason::Denied, message))
            }
            400 if has("check-and-set") => Self::Conflict,
            _ if is_too_large(answer) => failed(
                Code::TooLarge,
                Reason::TooLarge,
                "Nothing was changed. Store the data elsewhere, and only its key here",
            ),
            404 if has("no handler for route") || has("unsupported path") => {
                failed(Code::PlatformError, Reason::NoMount, "Correct the mount or the namespace")
            }
            // A proxy's page is no answer of the server, which gives no reason. To PATCH, it answers without a body.
            404 if errors.as_ref().is_some_and(Vec::is_empty)
                || (method == "PATCH" && answer.body.is_empty()) =>
            {
                Self::Missing
            }
            404 if warns(answer) => failed(
                Code::PlatformError,
                Reason::NoMount,
                "The mount has another version than before. Try again, or correct the mount",
            ),
            404 => failed(
                Code::PlatformError,
                Reason::Failed,
                "This is not an answer of Vault or OpenBao. Correct the address",
            ),
            _ => failed(Code::PlatformError, Reason::Failed, "Check the server's log"),
        }
    }

    /// Why the request should be sent again, if it should.
    pub fn retry(answer: &Answer) -> Option<Failed> {
        if !matches!(answer.status, 412 | 429 | 500 | 502..=599) || is_too_large(answer) {
            return None;
        }
        let message = describe_errors(answer);
        let (reason, advice) = match answer.status {
            503 if message.contains("sealed") => (Reason::Sealed, "Unseal the server"),
            429 => (Reason::Failed, "The server limits the number of requests. Try again later"),
            _ => (Reason::Failed, "Check the server, then try again"),
        };
        Some((Code::PlatformError, reason, format!("{message}. {advice}")))
    }
}

/// Whether the server has refused a request before it has looked at it.
pub fn was_not_begun(answer: &Answer, reason: Reason) -> bool {
    matches!(answer.status, 412 | 429) || reason == Reason::Sealed
}

/// Whether the answer has warnings, such as that the path is not one of a versioned secrets engine.
fn warns(answer: &Answer) -> bool {
    let answer: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    answer.is_some_and(|answer| answer.get("warnings").is_some_and(serde_json::Value::is_array))
}

fn is_too_large(answer: &Answer) -> bool {
    let says_so = |error: &String| error.contains("too large");
    answer.status == 413
        || (matches!(answer.status, 400 | 500) && errors_of(answer).iter().flatten().any(says_so))
}

/// The member `errors` of an answer, also if it is empty. `None` if the answer is not one of the server.
fn errors_of(answer: &Answer) -> Option<Vec<String>> {
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    match answer.get("errors") {
        Some(errors) => errors.as_array()?.iter().map(|error| error.as_str().map(str::to_owned)).collect(),
        // What is left of a secret that was deleted: for a read, and for a change.
        None => {
            let data = answer.get("data")?;
            let is_version = data.get("metadata").is_some_and(|found| found.is_object());
            (is_version || data.get("version").is_some_and(|found| found.is_number())).then(Vec::new)
        }
    }
}

/// The errors of an answer, for a message.
pub fn describe_errors(answer: &Answer) -> String {
    let text = errors_of(answer).unwrap_or_default().join("; ");
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.trim_end_matches('.') {
        "" => format!("status {}", answer.status),
        text => format!("{text} (status {})", answer.status),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, location: None, body: Zeroizing::new(body.as_bytes().to_vec()) }
    }

    fn failed(status: u16, body: &str) -> (Code, Reason) {
        match Status::of(&answer(status, body), "GET") {
            Status::Failed((code, reason, _)) | Status::Denied((code, reason, _)) => (code, reason),
            _ => panic!("{status} {body}"),
        }
    }

    #[test]
    fn only_the_server_itself_says_that_a_secret_is_missing() {
        let deleted = r#"{"data":{"data":null,"metadata":{"version":2}}}"#;
        let destroyed = r#"{"data":{"destroyed":true,"version":2}}"#;
        for body in [r#"{"errors":[]}"#, deleted, destroyed] {
            assert!(matches!(Status::of(&answer(404, body), "GET"), Status::Missing), "{body}");
        }
        assert!(matches!(Status::of(&answer(404, ""), "PATCH"), Status::Missing));
        let gateway = [r#"{"errors":["Not Found"]}"#, r#"{"errors":[{"code":404}]}"#];
        for body in ["", "<html>404</html>", "{}", "[]", r#"{"errors":"x"}"#].iter().chain(&gateway) {
            assert_eq!(failed(404, body), (Code::PlatformError, Reason::Failed), "{body}");
        }
        let other_version = r#"{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine"]}"#;
        assert_eq!(failed(404, other_version), (Code::PlatformError, Reason::NoMount));
        let no_mount = r#"{"errors":["no handler for route \"kv/data/a\". route entry not found."]}"#;
        assert_eq!(failed(404, no_mount), (Code::PlatformError, Reason::NoMount));
    }

    #[test]
    fn a_failure_that_may_pass_is_tried_again() {
        let sealed = Status::retry(&answer(503, r#"{"errors":["Vault is sealed"]}"#)).unwrap();
        assert_eq!(sealed.1, Reason::Sealed);
        for status in [412, 429, 500, 502, 503, 504, 507, 522] {
            assert!(Status::retry(&answer(status, "")).is_some(), "{status}");
        }
        for status in [200, 204, 400, 403, 404, 405, 413, 501] {
            assert!(Status::retry(&answer(status, "")).is_none(), "{status}");
        }
        let too_large = r#"{"errors":["put failed due to value being too large; got 2097152 bytes, max: 1048576 bytes"]}"#;
        assert!(Status::retry(&answer(500, too_large)).is_none());
        assert_eq!(failed(500, too_large), (Code::TooLarge, Reason::TooLarge));
        assert_eq!(failed(413, ""), (Code::TooLarge, Reason::TooLarge));
    }

    #[test]
    fn a_lost_race_is_told_from_other_refusals() {
        let lost = r#"{"errors":["check-and-set parameter did not match the current version"]}"#;
        assert!(matches!(Status::of(&answer(400, lost), "POST"), Status::Conflict));
        assert_eq!(failed(400, r#"{"errors":["x"]}"#), (Code::PlatformError, Reason::Failed));
        assert_eq!(failed(403, r#"{"errors":["permission denied"]}"#), (Code::AccessDenied, Reason::Denied));
    }

    #[test]
    fn a_message_is_one_line() {
        let message = describe_errors(&answer(400, r#"{"errors":["a\nb\n\t* c","d."]}"#));
        assert_eq!(message, "a b * c; d (status 400)");
    }
}
