//! Programs on Windows: job objects, and pipes that are asked what is in them.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::windows::process::CommandExt,
    process::{Child, ChildStdin, ChildStdout, Command},
    thread,
};

use tokio::time::sleep;
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;
use zeroize::Zeroizing;

use super::{LONGEST_PAUSE, SHORTEST_PAUSE, exited, fill};
use crate::{job::Job, pipe::available, wiped::WipedBuffer};

/// To be called before the program is started.
pub fn prepare(command: &mut Command) {
    // It has no business with the console, which would appear for it where there is none.
    command.creation_flags(CREATE_NO_WINDOW);
}

/// A program, and what it has started.
pub struct Group(Option<Job>);

impl Group {
    /// That of a program, which may have ended already.
    pub fn of(child: &Child) -> Self {
        Self(Job::of(child).ok())
    }

    /// Kills all of them.
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
    // It waits where the program does not read, and ends with the program.
    thread::Builder::new().spawn(move || stdin.write_all(&input))?;
    let mut pause = SHORTEST_PAUSE;
    loop {
        // In this order: what the program wrote before its end is seen.
        let ended = child.try_wait()?.is_some();
        let count = match available(&stdout) {
            // It has closed its end.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return exited(child).await,
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
                    let most = count.min(chunk.len());
                    stdout.read(&mut chunk[..most])
                };
                fill(read, output)?;
                pause = SHORTEST_PAUSE;
            }
        }
    }
}
