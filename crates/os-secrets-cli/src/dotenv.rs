//! Parsing dotenv files: `KEY=value` lines, as in Node's `--env-file` and the `dotenv` package.
//!
//! Those two read what they can and silently skip the rest, and they do not always agree. For us, a value that is
//! skipped or cut is a lost secret. So a line that they would skip, cut or read differently is an error. Other lines
//! have the value that Node gives them.

use std::collections::{HashMap, hash_map::Entry};

use os_secrets::credential::Secret;

/// A line that cannot be parsed. Its `Display` is a fragment such as `line 3: a quote that is never closed`. It holds
/// nothing of the file's text, because what looks like a key may be a part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SyntaxError {
    /// The number of the line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

const NOT_TEXT: &str = "bytes that are not UTF-8 text";
const NO_PAIR: &str = "neither a comment nor KEY=value";
const UNCLOSED: &str = "a quote that is never closed";
const AFTER_QUOTE: &str = "text after the closing quote (a backslash does not escape a quote)";
const HASH: &str = "a # in a value without quotes; put the value in quotes, or a space before a comment";
const RETURN: &str = "a carriage return without a line feed";

/// The characters that separate words. Other white space belongs to the values, as in Node.
const BLANK: [char; 2] = [' ', '\t'];

/// Parses a dotenv file into its keys and values, in the order of the keys' first lines. If a key has several lines,
/// the last value counts.
///
/// - A key is `[A-Za-z_][A-Za-z0-9_.-]*`, with or without `export` before it. Blanks around it and around `=` are
///   ignored.
/// - A value without quotes ends with the line, or with blanks and a `#` comment. Blanks around it are ignored.
/// - A value in `'`, `"` or backticks ends with the next such quote, and may have several lines. Only blanks and a
///   comment may follow. In double quotes, `\n` is a line feed. There is no other escape, not even `\r`, which `dotenv`
///   expands and Node does not. CRLF is read as LF.
/// - Variables are not expanded.
///
/// A value without quotes must not contain a `#` after something other than a blank: Node and `dotenv` cut it there,
/// and other readers do not. A key with only blanks after `=` has an empty value, as in `dotenv`. Node would take the
/// next line as its value.
///
/// # Errors
///
/// The first line that is neither a key and a value, nor empty, nor a comment.
pub fn parse(text: &[u8]) -> Result<Vec<(String, Secret)>, SyntaxError> {
    let valid = str::from_utf8(text);
    let text = valid.map_err(|error| error_after(&text[..error.valid_up_to()], NOT_TEXT))?;
    let mut reader = DotenvReader { text, rest: text.strip_prefix('\u{feff}').unwrap_or(text) };
    let mut pairs: Vec<(String, Secret)> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    while reader.find_pair()? {
        let key = reader.take_key()?;
        let value = reader.take_value()?;
        match positions.entry(key) {
            Entry::Occupied(position) => pairs[*position.get()].1 = value,
            Entry::Vacant(position) => {
                position.insert(pairs.len());
                pairs.push((key.to_owned(), value));
            }
        }
    }
    Ok(pairs)
}

/// The error for the line in which `before` ends.
fn error_after(before: &[u8], what: &'static str) -> SyntaxError {
    SyntaxError { line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(), what }
}

