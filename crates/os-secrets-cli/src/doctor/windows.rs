//! Credential Manager, examined.

use serde_json::{Value, json};

use super::{Problem, Report, works};
use crate::Failure;
use os_secrets::{executor::block_on, store, store::windows::MAX_BLOB};

const OTHERWISE: &str = "An encrypted file needs no logon session; it is used where it is named";
const FILE: &str = "Run: secrets init, and set the variable OS_SECRETS_PROVIDER to file";

/// Examines the operating system's store.
pub fn examine() -> Result<Report, Failure> {
    let store = store::os()?;
    let diagnosis = block_on(async { store.diagnose().await })??;
    let mut problems = Vec::new();
    let mut fail = |what: String, mend: &'static str| {
        problems.push(Problem { what, mend: mend.into(), fatal: true });
        problems.push(Problem { what: OTHERWISE.into(), mend: FILE.into(), fatal: false });
    };
    match (&diagnosis.reachable, &diagnosis.keeps) {
        (Err(error), _) | (Ok(()), Err(error)) => fail(error.to_string(), "cmdkey /list"),
        (Ok(()), Ok(None)) => fail(
            "This logon session keeps no credentials, as one over the network (SSH with a key) or of a service"
                .into(),
            "Log on with a password",
        ),
        (Ok(()), Ok(Some(false))) => problems.push(Problem {
            what: "This logon session keeps credentials until it ends, and no longer".into(),
            mend: "Log on with a password".into(),
            fatal: false,
        }),
        (Ok(()), Ok(Some(true))) => {}
    }
    let persistent = match diagnosis.keeps {
        Ok(keeps) => json!(keeps == Some(true)),
        Err(_) => Value::Null,
    };
    let facts = vec![
        ("works", json!(works(&problems))),
        ("store", json!("Credential Manager")),
        ("reachable", json!(diagnosis.reachable.is_ok())),
        ("persistent", persistent),
        ("largest", json!(MAX_BLOB)),
    ];
    Ok(Report { facts, problems })
}
