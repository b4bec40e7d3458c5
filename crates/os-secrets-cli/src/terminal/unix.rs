//! A terminal, whose modes outlive us unless signals are caught.

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

use super::line::{Input, Keys, Line, Step};
use crate::signals::{Signals, is_fatal, raise};
use os_secrets::credential::Secret;

/// Those that end or stop a process, and that which continues it: what stopped it without asking (SIGSTOP)
/// may have let others change the terminal.
const CAUGHT: [c_int; 7] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGALRM, SIGTSTP, SIGCONT];

/// How long a terminal is left alone that cannot be waited for.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Asks on the terminal. Fewer answers than prompts mean the end of the input.
pub fn ask(keyboard: &File, prompts: &[&str]) -> io::Result<Vec<Secret>> {
    let mut answers = Vec::with_capacity(prompts.len());
    loop {
        let caught = Signals::catch(&CAUGHT)?;
        let asked = Terminal::enter(keyboard, &caught)
            .and_then(|mut terminal| terminal.ask_all(prompts, &mut answers));
        let late = gravest(caught.release().into_iter().map(|caught| caught.signal));
        let signal = match asked {
            Err(Stop::Signal(signal)) => Some(signal),
            _ => None,
        };
        for signal in [signal, late].into_iter().flatten() {
            if is_fatal(signal) {
                // Nothing is to be left in a core dump.
                answers.clear();
            }
            raise(signal);
            if is_fatal(signal) {
                std::process::exit(128 + signal);
            }
        }
        match asked {
            Ok(()) => return Ok(answers),
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Signal(_)) => {}
        }
    }
}

/// Standard input where that is a terminal, else the terminal that the process belongs to.
pub fn keyboard() -> io::Result<File> {
    if stdin().is_terminal() {
        return stdin().as_fd().try_clone_to_owned().map(|keyboard: OwnedFd| keyboard.into());
    }
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// The keys that edit a line on this terminal.
fn keys_of(terminal: &Termios) -> Keys {
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

/// Of several signals the one that leaves the least to the others.
fn gravest(signals: impl Iterator<Item = c_int>) -> Option<c_int> {
    signals.max_by_key(|&signal| (is_fatal(signal), signal == SIGTSTP))
}

/// Why asking stopped before it was done.
enum Stop {
    /// A signal arrived.
    Signal(c_int),
    /// The terminal failed.
    Failed(io::Error),
}

impl From<Errno> for Stop {
    fn from(error: Errno) -> Self {
        Self::Failed(error.into())
    }
}

/// The terminal while it echoes nothing and makes no lines. Dropping it restores it.
struct Terminal<'a> {
    keyboard: &'a File,
    caught: &'a Signals,
    before: Termios,
    keys: Keys,
    /// Whether the cursor stands behind a prompt.
    prompted: bool,
}

impl<'a> Terminal<'a> {
    fn enter(keyboard: &'a File, caught: &'a Signals) -> Result<Self, Stop> {
        let before = tcgetattr(keyboard)?;
        let mut quiet = before.clone();
        // Without the translation of line ends, CRLF can be told from an empty second line.
        quiet.input_modes.remove(InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR);
        quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL);
        quiet.local_modes.insert(LocalModes::ISIG);
        // A signal's key discards the input, after which reading must not wait where polling would not have.
        quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        let keys = keys_of(&before);
        let terminal = Self { keyboard, caught, before, keys, prompted: false };
        while let Err(error) = tcsetattr(keyboard, OptionalActions::Flush, &quiet) {
            terminal.heed_signals()?;
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
        Ok(terminal)
    }

    /// Asks what is not answered yet. Fewer answers than prompts mean the end of the input.
    fn ask_all(&mut self, prompts: &[&str], answers: &mut Vec<Secret>) -> Result<(), Stop> {
        let mut input = Input::default();
        for prompt in &prompts[answers.len()..] {
            self.prompted = true;
            self.say(prompt)?;
            let answer = self.answer(&mut input)?;
            let ended = answer.is_none();
            answers.extend(answer);
            self.say("\n")?;
            self.prompted = false;
            if ended {
                break;
            }
        }
        Ok(())
    }

    /// Reads one line; `None` at the end of the input.
    fn answer(&self, input: &mut Input) -> Result<Option<Secret>, Stop> {
        let mut line = Line::default();
        loop {
            while let Some(byte) = input.next() {
                match line.take(byte, &self.keys) {
                    Step::More => {}
                    Step::Done => return Ok(Some(line.into_secret())),
                    Step::End => return Ok(None),
                }
            }
            let ready = self.wait(self.keyboard.as_fd(), PollFlags::IN)?;
            match input.fill(|buffer| rustix::io::read(self.keyboard, buffer)) {
                Ok(0) if ready.contains(PollFlags::HUP) => return Ok(None),
                Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn say(&self, text: &str) -> Result<(), Stop> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // A terminal that Ctrl-S has stopped would hold us up, deaf to signals.
            self.wait(stderr().as_fd(), PollFlags::OUT)?;
            match rustix::io::write(stderr(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until the file is ready, and says for what.
    fn wait(&self, file: BorrowedFd<'_>, events: PollFlags) -> Result<PollFlags, Stop> {
        let mut files = [PollFd::from_borrowed_fd(file, events), PollFd::new(self.caught, PollFlags::IN)];
        loop {
            match poll(&mut files, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.heed_signals()?;
            let ready = files[0].revents();
            if ready.contains(PollFlags::NVAL) {
                // macOS does not know how to wait for some of its devices, such as /dev/tty.
                let _ = poll(&mut [PollFd::new(self.caught, PollFlags::IN)], Some(&TICK));
                self.heed_signals()?;
            }
            if !ready.is_empty() {
                return Ok(ready);
            }
        }
    }

    fn heed_signals(&self) -> Result<(), Stop> {
        let signals = std::iter::from_fn(|| self.caught.next()).map(|caught| caught.signal);
        gravest(signals).map_or(Ok(()), |signal| Err(Stop::Signal(signal)))
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // In the background, the terminal is the shell's, which has set it up for itself.
        if tcgetpgrp(self.keyboard).is_ok_and(|group| group != getpgrp()) {
            return;
        }
        let out = stderr();
        let mut files = [PollFd::new(&out, PollFlags::OUT)];
        if self.prompted && poll(&mut files, Some(&Timespec::default())) == Ok(1) {
            let _ = rustix::io::write(&out, b"\n");
        }
        if tcsetattr(self.keyboard, OptionalActions::Flush, &self.before).is_err() {
            // Flushing waits for output, and a signal ended that.
            let _ = tcsetattr(self.keyboard, OptionalActions::Now, &self.before);
        }
    }
}