struct DotenvReader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> DotenvReader<'a> {
    /// The text that was read so far.
    fn before(&self) -> &'a str {
        &self.text[..self.text.len() - self.rest.len()]
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        error_after(self.before().as_bytes(), what)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(BLANK);
    }

    /// Takes the text up to the end of the line, and the end itself: LF or CRLF.
    fn take_line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Goes to the next line that is neither empty nor a comment. Returns whether there is one.
    fn find_pair(&mut self) -> Result<bool, SyntaxError> {
        while !self.rest.is_empty() {
            self.skip_blanks();
            if !self.take_line_end() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the end of the line and a comment before it, if that is what follows. Returns whether it is.
    fn take_line_end(&mut self) -> bool {
        let ends = self.rest.is_empty()
            || self.rest == "\r"
            || self.rest.starts_with(['#', '\n'])
            || self.rest.starts_with("\r\n");
        if ends {
            self.take_line();
        }
        ends
    }

    /// Takes a key and its `=`.
    fn take_key(&mut self) -> Result<&'a str, SyntaxError> {
        let mut key = self.take_word();
        self.skip_blanks();
        if key == "export" && !self.rest.starts_with('=') && self.before().ends_with(BLANK) {
            key = self.take_word();
            self.skip_blanks();
        }
        match self.rest.strip_prefix('=') {
            Some(rest) if key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') => {
                self.rest = rest;
                Ok(key)
            }
            _ => Err(self.error(NO_PAIR)),
        }
    }

    fn take_word(&mut self) -> &'a str {
        let belongs = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
        let end = self.rest.find(|letter| !belongs(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Takes a value and the rest of its last line.
    fn take_value(&mut self) -> Result<Secret, SyntaxError> {
        self.skip_blanks();
        match self.rest.chars().next() {
            Some(quote @ ('\'' | '"' | '`')) => self.take_quoted(quote),
            _ => self.take_unquoted(),
        }
    }

    fn take_quoted(&mut self, quote: char) -> Result<Secret, SyntaxError> {
        let body = &self.rest[1..];
        let (value, rest) = body.split_once(quote).ok_or_else(|| self.error(UNCLOSED))?;
        if let Some(at) = find_lone_return(value) {
            self.rest = &body[at..];
            return Err(self.error(RETURN));
        }
        self.rest = rest;
        self.skip_blanks();
        if !self.take_line_end() {
            return Err(self.error(AFTER_QUOTE));
        }
        Ok(unescape(value, quote == '"'))
    }

    fn take_unquoted(&mut self) -> Result<Secret, SyntaxError> {
        let start = self.before().len();
        let line = self.take_line();
        let text = self.text;
        let error = |what| error_after(&text.as_bytes()[..start], what);
        let value = match line.find('#') {
            Some(hash) if self.text[..start + hash].ends_with(BLANK) => &line[..hash],
            Some(_) => return Err(error(HASH)),
            None => line,
        };
        if value.contains('\r') {
            return Err(error(RETURN));
        }
        Ok(Secret::new(value.trim_matches(BLANK).as_bytes().to_vec()))
    }
}

/// The position of the first `\r` without a `\n` after it.
fn find_lone_return(text: &str) -> Option<usize> {
    text.match_indices('\r').map(|(at, _)| at).find(|at| !text[at + 1..].starts_with('\n'))
}

/// The value of a text in quotes: CRLF becomes LF, and the escape `\n` is expanded if `expand` says so.
fn unescape(quoted: &str, expand: bool) -> Secret {
    let mut value = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\r', _) => {}
            (b'\\', Some(b'n')) if expand => {
                bytes.next();
                value.push(b'\n');
            }
            _ => value.push(byte),
        }
    }
    Secret::new(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let text_of = |secret: Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        match parse(text.as_bytes()) {
            Ok(pairs) => Ok(pairs.into_iter().map(|(key, value)| (key, text_of(value))).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn values_are_those_of_node() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("\n \n\t\r\n# A=1\n  # 'b", &[]),
            ("A=1", &[("A", "1")]),
            ("A=1\nB=2\n", &[("A", "1"), ("B", "2")]),
            ("  A =\t1 2  \n\tB\t= 2\t", &[("A", "1 2"), ("B", "2")]),
            ("_a.b-C1=x", &[("_a.b-C1", "x")]),
            ("A=1\r\nB=2\r\n\r\nC=3\r", &[("A", "1"), ("B", "2"), ("C", "3")]),
            ("\u{feff}A=1", &[("A", "1")]),
            ("A=1\nB=2\nA=3", &[("A", "3"), ("B", "2")]),
            ("A=\nB=", &[("A", ""), ("B", "")]),
            ("A=  ", &[("A", "")]),
            ("A= \t\nB=x", &[("A", ""), ("B", "x")]),
            ("A= \r\nB=x", &[("A", ""), ("B", "x")]),
            ("A==x=y", &[("A", "=x=y")]),
            ("A=$B ${B} $(b)", &[("A", "$B ${B} $(b)")]),
            ("A=x\\ny\\", &[("A", "x\\ny\\")]),
            ("A=\u{a0}ä\u{c}", &[("A", "\u{a0}ä\u{c}")]),
            // `export`.
            ("export A=1\n export \t B=2", &[("A", "1"), ("B", "2")]),
            ("export=1\nexportA=2", &[("export", "1"), ("exportA", "2")]),
            ("export =1", &[("export", "1")]),
            // Comments.
            ("A=x # \"y\" # z\nB=x\t#", &[("A", "x"), ("B", "x")]),
            ("A= # x", &[("A", "")]),
            ("A=x # y\rz", &[("A", "x")]),
            ("A='x'#y\nB=\"x\" \t# 'y\nC=`x`\t", &[("A", "x"), ("B", "x"), ("C", "x")]),
            // Quotes.
            ("A='' \nB=\"\"\nC=``", &[("A", ""), ("B", ""), ("C", "")]),
            ("A = ' x # ' ", &[("A", " x # ")]),
            ("A='\"`'\nB=\"'`\"\nC=`'\"`", &[("A", "\"`"), ("B", "'`"), ("C", "'\"")]),
            ("A=x\"y\"", &[("A", "x\"y\"")]),
            ("A='x\n# y\nB=z'\r\nC=1", &[("A", "x\n# y\nB=z"), ("C", "1")]),
            ("A=\"x\r\n\ny\"\nB=`\n`", &[("A", "x\n\ny"), ("B", "\n")]),
            ("A=\"\\n\\\\n\\r\\t\\\"", &[("A", "\n\\\n\\r\\t\\")]),
            ("A='\\n\\'\nB=`\\n`", &[("A", "\\n\\"), ("B", "\\n")]),
        ];
        for (text, expected) in cases {
            let expected = expected.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            assert_eq!(read(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn faults_name_the_line_and_nothing_of_it() {
        for (text, line, what) in [
            ("A=1\nsecret", 2, NO_PAIR),
            ("A=1\r\n\r\n=secret", 3, NO_PAIR),
            ("A: secret", 1, NO_PAIR),
            ("export secret", 1, NO_PAIR),
            ("exportA secret=1", 1, NO_PAIR),
            ("export export A=secret", 1, NO_PAIR),
            ("A\n=secret", 1, NO_PAIR),
            ("1A=secret", 1, NO_PAIR),
            ("-A=secret", 1, NO_PAIR),
            ("ä=secret", 1, NO_PAIR),
            ("\rA=secret", 1, NO_PAIR),
            ("#\n#\n\nA='secret\nB=2", 4, UNCLOSED),
            ("A=\"secret'`", 1, UNCLOSED),
            ("A=`", 1, UNCLOSED),
            ("A=\"secret\nB=\"secret\"", 2, AFTER_QUOTE),
            ("A='secret' 'secret'", 1, AFTER_QUOTE),
            ("A=\"{\\\"secret\\\":1}\"", 1, AFTER_QUOTE),
            ("A='secret'\rB=1", 1, AFTER_QUOTE),
            ("\nA=secret#1", 2, HASH),
            ("A=#secret", 1, HASH),
            ("A=secret#1 # 2\nB", 1, HASH),
            ("A=1\nB=secret\rC=1", 2, RETURN),
            ("A='\r\nsecret\rsecret'", 2, RETURN),
            ("A='secret\r'", 1, RETURN),
        ] {
            assert_eq!(read(text), Err(format!("line {line}: {what}")), "{text:?}");
        }
        let error = parse(b"A=1\nB=\xff\nC=2").unwrap_err();
        assert_eq!(error, SyntaxError { line: 2, what: NOT_TEXT });
    }
}
