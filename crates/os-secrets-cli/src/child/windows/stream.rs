//! The child's output: read from its pipe, masked, and written to our own stream.
//!
//! The child gets pipes even if ours is a console. A pseudoconsole (ConPTY) passes on what it would draw, not what was
//! written. That may come in another order, and with cursor movements inside a value, so that no mask would find it.

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
    mask::{Mask, MaskedStream},
    output::{write_all, write_whole_characters},
};
use os_secrets::pipe::available;

/// How many bytes are read at once.
const CHUNK: usize = 64 << 10;
/// The pause between two attempts to cancel a thread's read.
const PAUSE: Duration = Duration::from_millis(1);

/// Gives the command pipes to write to.
pub fn connect(command: &mut Command) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Passes output on until the child has ended and all its output is written.
///
/// Each of the two streams has a pipe and a thread, so a console may show their output in another order than the child
/// wrote it.
pub fn pass_on(child: &mut Child, mask: &Mask) -> io::Result<ExitStatus> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(2);
        if let Some(source) = child.stdout.take() {
            let (stream, read) = ChildStream::new(source, stdout(), mask, &ended)?;
            threads.push((scope.spawn(move || stream.run()), read));
        }
        if let Some(source) = child.stderr.take() {
            let (stream, read) = ChildStream::new(source, stderr(), mask, &ended)?;
            threads.push((scope.spawn(move || stream.run()), read));
        }
        let status = child.wait();
        ended.store(true, Ordering::SeqCst);
        let mut failure = None;
        for (thread, read) in threads {
            while !thread.is_finished() {
                // Repeated, because the thread may not have begun to read yet.
                read.cancel();
                thread::sleep(PAUSE);
            }
            let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
            failure = failure.or(result.err());
        }
        failure.map_or(status, Err)
    })
}

/// The read of a thread that waits for its pipe.
struct PendingRead(Weak<OwnedHandle>);

impl PendingRead {
    fn cancel(&self) {
        if let Some(pipe) = self.0.upgrade() {
            // SAFETY: the handle is open. A null request cancels every read of the pipe, and each reader keeps its
            // buffer until its read has returned.
            unsafe { CancelIoEx(pipe.as_raw_handle(), ptr::null()) };
        }
    }
}

/// One of the child's output streams.
struct ChildStream<'a, R, W> {
    source: R,
    /// The handle that [`PendingRead`] refers to. It must close with the source, because an open pipe has a reader.
    _waited: Arc<OwnedHandle>,
    sink: W,
    masked: MaskedStream<'a>,
    /// The bytes to write.
    out: Zeroizing<Vec<u8>>,
    ended: &'a AtomicBool,
    /// The maximum number of bytes still to read. Known once the child has ended.
    left: Option<usize>,
}

impl<'a, R: Read + AsHandle, W: AsHandle> ChildStream<'a, R, W> {
    fn new(source: R, sink: W, mask: &'a Mask, ended: &'a AtomicBool) -> io::Result<(Self, PendingRead)> {
        let waited = Arc::new(source.as_handle().try_clone_to_owned()?);
        let read = PendingRead(Arc::downgrade(&waited));
        let (masked, out) = (mask.stream(), Zeroizing::default());
        Ok((Self { source, _waited: waited, sink, masked, out, ended, left: None }, read))
    }

    /// Passes all output on. A missing reader is no error.
    fn run(mut self) -> io::Result<()> {
        match self.pass_on() {
            // The source closes, so the child's next write fails, as it would without us.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let mut buffer = Zeroizing::new(vec![0; CHUNK]);
        while let Some(count) = self.read(&mut buffer) {
            self.masked.push(&buffer[..count], &mut self.out);
            // A console takes whole characters only.
            let written = write_whole_characters(&self.sink, &self.out)?;
            self.out.drain(..written);
        }
        self.masked.finish(&mut self.out);
        write_all(&self.sink, &self.out)
    }

    /// Waits for bytes and reads them. `None` at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            if self.left.is_none() && self.ended.load(Ordering::SeqCst) {
                // Only what is in the pipe by now counts, even if other processes have it open and go on writing.
                self.left = Some(available(&self.source).unwrap_or(0));
            }
            let room = self.left.unwrap_or(usize::MAX).min(buffer.len());
            if room == 0 {
                return None;
            }
            match self.source.read(&mut buffer[..room]) {
                // Zero bytes are not the end if the pipe still works: a process can write nothing.
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
