//! `run`: runs a command with the references in its environment resolved.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    process,
};

use crate::{
    child::{
        ChildError, as_printed, end_like, find_program, is_same_variable, reset_for_child, run_command,
        run_masked, to_variable,
    },
    context::Context,
    dotenv::Variable,
    exit_codes::{NOT_EXECUTABLE, NOT_FOUND},
    failure::Failure,
    mask::Mask,
    output::printable,
};
use os_secrets::{credential::Secret, error::Error, file, scope::REFERENCE};

/// The variables that unlock an encrypted file. The command does not get them.
const NOT_FOR_CHILDREN: [&str; 2] = ["OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE"];

pub fn run(
    context: &Context,
    env_files: &[PathBuf],
    mask: bool,
    words: Vec<OsString>,
) -> Result<i32, Failure> {
    if context.output.file.is_some() {
        return Err(Failure::Usage(
            "-o cannot be used with run; redirect the output of the command instead".into(),
        ));
    }
    let (variables, values): (Vec<_>, Vec<_>) = collect_variables(context, env_files)?.into_iter().unzip();
    let are_references: Vec<_> = values.iter().map(|value| is_reference(value.expose())).collect();
    let names = variables.iter().map(|variable| name_in_errors(variable)).collect();
    let values = context.resolve(values, Some(names))?;

    let environment = variables
        .iter()
        .zip(&values)
        .map(|(variable, value)| Ok((variable, value_for_child(variable, value)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let path = environment.iter().find(|(variable, _)| is_same_variable(variable, "PATH".as_ref()));
    let program = find_program(&words[0], &context.directory, path.map(|(_, path)| *path));

    let Some(program) = program else {
        return Ok(report_start_error(context, &words[0], io::ErrorKind::NotFound.into()));
    };
    let mut command = process::Command::new(program);
    command.args(&words[1..]).envs(environment);
    for variable in NOT_FOR_CHILDREN {
        command.env_remove(variable);
    }
    if context.directory.as_os_str() != "." {
        command.current_dir(&context.directory);
    }
    reset_for_child(&mut command, context.hosted);

    let ended = if mask {
        let secrets = values
            .into_iter()
            .zip(are_references)
            .filter_map(|(value, is_reference)| is_reference.then_some(value));
        run_masked(command, &Mask::new(as_printed(secrets.collect())))
    } else {
        run_command(command)
    };
    match ended {
        Ok(status) => Ok(end_like(status)),
        Err(ChildError::Start(error)) => Ok(report_start_error(context, &words[0], error)),
        Err(ChildError::PassOn(error)) => {
            Err(Failure::Failed(file::failure("Cannot pass on the output of", words[0].as_ref(), error)))
        }
    }
}

/// Reports why the command could not be started, and returns the exit code of a shell for that.
fn report_start_error(context: &Context, word: &OsStr, error: io::Error) -> i32 {
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    context.print_message(&file::failure("Cannot run", word.as_ref(), error).to_string());
    code
}

/// The variables to set, not yet resolved: inherited references, and those of the files. A later file overrides an
/// earlier one, and files override what is inherited.
fn collect_variables(
    context: &Context,
    env_files: &[PathBuf],
) -> Result<BTreeMap<OsString, Secret>, Failure> {
    let inherited = env::vars_os()
        .filter(|(_, value)| is_reference(value.as_encoded_bytes()))
        .map(|(name, value)| (name, Secret::new(value.into_encoded_bytes())));
    let mut variables = BTreeMap::new();
    variables.extend(inherited);
    for file in env_files {
        for Variable { name, value, .. } in context.read_dotenv(Some(file))? {
            let name = OsString::from(name);
            variables.retain(|known, _| !is_same_variable(known, &name));
            variables.insert(name, value);
        }
    }
    Ok(variables)
}

/// The value as the environment takes it, or why it cannot.
fn value_for_child<'a>(variable: &OsStr, value: &'a Secret) -> Result<&'a OsStr, Error> {
    let value = value.expose();
    let converted = if value.contains(&0) { Err(Error::HoldsNul) } else { to_variable(value) };
    converted.map_err(|error| Error::Of { of: name_in_errors(variable), error: Box::new(error) })
}

fn is_reference(value: &[u8]) -> bool {
    value.starts_with(REFERENCE.as_bytes())
}

fn name_in_errors(variable: &OsStr) -> String {
    format!("the variable {}", printable(&variable.to_string_lossy()))
}
