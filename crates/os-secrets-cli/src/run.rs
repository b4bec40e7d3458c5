//! `run`: runs a command with the references in its environment resolved.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    process,
};

use super::{
    Context, Failure,
    child::{self, Failed, as_printed, end_like, is_one_variable, program, reset_for_child, run_masked},
    mask::Mask,
    output::shown,
};
use os_secrets::{credential::Secret, error::Error, file, scope::REFERENCE};

/// What unlocks a store of files is not for the command.
const NOT_FOR_CHILDREN: [&str; 2] = ["OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE"];

/// The exit codes of a shell for what cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

pub fn run(
    context: &Context,
    env_files: &[PathBuf],
    mask: bool,
    words: Vec<OsString>,
) -> Result<i32, Failure> {
    if context.output.file.is_some() {
        return Err(Failure::Usage("-o does not go with run, whose output is the command's".into()));
    }
    let (variables, values): (Vec<_>, Vec<_>) = variables(context, env_files)?.into_iter().unzip();
    let referred: Vec<_> = values.iter().map(|value| is_reference(value.expose())).collect();
    let names = variables.iter().map(|variable| of(variable)).collect();
    let values = context.resolve(values, Some(names))?;

    let held = variables.iter().zip(&values).map(|(variable, value)| Ok((variable, held(variable, value)?)));
    let environment = held.collect::<Result<Vec<_>, Error>>()?;
    let path = environment.iter().find(|(variable, _)| is_one_variable(variable, "PATH".as_ref()));
    let program = program(&words[0], &context.directory, path.map(|(_, path)| *path));

    let Some(program) = program else {
        let missing = io::ErrorKind::NotFound.into();
        context.tell(&file::failure("Cannot run", words[0].as_ref(), missing).to_string());
        return Ok(NOT_FOUND);
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
        let secrets =
            values.into_iter().zip(referred).filter_map(|(value, referred)| referred.then_some(value));
        run_masked(command, &Mask::new(as_printed(secrets.collect())))
    } else {
        child::run(command)
    };
    let error = match ended {
        Ok(status) => return Ok(end_like(status)),
        Err(Failed::ToStart(error)) => error,
        Err(Failed::ToPassOn(error)) => {
            return Err(file::failure("Cannot pass on the output of", words[0].as_ref(), error).into());
        }
    };
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    context.tell(&file::failure("Cannot run", words[0].as_ref(), error).to_string());
    Ok(code)
}

/// The variables to set or to resolve: those of the files, of which the last counts, before inherited ones.
fn variables(context: &Context, env_files: &[PathBuf]) -> Result<BTreeMap<OsString, Secret>, Failure> {
    let inherited = env::vars_os()
        .filter(|(_, value)| is_reference(value.as_encoded_bytes()))
        .map(|(name, value)| (name, Secret::new(value.into_encoded_bytes())));
    let mut variables = BTreeMap::new();
    variables.extend(inherited);
    for file in env_files {
        for (name, value) in context.read_dotenv(Some(file))? {
            let name = OsString::from(name);
            variables.retain(|known, _| !is_one_variable(known, &name));
            variables.insert(name, value);
        }
    }
    Ok(variables)
}

/// What the variable is to hold for this value.
fn held<'a>(variable: &OsStr, value: &'a Secret) -> Result<&'a OsStr, Error> {
    let value = value.expose();
    let held = if value.contains(&0) { Err(Error::HoldsNul) } else { child::variable(value) };
    held.map_err(|error| Error::Of { of: of(variable), error: Box::new(error) })
}

fn is_reference(value: &[u8]) -> bool {
    value.starts_with(REFERENCE.as_bytes())
}

/// What a variable is called in errors.
fn of(variable: &OsStr) -> String {
    format!("the variable {}", shown(&variable.to_string_lossy()))
}
