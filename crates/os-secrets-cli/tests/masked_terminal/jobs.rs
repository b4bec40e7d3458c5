//! Job control: stopping, continuing, and the background.

use std::{fs, io::Write, process::Command};

use rustix::process::{Signal, kill_process};

use crate::screen::{PROMPT, Screen, is_same, masked_script};

/// Reads a line and prints it.
const ASKS: &str = "echo ready; read -r line; echo \"got $line hunter2\"";

/// A pipe with a name, in a folder of its own.
struct Fifo {
    folder: std::path::PathBuf,
    /// Both ends, so that opening one does not wait.
    pipe: fs::File,
}

impl Fifo {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("os-secrets-{}-{name}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let pipe = fs::File::options().read(true).write(true).open(&path).unwrap();
        Self { folder, pipe }
    }

    fn path(&self) -> String {
        self.folder.join("fifo").to_str().unwrap().to_owned()
    }

    /// Lets the command go on that reads a line of it.
    fn release(&self) {
        (&self.pipe).write_all(b"go\n").unwrap();
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn ctrl_z_stops_the_command_and_fg_continues_it() {
    let mut screen = Screen::bash(&masked_script(ASKS));
    let at_prompt = screen.settings();
    screen.type_in("eval \"$A\"\n");
    screen.expect("ready\r\n");
    for _ in 0..2 {
        assert!(screen.is_raw());
        screen.type_in("\x1a");
        assert!(screen.expect("Stopped").starts_with("^Z"));
        screen.expect(PROMPT);
        assert!(is_same(&screen.settings(), &at_prompt));
        screen.type_in("echo code $?\n");
        screen.expect("code 148\r\n");
        screen.expect(PROMPT);
        screen.type_in("fg\n");
        screen.expect("hunter2\"'\r\n");
        crate::screen::wait_until("the command has the keyboard", || screen.is_raw());
    }
    screen.type_in("hello\r");
    screen.expect("got hello ***\r\n");
    screen.expect(PROMPT);
    screen.type_in("echo code $?\n");
    screen.expect("code 0\r\n");
    screen.type_in("exit\n");
    assert!(screen.end().0.success());
}

#[test]
fn a_command_that_continues_in_the_background_stops_when_it_reads() {
    let fifo = Fifo::new("bg");
    let script = format!("echo ready; read -r go <{}; echo goes on; {ASKS}", fifo.path());
    let mut screen = Screen::bash(&masked_script(&script));
    screen.type_in("eval \"$A\"\n");
    screen.expect("ready\r\n");
    screen.type_in("\x1a");
    screen.expect("Stopped");
    screen.expect(PROMPT);
    let at_prompt = screen.settings();
    screen.type_in("set -b; bg\n");
    screen.expect(PROMPT);
    fifo.release();
    screen.expect("goes on\r\nready\r\n");
    // The shell says so at once.
    screen.expect("Stopped");
    assert!(is_same(&screen.settings(), &at_prompt));
    screen.type_in("fg\n");
    screen.expect("hunter2\"'\r\n");
    screen.type_in("hello\n");
    screen.expect("got hello ***\r\n");
    screen.expect(PROMPT);
    screen.type_in("exit\n");
    screen.end();
}

#[test]
fn a_command_in_the_background_touches_neither_settings_nor_keyboard() {
    let fifo = Fifo::new("background");
    let script = format!("echo ready; read -r go <{}; {ASKS}; stty -a", fifo.path());
    let mut screen = Screen::bash(&format!("stty -a; echo end; {} &", masked_script(&script)));
    let at_prompt = screen.settings();
    screen.type_in("set -b; eval \"$A\"\n");
    screen.expect("speed");
    let settings = screen.expect("end\r\n");
    screen.expect("ready\r\n");
    // The keyboard is the shell's.
    screen.type_in("echo for the shell\n");
    screen.expect("\r\nfor the shell\r\n");
    screen.expect(PROMPT);
    assert!(is_same(&screen.settings(), &at_prompt));
    fifo.release();
    screen.expect("Stopped");
    assert!(is_same(&screen.settings(), &at_prompt));
    screen.type_in("fg\n");
    screen.expect("stty -a'\r\n");
    screen.type_in("hello\n");
    screen.expect("got hello ***\r\n");
    // The settings of the shell's line editor are not for the command.
    screen.expect("speed");
    assert_eq!(screen.expect(PROMPT), settings);
    screen.type_in("exit\n");
    screen.end();
}

#[test]
fn a_pipeline_stops_and_continues_as_a_whole() {
    let fifo = Fifo::new("pipeline");
    let script = format!("echo ready; read -r go <{}; echo continued; exec sleep 60", fifo.path());
    let mut screen = Screen::bash(&format!("sleep 60 | {}", masked_script(&script)));
    screen.type_in("eval \"$A\"\n");
    screen.expect("ready\r\n");
    assert!(!screen.is_raw());
    screen.type_in("\x1a");
    screen.expect("Stopped");
    screen.expect(PROMPT);
    screen.type_in("fg\n");
    fifo.release();
    screen.expect("\r\ncontinued\r\n");
    screen.type_in("\x03");
    screen.expect(PROMPT);
    screen.type_in("echo code $?\n");
    screen.expect("code 130\r\n");
    screen.type_in("exit\n");
    screen.end();
}

#[test]
fn a_shell_in_the_command_has_jobs_of_its_own() {
    let mut screen = Screen::masked("PS1='inner> ' TERM=dumb exec bash --norc --noprofile -i");
    screen.expect("inner> ");
    let job = r#"trap "echo contin""ued" CONT; echo re""ady; while :; do read -r line; done"#;
    screen.type_in(format!("sh -c '{job}'\n"));
    screen.expect("\r\nready\r\n");
    screen.type_in("\x1a");
    screen.expect("Stopped");
    screen.expect("inner> ");
    // The shell goes on to be in front.
    kill_process(rustix::process::Pid::from_child(&screen.leader), Signal::CONT).unwrap();
    screen.type_in("fg\n");
    // The shell continues the job when the job has the terminal.
    screen.expect("continued\r\n");
    screen.type_in("\x03");
    screen.expect("inner> ");
    screen.type_in("exit 5\n");
    assert_eq!(screen.end().0.code(), Some(5));
}

/// Without a shell that could continue it, nothing stops.
#[test]
fn ctrl_z_without_job_control_does_nothing() {
    let mut screen = Screen::masked(ASKS);
    screen.expect("ready\r\n");
    screen.type_in("\x1ahello\r");
    screen.expect("got hello ***\r\n");
    assert!(screen.end().0.success());
}

#[test]
fn our_process_alone_can_be_stopped_and_continued() {
    let mut screen = Screen::bash(&format!("{}; echo left $?", masked_script(ASKS)));
    let at_prompt = screen.settings();
    screen.type_in("eval \"$A\"\n");
    screen.expect("ready\r\n");
    let ours = crate::screen::children(rustix::process::Pid::from_child(&screen.leader))[0];
    kill_process(ours, Signal::STOP).unwrap();
    screen.expect("Stopped");
    screen.expect(PROMPT);
    assert!(is_same(&screen.settings(), &at_prompt));
    screen.type_in("fg\n");
    crate::screen::wait_until("the command has the keyboard", || screen.is_raw());
    screen.type_in("hello\r");
    screen.expect("got hello ***\r\n");
    screen.expect(PROMPT);
    screen.type_in("exit\n");
    screen.end();
}
