//! Whether the caller has closed standard output (`>&-`). A result would be lost without an error.
//!
//! Rust and the JavaScript runtimes put `/dev/null` where a standard stream is closed. Their `main` does
//! that, so on Linux a native program looks earlier. In a JavaScript runtime it is too late for that, but the `/dev/null`
//! there is open for reading and writing, and that of `>/dev/null` for writing only.

use std::{
    io::{stderr, stdout},
    os::fd::AsFd,
    sync::OnceLock,
};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};

static CLOSED: OnceLock<bool> = OnceLock::new();

/// Finds out whether standard output was closed. `hosted` says that the process is a JavaScript runtime.
pub fn examine(hosted: bool) {
    CLOSED.get_or_init(|| match hosted || cfg!(not(target_os = "linux")) {
        // Programs that start others without any output open /dev/null like this for both streams.
        true => is_null_for_both(stdout()) && !is_null_for_both(stderr()),
        false => early::was_closed(),
    });
}

/// Whether standard output was closed, if that was examined.
pub fn is_closed() -> bool {
    CLOSED.get().copied().unwrap_or(false)
}

/// Whether a stream is `/dev/null`, open for reading and writing.
fn is_null_for_both(stream: impl AsFd) -> bool {
    let is_null = || {
        let (found, null) = (fstat(&stream).ok()?, stat("/dev/null").ok()?);
        let is_device = FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice;
        let flags = fcntl_getfl(&stream).ok()?;
        Some(is_device && found.st_rdev == null.st_rdev && flags & OFlags::RWMODE == OFlags::RDWR)
    };
    is_null().unwrap_or(false)
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod early {
    //! What is seen before `main`.

    use std::sync::atomic::{AtomicBool, Ordering};

    static CLOSED: AtomicBool = AtomicBool::new(false);

    // SAFETY: the loader calls the functions in this section before `main`, with arguments that ours ignores.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        // SAFETY: the call takes any number and only reads.
        let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
        CLOSED.store(flags == -1, Ordering::Relaxed);
    }

    /// Whether standard output was closed when the program was loaded.
    pub fn was_closed() -> bool {
        CLOSED.load(Ordering::Relaxed)
    }
}

#[cfg(not(target_os = "linux"))]
mod early {
    /// Not asked for on this system.
    pub fn was_closed() -> bool {
        false
    }
}
