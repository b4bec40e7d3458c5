//! The commands, one file per command.
//!
//! `doctor/` has a file per kind of store, `run/` has files for the variables, and `inject/` for the template.
//! `transfer.rs` is what `copy`, `import` and `migrate` have in common.

use crate::{args::Command, context::Context, exit_codes::SUCCESS, failure::Failure, helpers};

mod check;
mod clip;
mod completions;
mod copy;
mod delete;
pub mod doctor;
mod edit;
mod env;
mod export;
mod generate;
mod get;
mod has;
mod import;
mod import_plain;
pub mod init;
mod inject;
mod list;
mod migrate;
mod rekey;
mod rename;
mod resolve;
mod run;
pub mod set;
mod setup;
mod textconv;
mod transfer;

/// Executes a command and returns the exit code.
pub fn execute(context: &Context, command: Command) -> Result<i32, Failure> {
    match command {
        Command::Set { credential, raw, value } => set::set(context, credential, raw, value),
        Command::Get { credential, raw, format, clip } => {
            get::get(context, credential, raw, format.json, clip)
        }
        Command::List { service, format, long } => list::list(context, service, format.json, long),
        Command::Has { credential } => has::has(context, credential),
        Command::Resolve { raw, value } => resolve::resolve(context, raw, value),
        Command::Delete { credential } => delete::delete(context, credential),
        Command::Edit { credential, raw } => edit::edit(context, credential, raw),
        Command::Generate(arguments) => generate::generate(context, arguments),
        Command::Rename { old, new, service, force } => rename::rename(context, old, new, service, force),
        Command::Run { sources, mask, command } => return run::run(context, &sources, mask, command),
        Command::Check { sources, format } => check::check(context, &sources, format.json),
        Command::Env { sources, shell } => env::env(context, &sources, shell.as_deref()),
        Command::Inject { input } => inject::inject(context, input),
        Command::Import { file, service, force, dry_run, plain } => {
            import::import(context, file, service, force, dry_run, plain)
        }
        Command::Export { service, values } => export::export(context, service, values),
        Command::Migrate { from, service, delete } => migrate::migrate(context, &from, service, delete),
        Command::Copy { from, to, service } => copy::copy(context, from, to, service),
        Command::Init { os: true, force, file } => init::init_in_os_store(context, file, force),
        Command::Init { os: false, file, .. } => init::init(context, file),
        Command::Rekey { add, remove } => rekey::rekey(context, &add, &remove),
        Command::Textconv { file } => textconv::textconv(context, &file),
        Command::Doctor { format, write } => {
            return doctor::doctor(context, format.json, write).map_err(Failure::of_any_kind);
        }
        Command::Setup { client, name, dry_run, undo } => {
            setup::setup(context, client.as_deref(), name, dry_run, undo)
        }
        Command::Helper { client, words } => return helpers::answer(context, &client, words),
        Command::ClearClipboard { clipboard, seconds } => clip::clear_clipboard(&clipboard, seconds),
        Command::Completions { shell } => completions::completions(context, &shell),
    }
    .map(|()| SUCCESS)
}
