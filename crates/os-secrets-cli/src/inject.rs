//! `inject`: fills in a template.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{Context, Failure};
use os_secrets::{credential::Secret, scope::REFERENCE};

const OPEN: &[u8] = b"{{";
const CLOSE: &[u8] = b"}}";

pub fn inject(context: &Context, input: Option<PathBuf>) -> Result<(), Failure> {
    let template = context.read(input.as_deref())?;
    let parts = parse(&template)?;
    let references = parts.iter().filter_map(|part| match part {
        Part::Reference(reference, line) => Some((Secret::new(reference.to_vec()), of(*line))),
        Part::Text(_) => None,
    });
    let (references, lines) = references.unzip();
    let secrets = context.resolve(references, Some(lines))?;
    let mut secrets = secrets.iter();
    let pieces: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(*text),
            Part::Reference(..) => secrets.next().map(|secret| secret.expose()),
        })
        .collect();
    let mut filled = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    for piece in pieces {
        filled.extend_from_slice(piece);
    }
    context.output.write(&filled)
}

/// A piece of a template.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    Text(&'a [u8]),
    /// The inside of `{{ secret:<name> }}`, and its line.
    Reference(&'a [u8], usize),
}

/// Takes a template apart. Other things in `{{ }}` are text: other programs fill them in.
fn parse(template: &[u8]) -> Result<Vec<Part<'_>>, Failure> {
    let (mut parts, mut text, mut from) = (Vec::new(), 0, 0);
    let (mut line, mut counted) = (1, 0);
    while let Some(open) = find(&template[from..], OPEN).map(|at| from + at) {
        from = open + OPEN.len();
        let inside = template[from..].trim_ascii_start();
        if !inside.starts_with(REFERENCE.as_bytes()) {
            // The second brace may be the first of the next two.
            from = open + 1;
            continue;
        }
        line += template[counted..open].iter().filter(|byte| **byte == b'\n').count();
        counted = open;
        let Some(close) = find(&template[from..], CLOSE).map(|at| from + at) else {
            return Err(Failure::Usage(format!("{}: {{{{ {REFERENCE} is not closed by }}}}", of(line))));
        };
        parts.push(Part::Text(&template[text..open]));
        parts.push(Part::Reference(template[from..close].trim_ascii(), line));
        from = close + CLOSE.len();
        text = from;
    }
    parts.push(Part::Text(&template[text..]));
    Ok(parts)
}

/// What a line is called in errors.
fn of(line: usize) -> String {
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
                Part::Text(b"a="),
                Part::Reference(b"secret:a", 1),
                Part::Text(b"\n{{.Values}} "),
                Part::Reference(b"secret:b.c", 2),
                Part::Text(b"{"),
                Part::Reference(b"secret:d", 2),
                Part::Text(b" {{ }}"),
            ]
        );
        assert_eq!(parse(b"").unwrap(), [Part::Text(b"")]);
    }

    #[test]
    fn what_is_not_closed_is_told() {
        let Err(Failure::Usage(message)) = parse(b"x\n{{ secret:a }") else { panic!("it is taken") };
        assert!(message.contains("line 2 of the template"), "{message}");
    }
}
