//! The messages between an age client and a plugin: stanzas, in the text form of an age header.
//!
//! Follows <https://c2sp.org/age-plugin> ("IPC protocol"). Messages hold the file's key and what the user types, so they
//! are written and parsed in buffers that are wiped.

use std::io::{self, ErrorKind};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use zeroize::{Zeroize, Zeroizing};

use crate::wiped::WipedBuffer;

/// The start of a message.
const START: &str = "-> ";
/// The number of characters of a whole line of a body. A shorter line ends the body.
const COLUMNS: usize = 64;
/// The number of bytes in a whole line of a body.
const BYTES_PER_LINE: usize = COLUMNS / 4 * 3;
/// The maximum size of a body, in bytes.
const MAX_BODY: usize = 64 << 10;
/// The maximum length of a line, in bytes.
pub const MAX_LINE: usize = 64 << 10;

/// A message of a plugin.
pub struct PluginMessage {
    /// The command.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its data.
    pub body: Zeroizing<Vec<u8>>,
}

/// The text of a message.
pub fn write_message(command: &str, args: &[&str], body: &[u8]) -> WipedBuffer {
    let mut text = WipedBuffer::default();
    text.extend_from_slice(START.as_bytes());
    text.extend_from_slice(command.as_bytes());
    for arg in args {
        text.push(b' ');
        text.extend_from_slice(arg.as_bytes());
    }
    text.push(b'\n');
    let mut line = Zeroizing::new([0; COLUMNS]);
    for chunk in body.chunks(BYTES_PER_LINE) {
        // A chunk fills a line at most.
        let length = STANDARD_NO_PAD.encode_slice(chunk, &mut line[..]).unwrap_or_default();
        text.extend_from_slice(&line[..length]);
        text.push(b'\n');
    }
    if body.len().is_multiple_of(BYTES_PER_LINE) {
        text.push(b'\n');
    }
    text
}

/// Parses a message. `read_line` returns the next line, without its end.
///
/// # Errors
///
/// Those of `read_line`, and [`ErrorKind::InvalidData`] if the lines are no message.
pub fn read_message(
    read_line: &mut dyn FnMut() -> io::Result<Zeroizing<Vec<u8>>>,
) -> io::Result<PluginMessage> {
    let invalid = || io::Error::from(ErrorKind::InvalidData);
    let (command, args) = parse_first_line(&read_line()?).ok_or_else(invalid)?;
    let mut body = WipedBuffer::default();
    let mut bytes = Zeroizing::new([0; BYTES_PER_LINE]);
    loop {
        let line = read_line()?;
        if line.len() > COLUMNS || body.len() > MAX_BODY {
            return Err(invalid());
        }
        let count = STANDARD_NO_PAD.decode_slice(&line, &mut bytes[..]).map_err(|_| invalid())?;
        body.extend_from_slice(&bytes[..count]);
        bytes.zeroize();
        if line.len() < COLUMNS {
            let is_bounded = body.len() <= MAX_BODY;
            let message = PluginMessage { command, args, body: body.into_bytes() };
            return if is_bounded { Ok(message) } else { Err(invalid()) };
        }
    }
}

/// The command and the arguments in the first line of a message.
fn parse_first_line(line: &[u8]) -> Option<(String, Vec<String>)> {
    let mut words = str::from_utf8(line).ok()?.strip_prefix(START)?.split(' ').map(|word| {
        let is_valid = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
        is_valid.then(|| word.to_owned())
    });
    let command = words.next()??;
    Some((command, words.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses the first message in a text. Returns it, and what follows it.
    fn parse(text: &str) -> Result<(PluginMessage, &str), ErrorKind> {
        let mut rest = text;
        let mut read_line = || {
            let (line, after) = rest.split_once('\n').ok_or(ErrorKind::UnexpectedEof)?;
            rest = after;
            Ok(Zeroizing::new(line.as_bytes().to_vec()))
        };
        let message = read_message(&mut read_line).map_err(|error| error.kind())?;
        Ok((message, rest))
    }

    #[test]
    fn a_message_is_parsed_as_it_was_written_whatever_its_size() {
        for size in [0, 1, 2, 3, 47, 48, 49, 96, 1000, MAX_BODY] {
            let body: Vec<u8> = (0..size).map(|index| index as u8).collect();
            let text = write_message("file-key", &["0", "~!"], &body);
            let text = str::from_utf8(&text).unwrap();
            let (message, rest) = parse(text).unwrap_or_else(|error| panic!("{size}: {error:?}"));
            assert_eq!((&*message.command, &*message.args), ("file-key", &["0".into(), "~!".into()][..]));
            assert_eq!((&*message.body, rest), (&body, ""));
        }
    }

    #[test]
    fn a_message_has_the_form_of_the_specification() {
        let text = |args: &[&str], body: &[u8]| {
            String::from_utf8(write_message("msg", args, body).to_vec()).unwrap()
        };
        assert_eq!(text(&[], b""), "-> msg\n\n");
        assert_eq!(text(&["a", "b"], b"hello"), "-> msg a b\naGVsbG8\n");
        let line = "A".repeat(64);
        assert_eq!(text(&[], &[0; 48]), format!("-> msg\n{line}\n\n"));
        assert_eq!(text(&[], &[0; 49]), format!("-> msg\n{line}\nAA\n"));
    }

    #[test]
    fn a_message_ends_with_its_first_short_line() {
        let (message, rest) = parse("-> ok\n\n-> done\n\n").unwrap_or_else(|error| panic!("{error:?}"));
        assert!(message.command == "ok" && message.args.is_empty() && message.body.is_empty());
        assert_eq!(rest, "-> done\n\n");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "\n",
            "ok\n",
            "->\n",
            "-> \n",
            "->  ok\n",
            "-> ok \n",
            "-> ok  a\n",
            "-> o\u{e9}\n",
            "-> ok\ta\n",
            // Padding, other characters, bits that encode nothing, a line that is too long, and a carriage return.
            "-> ok\nAA==\n",
            "-> ok\nA-\n",
            "-> ok\nAB\n",
            "-> ok\nA\n",
            "-> ok\nAA\r\n",
        ] {
            assert_eq!(parse(text).map(|_| ()), Err(ErrorKind::InvalidData), "{text:?}");
        }
        assert_eq!(parse(&format!("-> ok\n{}\n", "A".repeat(68))).map(|_| ()), Err(ErrorKind::InvalidData));
        assert_eq!(parse("-> ok\n").map(|_| ()), Err(ErrorKind::UnexpectedEof));
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_before_its_end() {
        let mut lines = 0;
        let mut endless = || {
            lines += 1;
            let line = if lines == 1 { "-> ok".into() } else { "A".repeat(COLUMNS) };
            Ok(Zeroizing::new(line.into_bytes()))
        };
        let refused = read_message(&mut endless).map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::InvalidData));
        let text = write_message("ok", &[], &[0; MAX_BODY + 1]);
        assert_eq!(parse(str::from_utf8(&text).unwrap()).map(|_| ()), Err(ErrorKind::InvalidData));
    }
}
