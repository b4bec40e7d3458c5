//! `inject`: fills in the references of a template.
//!
//! `template.rs` finds the references. `filters.rs` writes a value as another language does. `json_check.rs` refuses values
//! that would break a JSON file.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{context::Context, failure::Failure, output::is_utf16};
use json_check::JsonTemplate;
use os_secrets::credential::Secret;
use template::{Reference, TemplatePart, parse};

mod filters;
mod json_check;
mod template;

pub fn inject(context: &Context, input: Option<PathBuf>) -> Result<(), Failure> {
    let input = input.as_deref();
    let template = context.read_input(input)?;
    if is_utf16(&template) {
        return Err(context.invalid_input(input, "is UTF-16 text, and a template must be UTF-8".into()));
    }
    let parts = parse(&template)?;
    let references: Vec<_> = parts.iter().filter_map(TemplatePart::as_reference).collect();
    let names = references.iter().map(|reference| Secret::new(reference.text.to_vec())).collect();
    let lines = references.iter().map(|reference| line_in_errors(reference.line)).collect();
    let resolved = context.resolve(names, Some(lines))?;
    let values = references.iter().zip(resolved).map(|(reference, value)| filter(reference, value));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let is_json = [input, context.output.file.as_deref()].into_iter().flatten().any(has_json_extension);
    let json = if is_json { JsonTemplate::of(&parts) } else { None };
    if let Some(json) = &json {
        json.check_values(&references, &values)?;
    }
    let filled = fill(&parts, &values);
    if let Some(json) = &json {
        json.check_filled(&filled)?;
    }
    context.output.write(&filled)
}

/// The value as the reference's filters write it.
fn filter(reference: &Reference<'_>, value: Secret) -> Result<Secret, Failure> {
    let refuse = |reason| Failure::Refused(format!("{}: {reason}", line_in_errors(reference.line)).into());
    reference.filters.iter().try_fold(value, |value, filter| filter.apply(value)).map_err(refuse)
}

fn fill(parts: &[TemplatePart<'_>], values: &[Secret]) -> Zeroizing<Vec<u8>> {
    let mut values = values.iter();
    let pieces: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            TemplatePart::Text(text) => Some(*text),
            TemplatePart::Reference(_) => values.next().map(Secret::expose),
        })
        .collect();
    let mut filled = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    for piece in pieces {
        filled.extend_from_slice(piece);
    }
    filled
}

fn has_json_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn line_in_errors(line: usize) -> String {
    format!("line {line} of the template")
}
