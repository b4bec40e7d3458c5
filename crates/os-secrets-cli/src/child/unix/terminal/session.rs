//! Passing keys, output and signals on, until the command has ended.

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use libc::{c_int, termios};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, getpid, kill_current_process_group},
    termios::tcgetpgrp,
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    super::{CHUNK, stream::ChildStream},
    message::{self, Message},
    outer::{Outer, TypedBefore, give_processed, take_unread},
    settings::{is_same, set, settings, writes_returns},
};
use crate::signals::{CaughtSignal, SignalCatcher};

/// The maximum number of typed bytes that are read at once.
const TYPED: usize = 1024;
/// How often to look whether the keyboard is ours again, if another process group has it.
const ABSENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The command's session.
pub struct Session {
    /// To the holder.
    pub socket: UnixStream,
    pub outer: Outer,
    /// The command's end of its terminal.
    pub inner: OwnedFd,
    /// Our end of it. `None` if nobody reads the command's output any more, so that its next write fails.
    master: Option<OwnedFd>,
    /// Whether the keyboard is for the command when we are in front.
    pub wants_keyboard: bool,
    /// The settings of the command's terminal, until it has had the keyboard. They may be those of a shell that reads a
    /// line.
    initial: Option<termios>,
    /// Whether the holder is about to continue the command, which loses a key that stops it.
    pub is_continuing: bool,
    /// The process of the command.
    command: Option<c_int>,
    /// Input for the command.
    typed: Zeroizing<Vec<u8>>,
    /// How the command has ended.
    pub status: Option<c_int>,
}

impl Session {
    pub fn new(
        socket: UnixStream,
        outer: Outer,
        master: OwnedFd,
        inner: OwnedFd,
        wants_keyboard: bool,
    ) -> io::Result<Self> {
        let initial = Some(settings(inner.as_fd())?);
        let master = Some(master);
        let typed = Zeroizing::default();
        Ok(Self {
            socket,
            outer,
            inner,
            master,
            wants_keyboard,
            initial,
            is_continuing: false,
            command: None,
            typed,
            status: None,
        })
    }

