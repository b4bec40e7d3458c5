//! Pipes on Windows.

use std::{
    io,
    os::windows::io::{AsHandle, AsRawHandle},
    ptr,
};

use windows_sys::Win32::{Foundation::FALSE, System::Pipes::PeekNamedPipe};

/// The number of bytes that can be read from a pipe without waiting.
pub fn available(pipe: &impl AsHandle) -> io::Result<usize> {
    let mut count = 0;
    let (none, handle) = (ptr::null_mut(), pipe.as_handle().as_raw_handle());
    // SAFETY: the handle is open while it is borrowed, and the count can be written. The other results may be null.
    let result = unsafe { PeekNamedPipe(handle, none, 0, ptr::null_mut(), &mut count, ptr::null_mut()) };
    if result == FALSE { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
}
