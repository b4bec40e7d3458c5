//! The operating system's store, examined.

use serde_json::{Value, json};

use super::{Fact, Problem, Report, works};
use crate::Failure;
use os_secrets::{
    error::{Error, HostKind},
    executor::block_on,
    store::{
        self,
        linux::diagnosis::{Diagnosis, Service},
    },
};

// It takes the password without a newline, unless that is all of it: such keyrings are what the recipes
// for machines without a desktop make.
const UNLOCK: &str = "bash -c 'IFS= read -rsp \"Password: \" p; if [ \"$p\" ]; then printf %s \"$p\"; \
    else echo; fi | gnome-keyring-daemon --replace --unlock --components=secrets'";
const UNLOCK_OTHER: &str = "Unlock it in the program that provides it, or log in on its desktop";
const INSTALL: &str = "sudo apt install gnome-keyring && \
    printf '\\n' | gnome-keyring-daemon --unlock --components=secrets";
const START: &str = "dbus-run-session -- sh -c '\
    printf \"\\n\" | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec \"$@\"' sh COMMAND";
const OTHERWISE: &str = "An encrypted file needs no desktop and no bus; it is used where it is named";
const FILE: &str = "secrets init && export OS_SECRETS_PROVIDER=file";
const LOGS: &str = "journalctl --user --since -1h";

/// Examines the operating system's store.
pub fn examine() -> Result<Report, Failure> {
    let store = store::os()?;
    let diagnosis = block_on(async { store.diagnose().await })?;
    let problems = problems(&diagnosis);
    let facts = facts(&diagnosis, works(&problems));
    Ok(Report { facts, problems })
}

/// What is known: each with its name, for JSON and for people.
fn facts(diagnosis: &Diagnosis, works: bool) -> Vec<Fact> {
    let service = diagnosis.service.as_ref().ok();
    let of = |fact: fn(&Service) -> Value| service.map_or(Value::Null, fact);
    vec![
        ("works", json!(works)),
        ("store", json!("Secret Service")),
        ("provider", of(|service| json!(service.provider))),
        ("bus", json!(diagnosis.bus.as_ref().ok())),
        ("reachable", json!(service.is_some())),
        ("collection", of(|service| json!(service.collection))),
        ("unlocked", of(|service| json!(!service.locked))),
        ("persistent", of(|service| json!(service.is_persistent()))),
        ("encrypted", of(|service| json!(service.encrypted))),
        ("display", json!(diagnosis.has_display)),
        ("place", json!(place(diagnosis))),
    ]
}

fn place(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.host {
        Some(HostKind::Wsl) => "WSL",
        Some(HostKind::Container) => "container",
        Some(HostKind::Ssh) => "SSH",
        None if diagnosis.has_display => "desktop",
        None => "headless",
    }
}

fn problems(diagnosis: &Diagnosis) -> Vec<Problem> {
    let service = match &diagnosis.service {
        Err(error) => {
            let (mend, place) = match error {
                Error::NoService(_) => (INSTALL, diagnosis.host),
                Error::NoBus(_) => (START, diagnosis.host),
                _ => (LOGS, None),
            };
            let place = place.map(|place| format!(". {place}")).unwrap_or_default();
            return vec![
                Problem { what: format!("{error}{place}"), mend: mend.into(), fatal: true },
                Problem { what: OTHERWISE.into(), mend: FILE.into(), fatal: false },
            ];
        }
        Ok(service) => service,
    };
    let unlock = if service.provider == Some("gnome-keyring") { UNLOCK } else { UNLOCK_OTHER };
    let mut problems = Vec::new();
    if service.locked && !diagnosis.has_display {
        problems.push(Problem {
            what: "The default collection is locked, and there is no display to ask for its password on"
                .into(),
            mend: unlock.into(),
            fatal: true,
        });
    } else if service.locked {
        problems.push(Problem {
            what: "The default collection is locked; the first call will ask for its password".into(),
            mend: unlock.into(),
            fatal: false,
        });
    }
    if service.collection.is_none() && !diagnosis.has_display {
        problems.push(Problem {
            what: "There is no default collection, and no display to ask for the password of a new one on"
                .into(),
            mend: unlock.into(),
            fatal: true,
        });
    }
    if !service.is_persistent() {
        problems.push(Problem {
            what: "The default collection lives in memory: what is stored goes when the session ends".into(),
            mend: unlock.into(),
            fatal: false,
        });
    }
    if !service.encrypted {
        problems.push(Problem {
            what: "The service offers no encryption: secrets travel plain on the session bus".into(),
            mend: INSTALL.into(),
            fatal: false,
        });
    }
    problems
}