    /// Passes everything on until the command has ended and all its output is written. Calls `at_end` at its end.
    pub fn pass_on(
        &mut self,
        signals: SignalCatcher,
        streams: &mut [ChildStream<'_>],
        at_end: impl FnOnce(),
    ) -> io::Result<()> {
        let mut buffer = Zeroizing::new(vec![0; CHUNK]);
        let mut running = Some((signals, at_end));
        loop {
            let has_keyboard = running.is_some() && self.outer.saved().is_some();
            let is_in_front = has_keyboard && self.outer.is_in_front();
            let reads = is_in_front && !self.is_continuing && self.typed.is_empty();
            let mut polled = Vec::with_capacity(8);
            if let Some((signals, _)) = &running {
                polled
                    .extend([PollFd::new(&self.socket, PollFlags::IN), PollFd::new(signals, PollFlags::IN)]);
                if reads {
                    polled.push(PollFd::new(&self.outer, PollFlags::IN));
                }
                if let (false, Some(master)) = (self.typed.is_empty(), &self.master) {
                    polled.push(PollFd::new(master, PollFlags::OUT));
                }
            }
            polled.extend(streams.iter().flat_map(ChildStream::awaited));
            if polled.is_empty() {
                return Ok(());
            }
            let patience = streams.iter().filter_map(ChildStream::patience).min();
            let absence = (has_keyboard && !is_in_front).then_some(ABSENCE);
            let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
            match poll(&mut polled, patience.or(absence).as_ref()) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            let has_message = running.is_some() && !polled[0].revents().is_empty();
            let keyboard = if reads { polled[2].revents() } else { PollFlags::empty() };
            drop(polled);
            if let Some((signals, _)) = &running {
                self.serve(signals, keyboard)?;
            }
            let goes_on = !has_message
                || running
                    .as_ref()
                    .is_some_and(|(signals, _)| self.take_message(signals, streams, &mut buffer));
            if !goes_on {
                if let Some((_signals, at_end)) = running.take() {
                    at_end();
                }
                // Only writing is left. From here on, signals have their former effect on us.
                streams.iter_mut().for_each(ChildStream::end);
            }
            self.advance(streams, &mut buffer);
        }
    }

    /// Passes on the signals that have come, and what was typed, if the keyboard has these events.
    fn serve(&mut self, signals: &SignalCatcher, keyboard: PollFlags) -> io::Result<()> {
        while let Some(caught) = signals.next() {
            self.take_signal(caught);
        }
        if keyboard.contains(PollFlags::IN) {
            self.read_typed()?;
        } else if !keyboard.is_empty() {
            // The terminal is gone. The kernel sends us SIGHUP, and we the command.
            self.forget_keyboard();
        }
        self.write_typed();
        Ok(())
    }

    /// Passes output on, as far as it can without blocking.
    fn advance(&mut self, streams: &mut [ChildStream<'_>], buffer: &mut [u8]) {
        // While the command is behind, both terminals would write the end of a line as CR LF.
        let without_returns = self.outer.saved().is_none()
            && writes_returns(self.outer.as_fd())
            && writes_returns(self.inner.as_fd());
        for stream in streams.iter_mut() {
            if stream.keep_session_size() && self.outer.saved().is_none() {
                self.tell(message::GROUP_SIGNAL, libc::SIGWINCH);
            }
            stream.remove_returns(without_returns);
            stream.advance(buffer);
            stream.show_held();
        }
        if streams[0].is_over() && self.status.is_none() {
            self.master = None;
        }
    }

    /// Sends the holder a message. If it is gone, its socket says so.
    pub fn tell(&self, kind: c_int, value: c_int) {
        Message::new(kind, value).send(self.socket.as_raw_fd());
    }

    /// Takes a message of the holder. Returns whether the command goes on.
    fn take_message(
        &mut self,
        signals: &SignalCatcher,
        streams: &mut [ChildStream<'_>],
        buffer: &mut [u8],
    ) -> bool {
        let Some(message) = Message::receive(self.socket.as_raw_fd()) else { return false };
        match message.kind {
            message::STARTED => self.command = Some(message.value),
            message::CONTINUED => self.is_continuing = false,
            message::STOPPED => {
                // What it wrote before is shown before the shell's prompt.
                streams.iter_mut().for_each(|stream| stream.flush(buffer));
                self.stop(message.value, signals);
            }
            _ => {
                self.status = Some(message.value);
                return false;
            }
        }
        true
    }

    /// Takes the keyboard, if it is for the command and we are in front.
    pub fn take_keyboard(&mut self) {
        if !self.wants_keyboard || !self.outer.is_in_front() {
            return;
        }
        if self.outer.saved().is_some() {
            // Others may have used the terminal in the meantime.
            return self.outer.make_raw();
        }
        let socket = self.socket.as_raw_fd();
        let announce =
            |saved: &termios| Message { settings: *saved, ..Message::new(message::CHANGES, 0) }.send(socket);
        let Ok(before) = self.outer.take(announce) else { return };
        if let (Some(initial), Some(saved)) = (self.initial.take(), self.outer.saved())
            && settings(self.inner.as_fd()).is_ok_and(|now| is_same(&now, &initial))
        {
            let _ = set(self.inner.as_fd(), saved);
        }
        self.pass_on_typed_before(before);
    }

    fn pass_on_typed_before(&mut self, before: TypedBefore) {
        if let (false, Some(master)) = (before.text.is_empty(), &self.master) {
            let _ = give_processed(master.as_fd(), self.inner.as_fd(), &before.text);
        }
        if !before.rest.is_empty() {
            self.typed = before.rest;
        }
    }

    /// The command has ended. Restores the outer terminal, and puts back what the command has not read.
    pub fn leave(&mut self) {
        if self.outer.saved().is_some() && self.outer.is_in_front() && self.status.is_some() {
            self.outer.put_back(&take_unread(self.inner.as_fd()));
            self.outer.put_back(&self.typed);
        }
        self.return_keyboard();
    }

    /// Restores the outer terminal, if we have the keyboard.
    pub fn return_keyboard(&mut self) {
        if self.outer.give_back() {
            self.tell(message::RESTORED, 0);
        }
    }

    /// The keyboard is not ours any more.
    pub fn forget_keyboard(&mut self) {
        if self.outer.forget() {
            self.tell(message::RESTORED, 0);
        }
    }

    /// Takes a signal that was sent to us. The outer terminal sends its own only while the command is behind.
    pub fn take_signal(&mut self, caught: CaughtSignal) {
        let own = getpid().as_raw_nonzero().get();
        let is_own = caught.sender == Some(own) || (caught.sender.is_some() && caught.sender == self.command);
        let is_of_terminal = match caught.signal {
            libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP => {
                caught.sender.is_none()
                    || (cfg!(target_os = "macos") && self.outer.saved().is_none() && self.outer.is_in_front())
            }
            libc::SIGHUP => caught.sender.is_none() || self.outer.is_gone(),
            _ => false,
        };
        match caught.signal {
            // `advance` compares the sizes.
            libc::SIGWINCH => {}
            libc::SIGCONT => self.resume(),
            // Without us, these would reach all processes of the command's group.
            signal if is_of_terminal => self.tell(message::GROUP_SIGNAL, signal),
            signal if !is_own => self.tell(message::SIGNAL, signal),
            _ => {}
        }
    }

    fn read_typed(&mut self) -> io::Result<()> {
        let mut buffer = Zeroizing::new([0; TYPED]);
        match rustix::io::read(&self.outer, &mut buffer[..]) {
            Err(Errno::INTR | Errno::AGAIN | Errno::IO) => return Ok(()),
            result => {
                let count = result?;
                self.typed = Zeroizing::new(buffer[..count].to_vec());
            }
        }
        self.share_interrupt();
        Ok(())
    }

    /// Sends our own group what the keys send the command: a script that has started us must end as well.
    fn share_interrupt(&self) {
        let Some(master) = &self.master else { return };
        let Ok(settings) = settings(master.as_fd()) else { return };
        let in_front = tcgetpgrp(master).ok().map(|group| group.as_raw_nonzero().get());
        if settings.c_lflag & libc::ISIG == 0 || in_front != self.command {
            return;
        }
        for (key, signal) in [(libc::VINTR, Signal::INT), (libc::VQUIT, Signal::QUIT)] {
            let key = settings.c_cc[key];
            if key != 0 && self.typed.contains(&key) {
                let _ = kill_current_process_group(signal);
            }
        }
    }

    fn write_typed(&mut self) {
        let Some(master) = &self.master else { return self.typed.zeroize() };
        while !self.typed.is_empty() {
            match rustix::io::write(master, &self.typed) {
                Ok(count) => _ = self.typed.drain(..count),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(_) => self.typed.zeroize(),
            }
        }
        self.typed.zeroize();
    }
}
