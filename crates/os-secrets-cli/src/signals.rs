//! Catching signals for a while, and sending signals to ourselves.

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

use os_secrets::sync::lock;

/// Held by the catcher. The actions of signals belong to the whole process, so there is one at a time.
static TURN: Mutex<()> = Mutex::new(());
/// The descriptor that the handler writes to, or -1.
static WRITER: AtomicI32 = AtomicI32::new(-1);
/// The number of threads that are in the handler now.
static HANDLING: AtomicUsize = AtomicUsize::new(0);
/// The process that catches the signals. A forked child is another one.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// A signal that was caught.
#[derive(Clone, Copy)]
pub struct CaughtSignal {
    /// Its number.
    pub signal: c_int,
    /// The process that sent it. `None` if the kernel did, as for keys of the terminal.
    pub sender: Option<c_int>,
}

/// Catches signals until it is dropped, which restores their actions. An ignored signal stays ignored, also in
/// children.
pub struct SignalCatcher {
    reader: OwnedFd,
    _writer: OwnedFd,
    before: Vec<(c_int, libc::sigaction)>,
    _turn: MutexGuard<'static, ()>,
}

impl SignalCatcher {
    /// Starts to catch these signals.
    pub fn catch(signals: &[c_int]) -> io::Result<Self> {
        let turn = lock(&TURN);
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        ioctl_fionbio(&reader, true)?;
        ioctl_fionbio(&writer, true)?;
        OWNER.store(std::process::id() as i32, Ordering::SeqCst);
        WRITER.store(writer.as_raw_fd(), Ordering::SeqCst);
        let before = Vec::with_capacity(signals.len());
        let mut catcher = Self { reader, _writer: writer, before, _turn: turn };
        for signal in signals {
            catcher.catch_one(*signal)?;
        }
        Ok(catcher)
    }

    /// Catches these signals as well.
    pub fn also(mut self, signals: &[c_int]) -> io::Result<Self> {
        for signal in signals {
            self.catch_one(*signal)?;
        }
        Ok(self)
    }

    fn catch_one(&mut self, signal: c_int) -> io::Result<()> {
        // SAFETY: all zeros is a valid action: the default one, without flags and with an empty mask.
        let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
        // SAFETY: `before` can be written to. The new action is null, so none is set.
        check(unsafe { libc::sigaction(signal, ptr::null(), &mut before) })?;
        if before.sa_sigaction == libc::SIG_IGN {
            return Ok(());
        }
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = handle;
        action.sa_sigaction = handler as usize;
        // Without SA_RESTART, the signal interrupts a call that waits for the terminal.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler has the type that SA_SIGINFO demands, and only does what handlers may.
        check(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) })?;
        self.before.push((signal, before));
        Ok(())
    }

    /// The next signal that was caught, if there is one.
    pub fn next(&self) -> Option<CaughtSignal> {
        let mut message = [0; 8];
        // A write of this size to a pipe is atomic.
        rustix::io::read(&self.reader, &mut message).ok().filter(|&count| count == message.len())?;
        let (signal, sender) = message.split_at(4);
        let number = |bytes: &[u8]| c_int::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Some(CaughtSignal { signal: number(signal), sender: Some(number(sender)).filter(|&pid| pid >= 0) })
    }

    /// Stops catching, and returns the signals that came in the meantime.
    pub fn release(mut self) -> Vec<CaughtSignal> {
        self.restore();
        std::iter::from_fn(|| self.next()).collect()
    }

    fn restore(&mut self) {
        for (signal, before) in self.before.drain(..) {
            // SAFETY: `sigaction` filled in the action.
            unsafe { libc::sigaction(signal, &before, ptr::null_mut()) };
        }
        // A thread may still be in the handler and about to write. Waits for it, because the descriptor's number may
        // soon belong to another file.
        WRITER.store(-1, Ordering::SeqCst);
        while HANDLING.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
    }
}

impl AsFd for SignalCatcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for SignalCatcher {
    fn drop(&mut self) {
        self.restore();
    }
}

/// If a signal is ignored, gives it its default action until this is dropped.
pub struct Unignored {
    ignored: Option<(c_int, libc::sigaction)>,
}

