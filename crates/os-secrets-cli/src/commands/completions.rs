//! `completions`: prints a shell's completion script.

use crate::{completion::ShellKind, context::Context, failure::Failure};

pub fn completions(context: &Context, shell: &str) -> Result<(), Failure> {
    context.reject_scope("completions")?;
    context.reject_store("completions")?;
    // The command line allows no other shell.
    let script = ShellKind::parse(shell).map(|shell| shell.script(context.program)).unwrap_or_default();
    context.output.write(script.as_bytes())
}
