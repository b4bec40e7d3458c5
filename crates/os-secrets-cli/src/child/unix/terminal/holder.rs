//! The holder: a process between ours and the command. It leads the command's session, so the command does not, and can
//! be stopped and continued. If our process is killed, the holder restores the settings of the terminal.
//!
//! It is forked and does not exec, so everything here is limited to what may be called between fork and exec. Its memory
//! is a copy of ours, and as little readable by others.

use std::{
    io, mem,
    os::fd::{BorrowedFd, RawFd},
    ptr,
};

use libc::{c_int, pid_t, termios};

use super::{
    message::{self, Message},
    settings::{check, is_same, raw, set, settings, without_lines},
};

/// What the holder needs. The descriptors are open in our process until the fork.
#[derive(Clone, Copy)]
pub struct Holder {
    /// The holder's end of the socket.
    pub socket: RawFd,
    /// The outer terminal.
    pub outer: RawFd,
    /// The command's terminal.
    pub inner: RawFd,
    /// The settings to restore, if they are changed already.
    pub saved: Option<termios>,
}

impl Holder {
    /// Splits the forked child into the holder, which does not return, and the command. The command starts in front of
    /// its terminal if the settings of the outer one are changed.
    ///
    /// # Safety
    ///
    /// To be called between fork and exec.
    pub unsafe fn split(self) -> io::Result<()> {
        // SAFETY: these are system calls. The sets are initialized by `sigemptyset`.
        unsafe {
            check(libc::setsid())?;
            check(libc::ioctl(self.inner, libc::TIOCSCTTY as _, 0))?;
            let leader = libc::getpid();
            let command = check(libc::fork())?;
            if command > 0 {
                // Both do it, so that it is done for both.
                libc::setpgid(command, command);
                self.hold(leader, command);
            }
            check(libc::setpgid(0, 0))?;
            if self.saved.is_some() {
                let (mut only, mut before): (libc::sigset_t, libc::sigset_t) = mem::zeroed();
                libc::sigemptyset(&mut only);
                libc::sigaddset(&mut only, libc::SIGTTOU);
                libc::sigprocmask(libc::SIG_BLOCK, &only, &mut before);
                libc::tcsetpgrp(self.inner, libc::getpid());
                libc::sigprocmask(libc::SIG_SETMASK, &before, ptr::null_mut());
            }
            Ok(())
        }
    }

    unsafe fn hold(mut self, leader: pid_t, command: pid_t) -> ! {
        // SAFETY: these are system calls on our own values. The sets and actions are valid when they are all zeros.
        unsafe {
            let (mut all, mut waiting): (libc::sigset_t, libc::sigset_t) = mem::zeroed();
            libc::sigfillset(&mut all);
            libc::sigprocmask(libc::SIG_SETMASK, &all, ptr::null_mut());
            let wake: extern "C" fn(c_int) = ignore;
            libc::signal(libc::SIGCHLD, wake as usize);
            libc::sigfillset(&mut waiting);
            libc::sigdelset(&mut waiting, libc::SIGCHLD);
            // So that whoever kills all processes with our name leaves the terminal to us.
            #[cfg(target_os = "linux")]
            libc::prctl(libc::PR_SET_NAME, c"terminal-holder".as_ptr());
            self.close_others();
            Message::new(message::STARTED, command).send(self.socket);
            let mut has_ended = false;
            loop {
                let mut status = 0;
                while !has_ended
                    && libc::waitpid(command, &mut status, libc::WNOHANG | libc::WUNTRACED) == command
                {
                    has_ended = !libc::WIFSTOPPED(status);
                    let message = if has_ended {
                        // When a session ends, the kernel hangs up the group in front. What the command leaves running
                        // goes on.
                        libc::tcsetpgrp(self.inner, leader);
                        Message::new(message::ENDED, status)
                    } else {
                        Message::new(message::STOPPED, libc::WSTOPSIG(status))
                    };
                    message.send(self.socket);
                }
                let mut ready: libc::fd_set = mem::zeroed();
                libc::FD_SET(self.socket, &mut ready);
                let none = ptr::null_mut();
                if libc::pselect(self.socket + 1, &mut ready, none, none, ptr::null(), &waiting) < 1 {
                    continue;
                }
                let Some(message) = Message::receive(self.socket) else { break };
                match message.kind {
                    message::CHANGES => self.saved = Some(message.settings),
                    message::RESTORED => self.saved = None,
                    // The process may be another one by then.
                    _ if has_ended => {}
                    message::SIGNAL => _ = libc::kill(command, message.value),
                    message::GROUP_SIGNAL => _ = libc::kill(-libc::getpgid(command), message.value),
                    message::CONTINUE => self.resume(leader, libc::getpgid(command), message.value != 0),
                    _ => {}
                }
            }
            self.restore();
            if !has_ended {
                let group = libc::getpgid(command);
                libc::kill(-group, libc::SIGHUP);
                libc::kill(-group, libc::SIGCONT);
            }
            libc::_exit(0)
        }
    }

    /// Puts the command in front or behind, unless it has put another group in front itself, and continues it.
    unsafe fn resume(&self, leader: pid_t, group: pid_t, in_front: bool) {
        let (from, to) = if in_front { (leader, group) } else { (group, leader) };
        // SAFETY: these are system calls.
        unsafe {
            if libc::tcgetpgrp(self.inner) == from {
                libc::tcsetpgrp(self.inner, to);
            }
            libc::kill(-group, libc::SIGCONT);
        }
        Message::new(message::CONTINUED, 0).send(self.socket);
    }

    /// Our process is gone. Restores the settings, unless another program has set its own.
    unsafe fn restore(&self) {
        // SAFETY: the descriptor is open.
        let outer = unsafe { BorrowedFd::borrow_raw(self.outer) };
        if let Some(saved) = self.saved
            && let Ok(now) = settings(outer)
            && (is_same(&now, &raw(&saved)) || is_same(&now, &without_lines(&saved)))
        {
            let _ = set(outer, &saved);
        }
    }

    /// Closes all other descriptors, because others wait for their end.
    unsafe fn close_others(&mut self) {
        // SAFETY: these are system calls, and nothing here uses the closed descriptors.
        unsafe {
            // First out of the way, then to the start.
            let kept = [self.socket, self.outer, self.inner].map(|fd| libc::fcntl(fd, libc::F_DUPFD, 6));
            for (target, fd) in (3..).zip(kept) {
                libc::dup2(fd, target);
            }
            (self.socket, self.outer, self.inner) = (3, 4, 5);
            (0..3).for_each(|fd| _ = libc::close(fd));
            #[cfg(target_os = "linux")]
            if libc::syscall(libc::SYS_close_range, 6_u32, u32::MAX, 0_u32) == 0 {
                return;
            }
            let mut limit: libc::rlimit = mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
            (6..limit.rlim_max.min(1 << 16) as c_int).for_each(|fd| _ = libc::close(fd));
        }
    }
}

extern "C" fn ignore(_signal: c_int) {}
