//! Asking on a terminal: `programs/ask.rs` runs in a session of its own, on a pseudoterminal whose other end the
//! tests have.

#![cfg(unix)]

use std::{
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, open},
    io::{Errno, FdFlags, fcntl_setfd, ioctl_fionread},
    process::{Pid, Resource, Rlimit, Signal, ioctl_tiocsctty, kill_process, setrlimit, setsid},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, tcgetattr, tcgetpgrp},
};

const FIRST: &str = "First: ";
const AGAIN: &str = "Again: ";
/// What a terminal shows after both prompts are answered.
const BOTH: &str = "First: \r\nAgain: \r\n";
/// The deadline for everything that would hang if a test fails.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/ask");
    assert!(path.exists(), "it is built by: cargo build --example ask");
    path
}

struct Terminal {
    ours: OwnedFd,
    theirs: OwnedFd,
    shown: String,
}

impl Terminal {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        fcntl_setfd(&ours, FdFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        Self { ours, theirs, shown: String::new() }
    }

    /// Starts a program on the terminal, in a session of its own.
    fn start(&self, mut command: Command) -> Child {
        let theirs = || Stdio::from(self.theirs.try_clone().unwrap());
        command.stdin(theirs()).stdout(Stdio::piped());
        let lead = || {
            setsid()?;
            ioctl_tiocsctty(rustix::stdio::stdin())?;
            setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
            Ok(())
        };
        // SAFETY: the function only makes system calls.
        unsafe { command.pre_exec(lead) };
        command.spawn().unwrap()
    }

    fn ask(&self) -> Child {
        let mut command = Command::new(example());
        command.stderr(self.theirs.try_clone().unwrap());
        self.start(command)
    }

    fn modes(&self) -> Termios {
        // Once the leader of the session has ended, macOS refuses everything on the other end.
        tcgetattr(&self.ours).unwrap()
    }

    fn settings(&self) -> String {
        format!("{:?}", self.modes())
    }

    fn type_in(&self, text: impl AsRef<[u8]>) {
        let mut rest = text.as_ref();
        while !rest.is_empty() {
            wait(self.ours.as_fd(), PollFlags::OUT);
            rest = &rest[rustix::io::write(&self.ours, rest).unwrap()..];
        }
    }

    /// Waits until the terminal shows a text after the one of the last wait.
    fn shows(&mut self, text: &str) {
        let from = self.shown.len();
        while !self.shown[from..].contains(text) {
            assert!(self.read(), "the terminal is gone, and has shown {:?}", self.shown);
        }
    }

    fn read(&mut self) -> bool {
        wait(self.ours.as_fd(), PollFlags::IN);
        let mut buffer = [0; 4096];
        match rustix::io::read(&self.ours, &mut buffer) {
            // Linux fails if nothing has the terminal open any more. macOS has nothing to read then.
            Ok(0) | Err(Errno::IO) => return false,
            Ok(count) => self.shown.push_str(str::from_utf8(&buffer[..count]).unwrap()),
            Err(error) => panic!("{error}"),
        }
        true
    }

    /// Waits for the end of a program that leads the terminal's session. Returns its status and what it has printed.
    fn end(&mut self, mut child: Child) -> (ExitStatus, String) {
        let mut output = child.stdout.take().unwrap();
        let mut said = String::new();
        wait(output.as_fd(), PollFlags::IN);
        output.read_to_string(&mut said).unwrap();
        // On macOS it ends only when the terminal has shown everything.
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return (status, said);
            }
            let mut ours = [PollFd::new(&self.ours, PollFlags::IN)];
            if poll(&mut ours, Some(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 })) == Ok(1) {
                self.read();
            }
        }
    }

    /// Everything that the terminal has shown. Waits until no program has it open.
    fn all_shown(mut self) -> String {
        self.theirs = File::open("/dev/null").unwrap().into();
        while self.read() {}
        self.shown
    }
}

fn wait(file: BorrowedFd<'_>, events: PollFlags) {
    assert_eq!(poll(&mut [PollFd::from_borrowed_fd(file, events)], Some(&PATIENCE)), Ok(1), "nothing comes");
}

/// Types both answers, each after its prompt. Returns the program's output and what the terminal shows.
fn answers(first: impl AsRef<[u8]>, again: impl AsRef<[u8]>) -> (String, String) {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let child = terminal.ask();
    terminal.shows(FIRST);
    let modes = terminal.modes().local_modes;
    assert!(!modes.intersects(LocalModes::ECHO | LocalModes::ICANON) && modes.contains(LocalModes::ISIG));
    terminal.type_in(first);
    terminal.shows(AGAIN);
    terminal.type_in(again);
    let (status, said) = terminal.end(child);
    assert!(status.success());
    assert_eq!(terminal.settings(), before);
    (said, terminal.all_shown())
}

#[test]
fn nothing_of_the_answers_is_shown() {
    assert_eq!(answers("hunter2\r", "hunter3\r"), ("7 7 different\n".into(), BOTH.into()));
    assert_eq!(answers("hünter2\n", "hünter2\n"), ("8 8 equal\n".into(), BOTH.into()));
    assert_eq!(answers("\r", "\r"), ("0 0 equal\n".into(), BOTH.into()));
}

