//! The commands and their help texts.

use std::{ffi::OsString, path::PathBuf};

use clap::Subcommand;

use super::groups::{ClipArgs, CredentialArgs, FormatArg, GenerateArgs, PlainArgs, ServiceArg, SourceArgs};
use crate::helpers;

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Store a secret
    ///
    /// Replaces the value that the secret had. Without VALUE, reads the value from standard input and drops one newline
    /// (LF or CRLF) at its end, or asks for it twice on a terminal.
    Set {
        #[command(flatten)]
        credential: CredentialArgs,
        /// Store exactly what standard input gives: any bytes, and the newline at their end
        #[arg(short = 'n', long)]
        raw: bool,
        /// The value, or - for standard input. Others can see it, and the shell's history keeps it, so prefer standard
        /// input
        value: Option<OsString>,
    },
    /// Print a secret
    ///
    /// A newline follows the value. It is LF, or CRLF if the value ends with a carriage return, so that set drops exactly
    /// this newline.
    Get {
        #[command(flatten)]
        credential: CredentialArgs,
        /// Print exactly the value, without a newline
        #[arg(short = 'n', long)]
        raw: bool,
        #[command(flatten)]
        format: FormatArg,
        #[command(flatten)]
        clip: ClipArgs,
    },
    /// List the names of secrets
    ///
    /// On a terminal and with --json, also prints the scope of each secret.
    List {
        #[command(flatten)]
        service: ServiceArg,
        #[command(flatten)]
        format: FormatArg,
        /// Print the scope of each secret, and when it was changed if the store knows
        #[arg(long)]
        long: bool,
    },
    /// Exit with 0 if there is such a secret, and with 1 if not
    ///
    /// Prints nothing, reads no value, and never asks the user for anything. Exits with 3 if the store cannot tell.
    Has {
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Print the secret that a reference names
    ///
    /// The reference secret:NAME prints the secret NAME. Any other value is printed as it is. A newline follows, as with
    /// get.
    Resolve {
        /// Print exactly the value, without a newline
        #[arg(short = 'n', long)]
        raw: bool,
        /// A reference (secret:NAME), or any other text
        value: OsString,
    },
    /// Delete a secret
    Delete {
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Store a new random value
    ///
    /// The value comes from the operating system's random numbers. It is printed only with --print. A secret that exists
    /// is replaced only with --force.
    Generate(GenerateArgs),
    /// Change a secret in an editor
    ///
    /// The editor is $VISUAL, else $EDITOR, else vi. It gets a private file in memory, which is overwritten and removed
    /// afterwards. If the value is unchanged, or the editor fails, nothing is stored. A newline follows the value in the
    /// file, and one newline at the end is dropped, as with get and set. Only Linux has files in memory.
    Edit {
        #[command(flatten)]
        credential: CredentialArgs,
        /// Edit exactly the value: any bytes, and no newline added or dropped
        #[arg(short = 'n', long)]
        raw: bool,
    },
    /// Give a secret another name
    ///
    /// Stores the value under NEW, reads it back, and only then deletes OLD. If this fails in between, OLD still has the
    /// value, and the same command can be run again. Both names are in the same scope.
    Rename {
        /// The name of the secret
        old: OsString,
        /// The new name
        new: OsString,
        #[command(flatten)]
        service: ServiceArg,
        /// Replace the secret NEW if it has a different value
        #[arg(long)]
        force: bool,
    },
    /// Run a command with secrets in its environment
    ///
    /// Sets the variables of the project file .secrets.toml. Every variable whose value is secret:NAME gets the secret
    /// NAME as its value. With secret-file:NAME, it gets the path of a private file with the secret, which is removed
    /// when the command ends. If a secret does not exist, the command is not started. Exits with the exit code of the
    /// command, with 127 if it is not found, and with 126 if it cannot be run.
    Run {
        #[command(flatten)]
        sources: SourceArgs,
        /// Replace the secrets that the command gets with *** in its output, also their lines and encodings
        #[arg(long)]
        mask: bool,
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Say which secrets the project needs and does not have
    ///
    /// Prints each variable that run would set, and whether its secret exists. Prints and reads no values. Exits with 1 if a
    /// secret is missing.
    Check {
        #[command(flatten)]
        sources: SourceArgs,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Print the variables that run would set, for a shell to evaluate
    ///
    /// In bash and zsh: eval "$(secrets env)". In fish: secrets env | source. In PowerShell: secrets env |
    /// Invoke-Expression. Prints nothing if a secret does not exist.
    Env {
        #[command(flatten)]
        sources: SourceArgs,
        /// The shell: bash, zsh, sh, fish, powershell, or json [default: the one that SHELL names]
        #[arg(long, value_name = "SHELL", value_parser = ["bash", "zsh", "sh", "fish", "powershell", "json"])]
        #[arg(hide_possible_values = true)]
        shell: Option<String>,
    },
    /// Fill in the references of a template
    ///
    /// Replaces every {{ secret:NAME }} with the secret NAME. {{ secret:NAME | json }} writes it as the inside of a JSON
    /// string, | sh as a word of a shell, | url for a URL, and | base64 in base64. {{{{ secret:NAME }}}} becomes
    /// {{ secret:NAME }}. Other text in {{ }} stays as it is.
    Inject {
        /// The template, or - for standard input [default: -]
        #[arg(short, long, value_name = "FILE")]
        input: Option<PathBuf>,
    },
    /// Print the names of all secrets as JSON, or with --values the secrets themselves
    ///
    /// Prints one object with a member for each secret. Its value is null, or with --values the text. A value that is not
    /// text becomes an object with its bytes under "base64". import takes such a file.
    Export {
        #[command(flatten)]
        service: ServiceArg,
        /// Also print the values
        #[arg(long)]
        values: bool,
    },
    /// Store the values of a dotenv or JSON file as secrets
    ///
    /// The input is JSON, in the form of export, if the file's name ends with .json or the text starts with {.
    /// API_KEY becomes the secret api_key. With --service, the name stays as it is. A secret that has a different value
    /// is replaced only with --force.
    Import {
        /// The file, or - for standard input [default: -]
        file: Option<PathBuf>,
        #[command(flatten)]
        service: ServiceArg,
        /// Replace secrets that have a different value
        #[arg(long)]
        force: bool,
        /// Print what would be stored, and store nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        plain: PlainArgs,
    },
    /// Copy credentials that another package has stored
    ///
    /// Reads each copy back and compares it. Never overwrites a different value.
    Migrate {
        /// The package: keytar, napi-rs (@napi-rs/keyring), keyring (the Rust crate) or bus-preferences (BusDK)
        #[arg(long, value_name = "PACKAGE", value_parser = ["keytar", "napi-rs", "keyring", "bus-preferences"])]
        #[arg(hide_possible_values = true)]
        from: String,
        #[command(flatten)]
        service: ServiceArg,
        /// Delete each original after its copy was read back and is equal
        #[arg(long)]
        delete: bool,
    },
    /// Copy credentials from one store to another
    ///
    /// Reads each copy back and compares it. Never overwrites a different value.
    Copy {
        /// The store to copy from: os, file, vault, or a path to an encrypted file
        #[arg(long, value_name = "STORE")]
        from: OsString,
        /// The store to copy to
        #[arg(long, value_name = "STORE")]
        to: OsString,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Make an identity for an encrypted file, and print its recipient
    ///
    /// The identity is the private key that unlocks the file. The recipient is its public key.
    Init {
        /// Keep the identity in the operating system's store, as OS_SECRETS_IDENTITY=os uses it. One that is there is kept
        #[arg(long)]
        os: bool,
        /// With --os, make an identity although there is an encrypted file that it does not open, such as one that was made
        /// on another machine. One that is there is kept even so
        #[arg(long, requires = "os")]
        force: bool,
        /// The file for the identity [default: os-secrets/identity in your configuration directory]
        file: Option<PathBuf>,
    },
    /// Change who can read the encrypted file, and print the recipients
    Rekey {
        /// Let this recipient (age1… or the line of an SSH public key) read the file
        #[arg(long, value_name = "RECIPIENT")]
        add: Vec<String>,
        /// Keep this recipient from reading future versions of the file. They keep what they have read
        #[arg(long, value_name = "RECIPIENT")]
        remove: Vec<String>,
    },
    /// Print what an encrypted file holds, without values, for git diff
    ///
    /// Prints the recipients of the file and the names of its secrets. Tell git about it with: git config
    /// diff.os-secrets.textconv "secrets textconv"
    Textconv {
        /// The encrypted file
        file: PathBuf,
    },
    /// Check whether the store works, and show how to fix it
    ///
    /// Changes nothing and asks for nothing, unless --write. Exits with 1 if the store does not work.
    Doctor {
        #[command(flatten)]
        format: FormatArg,
        /// Also store, read and delete a throw-away secret
        #[arg(long)]
        write: bool,
    },
    /// Make another program ask os-secrets for its credentials
    ///
    /// Prints the change to the program's configuration, and makes it. Without CLIENT, prints which programs ask os-secrets,
    /// and which credentials they keep in plain text.
    Setup {
        /// The program
        client: Option<String>,
        /// For aws the profile, for kubectl the user, for bazel the host, for keyring the directory, for pnpm the registry
        /// [default: all that are stored, or npm's registry]
        name: Option<OsString>,
        /// Print the change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Take the change back. Other edits of the file stay
        #[arg(long)]
        undo: bool,
    },
    /// Answer a program that asks for its credentials, in its own protocol
    ///
    /// setup configures programs so that they run this command.
    Helper {
        /// The program
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(helpers::CLIENTS))]
        #[arg(hide_possible_values = true)]
        client: String,
        /// What the program's protocol demands
        #[arg(last = true)]
        words: Vec<OsString>,
    },
    /// Clear the clipboard, as get --clip starts it
    #[command(hide = true)]
    ClearClipboard {
        /// Which clipboard
        clipboard: String,
        /// When
        seconds: u32,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_parser = ["bash", "fish", "powershell", "zsh"])]
        shell: String,
    },
}
