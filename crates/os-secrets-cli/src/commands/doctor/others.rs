//! Examines the stores that only code can open: memory, and credential helpers.

use std::{io, path::PathBuf};

use serde_json::json;

use super::{Problem, Report};
use os_secrets::{
    error::Error,
    executor::{Lane, Purpose},
    file::{self, shell_word},
    store::{self, settings::StoreKind},
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
    let properties = vec![("store", json!("memory")), ("persistent", json!(false))];
    Report { properties, problems }
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
