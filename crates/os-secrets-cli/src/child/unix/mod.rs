//! Unix: the command replaces this process. If its output is masked, it is a child instead, and gets the signals and
//! the terminals of this process. `stream.rs` passes its output on.

use std::{
    ffi::{OsStr, OsString},
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
    event::{PollFd, PollFlags, poll},
    process::{
        Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getrlimit, kill_process, setrlimit, waitid,
    },
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
mod stream;

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

/// What to start for a command word: the word itself. The system looks for it when it is started.
pub fn find_program(word: &OsStr, _directory: &Path, _path: Option<&OsStr>) -> Option<OsString> {
    Some(word.to_owned())
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

/// Runs the command to its end with its output masked, and returns its status.
///
/// If its children outlive it, what they write afterwards is lost. Commands run one at a time.
///
/// # Errors
///
/// [`ChildError`].
pub fn run_masked(mut command: Command, mask: &Mask) -> Result<ExitStatus, ChildError> {
    // If we have inherited an ignored SIGCHLD, the child would leave no status behind.
    let _unignored = Unignored::new(libc::SIGCHLD);
    let signals = SignalCatcher::catch(&SIGNALS).map_err(ChildError::Start)?;
    let mut streams = stream::connect(&mut command, mask).map_err(ChildError::Start)?;
    let mut child = command.spawn().map_err(ChildError::Start)?;
    // The command holds the child's ends of the streams. While they are open, there is no end of file.
    drop(command);
    let passed_on = pass_on(&child, signals, &mut streams);
    let failure = streams.into_iter().find_map(ChildStream::close);
    let status = child.wait().map_err(ChildError::PassOn)?;
    passed_on.map_err(ChildError::PassOn)?;
    failure.map_or(Ok(status), |failure| Err(ChildError::PassOn(failure)))
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
fn open_files_of_parent() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the new limit is null, so none is set, and `limit` can be written to.
    let result = unsafe { libc::prlimit(libc::getppid(), libc::RLIMIT_NOFILE, std::ptr::null(), &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
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

/// Passes output and signals on until the child has ended and all its output is written.
fn pass_on(child: &Child, signals: SignalCatcher, streams: &mut [ChildStream<'_>]) -> io::Result<()> {
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let pid = Pid::from_child(child);
    let end = watch_end(pid)?;
    let mut running = Some((&end, signals));
    loop {
        let mut polled = Vec::with_capacity(6);
        if let Some((end, signals)) = &running {
            polled.extend([PollFd::new(end, PollFlags::IN), PollFd::new(signals, PollFlags::IN)]);
        }
        polled.extend(streams.iter().flat_map(ChildStream::awaited));
        if polled.is_empty() {
            return Ok(());
        }
        match poll(&mut polled, None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let has_ended = running.is_some() && !polled[0].revents().is_empty();
        drop(polled);
        if let Some((_, signals)) = &running {
            while let Some(caught) = signals.next() {
                forward(caught, pid);
            }
        }
        if has_ended {
            // Only writing is left. From here on, signals have their former effect on us.
            running = None;
            streams.iter_mut().for_each(ChildStream::end);
        }
        for stream in streams.iter_mut() {
            stream.keep_size(pid);
            stream.advance(&mut buffer);
        }
    }
}

/// Sends a signal on to the child, unless the child sent it or got it from the terminal as well.
fn forward(caught: CaughtSignal, child: Pid) {
    let is_own = caught.sender == Some(child.as_raw_nonzero().get());
    let by_terminal = caught.sender.is_none() && [libc::SIGINT, libc::SIGQUIT].contains(&caught.signal);
    if let Some(signal) = Signal::from_named_raw(caught.signal)
        && caught.signal != libc::SIGWINCH
        && !is_own
        && !by_terminal
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

    use rustix::event::Timespec;

    use super::*;

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
