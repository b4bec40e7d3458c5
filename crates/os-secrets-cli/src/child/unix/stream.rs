//! The child's output: read from its pipe or terminal, masked, and written to our own stream.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Command, Stdio},
    time::{Duration, Instant},
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

use super::terminal::is_own_terminal;
use crate::mask::{Mask, MaskedStream};

/// The maximum number of bytes to write at once. A pipe that is ready takes as much without blocking.
const WRITE: usize = 4096;
/// The maximum number of reads and writes before other streams have their turn.
const TURNS: usize = 32;
/// How long text on a terminal is held back if nothing follows. A value that was written at once is read at once.
const MOMENT: Duration = Duration::from_millis(100);
/// More than a terminal or a pipe of the usual size can hold unread.
const ASSUMED_CAPACITY: usize = 1 << 20;

/// One of the child's output streams, or both if they are the same terminal.
pub struct ChildStream<'a> {
    /// What the child writes to. `None` at its end, or when our own stream has no reader.
    source: Option<OwnedFd>,
    /// The maximum number of bytes still to read. Known once the child has ended.
    left: Option<usize>,
    masked: MaskedStream<'a>,
    /// Whether to remove the CR before each LF.
    removes_returns: bool,
    /// When to show text that is held back. Only a terminal has a user who may wait for it. Into a pipe or a file,
    /// programs write blocks that end anywhere, so half a value may be there for long.
    show_at: Option<Instant>,
    /// The bytes to write.
    out: Zeroizing<Vec<u8>>,
    /// How many of them are written.
    written: usize,
    /// Our own stream.
    sink: BorrowedFd<'static>,
    /// Whether `poll` can wait for the sink. macOS cannot for some devices, such as /dev/null.
    can_poll: bool,
    /// The size of the terminal, as the child knows it. `None` for a pipe.
    size: Option<Winsize>,
    failure: Option<Errno>,
}

/// Gives the command streams like ours: a terminal if ours is one, else a pipe.
pub fn connect<'a>(command: &mut Command, mask: &'a Mask) -> io::Result<Vec<ChildStream<'a>>> {
    let (out, out_end) = ChildStream::open(stdout(), mask)?;
    // If both streams go to the same terminal, one stream keeps the order.
    if out.size.is_some() && is_same_terminal(stdout(), stderr())? {
        command.stderr(out_end.try_clone()?).stdout(out_end);
        return Ok(vec![out]);
    }
    let (err, err_end) = ChildStream::open(stderr(), mask)?;
    command.stdout(out_end).stderr(Stdio::from(err_end));
    Ok(vec![out, err])
}

/// Gives the command's session a terminal like ours, for standard output and whatever else is on it. Returns our end and
/// the command's end as well.
pub fn connect_session<'a>(
    command: &mut Command,
    mask: &'a Mask,
) -> io::Result<(Vec<ChildStream<'a>>, OwnedFd, OwnedFd)> {
    let size = tcgetwinsize(stdout())?;
    let (master, end) = open_pair()?;
    tcsetattr(end.as_fd(), OptionalActions::Now, &tcgetattr(stdout())?)?;
    tcsetwinsize(&master, size)?;
    let ours = master.try_clone()?;
    let mut streams = vec![ChildStream::new(stdout(), mask, master, Some(size))?];
    command.stdout(end.try_clone()?);
    if is_own_terminal(stderr()) {
        command.stderr(end.try_clone()?);
    } else {
        let (err, err_end) = ChildStream::open(stderr(), mask)?;
        command.stderr(err_end);
        streams.push(err);
    }
    Ok((streams, ours, end))
}

/// Whether both are the same terminal.
fn is_same_terminal(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    let (one, other_stat) = (fstat(one)?, fstat(other)?);
    Ok(isatty(other) && one.st_rdev == other_stat.st_rdev)
}

