//! Whether values would break a JSON file, or change its structure.
//!
//! A template is JSON if it is with harmless values. Then a value within a string must stay in the string, and any other
//! must be a JSON value of its own.

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::{Reference, TemplatePart, filters::Filter, line_in_errors};
use crate::failure::Failure;
use os_secrets::credential::Secret;

/// A harmless value, in a string and elsewhere.
const HARMLESS: &[u8] = b"1";
const BOM: &str = "\u{feff}";

/// A template that is JSON.
pub struct JsonTemplate {
    /// For each reference, whether it is within a string.
    in_string: Vec<bool>,
}

impl JsonTemplate {
    /// `None` if the template is not JSON.
    pub fn of(parts: &[TemplatePart<'_>]) -> Option<Self> {
        let (mut in_string, mut text) = (Vec::new(), Vec::new());
        let (mut is_inside, mut is_escaped) = (false, false);
        for part in parts {
            match part {
                TemplatePart::Text(part) => {
                    for byte in *part {
                        is_inside ^= *byte == b'"' && !is_escaped;
                        is_escaped = is_inside && *byte == b'\\' && !is_escaped;
                    }
                    text.extend_from_slice(part);
                }
                TemplatePart::Reference(_) => {
                    in_string.push(is_inside);
                    is_escaped = false;
                    text.extend_from_slice(HARMLESS);
                }
            }
        }
        is_json(&text).then_some(Self { in_string })
    }

    /// Checks each value in its place.
    pub fn check_values(&self, references: &[&Reference<'_>], values: &[Secret]) -> Result<(), Failure> {
        for ((reference, value), in_string) in references.iter().zip(values).zip(&self.in_string) {
            let value = value.expose();
            let fits = if *in_string {
                is_json(&Zeroizing::new([b"\"", value, b"\""].concat()))
            } else {
                is_json(value)
            };
            if !fits {
                let line = line_in_errors(reference.line);
                return Err(Failure::Refused(format!("{line}: {}", refusal(reference, *in_string)).into()));
            }
        }
        Ok(())
    }

    /// Checks the whole. A value can also break it together with the text around it, as in `1{{ secret:a }}`.
    pub fn check_filled(&self, filled: &[u8]) -> Result<(), Failure> {
        if is_json(filled) {
            return Ok(());
        }
        Err(Failure::Refused(
            "The values would break the JSON of the template; put references in quotes, with | json".into(),
        ))
    }
}

fn is_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(BOM.as_bytes()).unwrap_or(text);
    str::from_utf8(text).is_ok() && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Why a value is refused. A name that was resolved is a valid one.
fn refusal(reference: &Reference<'_>, in_string: bool) -> String {
    let mut filters = reference.filters.clone();
    if filters.last() != Some(&Filter::Json) {
        filters.push(Filter::Json);
    }
    let filters: String = filters.iter().map(|filter| format!(" | {}", filter.name())).collect();
    let advised = format!("{{{{ {}{filters} }}}}", String::from_utf8_lossy(reference.text));
    match in_string {
        true => format!("The value would break the JSON or change its structure; write {advised}"),
        false => format!(
            "The value would break the JSON or change its structure; write \"{advised}\", with the quotes"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fill, *};
    use crate::commands::inject::template::parse;

    /// The message for a template with `{{ secret:a }}` and `{{ secret:b }}`, or what it becomes. `None` if it is not JSON.
    fn check(template: &str, values: &[&str]) -> Option<Result<String, String>> {
        let parts = parse(template.as_bytes()).unwrap();
        let references: Vec<_> = parts.iter().filter_map(TemplatePart::as_reference).collect();
        let values: Vec<_> = values.iter().map(|value| Secret::new((*value).into())).collect();
        assert_eq!(references.len(), values.len());
        let json = JsonTemplate::of(&parts)?;
        let filled = fill(&parts, &values);
        let result = json.check_values(&references, &values).and_then(|()| json.check_filled(&filled));
        let filled = String::from_utf8(filled.to_vec()).unwrap();
        Some(result.map(|()| filled).map_err(|failure| failure.message().unwrap()))
    }

    #[test]
    fn values_that_stay_in_their_place_are_taken() {
        for (template, value) in [
            (r#"{"a": "{{ secret:a }}"}"#, "hunter2"),
            (r#"{"a": "{{ secret:a }}"}"#, ""),
            (r#"{"a": "{{ secret:a }}"}"#, r#"escaped \" before\n"#),
            (r#"{"\"{{ secret:a }}": 1}"#, "key"),
            (r#"{"a": {{ secret:a }}}"#, "8080"),
            (r#"{"a": {{ secret:a }}}"#, r#"{"b": [1, 2]}"#),
            (r#"{{ secret:a }}"#, r#""text""#),
            ("\u{feff}[1{{ secret:a }}]", "2"),
        ] {
            let expected = template.replace("{{ secret:a }}", value);
            assert_eq!(check(template, &[value]), Some(Ok(expected)), "{template}");
        }
    }

    #[test]
    fn values_that_leave_their_place_are_refused() {
        for (template, values) in [
            (r#"{"a": "{{ secret:a }}"}"#, &[r#"it"s"#][..]),
            (r#"{"a": "{{ secret:a }}"}"#, &["two\nlines"]),
            (r#"{"a": "{{ secret:a }}"}"#, &[r"C:\windows"]),
            (r#"{"a": "{{ secret:a }}"}"#, &[r"\"]),
            (r#"{"a": "{{ secret:a }}"}"#, &[r#"x", "admin": "true"#]),
            // The number of members is the same.
            (r#"{"a": 1, "b": "{{ secret:a }}"}"#, &[r#"x", "a": "2"#]),
            // Each breaks what the other repairs.
            (r#"{"a": "{{ secret:a }}", "b": "{{ secret:b }}"}"#, &[r"\", r#", "c": "d"#]),
            (r#"{"a": {{ secret:a }}, "b": 1}"#, &[r#"1, "c": 2"#]),
            (r#"[{{ secret:a }}]"#, &["1, 2"]),
            (r#"[{{ secret:a }}]"#, &[""]),
            (r#"[{{ secret:a }}]"#, &["text"]),
            (r#"[1{{ secret:a }}]"#, &["{}"]),
        ] {
            let message = check(template, values).unwrap().unwrap_err();
            assert!(message.contains("| json"), "{message}");
            assert!(values.iter().all(|value| value.len() < 2 || !message.contains(value)), "{message}");
        }
        let template = "{\n\"a\": \"{{ secret:a }}\"}";
        assert_eq!(
            check(template, &["\""]),
            Some(Err("line 2 of the template: The value would break the JSON or change its structure; \
                write {{ secret:a | json }}"
                .into()))
        );
        assert!(
            check("[{{ secret:a | base64 | json }}]", &["a"])
                .unwrap()
                .unwrap_err()
                .ends_with("write \"{{ secret:a | base64 | json }}\", with the quotes")
        );
    }

    #[test]
    fn other_templates_are_not_json() {
        for template in [
            "",
            "a: {{ secret:a }}",
            r#"{"a": "{{ secret:a }}", // comment
            "b": 1}"#,
            r#"{{{ secret:a }}: 1}"#,
            r#"["\{{ secret:a }}"]"#,
            r#"["\u00{{ secret:a }}"]"#,
            "[0{{ secret:a }}]",
        ] {
            let values = if template.is_empty() { &[][..] } else { &["\""] };
            assert_eq!(check(template, values), None, "{template}");
        }
    }
}