#[test]
fn keys_edit_an_answer() {
    for (typed, meant) in [
        ("abd\x7fc", "abc"),
        ("aß\x7fb€\x7fc🔑\x7fd", "abcd"),
        ("abc\x15d", "d"),
        ("ab cd\x17ef", "ab ef"),
        ("abx\x7f\x16\x15c\x04", "ab\x16\x15c"),
        ("\x1b[A\tb", "\x1b[A\tb"),
    ] {
        let (said, shown) = answers(format!("{typed}\r"), format!("{meant}\r"));
        assert!(said.ends_with("equal\n"), "{typed:?}: {said}");
        assert_eq!(shown, BOTH);
    }
}

#[test]
fn a_long_paste_is_whole() {
    let long: String = (0..2_500).map(|number| format!("{number:04}")).collect();
    let (said, shown) = answers(format!("{long}\r"), format!("{long}\r"));
    assert_eq!((said.as_str(), shown.as_str()), ("10000 10000 equal\n", BOTH));
}

#[test]
fn a_paste_of_two_lines_answers_both() {
    for paste in ["secret\rsecret\r", "secret\nsecret\n", "secret\r\nsecret\r\n", "secret\rsecret\rrest\r"] {
        let mut terminal = Terminal::open();
        let child = terminal.ask();
        terminal.shows(FIRST);
        terminal.type_in(paste);
        assert_eq!(terminal.end(child).1, "6 6 equal\n", "{paste:?}");
        assert_eq!(terminal.all_shown(), BOTH);
    }
}

/// Types a paste, and returns what the program prints, what the terminal shows, and what is left to the shell.
fn paste(text: &str) -> (String, String, usize) {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let child = terminal.ask();
    terminal.shows(FIRST);
    terminal.type_in(text);
    let (_, said) = terminal.end(child);
    assert_eq!(terminal.settings(), before);
    let left = ioctl_fionread(&terminal.theirs).unwrap() as usize;
    (said, terminal.all_shown(), left)
}

#[test]
fn a_paste_of_several_lines_is_refused_and_leaves_nothing_to_the_shell() {
    let key: String = (0..40).map(|line| format!("{line:064}\r")).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\r{key}-----END PRIVATE KEY-----\r");
    assert_eq!(paste(&pem), ("several lines\n".into(), "First: \r\n".into(), 0));
    for text in ["one\rtwo\r", "one\ntwo\nthree\nfour", "one\r\ntwo\r\n\r\nthree\r\n"] {
        assert_eq!(paste(text), ("several lines\n".into(), BOTH.into(), 0), "{text:?}");
    }
    // Typed one after the other, they are only different.
    assert_eq!(answers("one\r", "two\r").0, "3 3 different\n");
    assert_eq!(answers("one\r", "two\rthree\r").0, "several lines\n");
}

#[test]
fn what_was_typed_before_is_discarded() {
    let mut terminal = Terminal::open();
    terminal.type_in("early\n");
    while ioctl_fionread(&terminal.theirs).unwrap() == 0 {
        std::thread::yield_now();
    }
    let child = terminal.ask();
    terminal.shows(FIRST);
    terminal.type_in("x\rx\r");
    assert_eq!(terminal.end(child).1, "1 1 equal\n");
}

#[test]
fn prompts_go_to_standard_error_only() {
    let mut terminal = Terminal::open();
    let mut command = Command::new(example());
    command.stderr(Stdio::piped());
    let mut child = terminal.start(command);
    let mut prompts = child.stderr.take().unwrap();
    let mut prompt = [0; FIRST.len()];
    prompts.read_exact(&mut prompt).unwrap();
    assert_eq!(prompt, FIRST.as_bytes());
    terminal.type_in("secret\rsecret\r");
    assert_eq!(terminal.end(child).1, "6 6 equal\n");
    assert_eq!(io::read_to_string(prompts).unwrap(), "\nAgain: \n");
    assert_eq!(terminal.all_shown(), "");
}

#[test]
fn the_end_of_input_is_an_answer() {
    for (typed, shown) in [("\x04", "First: \r\n"), ("ab\x15\x04", "First: \r\n"), ("a\r\x04", BOTH)] {
        let mut terminal = Terminal::open();
        let before = terminal.settings();
        let child = terminal.ask();
        terminal.shows(FIRST);
        terminal.type_in(typed);
        let (status, said) = terminal.end(child);
        assert!(status.success());
        assert_eq!(said, "end\n", "{typed:?}");
        assert_eq!(terminal.settings(), before);
        assert_eq!(terminal.all_shown(), shown);
    }
}

/// What a test does to the program on a terminal.
type Act = dyn Fn(&Terminal, &Child);

