//! A console, whose mode outlives us unless Ctrl-C is handled.

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

use super::line::{Input, Keys, Line, Step};
use crate::{
    console::{self, END, Handled, Reader},
    output::write_all,
};
use os_secrets::credential::Secret;
use os_secrets::sync::lock;

/// Ctrl-D, which ends the input for those who come from Unix.
const CTRL_D: u8 = 0x04;
const ESCAPE: u8 = 0x1b;
const KEYS: Keys =
    Keys { erase: 0, kill: ESCAPE, erase_word: 0, ends: [END, CTRL_D], quote: 0, line_ends: [0, 0] };

/// One question at a time.
static TURN: Mutex<()> = Mutex::new(());
/// The console while it is quiet.
static QUIET: Mutex<Option<Quiet>> = Mutex::new(None);

/// Asks on the console. Fewer answers than prompts mean the end of the input.
pub fn ask(keyboard: &File, prompts: &[&str]) -> io::Result<Vec<Secret>> {
    let terminal = Terminal::enter(keyboard)?;
    let mut answers = Vec::with_capacity(prompts.len());
    let (mut reader, mut input) = (Reader::default(), Input::default());
    for prompt in prompts {
        terminal.prompt(prompt)?;
        let answer = terminal.answer(&mut reader, &mut input)?;
        let ended = answer.is_none();
        answers.extend(answer);
        terminal.end_line()?;
        if ended {
            break;
        }
    }
    Ok(answers)
}

/// Standard input where that is a console, else the console that the process belongs to.
pub fn keyboard() -> io::Result<File> {
    let input = stdin();
    if console::is_one(&input) {
        return input.as_handle().try_clone_to_owned().map(File::from);
    }
    // Those of Cygwin and MSYS2 are pipes. The console that we have there is shown to nobody, and to read from
    // it would be to wait forever.
    if [is_foreign(&input), is_foreign(&stdout()), is_foreign(&stderr())].contains(&true) {
        let why = "it is no console of Windows; put winpty in front of the command, or use another terminal";
        return Err(io::Error::other(why));
    }
    if console::is_unseen() {
        return Err(io::Error::other("the console has no window"));
    }
    OpenOptions::new().read(true).write(true).open("CONIN$")
}

/// Whether it is a terminal of another kind than a console.
fn is_foreign(stream: &(impl IsTerminal + AsHandle)) -> bool {
    stream.is_terminal() && !console::is_one(stream)
}

/// A console that echoes nothing and makes no lines, and how it was before.
struct Quiet {
    keyboard: File,
    before: CONSOLE_MODE,
    /// Whether the cursor stands behind a prompt.
    prompted: bool,
}

impl Quiet {
    fn restore(&self) {
        let _ = console::discard_input(&self.keyboard);
        let _ = console::set_mode(&self.keyboard, self.before);
        if self.prompted {
            let _ = write_all(&stderr(), b"\n");
        }
    }
}

fn quiet() -> MutexGuard<'static, Option<Quiet>> {
    lock(&QUIET)
}

/// Restores the console, and ends the process as what comes after all handlers does: one of a runtime could
/// stop us from getting there, and then what is typed would be shown.
unsafe extern "system" fn end(_event: u32) -> BOOL {
    if let Some(quiet) = quiet().take() {
        quiet.restore();
    }
    // SAFETY: it has no preconditions.
    unsafe { ExitProcess(STATUS_CONTROL_C_EXIT as u32) }
}

/// The console while it is quiet. Dropping it restores it.
struct Terminal<'a> {
    keyboard: &'a File,
    _handled: Handled,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> Terminal<'a> {
    fn enter(keyboard: &'a File) -> io::Result<Self> {
        let turn = lock(&TURN);
        let before = console::mode(keyboard)?;
        let own = Quiet { keyboard: keyboard.try_clone()?, before, prompted: false };
        let handled = Handled::by(end)?;
        let mut quiet = quiet();
        // Ctrl-C is no input, and neither are sequences for keys that have no letter.
        let mode = before & !(ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_VIRTUAL_TERMINAL_INPUT);
        console::set_mode(keyboard, mode | ENABLE_PROCESSED_INPUT)?;
        *quiet = Some(own);
        drop(quiet);
        let terminal = Self { keyboard, _handled: handled, _turn: turn };
        console::discard_input(keyboard)?;
        Ok(terminal)
    }

    fn prompt(&self, prompt: &str) -> io::Result<()> {
        self.set_prompted(true);
        write_all(&stderr(), prompt.as_bytes())
    }

    fn end_line(&self) -> io::Result<()> {
        write_all(&stderr(), b"\n")?;
        self.set_prompted(false);
        Ok(())
    }

    fn set_prompted(&self, prompted: bool) {
        if let Some(quiet) = &mut *quiet() {
            quiet.prompted = prompted;
        }
    }

    /// Reads one line; `None` at the end of the input.
    fn answer(&self, reader: &mut Reader, input: &mut Input) -> io::Result<Option<Secret>> {
        let mut line = Line::default();
        loop {
            while let Some(byte) = input.next() {
                match line.take(byte, &KEYS) {
                    Step::More => {}
                    Step::Done => return Ok(Some(line.into_secret())),
                    Step::End => return Ok(None),
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
        // Who handles Ctrl-C meanwhile waits, and finds it restored.
        let mut quiet = quiet();
        if let Some(own) = quiet.take() {
            own.restore();
        }
    }
}
