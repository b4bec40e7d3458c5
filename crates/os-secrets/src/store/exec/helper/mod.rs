//! Running the program: with its own environment and a deadline, and without leaving it behind.

use std::{
    ffi::OsString,
    io,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

use super::{DEFAULT_TIMEOUT, ExecOptions, NOT_FOUND};
use crate::{
    environment::Variables,
    error::{Effect, Error},
    executor::{Lane, Purpose},
    printable::is_unsafe,
    process_group::{self, ProcessGroup},
    progress::Progress,
    store::MAX_VALUE,
    wiped::WipedBuffer,
};

#[cfg(unix)]
#[path = "unix.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;

/// The maximum number of runs at once.
const MAX_RUNNING: usize = 4;
/// The maximum size of an answer: JSON may need six bytes for each byte of a value.
const MAX_ANSWER: usize = 6 * MAX_VALUE + (1 << 20);
/// The first pause between two checks whether the program has ended. Each pause is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause between two checks whether the program has ended.
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// The variables of our environment that the program gets. They lead to its own files, the session's bus and display,
/// and the user. Other variables do not concern it, and may be secret.
#[cfg(unix)]
const INHERITED: [&str; 18] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "GNUPGHOME",
    "GPG_TTY",
    "PASSWORD_STORE_DIR",
    "SSH_AUTH_SOCK",
];

#[cfg(windows)]
const INHERITED: [&str; 19] = [
    "PATH",
    "PATHEXT",
    "SystemRoot",
    "SystemDrive",
    "windir",
    "ComSpec",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERDOMAIN",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "ProgramData",
    "ProgramFiles",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
];

/// The inherited variables that lead to the user.
const USER_VARIABLES: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY"];

/// The part of an environment that the program gets.
pub fn inherited_environment(variables: &impl Variables) -> Vec<(String, OsString)> {
    INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), variables.get(name)?))).collect()
}

/// The outcome of a run.
pub enum RunOutcome {
    /// The program succeeded. Holds its output.
    Succeeded(Zeroizing<Vec<u8>>),
    /// The program failed. Holds the reason that it printed.
    Failed(String),
}

/// The program.
pub struct Helper {
    options: ExecOptions,
    environment: Vec<(String, OsString)>,
    turns: Semaphore,
    starting: Lane,
}

impl Helper {
    pub fn new(options: ExecOptions, environment: Vec<(String, OsString)>) -> Self {
        let starting = Lane::for_file(&options.command, Purpose::Start);
        Self { options, environment, turns: Semaphore::new(MAX_RUNNING), starting }
    }

    pub fn command(&self) -> &Path {
        &self.options.command
    }

    /// The error that the program failed.
    pub fn failed(&self, operation: &'static str, reason: &str) -> Error {
        Error::Helper { command: self.options.command.clone(), operation, reason: reason.into() }
    }

    /// The error that the program cannot be started.
    fn not_started(&self, error: &io::Error) -> Error {
        Error::NoHelper {
            command: self.options.command.clone(),
            reason: start_failure(&self.options.command, error),
        }
    }

    /// Runs the program once, with `input` on its standard input. A run that is given up is killed.
    ///
    /// If the call must not ask the user, the program does not get the variables that lead to the user.
    pub async fn run(
        &self,
        operation: &'static str,
        input: &[u8],
        progress: &Progress,
    ) -> Result<RunOutcome, Error> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await.map_err(|_| Error::Closed)?;
        let after = self.options.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let mut command = Command::new(&self.options.command);
        command.arg(operation).env_clear().envs(self.environment.iter().cloned());
        if operation == "list" || !progress.is_interactive() {
            for name in USER_VARIABLES {
                command.env_remove(name);
            }
        }
        command.envs(self.options.env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        process_group::prepare(&mut command);
        let changes = ["store", "erase"].contains(&operation);
        let run = async {
            let start = move || Ok(command.spawn().map(RunningHelper::new));
            let child = match changes {
                true => self.starting.change(progress, start).await?,
                false => self.starting.run(start).await?,
            };
            let child =
                child.inspect_err(|_| progress.refused()).map_err(|error| self.not_started(&error))?;
            let (status, output) = talk_to(child, input).await.map_err(|error| {
                self.failed(operation, &format!("it was run, but its answer cannot be used: {error}"))
            })?;
            Ok(match status.success() {
                true => RunOutcome::Succeeded(output),
                false => RunOutcome::Failed(failure_reason(operation, status, &output)),
            })
        };
        // The deadline covers the start as well: if a disk does not answer, starting its program may never end.
        let late = |_| Err(Error::Timeout { after, at: Some(operation), effect: Effect::None });
        timeout(after, run).await.unwrap_or_else(late)
    }
}

/// The reason that the program cannot be started.
fn start_failure(command: &Path, error: &io::Error) -> String {
    // The system says "No such file" of a file that exists, if the program that should read or load it does not.
    match error.kind() {
        io::ErrorKind::NotFound if command.exists() => {
            "the interpreter in its first line, or the loader that it was built for, does not exist".into()
        }
        _ => error.to_string(),
    }
}

/// The reason that a failed program printed, on one line. If the program got a secret or should have returned one, its
/// output may be the secret. Then only the message that the credential does not exist is used.
fn failure_reason(operation: &str, status: ExitStatus, output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.trim().lines().next().unwrap_or_default();
    match operation {
        _ if line == NOT_FOUND => NOT_FOUND.into(),
        "erase" | "list" if !line.is_empty() => line.chars().filter(|&c| !is_unsafe(c)).take(200).collect(),
        _ => format!("it ended with {status}"),
    }
}

/// A program that runs. If this is dropped before the program ends, it is killed with all that it has started.
struct RunningHelper {
    child: Option<Child>,
    group: ProcessGroup,
}

impl RunningHelper {
    fn new(child: Child) -> Self {
        Self { group: ProcessGroup::of(&child), child: Some(child) }
    }
}

impl Drop for RunningHelper {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if let Ok(Some(_)) = child.try_wait() {
            return;
        }
        self.group.kill();
        let _ = child.kill();
        // The program cannot refuse to end, but its end may take a while, and somebody must wait for it.
        let _ = std::thread::Builder::new().spawn(move || child.wait());
    }
}

async fn talk_to(mut running: RunningHelper, input: &[u8]) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    let child = running.child.as_mut().ok_or_else(gone)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else { return Err(gone()) };
    let mut output = WipedBuffer::default();
    os::talk(child, stdin, input, stdout, &mut output).await?;
    Ok((child.wait()?, output.into_bytes()))
}

/// Appends what there is to read to `output`, and returns the number of bytes: 0 at the end, `None` if nothing has
/// arrived yet.
fn fill(
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    output: &mut WipedBuffer,
) -> io::Result<Option<usize>> {
    let count = match output.read_chunk(read) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        count => count?,
    };
    if output.len() > MAX_ANSWER {
        return Err(io::Error::other(format!("it has more than {MAX_ANSWER} bytes")));
    }
    Ok(Some(count))
}

/// Waits until the program has ended, by checking it again and again. Signals belong to the JavaScript runtime, and not
/// every system has descriptors for processes.
async fn wait_for_exit(child: &mut Child) -> io::Result<()> {
    let mut pause = SHORTEST_PAUSE;
    while child.try_wait()?.is_none() {
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(2 * pause);
    }
    Ok(())
}
