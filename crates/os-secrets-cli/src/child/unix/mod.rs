//! Unix: the command takes this process over, or is a child to which signals and a terminal are passed on.

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

use self::stream::Stream;
use super::Failed;
use crate::{
    mask::Mask,
    signals::{Caught, Heeded, Signals, raise},
};
use os_secrets::{credential::Secret, error::Error};

#[forbid(unsafe_code)]
mod stream;

/// What is not left to do its default to us while the child runs.
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
/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// What to start for this word: itself, which the system looks for where it has to, telling who starts it.
pub fn program(word: &OsStr, _directory: &Path, _path: Option<&OsStr>) -> Option<OsString> {
    Some(word.to_owned())
}

/// A variable's value: any bytes.
pub fn variable(value: &[u8]) -> Result<&OsStr, Error> {
    Ok(OsStr::from_bytes(value))
}

/// Whether these name one variable.
pub fn is_one_variable(one: &OsStr, other: &OsStr) -> bool {
    one == other
}

/// What a program may print for these values: themselves.
pub fn as_printed(values: Vec<Secret>) -> Vec<Secret> {
    values
}

/// Puts the command in the place of this process. It returns only where that failed.
///
/// # Errors
///
/// [`Failed::ToStart`].
pub fn run(mut command: Command) -> Result<ExitStatus, Failed> {
    Err(Failed::ToStart(command.exec()))
}

/// Runs the command to its end with its output masked, and gives how it ended.
///
/// What its children that outlive it write afterwards is lost. Only one command runs at a time; others
/// wait for their turn.
///
/// # Errors
///
/// [`Failed`].
pub fn run_masked(mut command: Command, mask: &Mask) -> Result<ExitStatus, Failed> {
    // Where our parent ignores the ends of its children, ours would leave no status behind.
    let _heeded = Heeded::new(libc::SIGCHLD);
    let signals = Signals::catch(&SIGNALS).map_err(Failed::ToStart)?;
    let mut streams = stream::connect(&mut command, mask).map_err(Failed::ToStart)?;
    let mut child = command.spawn().map_err(Failed::ToStart)?;
    // It holds the ends that are the child's, and while they are open there is no end of file.
    drop(command);
    let passed = pass_on(&child, signals, &mut streams);
    let failure = streams.into_iter().find_map(Stream::close);
    let status = child.wait().map_err(Failed::ToPassOn)?;
    passed.map_err(Failed::ToPassOn)?;
    failure.map_or(Ok(status), |failure| Err(Failed::ToPassOn(failure)))
}

/// Has the child begin as if there were nothing between it and who called us.
///
/// `hosted` says that we run within a JavaScript runtime. Node keeps its standard streams from children and
/// ignores two signals, and all raise the limit of open files; the child gets that of our parent.
pub fn reset_for_child(command: &mut Command, hosted: bool) {
    let files = if hosted { parents_files() } else { None };
    let reset = move || {
        // SAFETY: `signal` has no preconditions, and may be called between fork and exec.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
        for standard in 0..=2 {
            // SAFETY: no descriptor is opened or closed; one that is closed stays so.
            unsafe { libc::fcntl(standard, libc::F_SETFD, 0) };
        }
        let own = getrlimit(Resource::Nofile);
        if let Some(files) = files
            && own.current.is_none_or(|current| files < current)
        {
            // With more than it should have it runs as well.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum: own.maximum });
        }
        Ok(())
    };
    // SAFETY: it makes system calls only, and neither allocates nor takes a lock.
    unsafe { command.pre_exec(reset) };
}

/// How many files our parent may have open. Only Linux tells.
#[cfg(not(target_os = "linux"))]
fn parents_files() -> Option<u64> {
    None
}

/// How many files our parent may have open.
#[cfg(target_os = "linux")]
fn parents_files() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: nothing is set, and the limit can be written to.
    let result = unsafe { libc::prlimit(libc::getppid(), libc::RLIMIT_NOFILE, std::ptr::null(), &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Ends this process as the child did, where that was a signal; otherwise gives the exit code.
///
/// The code is 128 and the signal's number where the signal does not end us, as in the first process of
/// a container.
pub fn end_like(status: ExitStatus) -> i32 {
    let Some(signal) = status.signal() else { return status.code().unwrap_or(1) };
    // The memory may hold secrets, and the child has dumped its own. A limit alone does not keep it from
    // programs that take dumps.
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    raise(signal);
    128 + signal
}

/// Passes output and signals on until the child has ended and what it wrote is written.
fn pass_on(child: &Child, signals: Signals, streams: &mut [Stream<'_>]) -> io::Result<()> {
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let pid = Pid::from_child(child);
    let end = end_of(pid)?;
    let mut running = Some((&end, signals));
    loop {
        let mut polled = Vec::with_capacity(6);
        if let Some((end, signals)) = &running {
            polled.extend([PollFd::new(end, PollFlags::IN), PollFd::new(signals, PollFlags::IN)]);
        }
        polled.extend(streams.iter().flat_map(Stream::awaited));
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
            // What is left is ours: from here on signals do to us what they did before.
            running = None;
            streams.iter_mut().for_each(Stream::end);
        }
        for stream in streams.iter_mut() {
            stream.keep_size(pid);
            stream.advance(&mut buffer);
        }
    }
}

/// Sends the child what was meant for it, and what it has not got itself.
fn forward(caught: Caught, child: Pid) {
    let is_own = caught.sender == Some(child.as_raw_nonzero().get());
    let by_terminal = caught.sender.is_none() && [libc::SIGINT, libc::SIGQUIT].contains(&caught.signal);
    if let Some(signal) = Signal::from_named_raw(caught.signal)
        && caught.signal != libc::SIGWINCH
        && !is_own
        && !by_terminal
    {
        // It may have ended.
        let _ = kill_process(child, signal);
    }
}

/// What becomes readable or hung up when the child has ended. It is not reaped by that.
fn end_of(child: Pid) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    if let Ok(end) = pidfd_open(child, PidfdFlags::empty()) {
        return Ok(end);
    }
    // Some sandboxes, kernels and systems do not have it.
    end_by_thread(child)
}

fn end_by_thread(child: Pid) -> io::Result<OwnedFd> {
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
        for way in [end_of, end_by_thread] {
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
