//! The files of the AWS CLI: finding sections and options as Python's `configparser` does, which botocore uses.
//!
//! Option names have no case, `=` or `:` stands behind them, an indented line continues the value before it, and a line
//! that starts with `#` or `;` is a comment.

use std::ops::Range;

/// The section whose options `configparser` adds to all others.
pub const DEFAULT_SECTION: &str = "DEFAULT";

/// A section of a file.
#[derive(PartialEq, Eq, Debug)]
pub struct AwsSection<'a> {
    /// What stands between the brackets.
    pub name: &'a str,
    /// The line with the brackets, with its line break.
    pub header: Range<usize>,
    /// The options, in their order.
    pub options: Vec<AwsOption<'a>>,
    /// Empty lines and those of comments, with their line breaks.
    pub others: Vec<AwsLine>,
    /// Where the section ends, in bytes.
    pub end: usize,
}

/// An option of a section.
#[derive(PartialEq, Eq, Debug)]
pub struct AwsOption<'a> {
    /// Its name in small letters.
    pub name: String,
    /// The value on the line of the name.
    pub value: &'a str,
    /// Whether further lines continue the value.
    pub is_continued: bool,
    /// Its lines, with their line breaks.
    pub lines: Range<usize>,
}

/// A line that belongs to no option.
#[derive(PartialEq, Eq, Debug)]
pub struct AwsLine {
    /// The line, with its line break.
    pub line: Range<usize>,
    /// Whether it is a comment.
    pub is_comment: bool,
}

impl<'a> AwsSection<'a> {
    /// The profile whose section it is in `~/.aws/config`: its name stands behind the word `profile`, which `default` does not
    /// need. `None` if it is of none.
    ///
    /// As botocore does, which takes any first word that starts so (`build_profile_map` in configloader.py).
    pub fn config_profile(&self) -> Option<String> {
        if !self.name.starts_with("profile") {
            return Some(self.name).filter(|name| *name == "default").map(str::to_owned);
        }
        match <[String; 2]>::try_from(split_words(self.name)?) {
            Ok([_, profile]) => Some(profile),
            Err(_) => None,
        }
    }

    /// The profile whose section it is in `~/.aws/credentials`: its name stands alone. `None` if it is of none.
    ///
    /// A section for `~/.aws/config`, with the word `profile`, is of none: botocore takes the word for a part of the name, and
    /// other SDKs ignore the section. So is `DEFAULT`, whose options count for all sections.
    pub fn credentials_profile(&self) -> Option<&'a str> {
        let is_of_config =
            self.name.strip_prefix("profile").is_some_and(|rest| rest.starts_with([' ', '\t']));
        Some(self.name).filter(|name| !is_of_config && *name != DEFAULT_SECTION)
    }

    /// The option with a name, which is in small letters.
    pub fn option(&self, name: &str) -> Option<&AwsOption<'a>> {
        self.options.iter().find(|option| option.name == name)
    }
}

