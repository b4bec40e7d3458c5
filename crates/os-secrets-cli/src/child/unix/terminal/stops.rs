//! Stopping and continuing, as a shell with job control expects it of one process group.

use libc::c_int;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{message, session::Session};
use crate::signals::{SignalCatcher, stop_group};

/// How long to wait for the signal that has continued us. It may arrive on another thread.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

impl Session {
    /// The command was stopped by this signal.
    pub fn stop(&mut self, signal: c_int, signals: &SignalCatcher) {
        let asks = [libc::SIGTTIN, libc::SIGTTOU].contains(&signal);
        if asks && self.outer.is_in_front() {
            self.wants_keyboard = true;
        } else {
            self.return_keyboard();
            stop_group(if asks { signal } else { libc::SIGTSTP });
            let is_continued = self.take_signals(signals);
            if asks && !is_continued && !self.outer.is_in_front() {
                // Nobody could continue us, so we were not stopped. Without us, reading would fail. If the command went
                // on, it would be stopped again at once.
                self.tell(message::SIGNAL, libc::SIGHUP);
            }
        }
        self.resume();
    }

    /// We go on, in front or not.
    pub fn resume(&mut self) {
        if self.outer.is_in_front() {
            self.take_keyboard();
        } else {
            self.forget_keyboard();
        }
        self.is_continuing = true;
        self.tell(message::CONTINUE, c_int::from(self.outer.saved().is_some()));
    }

    /// Takes the signals that came while we were stopped. Returns whether one has continued us.
    fn take_signals(&mut self, signals: &SignalCatcher) -> bool {
        let mut is_continued = false;
        let mut polled = [PollFd::new(signals, PollFlags::IN)];
        let _ = poll(&mut polled, Some(&MOMENT));
        while let Some(caught) = signals.next() {
            if caught.signal == libc::SIGCONT {
                is_continued = true;
            } else {
                self.take_signal(caught);
            }
        }
        is_continued
    }
}
