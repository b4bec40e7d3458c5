//! Where the variables of `run`, `env` and `check` come from.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

/// `--env-file`, `--profile` and `--no-project`.
#[derive(Args, Default)]
pub struct SourceArgs {
    /// Add the variables of this dotenv file. They override all others; the last file wins
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
    /// The profile of the project file .secrets.toml [default: OS_SECRETS_PROFILE, or none]
    #[arg(long, value_name = "NAME", conflicts_with = "no_project")]
    pub profile: Option<OsString>,
    /// Do not use the project file .secrets.toml
    #[arg(long)]
    pub no_project: bool,
}
