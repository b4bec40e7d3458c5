//! The words of a `.netrc`, as curl splits them.

use std::ops::Range;

use zeroize::Zeroizing;

/// A word of a file.
pub struct NetrcToken {
    /// Where it stands, with its quotes.
    pub at: Range<usize>,
    /// What it means. A part of a password can be in it.
    pub text: Zeroizing<Vec<u8>>,
    /// Whether it stands in quotes. Then it is never a keyword or a comment.
    pub is_quoted: bool,
}

/// Reads the words of a file.
pub struct NetrcTokens<'a> {
    content: &'a [u8],
    /// Where the next word is looked for.
    pub at: usize,
}

impl<'a> NetrcTokens<'a> {
    /// Starts at the first word of a file.
    pub fn new(content: &'a [u8]) -> Self {
        Self { content, at: 0 }
    }

    /// Reads the next word. Lines that start with `#` are comments.
    ///
    /// # Errors
    ///
    /// Where a quoted word starts that does not end.
    pub fn read_next(&mut self) -> Result<Option<NetrcToken>, usize> {
        while let Some(&byte) = self.content.get(self.at) {
            if byte == b'#' && self.is_first_in_line() {
                self.skip_line();
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return self.read_token(byte).map(Some);
            }
        }
        Ok(None)
    }

    /// Skips the rest of a line.
    pub fn skip_line(&mut self) {
        let rest = &self.content[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    fn is_first_in_line(&self) -> bool {
        let before = &self.content[..self.at];
        before.iter().rev().take_while(|byte| **byte != b'\n').all(|byte| matches!(byte, b' ' | b'\t'))
    }

    fn read_token(&mut self, first: u8) -> Result<NetrcToken, usize> {
        let start = self.at;
        let rest = &self.content[start..];
        if first != b'"' {
            let length = rest.iter().position(|byte| is_space(*byte)).unwrap_or(rest.len());
            self.at += length;
            let text = Zeroizing::new(rest[..length].to_vec());
            return Ok(NetrcToken { at: start..self.at, text, is_quoted: false });
        }
        // Removing escapes makes nothing longer.
        let mut text = Zeroizing::new(Vec::with_capacity(rest.len()));
        let mut bytes = rest.iter().enumerate().skip(1);
        while let Some((index, &byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.at = start + index + 1;
                    return Ok(NetrcToken { at: start..self.at, text, is_quoted: true });
                }
                b'\\' => text.push(match bytes.next() {
                    Some((_, b'n')) => b'\n',
                    Some((_, b'r')) => b'\r',
                    Some((_, b't')) => b'\t',
                    Some((_, byte)) => *byte,
                    None => break,
                }),
                byte => text.push(byte),
            }
        }
        Err(start)
    }

    /// Skips a macro, which an empty line ends.
    pub fn skip_macro(&mut self) {
        let mut was_break = false;
        while let Some(&byte) = self.content.get(self.at) {
            match byte {
                b'\n' if was_break => return,
                b'\n' => was_break = true,
                b'\r' => {}
                _ => was_break = false,
            }
            self.at += 1;
        }
    }
}

/// Whether a byte separates words.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
