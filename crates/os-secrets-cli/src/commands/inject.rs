//! `inject`: fills in the references of a template.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::{context::Context, failure::Failure, output::is_utf16, reference::file_reference};
use os_secrets::{credential::Secret, scope::REFERENCE};

const OPEN: &[u8] = b"{{";
const CLOSE: &[u8] = b"}}";

pub fn inject(context: &Context, input: Option<PathBuf>) -> Result<(), Failure> {
    let input = input.as_deref();
    let template = context.read_input(input)?;
    if is_utf16(&template) {
        return Err(context.invalid_input(input, "is UTF-16 text, and a template must be UTF-8".into()));
    }
    let parts = parse(&template)?;
    let references = parts.iter().filter_map(|part| match part {
        TemplatePart::Reference(reference, line) => {
            Some((Secret::new(reference.to_vec()), line_in_errors(*line)))
        }
        TemplatePart::Text(_) => None,
    });
    let (references, lines) = references.unzip();
    let secrets = context.resolve(references, Some(lines))?;
    let mut secrets = secrets.iter();
    let pieces: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            TemplatePart::Text(text) => Some(*text),
            TemplatePart::Reference(..) => secrets.next().map(|secret| secret.expose()),
        })
        .collect();
    let mut filled = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    for piece in pieces {
        filled.extend_from_slice(piece);
    }
    context.output.write(&filled)
}

/// A part of a template.
#[derive(Debug, PartialEq)]
enum TemplatePart<'a> {
    Text(&'a [u8]),
    /// The reference in `{{ secret:<name> }}`, and the number of its line.
    Reference(&'a [u8], usize),
}

/// Splits a template into parts. Anything else in `{{ }}` is text, because it may be meant for another program.
fn parse(template: &[u8]) -> Result<Vec<TemplatePart<'_>>, Failure> {
    let (mut parts, mut text, mut from) = (Vec::new(), 0, 0);
    let (mut line, mut counted) = (1, 0);
    while let Some(open) = find(&template[from..], OPEN).map(|at| from + at) {
        from = open + OPEN.len();
        let inside = template[from..].trim_ascii_start();
        let is_file_reference = file_reference(inside).is_some();
        if !is_file_reference && !inside.starts_with(REFERENCE.as_bytes()) {
            // In `{{{`, the second brace may open a reference.
            from = open + 1;
            continue;
        }
        line += template[counted..open].iter().filter(|byte| **byte == b'\n').count();
        counted = open;
        if is_file_reference {
            let line = line_in_errors(line);
            return Err(Failure::Usage(format!(
                "{line}: secret-file:NAME is for variables of run only; use secret:NAME to fill in the secret"
            )));
        }
        let Some(close) = find(&template[from..], CLOSE).map(|at| from + at) else {
            let line = line_in_errors(line);
            return Err(Failure::Usage(format!("{line}: {{{{ {REFERENCE} is not closed with }}}}")));
        };
        parts.push(TemplatePart::Text(&template[text..open]));
        parts.push(TemplatePart::Reference(template[from..close].trim_ascii(), line));
        from = close + CLOSE.len();
        text = from;
    }
    parts.push(TemplatePart::Text(&template[text..]));
    Ok(parts)
}

fn line_in_errors(line: usize) -> String {
    format!("line {line} of the template")
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_are_filled_in() {
        let parts = parse(b"a={{ secret:a }}\n{{.Values}} {{secret:b.c}}{{{ secret:d\t}} {{ }}").unwrap();
        assert_eq!(
            parts,
            [
                TemplatePart::Text(b"a="),
                TemplatePart::Reference(b"secret:a", 1),
                TemplatePart::Text(b"\n{{.Values}} "),
                TemplatePart::Reference(b"secret:b.c", 2),
                TemplatePart::Text(b"{"),
                TemplatePart::Reference(b"secret:d", 2),
                TemplatePart::Text(b" {{ }}"),
            ]
        );
        assert_eq!(parse(b"").unwrap(), [TemplatePart::Text(b"")]);
    }

    #[test]
    fn what_is_not_closed_is_told() {
        let Err(Failure::Usage(message)) = parse(b"x\n{{ secret:a }") else { panic!("it is taken") };
        assert!(message.contains("line 2 of the template"), "{message}");
    }
}
