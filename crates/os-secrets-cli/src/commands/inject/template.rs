//! The parts of a template.

use super::{filters::Filter, line_in_errors};
use crate::{failure::Failure, reference::file_reference};
use os_secrets::scope::REFERENCE;

const OPEN: &[u8] = b"{{";
const CLOSE: &[u8] = b"}}";
/// What stands around a reference that is not filled in. Doubling the braces is what format strings of Rust, Python and
/// .NET do.
const OPEN_LITERAL: &[u8] = b"{{{{";
const CLOSE_LITERAL: &[u8] = b"}}}}";

/// A part of a template.
#[derive(Debug, PartialEq)]
pub enum TemplatePart<'a> {
    Text(&'a [u8]),
    Reference(Reference<'a>),
}

/// A reference in `{{ secret:<name> | <filter> }}`.
#[derive(Debug, PartialEq)]
pub struct Reference<'a> {
    /// `secret:<name>`. The name may be invalid.
    pub text: &'a [u8],
    pub filters: Vec<Filter>,
    /// The number of its line.
    pub line: usize,
}

impl<'a> TemplatePart<'a> {
    pub fn as_reference(&self) -> Option<&Reference<'a>> {
        match self {
            Self::Reference(reference) => Some(reference),
            Self::Text(_) => None,
        }
    }
}

/// Splits a template into parts. Anything else in `{{ }}` is text, because it may be meant for another program.
pub fn parse(template: &[u8]) -> Result<Vec<TemplatePart<'_>>, Failure> {
    let (mut parts, mut text, mut from) = (Vec::new(), 0, 0);
    let (mut line, mut counted) = (1, 0);
    while let Some(open) = find(&template[from..], OPEN).map(|at| from + at) {
        if let Some(length) = literal_length(&template[open..]) {
            let end = open + length;
            parts.push(TemplatePart::Text(&template[text..open + OPEN.len()]));
            parts.push(TemplatePart::Text(&template[open + OPEN_LITERAL.len()..end - CLOSE.len()]));
            (from, text) = (end, end);
            continue;
        }
        from = open + OPEN.len();
        let inside = &template[from..];
        if !is_reference(inside) {
            // In `{{{`, the second brace may open a reference.
            from = open + 1;
            continue;
        }
        line += template[counted..open].iter().filter(|byte| **byte == b'\n').count();
        counted = open;
        if file_reference(inside.trim_ascii_start()).is_some() {
            let line = line_in_errors(line);
            return Err(Failure::Usage(format!(
                "{line}: secret-file:NAME is for variables of run only; use secret:NAME to fill in the secret"
            )));
        }
        let Some(close) = find(inside, CLOSE).map(|at| from + at) else {
            let line = line_in_errors(line);
            return Err(Failure::Usage(format!("{line}: {{{{ {REFERENCE} is not closed with }}}}")));
        };
        parts.push(TemplatePart::Text(&template[text..open]));
        parts.push(TemplatePart::Reference(parse_reference(&template[from..close], line)?));
        from = close + CLOSE.len();
        text = from;
    }
    parts.push(TemplatePart::Text(&template[text..]));
    Ok(parts)
}

/// Whether a text in braces starts with a reference of any kind.
fn is_reference(inside: &[u8]) -> bool {
    let inside = inside.trim_ascii_start();
    inside.starts_with(REFERENCE.as_bytes()) || file_reference(inside).is_some()
}

/// If a text starts with a reference that is not filled in, its length with all braces.
fn literal_length(text: &[u8]) -> Option<usize> {
    let inside = text.strip_prefix(OPEN_LITERAL).filter(|inside| is_reference(inside))?;
    let close = find(inside, CLOSE)?;
    inside[close..].starts_with(CLOSE_LITERAL).then_some(OPEN_LITERAL.len() + close + CLOSE_LITERAL.len())
}

/// Parses what stands between the braces of a reference.
fn parse_reference(inside: &[u8], line: usize) -> Result<Reference<'_>, Failure> {
    let mut words = inside.split(|byte| *byte == b'|').map(<[u8]>::trim_ascii);
    let text = words.next().unwrap_or_default();
    let filters = words.map(Filter::parse).collect::<Result<_, _>>();
    let filters = filters.map_err(|reason| Failure::Usage(format!("{}: {reason}", line_in_errors(line))))?;
    Ok(Reference { text, filters, line })
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str, filters: Vec<Filter>, line: usize) -> TemplatePart<'_> {
        TemplatePart::Reference(Reference { text: text.as_bytes(), filters, line })
    }

    #[test]
    fn only_references_are_filled_in() {
        let parts = parse(b"a={{ secret:a }}\n{{.Values}} {{secret:b.c}}{{{ secret:d\t}} {{ }}").unwrap();
        assert_eq!(
            parts,
            [
                TemplatePart::Text(b"a="),
                reference("secret:a", vec![], 1),
                TemplatePart::Text(b"\n{{.Values}} "),
                reference("secret:b.c", vec![], 2),
                TemplatePart::Text(b"{"),
                reference("secret:d", vec![], 2),
                TemplatePart::Text(b" {{ }}"),
            ]
        );
        assert_eq!(parse(b"").unwrap(), [TemplatePart::Text(b"")]);
    }

    #[test]
    fn filters_follow_the_name() {
        let parts = parse(b"{{ secret:a | json }}{{secret:b|sh|base64}}").unwrap();
        assert_eq!(parts[1], reference("secret:a", vec![Filter::Json], 1));
        assert_eq!(parts[3], reference("secret:b", vec![Filter::Sh, Filter::Base64], 1));
    }

    #[test]
    fn doubled_braces_are_a_literal_reference() {
        let text = |template: &'static str| {
            let parts = parse(template.as_bytes()).unwrap();
            let texts = parts.iter().map(|part| match part {
                TemplatePart::Text(text) => str::from_utf8(text).unwrap(),
                TemplatePart::Reference(_) => "VALUE",
            });
            texts.collect::<String>()
        };
        assert_eq!(text("a {{{{ secret:a }}}} b"), "a {{ secret:a }} b");
        assert_eq!(text("{{{{secret:a | nope}}}}{{secret:a}}"), "{{secret:a | nope}}VALUE");
        assert_eq!(text("{{{{{ secret-file:a }}}}}"), "{{{ secret-file:a }}}");
        // Other braces are those of other programs.
        assert_eq!(text("{{{{ .Values }}}} {{{{ secret:a }} }}"), "{{{{ .Values }}}} {{VALUE }}");
        assert_eq!(text("{{{{ secret:a }} }}}}"), "{{VALUE }}}}");
    }

    #[test]
    fn what_cannot_be_filled_in_is_told() {
        for (template, expected) in [
            (&b"x\n{{ secret:a }"[..], "is not closed"),
            (b"{{{{ secret:a }}}}\n{{ secret:a", "is not closed"),
            (b"\n{{ secret:a | jsn }}", "There is no filter jsn; the filters are json, sh, url and base64"),
            (b"\n{{ secret:a | }}", "A filter is missing after |; the filters are json, sh, url and base64"),
            (b"\n{{ secret:a | A B }}", "There is no such filter; the filters are json, sh, url and base64"),
        ] {
            let Err(Failure::Usage(message)) = parse(template) else { panic!("it is taken") };
            assert!(message.contains("line 2 of the template: ") && message.contains(expected), "{message}");
        }
    }
}
