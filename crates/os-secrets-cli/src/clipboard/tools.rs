//! The programs that reach the clipboard. The value goes through a pipe, never through arguments.

use std::{
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

use crate::{child::find_command, output::read_all};
use os_secrets::credential::Secret;

/// A program, with its command lines. Those that copy and clear read standard input.
pub struct Tool {
    pub copy: &'static [&'static str],
    read: &'static [&'static str],
    clear: &'static [&'static str],
    /// An argument that marks the value as a secret for clipboard managers. Old versions do not have it.
    sensitive: Option<&'static str>,
}

const WAYLAND: Tool = Tool {
    copy: &["wl-copy", "--type", "text/plain;charset=utf-8"],
    read: &["wl-paste", "--no-newline"],
    clear: &["wl-copy", "--clear"],
    sensitive: Some("--sensitive"),
};
const XCLIP: Tool = Tool {
    copy: &["xclip", "-selection", "clipboard", "-in"],
    read: &["xclip", "-selection", "clipboard", "-out"],
    clear: &["xclip", "-selection", "clipboard", "-in"],
    sensitive: None,
};
const XSEL: Tool = Tool {
    copy: &["xsel", "--clipboard", "--input"],
    read: &["xsel", "--clipboard", "--output"],
    clear: &["xsel", "--clipboard", "--clear"],
    sensitive: None,
};
const MACOS: Tool = Tool { copy: &["pbcopy"], read: &["pbpaste"], clear: &["pbcopy"], sensitive: None };

/// The program for the display or the system of this process.
pub fn find(is_set: impl Fn(&'static str) -> bool, is_remote: bool) -> Option<&'static Tool> {
    const OF_WAYLAND: &[&Tool] = &[&WAYLAND];
    const OF_X11: &[&Tool] = &[&XCLIP, &XSEL];
    const OF_MACOS: &[&Tool] = &[&MACOS];
    let groups = [
        (OF_WAYLAND, is_set("WAYLAND_DISPLAY")),
        (OF_X11, is_set("DISPLAY")),
        // Over SSH, this would be the clipboard of the other machine.
        (OF_MACOS, cfg!(target_os = "macos") && !is_remote),
    ];
    let mut tools =
        groups.into_iter().filter(|(_, is_usable)| *is_usable).flat_map(|(tools, _)| tools.iter());
    tools.find(|tool| find_program(tool.copy[0]).is_some() && find_program(tool.read[0]).is_some()).copied()
}

/// The program with this name.
pub fn parse(name: &str) -> Option<&'static Tool> {
    const ALL: [&Tool; 4] = [&WAYLAND, &XCLIP, &XSEL, &MACOS];
    ALL.into_iter().find(|tool| tool.copy[0] == name)
}

impl Tool {
    pub fn copy(&self, value: &Secret) -> io::Result<()> {
        let mut command = make_command(self.copy)?;
        command.args(self.sensitive.filter(|flag| self.knows(flag)));
        pass_to(command, value)
    }

    /// Clears the clipboard.
    pub fn clear(&self) -> io::Result<()> {
        pass_to(make_command(self.clear)?, &Secret::new(Vec::new()))
    }

    /// What the clipboard holds.
    pub fn read(&self) -> io::Result<Secret> {
        let mut child = make_command(self.read)?.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let read = child.stdout.take().map(read_all);
        let status = child.wait()?;
        let (Some(read), true) = (read, status.success()) else { return Err(failed(self.read, &status)) };
        Ok(Secret::new(std::mem::take(&mut *read?)))
    }

    /// Whether the help of the program has a flag.
    fn knows(&self, flag: &str) -> bool {
        let ask = |mut command: Command| {
            command.arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).output()
        };
        let help = make_command(&self.copy[..1]).and_then(ask);
        help.is_ok_and(|help| {
            let text = [help.stdout, help.stderr].concat();
            text.windows(flag.len()).any(|part| part == flag.as_bytes())
        })
    }
}

fn find_program(name: &str) -> Option<Command> {
    find_command(name.as_ref(), Path::new("."))
}

/// A command of a tool. Its output is dropped: some tools stay in the background, and would keep our standard output open.
fn make_command(line: &[&str]) -> io::Result<Command> {
    let mut command = find_program(line[0]).ok_or(io::ErrorKind::NotFound)?;
    command.args(&line[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    // Otherwise pbcopy takes the text for one of an old encoding if there is no locale, as under cron.
    if cfg!(target_os = "macos") {
        command.env("LC_CTYPE", "UTF-8");
    }
    // A tool that stays must not get the signals of the terminal.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok(command)
}

fn pass_to(mut command: Command, value: &Secret) -> io::Result<()> {
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let written = match child.stdin.take() {
        Some(mut pipe) => pipe.write_all(value.expose()),
        None => Ok(()),
    };
    let status = child.wait()?;
    if !status.success() {
        return Err(failed(&[&command.get_program().to_string_lossy()], &status));
    }
    written
}

fn failed(line: &[&str], status: &std::process::ExitStatus) -> io::Error {
    io::Error::other(format!("{} failed ({status})", line[0]))
}
