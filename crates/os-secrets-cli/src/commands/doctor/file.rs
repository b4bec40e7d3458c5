//! Examines an encrypted file.

use std::sync::Arc;

use serde_json::json;

use super::{Problem, Report};
use os_secrets::{
    error::Error,
    file::shell_word,
    printable::printable_path,
    program::{command_line, command_on_file},
    store::file::{FileDiagnosis, FileStore, copy_command, keys::KeySource},
};

/// `start` says from which directory a relative path of the file is taken.
pub async fn examine(store: Arc<FileStore>, start: &str) -> Result<Report, Error> {
    let diagnosis = store.diagnose().await?;
    let mut problems = Vec::new();
    if diagnosis.asks {
        problems.push(Problem::note(
            "The file is protected by a passphrase, which is asked for on the terminal",
            if cfg!(windows) { "set OS_SECRETS_PASSPHRASE=…" } else { "export OS_SECRETS_PASSPHRASE" },
        ));
    } else if let Err(error) = &diagnosis.credentials {
        problems.push(Problem::fatal(error.to_string(), fix_for(error, &diagnosis)));
    }
    if let Some(error) = &diagnosis.unwritable {
        let fix = match error {
            Error::Damaged { .. } if diagnosis.lacks_recipients => {
                command_on_file(&diagnosis.path, "rekey --add RECIPIENT")
            }
            Error::Damaged { .. } => {
                format!("Copy the secrets to a new file and use that: {}", copy_command(&diagnosis.path))
            }
            _ => fix_for(error, &diagnosis),
        };
        problems.push(Problem::note(format!("Secrets can be read, but not stored. {error}"), fix));
    }
    // If the file could not be looked at, it may exist.
    let is_new = matches!(diagnosis.credentials, Ok(_) | Err(Error::NoKey | Error::InvalidSetting(_)));
    if !diagnosis.exists && is_new {
        let path = printable_path(&diagnosis.path);
        problems.push(Problem::note(
            format!("The file {path} does not exist yet{start}. The first set creates it"),
            command_on_file(&diagnosis.path, "set NAME"),
        ));
    }
    let key = diagnosis.key.as_ref().ok().map(|source| match source {
        KeySource::Given => "option".to_owned(),
        KeySource::Variable(name) => (*name).to_owned(),
        KeySource::File(path) | KeySource::Settings(path) | KeySource::Own(path) => printable_path(path),
    });
    let is_readable = diagnosis.credentials.is_ok() || diagnosis.asks;
    let properties = vec![
        ("store", json!("encrypted file")),
        ("path", json!(diagnosis.path.to_string_lossy())),
        ("exists", json!(diagnosis.exists)),
        ("writable", json!(is_readable && diagnosis.unwritable.is_none())),
        ("key", json!(key)),
        ("recipients", json!(diagnosis.recipients)),
        ("credentials", json!(diagnosis.credentials.ok())),
        ("backup", json!(diagnosis.backup.map(|backup| backup.to_string_lossy().into_owned()))),
    ];
    Ok(Report { properties, problems })
}

/// The command or the advice for a file that cannot be read.
fn fix_for(error: &Error, diagnosis: &FileDiagnosis) -> String {
    let path = shell_word(&diagnosis.path);
    let [copy, rename] = if cfg!(windows) { ["copy", "move"] } else { ["cp", "mv -n"] };
    match error {
        Error::NotPrivate { fix, .. } => fix.strip_prefix("Run: ").unwrap_or(fix).to_owned(),
        Error::Untrusted { advice: "Run", command, .. } => command.clone(),
        Error::Untrusted { advice, command, .. } => format!("{advice}: {command}"),
        Error::Damaged { path, backup: Some(backup), .. } => {
            // The backup may be damaged, too, and the file may only be one of a newer version.
            let damaged = shell_word(&path.with_extension("damaged"));
            let (path, backup) = (shell_word(path), shell_word(backup));
            format!("{rename} {path} {damaged} && {copy} {backup} {path}")
        }
        Error::OnlyBackup { path, backup } => format!("{copy} {} {}", shell_word(backup), shell_word(path)),
        Error::Damaged { .. } => format!(
            "Restore the file from a copy. If there is none, store its secrets again after: {rename} {path} \
             {}",
            shell_word(&diagnosis.path.with_extension("damaged"))
        ),
        Error::WrongKey { .. } => "Use the identity or passphrase that the file was encrypted with".into(),
        Error::NoFile { .. } => command_on_file(&diagnosis.path, "set NAME"),
        Error::NoKey => command_line("init"),
        Error::NoKeyFor { .. } => "Set OS_SECRETS_IDENTITY or OS_SECRETS_PASSPHRASE".into(),
        Error::InvalidSetting(_) => match &diagnosis.key {
            Ok(KeySource::File(path) | KeySource::Settings(path) | KeySource::Own(path)) => {
                format!("Correct {}, or set OS_SECRETS_IDENTITY", shell_word(path))
            }
            _ => "Correct OS_SECRETS_IDENTITY or OS_SECRETS_PASSPHRASE".into(),
        },
        Error::File { denied: true, .. } => {
            let verb = if diagnosis.credentials.is_ok() { "write" } else { "read" };
            format!(
                "Run secrets as a user who may {verb} the file, or name another file with --store or OS_SECRETS_FILE"
            )
        }
        _ => "Name another file with --store or OS_SECRETS_FILE".into(),
    }
}
