//! `textconv`: prints what an encrypted file holds, without values, so that `git diff` can compare two versions.

use std::path::Path;

use crate::{context::Context, failure::Failure, output::printable};
use os_secrets::{
    credential::Key,
    environment::absolute_path,
    error::Error,
    executor::block_on,
    progress::Progress,
    store::{
        self, Store,
        file::{FileOptions, FileStore},
    },
};

pub fn textconv(context: &Context, file: &Path) -> Result<(), Failure> {
    context.reject_scope("textconv")?;
    context.reject_store("textconv")?;
    let path = Some(absolute_path(&context.path(file)));
    let options = FileOptions { path, must_exist: true, ..FileOptions::default() };
    let store = FileStore::new(options, store::settings().file.clone());
    let (recipients, keys) = block_on(async move {
        let recipients = store.diagnose().await.map(|diagnosis| diagnosis.recipients.unwrap_or_default());
        (recipients, store.list(None, &Progress::reading(false)).await)
    })?;
    let text = match (recipients, keys) {
        (_, Err(error)) => format!("({})\n", printable(&reason(&error))),
        (recipients, Ok(keys)) => {
            let recipients = recipients?.into_iter().map(|recipient| format!("recipient {recipient}\n"));
            let secrets = keys.iter().map(Key::label).map(|label| format!("secret {}\n", printable(&label)));
            recipients.chain(secrets).collect()
        }
    };
    context.output.write(text.as_bytes())
}

/// Why a file cannot be opened, without its path: git gives old versions in files with random names. It is printed in
/// place of the names, because git would end if this command failed, and a version may be from before the user was a
/// recipient.
fn reason(error: &Error) -> String {
    match error {
        Error::WrongKey { reason, .. } => format!("cannot be opened, because {reason}"),
        Error::Damaged { reason, .. } => reason.clone(),
        Error::InvalidSetting(_) | Error::NoKey | Error::NoKeyFor { .. } => error.to_string(),
        error => format!("cannot be opened: {}", error.code().as_str()),
    }
}
