//! Examines Credential Manager.

use serde_json::{Value, json};

use super::{Problem, Report, use_file};
use os_secrets::{error::Error, store, store::windows::MAX_BLOB};

/// The advice to use an encrypted file instead.
pub const OTHERWISE: &str =
    "An encrypted file works in every logon session. It is used only if you select it";

pub async fn examine() -> Result<Report, Error> {
    let diagnosis = store::os()?.diagnose().await?;
    let mut problems = Vec::new();
    let mut fail = |what: String, fix| {
        problems.extend([Problem::fatal(what, fix), Problem::note(OTHERWISE, use_file())]);
    };
    match (&diagnosis.reachable, &diagnosis.keeps) {
        (Err(error), _) | (Ok(()), Err(error)) => fail(error.to_string(), "cmdkey /list"),
        (Ok(()), Ok(None)) => fail(
            "This logon session cannot keep credentials (as usual for SSH with a key, and for services)"
                .into(),
            "Log on with a password",
        ),
        (Ok(()), Ok(Some(false))) => problems.push(Problem::note(
            "This logon session keeps credentials only until it ends",
            "Log on with a password",
        )),
        (Ok(()), Ok(Some(true))) => {}
    }
    let persistent = match diagnosis.keeps {
        Ok(keeps) => json!(keeps == Some(true)),
        Err(_) => Value::Null,
    };
    let properties = vec![
        ("store", json!("Credential Manager")),
        ("reachable", json!(diagnosis.reachable.is_ok())),
        ("writable", json!(diagnosis.reachable.is_ok() && matches!(diagnosis.keeps, Ok(Some(_))))),
        ("persistent", persistent),
        ("largest", json!(MAX_BLOB)),
    ];
    Ok(Report { properties, problems })
}
