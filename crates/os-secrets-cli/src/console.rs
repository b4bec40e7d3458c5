//! The Windows console. Its text is UTF-16; the rest of this program works on bytes of UTF-8.

use std::{
    fs::File,
    io::{self, Write},
    os::windows::io::{AsHandle, AsRawHandle},
    ptr,
};

use windows_sys::{
    Win32::{
        Foundation::{ERROR_OPERATION_ABORTED, FALSE, SetLastError, TRUE, WAIT_OBJECT_0},
        System::Console::{
            CONSOLE_MODE, FlushConsoleInputBuffer, GetConsoleMode, GetConsoleWindow, ReadConsoleW,
            SetConsoleCtrlHandler, SetConsoleMode, WriteConsoleW,
        },
        System::Threading::WaitForSingleObject,
    },
    core::BOOL,
};
use zeroize::Zeroizing;

/// The byte of Ctrl-Z, which ends the input.
pub const CTRL_Z: u8 = 0x1a;

/// The time without input after which a paste has ended, in milliseconds.
const END_OF_PASTE: u32 = 500;

/// The maximum number of code units to read or write at once.
const UNITS: usize = 2048;
/// The maximum number of bytes per code unit.
const BYTES_PER_UNIT: usize = 3;

/// Whether the handle belongs to a console.
pub fn is_console(handle: &impl AsHandle) -> bool {
    get_mode(handle).is_ok()
}

/// Reads the console's mode.
pub fn get_mode(console: &impl AsHandle) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: the handle is open while it is borrowed, and `mode` can be written to.
    check(unsafe { GetConsoleMode(console.as_handle().as_raw_handle(), &mut mode) })?;
    Ok(mode)
}

/// Sets the console's mode.
pub fn set_mode(console: &impl AsHandle, mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: the handle is open while it is borrowed.
    check(unsafe { SetConsoleMode(console.as_handle().as_raw_handle(), mode) })
}

/// Discards what was typed and not read.
pub fn discard_input(console: &impl AsHandle) -> io::Result<()> {
    // SAFETY: the handle is open while it is borrowed.
    check(unsafe { FlushConsoleInputBuffer(console.as_handle().as_raw_handle()) })
}

/// Discards the rest of a paste. A shell would execute it.
pub fn discard_paste(console: &impl AsHandle) -> io::Result<()> {
    loop {
        discard_input(console)?;
        // SAFETY: the handle is open while it is borrowed.
        let waited = unsafe { WaitForSingleObject(console.as_handle().as_raw_handle(), END_OF_PASTE) };
        if waited != WAIT_OBJECT_0 {
            return Ok(());
        }
    }
}

/// Whether the console of this process has no window, as with `CREATE_NO_WINDOW`. Nobody can type there.
pub fn is_hidden() -> bool {
    // SAFETY: the function has no preconditions.
    unsafe { GetConsoleWindow().is_null() }
}

/// Reads UTF-8 from a console.
pub struct ConsoleReader {
    units: Zeroizing<Vec<u16>>,
    /// The number of units at the start that are the first half of a character, 0 or 1. The next read completes it.
    half: usize,
}

impl Default for ConsoleReader {
    fn default() -> Self {
        Self { units: Zeroizing::new(vec![0; UNITS]), half: 0 }
    }
}

impl ConsoleReader {
    /// Waits for input, reads it, and returns the number of bytes. `bytes` must have room for more than one character.
    pub fn read(&mut self, console: &impl AsHandle, bytes: &mut [u8]) -> io::Result<usize> {
        let limit = UNITS.min(bytes.len() / BYTES_PER_UNIT);
        loop {
            let count = read_units(console, &mut self.units[self.half..limit])?;
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
            // Replacing the half would change the value.
            let incomplete = |_| io::Error::other("half of a UTF-16 character was entered");
            let character = character.map_err(incomplete)?;
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
        // SAFETY: the handle is open while it is borrowed, and the length is that of the buffer. The control structure
        // is optional.
        let read = unsafe {
            SetLastError(0);
            let (handle, buffer) = (console.as_handle().as_raw_handle(), units.as_mut_ptr());
            ReadConsoleW(handle, buffer.cast(), units.len() as u32, &mut count, ptr::null())
        };
        check(read)?;
        // Ctrl-C ends the call like this. Its handlers decide whether it ends the process, so we read again.
        let is_aborted = io::Error::last_os_error().raw_os_error() == Some(ERROR_OPERATION_ABORTED as i32);
        if count > 0 || !is_aborted {
            return Ok(count as usize);
        }
    }
}

/// Writes to a console, and returns how many bytes it wrote: none if there is only an incomplete character.
///
/// Bytes that are not UTF-8 are written as they are. The console shows them in its code page.
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
        // SAFETY: the handle is open while it is borrowed, and the length is that of the buffer.
        let written = unsafe {
            let handle = console.as_handle().as_raw_handle();
            WriteConsoleW(handle, rest.as_ptr(), rest.len() as u32, &mut count, ptr::null())
        };
        check(written)?;
        rest = &rest[count as usize..];
    }
    Ok(text.len())
}

/// A function for Ctrl-C, Ctrl-Break and the end of the console. Windows calls it on a new thread.
pub type CtrlFunction = unsafe extern "system" fn(u32) -> BOOL;

/// A handler that is called before all others, until this is dropped.
///
/// Children do not inherit it, unlike the attribute of a process that ignores Ctrl-C.
pub struct CtrlHandler(CtrlFunction);

impl CtrlHandler {
    /// Adds a handler.
    pub fn add(handler: CtrlFunction) -> io::Result<Self> {
        // SAFETY: the function has the type of a handler, and is never unloaded.
        check(unsafe { SetConsoleCtrlHandler(Some(handler), TRUE) })?;
        Ok(Self(handler))
    }
}

impl Drop for CtrlHandler {
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

    /// The text of units that are read in these steps.
    fn decoded(steps: &[&[u16]]) -> io::Result<String> {
        let mut reader = ConsoleReader::default();
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
