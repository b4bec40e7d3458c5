//! Examines the Secret Service.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Problem, Property, Report, use_file};
use os_secrets::{
    error::{Error, HostKind},
    printable::printable_path,
    store::{
        self,
        linux::{
            diagnosis::{Diagnosis, Service},
            keyring_file::KeyringFile,
        },
    },
};

/// Asks for the password of a keyring and prints it. The daemon takes it without a newline. An empty answer stands for the
/// password that is one line break, with which many recipes for machines without a desktop make keyrings.
macro_rules! ask_password {
    () => {
        "IFS= read -rsp \"Password: \" p; if [ \"$p\" ]; then printf %s \"$p\"; else echo; fi"
    };
}
macro_rules! unlock {
    () => {
        concat!(
            "bash -c '",
            ask_password!(),
            " | gnome-keyring-daemon --replace --unlock --components=secrets'"
        )
    };
}

const UNLOCK: &str = unlock!();
const UNLOCK_OTHER: &str = "Unlock it in the application that provides it, or log in on the desktop";
// These two make a keyring with the password that is entered, if there is none.
const INSTALL: &str = concat!("sudo apt install gnome-keyring && ", unlock!());
const START: &str = concat!(
    "dbus-run-session -- bash -c '",
    ask_password!(),
    " | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec \"$@\"' bash COMMAND"
);
const RESTORE: &str = "Restore the file from a backup, and start gnome-keyring again";
const REPAIR: &str =
    "Copy the file, remove the lines that are neither NAME=VALUE nor [GROUP], and start gnome-keyring again";
const SET_PASSWORD: &str =
    "Give it a password with the application Passwords and Keys (sudo apt install seahorse)";
/// The advice to use an encrypted file instead.
pub const OTHERWISE: &str =
    "An encrypted file needs neither a desktop nor a D-Bus session. It is used only if you select it";
const PERMIT: &str = "Allow org.freedesktop.secrets in the sandbox or in the policy of the bus";
const AS_OWNER: &str = "Run it as the user whose session it is, without sudo";
const LOGS: &str = "journalctl --user --since -1h";

pub async fn examine() -> Result<Report, Error> {
    let diagnosis = store::os()?.diagnose().await;
    let problems = find_problems(&diagnosis);
    let properties = list_properties(&diagnosis);
    Ok(Report { properties, problems })
}

fn list_properties(diagnosis: &Diagnosis) -> Vec<Property> {
    let service = diagnosis.service.as_ref().ok();
    let of_service = |property: fn(&Service) -> Value| service.map_or(Value::Null, property);
    vec![
        ("store", json!("Secret Service")),
        ("provider", of_service(|service| json!(service.provider))),
        ("bus", json!(diagnosis.bus.as_ref().ok())),
        ("reachable", json!(service.is_some())),
        ("collection", of_service(|service| json!(service.collection))),
        ("unlocked", of_service(|service| json!(!service.locked))),
        ("writable", json!(service.is_some_and(|service| service.collection.is_some() && !service.locked))),
        ("persistent", of_service(|service| json!(service.is_persistent()))),
        ("encrypted_on_bus", of_service(|service| json!(service.encrypted_on_bus))),
        ("encrypted_at_rest", of_service(|service| json!(is_encrypted_at_rest(service)))),
        ("display", json!(diagnosis.has_display)),
        ("place", json!(name_host(diagnosis))),
    ]
}

/// Whether secrets are encrypted on the disk. `None` if we do not know.
fn is_encrypted_at_rest(service: &Service) -> Option<bool> {
    service.keyring_file.as_ref().map(|file| file.is_encrypted)
}

fn name_host(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.hosts.first() {
        Some(HostKind::Wsl) => "WSL",
        Some(HostKind::Container) => "container",
        Some(HostKind::Ssh) => "SSH",
        Some(HostKind::Sudo) => "sudo",
        Some(HostKind::Snap(_)) => "snap",
        Some(HostKind::Flatpak(_)) => "Flatpak",
        None if diagnosis.has_display => "desktop",
        None => "headless",
    }
}

/// What to do about this error.
fn find_fix(error: &Error) -> Cow<'static, str> {
    match error {
        Error::OnHost { error, host } => match (host.permit(), host) {
            (Some(command), _) => command.into(),
            (None, HostKind::Sudo) => AS_OWNER.into(),
            _ => find_fix(error),
        },
        Error::BusDenied(_) => PERMIT.into(),
        Error::ForeignBus { .. } => AS_OWNER.into(),
        Error::NoService(_) => INSTALL.into(),
        Error::NoBus(_) => START.into(),
        _ => LOGS.into(),
    }
}

fn find_problems(diagnosis: &Diagnosis) -> Vec<Problem> {
    let service = match &diagnosis.service {
        Err(error) => {
            let error = error.clone().at(&diagnosis.hosts);
            let problem = Problem::fatal(error.to_string(), find_fix(&error));
            return vec![problem, Problem::note(OTHERWISE, use_file())];
        }
        Ok(service) => service,
    };
    let unlock = if service.provider == Some("gnome-keyring") { UNLOCK } else { UNLOCK_OTHER };
    let mut problems = Vec::new();
    if service.locked && !diagnosis.has_display {
        problems.push(Problem::fatal(
            "The default collection is locked, and there is no display for a password prompt",
            unlock,
        ));
    } else if service.locked {
        problems.push(Problem::note(
            "The default collection is locked. The first call will ask for its password",
            unlock,
        ));
    }
    if let (None, Some(file)) = (&service.collection, &service.keyring_file) {
        let what = format!(
            "There is no default collection, because gnome-keyring cannot read its file {}. Its secrets may still be in \
             it",
            printable_path(&file.path)
        );
        problems.push(Problem::fatal(what, if file.is_encrypted { RESTORE } else { REPAIR }));
        return problems;
    }
    if service.collection.is_none() && !diagnosis.has_display {
        problems.push(Problem::fatal(
            "There is no default collection, and no display for the password prompt of a new one",
            unlock,
        ));
    }
    if !service.is_persistent() {
        problems.push(Problem::note(
            "The default collection is in memory only. Its credentials are lost when the session ends",
            unlock,
        ));
    }
    if let Some(KeyringFile { path, is_encrypted: false }) = &service.keyring_file {
        problems.push(Problem::note(
            format!(
                "The default collection has no password, so its secrets lie unencrypted on the disk, in {}. It \
                 cannot keep a value with a line break, or with white space at its start or end",
                printable_path(path)
            ),
            SET_PASSWORD,
        ));
    }
    if !service.encrypted_on_bus {
        problems.push(Problem::note(
            "The service supports no encryption. Secrets cross the session bus in plain text",
            INSTALL,
        ));
    }
    problems
}
