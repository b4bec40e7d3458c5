//! The process that clears the clipboard after some time: this program again, in the background.
//!
//! It gets the value through a pipe, so that it is in neither arguments nor environment.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{Clipboard, osc52};
use crate::{child::withhold_keys, output::read_input};
use os_secrets::credential::Secret;

/// The command of this program that clears the clipboard.
pub const COMMAND: &str = "clear-clipboard";

/// A process that waits for the value.
pub struct ClearingProcess(Child);

impl ClearingProcess {
    /// Starts the process. `before_words` is the start of our own command line if this process is a runtime.
    ///
    /// # Errors
    ///
    /// The process cannot be started.
    pub fn start(clipboard: Clipboard, seconds: u32, before_words: Option<usize>) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        if let Some(words) = before_words {
            let line = command_line();
            let end = line.len().saturating_sub(words);
            command.args(line.get(1..end).ok_or_else(|| io::Error::other("the command line is unknown"))?);
        }
        command.arg(COMMAND).arg(clipboard.word()).arg(seconds.to_string());
        let output = if clipboard.can_be_read() { Stdio::null() } else { osc52::open()?.into() };
        command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::null());
        withhold_keys(&mut command);
        detach(&mut command);
        command.spawn().map(Self)
    }

    /// Lets the process wait, and clear the clipboard if it then still has this value.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn begin(mut self, value: &Secret) -> io::Result<()> {
        match self.0.stdin.take() {
            Some(mut pipe) => pipe.write_all(value.expose()),
            None => Ok(()),
        }
    }
}

/// Does the work of the process. Without a value there is nothing to clear: the value was not copied.
pub fn wait_and_clear(clipboard: Clipboard, seconds: u32) -> io::Result<()> {
    // The directory may be on a disk that will be unmounted.
    let _ = env::set_current_dir(if cfg!(windows) { "\\" } else { "/" });
    let mut value = read_input(None).map_err(|_| io::Error::other("there is no value"))?;
    let value = Secret::new(std::mem::take(&mut *value));
    if value.expose().is_empty() {
        return Ok(());
    }
    sleep(Duration::from_secs(seconds.into()));
    if !clipboard.can_be_read() || clipboard.holds(&value) { clipboard.clear() } else { Ok(()) }
}

/// The command line of this process. In a library for musl, the standard library does not have it.
fn command_line() -> Vec<OsString> {
    #[cfg(target_os = "linux")]
    if let Ok(line) = std::fs::read("/proc/self/cmdline") {
        use std::os::unix::ffi::OsStringExt;

        let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
        return words.map(|word| OsString::from_vec(word.to_vec())).collect();
    }
    env::args_os().collect()
}

/// Ctrl-C and the end of the terminal must not end the process.
#[cfg(unix)]
fn detach(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    command.process_group(0);
}

#[cfg(windows)]
fn detach(command: &mut Command) {
    use std::os::windows::process::CommandExt;

    const DETACHED_PROCESS: u32 = 0x8;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
}
