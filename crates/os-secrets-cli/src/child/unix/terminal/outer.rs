//! The outer terminal: the one on which we were started, and its keyboard.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    thread,
    time::Duration,
};

use libc::termios;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, Mode, OFlags, fstat, open},
    io::{Errno, ioctl_fionread, read},
    process::getpgrp,
    stdio::{stdin, stdout},
    termios::{isatty, tcgetpgrp},
};
use zeroize::{Zeroize, Zeroizing};

use super::settings::{raw, set, settings, without_lines};

/// The maximum number of bytes that a terminal holds unread.
const QUEUE: usize = 4096;
/// How long to wait for the command's terminal to take what was typed before, in milliseconds.
const PATIENCE: usize = 1000;

/// The terminal, and the settings to restore.
pub struct Outer {
    terminal: OwnedFd,
    /// The settings before ours, while the command has the keyboard.
    saved: Option<termios>,
}

/// What was typed while the command did not have the keyboard.
pub struct TypedBefore {
    /// What the terminal has processed and shown.
    pub text: Zeroizing<Vec<u8>>,
    /// What the terminal has not processed, and a key that means the end of the input with what follows it.
    pub rest: Zeroizing<Vec<u8>>,
}

impl TypedBefore {
    fn add(&mut self, typed: &[u8]) {
        let end = if self.rest.is_empty() { &mut self.text } else { &mut self.rest };
        end.extend_from_slice(typed);
    }

    /// Adds the start of a line. If keys that edit a line are in it, the terminal has not processed them.
    fn add_line(&mut self, line: &[u8], settings: &termios) {
        let edits = [libc::VEOF, libc::VERASE, libc::VKILL, libc::VWERASE, libc::VLNEXT, libc::VREPRINT];
        let edits = edits.map(|key| settings.c_cc[key]);
        let end = line.iter().position(|key| *key != 0 && edits.contains(key)).unwrap_or(line.len());
        self.add_up_to(end, line);
    }

    /// Adds what may be processed or not. The Enter key sends CR, so a line that ends with LF is processed.
    fn add_last(&mut self, typed: &[u8]) {
        let end = typed.iter().rposition(|&key| key == b'\n').map_or(0, |at| at + 1);
        self.add_up_to(end, typed);
    }

    /// Adds what the terminal has processed up to an end, and has not processed after it.
    fn add_up_to(&mut self, end: usize, typed: &[u8]) {
        self.add(&typed[..end]);
        self.rest.extend_from_slice(&typed[end..]);
    }
}

impl Outer {
    /// The terminal, if standard output is the one that controls this process.
    pub fn find() -> Option<Self> {
        if !is_own_terminal(stdout()) {
            return None;
        }
        // macOS cannot poll /dev/tty. In a container, the terminal may have no name.
        #[cfg(target_os = "macos")]
        let name = rustix::termios::ttyname(stdout(), Vec::new()).ok()?;
        #[cfg(not(target_os = "macos"))]
        let name = "/dev/tty";
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = open(name, flags, Mode::empty()).ok()?;
        Some(Self { terminal, saved: None })
    }

    /// Whether its foreground is our process group.
    pub fn is_in_front(&self) -> bool {
        tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp())
    }

    /// Whether it is hung up.
    pub fn is_gone(&self) -> bool {
        settings(self.as_fd()).is_err()
    }

    /// The settings before ours, while the command has the keyboard.
    pub fn saved(&self) -> Option<&termios> {
        self.saved.as_ref()
    }

    /// Takes the keyboard. `announce` is called with the settings before they change.
    pub fn take(&mut self, announce: impl FnOnce(&termios)) -> io::Result<TypedBefore> {
        let saved = settings(self.as_fd())?;
        announce(&saved);
        let mut typed = TypedBefore { text: buffer(), rest: buffer() };
        if saved.c_lflag & libc::ICANON != 0 {
            self.read_lines(&saved, &mut typed)?;
        }
        let mut ahead = buffer();
        if set(self.as_fd(), &without_lines(&saved)).is_ok() {
            // The start of a line. What is typed meanwhile is shown as well.
            read_queue(self.as_fd(), &mut ahead);
            typed.add_line(&ahead, &saved);
        }
        self.saved = Some(saved);
        self.make_raw();
        // What was typed between the last read and the switch is processed, and what was typed after it is not.
        ahead.zeroize();
        read_queue(self.as_fd(), &mut ahead);
        typed.add_last(&ahead);
        Ok(typed)
    }

    /// Makes it pass on every byte, while the command has the keyboard.
    pub fn make_raw(&self) {
        if let Some(saved) = &self.saved {
            // Fails if it is hung up, of which reading tells.
            let _ = set(self.as_fd(), &raw(saved));
        }
    }

    /// Gives the keyboard back. Returns whether we had it.
    pub fn give_back(&mut self) -> bool {
        let saved = self.saved.take();
        if let Some(saved) = &saved
            && self.is_in_front()
        {
            let _ = set(self.as_fd(), saved);
        }
        saved.is_some()
    }

    /// Another process group has the keyboard now, with settings of its own. Returns whether we had it.
    pub fn forget(&mut self) -> bool {
        self.saved.take().is_some()
    }

    /// Puts input back, so that the next program reads it. Most systems permit it, newer versions of Linux only to root
    /// or if they are configured so.
    pub fn put_back(&self, typed: &[u8]) {
        #[cfg(target_os = "macos")]
        const TIOCSTI: libc::c_ulong = 0x8001_7472;
        #[cfg(not(target_os = "macos"))]
        use libc::TIOCSTI;
        for byte in typed {
            // SAFETY: the byte can be read.
            if unsafe { libc::ioctl(self.terminal.as_raw_fd(), TIOCSTI as _, byte) } != 0 {
                return;
            }
        }
    }

    /// Reads complete lines, as the terminal has processed them.
    fn read_lines(&self, saved: &termios, typed: &mut TypedBefore) -> io::Result<()> {
        let mut line = Zeroizing::new([0; QUEUE]);
        while is_readable(self.as_fd()) {
            let count = match read(&self.terminal, &mut line[..]) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            if count == 0 {
                typed.rest.push(saved.c_cc[libc::VEOF]);
            }
            typed.add(&line[..count]);
        }
        Ok(())
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl AsFd for Outer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }
}

