//! `doctor`: checks whether the store works, and shows how to fix it.
//!
//! [`examine`] makes the report, for the addon as well; the rest of this file prints it. `file.rs` examines an encrypted
//! file; `linux.rs`, `macos.rs` and `windows.rs` examine the operating system's store; `others.rs` examines the stores
//! that only code can open. `settings.rs` adds where the settings come from, `repository.rs` the `datapackage.json` of the
//! workspace, and `trial.rs` what `--write` tries.

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    context::Context,
    exit_codes::{FAILED, SUCCESS},
    failure::Failure,
    output::{print_message, printable},
    selected_store::SelectedStore,
};
use os_secrets::{
    error::Error,
    executor::block_on,
    file::shell_word,
    printable::printable_path,
    program::command_line,
    store::{self, file::FileStore, vault::VaultStore},
};

mod file;
#[cfg(all(any(target_os = "linux", target_os = "freebsd"), not(keychain_model)))]
#[path = "linux.rs"]
mod os;
#[cfg(any(target_os = "macos", keychain_model))]
#[path = "macos.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;
mod others;
mod repository;
mod settings;
mod trial;

/// How long `doctor` waits before it says for what.
const SILENCE: Duration = Duration::from_secs(3);

/// A property of the store: its name and its value.
type Property = (&'static str, Value);

/// Something that is wrong, or worth knowing.
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// The command that fixes it, or advice.
    pub fix: Cow<'static, str>,
    /// Whether credentials cannot be read or stored because of it.
    pub fatal: bool,
}

impl Problem {
    /// Something that keeps credentials from being read or stored.
    fn fatal(what: impl Into<String>, fix: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), fix: fix.into(), fatal: true }
    }

    /// Something that is worth knowing.
    fn note(what: impl Into<String>, fix: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), fix: fix.into(), fatal: false }
    }
}

/// A store that can be examined.
#[derive(Clone)]
pub enum Subject {
    /// The operating system's.
    Os,
    /// An encrypted file.
    File {
        /// The store in the file.
        store: Arc<FileStore>,
        /// Words that say from which directory a relative path was taken, with a space in front. They may be empty.
        start: String,
    },
    /// Memory.
    Memory,
    /// A server of Vault or OpenBao.
    Vault(Arc<VaultStore>),
    /// A store that the program provides.
    Custom,
    /// A credential helper. Holds the path of the program.
    Helper(PathBuf),
}

/// The result of an examination.
pub struct Report {
    /// All properties but `works`, which the problems decide.
    properties: Vec<Property>,
    problems: Vec<Problem>,
}

/// Examines a store. Nobody is asked, and nothing is changed. Call it on the thread of the
/// [`executor`](os_secrets::executor).
///
/// # Errors
///
/// [`Error::InvalidSetting`] if a setting is wrong, and [`Error::Internal`].
pub async fn examine(subject: Subject) -> Result<Report, Error> {
    match subject {
        Subject::Os => os::examine().await,
        Subject::File { store, start } => file::examine(store, &start).await,
        Subject::Memory => Ok(others::examine_memory()),
        Subject::Vault(store) => others::examine_vault(&store).await,
        Subject::Custom => Ok(others::examine_custom()),
        Subject::Helper(command) => others::examine_helper(command).await,
    }
}

/// The command that makes an encrypted file the store of all programs of this user.
fn use_file() -> String {
    let settings = store::settings();
    let line = "store = \"file\"";
    let names_no_store = settings.settings_file.settings().is_ok_and(|named| named.store.is_none());
    let select = match settings.settings_file.path.as_deref().filter(|_| names_no_store) {
        Some(path) if cfg!(windows) => format!("put the line {line} into {}", printable_path(path)),
        Some(path) => format!("echo '{line}' >>{}", shell_word(path)),
        None if cfg!(windows) => "set the variable OS_SECRETS_PROVIDER to file".into(),
        None => "export OS_SECRETS_PROVIDER=file".into(),
    };
    // A second identity would be refused.
    if settings.file.own_identity().is_some_and(|identity| identity.exists()) {
        return select;
    }
    let init = command_line("init");
    if cfg!(windows) { format!("Run: {init}, and {select}") } else { format!("{init} && {select}") }
}

impl Report {
    /// Whether credentials can be read and stored.
    fn works(&self) -> bool {
        !self.problems.iter().any(|problem| problem.fatal)
    }

    /// All properties, in their order.
    fn properties(&self) -> impl Iterator<Item = Property> {
        [("works", json!(self.works()))].into_iter().chain(self.properties.iter().cloned())
    }

