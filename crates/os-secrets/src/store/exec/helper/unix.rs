//! Programs on Unix: process groups, and pipes that tell when they are ready.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::{exited, fill};
use crate::wiped::WipedBuffer;

/// To be called before the program is started.
pub fn prepare(command: &mut Command) {
    // Of its own, so that nothing of it is left when it is killed.
    command.process_group(0);
}

/// A program, and what it has started.
pub struct Group(Pid);

impl Group {
    /// That of a program.
    pub fn of(child: &Child) -> Self {
        Self(Pid::from_child(child))
    }

    /// Kills all of them.
    pub fn kill(&self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// Gives the program its input and reads what it prints, until it has ended.
pub async fn talk(
    child: &mut Child,
    stdin: ChildStdin,
    input: &[u8],
    stdout: ChildStdout,
    output: &mut WipedBuffer,
) -> io::Result<()> {
    let sender = Sender::from_owned_fd(OwnedFd::from(stdin))?;
    let receiver = Receiver::from_owned_fd(OwnedFd::from(stdout))?;
    let talk = async {
        let ((), read) = tokio::join!(write(sender, input), read(&receiver, output));
        read
    };
    tokio::select! {
        read = talk => {
            read?;
            exited(child).await?;
        }
        // What it leaves running may keep the pipe open; nothing more comes from itself.
        ended = exited(child) => ended?,
    }
    // Read by ourselves: the runtime may not have heard yet of what came last.
    let rest = |chunk: &mut [u8]| Ok(rustix::io::read(&receiver, chunk)?);
    while fill(rest, output)?.is_some_and(|count| count > 0) {}
    Ok(())
}

/// Writes the input, as far as anybody reads it.
async fn write(sender: Sender, mut input: &[u8]) {
    while !input.is_empty() {
        match sender.try_write(input) {
            Ok(written) => input = &input[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if sender.writable().await.is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

async fn read(receiver: &Receiver, output: &mut WipedBuffer) -> io::Result<()> {
    loop {
        receiver.readable().await?;
        if fill(|chunk| receiver.try_read(chunk), output)? == Some(0) {
            return Ok(());
        }
    }
}
