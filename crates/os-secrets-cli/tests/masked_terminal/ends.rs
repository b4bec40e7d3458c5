//! How it ends, also by force.

use std::os::unix::process::ExitStatusExt;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::screen::{Screen, children, masked, masked_script, wait_for_end};

/// Prints the processes of the command and of the holder.
const PROCESSES: &str = "echo $$; echo $PPID; echo $(ps -o ppid= -p $PPID); exec sleep 60";

#[test]
fn it_ends_as_the_command_did() {
    for code in [0, 1, 42, 255] {
        assert_eq!(Screen::masked(&format!("exit {code}")).end().0.code(), Some(code));
    }
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGSEGV, libc::SIGUSR1, libc::SIGINT] {
        let status = Screen::masked(&format!("ulimit -c 0; kill -{signal} $$")).end().0;
        assert_eq!(status.signal(), Some(signal));
        assert!(!status.core_dumped());
    }
}

#[test]
fn a_command_that_cannot_be_started_leaves_the_terminal_as_it_was() {
    let mut screen = Screen::sh(&format!("{} /nonexistent; echo code $?; read -r line", masked()));
    screen.expect("code 125\r\n");
    screen.is_restored();
    screen.type_in("x\n");
    screen.end();
}

/// Without a shell that would do it.
#[test]
fn whoever_is_killed_the_terminal_is_usable() {
    for victim in 0..3 {
        let script = format!("{}; echo code $?; read -r line; echo got $line", masked_script(PROCESSES));
        let mut screen = Screen::sh(&script);
        let processes = [screen.process(), screen.process(), screen.process()];
        assert!(screen.is_raw());
        kill_process(processes[victim], Signal::KILL).unwrap();
        let expected = ["137", "125", "137"][victim];
        screen.expect(&format!("code {expected}"));
        screen.is_restored();
        screen.type_in("typed\n");
        screen.expect("got typed\r\n");
        processes.into_iter().for_each(wait_for_end);
        assert!(screen.end().0.success());
    }
}

#[test]
fn nothing_of_ours_is_open_in_the_command_or_left_behind() {
    let script = "ls /proc/self/fd | wc -l; echo $PPID; ls /proc/$PPID/fd | wc -l; read -r line";
    let mut screen = Screen::sh(&format!("ls /proc/self/fd | wc -l; {}", masked_script(script)));
    let without_us = screen.line();
    assert_eq!(screen.line(), without_us);
    let holder = screen.process();
    // Its socket and both terminals.
    assert_eq!(screen.line(), "3");
    screen.type_in("x\r");
    assert!(screen.end().0.success());
    wait_for_end(holder);
}

#[test]
fn all_output_at_the_end_arrives() {
    let script = "i=0; while [ $i -lt 300 ]; do echo hunter2 $i; i=$((i + 1)); done";
    for _ in 0..5 {
        let (status, seen) = Screen::masked(script).end();
        assert!(status.success());
        let expected: String = (0..300).map(|number| format!("*** {number}\r\n")).collect();
        assert_eq!(seen, expected);
    }
    let (status, seen) = Screen::masked("seq 100000; exit 3").end();
    assert_eq!(status.code(), Some(3));
    assert_eq!(seen.lines().count(), 100_000);
    assert!(seen.ends_with("\n100000\r\n"));
}

#[test]
fn what_the_command_leaves_running_is_not_waited_for_and_goes_on() {
    for ignore in ["", "trap '' HUP; "] {
        let mut screen = Screen::masked(&format!("{ignore}sleep 60 & echo $!; exit 6"));
        let leftover = screen.process();
        assert_eq!(screen.end().0.code(), Some(6));
        test_kill_process(leftover).unwrap();
        kill_process(leftover, Signal::TERM).unwrap();
    }
    let mut screen = Screen::masked("yes hunter2 & echo ready; exit 6");
    screen.expect("ready\r\n");
    assert_eq!(screen.end().0.code(), Some(6));
}

#[test]
fn the_end_of_the_terminal_is_the_end_of_the_command() {
    for script in [
        format!("exec {}", masked_script("echo $$; exec sleep 60")),
        format!("{}; echo after", masked_script("echo $$; exec sleep 60")),
    ] {
        let mut screen = Screen::sh(&script);
        let command = screen.process();
        let status = screen.close();
        assert_eq!(status.signal(), Some(libc::SIGHUP));
        wait_for_end(command);
    }
    let mut screen = Screen::bash(&masked_script("echo $$; exec sleep 60"));
    screen.type_in("eval \"$A\"\n");
    screen.line();
    let command = screen.process();
    let ours = children(Pid::from_child(&screen.leader))[0];
    screen.close();
    wait_for_end(command);
    wait_for_end(ours);
}
