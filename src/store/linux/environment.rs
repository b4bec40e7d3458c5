//! What the store takes from the process's environment, read once.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

/// The variables that say where the bus is and whether the person can be asked.
///
/// Read it on the JavaScript thread and as early as can be: programs change their environment while
/// they run, some from files that others wrote, and none of that is to steer the store.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `DBUS_SESSION_BUS_ADDRESS`, else the socket `bus` in `XDG_RUNTIME_DIR`; in the form of the
    /// D-Bus specification, a list separated by semicolons. Otherwise why there is none.
    pub bus_address: Result<String, &'static str>,
    /// Whether a prompt can appear somewhere: `DISPLAY` or `WAYLAND_DISPLAY` is set.
    pub has_display: bool,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        Self::from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()), is_privileged())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>, privileged: bool) -> Self {
        let has_display = variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some();
        let bus_address = if privileged {
            Err("the process runs with more privileges than its caller has (set-uid, set-gid or file \
                 capabilities), so the environment is not trusted to name one")
        } else if let Some(address) = variable("DBUS_SESSION_BUS_ADDRESS") {
            address.into_string().map_err(|_| "DBUS_SESSION_BUS_ADDRESS is not UTF-8 text")
        } else if let Some(directory) = variable("XDG_RUNTIME_DIR") {
            let mut path = directory.into_vec();
            path.extend_from_slice(b"/bus");
            Ok(format!("unix:path={}", super::bus::escape(&path)))
        } else {
            Err("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        };
        Self { bus_address, has_display }
    }
}

/// Whether the kernel started the process with privileges of its own (`AT_SECURE`).
fn is_privileged() -> bool {
    // SAFETY: `getauxval` reads the process's auxiliary vector and has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)], privileged: bool) -> Environment {
        let variables: std::collections::HashMap<_, _> = variables.iter().copied().collect();
        Environment::from_variables(|name| variables.get(name).map(OsString::from), privileged)
    }

    #[test]
    fn the_address_comes_before_the_runtime_directory() {
        let both = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a"), ("XDG_RUNTIME_DIR", "/run/user/1 2")];
        assert_eq!(environment(&both, false).bus_address.unwrap(), "unix:path=/a");
        assert_eq!(environment(&both[1..], false).bus_address.unwrap(), "unix:path=/run/user/1%202/bus");
        assert!(environment(&[], false).bus_address.unwrap_err().contains("XDG_RUNTIME_DIR"));
    }

    #[test]
    fn a_privileged_process_ignores_the_environment() {
        let address = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a"), ("XDG_RUNTIME_DIR", "/run")];
        assert!(environment(&address, true).bus_address.unwrap_err().contains("privileges"));
    }

    #[test]
    fn either_display_will_do() {
        assert!(!environment(&[], false).has_display);
        assert!(environment(&[("DISPLAY", ":0")], false).has_display);
        assert!(environment(&[("WAYLAND_DISPLAY", "wayland-0")], false).has_display);
    }
}
