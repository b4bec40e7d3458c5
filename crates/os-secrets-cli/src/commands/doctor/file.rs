//! Examines an encrypted file.

use std::sync::Arc;

use serde_json::json;

use super::{Problem, Report, works};
use crate::failure::Failure;
use os_secrets::{
    error::Error,
    executor::block_on,
    file::shell_word,
    program::command_line,
    store::file::{FileStore, keys::KeySource},
};

pub fn examine(store: Arc<FileStore>) -> Result<Report, Failure> {
    let diagnosis = block_on(async move { store.diagnose().await })??;
    let mut problems = Vec::new();
    if diagnosis.asks {
        problems.push(Problem::note(
            "The file is protected by a passphrase, which is asked for on the terminal",
            if cfg!(windows) { "set OS_SECRETS_PASSPHRASE=…" } else { "export OS_SECRETS_PASSPHRASE" },
        ));
    } else if let Err(error) = &diagnosis.credentials {
        let fix = match error {
            Error::NotPrivate { fix, .. } => fix.strip_prefix("Run: ").unwrap_or(fix).to_owned(),
            Error::Damaged { path, backup: Some(backup), .. } => {
                let copy = if cfg!(windows) { "copy" } else { "cp" };
                format!("{copy} {} {}", shell_word(backup), shell_word(path))
            }
            Error::WrongKey { .. } => {
                "Use the identity or passphrase that the file was encrypted with".into()
            }
            Error::NoKey if !diagnosis.exists => command_line("init"),
            Error::NoKey => "Set OS_SECRETS_IDENTITY or OS_SECRETS_PASSPHRASE".into(),
            Error::InvalidSetting(_) => "Correct OS_SECRETS_IDENTITY or OS_SECRETS_PASSPHRASE".into(),
            _ if cfg!(windows) => format!("icacls {}", shell_word(&diagnosis.path)),
            _ => format!("ls -la {}", shell_word(&diagnosis.path)),
        };
        problems.push(Problem::fatal(error.to_string(), fix));
    } else if !diagnosis.exists {
        let set = command_line("set NAME");
        problems.push(Problem::note("The file does not exist yet. The first set creates it", set));
    } else if let Some(error) = &diagnosis.unwritable {
        problems.push(Problem::note(error.to_string(), command_line("rekey --add RECIPIENT")));
    }
    let key = diagnosis.key.as_ref().ok().map(|source| match source {
        KeySource::Given => "terminal".to_owned(),
        KeySource::Variable(name) => (*name).to_owned(),
        KeySource::File(path) | KeySource::Own(path) => path.display().to_string(),
    });
    let properties = vec![
        ("works", json!(works(&problems))),
        ("store", json!("encrypted file")),
        ("path", json!(diagnosis.path.to_string_lossy())),
        ("exists", json!(diagnosis.exists)),
        ("key", json!(key)),
        ("recipients", json!(diagnosis.recipients)),
        ("credentials", json!(diagnosis.credentials.ok())),
        ("backup", json!(diagnosis.backup.map(|backup| backup.to_string_lossy().into_owned()))),
    ];
    Ok(Report { properties, problems })
}