impl Unignored {
    /// Does nothing if the signal is not ignored.
    pub fn new(signal: c_int) -> Self {
        // SAFETY: all zeros is the default action, and `before` can be written to.
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

impl Drop for Unignored {
    fn drop(&mut self) {
        if let Some((signal, before)) = &self.ignored {
            // SAFETY: `sigaction` filled in the action.
            unsafe { libc::sigaction(*signal, before, ptr::null_mut()) };
        }
    }
}

/// Whether the default action of a signal ends the process.
pub fn is_fatal(signal: c_int) -> bool {
    !matches!(signal, libc::SIGTSTP | libc::SIGCONT | libc::SIGWINCH)
}

/// Sends ourselves a signal with its default action. Returns if the signal has stopped the process and another one has
/// continued it, or if it does not end the process: the first process of a container does not die of signals.
pub fn raise(signal: c_int) {
    // SAFETY: the call has no preconditions.
    with_default_action(signal, || _ = unsafe { libc::raise(signal) });
}

/// Stops our process group. Returns when it is continued, or at once if nobody could continue it. All are stopped at
/// once, so that no shell continues some of them in between.
pub fn stop_group(signal: c_int) {
    // SAFETY: the call has no preconditions.
    with_default_action(signal, || _ = unsafe { libc::kill(0, signal) });
}

fn with_default_action(signal: c_int, send: impl FnOnce()) {
    // SAFETY: the sets and actions are local, and initialized before they are used: all zeros is the default action.
    // The calls have no other preconditions.
    unsafe {
        let (default, mut before): (libc::sigaction, libc::sigaction) = mem::zeroed();
        let (mut only, mut mask): (libc::sigset_t, libc::sigset_t) = mem::zeroed();
        libc::sigaction(signal, &default, &mut before);
        libc::sigemptyset(&mut only);
        libc::sigaddset(&mut only, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, &mut mask);
        send();
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
        libc::sigaction(signal, &before, ptr::null_mut());
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_os = "linux")]
use libc::__errno_location as errno_location;
#[cfg(any(target_os = "freebsd", target_os = "macos"))]
use libc::__error as errno_location;

/// The handler: writes the signal to the pipe. Runs on any thread, at any point of any function.
extern "C" fn handle(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: `getpid`, `signal`, `raise` and `write` may be called in handlers. `errno` belongs to this thread, and is
    // restored before the handler returns. `info` comes from the kernel, and has a sender if a process sent the
    // signal, which `si_code` says.
    unsafe {
        if libc::getpid() != OWNER.load(Ordering::SeqCst) {
            // This is a forked child before its exec. It must take the signal with its default action.
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
        // SAFETY: `action` can be written to. The new action is null, so none is set.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut action);
            action.sa_sigaction
        }
    }

    /// One test, because the actions belong to the whole process.
    #[test]
    fn actions_are_as_before_afterwards() {
        let signals = [libc::SIGCONT, libc::SIGQUIT, libc::SIGWINCH];
        let own: extern "C" fn(c_int) = nothing;
        // SAFETY: the handler does nothing, and no other test uses these signals.
        unsafe {
            libc::signal(libc::SIGWINCH, own as usize);
            libc::signal(libc::SIGQUIT, libc::SIG_IGN);
        }
        let before = signals.map(action);
        // SAFETY: the function has no preconditions.
        let send = |signal| unsafe { libc::raise(signal) };
        let catcher = SignalCatcher::catch(&signals).unwrap();
        assert_eq!(action(libc::SIGQUIT), libc::SIG_IGN);
        assert!(catcher.next().is_none());
        send(libc::SIGWINCH);
        send(libc::SIGQUIT);
        let first = catcher.next().unwrap();
        assert_eq!((first.signal, first.sender), (libc::SIGWINCH, Some(std::process::id() as i32)));
        assert!(catcher.next().is_none());
        send(libc::SIGCONT);
        let late: Vec<_> = catcher.release().iter().map(|caught| caught.signal).collect();
        assert_eq!(late, [libc::SIGCONT]);
        assert_eq!(signals.map(action), before);
        assert_eq!(before[2], own as usize);
        drop(SignalCatcher::catch(&signals).unwrap());
        assert_eq!(signals.map(action), before);
    }
}
