//! The standard streams, which are files.

use std::{
    io::{self, Read},
    os::fd::AsFd,
};

use rustix::event::{PollFd, PollFlags, poll};

/// Writes all bytes to a stream. The stream may be non-blocking, because another program that shares it has set that.
pub fn write_all<S: AsFd>(stream: &S, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stream, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => wait_for(stream, PollFlags::OUT)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Opens standard input without the standard library's buffer, which is never wiped.
pub fn open_input() -> io::Result<impl Read> {
    Ok(RawStdin)
}

struct RawStdin;

impl Read for RawStdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let stdin = io::stdin();
        loop {
            match rustix::io::read(&stdin, &mut *bytes) {
                Err(rustix::io::Errno::AGAIN) => wait_for(&stdin, PollFlags::IN)?,
                count => return Ok(count?),
            }
        }
    }
}

/// Waits until a stream is ready.
fn wait_for<S: AsFd>(stream: &S, events: PollFlags) -> io::Result<()> {
    rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(stream, events)], None))?;
    Ok(())
}
