//! Plugins on Unix: their programs, and pipes that are waited for with a deadline.

use std::{
    io,
    os::{fd::AsFd, unix::fs::PermissionsExt},
    path::Path,
    process::{ChildStdin, ChildStdout},
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionbio},
};

use super::time_left;
use crate::wiped::WipedBuffer;

/// Whether a path is that of a program.
pub fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A directory for a plugin to run in: nobody else can put files there that it would find.
pub fn neutral_directory(_: &Path) -> &Path {
    Path::new("/")
}

/// The pipes to a plugin.
pub struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Pipes {
    /// Takes our ends of the pipes.
    pub fn new(stdin: ChildStdin, stdout: ChildStdout) -> io::Result<Self> {
        ioctl_fionbio(&stdin, true)?;
        ioctl_fionbio(&stdout, true)?;
        Ok(Self { stdin, stdout })
    }

    /// Writes a text.
    pub fn write(&mut self, mut text: &[u8], deadline: Instant) -> io::Result<()> {
        while !text.is_empty() {
            match rustix::io::write(&self.stdin, text) {
                Ok(count) => text = &text[count..],
                Err(Errno::AGAIN) => wait_for(&self.stdin, PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Appends what has arrived to `received`, and returns the number of bytes: 0 at the end.
    pub fn read(&mut self, received: &mut WipedBuffer, deadline: Instant) -> io::Result<usize> {
        loop {
            match received.read_chunk(|chunk| rustix::io::read(&self.stdout, chunk)) {
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => wait_for(&self.stdout, PollFlags::IN, deadline)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn wait_for(pipe: &impl AsFd, event: PollFlags, deadline: Instant) -> io::Result<()> {
    let left = Timespec::try_from(time_left(deadline)?).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(pipe, event)], Some(&left)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
