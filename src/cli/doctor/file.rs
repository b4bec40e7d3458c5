//! The encrypted file, examined.

use std::sync::Arc;

use serde_json::json;

use super::{Problem, Report, works};
use crate::{
    cli::Failure,
    error::Error,
    executor::block_on,
    store::file::{FileStore, keys::Source},
};

/// Examines an encrypted file.
pub fn examine(store: Arc<FileStore>) -> Result<Report, Failure> {
    let diagnosis = block_on(async move { store.diagnose().await })??;
    let mut problems = Vec::new();
    if let Err(error) = &diagnosis.credentials {
        let mend = match error {
            Error::NotPrivate { mend, .. } => mend.clone(),
            Error::Damaged { path, backup: Some(backup), .. } => {
                format!("cp {} {}", backup.display(), path.display())
            }
            Error::WrongKey { .. } => "Give the identity or passphrase that the file was made with".into(),
            Error::InvalidSetting(_) => "secrets init".into(),
            _ => format!("ls -la {}", diagnosis.path.display()),
        };
        problems.push(Problem { what: error.to_string(), mend: mend.into(), fatal: true });
    } else if !diagnosis.exists {
        problems.push(Problem {
            what: "There is no such file yet; the first set makes it".into(),
            mend: "secrets set NAME".into(),
            fatal: false,
        });
    }
    let key = diagnosis.key.as_ref().ok().map(|source| match source {
        Source::Given => "terminal".to_owned(),
        Source::Variable(name) => (*name).to_owned(),
        Source::File(path) => path.display().to_string(),
    });
    let facts = vec![
        ("works", json!(works(&problems))),
        ("store", json!("encrypted file")),
        ("path", json!(diagnosis.path.to_string_lossy())),
        ("exists", json!(diagnosis.exists)),
        ("key", json!(key)),
        ("recipients", json!(diagnosis.recipients)),
        ("credentials", json!(diagnosis.credentials.ok())),
        ("backup", json!(diagnosis.backup.map(|backup| backup.to_string_lossy().into_owned()))),
    ];
    Ok(Report { facts, problems })
}
