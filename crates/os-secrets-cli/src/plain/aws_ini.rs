//! The files of the AWS CLI: finding sections and options as Python's `configparser` does, which botocore uses.
//!
//! Option names have no case, `=` or `:` stands behind them, an indented line continues the value before it, and a line
//! that starts with `#` or `;` is a comment.

use std::ops::Range;

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
    /// The profile whose section it is: in `~/.aws/config`, other profiles than `default` have `profile` before the name.
    pub fn profile(&self) -> &'a str {
        let Some(rest) = self.name.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']))
        else {
            return self.name;
        };
        let rest = rest.trim();
        ['"', '\'']
            .into_iter()
            .find_map(|quote| rest.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(rest)
    }

    /// The profile whose section it is in `~/.aws/config`. `None` if it is of none, such as a section of another profile
    /// than `default` without the word.
    pub fn config_profile(&self) -> Option<&'a str> {
        let profile = self.profile();
        (self.name == "default" || profile != self.name).then_some(profile)
    }

    /// The option with a name, which is in small letters.
    pub fn option(&self, name: &str) -> Option<&AwsOption<'a>> {
        self.options.iter().find(|option| option.name == name)
    }
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
        assert_eq!(sections[2].profile(), "c");
    }

    #[test]
    fn profiles_may_be_in_quotes() {
        for (name, profile) in [
            ("default", "default"),
            ("profile a", "a"),
            ("profile 'a b'", "a b"),
            ("profile\t\"a\"", "a"),
            ("profiles", "profiles"),
            ("sso-session x", "sso-session x"),
        ] {
            let text = format!("[{name}]\n");
            assert_eq!(parse_aws(&text).unwrap()[0].profile(), profile);
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
