//! Commands with masked output, in pipes and in terminals.
//!
//! `programs/mask.rs` runs them. `cargo test` builds it; before `cargo test --test mask`, run
//! `cargo build --example mask`.

// The scripts need Linux: /proc, setsid and more.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::{Read, Write},
    os::{fd::OwnedFd, unix::process::CommandExt, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
};

use rustix::{
    process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid},
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// A loop that waits to be ended. It ends by itself after 20 seconds.
const WAIT: &str = "i=0; while [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done; exit 99";

fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/mask")
}

/// A shell that runs the script with `hunter2` and `line1⏎line2` masked.
fn masked(script: &str) -> Command {
    let mut command = Command::new(program());
    command.args(["hunter2", "line1\nline2", "--", "sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(script: &str) -> Output {
    masked(script).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn read_until(from: &mut impl Read, end: &str) -> String {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(end.as_bytes()) {
        let count = from.read(&mut byte).unwrap_or(0);
        assert_eq!(count, 1, "it ended with {:?}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    text(seen)
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Whether the process runs. One that has ended but was not reaped has no program any more.
fn is_running(pid: i32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// A terminal: the user's screen, and the end that programs have.
struct Terminal {
    screen: File,
    end: OwnedFd,
}

impl Terminal {
    fn new(rows: u16, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let end = ioctl_tiocgptpeer(&master, flags).unwrap();
        let terminal = Self { screen: master.into(), end };
        terminal.resize(rows, columns);
        terminal
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.screen, size).unwrap();
    }

    fn end(&self) -> Stdio {
        self.end.try_clone().unwrap().into()
    }

    /// Runs the command in the foreground of the terminal. Streams that must not be in it are set before.
    fn spawn(self, mut command: Command) -> (Child, File) {
        command.stdin(self.end());
        let lead = || {
            setsid()?;
            Ok(ioctl_tiocsctty(rustix::stdio::stdin())?)
        };
        // SAFETY: the function only makes two system calls.
        unsafe { command.pre_exec(lead) };
        (command.spawn().unwrap(), self.screen)
    }

    /// Runs the script with its errors in the terminal, but not its output.
    fn start_for_errors(self, script: &str) -> (Child, File) {
        let mut command = masked(script);
        command.stdout(Stdio::null()).stderr(self.end());
        self.spawn(command)
    }

    /// Runs the script with all its output in the terminal.
    fn start(self, script: &str) -> (Child, File) {
        let mut command = masked(script);
        command.stdout(self.end()).stderr(self.end());
        self.spawn(command)
    }
}

fn read_all(mut screen: File) -> String {
    let mut seen = Vec::new();
    // Reading fails when no process has the terminal open any more.
    let _ = screen.read_to_end(&mut seen);
    text(seen)
}

fn on_screen(script: &str) -> (ExitStatus, String) {
    let (mut child, screen) = Terminal::new(24, 80).start(script);
    let seen = read_all(screen);
    (child.wait().unwrap(), seen)
}

#[test]
fn both_streams_are_masked() {
    let output = output("echo in hunter2 out; echo err hunter2 >&2; printf 'line1\\nline2'; printf hunter");
    assert_eq!(text(output.stdout), "in *** out\n***hunter");
    assert_eq!(text(output.stderr), "err ***\n");
    assert!(output.status.success());
}

#[test]
fn it_ends_as_the_child_did() {
    assert_eq!(output("exit 42").status.code(), Some(42));
    for signal in ["KILL", "TERM", "SEGV", "USR1", "INT"] {
        let status = output(&format!("kill -{signal} $$")).status;
        let name = Command::new("kill").args(["-l", &status.signal().unwrap().to_string()]).output();
        assert_eq!(text(name.unwrap().stdout).trim(), signal);
        assert!(!status.core_dumped());
    }
    let missing = Command::new(program()).args(["--", "/nonexistent"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(125));
}

#[test]
fn a_value_in_two_writes_is_one() {
    let mut command = masked("printf 'a hunt'; read -r line; printf 'er2 b'; read -r line");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut input, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    assert_eq!(read_until(&mut out, "a "), "a ");
    input.write_all(b"\n").unwrap();
    assert_eq!(read_until(&mut out, "b"), "*** b");
    drop(input);
    child.wait().unwrap();
}

#[test]
fn what_the_child_leaves_running_is_not_waited_for() {
    let check = |seen: &str| {
        assert!(seen.trim_end().ends_with("***"), "{seen}");
        let leftover = seen.lines().next().unwrap().trim().parse().unwrap();
        assert!(is_running(leftover));
        kill_process(Pid::from_raw(leftover).unwrap(), Signal::TERM).unwrap();
    };
    let script = "trap '' HUP; sleep 20 & echo $!; head -c 50000 /dev/zero | tr '\\0' x; echo; echo hunter2";
    let seen = text(output(script).stdout);
    assert_eq!(seen.matches('x').count(), 50_000);
    check(&seen);
    // The leftover keeps the terminal open, so its end is not waited for.
    let (mut child, mut screen) = Terminal::new(24, 80).start(script);
    let seen = read_until(&mut screen, "***\r\n");
    assert_eq!(seen.matches('x').count(), 50_000);
    assert!(child.wait().unwrap().success());
    check(&seen);
}

#[test]
fn what_nobody_has_read_yet_at_the_end_is_not_lost() {
    let (mut out, mut out_end) = std::io::pipe().unwrap();
    let full = rustix::pipe::fcntl_getpipe_size(&out_end).unwrap();
    out_end.write_all(&vec![b'-'; full]).unwrap();
    let script = "printf a; echo $$ >&2; read -r line; head -c 30000 /dev/zero | tr '\\0' x
        trap '' HUP; sleep 20 & echo $! >&2";
    let mut command = masked(script);
    let mut child = command.stdin(Stdio::piped()).stdout(out_end).spawn().unwrap();
    drop(command);
    let mut err = child.stderr.take().unwrap();
    let mut number = || read_until(&mut err, "\n").trim().parse::<i32>().unwrap();
    // Now one byte waits to be written. Until then, no other byte is read.
    let shell = number();
    drop(child.stdin.take());
    let leftover = number();
    while is_running(shell) {
        thread::yield_now();
    }
    let mut seen = String::new();
    out.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, format!("{}a{}", "-".repeat(full), "x".repeat(30_000)));
    kill_process(Pid::from_raw(leftover).unwrap(), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_stream_that_ends_early_is_complete() {
    let mut command = masked("printf hunter; exec >&-; read -r line");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(read_until(child.stdout.as_mut().unwrap(), "hunter"), "hunter");
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// It is not waited for either, however much it writes.
#[test]
fn a_leftover_that_keeps_writing_ends_with_the_child() {
    let output = output("yes hunter2 & sleep 0.1; exit 6");
    assert_eq!(output.status.code(), Some(6));
    assert!(output.stdout.starts_with(b"***\n"));
}

#[test]
fn without_a_reader_the_child_ends() {
    let mut child = masked("echo ready; exec yes").spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    assert_eq!(read_until(&mut out, "\n"), "ready\n");
    drop(out);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGPIPE));

    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = masked("echo lost").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(text(output.stderr).contains("No space left"));
}

#[test]
fn much_output_on_both_streams_passes() {
    let script = "yes hunter2 | head -c 52428800 & yes hunter2 | head -c 52428800 >&2; wait";
    let mut child = masked(script).spawn().unwrap();
    let count = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut seen = Vec::new();
            from.read_to_end(&mut seen).unwrap();
            assert!(seen.chunks(4).all(|line| line == b"***\n"));
            seen.len()
        })
    };
    let out = count(Box::new(child.stdout.take().unwrap()));
    let err = count(Box::new(child.stderr.take().unwrap()));
    assert_eq!([out.join().unwrap(), err.join().unwrap()], [26_214_400; 2]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_we_are_sent_is_passed_on() {
    let all =
        [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT, Signal::ALARM, Signal::USR1, Signal::USR2];
    for signal in all {
        let name = format!("{signal:?}");
        let number = signal.as_raw();
        let script = format!("trap 'echo hunter2; exit 9' {number}; echo ready; {WAIT}");
        let mut child = masked(&script).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        assert_eq!(read_until(&mut out, "\n"), "ready\n");
        kill_process(pid(&child), signal).unwrap();
        assert_eq!(read_until(&mut out, "\n"), "***\n", "{name}");
        assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
    }
}

#[test]
fn the_child_begins_as_without_us() {
    let state = |before: &str, between: &[&str]| {
        let report = "grep -E 'Sig(Ign|Blk)' /proc/self/status; ulimit -Sn; ls /proc/self/fd | wc -l";
        // The parent has a lower limit of open files than we.
        let ours = format!("{before} ulimit -Sn 300; exec \"$@\"");
        let output = Command::new("sh")
            .args(["-c", "ulimit -Sn 200; sh -c \"$@\"; exit", "sh", &ours, "sh"])
            .args(between)
            .args(["sh", "-c", report])
            .output();
        text(output.unwrap().stdout)
    };
    let program = program();
    let (plain, reset) = ([program.to_str().unwrap(), "--"], [program.to_str().unwrap(), "--reset", "--"]);
    // Signals are ignored under nohup, for example.
    for before in ["", "trap '' INT HUP;"] {
        assert!(state(before, &[]).contains("\n300\n"));
        assert_eq!(state(before, &plain), state(before, &[]));
        assert_eq!(state(before, &reset), state(before, &[]).replace("\n300\n", "\n200\n"));
    }
    assert_eq!(state("trap '' XFSZ PIPE;", &reset), state("", &reset));
}

#[test]
fn terminals_stay_terminals() {
    let script = "echo hunter2; echo hunter2 >&2; code=0
        [ -t 0 ] && code=$((code + 1)); [ -t 1 ] && code=$((code + 2)); [ -t 2 ] && code=$((code + 4))
        exit $code";
    for (out, err, code) in [(true, true, 7), (true, false, 3), (false, true, 5), (false, false, 1)] {
        let terminal = Terminal::new(24, 80);
        let mut command = masked(script);
        if out {
            command.stdout(terminal.end());
        }
        if err {
            command.stderr(terminal.end());
        }
        let (mut child, screen) = terminal.spawn(command);
        let piped = |from: Option<Box<dyn Read>>| {
            from.map_or(String::new(), |mut from| {
                let mut seen = String::new();
                from.read_to_string(&mut seen).unwrap();
                seen
            })
        };
        let out_seen = piped(child.stdout.take().map(|from| Box::new(from) as _));
        let err_seen = piped(child.stderr.take().map(|from| Box::new(from) as _));
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(out_seen, if out { "" } else { "***\n" });
        assert_eq!(err_seen, if err { "" } else { "***\n" });
        // The end of a line is processed once, not twice.
        assert_eq!(read_all(screen), "***\r\n".repeat(usize::from(out) + usize::from(err)));
    }
}

#[test]
fn one_terminal_keeps_the_order() {
    let (status, seen) = on_screen("i=0; while [ $i -lt 200 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done");
    assert!(status.success());
    let expected: String = (0..200).map(|number| format!("o{number}\r\ne{number}\r\n")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_prompt_that_begins_like_a_value_is_shown_on_a_terminal() {
    // The echo of the key would be in between.
    let script = "stty -echo; printf 'a hunt'; read -r line; printf 'er2 b'";
    let (mut child, mut screen) = Terminal::new(24, 80).start(script);
    assert_eq!(read_until(&mut screen, "hunt"), "a hunt");
    screen.write_all(b"\n").unwrap();
    assert_eq!(read_until(&mut screen, "b"), "*** b");
    assert!(child.wait().unwrap().success());
}

/// `masked_terminal` has the tests of a command with a terminal of its own.
#[test]
fn if_only_errors_are_on_the_terminal_it_stays_the_controlling_one() {
    let script = "[ $(ps -o sid= -p $$) = $PPID ] && [ $(ps -o tpgid= -p $$) = $PPID ] && echo same >&2
        [ $(tty) = $(tty <&2) ] || echo other >&2";
    let (_child, screen) = Terminal::new(24, 80).start_for_errors(script);
    assert_eq!(read_all(screen), "same\r\nother\r\n");
}

#[test]
fn the_size_for_errors_is_kept() {
    // In a session of its own, the kernel does not tell the child of the new size.
    let script = format!(
        "exec >&2 setsid sh -c 'trap \"stty size <&2; exit 4\" WINCH; stty size <&2; echo ready; {WAIT}'"
    );
    let terminal = Terminal::new(33, 101);
    let (mut child, mut screen) = terminal.start_for_errors(&script);
    assert_eq!(read_until(&mut screen, "ready\r\n"), "33 101\r\nready\r\n");
    tcsetwinsize(&screen, Winsize { ws_row: 44, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    assert_eq!(read_until(&mut screen, "\r\n"), "44 132\r\n");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn the_interrupt_key_reaches_the_child_once() {
    let start = |script: &str| {
        let (child, mut screen) = Terminal::new(24, 80).start_for_errors(&format!("exec >&2; {script}"));
        assert_eq!(read_until(&mut screen, "ready\r\n"), "ready\r\n");
        screen.write_all(b"\x03").unwrap();
        (child, screen)
    };
    let (mut child, _screen) = start(&format!("echo ready; {WAIT}"));
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
    // The child decides what it does then.
    let (mut child, screen) = start(&format!("trap 'echo hunter2; exit 7' INT; echo ready; {WAIT}"));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(read_all(screen), "^C***\r\n");
    // The signal comes from the terminal and not from us: in a session of its own, the child gets none.
    let traps = "trap n=1 INT; trap \"echo end \\$n; exit 7\" TERM";
    let (mut child, mut screen) = start(&format!("exec setsid sh -c '{traps}; echo ready; {WAIT}'"));
    assert_eq!(read_until(&mut screen, "^C"), "^C");
    kill_process(pid(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(read_all(screen), "end\r\n");
}
