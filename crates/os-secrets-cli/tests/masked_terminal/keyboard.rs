//! What the user types, and the terminal that the command has.

use std::os::unix::process::ExitStatusExt;

use rustix::process::{Pid, Signal, kill_process};

use crate::screen::{Screen, masked_script};

/// `ps` prints the process group, the session and the foreground group of the shell itself.
const GROUPS: &str = r#"set -- $(ps -o pgid=,sid=,tpgid= -p $$); group=$1; session=$2; front=$3"#;

#[test]
fn the_command_is_in_front_and_does_not_lead_its_session() {
    for redirection in ["", "</dev/null", "</etc/passwd"] {
        let script =
            format!("{GROUPS}; [ $$ = $group ] && [ $$ = $front ] && [ $$ != $session ] && echo yes");
        let (status, seen) = Screen::sh(&format!("{} {redirection}", masked_script(&script))).end();
        assert_eq!((status.code(), &*seen), (Some(0), "yes\r\n"), "{redirection}");
    }
}

#[test]
fn its_controlling_terminal_is_its_own_and_masked() {
    let script = "tty; readlink /proc/self/fd/1; echo hunter2 >/dev/tty; tty </dev/tty";
    let mut screen = Screen::sh(&format!("tty; {}", masked_script(script)));
    let outer = screen.line();
    let inner = screen.line();
    assert_ne!(inner, outer);
    assert_eq!(screen.line(), inner);
    assert_eq!(screen.end().1, format!("***\r\n{}\r\n", "/dev/tty"));
}

#[test]
fn the_settings_are_those_of_the_terminal() {
    let script = "stty -ixon erase ^H; stty -a";
    let mut screen = Screen::sh(&format!("{script}; echo end; {}", masked_script("stty -a; stty -echo")));
    let outer = screen.expect("end\r\n");
    let (_, inner) = screen.end();
    assert!(outer.contains("erase = ^H"));
    assert_eq!(outer, inner);
}

#[test]
fn every_byte_arrives() {
    let script = "stty raw -echo; echo ready; head -c 262 | od -An -v -tx1 | tr -d ' \\n'; stty sane";
    let mut screen = Screen::masked(script);
    screen.expect("ready");
    let mut keys: Vec<u8> = (0..=255).collect();
    keys.extend_from_slice(b"\x1b[200~");
    screen.type_in(&keys);
    let expected: String = keys.iter().map(|byte| format!("{byte:02x}")).collect();
    screen.expect(&expected);
    assert!(screen.end().0.success());
}

#[test]
fn a_line_is_edited_shown_once_and_ends() {
    let mut screen = Screen::masked("cat; echo end");
    screen.type_in("hunter3\x7f2\r");
    assert_eq!(screen.expect("***\r\n"), "hunter3\x08 \x082\r\n");
    screen.type_in("\x04");
    assert_eq!(screen.end().1, "end\r\n");
}

#[test]
fn a_password_is_not_shown() {
    let script =
        "stty -echo; printf 'Password: '; read -r line; stty echo; echo; echo \"got $line\"; read -r more";
    let mut screen = Screen::masked(script);
    screen.expect("Password: ");
    screen.type_in("hunter2\r");
    assert_eq!(screen.expect("got ***\r\n"), "\r\n");
    screen.type_in("x\r");
    assert_eq!(screen.end().1, "x\r\n");
}

#[test]
fn the_size_is_kept() {
    let script = "trap 'stty size <&1; exit 4' WINCH; stty size <&1; echo ready; while :; do sleep 0.1; done";
    // In a pipeline, the command is behind its terminal.
    for input in ["", "sleep 60 | "] {
        let mut screen = Screen::sh(&format!("{input}{} && exit", masked_script(script)));
        screen.expect("24 80\r\nready\r\n");
        screen.resize(44, 132);
        assert_eq!(screen.line(), "44 132", "{input}");
        screen.type_in("\x03");
        screen.end();
    }
}

