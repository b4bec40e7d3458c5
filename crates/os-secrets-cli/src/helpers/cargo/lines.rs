//! Reading lines into memory that is wiped.

use std::io::{self, Read};

use zeroize::Zeroizing;

use os_secrets::wiped::WipedBuffer;

/// The maximum length of a line in bytes. A token is a few dozen bytes long.
const MAX_LINE: usize = 1 << 20;

/// The lines of a stream. They may hold secrets.
pub struct Lines<R> {
    stream: R,
    /// What was read after the last line.
    rest: WipedBuffer,
}

impl<R: Read> Lines<R> {
    /// The lines of a stream.
    pub fn new(stream: R) -> Self {
        Self { stream, rest: WipedBuffer::default() }
    }

    /// The next line, without its newline. `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream, and a line of more than 1 MiB.
    pub fn next_line(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let mut searched = 0;
        loop {
            if let Some(found) = self.rest[searched..].iter().position(|byte| *byte == b'\n') {
                let end = searched + found;
                let line = Zeroizing::new(self.rest[..end].to_vec());
                let mut rest = WipedBuffer::default();
                rest.extend_from_slice(&self.rest[end + 1..]);
                self.rest = rest;
                return Ok(Some(line));
            }
            searched = self.rest.len();
            if searched > MAX_LINE {
                return Err(io::Error::other("it is longer than 1 MiB"));
            }
            let stream = &mut self.stream;
            match self.rest.read_chunk(|chunk| stream.read(chunk)) {
                Ok(0) if searched == 0 => return Ok(None),
                Ok(0) => return Ok(Some(std::mem::take(&mut self.rest).into_bytes())),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of a stream, and whether it ends with an error.
    fn lines(stream: impl Read) -> (Vec<String>, bool) {
        let (mut lines, mut found) = (Lines::new(stream), Vec::new());
        loop {
            match lines.next_line() {
                Ok(Some(line)) => found.push(String::from_utf8_lossy(&line).into_owned()),
                Ok(None) => return (found, false),
                Err(_) => return (found, true),
            }
        }
    }

    #[test]
    fn a_stream_is_read_line_by_line() {
        for (text, expected) in [("", vec![]), ("a\nb\n", vec!["a", "b"]), ("a\r\n\nb", vec!["a\r", "", "b"])]
        {
            assert_eq!(lines(text.as_bytes()).0, expected);
        }
        let long = "x".repeat(9000);
        assert_eq!(lines(format!("{long}\n{long}\nb").as_bytes()).0, [&*long, &*long, "b"]);
    }

    #[test]
    fn an_endless_line_is_an_error() {
        assert_eq!(lines(io::repeat(b'x')), (vec![], true));
    }
}
