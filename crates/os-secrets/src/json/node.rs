//! The values in a JSON document, as they are spelled.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::text::unquote;

/// How deep arrays and objects may lie in each other.
const MAX_DEPTH: usize = 128;

/// A value.
pub enum Node<'a> {
    /// A text, number or literal, as the file spells it.
    Scalar(&'a str),
    /// A text that we have set, as JSON.
    Text(Zeroizing<Vec<u8>>),
    Array(Vec<Self>),
    Object(Vec<Member<'a>>),
}

/// A member of an object: its name as it is spelled, and its value. If a name occurs several times, the last one counts,
/// as with most parsers.
pub type Member<'a> = (Cow<'a, str>, Node<'a>);

/// The value of a name in an object.
pub fn find_member<'n, 'a>(object: &'n [Member<'a>], name: &str) -> Option<&'n Node<'a>> {
    object.iter().rfind(|(spelled, _)| has_name(spelled, name)).map(|(_, value)| value)
}

/// Whether a name is spelled like this.
pub fn has_name(spelled: &str, name: &str) -> bool {
    if !spelled.contains('\\') {
        return spelled.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) == Some(name);
    }
    unquote(spelled).is_some_and(|found| *found == name.as_bytes())
}

/// Whether a scalar is this number. `str::parse` would do the same, but would add large tables to the program.
pub fn is_number(spelled: &str, number: f64) -> bool {
    serde_json::from_str(spelled).is_ok_and(|parsed: f64| parsed == number)
}

impl<'a> Node<'a> {
    /// Parses a value at the start of `rest`, which must be valid JSON, and moves `rest` behind it. Returns `None` if the
    /// value is nested too deeply.
    pub fn parse(rest: &mut &'a str, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match peek(rest) {
            b'[' => {
                let mut values = Vec::new();
                while take_byte(rest) != b']' {
                    // An empty array ends here. Otherwise another value follows.
                    if peek(rest) != b']' {
                        values.push(Self::parse(rest, depth + 1)?);
                    }
                }
                Self::Array(values)
            }
            b'{' => {
                let mut members = Vec::new();
                while take_byte(rest) != b'}' {
                    if peek(rest) != b'}' {
                        let name = take_scalar(rest);
                        take_byte(rest);
                        members.push((name.into(), Self::parse(rest, depth + 1)?));
                    }
                }
                Self::Object(members)
            }
            _ => Self::Scalar(take_scalar(rest)),
        })
    }

    /// Writes the value at a level of indentation.
    pub fn write(&self, depth: usize, out: &mut impl FnMut(&[u8])) {
        match self {
            Self::Scalar(spelled) => out(spelled.as_bytes()),
            Self::Text(spelled) => out(spelled),
            Self::Array(values) => {
                write_items(b"[]", values, depth, out, |value, out| value.write(depth + 1, out));
            }
            Self::Object(members) => write_members(members, depth, out),
        }
    }
}

/// Writes an object.
pub fn write_members(members: &[Member<'_>], depth: usize, out: &mut impl FnMut(&[u8])) {
    write_items(b"{}", members, depth, out, |(name, value), out| {
        out(name.as_bytes());
        out(b": ");
        value.write(depth + 1, out);
    });
}

/// Writes a pair of brackets with each item on its own line.
fn write_items<T, O: FnMut(&[u8])>(
    brackets: &[u8; 2],
    items: &[T],
    depth: usize,
    out: &mut O,
    write: impl Fn(&T, &mut O),
) {
    let new_line = |out: &mut O, depth| {
        out(b"\n");
        (0..depth).for_each(|_| out(b"  "));
    };
    out(&brackets[..1]);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out(b",");
        }
        new_line(out, depth + 1);
        write(item, out);
    }
    if !items.is_empty() {
        new_line(out, depth);
    }
    out(&brackets[1..]);
}

/// The next byte that is not a space. It is not consumed.
fn peek(rest: &mut &str) -> u8 {
    *rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    rest.as_bytes()[0]
}

/// Consumes the next byte that is not a space: a bracket, comma or colon.
fn take_byte(rest: &mut &str) -> u8 {
    let byte = peek(rest);
    *rest = &rest[1..];
    byte
}

/// Consumes the next text, number or literal.
fn take_scalar<'a>(rest: &mut &'a str) -> &'a str {
    let is_text = peek(rest) == b'"';
    let mut escaped = false;
    let ends = |byte: u8| match byte {
        b'"' if is_text && !escaped => true,
        _ if is_text => {
            escaped = byte == b'\\' && !escaped;
            false
        }
        _ => b" \t\r\n,:]}".contains(&byte),
    };
    let first = usize::from(is_text);
    let length = rest.bytes().skip(first).position(ends).map_or(rest.len(), |at| at + 2 * first);
    let (scalar, left) = rest.split_at(length);
    *rest = left;
    scalar
}
