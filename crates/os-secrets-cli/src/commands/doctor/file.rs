//! Examines an encrypted file.

use std::sync::Arc;

use serde_json::json;

use super::{Problem, Report, os};
use os_secrets::{
    credential::Key,
    error::{Error, Reason},
    file::shell_word,
    printable::printable_path,
    program::{command_line, command_on_file},
    store::file::{FileDiagnosis, FileStore, copy_command, keys::KeySource},
};

/// `start` says from which directory a relative path of the file is taken.
pub async fn examine(store: Arc<FileStore>, start: &str) -> Result<Report, Error> {
    let diagnosis = store.diagnose().await?;
    let mut problems = match &diagnosis.os_identity {
        Some(_) if !diagnosis.asks => examine_os_store().await?,
        _ => Vec::new(),
    };
    let is_store_broken = problems.iter().any(|problem| problem.fatal);
    let lacks_identity = is_store_broken && diagnosis.recipients.as_ref().is_none_or(Vec::is_empty);
    if !diagnosis.exists && diagnosis.credentials.is_ok() {
        // The answer of a read is known without the identity.
        for problem in problems.iter_mut().filter(|problem| problem.fatal) {
            problem.fatal = false;
            if lacks_identity {
                problem.what = format!("Secrets cannot be stored. {}", problem.what);
            }
        }
    }
    if diagnosis.asks
        && let Err(error @ Error::ProtectedIdentity { .. }) = &diagnosis.credentials
    {
        problems.push(Problem::note(
            "The identity is protected by a passphrase, which is asked for on the terminal",
            fix_for(error, &diagnosis),
        ));
    } else if diagnosis.asks {
        problems.push(Problem::note(
            "The file is protected by a passphrase, which is asked for on the terminal",
            if cfg!(windows) { "set OS_SECRETS_PASSPHRASE=…" } else { "export OS_SECRETS_PASSPHRASE" },
        ));
    } else if let Err(error) = &diagnosis.credentials
        && !is_told(error, &diagnosis, is_store_broken)
    {
        problems.push(Problem::fatal(error.to_string(), fix_for(error, &diagnosis)));
    }
    if let Some(error) = &diagnosis.unwritable
        && !is_told(error, &diagnosis, is_store_broken)
    {
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
    // A set may ask the user to unlock the identity.
    let may_write = |error: &Error| is_told(error, &diagnosis, is_store_broken);
    let is_writable = !lacks_identity && diagnosis.unwritable.as_ref().is_none_or(may_write);
    if !diagnosis.exists && is_new && is_writable {
        let path = printable_path(&diagnosis.path);
        problems.push(Problem::note(
            format!("The file {path} does not exist yet{start}. The first set creates it"),
            match &diagnosis.key {
                Ok(KeySource::Given) => "Store a secret with the same options".into(),
                _ => command_on_file(&diagnosis.path, "set NAME"),
            },
        ));
    }
    let key = diagnosis.key.as_ref().ok().map(|source| match source {
        KeySource::Given => "option".to_owned(),
        KeySource::Variable(name) => (*name).to_owned(),
        KeySource::File(path) | KeySource::Settings(path) | KeySource::Own(path) => printable_path(path),
    });
    let is_readable = diagnosis.credentials.is_ok() || diagnosis.asks;
    let os_identity = diagnosis.os_identity.as_ref().map(Key::label);
    let properties = vec![
        ("store", json!("encrypted file")),
        ("path", json!(diagnosis.path.to_string_lossy())),
        ("exists", json!(diagnosis.exists)),
        ("writable", json!(is_readable && is_writable)),
        ("key", json!(key)),
        ("os_identity", json!(os_identity)),
        ("recipients", json!(diagnosis.recipients)),
        ("credentials", json!(diagnosis.credentials.ok())),
        ("backup", json!(diagnosis.backup.map(|backup| backup.to_string_lossy().into_owned()))),
    ];
    Ok(Report { properties, problems })
}

/// The problems of the operating system's store, which holds the identity.
async fn examine_os_store() -> Result<Vec<Problem>, Error> {
    let problems = os::examine().await?.problems.into_iter().filter(|problem| problem.what != os::OTHERWISE);
    let of_identity = |problem: Problem| Problem {
        what: format!("The operating system's store, which holds the identity: {}", problem.what),
        ..problem
    };
    Ok(problems.map(of_identity).collect())
}

/// Whether the problems of the operating system's store already explain this error: it is broken, or the identity in it is
/// locked, which is no problem for a call that may ask the user.
fn is_told(error: &Error, diagnosis: &FileDiagnosis, is_store_broken: bool) -> bool {
    diagnosis.os_identity.is_some()
        && matches!(error, Error::Of { .. })
        && (is_store_broken || error.reason() == Reason::Locked)
}

/// The command that restores an identity in the operating system's store, from the text on standard input.
fn set_command(service: &str, name: &str) -> String {
    let [service, name] = [service, name].map(|part| shell_word(part.as_ref()));
    command_line(&format!("set --store os --service {service} {name}"))
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
        Error::LostOsIdentity { service, name, .. } | Error::InvalidOsIdentity { service, name, .. } => {
            set_command(service, name)
        }
        Error::WrongKey { .. } => "Use the identity or passphrase that the file was encrypted with".into(),
        Error::NoFile { key_is_given: true, .. } => {
            "Store a secret with the same options, but without mustExist".into()
        }
        Error::NoFile { .. } => command_on_file(&diagnosis.path, "set NAME"),
        Error::NoPlugin { name, .. } => {
            format!("Install age-plugin-{name} in a directory of PATH, or set OS_SECRETS_IDENTITY")
        }
        Error::UntrustedPlugin { name } => {
            format!("Add {name} to OS_SECRETS_PLUGINS if you trust the plugin")
        }
        Error::Plugin { .. } | Error::PluginTimeout { .. } => {
            "Check the plugin's device and its settings, or set OS_SECRETS_IDENTITY".into()
        }
        Error::NoKey => command_line("init"),
        Error::ProtectedIdentity { .. } => "Set OS_SECRETS_IDENTITY and OS_SECRETS_PASSPHRASE".into(),
        Error::WrongPassphrase { .. } => "Set OS_SECRETS_PASSPHRASE to the passphrase of the identity".into(),
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