impl<'a> ChildStream<'a> {
    /// A stream to this sink, and the child's end of it.
    fn open(sink: BorrowedFd<'static>, mask: &'a Mask) -> io::Result<(Self, OwnedFd)> {
        let size = if isatty(sink) { Some(tcgetwinsize(sink)?) } else { None };
        let (source, end) = match size {
            Some(size) => open_terminal(sink, size)?,
            None => {
                let (source, end) = io::pipe()?;
                (source.into(), end.into())
            }
        };
        Ok((Self::new(sink, mask, source, size)?, end))
    }

    fn new(
        sink: BorrowedFd<'static>,
        mask: &'a Mask,
        source: OwnedFd,
        size: Option<Winsize>,
    ) -> io::Result<Self> {
        ioctl_fionbio(&source, true)?;
        Ok(Self {
            source: Some(source),
            left: None,
            masked: mask.stream(),
            removes_returns: false,
            show_at: None,
            out: Zeroizing::default(),
            written: 0,
            sink,
            can_poll: !cfg!(target_os = "macos")
                || !ready_state(sink, PollFlags::OUT).contains(PollFlags::NVAL),
            size,
            failure: None,
        })
    }

    /// What to wait for before the stream can advance. Nothing if it has ended.
    pub fn awaited(&self) -> impl Iterator<Item = PollFd<'_>> {
        let writes = !self.out.is_empty();
        let source = self.source.as_ref().filter(|_| !writes);
        // `poll` reports a sink without readers in any case.
        let sink_events = if writes { PollFlags::OUT } else { PollFlags::empty() };
        let sink = (self.can_poll && (writes || source.is_some()))
            .then(|| PollFd::from_borrowed_fd(self.sink, sink_events));
        source.map(|source| PollFd::new(source, PollFlags::IN)).into_iter().chain(sink)
    }

    /// Reads and writes as much as it can without blocking.
    pub fn advance(&mut self, buffer: &mut [u8]) {
        let mut turns = 0;
        // After the child's end, the rest is limited, so it needs no turns. If the sink cannot be polled, it takes
        // everything at once, because nothing would wake us for the rest.
        while turns < TURNS || self.left.is_some() || (!self.can_poll && !self.out.is_empty()) {
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

    /// The child has ended, so only what is in the pipe or terminal by now counts.
    pub fn end(&mut self) {
        self.left = self.source.as_ref().map(capacity);
    }

    /// Passes on what is there now, and waits for the sink. The source may be written to all the time, so this has a limit.
    pub fn flush(&mut self, buffer: &mut [u8]) {
        for _ in 0..TURNS {
            self.advance(buffer);
            let Some(source) = &self.source else { return };
            let is_written = self.out.is_empty();
            if is_written && !ready_state(source.as_fd(), PollFlags::IN).contains(PollFlags::IN) {
                return;
            }
            let mut polled = [PollFd::from_borrowed_fd(self.sink, PollFlags::OUT)];
            if !is_written && self.can_poll && poll(&mut polled, None).is_err() {
                return;
            }
        }
    }

    /// Says whether to remove the CR before each LF, because the sink writes it.
    pub fn remove_returns(&mut self, remove: bool) {
        self.removes_returns = remove;
    }

    /// If the size of the terminal has changed, passes it on to the child.
    pub fn keep_size(&mut self, child: Pid) {
        if !self.keep_session_size() {
            return;
        }
        let _ = kill_process(child, Signal::WINCH);
        // The child may be a shell, and another program in the foreground.
        if let Ok(group) = tcgetpgrp(self.sink)
            && group != getpgrp()
        {
            let _ = kill_process_group(group, Signal::WINCH);
        }
    }

    /// If the size of the terminal has changed, sets that of the child's. The kernel tells the processes in front of it.
    /// Returns whether it has changed.
    pub fn keep_session_size(&mut self) -> bool {
        let (Some(source), Some(known)) = (&self.source, &self.size) else { return false };
        let Ok(size) = tcgetwinsize(self.sink) else { return false };
        if size == *known || tcsetwinsize(source, size).is_err() {
            return false;
        }
        self.size = Some(size);
        true
    }

    /// Whether nothing is read any more.
    pub fn is_over(&self) -> bool {
        self.source.is_none()
    }

    /// Why output could not be passed on. A missing reader is no failure.
    pub fn close(self) -> Option<io::Error> {
        self.failure.filter(|&failure| failure != Errno::PIPE).map(io::Error::from)
    }

    fn sink_state(&self) -> PollFlags {
        // If it cannot be polled, a write blocks or reports the error.
        if self.can_poll { ready_state(self.sink, PollFlags::OUT) } else { PollFlags::OUT }
    }

    /// Reads once. Returns whether there may be more to do without waiting.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let Some(source) = &self.source else { return false };
        let room = self.left.unwrap_or(usize::MAX).min(buffer.len());
        match rustix::io::read(source, &mut buffer[..room]) {
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) if self.left.is_none() => return false,
            // A terminal that no process has open any more fails with EIO.
            Ok(0) | Err(_) => {
                self.source = None;
                self.masked.finish(&mut self.out);
            }
            Ok(count) => {
                self.left = self.left.map(|left| left - count);
                let count = if self.removes_returns { remove_returns(&mut buffer[..count]) } else { count };
                self.masked.push(&buffer[..count], &mut self.out);
                let waits = self.size.is_some() && self.masked.can_show_held();
                self.show_at = waits.then(|| Instant::now() + MOMENT);
            }
        }
        true
    }

    /// How long to wait at most before the next [`show_held`](Self::show_held).
    pub fn patience(&self) -> Option<Duration> {
        let show_at = self.show_at.filter(|_| self.source.is_some())?;
        Some(show_at.saturating_duration_since(Instant::now()))
    }

    /// If nothing followed what is held back, shows it.
    pub fn show_held(&mut self) {
        if self.patience().is_some_and(|patience| patience.is_zero()) {
            self.show_at = None;
            self.masked.show_held(&mut self.out);
        }
    }

    /// Writes once. Returns whether there may be more to do without waiting.
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

    /// Closes the source, so that the child's next write fails, as it would without us.
    fn give_up(&mut self) {
        self.source = None;
        self.out.clear();
        self.written = 0;
    }
}

