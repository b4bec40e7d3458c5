//! The terminal without echo. Its modes outlive the process, so signals are caught until they are restored.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, stderr, stdin},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use libc::{SIGCONT, SIGTSTP, c_int};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::getpgrp,
    termios::{
        InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
    },
};

use super::{
    SeveralLines, are_different, is_first_line,
    line::{InputBuffer, Keys, Line, LineState},
};
use crate::signals::{SignalCatcher, is_fatal, raise};
use os_secrets::credential::Secret;

/// The signals that end, stop or continue a process. SIGCONT is among them because SIGSTOP cannot be caught, and others
/// may have changed the terminal while the process was stopped.
const CAUGHT: [c_int; 7] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGALRM, SIGTSTP, SIGCONT];

/// The pause between two reads of a terminal that cannot be polled.
const READ_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The time without input after which a paste has ended. Terminals deliver a long paste in parts.
const END_OF_PASTE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// Asks on the terminal. Fewer answers than prompts mean the end of the input.
pub fn ask(keyboard: &File, prompts: &[&str]) -> io::Result<Vec<Secret>> {
    let mut answers = Vec::with_capacity(prompts.len());
    loop {
        let catcher = SignalCatcher::catch(&CAUGHT)?;
        let result = Terminal::enter(keyboard, &catcher)
            .and_then(|mut terminal| terminal.ask_all(prompts, &mut answers));
        let late = gravest(catcher.release().into_iter().map(|caught| caught.signal));
        let signal = match result {
            Err(AskError::Signal(signal)) => Some(signal),
            _ => None,
        };
        for signal in [signal, late].into_iter().flatten() {
            if is_fatal(signal) {
                // The answers must not be in a core dump.
                answers.clear();
            }
            raise(signal);
            if is_fatal(signal) {
                std::process::exit(128 + signal);
            }
        }
        match result {
            Ok(()) => return Ok(answers),
            Err(AskError::Io(error)) => return Err(error),
            Err(AskError::Signal(_)) => {}
        }
    }
}

/// Standard input if it is a terminal, else the terminal of the process.
pub fn keyboard() -> io::Result<File> {
    if stdin().is_terminal() {
        return stdin().as_fd().try_clone_to_owned().map(|keyboard: OwnedFd| keyboard.into());
    }
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// The keys that edit a line on this terminal.
fn editing_keys(terminal: &Termios) -> Keys {
    let key = |index| terminal.special_codes[index];
    Keys {
        erase: key(SpecialCodeIndex::VERASE),
        kill: key(SpecialCodeIndex::VKILL),
        erase_word: key(SpecialCodeIndex::VWERASE),
        ends: [key(SpecialCodeIndex::VEOF), 0],
        quote: key(SpecialCodeIndex::VLNEXT),
        line_ends: [key(SpecialCodeIndex::VEOL), key(SpecialCodeIndex::VEOL2)],
    }
}

/// The signal with the strongest effect: one that ends the process, else one that stops it.
fn gravest(signals: impl Iterator<Item = c_int>) -> Option<c_int> {
    signals.max_by_key(|&signal| (is_fatal(signal), signal == SIGTSTP))
}

/// Why asking did not come to its end.
enum AskError {
    /// A signal arrived.
    Signal(c_int),
    /// The terminal failed.
    Io(io::Error),
}

impl From<Errno> for AskError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// The terminal with echo and line editing off. Dropping this value restores the terminal.
struct Terminal<'a> {
    keyboard: &'a File,
    catcher: &'a SignalCatcher,
    before: Termios,
    keys: Keys,
    /// Whether the cursor is behind a prompt.
    prompted: bool,
}

impl<'a> Terminal<'a> {
    fn enter(keyboard: &'a File, catcher: &'a SignalCatcher) -> Result<Self, AskError> {
        let before = tcgetattr(keyboard)?;
        let mut quiet = before.clone();
        // Without translation of line ends, CRLF differs from a line end and an empty second line.
        quiet.input_modes.remove(InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR);
        quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL);
        quiet.local_modes.insert(LocalModes::ISIG);
        // A key that sends a signal discards the input. With VMIN 0, a read after that does not block.
        quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        let keys = editing_keys(&before);
        let terminal = Self { keyboard, catcher, before, keys, prompted: false };
        while let Err(error) = tcsetattr(keyboard, OptionalActions::Flush, &quiet) {
            terminal.check_signals()?;
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
        Ok(terminal)
    }

