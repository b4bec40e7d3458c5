//! Only some streams on the terminal.

use crate::screen::{Screen, masked_script};

#[test]
fn in_a_pipeline_the_keyboard_is_for_the_program_that_reads_it() {
    // A pager: it reads the keyboard, and not only its input.
    let pager = "sh -c 'cat; echo more?; read -r key </dev/tty; echo key $key'";
    let mut screen = Screen::sh(&format!("{} | {pager}", masked_script("echo hunter2")));
    screen.expect("***\r\nmore?\r\n");
    screen.type_in("x\n");
    screen.expect("key x\r\n");
    screen.end();
    // The program at the beginning of the pipeline has the keyboard.
    let command = masked_script("while read -r line; do echo \"got $line\"; done");
    let mut screen = Screen::sh(&format!("sh -c 'read -r line; echo \"$line\" hunter2' | {command}"));
    screen.type_in("x\n");
    screen.expect("got x ***\r\n");
    screen.end();
}

#[test]
fn a_command_at_the_end_of_a_pipeline_gets_the_keyboard_when_it_asks_for_it() {
    let reads = "cat; echo asks; read -r key </dev/tty; echo key $key hunter2";
    let sets = "cat; stty -echo </dev/tty; echo asks; read -r key </dev/tty; stty echo </dev/tty; echo key $key hunter2";
    for (script, echo) in [(reads, "x\r\n"), (sets, "")] {
        let mut screen = Screen::sh(&format!("echo ready | {}", masked_script(script)));
        screen.expect("ready\r\n");
        screen.expect("asks\r\n");
        screen.type_in("x\r");
        assert_eq!(screen.expect("key x ***\r\n"), echo);
        screen.is_restored();
        assert!(screen.end().0.success());
    }
}

#[test]
fn input_from_a_file_leaves_the_keyboard_for_the_command() {
    let script = "read -r line; echo \"line ${#line}\"; read -r key </dev/tty; echo key $key hunter2";
    let mut screen = Screen::sh(&format!("{} </etc/passwd", masked_script(script)));
    screen.expect("line ");
    screen.type_in("x\r");
    screen.expect("key x ***\r\n");
    assert!(screen.end().0.success());
}

#[test]
fn errors_in_a_file_are_masked() {
    let script = "[ -t 2 ] || echo file; echo hunter2 >&2; read -r line; echo \"got $line hunter2\"";
    let file = std::env::temp_dir().join(format!("os-secrets-{}-errors", std::process::id()));
    let mut screen = Screen::sh(&format!("exec {} 2>{}", masked_script(script), file.display()));
    screen.expect("file\r\n");
    screen.type_in("x\r");
    screen.expect("got x ***\r\n");
    assert!(screen.end().0.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "***\n");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn the_terminal_by_another_name_is_the_same() {
    let script = "echo o; echo e >&2; tty; read -r line; echo \"got $line hunter2\" >&2";
    let mut screen = Screen::sh(&format!("{} </dev/tty >/dev/tty 2>/dev/tty", masked_script(script)));
    screen.expect("o\r\ne\r\n/dev/pts/");
    screen.type_in("x\r");
    screen.expect("got x ***\r\n");
    screen.end();
}
