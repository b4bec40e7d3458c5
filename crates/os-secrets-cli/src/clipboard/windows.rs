//! Windows' clipboard.

use std::{io, ptr, slice, thread::sleep, time::Duration};

use windows_sys::{
    Win32::{
        Foundation::{GlobalFree, HGLOBAL},
        System::{
            DataExchange::{
                CloseClipboard, EmptyClipboard, GetClipboardData, OpenClipboard, RegisterClipboardFormatW,
                SetClipboardData,
            },
            Memory::{GMEM_MOVEABLE, GlobalAlloc, GlobalLock, GlobalSize, GlobalUnlock},
        },
    },
    w,
};
use zeroize::Zeroizing;

use os_secrets::credential::Secret;

/// The format of text in UTF-16, which ends with a NUL.
const CF_UNICODETEXT: u32 = 13;
/// How often the clipboard is tried while another program has it open.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// The clipboard, open until this is dropped.
struct OpenedClipboard;

impl OpenedClipboard {
    fn open() -> io::Result<Self> {
        for _ in 1..TRIES {
            // SAFETY: the function has no preconditions.
            if unsafe { OpenClipboard(ptr::null_mut()) } != 0 {
                return Ok(Self);
            }
            sleep(PAUSE);
        }
        // SAFETY: as above.
        match unsafe { OpenClipboard(ptr::null_mut()) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(Self),
        }
    }

    fn empty(&self) -> io::Result<()> {
        // SAFETY: the clipboard is open.
        if unsafe { EmptyClipboard() } == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Adds a copy of these units or numbers in a format.
    fn set<T: Copy>(&self, format: u32, data: &[T]) -> io::Result<()> {
        // SAFETY: the function has no preconditions.
        let memory: HGLOBAL = unsafe { GlobalAlloc(GMEM_MOVEABLE, size_of_val(data)) };
        if memory.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the memory was allocated with this size, and nothing else uses it. Once the clipboard has taken it, it
        // is no longer ours; else it is freed.
        unsafe {
            let to = GlobalLock(memory);
            if to.is_null() {
                let error = io::Error::last_os_error();
                GlobalFree(memory);
                return Err(error);
            }
            ptr::copy_nonoverlapping(data.as_ptr(), to.cast(), data.len());
            GlobalUnlock(memory);
            if SetClipboardData(format, memory).is_null() {
                let error = io::Error::last_os_error();
                GlobalFree(memory);
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Drop for OpenedClipboard {
    fn drop(&mut self) {
        // SAFETY: the clipboard is open.
        unsafe { CloseClipboard() };
    }
}

/// Copies a value, and keeps it out of the history and off other machines.
pub fn copy(value: &Secret) -> io::Result<()> {
    let text = str::from_utf8(value.expose()).map_err(|_| io::Error::other("the value is not text"))?;
    let mut units = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    units.extend(text.encode_utf16().chain([0]));
    // SAFETY: the names are texts that end with a NUL.
    let [exclude, history, cloud] = unsafe {
        [
            RegisterClipboardFormatW(w!("ExcludeClipboardContentFromMonitorProcessing")),
            RegisterClipboardFormatW(w!("CanIncludeInClipboardHistory")),
            RegisterClipboardFormatW(w!("CanUploadToCloudClipboard")),
        ]
    };
    let clipboard = OpenedClipboard::open()?;
    clipboard.empty()?;
    for format in [exclude, history, cloud] {
        clipboard.set(format, &[0_u32])?;
    }
    clipboard.set(CF_UNICODETEXT, &units)
}

/// The text of the clipboard.
pub fn read() -> io::Result<Secret> {
    let _clipboard = OpenedClipboard::open()?;
    // SAFETY: the clipboard is open. Its memory is valid while it is, and has as many bytes as `GlobalSize` says.
    let units = unsafe {
        let memory = GetClipboardData(CF_UNICODETEXT);
        if memory.is_null() {
            return Err(io::Error::last_os_error());
        }
        let from = GlobalLock(memory);
        if from.is_null() {
            return Err(io::Error::last_os_error());
        }
        let units = slice::from_raw_parts(from.cast::<u16>(), GlobalSize(memory) / size_of::<u16>());
        let units = Zeroizing::new(units.to_vec());
        GlobalUnlock(memory);
        units
    };
    let text = units.split(|unit| *unit == 0).next().unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 3));
    for character in char::decode_utf16(text.iter().copied()) {
        let character = character.map_err(|_| io::Error::other("the clipboard has no valid text"))?;
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

/// Removes what the clipboard has.
pub fn clear() -> io::Result<()> {
    OpenedClipboard::open()?.empty()
}
