//! The process of a plugin: finding its program, starting it, its pipes, and its end.

use std::{
    env,
    ffi::OsStr,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::message::MAX_LINE;
use crate::{
    environment::NOT_FOR_CHILDREN,
    process_group::{self, ProcessGroup},
    wiped::WipedBuffer,
};

#[cfg(unix)]
#[path = "unix.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;

/// The time for a plugin to end by itself after its pipes are closed, so that it can release its device.
const TIME_TO_END: Duration = Duration::from_secs(2);
/// The first pause between two checks. Each pause is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause between two checks.
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// Finds a program in the directories of `PATH`. Relative and empty entries are ignored: they lead into the working
/// directory, which may be a cloned repository.
pub fn find_program(path: Option<&OsStr>, program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    let directories = env::split_paths(path?).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(&file)).find(|file| os::is_program(file))
}

/// A plugin that runs. When this is dropped, it has ended: if it does not end by itself in time, it is killed with all
/// that it has started.
pub struct PluginProcess {
    child: Child,
    group: ProcessGroup,
    /// `None` if they are closed.
    pipes: Option<os::Pipes>,
    received: WipedBuffer,
    /// The number of received bytes that were taken.
    taken: usize,
    deadline: Instant,
}

impl PluginProcess {
    /// Starts a program without a shell. It must answer within `patience`.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn start(program: &Path, argument: &str, patience: Duration) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(argument).current_dir(os::neutral_directory(program));
        for variable in NOT_FOR_CHILDREN {
            command.env_remove(variable);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        process_group::prepare(&mut command);
        let child = command.spawn()?;
        let mut process = Self {
            group: ProcessGroup::of(&child),
            child,
            pipes: None,
            received: WipedBuffer::default(),
            taken: 0,
            deadline: Instant::now() + patience,
        };
        if let (Some(stdin), Some(stdout)) = (process.child.stdin.take(), process.child.stdout.take()) {
            process.pipes = Some(os::Pipes::new(stdin, stdout)?);
        }
        Ok(process)
    }

    /// Gives the plugin more time, such as that which the user took to answer its question.
    pub fn extend(&mut self, time: Duration) {
        self.deadline += time;
    }

    /// Writes a text to the plugin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`] after the deadline, [`ErrorKind::BrokenPipe`] if the plugin has closed its end.
    pub fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let pipes = self.pipes.as_mut().ok_or(ErrorKind::BrokenPipe)?;
        pipes.write(text, self.deadline)
    }

    /// Reads a line, and returns it without its end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`] after the deadline, [`ErrorKind::UnexpectedEof`] if the plugin has closed its end, and
    /// [`ErrorKind::InvalidData`] if the line has more than [`MAX_LINE`] bytes.
    pub fn read_line(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut searched = self.taken;
        loop {
            if let Some(length) = self.received[searched..].iter().position(|byte| *byte == b'\n') {
                let end = searched + length;
                let line = self.received[self.taken..end].to_vec();
                self.taken = end + 1;
                return Ok(Zeroizing::new(line));
            }
            if self.received.len() - self.taken > MAX_LINE {
                return Err(ErrorKind::InvalidData.into());
            }
            if self.taken > 0 {
                let mut rest = WipedBuffer::default();
                rest.extend_from_slice(&self.received[self.taken..]);
                (self.received, self.taken) = (rest, 0);
            }
            searched = self.received.len();
            let pipes = self.pipes.as_mut().ok_or(ErrorKind::UnexpectedEof)?;
            if pipes.read(&mut self.received, self.deadline)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for the end of the process, until a time. Returns whether it has ended.
    fn wait_until(&mut self, time: Instant) -> bool {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.child.try_wait() {
                Ok(None) => {}
                ended => return ended.is_ok(),
            }
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::sleep(pause.min(left));
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}

impl Drop for PluginProcess {
    fn drop(&mut self) {
        self.pipes = None;
        if !self.wait_until(self.deadline.min(Instant::now() + TIME_TO_END)) {
            self.group.kill();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The error that the deadline has passed, unless some time is left. Returns that time.
fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
