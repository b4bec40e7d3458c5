//! Unix: the command replaces this process. If its output is masked, or something must be done at its end, it is a child
//! instead, and gets the signals and the terminals of this process.
//!
//! | file | what it holds |
//! |---|---|
//! | `search.rs` | finding the command |
//! | `stream.rs` | passing its output on |
//! | `terminal/` | a masked command on a terminal |

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Child, Command, ExitStatus},
};

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, PidfdFlags, pidfd_open, set_dumpable_behavior};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, open},
    process::{
        Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpgrp, getrlimit, kill_process, setrlimit,
        waitid,
    },
    termios::tcgetpgrp,
};
use zeroize::Zeroizing;

use self::stream::ChildStream;
use super::ChildError;
use crate::{
    mask::Mask,
    signals::{CaughtSignal, SignalCatcher, Unignored, raise},
};
use os_secrets::{credential::Secret, error::Error};

#[forbid(unsafe_code)]
mod search;
#[forbid(unsafe_code)]
mod stream;
mod terminal;

/// The signals that are caught while the child runs.
const SIGNALS: [libc::c_int; 8] = [
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGALRM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
];
/// How many bytes are read at once.
const CHUNK: usize = 64 << 10;

/// The command that a word means in this directory. It is found by our own `PATH`, whatever `PATH` it gets. `None` if
/// there is no such file.
pub fn find_command(word: &OsStr, directory: &Path) -> Option<Command> {
    let mut command = Command::new(search::find(word, directory)?);
    command.arg0(word);
    Some(command)
}

/// Converts the value of an environment variable. It can be any bytes.
pub fn to_variable(value: &[u8]) -> Result<&OsStr, Error> {
    Ok(OsStr::from_bytes(value))
}

/// Whether both names mean the same environment variable.
pub fn is_same_variable(one: &OsStr, other: &OsStr) -> bool {
    one == other
}

/// The forms in which programs print these values: the values themselves.
pub fn as_printed(values: Vec<Secret>) -> Vec<Secret> {
    values
}

/// Replaces this process by the command. Returns only if that fails.
///
/// # Errors
///
/// [`ChildError::Start`].
pub fn run_command(mut command: Command) -> Result<ExitStatus, ChildError> {
    Err(ChildError::Start(command.exec()))
}

/// Keeps the signals for a child until the child has ended. Children run one at a time.
pub struct ChildTurn {
    signals: SignalCatcher,
    /// If we have inherited an ignored SIGCHLD, the child would leave no status behind.
    _unignored: Unignored,
}

impl ChildTurn {
    /// From here on, signals do not end this process.
    ///
    /// # Errors
    ///
    /// [`ChildError::Start`].
    pub fn begin() -> Result<Self, ChildError> {
        let unignored = Unignored::new(libc::SIGCHLD);
        let signals = SignalCatcher::catch(&SIGNALS).map_err(ChildError::Start)?;
        Ok(Self { signals, _unignored: unignored })
    }

    /// Runs the command to its end, with its output masked if there is a mask, and returns its status.
    ///
    /// Calls `at_end` when the command has ended, before signals can end this process again. If children of a masked
    /// command outlive it, what they write afterwards is lost.
    ///
    /// # Errors
    ///
    /// [`ChildError`].
    pub fn run(
        self,
        mut command: Command,
        mask: Option<&Mask>,
        at_end: impl FnOnce(),
    ) -> Result<ExitStatus, ChildError> {
        if let Some(mask) = mask
            && let Some(outer) = terminal::Outer::find()
        {
            let signals = self.signals.also(&terminal::SIGNALS).map_err(ChildError::Start)?;
            return terminal::run(outer, signals, command, mask, at_end);
        }
        let mut streams = match mask {
            Some(mask) => stream::connect(&mut command, mask).map_err(ChildError::Start)?,
            None => Vec::new(),
        };
        let early: Vec<_> = std::iter::from_fn(|| self.signals.next()).collect();
        let mut child = command.spawn().map_err(ChildError::Start)?;
        // The child did not exist yet, so not even the terminal has sent it these.
        early.into_iter().for_each(|caught| send(caught, Pid::from_child(&child)));
        // The command holds the child's ends of the streams. While they are open, there is no end of file.
        drop(command);
        let passed_on = pass_on(&child, self.signals, &mut streams, at_end);
        let failure = streams.into_iter().find_map(ChildStream::close);
        let status = child.wait().map_err(ChildError::PassOn)?;
        passed_on.map_err(ChildError::PassOn)?;
        failure.map_or(Ok(status), |failure| Err(ChildError::PassOn(failure)))
    }
}

