//! The variables that the command gets.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
};

use crate::{
    args::SourceArgs,
    child::to_variable,
    context::Context,
    failure::Failure,
    sources::{self, Problems},
    wanted::Wanted,
};
use os_secrets::{
    credential::Secret,
    error::Error,
    scope::{FoundSecrets, Scopes},
};

/// A variable that the command gets.
pub struct Variable {
    pub name: OsString,
    /// The text, or the secret that it refers to.
    pub value: Secret,
    pub kind: Kind,
}

/// How the command gets a variable's value.
pub enum Kind {
    /// As the text that it was.
    Text,
    /// As the secret of this name.
    Secret(String),
    /// As the path of a file with the secret.
    File,
    /// As the path of a file with the text that it was.
    TextFile,
}

impl Kind {
    /// Whether the command gets a file.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File | Self::TextFile)
    }

    /// Whether the value is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_) | Self::File)
    }
}

impl Variable {
    /// The variable with its value as the environment takes it, unless the command gets a file.
    ///
    /// # Errors
    ///
    /// No variable can hold the value.
    pub fn text(&self) -> Result<Option<(&Self, &OsStr)>, Failure> {
        if self.kind.is_file() {
            return Ok(None);
        }
        let value = self.value.expose();
        let what = match to_variable(value) {
            Ok(_) if value.contains(&0) => "The value contains a NUL",
            Ok(text) => return Ok(Some((self, text))),
            Err(_) => "The value is not UTF-8 text",
        };
        let message = format!("{}: {what}, which no variable can hold{}", self.label(), self.file_advice());
        Err(Failure::Refused(message.into()))
    }

    /// The name in messages.
    pub fn label(&self) -> String {
        sources::label(&self.name)
    }

    /// How to get the value as a file. Follows a sentence without its full stop.
    pub fn file_advice(&self) -> String {
        match &self.kind {
            Kind::Secret(name) => {
                format!(". To get the path of a private file with the value, set it to secret-file:{name}")
            }
            _ => ". Put the value into a file".into(),
        }
    }
}

/// The variables to set, with their references resolved.
///
/// # Errors
///
/// Every secret that does not exist is printed first.
pub fn collect_variables(context: &Context, sources: &SourceArgs) -> Result<Vec<Variable>, Failure> {
    let wanted = sources::collect(context, sources)?.wanted;
    let mut names = BTreeSet::new();
    names.extend(wanted.values().filter_map(|wanted| wanted.secret.clone()));
    let found = context.find_secrets(names, context.scope_to_read())?;
    let mut problems = Problems::new(context);
    let mut variables = Vec::new();
    for (name, wanted) in wanted {
        match choose_value(context, &wanted, &found.secrets) {
            Ok(Some((value, kind))) => variables.push(Variable { name, value, kind }),
            Ok(None) => {}
            Err(error) => {
                problems.add(Error::Of { of: sources::label(&name), error: Box::new(error) }.into());
            }
        }
    }
    problems.finish()?;
    context.warn_of_hidden(found.from_repository);
    Ok(variables)
}

/// The value of a variable. `None` if it is left out.
fn choose_value(
    context: &Context,
    wanted: &Wanted,
    found: &FoundSecrets,
) -> Result<Option<(Secret, Kind)>, Error> {
    if let Some(name) = &wanted.secret
        && let Some(secret) = found.get(name)
    {
        let kind = if wanted.as_file { Kind::File } else { Kind::Secret(name.to_string()) };
        return Ok(Some((secret.clone(), kind)));
    }
    match (&wanted.text, &wanted.secret) {
        (Some(text), _) => {
            let kind = if wanted.as_file { Kind::TextFile } else { Kind::Text };
            Ok(Some((text.clone(), kind)))
        }
        (None, Some(name)) if !wanted.is_optional => Err(Scopes::not_found(name, context.scope_to_read())),
        (None, _) => Ok(None),
    }
}
