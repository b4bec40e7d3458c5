//! `env`: prints the variables that `run` would set, for a shell or as JSON.
//!
//! `shell.rs` writes a variable in the language of each shell.

use crate::{
    args::SourceArgs,
    commands::run::variables::{Variable, collect_variables},
    context::Context,
    failure::Failure,
    project::is_identifier,
    sources::{Problems, label},
};
use os_secrets::{json::object_of_texts, wiped::WipedBuffer};
use shell::{Shell, is_used_by_shells};

mod shell;

/// What stands in place of a shell's name.
const JSON: &str = "json";

pub fn env(context: &Context, sources: &SourceArgs, shell: Option<&str>) -> Result<(), Failure> {
    // Before the user is asked for anything.
    let shell = match shell {
        Some(JSON) => None,
        Some(name) => Shell::parse(name),
        None => Some(Shell::of_environment()?),
    };
    let variables = collect_variables(context, sources)?;
    let variables: Vec<_> =
        variables.iter().filter(|variable| can_be_printed(context, variable, shell)).collect();
    let mut problems = Problems::new(context);
    let mut texts = Vec::new();
    for variable in variables {
        if let Some(Some((variable, _))) = problems.catch(variable.text()) {
            let name = variable.name.to_str().unwrap_or_default();
            match (shell, str::from_utf8(variable.value.expose())) {
                (Some(shell), Err(_)) if shell.takes_bytes() => texts.push((name, variable.value.expose())),
                (_, Ok(text)) => texts.push((name, text.as_bytes())),
                (_, Err(_)) => problems.add(no_text(variable, shell)),
            }
        }
    }
    problems.finish()?;
    match shell {
        Some(shell) => {
            let mut script = WipedBuffer::default();
            for (name, value) in texts {
                shell.write(name, value, &mut script);
            }
            context.output.write(&script.into_bytes())
        }
        None => {
            let members: Vec<_> =
                texts.iter().filter_map(|(name, value)| Some((*name, str::from_utf8(value).ok()?))).collect();
            let mut object = object_of_texts(&members, 1);
            object.push(b'\n');
            context.output.write(&object)
        }
    }
}

/// Whether a variable can be printed. Says why if it cannot.
fn can_be_printed(context: &Context, variable: &Variable, shell: Option<Shell>) -> bool {
    let reason = if variable.kind.is_file() {
        "it is the path of a file, which is there only while secrets run runs a command"
    } else {
        match variable.name.to_str() {
            Some(name) if shell.is_some() && is_used_by_shells(name) => {
                "shells use a variable of this name themselves, and may run its value"
            }
            Some(name) if shell.is_none() || is_identifier(name) => return true,
            _ if shell.is_none() => "its name is not UTF-8 text",
            _ => "a shell cannot have a variable of this name",
        }
    };
    context.note(&format!("{} is left out: {reason}", label(&variable.name)));
    false
}

fn no_text(variable: &Variable, shell: Option<Shell>) -> Failure {
    let language = if shell.is_some() { "PowerShell" } else { "JSON" };
    let message = format!("{}: The value is not UTF-8 text, which {language} needs", variable.label());
    Failure::Refused(message.into())
}