/// Removes the CR before each LF, and returns the new length.
fn remove_returns(text: &mut [u8]) -> usize {
    let mut length = 0;
    for at in 0..text.len() {
        if !text[at..].starts_with(b"\r\n") {
            text[length] = text[at];
            length += 1;
        }
    }
    length
}

/// The events that are ready now, of those asked for.
fn ready_state(stream: BorrowedFd<'_>, events: PollFlags) -> PollFlags {
    let mut polled = [PollFd::from_borrowed_fd(stream, events)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut polled, Some(&now)) {
        Ok(_) => polled[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

/// The maximum number of bytes that a pipe or terminal can hold. Only Linux tells, and only Linux has larger pipes.
fn capacity(source: &OwnedFd) -> usize {
    #[cfg(target_os = "linux")]
    if let Ok(size) = rustix::pipe::fcntl_getpipe_size(source) {
        return size;
    }
    let _ = source;
    ASSUMED_CAPACITY
}

/// Opens a terminal with the size and the modes of another one. Only output processing is off, because the other
/// terminal will do it.
fn open_terminal(like: BorrowedFd<'_>, size: Winsize) -> io::Result<(OwnedFd, OwnedFd)> {
    let (master, end) = open_pair()?;
    let mut modes = tcgetattr(like)?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(end.as_fd(), OptionalActions::Now, &modes)?;
    tcsetwinsize(&master, size)?;
    Ok((master, end))
}

/// Opens both ends of a new terminal.
#[cfg(target_os = "linux")]
fn open_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    let end = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    Ok((master, end))
}

/// Opens both ends of a new terminal.
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
