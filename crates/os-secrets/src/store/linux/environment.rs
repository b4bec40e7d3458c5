//! What the store takes from the process's environment, read once.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::Path, time::Duration};

use crate::error::{Error, Place};

/// How long a message may wait for its reply where nothing else is set: GDBus's own limit.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);
/// The longest deadline that can be set, in milliseconds: JavaScript's timers end there, too.
const MAX_TIMEOUT: u64 = i32::MAX as u64;

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
    /// How long the bus may take to let us in, and each message may wait for its reply:
    /// `OS_SECRETS_TIMEOUT` in milliseconds, else [`DEFAULT_TIMEOUT`].
    pub timeout: Duration,
    /// Where the process runs, where that explains why there is no store.
    pub place: Option<Place>,
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] where `OS_SECRETS_TIMEOUT` is no time.
    pub fn read() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()), is_privileged())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>, privileged: bool) -> Result<Self, Error> {
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
        let timeout = match variable("OS_SECRETS_TIMEOUT") {
            Some(text) if !privileged => parse_timeout(&text)?,
            _ => DEFAULT_TIMEOUT,
        };
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let place = place(&variable, |path| Path::new(path).exists(), &kernel);
        Ok(Self { bus_address, has_display, timeout, place })
    }
}

/// `kernel` is its release.
fn place(
    variable: impl Fn(&str) -> Option<OsString>,
    exists: impl Fn(&str) -> bool,
    kernel: &str,
) -> Option<Place> {
    if variable("WSL_DISTRO_NAME").is_some() {
        Some(Place::Wsl)
    } else if variable("container").is_some() || exists("/.dockerenv") || exists("/run/.containerenv") {
        Some(Place::Container)
    } else if kernel.to_ascii_lowercase().contains("microsoft") {
        // Services and sudo leave the variable out.
        Some(Place::Wsl)
    } else {
        variable("SSH_CONNECTION").map(|_| Place::Ssh)
    }
}

fn parse_timeout(text: &OsString) -> Result<Duration, Error> {
    match text.to_str().and_then(|text| text.parse().ok()) {
        Some(milliseconds @ 1..=MAX_TIMEOUT) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(Error::InvalidSetting(format!(
            "OS_SECRETS_TIMEOUT must be a whole number of milliseconds from 1 to {MAX_TIMEOUT}, and is {text:?}"
        ))),
    }
}

/// Whether the kernel started the process with privileges of its own (`AT_SECURE`).
pub(crate) fn is_privileged() -> bool {
    // SAFETY: `getauxval` reads the process's auxiliary vector and has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)], privileged: bool) -> Environment {
        let variables: std::collections::HashMap<_, _> = variables.iter().copied().collect();
        Environment::from_variables(|name| variables.get(name).map(OsString::from), privileged).unwrap()
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
    fn the_timeout_is_a_number_of_milliseconds() {
        let read = |text: &str, privileged| {
            Environment::from_variables(
                |name| (name == "OS_SECRETS_TIMEOUT").then(|| text.into()),
                privileged,
            )
        };
        assert_eq!(environment(&[], false).timeout, DEFAULT_TIMEOUT);
        assert_eq!(read("1500", false).unwrap().timeout, Duration::from_millis(1500));
        for bad in ["0", "-1", "1.5", "1e3", "25s", " 5", "2147483648", "x"] {
            let error = read(bad, false).unwrap_err();
            assert_eq!(error.code(), "ERR_SECRETS_INVALID_SETTING");
            assert!(error.to_string().contains("OS_SECRETS_TIMEOUT"), "{error}");
            assert_eq!(read(bad, true).unwrap().timeout, DEFAULT_TIMEOUT);
        }
    }

    #[test]
    fn the_place_is_recognized() {
        let place = |set: &str, file: &str, kernel: &str| {
            place(|name| (name == set).then(|| "x".into()), |path| path == file, kernel)
        };
        let (plain, wsl1, wsl2) =
            ("6.1.0-18-amd64\n", "4.4.0-19041-Microsoft\n", "5.15.90.1-microsoft-standard-WSL2\n");
        assert_eq!(place("", "", plain), None);
        assert_eq!(place("WSL_DISTRO_NAME", "/.dockerenv", wsl2), Some(Place::Wsl));
        assert_eq!(place("", "", wsl1), Some(Place::Wsl));
        assert_eq!(place("SSH_CONNECTION", "", wsl2), Some(Place::Wsl));
        assert_eq!(place("container", "", plain), Some(Place::Container));
        assert_eq!(place("SSH_CONNECTION", "/.dockerenv", wsl2), Some(Place::Container));
        assert_eq!(place("", "/run/.containerenv", plain), Some(Place::Container));
        assert_eq!(place("SSH_CONNECTION", "", plain), Some(Place::Ssh));
    }

    #[test]
    fn either_display_will_do() {
        assert!(!environment(&[], false).has_display);
        assert!(environment(&[("DISPLAY", ":0")], false).has_display);
        assert!(environment(&[("WAYLAND_DISPLAY", "wayland-0")], false).has_display);
    }
}
