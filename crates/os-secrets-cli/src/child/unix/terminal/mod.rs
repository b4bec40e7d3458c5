//! A masked command on a terminal. It gets a pseudoterminal, with the keyboard of the real one behind it.
//!
//! The command has a session of its own. It is either in front of its terminal, while ours is raw and passes every key
//! on, or behind it, and ours is as before. It starts in front if we are, unless standard input is a pipe: then the
//! keyboard may be for the program at the pipe's other end. A command that is behind is stopped by the kernel when it
//! wants the keyboard. Then we put it in front, or are stopped in its place if we are not in front ourselves.
//!
//! Crates for pseudoterminals (portable-pty, pty-process) make the command the leader of its session, which Ctrl-Z does
//! not stop. They leave the keyboard, the settings and the signals to their user. rustix has the system calls.
//!
//! | file | what it holds |
//! |---|---|
//! | `session.rs` | passing keys, output and signals on |
//! | `stops.rs` | stopping and continuing |
//! | `holder.rs` | the process that leads the command's session and guards the real terminal |
//! | `message.rs` | what our process and the holder tell each other |
//! | `outer.rs` | the real terminal |
//! | `settings.rs` | the settings of a terminal |

use std::{
    io,
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Command, ExitStatus},
    thread,
};

use rustix::stdio::stdin;

use super::{
    ChildError,
    stream::{self, ChildStream},
};
use crate::{mask::Mask, signals::SignalCatcher};
use holder::Holder;
use outer::is_in_pipeline;
use session::Session;

mod holder;
mod message;
mod outer;
mod session;
mod settings;
mod stops;

pub use outer::{Outer, is_own_terminal};

/// The signals that are caught in addition to those for any child.
pub const SIGNALS: [libc::c_int; 2] = [libc::SIGTSTP, libc::SIGCONT];

/// Runs the command to its end.
///
/// # Errors
///
/// [`ChildError`].
pub fn run(
    outer: Outer,
    signals: SignalCatcher,
    mut command: Command,
    mask: &Mask,
    at_end: impl FnOnce(),
) -> Result<ExitStatus, ChildError> {
    let start = ChildError::Start;
    let (mut streams, master, inner) = stream::connect_session(&mut command, mask).map_err(start)?;
    if is_own_terminal(stdin()) {
        command.stdin(inner.try_clone().map_err(start)?);
    }
    let (socket, far_socket) = UnixStream::pair().map_err(start)?;
    let sockets = (socket.as_raw_fd(), far_socket.as_raw_fd());
    let mut session = Session::new(socket, outer, master, inner, !is_in_pipeline()).map_err(start)?;
    session.take_keyboard();
    let holder = Holder {
        socket: sockets.1,
        outer: session.outer.as_fd().as_raw_fd(),
        inner: session.inner.as_raw_fd(),
        saved: session.outer.saved().copied(),
    };
    // SAFETY: `split` only does what may be done between fork and exec.
    unsafe { command.pre_exec(move || holder.split()) };
    // If the command cannot be started, `spawn` waits for the holder, which waits for us.
    thread::scope(|scope| {
        let spawn = move || {
            let spawned = command.spawn();
            // The command holds the child's ends of the streams. While they are open, there is no end of file.
            drop((command, far_socket));
            spawned
        };
        let spawning = thread::Builder::new().spawn_scoped(scope, spawn).map_err(start)?;
        let passed_on = session.pass_on(signals, &mut streams, at_end);
        session.leave();
        let _ = session.socket.shutdown(Shutdown::Both);
        let spawned = spawning.join().map_err(|_| start(io::Error::other("a thread has failed")))?;
        // Only when the holder has ended may the terminal be closed, which hangs its session up.
        spawned.map_err(start)?.wait().map_err(ChildError::PassOn)?;
        let failure = streams.into_iter().find_map(ChildStream::close);
        passed_on.map_err(ChildError::PassOn)?;
        if let Some(failure) = failure {
            return Err(ChildError::PassOn(failure));
        }
        let lost = || ChildError::PassOn(io::Error::other("the leader of its session was killed"));
        session.status.map(ExitStatus::from_raw).ok_or_else(lost)
    })
}
