//! Examines the `datapackage.json` of the workspace, whose secrets come before the user's.

use std::path::Path;

use serde_json::{Value, json};

use super::{Problem, Report};
use crate::context::Context;
use os_secrets::{
    environment::absolute_path, error::Error, printable::printable_path, program::command_line,
    progress::Progress, scope::Scope,
};

/// Adds the repository to a report. If it cannot be used, commands fail that look for a secret in both scopes, as they do
/// by default.
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
            let what = format!("The repository cannot be used. {error}");
            report.problems.push(Problem::fatal(what, find_fix(&error, &path)));
        }
    }
}

fn find_fix(error: &Error, path: &Path) -> String {
    match error {
        // A link has led to another file. That may be one that the user should not change.
        Error::Untrusted { path: found, advice, command, .. } if found != path => {
            format!("{advice}: {command}")
        }
        Error::Untrusted { command, .. } => command.clone(),
        Error::InvalidFile { path, .. } => {
            format!("Correct {}, or use --scope user, which does not read it", printable_path(path))
        }
        _ => format!("Make {} a file that you can read, or use --scope user", printable_path(path)),
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