/// Whether a stream is the terminal that controls this process. It may have the name `/dev/tty`, too.
pub fn is_own_terminal(stream: BorrowedFd<'_>) -> bool {
    isatty(stream) && tcgetpgrp(stream).is_ok()
}

/// Whether we have our input from a pipe. The program at its other end may read the keyboard.
pub fn is_in_pipeline() -> bool {
    fstat(stdin()).is_ok_and(|stat| {
        matches!(FileType::from_raw_mode(stat.st_mode as _), FileType::Fifo | FileType::Socket)
    })
}

/// Gives a terminal input that was processed and shown already.
pub fn give_processed(master: BorrowedFd<'_>, inner: BorrowedFd<'_>, text: &[u8]) -> io::Result<()> {
    let before = settings(inner)?;
    set(inner, &raw(&before))?;
    let expected = ioctl_fionread(inner)? + text.len() as u64;
    let mut rest = text;
    while !rest.is_empty() {
        match rustix::io::write(master, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    // Linux processes it in the background, by the settings of that moment.
    for _ in 0..PATIENCE {
        if ioctl_fionread(inner)? >= expected {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    set(inner, &before)
}

/// Takes the input that the command has left unread.
pub fn take_unread(inner: BorrowedFd<'_>) -> Zeroizing<Vec<u8>> {
    let mut unread = buffer();
    if let Ok(before) = settings(inner)
        && set(inner, &raw(&before)).is_ok()
    {
        read_queue(inner, &mut unread);
    }
    unread
}

/// Reads what a raw terminal has now.
fn read_queue(terminal: BorrowedFd<'_>, into: &mut Vec<u8>) {
    let mut chunk = Zeroizing::new([0; QUEUE]);
    if is_readable(terminal)
        && let Ok(count) = read(terminal, &mut chunk[..])
    {
        into.extend_from_slice(&chunk[..count]);
    }
}

fn is_readable(terminal: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(terminal, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::IN)
}

/// A buffer that does not grow, which would leave copies behind.
fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(3 * QUEUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> TypedBefore {
        TypedBefore { text: buffer(), rest: buffer() }
    }

    #[test]
    fn a_line_that_ended_after_the_switch_is_not_processed() {
        let mut typed = typed();
        typed.add_last(b"x\r");
        assert_eq!((&typed.text[..], &typed.rest[..]), (&b""[..], &b"x\r"[..]));
    }

    #[test]
    fn a_line_that_ended_before_the_switch_is_processed() {
        let mut typed = typed();
        typed.add_last(b"one\ntwo\r");
        assert_eq!((&typed.text[..], &typed.rest[..]), (&b"one\n"[..], &b"two\r"[..]));
    }

    #[test]
    fn a_key_that_edits_a_line_is_left_to_the_command() {
        // SAFETY: all zeros are valid settings.
        let mut settings: termios = unsafe { std::mem::zeroed() };
        settings.c_cc[libc::VERASE] = 0x7f;
        let mut typed = typed();
        typed.add_line(b"ab\x7f", &settings);
        typed.add_last(b"c\n");
        assert_eq!((&typed.text[..], &typed.rest[..]), (&b"ab"[..], &b"\x7fc\n"[..]));
    }
}
