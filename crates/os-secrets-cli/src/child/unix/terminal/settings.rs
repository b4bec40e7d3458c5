//! The settings of a terminal. They are plain data, so the holder can use them between fork and exec.

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd},
};

use libc::{c_int, termios};

/// The settings of a terminal.
pub fn settings(terminal: BorrowedFd<'_>) -> io::Result<termios> {
    // SAFETY: all zeros are valid settings, and they can be written to.
    unsafe {
        let mut settings = mem::zeroed();
        check(libc::tcgetattr(terminal.as_raw_fd(), &mut settings))?;
        Ok(settings)
    }
}

/// Sets them. Input that is not read yet stays.
pub fn set(terminal: BorrowedFd<'_>, settings: &termios) -> io::Result<()> {
    // SAFETY: the settings can be read.
    check(unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, settings) }).map(drop)
}

/// The settings with which the terminal passes on every byte.
pub fn raw(settings: &termios) -> termios {
    let mut raw = *settings;
    // SAFETY: the settings can be written to.
    unsafe { libc::cfmakeraw(&mut raw) };
    raw
}

/// The settings with which the terminal processes and shows every byte as before, but passes it on at once.
pub fn without_lines(settings: &termios) -> termios {
    let mut changed = *settings;
    changed.c_lflag &= !libc::ICANON;
    (changed.c_cc[libc::VMIN], changed.c_cc[libc::VTIME]) = (1, 0);
    changed
}

/// Whether both are the same. The kernel has a state of its own among the local flags.
pub fn is_same(one: &termios, other: &termios) -> bool {
    let flags = |of: &termios| (of.c_lflag & !(libc::PENDIN | libc::FLUSHO), of.c_oflag, of.c_iflag);
    flags(one) == flags(other)
}

/// Whether the terminal writes the end of a line as CR LF.
pub fn writes_returns(terminal: BorrowedFd<'_>) -> bool {
    let both = libc::OPOST | libc::ONLCR;
    settings(terminal).is_ok_and(|settings| settings.c_oflag & both == both)
}

/// The result of a system call.
pub fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
