//! Programs on Windows: job objects, and pipes that are checked for output.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::windows::process::CommandExt,
    process::{Child, ChildStdin, ChildStdout, Command},
    thread,
};

use tokio::time::sleep;
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;
use zeroize::Zeroizing;

use super::{LONGEST_PAUSE, SHORTEST_PAUSE, fill, wait_for_exit};
use crate::{job::Job, pipe::available, wiped::WipedBuffer};

/// Prepares a command. Call it before the program is started.
pub fn prepare(command: &mut Command) {
    // The program needs no console. If our process has none, Windows would open one for it.
    command.creation_flags(CREATE_NO_WINDOW);
}

/// A program and everything that it has started.
pub struct ProcessGroup(Option<Job>);

impl ProcessGroup {
    /// The group of a program, which may have ended already.
    pub fn of(child: &Child) -> Self {
        Self(Job::of(child).ok())
    }

    /// Kills the whole group.
    pub fn kill(&self) {
        if let Some(job) = &self.0 {
            job.kill();
        }
    }
}

/// Gives the program its input and reads what it prints, until it has ended.
pub async fn talk(
    child: &mut Child,
    mut stdin: ChildStdin,
    input: &[u8],
    mut stdout: ChildStdout,
    output: &mut WipedBuffer,
) -> io::Result<()> {
    let input = Zeroizing::new(input.to_vec());
    // Writing blocks while the program does not read, and ends when the program ends.
    thread::Builder::new().spawn(move || stdin.write_all(&input))?;
    let mut pause = SHORTEST_PAUSE;
    loop {
        // Checked before the pipe, so that nothing is missed that the program wrote before its end.
        let ended = child.try_wait()?.is_some();
        let count = match available(&stdout) {
            // The program has closed its end.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return wait_for_exit(child).await,
            count => count?,
        };
        match count {
            0 if ended => return Ok(()),
            0 => {
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(2 * pause);
            }
            count => {
                let read = |chunk: &mut [u8]| {
                    let size = count.min(chunk.len());
                    stdout.read(&mut chunk[..size])
                };
                fill(read, output)?;
                pause = SHORTEST_PAUSE;
            }
        }
    }
}
