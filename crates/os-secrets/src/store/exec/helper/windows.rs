//! Programs on Windows: pipes that are checked for output.

use std::{
    io::{self, ErrorKind, Read, Write},
    process::{Child, ChildStdin, ChildStdout},
    thread,
};

use tokio::time::sleep;
use zeroize::Zeroizing;

use super::{LONGEST_PAUSE, SHORTEST_PAUSE, fill, wait_for_exit};
use crate::{pipe::available, wiped::WipedBuffer};

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