/// The words of a text, as Python's `shlex` splits them. `None` if a quote is not closed.
fn split_words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => {
                let next = characters.next()?;
                let word = word.get_or_insert_default();
                if next != '"' && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t' | '\r' | '\n') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The sections of a file, in their order. The error is the number of a line that `configparser` refuses: one that is
/// neither a section nor an option, or one that repeats another.
pub fn parse_aws(text: &str) -> Result<Vec<AwsSection<'_>>, usize> {
    let mut sections: Vec<AwsSection<'_>> = Vec::new();
    let (mut at, mut indent) = (0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let span = at..at + line.len();
        at = span.end;
        let line = if index == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let content = line.trim();
        let is_comment = content.starts_with(['#', ';']);
        let own_indent = line.len() - line.trim_start().len();
        let section = sections.last_mut();
        if content.is_empty() || is_comment {
            if let Some(section) = section {
                section.end = span.end;
                section.others.push(AwsLine { line: span, is_comment });
            }
            continue;
        }
        let continued =
            section.filter(|_| own_indent > indent).and_then(|section| section.options.last_mut());
        if let Some(option) = continued {
            option.is_continued = true;
            option.lines.end = span.end;
            let end = span.end;
            if let Some(section) = sections.last_mut() {
                // What lies between belongs to the value: it goes with it.
                let start = section.options.last().map_or(end, |option| option.lines.start);
                section.others.retain(|other| other.is_comment || other.line.start < start);
                section.end = end;
            }
            continue;
        }
        indent = own_indent;
        if let Some(inside) = content.strip_prefix('[').and_then(|rest| Some(&rest[..rest.rfind(']')?])) {
            if inside.is_empty() || sections.iter().any(|other| other.name == inside) {
                return Err(index + 1);
            }
            let (end, header) = (span.end, span);
            sections.push(AwsSection { name: inside, header, options: Vec::new(), others: Vec::new(), end });
            continue;
        }
        let (name, value) = content.split_once(['=', ':']).ok_or(index + 1)?;
        let name = name.trim().to_lowercase();
        let section = sections.last_mut().filter(|_| !name.is_empty()).ok_or(index + 1)?;
        if section.option(&name).is_some() {
            return Err(index + 1);
        }
        section.end = span.end;
        section.options.push(AwsOption { name, value: value.trim(), is_continued: false, lines: span });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_options_are_those_of_configparser() {
        let text = "\u{feff}# first\r\n[default]\r\nRegion = eu\r\n  ; no value\r\ns3 =\r\n  a = 1\r\n\r\n  b: 2\r\n\
                    [ profile \"a b\" ]\n[profile  c]\n  x:y=z\n  v=1\n# end";
        let sections = parse_aws(text).unwrap();
        let shown: Vec<_> = sections
            .iter()
            .map(|section| {
                let options: Vec<_> = section
                    .options
                    .iter()
                    .map(|option| (&*option.name, option.value, &text[option.lines.clone()]))
                    .collect();
                (section.name, options)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (
                    "default",
                    vec![
                        ("region", "eu", "Region = eu\r\n"),
                        ("s3", "", "s3 =\r\n  a = 1\r\n\r\n  b: 2\r\n"),
                    ]
                ),
                (" profile \"a b\" ", vec![]),
                ("profile  c", vec![("x", "y=z", "  x:y=z\n"), ("v", "1", "  v=1\n")]),
            ]
        );
        assert_eq!(&text[sections[0].header.clone()], "[default]\r\n");
        let others: Vec<_> = sections[0].others.iter().map(|other| &text[other.line.clone()]).collect();
        assert_eq!(others, ["  ; no value\r\n"]);
        assert_eq!(sections.iter().map(|section| section.end).max(), Some(text.len()));
        assert_eq!(sections[2].config_profile().as_deref(), Some("c"));
    }

    #[test]
    fn each_file_names_profiles_by_its_own_rule() {
        // As botocore's build_profile_map, and its raw_config_parse for the other file.
        for (name, in_config, in_credentials) in [
            ("default", Some("default"), Some("default")),
            ("DEFAULT", None, None),
            ("a", None, Some("a")),
            ("a b", None, Some("a b")),
            (" a", None, Some(" a")),
            ("profile a", Some("a"), None),
            ("profile default", Some("default"), None),
            ("profile 'a b'", Some("a b"), None),
            ("profile\t\"a\"", Some("a"), None),
            ("profile a\" \"b\\ c", Some("a b c"), None),
            ("profile \"a\\\"\\b\"", Some("a\"\\b"), None),
            ("profile ''", Some(""), None),
            ("profile a b", None, None),
            ("profile 'a", None, None),
            (" profile a", None, Some(" profile a")),
            ("profiles", None, Some("profiles")),
            ("profiles a", Some("a"), Some("profiles a")),
            ("sso-session x", None, Some("sso-session x")),
        ] {
            let text = format!("[{name}]\n");
            let section = &parse_aws(&text).unwrap()[0];
            assert_eq!(section.config_profile().as_deref(), in_config, "{name}");
            assert_eq!(section.credentials_profile(), in_credentials, "{name}");
        }
    }

    #[test]
    fn what_configparser_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("a = 1\n", 1),
            ("[a]\n\nhunter2\n", 3),
            ("[a]\nb=1\nB=2\n", 3),
            ("[a]\n[b]\n[a]\n", 3),
            ("[a]\n= x\n", 2),
            ("[]\n", 1),
        ] {
            assert_eq!(parse_aws(text).unwrap_err(), line, "{text}");
        }
        assert_eq!(parse_aws("").unwrap(), []);
    }
}
