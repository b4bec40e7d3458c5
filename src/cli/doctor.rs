//! `doctor`: says which store would be used, and whether it works.

use serde_json::{Value, json};

use super::{Context, Failure, output::shown};
use crate::{
    error::{Error, Place},
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
const LOGS: &str = "journalctl --user --since -1h";

/// Something that is not as it should be.
struct Problem {
    what: String,
    /// What mends it, a command where there is one.
    mend: &'static str,
    /// Whether credentials cannot be read or stored because of it.
    fatal: bool,
}

pub fn doctor(context: &Context, json: bool) -> Result<i32, Failure> {
    context.without_scope("doctor")?;
    let store = store::os()?;
    let diagnosis = block_on(async { store.diagnose().await })?;
    let problems = problems(&diagnosis);
    let works = !problems.iter().any(|problem| problem.fatal);
    let facts = facts(&diagnosis, works);
    let text = if json { as_json(&facts, &problems) } else { as_text(&facts, &problems) };
    context.output.write(text.as_bytes())?;
    Ok(i32::from(!works))
}

/// What is known: each with its name, for JSON and for people.
fn facts(diagnosis: &Diagnosis, works: bool) -> Vec<(&'static str, Value)> {
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
    match diagnosis.place {
        Some(Place::Wsl) => "WSL",
        Some(Place::Container) => "container",
        Some(Place::Ssh) => "SSH",
        None if diagnosis.has_display => "desktop",
        None => "headless",
    }
}

fn problems(diagnosis: &Diagnosis) -> Vec<Problem> {
    let service = match &diagnosis.service {
        Err(error) => {
            let (mend, place) = match error {
                Error::NoService(_) => (INSTALL, diagnosis.place),
                Error::NoBus(_) => (START, diagnosis.place),
                _ => (LOGS, None),
            };
            let place = place.map(|place| format!(". {place}")).unwrap_or_default();
            return vec![Problem { what: format!("{error}{place}"), mend, fatal: true }];
        }
        Ok(service) => service,
    };
    let unlock = if service.provider == Some("gnome-keyring") { UNLOCK } else { UNLOCK_OTHER };
    let mut problems = Vec::new();
    if service.locked && !diagnosis.has_display {
        problems.push(Problem {
            what: "The default collection is locked, and there is no display to ask for its password on"
                .into(),
            mend: unlock,
            fatal: true,
        });
    } else if service.locked {
        problems.push(Problem {
            what: "The default collection is locked; the first call will ask for its password".into(),
            mend: unlock,
            fatal: false,
        });
    }
    if service.collection.is_none() && !diagnosis.has_display {
        problems.push(Problem {
            what: "There is no default collection, and no display to ask for the password of a new one on"
                .into(),
            mend: unlock,
            fatal: true,
        });
    }
    if !service.is_persistent() {
        problems.push(Problem {
            what: "The default collection lives in memory: what is stored goes when the session ends".into(),
            mend: unlock,
            fatal: false,
        });
    }
    if !service.encrypted {
        problems.push(Problem {
            what: "The service offers no encryption: secrets travel plain on the session bus".into(),
            mend: INSTALL,
            fatal: false,
        });
    }
    problems
}

fn as_text(facts: &[(&str, Value)], problems: &[Problem]) -> String {
    let mut text: String = facts
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Null if ["bus", "collection"].contains(name) => "none",
                Value::Null => "unknown",
                Value::Bool(true) => "yes",
                Value::Bool(false) => "no",
                value => value.as_str().unwrap_or_default(),
            };
            format!("{name:<12}{}\n", shown(value))
        })
        .collect();
    for problem in problems {
        let kind = if problem.fatal { "problem" } else { "note" };
        text.push_str(&format!("\n{kind}: {}\n  {}\n", shown(&problem.what), problem.mend));
    }
    text
}

fn as_json(facts: &[(&str, Value)], problems: &[Problem]) -> String {
    let mut object: serde_json::Map<_, _> =
        facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let problems = problems
        .iter()
        .map(|problem| json!({ "what": problem.what, "mend": problem.mend, "fatal": problem.fatal }));
    object.insert("problems".into(), problems.collect());
    format!("{}\n", Value::Object(object))
}
