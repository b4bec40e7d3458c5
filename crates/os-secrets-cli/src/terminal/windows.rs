//! The console without echo. Its mode outlives the process, so Ctrl-C is handled until it is restored.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, stderr, stdin, stdout},
    os::windows::io::AsHandle,
    sync::{Mutex, MutexGuard},
};

use windows_sys::{
    Win32::{
        Foundation::STATUS_CONTROL_C_EXIT,
        System::{
            Console::{
                CONSOLE_MODE, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
                ENABLE_VIRTUAL_TERMINAL_INPUT,
            },
            Threading::ExitProcess,
        },
    },
    core::BOOL,
};

use super::{
    SeveralLines, are_different, is_first_line,
    line::{InputBuffer, Keys, Line, LineState},
};
use crate::{
    console::{self, CTRL_Z, ConsoleReader, CtrlHandler},
    output::write_all,
};
use os_secrets::credential::Secret;
use os_secrets::sync::lock;

/// The byte of Ctrl-D, which ends the input as on Unix.
const CTRL_D: u8 = 0x04;
const ESCAPE: u8 = 0x1b;
const KEYS: Keys =
    Keys { erase: 0, kill: ESCAPE, erase_word: 0, ends: [CTRL_Z, CTRL_D], quote: 0, line_ends: [0, 0] };

/// Held while a question is asked, so there is one at a time.
static TURN: Mutex<()> = Mutex::new(());
/// The console while it has no echo.
static QUIET: Mutex<Option<QuietConsole>> = Mutex::new(None);

/// Asks on the console. Fewer answers than prompts mean the end of the input.
pub fn ask(keyboard: &File, prompts: &[&str]) -> io::Result<Vec<Secret>> {
    let terminal = Terminal::enter(keyboard)?;
    let mut answers = Vec::with_capacity(prompts.len());
    let (mut reader, mut input) = (ConsoleReader::default(), InputBuffer::default());
    let mut pasted = false;
    for prompt in prompts {
        terminal.show_prompt(prompt)?;
        let answer = terminal.read_line(&mut reader, &mut input)?;
        let ended = answer.is_none();
        answers.extend(answer);
        terminal.end_line()?;
        pasted |= input.has_next();
        let is_first_line = answers.last().is_some_and(is_first_line);
        if is_first_line || (input.has_next() && (ended || answers.len() == prompts.len())) {
            console::discard_paste(keyboard)?;
        }
        if ended {
            break;
        }
        if is_first_line || (pasted && are_different(&answers)) {
            return Err(SeveralLines.into());
        }
    }
    Ok(answers)
}

/// Standard input if it is a console, else the console of the process.
pub fn keyboard() -> io::Result<File> {
    let input = stdin();
    if console::is_console(&input) {
        return input.as_handle().try_clone_to_owned().map(File::from);
    }
    // The terminals of Cygwin and MSYS2 are pipes. The process has a hidden console there, on which nobody can type.
    if [is_foreign(&input), is_foreign(&stdout()), is_foreign(&stderr())].contains(&true) {
        let reason =
            "it is not a Windows console. Put winpty in front of the command, or use another terminal";
        return Err(io::Error::other(reason));
    }
    if console::is_hidden() {
        return Err(io::Error::other("the console has no window"));
    }
    OpenOptions::new().read(true).write(true).open("CONIN$")
}

/// Whether the stream is a terminal, but not a Windows console.
fn is_foreign(stream: &(impl IsTerminal + AsHandle)) -> bool {
    stream.is_terminal() && !console::is_console(stream)
}

/// A console without echo and without line editing of its own, and its former mode.
struct QuietConsole {
    keyboard: File,
    before: CONSOLE_MODE,
    /// Whether the cursor is behind a prompt.
    prompted: bool,
}

impl QuietConsole {
    fn restore(&self) {
        let _ = console::discard_input(&self.keyboard);
        let _ = console::set_mode(&self.keyboard, self.before);
        if self.prompted {
            let _ = write_all(&stderr(), b"\n");
        }
    }
}

fn lock_quiet() -> MutexGuard<'static, Option<QuietConsole>> {
    lock(&QUIET)
}

/// Restores the console and ends the process, as the last handler of the system would. If a JavaScript runtime's handler
/// kept the process alive instead, the console would show what is typed next.
unsafe extern "system" fn end_process(_event: u32) -> BOOL {
    if let Some(quiet) = lock_quiet().take() {
        quiet.restore();
    }
    // SAFETY: the function has no preconditions.
    unsafe { ExitProcess(STATUS_CONTROL_C_EXIT as u32) }
}

/// The console without echo. Dropping this restores it.
struct Terminal<'a> {
    keyboard: &'a File,
    _handler: CtrlHandler,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> Terminal<'a> {
    fn enter(keyboard: &'a File) -> io::Result<Self> {
        let turn = lock(&TURN);
        let before = console::get_mode(keyboard)?;
        let own = QuietConsole { keyboard: keyboard.try_clone()?, before, prompted: false };
        let handler = CtrlHandler::add(end_process)?;
        let mut quiet = lock_quiet();
        // Neither Ctrl-C nor the escape sequences of function keys must be input.
        let mode = before & !(ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_VIRTUAL_TERMINAL_INPUT);
        console::set_mode(keyboard, mode | ENABLE_PROCESSED_INPUT)?;
        *quiet = Some(own);
        drop(quiet);
        let terminal = Self { keyboard, _handler: handler, _turn: turn };
        console::discard_input(keyboard)?;
        Ok(terminal)
    }

    fn show_prompt(&self, prompt: &str) -> io::Result<()> {
        self.set_prompted(true);
        write_all(&stderr(), prompt.as_bytes())
    }

    fn end_line(&self) -> io::Result<()> {
        write_all(&stderr(), b"\n")?;
        self.set_prompted(false);
        Ok(())
    }

    fn set_prompted(&self, prompted: bool) {
        if let Some(quiet) = &mut *lock_quiet() {
            quiet.prompted = prompted;
        }
    }

    /// Reads one line; `None` at the end of the input.
    fn read_line(&self, reader: &mut ConsoleReader, input: &mut InputBuffer) -> io::Result<Option<Secret>> {
        let mut line = Line::default();
        loop {
            while let Some(byte) = input.next() {
                match line.take(byte, &KEYS) {
                    LineState::Open => {}
                    LineState::Complete => return Ok(Some(line.into_secret())),
                    LineState::EndOfInput => return Ok(None),
                }
            }
            if input.fill(|bytes| reader.read(self.keyboard, bytes))? == 0 {
                return Ok(None);
            }
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // A handler of Ctrl-C that runs now waits for the lock, and then finds the console restored.
        let mut quiet = lock_quiet();
        if let Some(own) = quiet.take() {
            own.restore();
        }
    }
}
