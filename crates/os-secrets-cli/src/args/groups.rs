//! Arguments that several commands have, or that belong together.

use std::{ffi::OsString, ops::RangeInclusive, path::PathBuf};

use clap::Args;

use crate::plain;

/// How many characters `generate` can make.
pub const LENGTHS: RangeInclusive<i64> = 1..=4096;
/// After how many seconds the clipboard can be cleared.
pub const CLEAR_TIMES: RangeInclusive<i64> = 0..=86_400;

/// The arguments that name one credential.
#[derive(Args)]
pub struct CredentialArgs {
    /// The name of the secret
    pub name: OsString,
    #[command(flatten)]
    pub service: ServiceArg,
}

/// `--service`.
#[derive(Args)]
pub struct ServiceArg {
    /// Use the credential of this application, which may have any name, instead of a secret
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<OsString>,
}

/// `--json`.
#[derive(Args)]
pub struct FormatArg {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `--env-file`, `--profile` and `--no-project`: where the variables of `run`, `env` and `check` come from.
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

/// The arguments of `import` for the files of other programs.
#[derive(Args)]
pub struct PlainArgs {
    /// Store the credentials that this program keeps in plain text [FILE is then the program's own file by default]
    #[arg(long, value_name = "CLIENT", conflicts_with = "service")]
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(plain::FORMATS.iter().map(|format| format.name())))]
    #[arg(hide_possible_values = true)]
    pub from: Option<String>,
    /// With --from: delete each entry from the file after its value was stored and read back
    #[arg(long, requires = "from")]
    pub delete: bool,
}

/// The arguments of `generate`.
#[derive(Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    pub credential: CredentialArgs,
    /// The number of characters
    // With the default alphabet, 190 bits: more than the 128 that nobody can try, and short enough for every form.
    #[arg(long, value_name = "N", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u32).range(LENGTHS))]
    pub length: u32,
    /// Which characters: alnum (A-Z, a-z, 0-9), lower (a-z, 0-9), hex, digits, url (alnum, - and _), ascii (all that can
    /// be seen), or the characters themselves, each once
    // Letters and digits need no quotes or escapes in shells, URLs, JSON and dotenv files.
    #[arg(long, value_name = "ALPHABET", default_value = "alnum")]
    pub alphabet: String,
    /// Replace the secret if there is one
    #[arg(long)]
    pub force: bool,
    /// Also print the value, as get does
    #[arg(long)]
    pub print: bool,
}

/// The arguments of `get` for the clipboard.
#[derive(Args)]
pub struct ClipArgs {
    /// Copy the value to the clipboard instead, and print nothing
    #[arg(long)]
    pub clip: bool,
    /// Clear the clipboard after this time if it still has the value, or never if 0 [default: 45]
    #[arg(long, value_name = "SECONDS", requires = "clip")]
    #[arg(value_parser = clap::value_parser!(u32).range(CLEAR_TIMES))]
    pub clear_after: Option<u32>,
}