/// What [`size_for_system`] counts.
pub const SIZE_UNIT: &str = "bytes";

/// The size of a name, value or argument for the system.
pub fn size_for_system(text: &OsStr) -> usize {
    text.len()
}

/// The maximum size of a variable with its name, `=` and the NUL at its end. `None` if it has no limit of its own.
pub fn max_variable() -> Option<usize> {
    // SAFETY: the function has no preconditions.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    // MAX_ARG_STRLEN of Linux.
    cfg!(target_os = "linux").then_some(32 * page)
}

/// The maximum size of all variables and arguments together.
pub fn max_environment() -> Option<usize> {
    // SAFETY: the function has no preconditions.
    let limit = usize::try_from(unsafe { libc::sysconf(libc::_SC_ARG_MAX) }).ok()?;
    // Linux takes no more than three quarters of the usual stack, however large the stack may grow.
    Some(if cfg!(target_os = "linux") { limit.min(6 << 20) } else { limit })
}

/// Makes the child start as if our parent had started it.
///
/// `hosted` says that this process is a JavaScript runtime. Node closes its standard streams in children and ignores
/// two signals, and every runtime raises the limit of open files. The child gets the limit of our parent.
pub fn reset_for_child(command: &mut Command, hosted: bool) {
    let limit = if hosted { open_files_of_parent() } else { None };
    let reset = move || {
        // SAFETY: `signal` has no preconditions, and may be called between fork and exec.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
        for standard in 0..=2 {
            // SAFETY: this opens and closes no descriptor. For a closed one it fails.
            unsafe { libc::fcntl(standard, libc::F_SETFD, 0) };
        }
        let own = getrlimit(Resource::Nofile);
        if let Some(limit) = limit
            && own.current.is_none_or(|current| limit < current)
        {
            // If this fails, the child runs with a higher limit.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum: own.maximum });
        }
        Ok(())
    };
    // SAFETY: the function only makes system calls. It neither allocates nor takes a lock.
    unsafe { command.pre_exec(reset) };
}

/// The limit of open files of our parent. Only Linux tells.
#[cfg(not(target_os = "linux"))]
fn open_files_of_parent() -> Option<u64> {
    None
}

