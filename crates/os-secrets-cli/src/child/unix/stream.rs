//! The child's output: from the end that we read, through the mask, to our own.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Command, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::fstat,
    io::{Errno, ioctl_fionbio},
    process::{Pid, Signal, getpgrp, kill_process, kill_process_group},
    pty::{OpenptFlags, openpt, unlockpt},
    stdio::{stderr, stdout},
    termios::{
        OptionalActions, OutputModes, Winsize, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
        tcsetwinsize,
    },
};
use zeroize::Zeroizing;

use crate::mask::{Mask, Masked};

/// How much is written at once: a pipe that is ready takes so much without waiting.
const WRITE: usize = 4096;
/// How often it is read and written before others have their turn.
const TURNS: usize = 32;
/// More than a pipe of usual size or a terminal holds that nobody reads.
const USUAL: usize = 1 << 20;

/// One of the child's streams, or both where they are one.
pub struct Stream<'a> {
    /// None at its end, or when nobody reads ours.
    source: Option<OwnedFd>,
    /// How much of it still counts. Known once the child has ended.
    left: Option<usize>,
    masked: Masked<'a>,
    /// What is to be written, and how much of it has been.
    out: Zeroizing<Vec<u8>>,
    written: usize,
    sink: BorrowedFd<'static>,
    /// Whether it can be waited for. macOS does not know how for some devices, such as /dev/null.
    is_polled: bool,
    /// The terminal's size that the child knows.
    size: Option<Winsize>,
    failure: Option<Errno>,
}

/// Gives the command streams like ours: terminals where ours are, and otherwise pipes.
pub fn connect<'a>(command: &mut Command, mask: &'a Mask) -> io::Result<Vec<Stream<'a>>> {
    let (out, out_end) = Stream::open(stdout(), mask)?;
    // What goes to one terminal is to stay in order.
    if out.size.is_some() && is_same(stdout(), stderr())? {
        command.stderr(out_end.try_clone()?).stdout(out_end);
        return Ok(vec![out]);
    }
    let (err, err_end) = Stream::open(stderr(), mask)?;
    command.stdout(out_end).stderr(Stdio::from(err_end));
    Ok(vec![out, err])
}

fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    let (one, other_stat) = (fstat(one)?, fstat(other)?);
    Ok(isatty(other) && one.st_rdev == other_stat.st_rdev)
}

impl<'a> Stream<'a> {
    /// A stream to there, and the end of it that is the child's.
    fn open(sink: BorrowedFd<'static>, mask: &'a Mask) -> io::Result<(Self, OwnedFd)> {
        let size = if isatty(sink) { Some(tcgetwinsize(sink)?) } else { None };
        let (source, end) = match size {
            Some(size) => open_terminal(sink, size)?,
            None => {
                let (source, end) = io::pipe()?;
                (source.into(), end.into())
            }
        };
        ioctl_fionbio(&source, true)?;
        let stream = Self {
            source: Some(source),
            left: None,
            masked: mask.stream(),
            out: Zeroizing::default(),
            written: 0,
            sink,
            is_polled: !cfg!(target_os = "macos") || !ready_state(sink).contains(PollFlags::NVAL),
            size,
            failure: None,
        };
        Ok((stream, end))
    }

