//! YAML in block style, as kubectl writes it: finding what stands where, so that single lines can be changed.
//!
//! What needs a whole parser (flow style, anchors, texts over several lines) is [`YamlValue::Other`]. It is only in the way
//! if it stands where something is read.

use std::ops::Range;

use super::yaml_scalar::{closed_quotes, scalar_text, without_comment};

/// The maximum depth. kubectl writes less than ten.
const MAX_DEPTH: usize = 64;

/// A value.
#[derive(Debug)]
pub enum YamlValue<'a> {
    /// Members with names.
    Mapping(Vec<YamlMember<'a>>),
    /// Items, each behind a dash.
    Sequence(Vec<YamlValue<'a>>),
    /// A text in one line, as it is spelled.
    Scalar(&'a str),
    /// Nothing, or `{}` or `[]`, which stands there.
    Empty(Option<Range<usize>>),
    /// Something that is not read: what it is, and its line.
    Other(&'static str, usize),
}

/// A member of a mapping.
#[derive(Debug)]
pub struct YamlMember<'a> {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: YamlValue<'a>,
    /// The number of the line with the name.
    pub line: usize,
    /// The number of spaces in front of the name, also of those that stand for a dash.
    pub indent: usize,
    /// The end of the line with the name, behind its line break.
    pub head_end: usize,
    /// Its lines, with the last line break. They start in the middle of a line if a dash stands in front.
    pub lines: Range<usize>,
}

/// A line that cannot be read, and what is wrong.
pub type YamlError = (usize, &'static str);

/// A line that has content.
#[derive(Clone, Debug)]
struct YamlLine<'a> {
    number: usize,
    /// The number of spaces before the content.
    column: usize,
    content: &'a str,
    /// Where the content stands.
    at: usize,
    /// The end of the line, behind its line break.
    end: usize,
}

impl YamlLine<'_> {
    fn is_item(&self) -> bool {
        self.content == "-" || self.content.starts_with("- ")
    }
}

/// Parses a document.
///
/// # Errors
///
/// The first line that is no block style, such as one that is indented with a tab.
pub fn parse_yaml(text: &str) -> Result<YamlValue<'_>, YamlError> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let (at, end) = (start, start + whole.len());
        start = end;
        let without_mark = if index == 0 { whole.trim_start_matches('\u{feff}') } else { whole };
        let content = without_mark.trim_start_matches(' ');
        let column = without_mark.len() - content.len();
        let at = at + whole.len() - content.len();
        lines.push(YamlLine { number: index + 1, column, content: content.trim_end(), at, end });
    }
    YamlParser { lines, next: 0, text }.parse_document()
}

struct YamlParser<'a> {
    lines: Vec<YamlLine<'a>>,
    /// The index of the next line.
    next: usize,
    text: &'a str,
}

