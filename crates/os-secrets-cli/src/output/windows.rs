//! Standard streams, which are files or a console's.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::windows::io::AsHandle,
};

use crate::console::{self, END, Reader};

/// Writes to a stream: text where it is a console, and the bytes as they are anywhere else.
pub fn write_all(stream: &impl AsHandle, bytes: &[u8]) -> io::Result<()> {
    let written = write_whole(stream, bytes)?;
    file(stream)?.write_all(&bytes[written..])
}

/// Writes all but a character that has only begun, where the stream is a console's: how much that is.
pub fn write_whole(stream: &impl AsHandle, bytes: &[u8]) -> io::Result<usize> {
    // Of its own, because that of the standard library has a buffer that nobody wipes.
    let mut file = file(stream)?;
    if !console::is_one(&file) {
        return file.write_all(bytes).map(|()| bytes.len());
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        match console::write(&file, rest)? {
            0 => break,
            written => rest = &rest[written..],
        }
    }
    Ok(bytes.len() - rest.len())
}

/// Standard input without the buffer of the standard library, which nobody wipes.
pub fn input() -> io::Result<impl Read> {
    let file = file(&io::stdin())?;
    let reader = console::is_one(&file).then(Reader::default);
    Ok(Input { file, reader })
}

struct Input {
    file: File,
    /// What reads it, where it is a console.
    reader: Option<Reader>,
}

impl Read for Input {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else { return self.file.read(bytes) };
        let count = reader.read(&self.file, bytes)?;
        // As all programs have it, a line that begins so is no line.
        Ok(if bytes[..count].starts_with(&[END]) { 0 } else { count })
    }
}

fn file(stream: &impl AsHandle) -> io::Result<File> {
    stream.as_handle().try_clone_to_owned().map(File::from)
}
