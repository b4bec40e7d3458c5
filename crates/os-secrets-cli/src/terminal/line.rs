//! The line that the user types: its bytes, and the keys that edit it.

use std::mem;

use zeroize::Zeroizing;

use os_secrets::{credential::Secret, wiped::WipedBuffer};

/// The maximum number of bytes per read. A terminal holds fewer.
const INPUT: usize = 8192;

const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// The bytes that were read and not used yet. They are wiped on drop.
pub struct InputBuffer {
    bytes: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
    after_return: bool,
}

impl Default for InputBuffer {
    fn default() -> Self {
        Self { bytes: Zeroizing::new(vec![0; INPUT]), start: 0, end: 0, after_return: false }
    }
}

impl InputBuffer {
    /// Reads into the buffer. Call this when all its bytes are used.
    pub fn fill<E>(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
        let count = read(&mut self.bytes)?;
        (self.start, self.end) = (0, count);
        Ok(count)
    }

    /// Whether there is a next byte.
    pub fn has_next(&self) -> bool {
        match &self.bytes[self.start..self.end] {
            [] => false,
            [b'\n'] => !self.after_return,
            _ => true,
        }
    }

    /// The next byte. CRLF counts as CR.
    pub fn next(&mut self) -> Option<u8> {
        while self.start < self.end {
            let byte = self.bytes[self.start];
            self.start += 1;
            let after_return = mem::replace(&mut self.after_return, byte == b'\r');
            if !(after_return && byte == b'\n') {
                return Some(byte);
            }
        }
        None
    }
}

/// The keys that edit a line. A key that is zero does not exist.
#[derive(Clone, Copy, Default)]
pub struct Keys {
    /// Erases a character. Backspace and Delete always do.
    pub erase: u8,
    /// Erases the line.
    pub kill: u8,
    /// Erases a word.
    pub erase_word: u8,
    /// End the input if the line is empty.
    pub ends: [u8; 2],
    /// Quotes the next key, which then stands for itself.
    pub quote: u8,
    /// End the line. Enter always does.
    pub line_ends: [u8; 2],
}

/// The state of the line after a byte.
#[derive(Debug, PartialEq, Eq)]
pub enum LineState {
    /// More bytes may follow.
    Open,
    /// The line is complete.
    Complete,
    /// The input has ended, so there is no line.
    EndOfInput,
}

/// A line while it is typed.
#[derive(Default)]
pub struct Line {
    bytes: WipedBuffer,
    quoted: bool,
}

impl Line {
    /// Takes a byte of input.
    pub fn take(&mut self, byte: u8, keys: &Keys) -> LineState {
        if mem::take(&mut self.quoted) || byte == 0 {
            self.push(byte);
        } else if matches!(byte, b'\r' | b'\n') || keys.line_ends.contains(&byte) {
            return LineState::Complete;
        } else if byte == keys.erase || matches!(byte, BACKSPACE | DELETE) {
            // Keyboards send one or the other, regardless of the terminal's settings.
            self.erase_character();
        } else if byte == keys.kill {
            self.bytes.clear();
        } else if byte == keys.erase_word {
            self.erase_while(|byte| byte.is_ascii_whitespace());
            self.erase_while(|byte| !byte.is_ascii_whitespace());
        } else if byte == keys.quote {
            self.quoted = true;
        } else if !keys.ends.contains(&byte) {
            self.push(byte);
        } else if self.bytes.is_empty() {
            return LineState::EndOfInput;
        }
        LineState::Open
    }

    /// The line as a secret.
    pub fn into_secret(self) -> Secret {
        Secret::new(mem::take(&mut *self.bytes.into_bytes()))
    }

    fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn erase_character(&mut self) {
        self.erase_while(|byte| byte & 0xc0 == 0x80);
        self.bytes.pop();
    }

    fn erase_while(&mut self, belongs: impl Fn(u8) -> bool) {
        while self.bytes.last().is_some_and(|&byte| belongs(byte)) {
            self.bytes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys {
        erase: b'<',
        kill: 0x15,
        erase_word: 0x17,
        ends: [0x04, 0],
        quote: 0x16,
        line_ends: [0, b'|'],
    };

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut input = InputBuffer::default();
        let mut lines = Vec::new();
        let mut line = Line::default();
        let mut rest = text;
        while !rest.is_empty() {
            let read = |buffer: &mut [u8]| {
                let count = rest.len().min(7);
                buffer[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                Ok::<_, ()>(count)
            };
            input.fill(read).unwrap();
            while let Some(byte) = input.next() {
                match line.take(byte, &KEYS) {
                    LineState::Open => {}
                    LineState::Complete => lines.push(mem::take(&mut line).into_secret().expose().to_vec()),
                    LineState::EndOfInput => lines.push(b"end".to_vec()),
                }
            }
        }
        lines
    }

    #[test]
    fn keys_edit_the_line() {
        for (typed, line) in [
            ("abc\n", "abc"),
            ("abc|", "abc"),
            ("\n", ""),
            ("<\x7f\x08\x15\x17a\n", "a"),
            ("abc<<d\x7fe\x08f\n", "af"),
            ("aä<b€<c🔑<d\n", "abcd"),
            ("a\u{301}<\n", "a"),
            ("abc def\x15g\n", "g"),
            ("abc d\u{e9}f \t\x17g\n", "abc g"),
            ("abc\x17\x17d\n", "d"),
            ("a\x04b\x04\n", "ab"),
            ("\x16\x15\x16\x16\x16<\x16\n\x16\x04\n", "\x15\x16<\n\x04"),
            ("\0a\0\n", "\0a\0"),
            ("\x04", "end"),
            ("a<\x04", "end"),
        ] {
            assert_eq!(lines(typed.as_bytes()), [line.as_bytes()], "{typed:?}");
        }
        assert_eq!(lines(b"\x80\x80<a\xff<b\n"), [b"ab"]);
    }

    #[test]
    fn every_line_end_ends_one_line() {
        assert_eq!(lines(b"a\nb\rc\r\nd\r\n\n\r\r"), [&b"a"[..], b"b", b"c", b"d", b"", b"", b""]);
        assert_eq!(lines(b"abcdef\r\nb\r"), [&b"abcdef"[..], b"b"]);
    }

    #[test]
    fn the_end_of_a_line_is_not_more_input() {
        for (text, has_next) in
            [("a\r", false), ("a\n", false), ("a\r\n", false), ("a\r\nb", true), ("a\n\n", true)]
        {
            let mut input = InputBuffer::default();
            let read = |buffer: &mut [u8]| {
                buffer[..text.len()].copy_from_slice(text.as_bytes());
                Ok::<_, ()>(text.len())
            };
            input.fill(read).unwrap();
            let mut line = Line::default();
            while line.take(input.next().unwrap(), &KEYS) == LineState::Open {}
            assert_eq!(input.has_next(), has_next, "{text:?}");
        }
    }

    #[test]
    fn a_line_grows_without_end() {
        let long = [&b"x".repeat(100_000)[..], b"\n"].concat();
        assert_eq!(lines(&long), [&long[..100_000]]);
    }
}