#[test]
fn keys_and_signals_end_it_with_the_terminal_restored() {
    let key = |byte: u8| move |terminal: &Terminal, _: &Child| terminal.type_in([b's', byte]);
    let send = |signal: Signal| {
        move |_: &Terminal, child: &Child| kill_process(Pid::from_child(child), signal).unwrap()
    };
    let cases: [(Signal, &Act); 7] = [
        (Signal::INT, &key(0x03)),
        (Signal::QUIT, &key(0x1c)),
        (Signal::INT, &send(Signal::INT)),
        (Signal::TERM, &send(Signal::TERM)),
        (Signal::HUP, &send(Signal::HUP)),
        (Signal::QUIT, &send(Signal::QUIT)),
        (Signal::ALARM, &send(Signal::ALARM)),
    ];
    for (signal, end_it) in cases {
        for second in [false, true] {
            let mut terminal = Terminal::open();
            let before = terminal.settings();
            let child = terminal.ask();
            terminal.shows(FIRST);
            if second {
                terminal.type_in("secret\r");
                terminal.shows(AGAIN);
            }
            end_it(&terminal, &child);
            let (status, said) = terminal.end(child);
            assert_eq!((status.signal(), said.as_str()), (Some(signal.as_raw()), ""));
            assert_eq!(terminal.settings(), before);
            assert_eq!(terminal.all_shown(), if second { BOTH } else { "First: \r\n" });
        }
    }
}

#[test]
fn ignored_signals_stay_ignored() {
    let mut terminal = Terminal::open();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP INT TSTP; exec \"$0\""]).arg(example());
    command.stderr(terminal.theirs.try_clone().unwrap());
    let child = terminal.start(command);
    terminal.shows(FIRST);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    // Such a key discards what was typed before it, so it comes first.
    terminal.type_in("\x03");
    terminal.type_in("\x1a");
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    terminal.type_in("secret\rsecret\r");
    assert_eq!(terminal.end(child).1, "6 6 equal\n");
    assert_eq!(terminal.all_shown(), BOTH);
}

/// A shell with job control sees the program stop, runs a command, and continues the program.
fn stopped(stop: impl Fn(&Terminal, Pid), meanwhile: &str, second: bool) {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let mut command = Command::new("sh");
    let script =
        "set -m; \"$0\"; eval \"$1\"; echo \"stopped: $?\" >&2; read go; fg >&2; echo \"left: $?\" >&2";
    command.args(["-c", script]).arg(example()).arg(meanwhile);
    command.stderr(terminal.theirs.try_clone().unwrap());
    let child = terminal.start(command);
    terminal.shows(FIRST);
    if second {
        terminal.type_in("secret\r");
        terminal.shows(AGAIN);
    }
    stop(&terminal, tcgetpgrp(&terminal.ours).unwrap());
    terminal.shows("stopped: ");
    assert_eq!(terminal.settings(), before);
    terminal.type_in("\n");
    let (asked, rest) = if second { (AGAIN, "secret\r") } else { (FIRST, "secret\rsecret\r") };
    terminal.shows(asked);
    terminal.type_in(rest);
    let (status, said) = terminal.end(child);
    assert!(status.success());
    assert_eq!(said, "6 6 equal\n");
    assert_eq!(terminal.settings(), before);
    let shown = terminal.all_shown();
    assert!(shown.contains(&format!("{asked}\r\n")), "{shown:?}");
    assert!(shown.ends_with(&format!("{AGAIN}\r\nleft: 0\r\n")), "{shown:?}");
    assert!(!shown.contains("secret") && !shown.contains("wrong"), "{shown:?}");
}

#[test]
fn a_stopped_question_is_asked_anew() {
    for second in [false, true] {
        let key = |terminal: &Terminal, _| {
            terminal.type_in("wrong");
            terminal.type_in("\x1a");
        };
        stopped(key, ":", second);
        stopped(|_, group| kill_process(group, Signal::TSTP).unwrap(), ":", second);
        // SIGSTOP cannot be caught, and some shells then set their own modes.
        stopped(
            |_, group| kill_process(group, Signal::STOP).unwrap(),
            "stty icanon echo icrnl min 1",
            second,
        );
    }
}

/// The program does not restore the terminal, which belongs to the shell by then.
#[test]
fn a_signal_ends_it_in_the_background() {
    let mut terminal = Terminal::open();
    let mut command = Command::new("sh");
    // For the shell, the program is stopped until it learns otherwise.
    let script = "set -m; \"$0\"; stopped=$?; kill -TERM %1; kill -CONT %1; status=$stopped; \
                  while [ $status = $stopped ]; do wait %1; status=$?; done; echo \"left: $status\" >&2";
    command.args(["-c", script]).arg(example());
    command.stderr(terminal.theirs.try_clone().unwrap());
    let child = terminal.start(command);
    terminal.shows(FIRST);
    let quiet = terminal.settings();
    kill_process(tcgetpgrp(&terminal.ours).unwrap(), Signal::STOP).unwrap();
    assert!(terminal.end(child).0.success());
    assert_eq!(terminal.settings(), quiet);
    let shown = terminal.all_shown();
    assert!(shown.ends_with("left: 143\r\n"), "{shown:?}");
}

#[test]
fn standard_input_must_be_a_terminal() {
    let output = Command::new(example()).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}
