//! Signals that are caught for a while, and signals that we send ourselves.

use os_secrets::sync::lock;
use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicI32, AtomicUsize, Ordering},
    },
};

use libc::{c_int, c_void, siginfo_t};
use rustix::io::ioctl_fionbio;

/// Actions belong to the process: one at a time has them.
static TURN: Mutex<()> = Mutex::new(());
/// Where the handler writes to, or -1.
static WRITER: AtomicI32 = AtomicI32::new(-1);
/// How many threads are in the handler.
static HANDLING: AtomicUsize = AtomicUsize::new(0);
/// The process whose signals they are.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// A signal that came.
#[derive(Clone, Copy)]
pub struct Caught {
    /// Which.
    pub signal: c_int,
    /// The process that sent it, or none where it was the kernel, as for keys of the terminal.
    pub sender: Option<c_int>,
}

/// Catches signals until it is dropped, when the actions before come back. A process that ignores one goes
/// on to, and so will its children.
pub struct Signals {
    reader: OwnedFd,
    _writer: OwnedFd,
    before: Vec<(c_int, libc::sigaction)>,
    _turn: MutexGuard<'static, ()>,
}

impl Signals {
    /// Begins to catch these signals.
    pub fn catch(signals: &[c_int]) -> io::Result<Self> {
        // Nothing is left half done where somebody panicked.
        let turn = lock(&TURN);
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        ioctl_fionbio(&reader, true)?;
        ioctl_fionbio(&writer, true)?;
        OWNER.store(std::process::id() as i32, Ordering::SeqCst);
        WRITER.store(writer.as_raw_fd(), Ordering::SeqCst);
        let before = Vec::with_capacity(signals.len());
        let mut caught = Self { reader, _writer: writer, before, _turn: turn };
        for signal in signals {
            caught.take(*signal)?;
        }
        Ok(caught)
    }

    fn take(&mut self, signal: c_int) -> io::Result<()> {
        // SAFETY: all zeros is an action: the default one, without flags and with an empty mask.
        let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
        // SAFETY: the place can be written to, and nothing is set.
        check(unsafe { libc::sigaction(signal, ptr::null(), &mut before) })?;
        if before.sa_sigaction == libc::SIG_IGN {
            return Ok(());
        }
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = note;
        action.sa_sigaction = handler as usize;
        // Calls are to be interrupted: one that waits for the terminal may wait for long.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler has the type that the flags tell of, and does only what handlers may.
        check(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) })?;
        self.before.push((signal, before));
        Ok(())
    }

    /// The next that came, if one did.
    pub fn next(&self) -> Option<Caught> {
        let mut message = [0; 8];
        // Each is written as a whole.
        rustix::io::read(&self.reader, &mut message).ok().filter(|&count| count == message.len())?;
        let (signal, sender) = message.split_at(4);
        let number = |bytes: &[u8]| c_int::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Some(Caught { signal: number(signal), sender: Some(number(sender)).filter(|&pid| pid >= 0) })
    }

    /// Ends it, and gives those that came at the last moment.
    pub fn release(mut self) -> Vec<Caught> {
        self.restore();
        std::iter::from_fn(|| self.next()).collect()
    }

    fn restore(&mut self) {
        for (signal, before) in self.before.drain(..) {
            // SAFETY: the action is one that `sigaction` gave.
            unsafe { libc::sigaction(signal, &before, ptr::null_mut()) };
        }
        // A thread that was interrupted in the handler may still be about to write, and by then the
        // number must not be another file's.
        WRITER.store(-1, Ordering::SeqCst);
        while HANDLING.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Does away with a signal's being ignored, until it is dropped.
pub struct Heeded {
    ignored: Option<(c_int, libc::sigaction)>,
}

impl Heeded {
    /// For this signal; one that is not ignored is left alone.
    pub fn new(signal: c_int) -> Self {
        // SAFETY: all zeros is the default action, and the places can be written to.
        unsafe {
            let (default, mut before): (libc::sigaction, libc::sigaction) = mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut before);
            let ignored = (before.sa_sigaction == libc::SIG_IGN).then_some((signal, before));
            if ignored.is_some() {
                libc::sigaction(signal, &default, ptr::null_mut());
            }
            Self { ignored }
        }
    }
}

