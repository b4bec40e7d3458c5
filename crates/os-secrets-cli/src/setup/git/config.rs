//! git's configuration files: where each variable stands. The grammar is that of git's config.c.

use std::ops::Range;

use zeroize::Zeroizing;

/// A parsed file.
pub struct GitConfig {
    /// The sections in their order. One that occurs twice is there twice.
    pub sections: Vec<GitSection>,
}

/// A section, up to the next one.
pub struct GitSection {
    /// Its name, in lower case.
    pub name: String,
    /// Its subsection, such as the URL in `[credential "https://example.com"]`.
    pub subsection: Option<String>,
    /// The header, without the rest of its line.
    pub header: Range<usize>,
    /// Its variables.
    pub variables: Vec<GitVariable>,
}

/// A variable.
pub struct GitVariable {
    /// Its name, in lower case.
    pub name: String,
    /// Its value. `None` if there is no equals sign.
    pub value: Option<Zeroizing<String>>,
    /// Where it stands, from its name to the end of its value's last line, with the line break.
    pub at: Range<usize>,
}

impl GitConfig {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// The number of the line that git does not take.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut reader = Reader { text, at: start, element: start };
        let mut sections = Vec::new();
        match reader.read_sections(&mut sections) {
            Some(()) => Ok(Self { sections }),
            None => Err(text[..reader.element].matches('\n').count() + 1),
        }
    }

    /// The variables in the order in which git reads them: section, subsection, name and value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<&str>, &str, Option<&str>)> {
        self.sections.iter().flat_map(|section| {
            section.variables.iter().map(|variable| {
                (&*section.name, section.subsection.as_deref(), &*variable.name, variable.value())
            })
        })
    }

    /// The helpers for credentials, in the order in which git reads them, each with its URL if it is for one only.
    pub fn helpers(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.sections.iter().filter(|section| section.name == "credential").flat_map(|section| {
            let helpers = section.variables.iter().filter(|variable| variable.name == "helper");
            helpers.filter_map(|helper| Some((section.subsection.as_deref(), helper.value()?)))
        })
    }
}

impl GitVariable {
    /// Its value. `None` if there is no equals sign.
    pub fn value(&self) -> Option<&str> {
        self.value.as_ref().map(|value| &***value)
    }
}

impl GitSection {
    /// Whether it is about all credentials, and not about those of a URL.
    pub fn is_general(&self) -> bool {
        self.name == "credential" && self.subsection.is_none()
    }

    /// Whether it sets helpers.
    pub fn has_helpers(&self) -> bool {
        self.name == "credential" && self.variables.iter().any(|variable| variable.name == "helper")
    }

    /// Where the line of its last variable ends, or of its header if it has none.
    pub fn end(&self, text: &str) -> usize {
        match self.variables.last() {
            Some(last) => last.at.end,
            None => end_of_line(text, self.header.end),
        }
    }
}

/// Where the line that contains a position ends, with its line break.
pub fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

/// Where the line that contains a position starts.
pub fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |last| last + 1)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Where the header, variable or comment starts that is being read.
    element: usize,
}

