//! The child's output: from the pipe that we read, through the mask, to our own.
//!
//! It has pipes also where ours is a console. A pseudoconsole (ConPTY) hands over what it would draw, not what
//! was written: it may come in another order and with the cursor's movements in the middle of a value, which no
//! mask would find.

use std::{
    io::{self, ErrorKind, Read, stderr, stdout},
    os::windows::io::{AsHandle, AsRawHandle, OwnedHandle},
    process::{Child, Command, ExitStatus, Stdio},
    ptr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use windows_sys::Win32::{Foundation::ERROR_OPERATION_ABORTED, System::IO::CancelIoEx};
use zeroize::Zeroizing;

use crate::{
    mask::{Mask, Masked},
    output::{write_all, write_whole},
};
use os_secrets::pipe::available;

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// How long a thread has to see that it waits for nothing.
const PAUSE: Duration = Duration::from_millis(1);

/// Gives the command pipes to write to.
pub fn connect(command: &mut Command) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Passes output on until the child has ended and what it wrote is written.
///
/// Two streams are two pipes and two threads: the order in which a console shows them is not the child's.
pub fn pass_on(child: &mut Child, mask: &Mask) -> io::Result<ExitStatus> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(2);
        if let Some(source) = child.stdout.take() {
            let (stream, wait) = Stream::new(source, stdout(), mask, &ended)?;
            threads.push((scope.spawn(move || stream.run()), wait));
        }
        if let Some(source) = child.stderr.take() {
            let (stream, wait) = Stream::new(source, stderr(), mask, &ended)?;
            threads.push((scope.spawn(move || stream.run()), wait));
        }
        let status = child.wait();
        ended.store(true, Ordering::SeqCst);
        let mut failure = None;
        for (thread, wait) in threads {
            while !thread.is_finished() {
                // It may not have begun to wait yet.
                wait.cancel();
                thread::sleep(PAUSE);
            }
            let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
            failure = failure.or(result.err());
        }
        failure.map_or(status, Err)
    })
}

/// A thread's waiting for its pipe.
struct Wait(Weak<OwnedHandle>);

impl Wait {
    fn cancel(&self) {
        if let Some(pipe) = self.0.upgrade() {
            // SAFETY: the handle is open. Without a request's structure, all that wait for the pipe are meant,
            // and who waits owns the memory until it is told.
            unsafe { CancelIoEx(pipe.as_raw_handle(), ptr::null()) };
        }
    }
}

/// One of the child's streams.
struct Stream<'a, R, W> {
    source: R,
    /// What [`Wait`] takes hold of. It goes with the source: a pipe that is open has a reader.
    _waited: Arc<OwnedHandle>,
    sink: W,
    masked: Masked<'a>,
    /// What is to be written.
    out: Zeroizing<Vec<u8>>,
    ended: &'a AtomicBool,
    /// How much of the source still counts. Known once the child has ended.
    left: Option<usize>,
}

impl<'a, R: Read + AsHandle, W: AsHandle> Stream<'a, R, W> {
    fn new(source: R, sink: W, mask: &'a Mask, ended: &'a AtomicBool) -> io::Result<(Self, Wait)> {
        let waited = Arc::new(source.as_handle().try_clone_to_owned()?);
        let wait = Wait(Arc::downgrade(&waited));
        let (masked, out) = (mask.stream(), Zeroizing::default());
        Ok((Self { source, _waited: waited, sink, masked, out, ended, left: None }, wait))
    }

    /// Passes all of it on. The error is why that cannot be, if it is not for want of a reader.
    fn run(mut self) -> io::Result<()> {
        match self.pass_on() {
            // The child's next write fails, as it would if ours were its own.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let mut buffer = Zeroizing::new(vec![0; CHUNK]);
        while let Some(count) = self.read(&mut buffer) {
            self.masked.push(&buffer[..count], &mut self.out);
            // A console is given whole characters.
            let written = write_whole(&self.sink, &self.out)?;
            self.out.drain(..written);
        }
        self.masked.finish(&mut self.out);
        write_all(&self.sink, &self.out)
    }

    /// Reads what there is, waiting for it; none at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            if self.left.is_none() && self.ended.load(Ordering::SeqCst) {
                // What is there by now is all, also where others have the pipe and go on.
                self.left = Some(available(&self.source).unwrap_or(0));
            }
            let most = self.left.unwrap_or(usize::MAX).min(buffer.len());
            if most == 0 {
                return None;
            }
            match self.source.read(&mut buffer[..most]) {
                // It is no end where somebody wrote nothing.
                Ok(0) if available(&self.source).is_ok() => {}
                Ok(0) => return None,
                Ok(count) => {
                    self.left = self.left.map(|left| left - count);
                    return Some(count);
                }
                Err(error) if error.raw_os_error() == Some(ERROR_OPERATION_ABORTED as i32) => {}
                Err(_) => return None,
            }
        }
    }
}
