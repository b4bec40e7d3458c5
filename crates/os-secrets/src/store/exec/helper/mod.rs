//! Running the program: with its own environment, a deadline, and no end that is not ours to see.

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

/// As many run at once at most.
const MAX_RUNNING: usize = 4;
/// More than this is no answer: every byte of a value may be spelled with six.
const MAX_ANSWER: usize = 6 * MAX_VALUE + (1 << 20);
/// How often it is looked whether it has ended.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// The variables that the program is given of ours: where it finds its own files, the session's bus and
/// display, and the person. What else is there is not its business, and may be secret.
#[cfg(unix)]
const KEPT: [&str; 18] = [
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
const KEPT: [&str; 19] = [
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

/// Those of them that lead to the person.
const PERSON: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY"];

/// What of an environment the program is given.
pub fn environment(variables: &impl Variables) -> Vec<(String, OsString)> {
    KEPT.iter().filter_map(|name| Some(((*name).to_owned(), variables.get(name)?))).collect()
}

/// How a run ended.
pub enum RunOutcome {
    /// As it should; with what was printed.
    Done(Zeroizing<Vec<u8>>),
    /// Not as it should; with what the program said of that.
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

    /// Runs the program once, with `input` on its standard input. A run that is given up is killed.
    ///
    /// Where nobody is to be asked, the program does not learn where the person is.
    pub async fn run(
        &self,
        operation: &'static str,
        input: &[u8],
        progress: &Progress,
    ) -> Result<RunOutcome, Error> {
        // It is never closed.
        let _turn = self.turns.acquire().await.map_err(|_| Error::Closed)?;
        let after = self.options.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let fail = |error: io::Error| self.failed(operation, &format!("it cannot be run: {error}"));
        let mut command = Command::new(&self.options.command);
        command.arg(operation).env_clear().envs(self.environment.iter().cloned());
        if operation == "list" || !progress.is_interactive() {
            for name in PERSON {
                command.env_remove(name);
            }
        }
        command.envs(self.options.env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        os::prepare(&mut command);
        let changes = ["store", "erase"].contains(&operation);
        let run = async {
            let start = move || Ok(command.spawn().map(Running::new));
            let child = match changes {
                true => self.starting.change(progress, start).await?,
                false => self.starting.run(start).await?,
            };
            let child = child.inspect_err(|_| progress.refused()).map_err(fail)?;
            let (status, output) = finish(child, input).await.map_err(fail)?;
            Ok(match status.success() {
                true => RunOutcome::Done(output),
                false => RunOutcome::Failed(told(operation, status, &output)),
            })
        };
        // A program on a disk that does not answer may take for ever to start.
        let late = |_| Err(Error::Timeout { after, at: Some(operation), effect: Effect::None });
        timeout(after, run).await.unwrap_or_else(late)
    }
}

/// What a failed program said, on one line. Of one that has been given a secret or was to give one, nothing but
/// that there is none: it may have said the secret.
fn told(operation: &str, status: ExitStatus, output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.trim().lines().next().unwrap_or_default();
    match operation {
        _ if line == NOT_FOUND => NOT_FOUND.into(),
        "erase" | "list" if !line.is_empty() => line.chars().filter(|c| !c.is_control()).take(200).collect(),
        _ => format!("it ended with {status}"),
    }
}

/// A program that runs. Dropped before its end, it is killed, with all that it has started.
struct Running {
    child: Option<Child>,
    group: os::Group,
}

impl Running {
    fn new(child: Child) -> Self {
        Self { group: os::Group::of(&child), child: Some(child) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if let Ok(Some(_)) = child.try_wait() {
            return;
        }
        self.group.kill();
        let _ = child.kill();
        // It cannot refuse, but may take its time, and its end must be taken note of.
        let _ = std::thread::Builder::new().spawn(move || child.wait());
    }
}

async fn finish(mut running: Running, input: &[u8]) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
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
        return Err(io::Error::other("its answer is too long"));
    }
    Ok(Some(count))
}

/// Waits until the program has ended. It is looked after now and then: signals are the runtime's, and not
/// every system has descriptors of processes.
async fn exited(child: &mut Child) -> io::Result<()> {
    let mut pause = SHORTEST_PAUSE;
    while child.try_wait()?.is_none() {
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(2 * pause);
    }
    Ok(())
}
