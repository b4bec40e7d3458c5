//! For the tests: runs a command with values masked, `mask [--reset] [VALUE…] -- COMMAND [ARGUMENT…]`.

use std::{
    env,
    ffi::OsString,
    process::{Command, exit},
};

use os_secrets::credential::Secret;
use os_secrets_cli::{
    child::{end_like, reset_for_child, run_masked},
    mask::Mask,
};

fn main() {
    let mut arguments = env::args_os().skip(1).peekable();
    let resets = arguments.next_if(|argument| argument == "--reset").is_some();
    let values = arguments.by_ref().take_while(|argument| argument != "--");
    let mask = Mask::new(values.map(OsString::into_encoded_bytes).map(Secret::new).collect());
    let mut command = Command::new(arguments.next().expect("a command is given"));
    command.args(arguments);
    if resets {
        reset_for_child(&mut command, true);
    }
    match run_masked(command, &mask) {
        Ok(status) => exit(end_like(status)),
        Err(error) => {
            eprintln!("mask: {error:?}");
            exit(125);
        }
    }
}
