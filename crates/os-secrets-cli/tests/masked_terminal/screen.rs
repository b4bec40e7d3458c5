//! A user's terminal, and what runs on it.

use std::{
    fs::File,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, ioctl_tiocsctty, setsid},
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};

/// The deadline for everything that would hang if a test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// The prompt of [`Screen::bash`].
pub const PROMPT: &str = "bash> ";

/// The words that mask `hunter2` in the output of the words after them.
pub fn masked() -> String {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples/mask");
    assert!(path.exists(), "it is built by: cargo build --example mask");
    format!("{} hunter2 --", path.to_str().unwrap())
}

/// The words that run a script masked.
pub fn masked_script(script: &str) -> String {
    format!("{} sh -c '{}'", masked(), script.replace('\'', r"'\''"))
}

/// What a user sees on a terminal with 24 lines of 80 columns.
pub struct Screen {
    ours: OwnedFd,
    /// The program that leads the terminal's session.
    pub leader: Child,
    before: Termios,
    seen: Vec<u8>,
    /// How much of it was expected already.
    expected: usize,
}

impl Screen {
    /// Runs a script of `sh` on a terminal. `exec` in it makes another program the leader of the session.
    pub fn sh(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Self::run(command)
    }

    /// Runs a command masked. Our program leads the session.
    pub fn masked(script: &str) -> Self {
        Self::sh(&format!("exec {}", masked_script(script)))
    }

    /// Runs an interactive bash. `$A` is the script that the test runs in it, so that the terminal does not show its
    /// text.
    pub fn bash(script: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["--norc", "--noprofile", "-i"]).env("A", script).env("PS1", PROMPT);
        command.env("INPUTRC", "/dev/null").env("HISTFILE", "").env("TERM", "dumb");
        let mut screen = Self::run(command);
        screen.expect(PROMPT);
        screen
    }

    fn run(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        unlockpt(&ours).unwrap();
        let end = File::from(ioctl_tiocgptpeer(&ours, flags).unwrap());
        let before = tcgetattr(&ours).unwrap();
        command.stdin(end.try_clone().unwrap()).stdout(end.try_clone().unwrap()).stderr(Stdio::from(end));
        let lead = || {
            setsid()?;
            Ok(ioctl_tiocsctty(rustix::stdio::stdin())?)
        };
        // SAFETY: the function only makes two system calls.
        unsafe { command.pre_exec(lead) };
        resize(&ours, 24, 80);
        let leader = command.spawn().unwrap();
        Self { ours, leader, before, seen: Vec::new(), expected: 0 }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        resize(&self.ours, rows, columns);
    }

    pub fn type_in(&self, keys: impl AsRef<[u8]>) {
        let mut rest = keys.as_ref();
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(&self.ours, rest).unwrap()..];
        }
    }

    /// Waits until the terminal shows a text after what was expected before. Returns what it shows in between.
    pub fn expect(&mut self, text: &str) -> String {
        loop {
            let new = &self.seen[self.expected..];
            if let Some(at) = new.windows(text.len()).position(|window| window == text.as_bytes()) {
                let between = String::from_utf8_lossy(&new[..at]).into_owned();
                self.expected += at + text.len();
                return between;
            }
            assert!(self.read(), "no {text:?} in {:?}", self.all_seen());
        }
    }

    /// Waits for the next line, and returns it.
    pub fn line(&mut self) -> String {
        self.expect("\r\n")
    }

    /// Waits for a line with a process, and returns it.
    pub fn process(&mut self) -> Pid {
        let line = self.line();
        Pid::from_raw(line.parse().unwrap_or_else(|_| panic!("{:?}", self.all_seen()))).unwrap()
    }

    /// Waits until no program has the terminal open. Returns how the session's leader has ended, and what the terminal
    /// shows after what was expected.
    pub fn end(mut self) -> (ExitStatus, String) {
        while self.read() {}
        let status = self.leader.wait().unwrap();
        (status, String::from_utf8_lossy(&self.seen[self.expected..]).into_owned())
    }

    /// Closes the terminal's window. Returns how the session's leader has ended.
    pub fn close(mut self) -> ExitStatus {
        drop(self.ours);
        self.leader.wait().unwrap()
    }

    pub fn settings(&self) -> Termios {
        tcgetattr(&self.ours).unwrap()
    }

    /// Whether keys are passed on at once, and not shown.
    pub fn is_raw(&self) -> bool {
        !self.settings().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits until the settings are those of the start.
    pub fn is_restored(&self) {
        wait_until("the settings are restored", || is_same(&self.settings(), &self.before));
    }

    fn all_seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    fn read(&mut self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.ours.as_fd(), PollFlags::IN)];
        let patience = Timespec::try_from(PATIENCE).unwrap();
        assert_ne!(poll(&mut polled, Some(&patience)), Ok(0), "nothing more than {:?}", self.all_seen());
        let mut buffer = [0; 4096];
        match rustix::io::read(&self.ours, &mut buffer) {
            // Nothing has the terminal open any more.
            Ok(0) | Err(Errno::IO) => false,
            Ok(count) => {
                self.seen.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn resize(terminal: &OwnedFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

/// Whether both have the same flags.
pub fn is_same(one: &Termios, other: &Termios) -> bool {
    let flags = |of: &Termios| (of.input_modes, of.output_modes, of.control_modes, of.local_modes);
    flags(one) == flags(other)
}

/// Waits until something is so. Fails if it does not become so.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a process runs no more. One that nobody has reaped has no program any more.
pub fn wait_for_end(process: Pid) {
    let path = format!("/proc/{}/exe", process.as_raw_nonzero());
    wait_until("the process has ended", || std::fs::read_link(&path).is_err());
}

/// The children of a process.
pub fn children(of: Pid) -> Vec<Pid> {
    let of = of.as_raw_nonzero();
    let path = format!("/proc/{of}/task/{of}/children");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
}