    /// The report as a JSON object, as `doctor --json` prints it.
    pub fn to_json(&self) -> String {
        let mut object = serde_json::Map::new();
        object.extend(self.properties().map(|(name, value)| (name.to_owned(), value)));
        let problems = self
            .problems
            .iter()
            .map(|problem| json!({ "what": problem.what, "fix": problem.fix, "fatal": problem.fatal }));
        object.insert("problems".into(), problems.collect());
        Value::Object(object).to_string()
    }
}

pub fn doctor(context: &Context, json: bool, write: bool) -> Result<i32, Failure> {
    context.reject_scope("doctor")?;
    let selected = context.selected_store();
    let are_settings_refused = store::settings().settings_file.content.is_err();
    let mut report = match selected.clone().and_then(|selected| examine_selected(context, selected)) {
        Ok(report) => report,
        // The settings do not say which store or file it is.
        Err(_) if are_settings_refused => Report { properties: Vec::new(), problems: Vec::new() },
        Err(error) => return Err(error.into()),
    };
    let mut outcome = trial::Outcome::default();
    // A store that is known not to work is not tried.
    if let (true, false, true, Ok(selected)) = (write, are_settings_refused, report.works(), selected) {
        outcome = trial::try_store(context, &selected)?;
        report = examine_selected(context, selected)?;
    }
    settings::add(context, &mut report);
    repository::add(context, &mut report);
    if write {
        outcome.add_to(&mut report);
    }
    let text = if json { format!("{}\n", report.to_json()) } else { as_text(&report) };
    context.output.write(text.as_bytes())?;
    Ok(if report.works() { SUCCESS } else { FAILED })
}

/// Whether the store that is selected can be read and changed. Nobody is asked, and nothing is changed.
pub fn is_store_working(context: &Context) -> bool {
    let report = context.selected_store().and_then(|selected| examine_selected(context, selected));
    report.is_ok_and(|report| report.works())
}

fn examine_selected(context: &Context, selected: SelectedStore) -> Result<Report, Error> {
    let subject = selected.into_subject(context.store_start());
    let awaited = describe_awaited(&subject);
    while_noting_the_wait(context, &awaited, || block_on(examine(subject)))?
}

/// What an examination may have to wait for.
fn describe_awaited(subject: &Subject) -> String {
    match subject {
        Subject::Os if cfg!(target_os = "macos") => "Keychain".into(),
        Subject::Os if cfg!(windows) => "Credential Manager".into(),
        Subject::Os => "the Secret Service".into(),
        Subject::File { store, .. } => match store.path() {
            Ok(path) => format!("the encrypted file {}, or its identity", printable_path(path)),
            Err(_) => "the identity".into(),
        },
        Subject::Memory => "the memory".into(),
        Subject::Vault(store) => match store.place_of_secrets() {
            Ok((address, _)) => format!("the server {}", printable(&address)),
            Err(_) => "the server".into(),
        },
        Subject::Custom => "the provider".into(),
        Subject::Helper(command) => printable_path(command).to_string(),
    }
}

/// Does work, and says what it waits for if that takes long.
fn while_noting_the_wait<T>(context: &Context, awaited: &str, work: impl FnOnce() -> T) -> T {
    let (program, quiet) = (context.program, context.output.quiet);
    let (working, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) && !quiet {
                print_message(program, &format!("still waiting for {awaited}"));
            }
        });
        let result = work();
        drop(working);
        result
    })
}

fn as_text(report: &Report) -> String {
    let lines: Vec<(&str, String)> = report
        .properties()
        .flat_map(|(name, value)| match name {
            settings::NAME => settings::as_lines(&value).to_vec(),
            _ => vec![(name, value_as_text(name, &value))],
        })
        .collect();
    let width = lines.iter().map(|(name, _)| name.len() + 1).max().unwrap_or(0).max(12);
    let mut text: String =
        lines.iter().map(|(name, value)| format!("{name:<width$}{}\n", printable(value))).collect();
    for problem in &report.problems {
        let kind = if problem.fatal { "problem" } else { "note" };
        text.push_str(&format!("\n{kind}: {}\n  {}\n", printable(&problem.what), printable(&problem.fix)));
    }
    text
}

fn value_as_text(name: &str, value: &Value) -> String {
    match value {
        Value::Null if trial::STEPS.contains(&name) => "not tried".into(),
        Value::Null
            if ["bus", "collection", "keychain", "os_identity", "backup", "repository"].contains(&name) =>
        {
            "none".into()
        }
        Value::Null => "unknown".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Array(texts) if texts.is_empty() => "none".into(),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::Object(_) => repository::as_text(value),
        value => value.to_string(),
    }
}
