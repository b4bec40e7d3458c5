//! `run`: runs a command with the references in its environment resolved.
//!
//! `variables.rs` collects the variables. `sizes.rs` tells which of them are too large for the system.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal},
    process::{self, ExitStatus},
};

use crate::{
    args::SourceArgs,
    child::{
        ChildError, ChildTurn, as_printed, end_like, exit_at_once, find_command, reset_for_child,
        run_command, withhold_keys,
    },
    context::Context,
    exit_codes::{NOT_EXECUTABLE, NOT_FOUND},
    failure::Failure,
    mask::{MIN_CHARACTERS, Mask, is_too_short, printed_forms},
    output::printable,
    secret_files::SecretFiles,
};
use os_secrets::file;
use variables::{Variable, collect_variables};

mod sizes;
pub mod variables;

pub fn run(
    context: &Context,
    sources: &SourceArgs,
    mask: bool,
    words: Vec<OsString>,
) -> Result<i32, Failure> {
    if context.output.file.is_some() {
        return Err(Failure::Usage(
            "-o cannot be used with run; redirect the output of the command instead".into(),
        ));
    }
    let variables = collect_variables(context, sources)?;
    if !variables.iter().any(|variable| variable.kind.is_secret()) {
        note_no_secrets(context, sources, mask);
    }
    let texts = variables.iter().filter_map(|variable| variable.text().transpose());
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    if let Some(message) = texts.iter().find_map(|(variable, text)| sizes::excess(variable, text)) {
        context.print_message(&message);
        return Ok(NOT_EXECUTABLE);
    }
    let Some(mut command) = find_command(&words[0], &context.directory) else {
        return Ok(report_start_error(context, &words[0], io::ErrorKind::NotFound.into()));
    };
    command.args(&words[1..]).envs(texts.iter().map(|(variable, text)| (&variable.name, text)));
    withhold_keys(&mut command);
    if context.directory.as_os_str() != "." {
        command.current_dir(&context.directory);
    }
    reset_for_child(&mut command, context.hosted);

    let mask = mask.then(|| {
        let secrets: Vec<_> = variables.iter().filter(|variable| variable.kind.is_secret()).collect();
        report_unmasked(context, &secrets);
        let values = secrets.iter().map(|variable| variable.value.clone()).collect();
        Mask::new(as_printed(printed_forms(values)))
    });
    match run_with_files(context, command, mask.as_ref(), &variables)? {
        Ok(status) => {
            let code = end_like(status);
            if context.hosted {
                exit_at_once(code);
            }
            Ok(code)
        }
        Err(ChildError::Start(error)) if error.kind() == io::ErrorKind::ArgumentListTooLong => {
            context.print_message(&sizes::describe_all(&words, &texts));
            Ok(NOT_EXECUTABLE)
        }
        Err(ChildError::Start(error)) => Ok(report_start_error(context, &words[0], error)),
        Err(ChildError::PassOn(error)) => {
            Err(Failure::Failed(file::failure("Cannot pass on the output of", words[0].as_ref(), error)))
        }
    }
}

/// Says to a user that the command gets no secrets. Scripts may use `run` in any case.
fn note_no_secrets(context: &Context, sources: &SourceArgs, mask: bool) {
    if !io::stderr().is_terminal() {
        return;
    }
    let effect = if mask { "nothing is masked" } else { "the command gets none" };
    let has_unread = sources.env_files.is_empty() && context.path(".env".as_ref()).is_file();
    let advice = if has_unread { "; .env is read only with --env-file .env" } else { "" };
    context.note(&format!("no variable refers to a secret, so {effect}{advice}"));
}

/// Says whose values are too short to be masked.
fn report_unmasked(context: &Context, secrets: &[&Variable]) {
    let names = secrets.iter().filter(|variable| is_too_short(&variable.value));
    let names: Vec<_> = names.map(|variable| printable(&variable.name.to_string_lossy())).collect();
    if !names.is_empty() {
        let (names, count) = (names.join(", "), MIN_CHARACTERS);
        context.print_message(&format!(
            "Not masked, because the value has fewer than {count} characters: {names}"
        ));
    }
}

/// Runs the command with those secrets as files that it gets as such. On Unix, the command replaces this process if
/// nothing is left to do.
fn run_with_files(
    context: &Context,
    mut command: process::Command,
    mask: Option<&Mask>,
    variables: &[Variable],
) -> Result<Result<ExitStatus, ChildError>, Failure> {
    let mut wanted = variables.iter().filter(|variable| variable.kind.is_file()).peekable();
    if wanted.peek().is_none() && mask.is_none() {
        return Ok(run_command(command));
    }
    // Begins before there are files, so that no signal leaves them behind.
    let turn = match ChildTurn::begin() {
        Ok(turn) => turn,
        Err(error) => return Ok(Err(error)),
    };
    let mut files = wanted.peek().map(|_| SecretFiles::new()).transpose().map_err(Failure::Failed)?;
    for variable in wanted {
        if let Some(files) = &mut files {
            command.env(&variable.name, files.add(&variable.value).map_err(Failure::Failed)?);
        }
    }
    let remove = move || {
        if let Some(Err(error)) = files.map(SecretFiles::remove) {
            context.print_message(&error.to_string());
        }
    };
    Ok(turn.run(command, mask, remove))
}

/// Reports why the command could not be started, and returns the exit code of a shell for that.
fn report_start_error(context: &Context, word: &OsStr, error: io::Error) -> i32 {
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    context.print_message(&file::failure("Cannot run", word.as_ref(), error).to_string());
    code
}
