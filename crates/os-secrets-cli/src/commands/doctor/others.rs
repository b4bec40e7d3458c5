//! Examines the stores that only code can open: memory, and credential helpers.

use std::{io, path::PathBuf};

use serde_json::json;

use super::{Problem, Report};
use os_secrets::{
    error::{Error, Reason},
    executor::{Lane, Purpose},
    file::{self, shell_word},
    store::{self, settings::StoreKind, vault::VaultStore},
};

pub fn examine_memory() -> Report {
    // A program may also have chosen memory in its code.
    let fix = match store::settings().kind {
        Ok(StoreKind::Memory) => "Unset OS_SECRETS_PROVIDER, or name another provider, except in tests",
        _ => "Name another provider, except in tests",
    };
    let problems = vec![Problem::note(
        "The credentials are in the memory of this process only. They are lost when it ends",
        fix,
    )];
    let properties =
        vec![("store", json!("memory")), ("writable", json!(true)), ("persistent", json!(false))];
    Report { properties, problems }
}

/// Asks the server for its mount, which it shows only to a token that may use it.
pub async fn examine_vault(vault: &VaultStore) -> Result<Report, Error> {
    let (address, place) = vault.place_of_secrets()?;
    let mut properties =
        vec![("store", json!("Vault or OpenBao")), ("address", json!(address)), ("place", json!(place))];
    match vault.examine().await {
        Ok(version) => {
            properties.push(("reachable", json!(true)));
            properties.push(("kvVersion", json!(version)));
            // Each path has its own policies.
            properties.push(("writable", json!(null)));
            Ok(Report { properties, problems: Vec::new() })
        }
        Err(error) => {
            let is_reachable = match error.reason() {
                Reason::Unreachable | Reason::Timeout | Reason::Untrusted => Some(false),
                // It was not asked.
                Reason::InvalidSetting => None,
                _ => Some(true),
            };
            properties.push(("reachable", json!(is_reachable)));
            properties.push(("writable", json!(false)));
            let text = error.to_string();
            let (what, fix) = text.rsplit_once(". ").unwrap_or((&text, "Check the settings"));
            Ok(Report { properties, problems: vec![Problem::fatal(what, fix.to_owned())] })
        }
    }
}

/// A store of the program's own code, which is not called.
pub fn examine_custom() -> Report {
    Report {
        properties: vec![("store", json!("custom provider")), ("writable", json!(null))],
        problems: Vec::new(),
    }
}

/// Looks for the program, and does not run it: a helper may ask the user whatever it is told to do.
pub async fn examine_helper(command: PathBuf) -> Result<Report, Error> {
    let path = command.clone();
    let found = Lane::for_file(&command, Purpose::Start).run(move || Ok(check_program(&path))).await?;
    let list = if cfg!(windows) { "dir" } else { "ls -la" };
    let problems = match &found {
        Ok(()) => Vec::new(),
        Err(error) => vec![Problem::fatal(
            file::failure("Cannot run", &command, io::Error::new(error.kind(), error.to_string()))
                .to_string(),
            format!("{list} {}", shell_word(&command)),
        )],
    };
    let properties = vec![
        ("store", json!("helper program")),
        ("command", json!(command.to_string_lossy())),
        ("reachable", json!(found.is_ok())),
        // Only the program knows.
        ("writable", json!(found.err().map(|_| false))),
    ];
    Ok(Report { properties, problems })
}

fn check_program(path: &std::path::Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    #[cfg(unix)]
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK)?;
    Ok(())
}