    /// Asks the prompts that are not answered yet. Fewer answers than prompts mean the end of the input.
    fn ask_all(&mut self, prompts: &[&str], answers: &mut Vec<Secret>) -> Result<(), AskError> {
        let mut input = InputBuffer::default();
        let mut pasted = false;
        for prompt in &prompts[answers.len()..] {
            self.prompted = true;
            self.show(prompt)?;
            let answer = self.read_line(&mut input)?;
            let ended = answer.is_none();
            answers.extend(answer);
            self.show("\n")?;
            self.prompted = false;
            pasted |= self.has_more(&input)?;
            let is_first_line = answers.last().is_some_and(is_first_line);
            let is_last = ended || answers.len() == prompts.len();
            // The rest of a paste may not have arrived yet.
            if is_first_line || (is_last && (pasted || are_different(answers))) {
                pasted |= self.discard_paste(&mut input)?;
            }
            if ended {
                break;
            }
            if is_first_line || (pasted && are_different(answers)) {
                return Err(AskError::Io(SeveralLines.into()));
            }
        }
        Ok(())
    }

    /// Whether more was typed or pasted already.
    fn has_more(&self, input: &InputBuffer) -> Result<bool, AskError> {
        let wait = || self.wait(self.keyboard.as_fd(), PollFlags::IN, Some(&Timespec::default()));
        Ok(input.has_next() || wait()?.contains(PollFlags::IN))
    }

    /// Reads and discards the rest of a paste, and returns whether there was any. A shell would execute it.
    fn discard_paste(&self, input: &mut InputBuffer) -> Result<bool, AskError> {
        let mut discarded = false;
        loop {
            while input.next().is_some() {
                discarded = true;
            }
            let ready = self.wait(self.keyboard.as_fd(), PollFlags::IN, Some(&END_OF_PASTE))?;
            match input.fill(|buffer| rustix::io::read(self.keyboard, buffer)) {
                Ok(0) if ready.contains(PollFlags::HUP) || !ready.contains(PollFlags::IN) => {
                    return Ok(discarded);
                }
                Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads one line; `None` at the end of the input.
    fn read_line(&self, input: &mut InputBuffer) -> Result<Option<Secret>, AskError> {
        let mut line = Line::default();
        loop {
            while let Some(byte) = input.next() {
                match line.take(byte, &self.keys) {
                    LineState::Open => {}
                    LineState::Complete => return Ok(Some(line.into_secret())),
                    LineState::EndOfInput => return Ok(None),
                }
            }
            let ready = self.wait(self.keyboard.as_fd(), PollFlags::IN, None)?;
            match input.fill(|buffer| rustix::io::read(self.keyboard, buffer)) {
                Ok(0) if ready.contains(PollFlags::HUP) => return Ok(None),
                Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn show(&self, text: &str) -> Result<(), AskError> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // A write to a terminal that Ctrl-S has stopped would block, and signals would go unnoticed.
            self.wait(stderr().as_fd(), PollFlags::OUT, None)?;
            match rustix::io::write(stderr(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until the file is ready, and returns its events. There are none if the time has passed. A signal is an error.
    fn wait(
        &self,
        file: BorrowedFd<'_>,
        events: PollFlags,
        time: Option<&Timespec>,
    ) -> Result<PollFlags, AskError> {
        let mut files = [PollFd::from_borrowed_fd(file, events), PollFd::new(self.catcher, PollFlags::IN)];
        loop {
            let passed = match poll(&mut files, time) {
                Ok(count) => count == 0,
                Err(Errno::INTR) => false,
                Err(error) => return Err(error.into()),
            };
            self.check_signals()?;
            let ready = files[0].revents();
            if ready.contains(PollFlags::NVAL) {
                // macOS cannot poll some of its devices, such as /dev/tty.
                let _ = poll(&mut [PollFd::new(self.catcher, PollFlags::IN)], Some(&READ_INTERVAL));
                self.check_signals()?;
            }
            if passed || !ready.is_empty() {
                return Ok(ready);
            }
        }
    }

    fn check_signals(&self) -> Result<(), AskError> {
        let signals = std::iter::from_fn(|| self.catcher.next()).map(|caught| caught.signal);
        gravest(signals).map_or(Ok(()), |signal| Err(AskError::Signal(signal)))
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // In the background, the terminal belongs to the shell, which has set its own modes.
        if tcgetpgrp(self.keyboard).is_ok_and(|group| group != getpgrp()) {
            return;
        }
        let out = stderr();
        let mut files = [PollFd::new(&out, PollFlags::OUT)];
        if self.prompted && poll(&mut files, Some(&Timespec::default())) == Ok(1) {
            let _ = rustix::io::write(&out, b"\n");
        }
        if tcsetattr(self.keyboard, OptionalActions::Flush, &self.before).is_err() {
            // Flushing waits for output, and a signal has interrupted that.
            let _ = tcsetattr(self.keyboard, OptionalActions::Now, &self.before);
        }
    }
}
