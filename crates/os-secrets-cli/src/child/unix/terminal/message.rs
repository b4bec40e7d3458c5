//! The messages between our process and the holder.

use std::{io, mem, os::fd::RawFd, ptr};

use libc::{c_int, termios};

/// A message. It is plain data, so the holder can use it between fork and exec.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Message {
    pub kind: c_int,
    /// A process, a signal, a status or a flag, as the kind says.
    pub value: c_int,
    /// For [`CHANGES`]: the settings to restore.
    pub settings: termios,
}

/// From the holder: the command is this process.
pub const STARTED: c_int = 1;
/// From the holder: this signal has stopped the command.
pub const STOPPED: c_int = 2;
/// From the holder: the command has ended with this status.
pub const ENDED: c_int = 3;
/// From the holder: the command was continued.
pub const CONTINUED: c_int = 4;
/// To the holder: send the command this signal.
pub const SIGNAL: c_int = 5;
/// To the holder: send the command's process group this signal.
pub const GROUP_SIGNAL: c_int = 6;
/// To the holder: put the command in front of its terminal (1) or behind it (0), and continue it.
pub const CONTINUE: c_int = 7;
/// To the holder: the settings of the outer terminal are about to change.
pub const CHANGES: c_int = 8;
/// To the holder: they are restored, or are not ours any more.
pub const RESTORED: c_int = 9;

impl Message {
    /// A message without settings.
    pub fn new(kind: c_int, value: c_int) -> Self {
        // SAFETY: all zeros are valid settings.
        Self { kind, value, settings: unsafe { mem::zeroed() } }
    }

    /// Sends it. If the other side is gone, nothing happens: the next [`receive`](Self::receive) tells.
    pub fn send(&self, socket: RawFd) {
        #[cfg(target_os = "linux")]
        let flags = libc::MSG_NOSIGNAL;
        // The holder blocks SIGPIPE, and our process ignores it.
        #[cfg(not(target_os = "linux"))]
        let flags = 0;
        // SAFETY: the message can be read while it is borrowed.
        unsafe { libc::send(socket, ptr::from_ref(self).cast(), mem::size_of::<Self>(), flags) };
    }

    /// Waits for one. `None` if the other side is gone.
    pub fn receive(socket: RawFd) -> Option<Self> {
        let mut message = Self::new(0, 0);
        let size = mem::size_of::<Self>();
        loop {
            // SAFETY: the message can be written to, and any bytes are a valid one.
            let count =
                unsafe { libc::recv(socket, ptr::from_mut(&mut message).cast(), size, libc::MSG_WAITALL) };
            if count == size as isize {
                return Some(message);
            }
            if count >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
                return None;
            }
        }
    }
}
