//! `run`: runs a command with the references in its environment resolved.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        process::CommandExt,
    },
    path::PathBuf,
    process,
};

use super::{
    Context, Failure,
    child::{Failed, end_like, reset_for_child, run_masked},
    mask::Mask,
    output::shown,
};
use crate::{credential::Secret, error::Error, file, scope::REFERENCE};

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

    let mut command = process::Command::new(&words[0]);
    command.args(&words[1..]);
    for (variable, value) in variables.iter().zip(&values) {
        if value.expose().contains(&0) {
            let error = Box::new(Error::HoldsNul);
            return Err(Error::Of { of: of(variable), error }.into());
        }
        command.env(variable, OsStr::from_bytes(value.expose()));
    }
    for variable in NOT_FOR_CHILDREN {
        command.env_remove(variable);
    }
    if context.directory.as_os_str() != "." {
        command.current_dir(&context.directory);
    }
    reset_for_child(&mut command, context.hosted);

    let error = if mask {
        let secrets =
            values.into_iter().zip(referred).filter_map(|(value, referred)| referred.then_some(value));
        match run_masked(command, &Mask::new(secrets.collect())) {
            Ok(status) => return Ok(end_like(status)),
            Err(Failed::ToStart(error)) => error,
            Err(Failed::ToPassOn(error)) => {
                return Err(file::failure("Cannot pass on the output of", words[0].as_ref(), error).into());
            }
        }
    } else {
        command.exec()
    };
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    context.tell(&file::failure("Cannot run", words[0].as_ref(), error).to_string());
    Ok(code)
}

/// The variables to set or to resolve: those of the files, of which the last counts, before inherited ones.
fn variables(context: &Context, env_files: &[PathBuf]) -> Result<BTreeMap<OsString, Secret>, Failure> {
    let mut variables: BTreeMap<_, _> = env::vars_os()
        .filter(|(_, value)| is_reference(value.as_bytes()))
        .map(|(name, value)| (name, Secret::new(value.into_vec())))
        .collect();
    for file in env_files {
        let parsed = context.read_dotenv(Some(file))?;
        variables.extend(parsed.into_iter().map(|(name, value)| (name.into(), value)));
    }
    Ok(variables)
}

fn is_reference(value: &[u8]) -> bool {
    value.starts_with(REFERENCE.as_bytes())
}

/// What a variable is called in errors.
fn of(variable: &OsStr) -> String {
    format!("the variable {}", shown(&variable.to_string_lossy()))
}
