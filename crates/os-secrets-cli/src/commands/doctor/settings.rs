//! Says where each setting comes from, and whether the user's settings file can be used.

use serde_json::{Value, json};

use super::{Problem, Property, Report};
use crate::context::Context;
use os_secrets::{
    environment::{Process, Variables},
    error::Error,
    printable::printable_path,
    store::{self, file::keys::KeySource, settings_file::Origin},
};

/// The name of the property.
pub const NAME: &str = "settings";

/// The variable for the directory with the identity that systemd provides.
const PROVIDED: &str = "CREDENTIALS_DIRECTORY";

/// Adds the settings to a report. Nothing works if the settings file is refused.
pub fn add(context: &Context, report: &mut Report) {
    report.properties.push(describe(context));
    if let Err(error) = &store::settings().settings_file.content {
        report
            .problems
            .push(Problem::fatal(format!("The settings file cannot be used. {error}"), find_fix(error)));
    }
}

fn describe(context: &Context) -> Property {
    let settings = store::settings();
    let file = &settings.settings_file;
    let path = file.path.as_deref().map(printable_path);
    let is_refused = file.content.is_err();
    let from_flag = |is_given: bool| is_given.then(|| "--store".to_owned());
    let from = |origin| match origin {
        _ if is_refused => None,
        Origin::Variable(name) => Some(name.to_owned()),
        Origin::SettingsFile => path.clone(),
        Origin::Default => Some("default".to_owned()),
    };
    let provided = Process.directory(PROVIDED);
    let identity = settings.file.key_source().ok().map(|source| match source {
        Some(KeySource::Variable(name)) => name.to_owned(),
        Some(KeySource::File(path)) if path.parent() == provided.as_deref() => PROVIDED.to_owned(),
        Some(KeySource::Settings(path) | KeySource::File(path)) => printable_path(path),
        None | Some(KeySource::Given | KeySource::Own(_)) => "default".to_owned(),
    });
    let value = json!({
        "path": file.path.as_ref().map(|path| path.to_string_lossy()),
        "exists": file.content.as_ref().map_or(true, Option::is_some),
        "refused": is_refused,
        "store": from_flag(context.has_store_flag()).or_else(|| from(settings.kind_origin)),
        "file": from_flag(context.has_file_flag()).or_else(|| from(settings.file.path_origin)),
        "identity": identity,
    });
    (NAME, value)
}

/// What to do about a settings file that is refused.
fn find_fix(error: &Error) -> String {
    match error {
        Error::Untrusted { advice, command, .. } => format!("{advice}: {command}"),
        _ => match store::settings().settings_file.path.as_deref() {
            Some(path) => format!("Correct {}, or remove it", printable_path(path)),
            None => "Correct the file, or remove it".into(),
        },
    }
}

/// The property as lines of text: their names and values.
pub fn as_lines(property: &Value) -> [(&'static str, String); 4] {
    let text = |name: &str| property[name].as_str().unwrap_or("unknown").to_owned();
    let file = match property["path"].as_str() {
        None => "none".to_owned(),
        Some(path) if property["refused"] == true => format!("{path} (refused)"),
        Some(path) if property["exists"] == true => path.to_owned(),
        Some(path) => format!("{path} (does not exist)"),
    };
    [(NAME, file), ("store_from", text("store")), ("file_from", text("file")), ("key_from", text("identity"))]
}
