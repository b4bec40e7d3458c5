//! Whether the environment is to be trusted.

/// Whether the process has more privileges than who has started it, and so must not do what their environment
/// says.
pub fn is_privileged() -> bool {
    // SAFETY: it has no preconditions.
    unsafe { libc::issetugid() != 0 }
}
