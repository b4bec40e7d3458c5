//! Examines the `datapackage.json` of the workspace, whose secrets come before the user's.

use std::path::Path;

use serde_json::{Value, json};

use super::{Problem, Report};
use crate::context::Context;
use os_secrets::{
    environment::absolute_path, error::Error, file::shell_word, printable::printable_path,
    program::command_line, progress::Progress, scope::Scope,
};

/// Adds the repository to a report. It is never a reason why the store does not work.
pub fn add(context: &Context, report: &mut Report) {
    let path = absolute_path(&context.path(Path::new("datapackage.json")));
    let scopes = context.silent_scopes();
    let listed = context.call(Progress::reading(false), |progress| async move {
        scopes.list(Scope::Repository, &progress).await
    });
    // A link that leads nowhere counts as no file.
    let exists = listed.is_err() || path.exists();
    let property = match &listed {
        _ if !exists => Value::Null,
        Ok(names) => json!({ "path": path.to_string_lossy(), "secrets": names.len() }),
        Err(_) => json!({ "path": path.to_string_lossy(), "secrets": null }),
    };
    report.properties.push(("repository", property));
    match listed {
        Ok(names) if names.is_empty() => {}
        Ok(names) => report.problems.push(Problem::note(
            format!(
                "{} has {}, which {} used before yours in this directory",
                printable_path(&path),
                counted(names.len()),
                if names.len() == 1 { "is" } else { "are" }
            ),
            command_line("list --long"),
        )),
        Err(error) => {
            let fix = match &error {
                Error::Untrusted { command, .. } => command.clone(),
                _ if cfg!(windows) => format!("icacls {}", shell_word(&path)),
                _ => format!("ls -la {}", shell_word(&path)),
            };
            report.problems.push(Problem::note(format!("The repository cannot be used. {error}"), fix));
        }
    }
}

/// The property as text.
pub fn as_text(property: &Value) -> String {
    let path = property["path"].as_str().unwrap_or_default();
    match property["secrets"].as_u64() {
        Some(count) => format!("{path} ({})", counted(count as usize)),
        None => format!("{path} (cannot be used)"),
    }
}

fn counted(secrets: usize) -> String {
    if secrets == 1 { "1 secret".into() } else { format!("{secrets} secrets") }
}
