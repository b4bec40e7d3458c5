//! `import`: stores the values of a dotenv or JSON file.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    import_plain::{PlainImport, import_plain},
    transfer::{ImportRules, ImportStep, NotDone, do_each},
};
use crate::{
    args::{PlainArgs, ServiceArg},
    context::{Context, Target, not_standard},
    dotenv::Variable,
    failure::Failure,
    output::{is_plain_text, is_utf16, printable},
    plain,
    reference::file_reference,
};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    json::Document,
    printable::printable_path,
    scope::{Name, Scope, parse_reference},
};

pub fn import(
    context: &Context,
    file: Option<PathBuf>,
    service: ServiceArg,
    force: bool,
    dry_run: bool,
    plain: PlainArgs,
) -> Result<(), Failure> {
    let rules = ImportRules { force, dry_run };
    if let Some(format) = plain.from.as_deref().and_then(plain::format) {
        context.reject_scope("import --from")?;
        return import_plain(context, format, file, PlainImport { rules, delete: plain.delete });
    }
    let service = context.service(service)?;
    let scope = context.scope_to_change()?;
    let file = not_standard(file.as_deref());
    if let Some(file) = file {
        context.reject_output_over(&[context.path(file)])?;
    }
    let text = context.read_input(file)?;
    let into = Destination { service: service.as_deref(), scope };
    let is_json = is_json(file, &text);
    let secrets = if is_json {
        choose_from_json(context, file, &text, into)?
    } else {
        let variables = context.parse_dotenv(file, &text)?;
        if variables.is_empty() {
            // As with an empty value of `set`: a command in front of the pipe may have failed.
            return Err(Failure::Usage("the input has no variables; nothing was imported".into()));
        }
        choose_from_dotenv(context, variables, into)?
    };

    let import = Import { context, rules, has_stored: Cell::new(false) };
    let done = do_each(context, "stored", secrets, |(target, value)| import.store_if_allowed(target, value));
    if import.has_stored.get() {
        context.note_readers(service.is_none().then_some(scope));
    }
    if let (Some(file), false) = (file, dry_run || is_json) {
        context.note(&format!(
            "{} still holds the values. Replace each by its reference, such as secret:NAME, or move the references into \
             .secrets.toml",
            printable_path(file)
        ));
    }
    done
}

/// A secret to store: its name, where it belongs, and its value.
type ChosenSecret = (String, (Target, Secret));

/// Where secrets are imported to.
#[derive(Clone, Copy)]
struct Destination<'a> {
    service: Option<&'a str>,
    scope: Scope,
}

impl Destination<'_> {
    /// The name that a variable or member becomes, and where the secret belongs.
    fn target(self, variable: &str) -> Result<(String, Target), Failure> {
        // Apart from capital letters, variables are names of secrets.
        let name = if self.service.is_some() { variable.to_owned() } else { variable.to_ascii_lowercase() };
        let target = match self.service {
            Some(service) => Target::Credential(Key { service: service.to_owned(), name: name.clone() }),
            None => {
                let of = printable(variable);
                let parsed = Name::parse(name.as_bytes());
                Target::Secret(parsed.map_err(|error| Error::Of { of, error: Box::new(error) })?, self.scope)
            }
        };
        Ok((name, target))
    }
}

/// Whether the input is JSON. No dotenv file starts with a brace.
fn is_json(file: Option<&Path>, text: &[u8]) -> bool {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.trim_ascii_start().starts_with(b"{")
        || file.and_then(Path::extension).is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// The secrets to store. Prints a note for each member that is skipped.
fn choose_from_json(
    context: &Context,
    file: Option<&Path>,
    text: &[u8],
    into: Destination<'_>,
) -> Result<Vec<ChosenSecret>, Failure> {
    if is_utf16(text) {
        return Err(context.invalid_input(file, "is UTF-16 text, and JSON must be UTF-8".into()));
    }
    let path = context.input_path(file);
    let document = Document::parse(&path, text).map_err(Failure::Failed)?;
    let invalid = |reason: String| context.invalid_input(file, reason);
    let (mut names, mut secrets) = (BTreeSet::new(), Vec::new());
    for (member, field) in document.members() {
        let member = member.ok_or_else(|| invalid("has a name that is not text".into()))?;
        let (name, target) = into.target(&member)?;
        if !names.insert(name.clone()) {
            return Err(invalid(format!("has several values for {name}; remove all but one")));
        }
        match field.value() {
            Some(value) if value.expose().is_empty() => {
                context.note(&format!("skipped {member}: the value is empty"));
            }
            Some(value) => secrets.push((name, (target, value))),
            None if field.is_null() => context.note(&format!("skipped {member}: there is no value")),
            None => {
                return Err(invalid(format!(
                    "has for {member} neither a text nor an object with bytes under \"base64\""
                )));
            }
        }
    }
    if secrets.is_empty() {
        return Err(Failure::Usage(
            "the input has no values; nothing was imported. To export values, use secrets export --values"
                .into(),
        ));
    }
    Ok(secrets)
}

/// The secrets to store. Prints a note for each variable that is skipped, or that the file has several times.
fn choose_from_dotenv(
    context: &Context,
    variables: Vec<Variable>,
    into: Destination<'_>,
) -> Result<Vec<ChosenSecret>, Failure> {
    let mut names = BTreeMap::new();
    let mut secrets = Vec::new();
    for Variable { name: variable, value, lines } in variables {
        if let [others @ .., last] = &*lines
            && !others.is_empty()
        {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            context.note(&format!(
                "warning: {variable} is on lines {} and {last}; the last one counts",
                others.join(", ")
            ));
        }
        if let Some(reason) = reason_to_skip(&value) {
            context.note(&format!("skipped {variable}: {reason}"));
            continue;
        }
        let (name, target) = into.target(&variable)?;
        let stands = format!("{variable} in line {}", lines[lines.len() - 1]);
        if let Some(other) = names.insert(name.clone(), stands.clone()) {
            return Err(Failure::Usage(format!(
                "{other} and {stands} would both become the secret {name}; rename one"
            )));
        }
        secrets.push((name, (target, value)));
    }
    Ok(secrets)
}

/// Why a value is not stored, if it is not.
fn reason_to_skip(value: &Secret) -> Option<&'static str> {
    let value = value.expose();
    if value.is_empty() {
        Some("the value is empty")
    } else if !matches!(parse_reference(value), Ok(None)) || file_reference(value).is_some() {
        Some("the value is already a reference")
    } else if value.contains(&0) {
        Some("the value contains a NUL byte")
    } else {
        None
    }
}

struct Import<'a> {
    context: &'a Context,
    rules: ImportRules,
    /// Whether a secret was stored.
    has_stored: Cell<bool>,
}

impl Import<'_> {
    /// Stores a value, unless the secret has a different one. Returns what was done, or what would be done.
    fn store_if_allowed(&self, target: Target, value: Secret) -> Result<&'static str, NotDone> {
        let fail = |error| NotDone::failed("was not stored", &error);
        if target.scope() == Some(Scope::Repository) && !is_plain_text(value.expose()) {
            return Err(NotDone::because(
                "was not stored: the repository holds only UTF-8 text without NUL bytes",
            ));
        }
        let stored = self.context.get_value(&target).map_err(fail)?;
        match self.rules.choose(stored.as_ref(), &value, " under this name")? {
            ImportStep::Nothing(done) => Ok(done),
            ImportStep::Store(done) => {
                self.context.set_value(target, value).map_err(fail)?;
                self.has_stored.set(true);
                Ok(done)
            }
        }
    }
}
