//! The variables that the command gets.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use crate::{
    child::{is_same_variable, to_variable},
    context::Context,
    dotenv,
    failure::Failure,
    output::printable,
    reference::file_reference,
};
use os_secrets::{credential::Secret, printable::printable_path, scope::REFERENCE};

/// The start of the names of all settings of os-secrets.
const SETTINGS: &str = "OS_SECRETS_";

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
}

impl Kind {
    fn of(value: &[u8]) -> Self {
        if file_reference(value).is_some() {
            return Self::File;
        }
        match value.strip_prefix(REFERENCE.as_bytes()) {
            Some(name) => Self::Secret(String::from_utf8_lossy(name).into_owned()),
            None => Self::Text,
        }
    }
}

impl Variable {
    /// The variable with its value as the environment takes it, unless the command gets a file.
    ///
    /// # Errors
    ///
    /// No variable can hold the value.
    pub fn text(&self) -> Result<Option<(&Self, &OsStr)>, Failure> {
        if let Kind::File = self.kind {
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
        label(&self.name)
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

fn label(variable: &OsStr) -> String {
    format!("the variable {}", printable(&variable.to_string_lossy()))
}

/// The variables to set, with their references resolved.
pub fn collect_variables(context: &Context, env_files: &[PathBuf]) -> Result<Vec<Variable>, Failure> {
    let unresolved = collect_unresolved(context, env_files)?;
    let labels = unresolved.keys().map(|name| label(name)).collect();
    let (mut kinds, mut values) = (Vec::new(), Vec::new());
    for value in unresolved.values() {
        kinds.push(Kind::of(value.expose()));
        values.push(match file_reference(value.expose()) {
            Some(name) => Secret::new([REFERENCE.as_bytes(), name].concat()),
            None => value.clone(),
        });
    }
    let resolved = context.resolve(values, Some(labels))?;
    let variables = unresolved.into_keys().zip(kinds).zip(resolved);
    Ok(variables.map(|((name, kind), value)| Variable { name, value, kind }).collect())
}

/// Whether a variable chooses the store or its key. A dotenv file may come from a stranger, who must not choose where
/// the command reads and stores the user's secrets.
fn chooses_store(name: &str) -> bool {
    let is = |name: &str, other: &str| is_same_variable(name.as_ref(), other.as_ref());
    name.get(..SETTINGS.len()).is_some_and(|start| is(start, SETTINGS)) || is(name, "CREDENTIALS_DIRECTORY")
}

fn refusal(file: &str, line: usize, variable: &str) -> String {
    format!(
        "{file} sets {variable} in line {line}, and an env file must not choose the store or its key. Remove the line; \
         if you want the setting, set the variable before you start secrets"
    )
}

/// Inherited references, and the variables of the files. A later file overrides an earlier one, and files override what
/// is inherited.
fn collect_unresolved(
    context: &Context,
    env_files: &[PathBuf],
) -> Result<BTreeMap<OsString, Secret>, Failure> {
    let mut variables = BTreeMap::new();
    for (name, value) in env::vars_os() {
        if !matches!(Kind::of(value.as_encoded_bytes()), Kind::Text) {
            variables.insert(name, Secret::new(value.into_encoded_bytes()));
        }
    }
    for file in env_files {
        for dotenv::Variable { name, value, lines } in context.read_dotenv(Some(file))? {
            if chooses_store(&name) {
                let path = printable_path(context.path(file));
                return Err(Failure::Refused(refusal(&path, lines[0], &name).into()));
            }
            let name = OsString::from(name);
            variables.retain(|known, _| !is_same_variable(known, &name));
            variables.insert(name, value);
        }
    }
    Ok(variables)
}
