//! Commands with masked output on Windows. `programs/mask.rs`, which `cargo test` builds, runs them.

#![cfg(windows)]

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A command that runs for longer than any test waits.
const LONG: &str = "ping -n 60 127.0.0.1";
const PATIENCE: Duration = Duration::from_secs(20);

fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples").join("mask.exe")
}

/// A line of `cmd` with `hunter2` masked.
fn masked(line: &str) -> Command {
    let mut command = Command::new(program());
    command.args(["hunter2", "--", "cmd", "/d", "/c", line]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(line: &str) -> Output {
    masked(line).output().unwrap()
}

#[test]
fn both_streams_are_masked() {
    let Output { status, stdout, stderr } = output("echo a hunter2&echo b hunter2>&2&exit 300");
    assert_eq!(status.code(), Some(300));
    assert_eq!(str::from_utf8(&stdout), Ok("a ***\r\n"));
    assert_eq!(str::from_utf8(&stderr), Ok("b ***\r\n"));
}

#[test]
fn much_output_passes() {
    let Output { status, stdout, .. } = output("for /l %i in (1,1,3000) do @echo %i hunter2 and more");
    assert!(status.success());
    let expected: String = (1..=3000).map(|number| format!("{number} *** and more\r\n")).collect();
    assert!(str::from_utf8(&stdout) == Ok(&expected));
}

#[test]
fn what_the_child_leaves_running_is_not_waited_for() {
    let start = Instant::now();
    let Output { status, stdout, .. } = output(&format!("start /b {LONG} >nul & echo hunter2"));
    assert!(status.success() && start.elapsed() < PATIENCE);
    assert_eq!(str::from_utf8(&stdout), Ok("***\r\n"));
}

#[test]
fn the_child_ends_with_us() {
    let mut command = masked(&format!("echo ready& {LONG}"));
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut ready = [0; 5];
    child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    let mut input = child.stdin.take().unwrap();
    // Nobody reads this, but the child could.
    input.write_all(b"x").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while input.write_all(b"x").is_ok() {
        assert!(start.elapsed() < PATIENCE, "the child goes on");
        sleep(Duration::from_millis(50));
    }
}