    /// What has to happen for it to advance. Nothing where it is over.
    pub fn awaited(&self) -> impl Iterator<Item = PollFd<'_>> {
        let writes = !self.out.is_empty();
        let source = self.source.as_ref().filter(|_| !writes);
        // That nobody reads any more is told without asking.
        let of_sink = if writes { PollFlags::OUT } else { PollFlags::empty() };
        let sink = (self.is_polled && (writes || source.is_some()))
            .then(|| PollFd::from_borrowed_fd(self.sink, of_sink));
        source.map(|source| PollFd::new(source, PollFlags::IN)).into_iter().chain(sink)
    }

    /// Reads and writes what it can without waiting.
    pub fn advance(&mut self, buffer: &mut [u8]) {
        let mut turns = 0;
        // After the child's end there is only so much, and nothing tells when there is more to write to what
        // cannot be waited for.
        while turns < TURNS || self.left.is_some() || (!self.is_polled && !self.out.is_empty()) {
            turns += 1;
            let sink = self.sink_state();
            if sink.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
                return self.give_up();
            }
            let goes_on = if self.out.is_empty() {
                self.read(buffer)
            } else {
                sink.contains(PollFlags::OUT) && self.write()
            };
            if !goes_on {
                return;
            }
        }
    }

    /// The child has ended: what is there by now is all.
    pub fn end(&mut self) {
        self.left = self.source.as_ref().map(capacity);
    }

    /// Tells the child when the terminal's size is another.
    pub fn keep_size(&mut self, child: Pid) {
        let (Some(source), Some(known)) = (&self.source, &self.size) else { return };
        let Ok(size) = tcgetwinsize(self.sink) else { return };
        if size == *known || tcsetwinsize(source, size).is_err() {
            return;
        }
        self.size = Some(size);
        let _ = kill_process(child, Signal::WINCH);
        // The child may be a shell, and another program have the terminal.
        if let Ok(group) = tcgetpgrp(self.sink)
            && group != getpgrp()
        {
            let _ = kill_process_group(group, Signal::WINCH);
        }
    }

    /// Why it could not be passed on, if that was not for want of a reader.
    pub fn close(self) -> Option<io::Error> {
        self.failure.filter(|&failure| failure != Errno::PIPE).map(io::Error::from)
    }

    fn sink_state(&self) -> PollFlags {
        // A write that waits, or says what is wrong.
        if self.is_polled { ready_state(self.sink) } else { PollFlags::OUT }
    }

    /// Whether there is more to do at once.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let Some(source) = &self.source else { return false };
        let most = self.left.unwrap_or(usize::MAX).min(buffer.len());
        match rustix::io::read(source, &mut buffer[..most]) {
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) if self.left.is_none() => return false,
            // A terminal that no process has open any more answers EIO.
            Ok(0) | Err(_) => {
                self.source = None;
                self.masked.finish(&mut self.out);
            }
            Ok(count) => {
                self.left = self.left.map(|left| left - count);
                self.masked.push(&buffer[..count], &mut self.out);
            }
        }
        true
    }

    /// Whether there is more to do at once.
    fn write(&mut self) -> bool {
        let rest = &self.out[self.written..];
        match rustix::io::write(self.sink, &rest[..rest.len().min(WRITE)]) {
            Ok(count) => self.written += count,
            Err(Errno::INTR | Errno::AGAIN) => return false,
            Err(failure) => {
                self.failure = Some(failure);
                self.give_up();
                return false;
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        true
    }

    /// Has the child's next write fail, as it would if ours were its own.
    fn give_up(&mut self) {
        self.source = None;
        self.out.clear();
        self.written = 0;
    }
}

/// What can be done with a sink at once.
fn ready_state(sink: BorrowedFd<'_>) -> PollFlags {
    let mut polled = [PollFd::from_borrowed_fd(sink, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut polled, Some(&now)) {
        Ok(_) => polled[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

/// How much a pipe or a terminal holds at most. Only Linux tells, where a pipe can be made larger.
fn capacity(source: &OwnedFd) -> usize {
    #[cfg(target_os = "linux")]
    if let Ok(size) = rustix::pipe::fcntl_getpipe_size(source) {
        return size;
    }
    let _ = source;
    USUAL
}

/// A terminal of this size that behaves as this one, but leaves what is written as it is: that one will
/// process it.
fn open_terminal(like: BorrowedFd<'_>, size: Winsize) -> io::Result<(OwnedFd, OwnedFd)> {
    let (master, end) = open_pair()?;
    let mut modes = tcgetattr(like)?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(end.as_fd(), OptionalActions::Now, &modes)?;
    tcsetwinsize(&master, size)?;
    Ok((master, end))
}

/// The two ends of a new terminal.
#[cfg(target_os = "linux")]
fn open_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    let end = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    Ok((master, end))
}

/// The two ends of a new terminal.
#[cfg(not(target_os = "linux"))]
fn open_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::{
        fs::{Mode, OFlags, open},
        io::{FdFlags, fcntl_setfd},
        pty::{grantpt, ptsname},
    };

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    fcntl_setfd(&master, FdFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let end = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((master, end))
}
