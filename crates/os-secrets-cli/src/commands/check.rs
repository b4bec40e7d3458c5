//! `check`: says which secrets a command would miss.

use std::{collections::BTreeSet, ffi::OsString};

use serde_json::{Value, json};

use crate::{
    args::SourceArgs,
    context::Context,
    failure::Failure,
    output::printable,
    project::FILE,
    sources::{self, Sources},
    wanted::Wanted,
};
use os_secrets::{program::command_line, progress::Progress, scope::Name};

pub fn check(context: &Context, sources: &SourceArgs, json: bool) -> Result<(), Failure> {
    let Sources { wanted, inherited } = sources::collect(context, sources)?;
    if wanted.is_empty() && inherited.is_empty() {
        let message = format!(
            "there is nothing to check: no {FILE} with variables, and no variable that refers to a secret"
        );
        return Err(Failure::Refused(message.into()));
    }
    let mut names = BTreeSet::new();
    names.extend(wanted.values().filter_map(|wanted| wanted.secret.clone()));
    // Asks the store whether they exist. It reads no values of the user's.
    let (scopes, scope) = (context.scopes(), context.scope_to_read());
    let existing = context.call(Progress::reading(true), |progress| async move {
        scopes.find_names(names, scope, &progress).await
    })?;

    let mut rows: Vec<_> = wanted
        .into_iter()
        .map(|(name, wanted)| Row { status: Status::of(&wanted, &existing), name, secret: wanted.secret })
        .collect();
    rows.extend(inherited.into_iter().map(|name| Row { name, status: Status::Environment, secret: None }));
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let text = if json { format!("{}\n", as_json(&rows)) } else { as_table(&rows) };
    context.output.write(text.as_bytes())?;
    report_missing(&rows)
}

/// A variable.
struct Row {
    name: OsString,
    status: Status,
    secret: Option<Name>,
}

/// What a variable would hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    /// The secret, which exists.
    Ok,
    /// Its secret does not exist.
    Missing,
    /// The secret does not exist, and there is a text for this case.
    Default,
    /// The secret does not exist, and need not.
    Unset,
    /// A text that refers to no secret.
    Text,
    /// What the environment has, instead of what the project file says.
    Environment,
}

impl Status {
    fn of(wanted: &Wanted, existing: &BTreeSet<Name>) -> Self {
        match &wanted.secret {
            None => Self::Text,
            Some(name) if existing.contains(name) => Self::Ok,
            Some(_) if wanted.text.is_some() => Self::Default,
            Some(_) if wanted.is_optional => Self::Unset,
            Some(_) => Self::Missing,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Default => "default",
            Self::Unset => "unset",
            Self::Text => "text",
            Self::Environment => "environment",
        }
    }
}

fn as_table(rows: &[Row]) -> String {
    let names: Vec<_> = rows.iter().map(|row| printable(&row.name.to_string_lossy())).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let line = |(row, name): (&Row, &String)| {
        let status = row.status.word();
        match &row.secret {
            Some(secret) => format!("{name:width$}  {status:11}  secret:{secret}\n"),
            None => format!("{name:width$}  {status}\n"),
        }
    };
    rows.iter().zip(&names).map(line).collect()
}

fn as_json(rows: &[Row]) -> Value {
    let object = |row: &Row| {
        json!({
            "variable": row.name.to_string_lossy(),
            "status": row.status.word(),
            "secret": row.secret.as_ref().map(Name::as_str),
        })
    };
    rows.iter().map(object).collect()
}

fn report_missing(rows: &[Row]) -> Result<(), Failure> {
    let mut missing = BTreeSet::new();
    missing.extend(
        rows.iter().filter(|row| row.status == Status::Missing).filter_map(|row| row.secret.as_ref()),
    );
    let missing: Vec<_> = missing.into_iter().map(Name::as_str).collect();
    let message = match &*missing {
        [] => return Ok(()),
        [name] => {
            format!("the secret {name} is missing. Store it with {}", command_line(&format!("set {name}")))
        }
        names => format!(
            "{} secrets are missing: {}. Store each with {}",
            names.len(),
            names.join(", "),
            command_line("set NAME")
        ),
    };
    Err(Failure::Refused(message.into()))
}