impl<'a> YamlParser<'a> {
    fn parse_document(mut self) -> Result<YamlValue<'a>, YamlError> {
        if self.next_line()?.is_some_and(|line| line.content == "---") {
            self.next += 1;
        }
        let value = self.parse_block(0, 0)?;
        match self.next_line()? {
            Some(line) => Err((line.number, "something that is not in block style")),
            None => Ok(value),
        }
    }

    /// The next line with content. A comment is no content.
    fn next_line(&mut self) -> Result<Option<YamlLine<'a>>, YamlError> {
        self.skip_while(|line| line.content.is_empty() || line.content.starts_with('#'));
        match self.lines.get(self.next) {
            Some(line) if line.content.starts_with('\t') => Err((line.number, "a tab in the indentation")),
            line => Ok(line.cloned()),
        }
    }

    fn skip_while(&mut self, is_skipped: impl Fn(&YamlLine<'_>) -> bool) {
        self.next += self.lines[self.next..].iter().take_while(|line| is_skipped(line)).count();
    }

    /// Parses what stands at `min` spaces or more.
    fn parse_block(&mut self, min: usize, depth: usize) -> Result<YamlValue<'a>, YamlError> {
        match self.next_line()? {
            Some(line) if depth > MAX_DEPTH => Err((line.number, "too many levels")),
            Some(line) if line.column >= min && line.is_item() => self.parse_sequence(line.column, depth),
            Some(line) if line.column >= min => self.parse_mapping(line.column, depth),
            _ => Ok(YamlValue::Empty(None)),
        }
    }

    fn parse_sequence(&mut self, column: usize, depth: usize) -> Result<YamlValue<'a>, YamlError> {
        let mut items = Vec::new();
        while let Some(line) = self.next_line()?.filter(|line| line.column == column && line.is_item()) {
            let rest = line.content[1..].trim_start();
            let spaces = line.content.len() - rest.len();
            let inner =
                YamlLine { column: column + spaces, content: rest, at: line.at + spaces, ..line.clone() };
            self.next += 1;
            let is_nested = inner.is_item() || split_name(rest).is_some();
            items.push(if rest.is_empty() || rest.starts_with('#') {
                self.parse_block(column + 1, depth + 1)?
            } else if is_nested {
                // The rest of the line, without its dash, is read again.
                self.next -= 1;
                self.lines[self.next] = inner;
                self.parse_block(column + 1, depth + 1)?
            } else {
                self.parse_inline(&inner, rest, column)?
            });
        }
        Ok(YamlValue::Sequence(items))
    }

    fn parse_mapping(&mut self, column: usize, depth: usize) -> Result<YamlValue<'a>, YamlError> {
        let mut members: Vec<YamlMember<'a>> = Vec::new();
        while let Some(line) = self.next_line()?.filter(|line| line.column == column && !line.is_item()) {
            let (name, rest) =
                split_name(line.content).ok_or((line.number, "something that is not in block style"))?;
            if members.iter().any(|other| other.name == name) {
                return Err((line.number, "a name that stands there twice"));
            }
            self.next += 1;
            let value = if rest.is_empty() || rest.starts_with('#') {
                match self.next_line()? {
                    Some(next) if next.column == column && next.is_item() => {
                        self.parse_sequence(column, depth + 1)?
                    }
                    _ => self.parse_block(column + 1, depth + 1)?,
                }
            } else {
                self.parse_inline(&line, rest, column)?
            };
            // Up to the next line that is read: without the empty lines and comments in front of that.
            let end = self.end_before_next();
            members.push(YamlMember {
                name,
                value,
                line: line.number,
                indent: column,
                head_end: line.end,
                lines: self.line_start(&line)..end.max(line.end),
            });
        }
        Ok(YamlValue::Mapping(members))
    }

    /// Where the member on a line starts: at the start of the line if only spaces stand in front.
    fn line_start(&self, line: &YamlLine<'a>) -> usize {
        let start = self.text[..line.at].rfind('\n').map_or(0, |newline| newline + 1);
        if self.text[start..line.at].trim_start_matches('\u{feff}').trim_start_matches(' ').is_empty() {
            start
        } else {
            line.at
        }
    }

    /// The end of the last line with content that was read.
    fn end_before_next(&self) -> usize {
        let mut end = self.lines.get(self.next).map_or(self.text.len(), |next| {
            self.text[..next.at].rfind('\n').map_or(0, |newline| newline + 1)
        });
        loop {
            let before = self.text[..end].strip_suffix('\n').map_or(end, str::len);
            let start = self.text[..before].rfind('\n').map_or(0, |newline| newline + 1);
            let content = self.text[start..before].trim();
            if start == 0 || !(content.is_empty() || content.starts_with('#')) {
                return end;
            }
            end = start;
        }
    }

    /// Parses a value that starts on the line of its name or dash. `column` is that of the name or dash.
    fn parse_inline(
        &mut self,
        line: &YamlLine<'a>,
        rest: &'a str,
        column: usize,
    ) -> Result<YamlValue<'a>, YamlError> {
        let number = line.number;
        let other = match rest.as_bytes()[0] {
            b'|' | b'>' => {
                // Also lines that look like comments.
                let is_inside = |line: &YamlLine<'_>| line.content.is_empty() || line.column > column;
                self.skip_while(is_inside);
                return Ok(YamlValue::Other("a text over several lines", number));
            }
            b'{' | b'[' if ["{}", "[]"].contains(&without_comment(rest)) => None,
            b'{' | b'[' => Some("flow style"),
            b'&' | b'*' | b'!' => Some("an anchor, an alias or a tag"),
            b'"' | b'\'' if closed_quotes(rest).is_none() => Some("a text over several lines"),
            b'%' | b'@' | b'`' => Some("something that is not in block style"),
            _ => None,
        };
        let mut is_longer = false;
        while self.next_line()?.is_some_and(|next| next.column > column) {
            self.next += 1;
            is_longer = true;
        }
        Ok(match other {
            Some(what) => YamlValue::Other(what, number),
            None if is_longer => YamlValue::Other("a text over several lines", number),
            None => match closed_quotes(rest).unwrap_or_else(|| without_comment(rest)) {
                empty @ ("{}" | "[]") => {
                    let at = line.at + line.content.len() - rest.len();
                    YamlValue::Empty(Some(at..at + empty.len()))
                }
                "~" | "null" | "Null" | "NULL" => YamlValue::Empty(None),
                scalar => YamlValue::Scalar(scalar),
            },
        })
    }
}

