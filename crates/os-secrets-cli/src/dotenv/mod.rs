//! Parsing dotenv files: `KEY=value` lines, as in Node's and Bun's `--env-file` and the `dotenv` package.
//!
//! Those read what they can and silently skip the rest, and they do not always agree. For us, a value that is skipped
//! or cut is a lost secret. So a line that they would skip, cut or read differently is an error. Other lines have the
//! value that all three give them, except that Bun expands `$`.

use std::collections::{HashMap, hash_map::Entry};

use zeroize::Zeroizing;

use crate::output::is_utf16;
use os_secrets::credential::Secret;

/// A variable of a dotenv file.
pub struct Variable {
    /// The key.
    pub name: String,
    /// The value. If the key has several lines, the last one counts.
    pub value: Secret,
    /// The numbers of the lines on which the key stands, counted from 1.
    pub lines: Vec<usize>,
}

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
const NOT_UTF16: &str = "bytes that are not UTF-16 text";
const NO_MARK: &str = "UTF-16 text without a byte order mark; save the file as UTF-8";
const NO_PAIR: &str = "neither a comment nor KEY=value";
const UNCLOSED: &str = "a quote that is never closed";
const AFTER_QUOTE: &str = "text after the closing quote";
const ESCAPE: &str =
    "a backslash in double quotes, which programs read differently unless it is \\n; use single quotes";
const BEFORE_QUOTE: &str =
    "a backslash before the closing quote, which programs read differently; use other quotes or none";
const SPACE: &str = "white space other than blanks around a value without quotes; put the value in quotes";
const HASH: &str = "a # in a value without quotes; put the value in quotes, or a space before a comment";
const RETURN: &str = "a carriage return without a line feed";

/// The characters that separate words.
const BLANK: [char; 2] = [' ', '\t'];
/// The maximum number of bytes in UTF-8 per unit of UTF-16.
const MAX_BYTES_PER_UNIT: usize = 3;

/// Parses a dotenv file into its variables, in the order of the keys' first lines.
///
/// - The text is UTF-8, or UTF-16 with a byte order mark.
/// - A key is `[A-Za-z_][A-Za-z0-9_.-]*`, with or without `export` before it. Blanks around it and around `=` are
///   ignored.
/// - A value without quotes ends with the line, or with blanks and a `#` comment. Blanks around it are ignored.
/// - A value in `'`, `"` or backticks ends with the next such quote, and may have several lines. Only blanks and a
///   comment may follow. In double quotes, `\n` is a line feed. CRLF is read as LF.
/// - Variables are not expanded.
///
/// What readers disagree about is an error:
///
/// - a `#` in a value without quotes after something other than a blank. Node and `dotenv` cut the value there
/// - other white space around a value without quotes. Node keeps it
/// - any other backslash in double quotes. `dotenv` and Bun expand `\r`, Bun reads `\\n` as two characters, docker compose
///   expands `\t`, `\\` and `\$`
/// - a backslash before the closing quote. For Bun and docker compose, the value goes on
///
/// Node has faults that are not copied: it takes the next line as the value of a key with only blanks after `=`, and
/// version 20 keeps tabs around a value.
///
/// # Errors
///
/// The first line that is neither a key and a value, nor empty, nor a comment.
pub fn parse(text: &[u8]) -> Result<Vec<Variable>, SyntaxError> {
    let utf16;
    let text = if is_utf16(text) {
        utf16 = decode_utf16(text)?;
        &utf16
    } else {
        decode_utf8(text)?
    };
    let mut reader = DotenvReader { text, rest: text.strip_prefix('\u{feff}').unwrap_or(text) };
    let mut variables: Vec<Variable> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    while reader.find_pair()? {
        let line = line_after(reader.before().as_bytes());
        let key = reader.take_key()?;
        let value = reader.take_value()?;
        match positions.entry(key) {
            Entry::Occupied(position) => {
                let variable = &mut variables[*position.get()];
                variable.value = value;
                variable.lines.push(line);
            }
            Entry::Vacant(position) => {
                position.insert(variables.len());
                variables.push(Variable { name: key.to_owned(), value, lines: vec![line] });
            }
        }
    }
    Ok(variables)
}

fn decode_utf8(bytes: &[u8]) -> Result<&str, SyntaxError> {
    // The first character of a file is ASCII, so in UTF-16 one of the first two bytes is 0.
    if bytes.iter().take(2).any(|&byte| byte == 0) {
        return Err(SyntaxError { line: 1, what: NO_MARK });
    }
    str::from_utf8(bytes).map_err(|error| error_after(&bytes[..error.valid_up_to()], NOT_TEXT))
}

/// Decodes UTF-16 that starts with a byte order mark, which becomes the first character.
fn decode_utf16(bytes: &[u8]) -> Result<Zeroizing<String>, SyntaxError> {
    let is_little = bytes.starts_with(b"\xff");
    let (units, odd) = bytes.as_chunks();
    let units = units.iter().map(|&unit: &[u8; 2]| match is_little {
        true => u16::from_le_bytes(unit),
        false => u16::from_be_bytes(unit),
    });
    // The buffer has its final size, because growing it would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * MAX_BYTES_PER_UNIT));
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => return Err(error_after(text.as_bytes(), NOT_UTF16)),
        }
    }
    if odd.is_empty() { Ok(text) } else { Err(error_after(text.as_bytes(), NOT_UTF16)) }
}

/// The number of the line in which `before` ends.
fn line_after(before: &[u8]) -> usize {
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// The error for the line in which `before` ends.
fn error_after(before: &[u8], what: &'static str) -> SyntaxError {
    SyntaxError { line: line_after(before), what }
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
        let escape = (quote == '"').then(|| find_escape(value)).flatten();
        let closing = value.ends_with('\\').then(|| value.len() - 1);
        for (at, what) in [(find_lone_return(value), RETURN), (escape, ESCAPE), (closing, BEFORE_QUOTE)] {
            if let Some(at) = at {
                self.rest = &body[at..];
                return Err(self.error(what));
            }
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
        let value = value.trim_matches(BLANK);
        if value.trim_matches(is_white_space) != value {
            return Err(error(SPACE));
        }
        Ok(Secret::new(value.as_bytes().to_vec()))
    }
}

/// The position of the first `\r` without a `\n` after it.
fn find_lone_return(text: &str) -> Option<usize> {
    text.match_indices('\r').map(|(at, _)| at).find(|at| !text[at + 1..].starts_with('\n'))
}

/// The position of the first backslash that does not start `\n`.
fn find_escape(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('\\')?;
        if !text[at + 1..].starts_with('n') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Whether JavaScript or Rust takes a character as white space.
fn is_white_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
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
mod tests;
