//! The console, which has text in UTF-16 where all else here is bytes.

use std::{
    fs::File,
    io::{self, Write},
    os::windows::io::{AsHandle, AsRawHandle},
    ptr,
};

use windows_sys::{
    Win32::{
        Foundation::{ERROR_OPERATION_ABORTED, FALSE, SetLastError, TRUE},
        System::Console::{
            CONSOLE_MODE, FlushConsoleInputBuffer, GetConsoleMode, GetConsoleWindow, ReadConsoleW,
            SetConsoleCtrlHandler, SetConsoleMode, WriteConsoleW,
        },
    },
    core::BOOL,
};
use zeroize::Zeroizing;

/// Ctrl-Z, which ends the input.
pub const END: u8 = 0x1a;

/// How many code units are read or written at once.
const UNITS: usize = 2048;
/// How many bytes a code unit becomes at most.
const BYTES: usize = 3;

/// Whether it is a console's.
pub fn is_one(handle: &impl AsHandle) -> bool {
    mode(handle).is_ok()
}

/// How it treats its input or its output.
pub fn mode(console: &impl AsHandle) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: the handle is open while it is borrowed, and the place can be written to.
    check(unsafe { GetConsoleMode(console.as_handle().as_raw_handle(), &mut mode) })?;
    Ok(mode)
}

/// Sets how it treats its input or its output.
pub fn set_mode(console: &impl AsHandle, mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: the handle is open while it is borrowed.
    check(unsafe { SetConsoleMode(console.as_handle().as_raw_handle(), mode) })
}

/// Forgets what was typed and not read.
pub fn discard_input(console: &impl AsHandle) -> io::Result<()> {
    // SAFETY: the handle is open while it is borrowed.
    check(unsafe { FlushConsoleInputBuffer(console.as_handle().as_raw_handle()) })
}

/// Whether our console is one that shows nothing and where nobody types, as with `CREATE_NO_WINDOW`.
pub fn is_unseen() -> bool {
    // SAFETY: it has no preconditions.
    unsafe { GetConsoleWindow().is_null() }
}

/// Reads UTF-8 from a console.
pub struct Reader {
    units: Zeroizing<Vec<u16>>,
    /// How many units at the start are the first half of a character whose second half is still to come.
    half: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { units: Zeroizing::new(vec![0; UNITS]), half: 0 }
    }
}

impl Reader {
    /// Waits for input, and reads what there is: how many bytes. There is place for more than one character.
    pub fn read(&mut self, console: &impl AsHandle, bytes: &mut [u8]) -> io::Result<usize> {
        let most = UNITS.min(bytes.len() / BYTES);
        loop {
            let count = read_units(console, &mut self.units[self.half..most])?;
            let length = self.decode(count, bytes)?;
            if length > 0 || count == 0 {
                return Ok(length);
            }
        }
    }

    fn decode(&mut self, count: usize, bytes: &mut [u8]) -> io::Result<usize> {
        let end = self.half + count;
        self.half = usize::from(end > 0 && matches!(self.units[end - 1], 0xd800..=0xdbff));
        let (whole, half) = self.units[..end].split_at(end - self.half);
        let half = half.first().copied();
        let mut length = 0;
        for character in char::decode_utf16(whole.iter().copied()) {
            // In another form it would be another value.
            let character = character.map_err(|_| io::Error::other("half a character was entered"))?;
            length += character.encode_utf8(&mut bytes[length..]).len();
        }
        if let Some(half) = half {
            self.units[0] = half;
        }
        Ok(length)
    }
}

