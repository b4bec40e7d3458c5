//! `doctor`: says which store would be used, and whether it works.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Context, Failure, output::shown, stores::Selected};

mod file;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod os;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;

/// Something that is known, and its name.
type Fact = (&'static str, Value);

/// Something that is not as it should be.
pub struct Problem {
    pub what: String,
    /// What mends it, a command where there is one.
    pub mend: Cow<'static, str>,
    /// Whether credentials cannot be read or stored because of it.
    pub fatal: bool,
}

/// What was found.
pub struct Report {
    pub facts: Vec<Fact>,
    pub problems: Vec<Problem>,
}

/// Whether a store with these problems works all the same.
fn works(problems: &[Problem]) -> bool {
    !problems.iter().any(|problem| problem.fatal)
}

pub fn doctor(context: &Context, json: bool) -> Result<i32, Failure> {
    context.without_scope("doctor")?;
    let Report { facts, problems } = match context.selected()? {
        Selected::Os => os::examine()?,
        Selected::File(store) => file::examine(store)?,
    };
    let text = if json { as_json(&facts, &problems) } else { as_text(&facts, &problems) };
    context.output.write(text.as_bytes())?;
    Ok(i32::from(!works(&problems)))
}

fn as_text(facts: &[Fact], problems: &[Problem]) -> String {
    let mut text: String = facts
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Null if ["bus", "collection", "keychain", "backup"].contains(name) => "none".into(),
                Value::Null => "unknown".into(),
                Value::Bool(true) => "yes".into(),
                Value::Bool(false) => "no".into(),
                Value::String(text) => text.clone(),
                Value::Array(texts) if texts.is_empty() => "none".into(),
                Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                value => value.to_string(),
            };
            format!("{name:<12}{}\n", shown(&value))
        })
        .collect();
    for problem in problems {
        let kind = if problem.fatal { "problem" } else { "note" };
        text.push_str(&format!("\n{kind}: {}\n  {}\n", shown(&problem.what), problem.mend));
    }
    text
}

fn as_json(facts: &[Fact], problems: &[Problem]) -> String {
    let mut object = serde_json::Map::new();
    object.extend(facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let problems = problems
        .iter()
        .map(|problem| json!({ "what": problem.what, "mend": problem.mend, "fatal": problem.fatal }));
    object.insert("problems".into(), problems.collect());
    format!("{}\n", Value::Object(object))
}