impl Reader<'_> {
    /// The next character. The end of the file and CRLF count as a line break, as in git.
    fn next(&mut self) -> char {
        let Some(c) = self.peek() else {
            self.at = self.text.len() + 1;
            return '\n';
        };
        self.at += c.len_utf8();
        if c == '\r' && self.peek() == Some('\n') {
            self.at += 1;
            return '\n';
        }
        c
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    /// The position, at most the end of the file.
    fn position(&self) -> usize {
        self.at.min(self.text.len())
    }

    /// `None` if git does not take the current element.
    fn read_sections(&mut self, sections: &mut Vec<GitSection>) -> Option<()> {
        while self.at < self.text.len() {
            let start = self.at;
            self.element = start;
            match self.next() {
                '#' | ';' => while self.next() != '\n' {},
                '[' => sections.push(self.read_header(start)?),
                c if is_space(c) => {}
                c if c.is_ascii_alphabetic() => {
                    let variable = self.read_variable(start)?;
                    sections.last_mut()?.variables.push(variable);
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn read_header(&mut self, start: usize) -> Option<GitSection> {
        let mut name = String::new();
        let mut subsection = None;
        loop {
            match self.next() {
                ']' => break,
                c if is_space(c) && c != '\n' => {
                    subsection = Some(self.read_subsection()?);
                    break;
                }
                c if is_key(c) || c == '.' => name.push(c.to_ascii_lowercase()),
                _ => return None,
            }
        }
        // The older form, in which upper and lower case count the same.
        if let (None, Some((first, rest))) = (&subsection, name.split_once('.')) {
            let (first, rest) = (first.to_owned(), rest.to_owned());
            (name, subsection) = (first, Some(rest));
        }
        Some(GitSection { name, subsection, header: start..self.position(), variables: Vec::new() })
    }

    fn read_subsection(&mut self) -> Option<String> {
        let mut c = self.next();
        while is_space(c) && c != '\n' {
            c = self.next();
        }
        if c != '"' {
            return None;
        }
        let mut subsection = String::new();
        loop {
            let c = match self.next() {
                '"' => break,
                '\\' => self.next(),
                c => c,
            };
            if c == '\n' {
                return None;
            }
            subsection.push(c);
        }
        (self.next() == ']').then_some(subsection)
    }

    fn read_variable(&mut self, start: usize) -> Option<GitVariable> {
        while self.peek().is_some_and(is_key) {
            self.at += 1;
        }
        let name = self.text[start..self.at].to_ascii_lowercase();
        let mut c = self.next();
        while c == ' ' || c == '\t' {
            c = self.next();
        }
        let value = match c {
            '\n' => None,
            '=' => Some(self.read_value()?),
            _ => return None,
        };
        Some(GitVariable { name, value, at: start..self.position() })
    }

    fn read_value(&mut self) -> Option<Zeroizing<String>> {
        // A buffer that grows would leave a copy of what may be a secret.
        let mut value = Zeroizing::new(String::with_capacity(self.text.len().saturating_sub(self.at)));
        let mut is_quoted = false;
        // White space at the end is dropped.
        let mut kept = 0;
        loop {
            match self.next() {
                '\n' if is_quoted => return None,
                '\n' => break,
                c if is_space(c) && !is_quoted => {
                    if !value.is_empty() {
                        value.push(c);
                    }
                    continue;
                }
                ';' | '#' if !is_quoted => {
                    while self.next() != '\n' {}
                    break;
                }
                '"' => is_quoted = !is_quoted,
                '\\' => match self.next() {
                    '\n' => {}
                    't' => value.push('\t'),
                    'b' => value.push('\u{8}'),
                    'n' => value.push('\n'),
                    c @ ('\\' | '"') => value.push(c),
                    _ => return None,
                },
                c => value.push(c),
            }
            kept = value.len();
        }
        Some(Zeroizing::new(value[..kept].to_owned()))
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in the file: a line for each variable, with its position.
    fn show(text: &str) -> Result<Vec<String>, usize> {
        let config = GitConfig::parse(text)?;
        let variables = config.sections.iter().flat_map(|section| {
            let prefix = match &section.subsection {
                Some(subsection) => format!("{}.{subsection}", section.name),
                None => section.name.clone(),
            };
            section.variables.iter().map(move |variable| {
                let value = variable.value.as_ref().map(|value| format!("={}", **value)).unwrap_or_default();
                format!("{prefix}.{}{value} {}", variable.name, &text[variable.at.clone()])
            })
        });
        Ok(variables.collect())
    }

    #[test]
    fn variables_are_found_where_they_stand() {
        for (text, expected) in [
            ("", vec![]),
            ("[a]\n\tb = c\n", vec!["a.b=c b = c\n"]),
            ("\u{feff}[A]\r\nB=c\r\n", vec!["a.b=c B=c\r\n"]),
            ("[a \"B c\\\"\\d\"]b\nc =\n", vec!["a.B c\"d.b b\n", "a.B c\"d.c= c =\n"]),
            ("[a.B.c] d = e", vec!["a.b.c.d=e d = e"]),
            ("# [x]\n ; y\n[a] # z\nb = c # d\n", vec!["a.b=c b = c # d\n"]),
            (
                "[a]\nb = \" c;\" d \"e\\n\\t\\\"\\\\\"  \n",
                vec!["a.b= c; d e\n\t\"\\ b = \" c;\" d \"e\\n\\t\\\"\\\\\"  \n"],
            ),
            ("[a]\nb = c \\\n  d\n[e]\n", vec!["a.b=c   d b = c \\\n  d\n"]),
            ("[a] [b]\nc = [d]\n", vec!["b.c=[d] c = [d]\n"]),
            ("[a]\nb = c \\\n\nd = \\", vec!["a.b=c  b = c \\\n\n", "a.d= d = \\"]),
        ] {
            assert_eq!(show(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_git_does_not_take_is_named_by_its_line() {
        for (text, line) in [
            ("a = b\n", 1),
            ("[a]\nb = \"c\nd\n", 2),
            ("[a]\n\nb c\n", 3),
            ("[a\n]\n", 1),
            ("[a \"b\"\n", 1),
            ("[a b]\n", 1),
            ("[a]\nb = \\x\n", 2),
            ("[a]\n= b\n", 2),
        ] {
            assert_eq!(show(text), Err(line), "{text}");
        }
    }
}
