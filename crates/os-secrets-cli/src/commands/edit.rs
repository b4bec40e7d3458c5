//! `edit`: opens a secret in an editor.
//!
//! The editor gets a private file in memory, never one on a disk.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
};

use zeroize::Zeroizing;

use super::{
    get::newline_after,
    set::{check_text, drop_newline},
};
use crate::{
    args::CredentialArgs,
    child::{ChildError, ChildTurn, reset_for_child, withhold_keys},
    context::Context,
    failure::Failure,
    output::{is_plain_text, read_input},
    secret_files::{self, SecretFiles},
};
use os_secrets::{credential::Secret, file, scope::Scope};

/// The editor if the user has named none. POSIX has it everywhere.
const EDITOR: &str = "vi";
const NO_MEMORY: &str = "there is no directory in memory for the editor's file (XDG_RUNTIME_DIR or /dev/shm), and the value \
                         must not lie on a disk. To replace the value, use secrets set";
const CHANGED: &str = "another program has changed the secret in the meantime; nothing was stored";
const NOT_TEXT: &str = "the value is not UTF-8 text without NUL bytes. To edit its bytes, use --raw";

pub fn edit(context: &Context, credential: CredentialArgs, raw: bool) -> Result<(), Failure> {
    let target = context.target(credential, || context.scope_to_change())?;
    if !secret_files::has_memory() {
        return Err(Failure::Refused(NO_MEMORY.into()));
    }
    let value = context.get_value(&target)?.ok_or_else(|| target.not_found())?;
    if !raw && !is_plain_text(value.expose()) {
        return Err(Failure::Refused(NOT_TEXT.into()));
    }
    let edited = edit_in_memory(context, &value, raw)?;
    if edited.expose().is_empty() {
        return Err(Failure::Refused(
            "the value is empty; nothing was changed. To remove a secret, use delete".into(),
        ));
    }
    if edited == value {
        context.note("the value is unchanged; nothing was stored");
        return context.output.write(b"");
    }
    let scope = target.scope();
    if !raw || scope == Some(Scope::Repository) {
        check_text(context.program, &edited, raw)?;
    }
    let _locks = context.lock_values([&target])?;
    if context.get_value(&target)?.as_ref() != Some(&value) {
        return Err(Failure::Refused(CHANGED.into()));
    }
    context.set_value(target, edited)?;
    context.note_readers(scope);
    context.output.write(b"")
}

/// Lets the user edit a value, and returns what they have made of it.
fn edit_in_memory(context: &Context, value: &Secret, raw: bool) -> Result<Secret, Failure> {
    let editor = find_editor();
    let fail = |error| Failure::Failed(file::failure("Cannot run", editor.as_ref(), error));
    // Begins before there are files, so that no signal leaves them behind.
    let turn = match ChildTurn::begin() {
        Ok(turn) => turn,
        Err(ChildError::Start(error) | ChildError::PassOn(error)) => return Err(fail(error)),
    };
    let mut files =
        SecretFiles::in_memory().map_err(Failure::Failed)?.ok_or(Failure::Refused(NO_MEMORY.into()))?;
    let path = files.add(&with_newline(value, raw)).map_err(Failure::Failed)?;
    let command = make_command(context, &editor, &path);
    let mut edited = None;
    let finish = || {
        edited = Some(read_input(Some(&path)));
        if let Err(error) = files.remove() {
            context.print_message(&error.to_string());
        }
    };
    let status = match turn.run(command, None, finish) {
        Ok(status) => status,
        Err(ChildError::Start(error) | ChildError::PassOn(error)) => return Err(fail(error)),
    };
    if !status.success() {
        return Err(Failure::Refused(format!("the editor failed ({status}); nothing was changed").into()));
    }
    let Some(edited) = edited else { return Err(Failure::Refused("the editor did not run".into())) };
    let mut edited = edited?;
    if !raw {
        drop_newline(&mut edited);
    }
    Ok(Secret::new(std::mem::take(&mut *edited)))
}

/// What the editor gets. Editors end the last line with a newline, so a value without one gets it here, and loses it again.
fn with_newline(value: &Secret, raw: bool) -> Secret {
    let value = value.expose();
    let newline = if raw { b"" } else { newline_after(value) };
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() + newline.len()));
    text.extend_from_slice(value);
    text.extend_from_slice(newline);
    Secret::new(std::mem::take(&mut *text))
}

/// The user's editor: a command for the shell, which may have arguments.
fn find_editor() -> OsString {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(env::var_os);
    named.into_iter().find(|editor| !editor.is_empty()).unwrap_or_else(|| EDITOR.into())
}

fn make_command(context: &Context, editor: &OsStr, path: &Path) -> Command {
    // The shell becomes the editor if that is one command. Else the shell would stay, and Ctrl-C would end it.
    let is_one_command = !editor.as_encoded_bytes().iter().any(|byte| b"|&;<>(){}`$#!=\n".contains(byte));
    let mut script = OsString::from(if is_one_command { "exec " } else { "" });
    script.push(editor);
    script.push(" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg("sh").arg(path);
    withhold_keys(&mut command);
    reset_for_child(&mut command, context.hosted);
    command
}