/// The name at the start of a member, and what stands behind its colon. `None` if it is no member.
fn split_name(content: &str) -> Option<(String, &str)> {
    let (spelled, rest) = match content.as_bytes().first()? {
        b'"' | b'\'' => {
            let quote = content.chars().next()?;
            let end = content[1..].find(quote)? + 2;
            let rest = content[end..].trim_start().strip_prefix(':')?;
            (&content[..end], Some(rest).filter(|rest| rest.is_empty() || rest.starts_with(' '))?)
        }
        b'?' | b'{' | b'[' | b'|' | b'>' | b'&' | b'*' | b'!' | b'%' | b'@' | b'`' | b'#' => return None,
        _ => match content.split_once(": ") {
            Some(split) => split,
            None => (content.strip_suffix(':')?, ""),
        },
    };
    let name = scalar_text(spelled.trim_end())?;
    Some((name.to_string(), rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value in short: `{}` for members, `[]` for items.
    fn show(value: &YamlValue<'_>) -> String {
        match value {
            YamlValue::Mapping(members) => {
                let shown: Vec<_> =
                    members.iter().map(|member| format!("{}={}", member.name, show(&member.value))).collect();
                format!("{{{}}}", shown.join(","))
            }
            YamlValue::Sequence(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(","))
            }
            YamlValue::Scalar(spelled) => scalar_text(spelled).map_or("?".into(), |text| text.to_string()),
            YamlValue::Empty(_) => String::new(),
            YamlValue::Other(what, line) => format!("<{what} {line}>"),
        }
    }

    #[test]
    fn block_style_is_read() {
        for (text, shown) in [
            ("", ""),
            ("---\na: b\n", "{a=b}"),
            ("\u{feff}a: b # c\n# d\n\ne:\n", "{a=b,e=}"),
            ("a: 'b # ''c'' '\r\nd: \"\\\"x\\\\\" # y\r\n", "{a=b # 'c' ,d=\"x\\}"),
            ("a: b:c#d\ne: f: g", "{a=b:c#d,e=f: g}"),
            ("\"a b\": c\n'd': {}\ne: []\nf: ~\n", "{a b=c,d=,e=,f=}"),
            ("a:\n- b: 1\n  c: 2\n- d\n-\n  e: 3\n- - x\n  - y\n", "{a=[{b=1,c=2},d,{e=3},[x,y]]}"),
            ("a:\n  - b:\n      c: 2\n    d: 3\n  - e\nf: g\n", "{a=[{b={c=2},d=3},e],f=g}"),
            (
                "a: |\n  x: y\n # z\n\n   q\nb: >-\n  z\nc: d",
                "{a=<a text over several lines 1>,b=<a text over several lines 6>,c=d}",
            ),
            (
                "a: b\n  c\nd: \"x\n  y\"\n",
                "{a=<a text over several lines 1>,d=<a text over several lines 3>}",
            ),
            (
                "a: {b: c}\nd: &e f\ng: *e\nh: [\n  x]\n",
                "{a=<flow style 1>,d=<an anchor, an alias or a tag 2>,g=<an anchor, an alias or a tag 3>,h=<flow style 4>}",
            ),
            ("- |\n  x\n- \"y: z\"\n", "[<a text over several lines 1>,y: z]"),
        ] {
            let value = parse_yaml(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(show(&value), shown, "{text}");
        }
    }

    #[test]
    fn other_styles_are_refused_with_their_line() {
        let deep = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
        let dashes = "- ".repeat(200) + "a";
        for (text, line) in [
            ("a: b\n\tc: d\n", 2),
            ("a:\n  b: c\n d: e\n", 3),
            ("a: b\nc\n", 2),
            ("a: b\na: c\n", 2),
            ("? a\n: b\n", 1),
            ("{\"a\": 1}\n", 1),
            ("a: b\n---\nc: d\n", 2),
            ("a: {b: c,\n}\n", 2),
            (&deep, 66),
            (&dashes, 1),
        ] {
            assert_eq!(parse_yaml(text).map(|value| show(&value)).unwrap_err().0, line, "{text}");
        }
    }

    #[test]
    fn members_know_their_lines() {
        let text = "# top\r\nusers:\r\n- name: a\r\n  user:\r\n    token: x\r\n    # y\r\n    b:\r\n    - c\r\n\r\n# end\r\n- name: z\r\n";
        let YamlValue::Mapping(root) = parse_yaml(text).unwrap() else { panic!("no mapping") };
        assert_eq!(&text[root[0].lines.clone()], text.strip_prefix("# top\r\n").unwrap());
        let YamlValue::Sequence(users) = &root[0].value else { panic!("no sequence") };
        let YamlValue::Mapping(first) = &users[0] else { panic!("no mapping") };
        assert_eq!(&text[first[0].lines.clone()], "name: a\r\n");
        assert_eq!(
            &text[first[1].lines.clone()],
            "  user:\r\n    token: x\r\n    # y\r\n    b:\r\n    - c\r\n"
        );
        assert_eq!(&text[..first[1].head_end], "# top\r\nusers:\r\n- name: a\r\n  user:\r\n");
        let YamlValue::Mapping(user) = &first[1].value else { panic!("no mapping") };
        let lines: Vec<_> =
            user.iter().map(|member| (&text[member.lines.clone()], member.indent, member.line)).collect();
        assert_eq!(lines, [("    token: x\r\n", 4, 5), ("    b:\r\n    - c\r\n", 4, 7)]);
    }
}
