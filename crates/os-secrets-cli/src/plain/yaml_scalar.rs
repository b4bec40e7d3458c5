//! Texts in YAML that take one line: how they are spelled, and what they stand for.

use zeroize::Zeroizing;

/// A plain value without the comment behind it.
pub fn without_comment(rest: &str) -> &str {
    let end = rest.match_indices('#').find(|(at, _)| rest[..*at].ends_with([' ', '\t'])).map(|(at, _)| at);
    rest[..end.unwrap_or(rest.len())].trim_end()
}

/// A value in quotes, with the quotes and without a comment behind it. `None` if they are not closed in this line, or if
/// there are none.
pub fn closed_quotes(rest: &str) -> Option<&str> {
    let quote = rest.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let (mut at, bytes) = (1, rest.as_bytes());
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' if quote == '"' => at += 2,
            b'\'' if quote == '\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if char::from(byte) == quote => {
                let behind = rest[at + 1..].trim_start();
                return (behind.is_empty() || behind.starts_with('#')).then(|| &rest[..=at]);
            }
            _ => at += 1,
        }
    }
    None
}

/// The text that a scalar stands for. `None` if it has an escape that kubectl does not write.
pub fn scalar_text(spelled: &str) -> Option<Zeroizing<String>> {
    // No escape is shorter than what it stands for, so that the text never grows.
    let mut text = Zeroizing::new(String::with_capacity(spelled.len()));
    if let Some(inside) = spelled.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        for part in inside.split_inclusive("''") {
            text.push_str(part.strip_suffix('\'').filter(|_| part.ends_with("''")).unwrap_or(part));
        }
    } else if let Some(inside) = spelled.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        let mut characters = inside.chars();
        while let Some(character) = characters.next() {
            text.push(match character {
                '\\' => match characters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    same @ ('"' | '\\' | '/' | ' ') => same,
                    _ => return None,
                },
                other => other,
            });
        }
    } else {
        text.push_str(spelled);
    }
    Some(text)
}

/// A text as a scalar. `None` if it has characters that need escapes.
pub fn spell_scalar(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@+".contains(c);
    // What could be a number, a boolean or null is in quotes.
    let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .iter()
        .all(|word| !text.eq_ignore_ascii_case(word));
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_plain)
        && is_word
    {
        return Some(text.to_owned());
    }
    let is_quotable =
        |c: char| !c.is_control() && !['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'].contains(&c);
    text.chars().all(is_quotable).then(|| format!("'{}'", text.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_they_are_spelled() {
        for text in [
            "a",
            "kind-kind",
            "1",
            "true",
            "a: b",
            "it's",
            "",
            "arn:aws:eks:x/y",
            "-x",
            "é # z",
            "\"",
            "/x y",
        ] {
            let spelled = spell_scalar(text).unwrap();
            let read = closed_quotes(&spelled).unwrap_or_else(|| without_comment(&spelled));
            assert_eq!(scalar_text(read).unwrap().as_str(), text);
        }
        assert_eq!(spell_scalar("a\nb"), None);
        assert_eq!(
            spell_scalar("kubernetes-admin@kubernetes").as_deref(),
            Some("kubernetes-admin@kubernetes")
        );
    }
}