impl Drop for Heeded {
    fn drop(&mut self) {
        if let Some((signal, before)) = &self.ignored {
            // SAFETY: the action is one that `sigaction` gave.
            unsafe { libc::sigaction(*signal, before, ptr::null_mut()) };
        }
    }
}

/// Whether a signal ends the process, where nothing catches it.
pub fn is_fatal(signal: c_int) -> bool {
    !matches!(signal, libc::SIGTSTP | libc::SIGCONT | libc::SIGWINCH)
}

/// Sends ourselves a signal with its default action. It returns when the process is continued, and where
/// the signal does not end it: the first process of a container does not die of signals.
pub fn raise(signal: c_int) {
    // SAFETY: the sets and actions are ours, and initialized before they are used: all zeros is the
    // default action. None of the calls has other preconditions.
    unsafe {
        let (default, mut before): (libc::sigaction, libc::sigaction) = mem::zeroed();
        let (mut only, mut mask): (libc::sigset_t, libc::sigset_t) = mem::zeroed();
        libc::sigaction(signal, &default, &mut before);
        libc::sigemptyset(&mut only);
        libc::sigaddset(&mut only, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, &mut mask);
        libc::raise(signal);
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
        libc::sigaction(signal, &before, ptr::null_mut());
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_os = "linux")]
use libc::__errno_location as errno_location;
#[cfg(target_os = "macos")]
use libc::__error as errno_location;

/// Writes down that the signal came. Runs on any thread, at any point of any function.
extern "C" fn note(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: `getpid`, `signal`, `raise` and `write` may be called in handlers; `errno` is this
    // thread's, and as before when the handler returns; the kernel gave the information, in which what
    // holds the sender can be read where a process sent the signal.
    unsafe {
        if libc::getpid() != OWNER.load(Ordering::SeqCst) {
            // The child before its exec, which has the handler, but has to do with it what it will do.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            return;
        }
        let errno = *errno_location();
        HANDLING.fetch_add(1, Ordering::SeqCst);
        let writer = WRITER.load(Ordering::SeqCst);
        let sender = if (*info).si_code <= 0 { (*info).si_pid() } else { -1 };
        let message = [signal, sender];
        if writer >= 0 {
            libc::write(writer, message.as_ptr().cast(), mem::size_of_val(&message));
        }
        HANDLING.fetch_sub(1, Ordering::SeqCst);
        *errno_location() = errno;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn nothing(_: c_int) {}

    fn action(signal: c_int) -> usize {
        // SAFETY: the place can be written to, and nothing is set.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut action);
            action.sa_sigaction
        }
    }

    /// In one test, since actions are the process's.
    #[test]
    fn actions_are_as_before_afterwards() {
        let signals = [libc::SIGCONT, libc::SIGQUIT, libc::SIGWINCH];
        let own: extern "C" fn(c_int) = nothing;
        // SAFETY: the handler does nothing, and nothing else in the tests has to do with these signals.
        unsafe {
            libc::signal(libc::SIGWINCH, own as usize);
            libc::signal(libc::SIGQUIT, libc::SIG_IGN);
        }
        let before = signals.map(action);
        // SAFETY: it has no preconditions.
        let send = |signal| unsafe { libc::raise(signal) };
        let caught = Signals::catch(&signals).unwrap();
        assert_eq!(action(libc::SIGQUIT), libc::SIG_IGN);
        assert!(caught.next().is_none());
        send(libc::SIGWINCH);
        send(libc::SIGQUIT);
        let first = caught.next().unwrap();
        assert_eq!((first.signal, first.sender), (libc::SIGWINCH, Some(std::process::id() as i32)));
        assert!(caught.next().is_none());
        send(libc::SIGCONT);
        let late: Vec<_> = caught.release().iter().map(|caught| caught.signal).collect();
        assert_eq!(late, [libc::SIGCONT]);
        assert_eq!(signals.map(action), before);
        assert_eq!(before[2], own as usize);
        drop(Signals::catch(&signals).unwrap());
        assert_eq!(signals.map(action), before);
    }
}