fn read_units(console: &impl AsHandle, units: &mut [u16]) -> io::Result<usize> {
    loop {
        let mut count = 0;
        // SAFETY: the handle is open while it is borrowed, there is place for as many units as are said, and
        // without control it reads as the mode says.
        let read = unsafe {
            SetLastError(0);
            let (handle, place) = (console.as_handle().as_raw_handle(), units.as_mut_ptr());
            ReadConsoleW(handle, place.cast(), units.len() as u32, &mut count, ptr::null())
        };
        check(read)?;
        // So Ctrl-C ends it. Whether it ends the process as well is not for us to say.
        let is_aborted = io::Error::last_os_error().raw_os_error() == Some(ERROR_OPERATION_ABORTED as i32);
        if count > 0 || !is_aborted {
            return Ok(count as usize);
        }
    }
}

/// Writes to a console: how much of it, which is nothing for a character that has only begun.
///
/// Bytes that are no text go as they are: they mean what the console's code page has for them.
pub fn write(console: &impl AsHandle, bytes: &[u8]) -> io::Result<usize> {
    let bytes = &bytes[..bytes.len().min(UNITS)];
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => match (error.valid_up_to(), error.error_len()) {
            (0, None) => return Ok(0),
            (0, Some(wrong)) => {
                let file = console.as_handle().try_clone_to_owned()?;
                return File::from(file).write_all(&bytes[..wrong]).map(|()| wrong);
            }
            (valid, _) => str::from_utf8(&bytes[..valid]).unwrap_or_default(),
        },
    };
    let mut units = Zeroizing::new(Vec::with_capacity(UNITS));
    units.extend(text.encode_utf16());
    let mut rest = &units[..];
    while !rest.is_empty() {
        let mut count = 0;
        // SAFETY: the handle is open while it is borrowed, and there are as many units as are said.
        let written = unsafe {
            let handle = console.as_handle().as_raw_handle();
            WriteConsoleW(handle, rest.as_ptr(), rest.len() as u32, &mut count, ptr::null())
        };
        check(written)?;
        rest = &rest[count as usize..];
    }
    Ok(text.len())
}

/// What is called on a thread of its own when Ctrl-C or its like was pressed, or when the console is closed.
pub type Handler = unsafe extern "system" fn(u32) -> BOOL;

/// Has a handler called before all others, until it is dropped.
///
/// Unlike the process's attribute that has Ctrl-C ignored, a child does not inherit it.
pub struct Handled(Handler);

impl Handled {
    /// Begins to call it.
    pub fn by(handler: Handler) -> io::Result<Self> {
        // SAFETY: the function has the type of a handler, and lives as long as the process.
        check(unsafe { SetConsoleCtrlHandler(Some(handler), TRUE) })?;
        Ok(Self(handler))
    }
}

impl Drop for Handled {
    fn drop(&mut self) {
        // SAFETY: the handler is the one that was added.
        unsafe { SetConsoleCtrlHandler(Some(self.0), FALSE) };
    }
}

fn check(result: BOOL) -> io::Result<()> {
    if result == FALSE { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of units that are read in these steps.
    fn decoded(steps: &[&[u16]]) -> io::Result<String> {
        let mut reader = Reader::default();
        let mut text = Vec::new();
        let mut bytes = [0; 64];
        for units in steps {
            let half = reader.half;
            reader.units[half..half + units.len()].copy_from_slice(units);
            let length = reader.decode(units.len(), &mut bytes)?;
            text.extend_from_slice(&bytes[..length]);
        }
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn characters_may_come_in_halves() {
        let key: Vec<u16> = "aé€🔑b".encode_utf16().collect();
        for at in 0..=key.len() {
            assert_eq!(decoded(&[&key[..at], &key[at..]]).unwrap(), "aé€🔑b");
        }
        assert_eq!(decoded(&[&[0xd83d], &[], &[0xdd11]]).unwrap(), "🔑");
    }

    #[test]
    fn half_a_character_is_refused() {
        for steps in [
            &[&[0xdd11_u16][..]][..],
            &[&[0xd83d, 0x61]],
            &[&[0xd83d], &[0x61]],
            &[&[0xd83d, 0xd83d, 0xdd11]],
        ] {
            assert!(decoded(steps).is_err(), "{steps:?}");
        }
    }
}
