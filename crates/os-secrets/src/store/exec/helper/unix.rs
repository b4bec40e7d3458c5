//! Programs on Unix: pipes that report when they are ready.

use std::{
    io,
    os::fd::OwnedFd,
    process::{Child, ChildStdin, ChildStdout},
};

use tokio::net::unix::pipe::{Receiver, Sender};

use super::{fill, wait_for_exit};
use crate::wiped::WipedBuffer;

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
        let ((), read) = tokio::join!(write_input(sender, input), read_output(&receiver, output));
        read
    };
    tokio::select! {
        read = talk => {
            read?;
            wait_for_exit(child).await?;
        }
        // Processes that the program leaves running may keep the pipe open. The program itself writes nothing more.
        ended = wait_for_exit(child) => ended?,
    }
    // Read directly: the async runtime may not know yet that the last output has arrived.
    let rest = |chunk: &mut [u8]| Ok(rustix::io::read(&receiver, chunk)?);
    while fill(rest, output)?.is_some_and(|count| count > 0) {}
    Ok(())
}

/// Writes the input, until the program closes its end.
async fn write_input(sender: Sender, mut input: &[u8]) {
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

async fn read_output(receiver: &Receiver, output: &mut WipedBuffer) -> io::Result<()> {
    loop {
        receiver.readable().await?;
        if fill(|chunk| receiver.try_read(chunk), output)? == Some(0) {
            return Ok(());
        }
    }
}