/// The limit of open files of our parent.
#[cfg(target_os = "linux")]
#[allow(clippy::useless_conversion, reason = "the limit has 32 bits on 32-bit processors")]
fn open_files_of_parent() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the new limit is null, so none is set, and `limit` can be written to.
    let result = unsafe { libc::prlimit(libc::getppid(), libc::RLIMIT_NOFILE, std::ptr::null(), &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then(|| limit.rlim_cur.into())
}

/// If a signal has ended the child, ends this process by the same signal. Otherwise returns the child's exit code.
///
/// The code is 128 plus the signal's number if the signal does not end this process. It does not end the first process
/// of a container.
pub fn end_like(status: ExitStatus) -> i32 {
    let Some(signal) = status.signal() else { return status.code().unwrap_or(1) };
    // The child has dumped core if it should, and our memory may hold secrets. The limit alone does not stop programs
    // that collect core dumps.
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    raise(signal);
    128 + signal
}

/// Ends a JavaScript runtime at once. Otherwise it would set the terminal to what that was at its start, even if the
/// terminal is another program's by now.
pub fn exit_at_once(code: i32) {
    // SAFETY: the function has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Passes output and signals on until the child has ended and all its output is written. Calls `at_end` at the child's
/// end.
fn pass_on(
    child: &Child,
    signals: SignalCatcher,
    streams: &mut [ChildStream<'_>],
    at_end: impl FnOnce(),
) -> io::Result<()> {
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let pid = Pid::from_child(child);
    let end = watch_end(pid)?;
    let mut running = Some((&end, signals, at_end));
    loop {
        let mut polled = Vec::with_capacity(6);
        if let Some((end, signals, _)) = &running {
            polled.extend([PollFd::new(end, PollFlags::IN), PollFd::new(signals, PollFlags::IN)]);
        }
        polled.extend(streams.iter().flat_map(ChildStream::awaited));
        if polled.is_empty() {
            return Ok(());
        }
        let patience = streams.iter().filter_map(ChildStream::patience).min();
        let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let has_ended = running.is_some() && !polled[0].revents().is_empty();
        drop(polled);
        if let Some((_, signals, _)) = &running {
            while let Some(caught) = signals.next() {
                forward(caught, pid);
            }
        }
        if has_ended {
            if let Some((_, _signals, at_end)) = running.take() {
                at_end();
            }
            // Only writing is left. From here on, signals have their former effect on us.
            streams.iter_mut().for_each(ChildStream::end);
        }
        for stream in streams.iter_mut() {
            stream.keep_size(pid);
            stream.advance(&mut buffer);
            stream.show_held();
        }
    }
}

/// Sends a signal on to the child, unless the child sent it or got it from the terminal as well.
fn forward(caught: CaughtSignal, child: Pid) {
    let names_sender = cfg!(not(target_os = "macos"));
    if must_forward(caught.signal, caught.sender, child.as_raw_nonzero().get(), names_sender, is_in_front) {
        send(caught, child);
    }
}

/// Whether a signal must be sent on to the child. Signals of the terminal have no sender, unless the system does not name
/// senders reliably: macOS gives those a sender, too. If this process is in front on its terminal then, so is the child,
/// and gets them from there.
fn must_forward(
    signal: libc::c_int,
    sender: Option<libc::pid_t>,
    child: libc::pid_t,
    names_sender: bool,
    is_in_front: impl Fn() -> bool,
) -> bool {
    let by_terminal = [libc::SIGINT, libc::SIGQUIT].contains(&signal)
        && (sender.is_none() || (!names_sender && is_in_front()));
    sender != Some(child) && !by_terminal
}

/// Whether this process is in the foreground of its terminal.
fn is_in_front() -> bool {
    open("/dev/tty", OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
        .and_then(tcgetpgrp)
        .is_ok_and(|group| group == getpgrp())
}

/// Sends a signal to the child, unless it tells of the terminal's size. The child's terminal may be another one.
fn send(caught: CaughtSignal, child: Pid) {
    if let Some(signal) = Signal::from_named_raw(caught.signal)
        && caught.signal != libc::SIGWINCH
    {
        // Fails if the child has ended.
        let _ = kill_process(child, signal);
    }
}

/// A descriptor that becomes readable or hung up when the child has ended. The child is not reaped by that.
fn watch_end(child: Pid) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    if let Ok(end) = pidfd_open(child, PidfdFlags::empty()) {
        return Ok(end);
    }
    // Some kernels and sandboxes have no pidfds.
    watch_end_with_thread(child)
}

fn watch_end_with_thread(child: Pid) -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    let wait = move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(child), options));
        drop(writer);
    };
    std::thread::Builder::new().spawn(wait)?;
    Ok(reader.into())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn signals_that_the_child_does_not_get_by_itself_are_forwarded() {
        const CHILD: libc::pid_t = 7;
        for (signal, sender, names_sender, in_front, expected) in [
            // Linux: signals of the terminal have no sender.
            (libc::SIGINT, None, true, true, false),
            (libc::SIGQUIT, None, true, true, false),
            (libc::SIGINT, Some(8), true, true, true),
            (libc::SIGTERM, None, true, true, true),
            (libc::SIGINT, Some(CHILD), true, false, false),
            (libc::SIGTERM, Some(CHILD), true, false, false),
            // macOS: they may have one.
            (libc::SIGINT, Some(8), false, true, false),
            (libc::SIGQUIT, Some(8), false, true, false),
            (libc::SIGINT, Some(8), false, false, true),
            (libc::SIGTERM, Some(8), false, true, true),
            (libc::SIGINT, None, false, false, false),
            (libc::SIGTERM, Some(CHILD), false, true, false),
        ] {
            let forwarded = must_forward(signal, sender, CHILD, names_sender, || in_front);
            assert_eq!(forwarded, expected, "{signal} of {sender:?}, {names_sender}, {in_front}");
        }
    }

    #[test]
    fn both_ways_tell_the_end_and_leave_the_status() {
        for way in [watch_end, watch_end_with_thread] {
            let mut command = Command::new("sh");
            let mut child =
                command.args(["-c", "read -r line; exit 7"]).stdin(Stdio::piped()).spawn().unwrap();
            let end = way(Pid::from_child(&child)).unwrap();
            let is_over = |timeout| {
                let mut polled = [PollFd::new(&end, PollFlags::IN)];
                poll(&mut polled, timeout).unwrap() > 0
            };
            assert!(!is_over(Some(&Timespec { tv_sec: 0, tv_nsec: 0 })));
            drop(child.stdin.take());
            assert!(is_over(None));
            assert_eq!(child.wait().unwrap().code(), Some(7));
        }
    }
}