#[test]
fn the_keys_for_signals_are_for_the_command() {
    for (key, signal, name) in [("\x03", libc::SIGINT, "INT"), ("\x1c", libc::SIGQUIT, "QUIT")] {
        let mut screen = Screen::masked("ulimit -c 0; echo ready; exec sleep 60");
        screen.expect("ready\r\n");
        screen.type_in(key);
        assert_eq!(screen.end().0.signal(), Some(signal));
        // The command decides what it does then.
        let script = format!("trap 'echo hunter2; exit 7' {name}; echo ready; while :; do sleep 0.1; done");
        let mut screen = Screen::masked(&script);
        screen.expect("ready\r\n");
        screen.type_in(key);
        screen.expect("***\r\n");
        assert_eq!(screen.end().0.code(), Some(7));
        // It can have them as other keys.
        let mut screen =
            Screen::masked("stty -isig; echo ready; read -r line; echo \"got $line\"; stty isig");
        screen.expect("ready\r\n");
        screen.type_in(format!("{key}x\r"));
        screen.expect(&format!("got {key}x"));
        assert!(screen.end().0.success());
    }
}

/// As without us, where it is in the same process group.
#[test]
fn a_script_ends_with_the_command_when_it_is_interrupted() {
    let command = masked_script("echo ready; exec sleep 60");
    for script in [format!("{command}; echo after"), format!("sleep 60 | {command}; echo after")] {
        let mut screen = Screen::sh(&script);
        screen.expect("ready\r\n");
        screen.type_in("\x03");
        let (status, seen) = screen.end();
        assert_eq!((status.signal(), &*seen), (Some(libc::SIGINT), "^C"));
    }
}

#[test]
fn what_was_typed_before_the_start_is_not_lost() {
    let script = "read -r one; read -r two; read -r three; echo \"got $one, $two, $three\"";
    let mut screen = Screen::sh(&format!("echo go; read -r line <&1; {}", masked_script(script)));
    screen.expect("go\r\n");
    screen.type_in("start\n1\n2\n3");
    screen.expect("start\r\n1\r\n2\r\n3");
    screen.type_in("x\r");
    // It is shown once.
    assert_eq!(screen.end().1, "x\r\ngot 1, 2, 3x\r\n");
    let mut screen =
        Screen::sh(&format!("echo go; read -r line; {}", masked_script("cat; read -r l; echo \"=$l\"")));
    screen.expect("go\r\n");
    screen.type_in("start\n1\n\x04next\n");
    assert!(screen.expect("=next\r\n").contains("1\r\n"));
    assert!(screen.end().0.success());
}

/// Newer versions of Linux permit that only to root, or if they are configured so.
#[test]
fn what_the_command_has_not_read_is_for_the_next_one() {
    let setting = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
    if !rustix::process::geteuid().is_root() && setting.is_ok_and(|setting| setting.trim() == "0") {
        return;
    }
    let script =
        format!("{}; read -r next; echo \"got $next\"", masked_script("echo ready; read -r line; echo end"));
    let mut screen = Screen::sh(&script);
    screen.expect("ready\r\n");
    screen.type_in("one\rtwo\r");
    assert!(screen.end().1.ends_with("end\r\ngot two\r\n"));
}

#[test]
fn ctrl_s_stops_the_output_and_ctrl_q_continues_it() {
    let script = "echo ready; read -r line; i=0; while [ $i -lt 9 ]; do echo $i; i=$((i + 1)); done";
    let mut screen = Screen::masked(script);
    screen.expect("ready\r\n");
    // The echo of the key that follows shows that the output goes on.
    screen.type_in("\x13\r");
    screen.type_in("\x11");
    let (status, seen) = screen.end();
    assert!(status.success());
    assert!(seen.ends_with("7\r\n8\r\n"), "{seen:?}");
}

#[test]
fn the_terminal_is_raw_while_the_command_has_the_keyboard() {
    let script = format!("{}; echo after; read -r line", masked_script("echo ready; read -r line"));
    let mut screen = Screen::sh(&script);
    screen.expect("ready\r\n");
    assert!(screen.is_raw());
    screen.type_in("x\r");
    screen.expect("after\r\n");
    screen.is_restored();
    screen.type_in("x\n");
    screen.end();
}

#[test]
fn signals_that_we_are_sent_are_passed_on() {
    let all =
        [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT, Signal::ALARM, Signal::USR1, Signal::USR2];
    for signal in all {
        let number = signal.as_raw();
        let script = format!("trap 'echo hunter2; exit 9' {number}; echo ready; while :; do sleep 0.1; done");
        let mut screen = Screen::masked(&script);
        screen.expect("ready\r\n");
        kill_process(Pid::from_child(&screen.leader), signal).unwrap();
        screen.expect("***\r\n");
        assert_eq!(screen.end().0.code(), Some(9), "{number}");
    }
}
