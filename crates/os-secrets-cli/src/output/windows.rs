//! The standard streams, which are files or belong to a console.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::windows::io::AsHandle,
};

use crate::console::{self, CTRL_Z, ConsoleReader};

/// Writes all bytes to a stream: as text if it belongs to a console, else as they are.
pub fn write_all(stream: &impl AsHandle, bytes: &[u8]) -> io::Result<()> {
    let written = write_whole_characters(stream, bytes)?;
    duplicate(stream)?.write_all(&bytes[written..])
}

/// Writes to a stream, and returns how many bytes it wrote. A console does not get an incomplete character at the
/// end.
pub fn write_whole_characters(stream: &impl AsHandle, bytes: &[u8]) -> io::Result<usize> {
    // The standard library's streams have a buffer that is never wiped.
    let mut file = duplicate(stream)?;
    if !console::is_console(&file) {
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

/// Opens standard input without the standard library's buffer, which is never wiped.
pub fn open_input() -> io::Result<impl Read> {
    let file = duplicate(&io::stdin())?;
    let reader = console::is_console(&file).then(ConsoleReader::default);
    Ok(RawStdin { file, reader })
}

struct RawStdin {
    file: File,
    /// The reader of the console. `None` if standard input is not a console.
    reader: Option<ConsoleReader>,
}

impl Read for RawStdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else { return self.file.read(bytes) };
        let count = reader.read(&self.file, bytes)?;
        // As in other programs, Ctrl-Z at the start of a line ends the input.
        Ok(if bytes[..count].starts_with(&[CTRL_Z]) { 0 } else { count })
    }
}

fn duplicate(stream: &impl AsHandle) -> io::Result<File> {
    stream.as_handle().try_clone_to_owned().map(File::from)
}
