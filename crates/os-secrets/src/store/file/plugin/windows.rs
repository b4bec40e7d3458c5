//! Plugins on Windows: their programs, and pipes that are checked for output until a deadline.

use std::{
    io::{self, ErrorKind, Read, Write},
    path::Path,
    process::{ChildStdin, ChildStdout},
    sync::mpsc::{Sender, channel},
    thread,
    time::Instant,
};

use zeroize::Zeroizing;

use super::{LONGEST_PAUSE, SHORTEST_PAUSE, time_left};
use crate::{pipe::available, wiped::WipedBuffer};

/// Whether a path is that of a program.
pub fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// A directory for a plugin to run in: that of its program, in which Windows looks for libraries anyway.
pub fn neutral_directory(program: &Path) -> &Path {
    program.parent().unwrap_or(program)
}

/// The pipes to a plugin.
pub struct Pipes {
    texts: Sender<Zeroizing<Vec<u8>>>,
    stdout: ChildStdout,
}

impl Pipes {
    /// Takes our ends of the pipes.
    pub fn new(mut stdin: ChildStdin, stdout: ChildStdout) -> io::Result<Self> {
        let (texts, to_write) = channel::<Zeroizing<Vec<u8>>>();
        // Writing blocks while the plugin does not read, and ends when the plugin ends.
        let write = move || to_write.into_iter().try_for_each(|text| stdin.write_all(&text));
        thread::Builder::new().spawn(write)?;
        Ok(Self { texts, stdout })
    }

    /// Writes a text. The plugin may read it later.
    pub fn write(&mut self, text: &[u8], deadline: Instant) -> io::Result<()> {
        time_left(deadline)?;
        self.texts.send(Zeroizing::new(text.to_vec())).map_err(|_| ErrorKind::BrokenPipe.into())
    }

    /// Appends what has arrived to `received`, and returns the number of bytes: 0 at the end.
    pub fn read(&mut self, received: &mut WipedBuffer, deadline: Instant) -> io::Result<usize> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let count = match available(&self.stdout) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(0),
                count => count?,
            };
            if count > 0 {
                return received.read_chunk(|chunk| {
                    let size = count.min(chunk.len());
                    self.stdout.read(&mut chunk[..size])
                });
            }
            thread::sleep(pause.min(time_left(deadline)?));
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}
