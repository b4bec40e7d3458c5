//! The arguments of the commands that have several flags of their own.

use clap::Args;

use super::CredentialArgs;

/// The arguments of `generate`.
#[derive(Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    pub credential: CredentialArgs,
    /// The number of characters
    // With the default alphabet, 190 bits: more than the 128 that nobody can try, and short enough for every form.
    #[arg(long, value_name = "N", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=4096))]
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
    #[arg(value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub clear_after: Option<u32>,
}
