//! `completions`: prints a shell's completion script.

use clap_complete::Shell;

use crate::{args::definition, context::Context, failure::Failure};

pub fn completions(context: &Context, shell: &str) -> Result<(), Failure> {
    context.reject_scope("completions")?;
    context.reject_store("completions")?;
    let shell = match shell {
        "bash" => Shell::Bash,
        "fish" => Shell::Fish,
        "powershell" => Shell::PowerShell,
        _ => Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(context.program), context.program.name(), &mut script);
    context.output.write(&script)
}
