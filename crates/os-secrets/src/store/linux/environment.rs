//! What the store reads from the process's environment, once.

use std::{
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::keyring_file;
use crate::{environment::Variables, error::HostKind};

/// Where the bus is, and whether the user can be asked.
///
/// Read it on the JavaScript thread and as early as possible. Programs change their environment while they run, some
/// of them from files that others wrote. Such changes must not redirect the store.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The addresses of the session bus, separated by semicolons: `DBUS_SESSION_BUS_ADDRESS`, or the socket `bus` in
    /// `XDG_RUNTIME_DIR` if that is not set. `Err` says why there is no address.
    pub bus_address: Result<String, &'static str>,
    /// Whether `DISPLAY` or `WAYLAND_DISPLAY` is set, so that a prompt can appear.
    pub has_display: bool,
    /// The deadline for connecting to the bus, and for the reply to each message. `OS_SECRETS_TIMEOUT` sets it.
    pub timeout: Duration,
    /// The directories in which gnome-keyring may keep its files.
    pub keyring_directories: Vec<PathBuf>,
    /// Where the process runs, if that can explain why there is no store.
    pub host: Option<HostKind>,
}

impl Environment {
    /// Reads the variables. If the process has more privileges than its caller, the bus address is not trusted.
    pub fn read(variables: &impl Variables, is_privileged: bool, timeout: Duration) -> Self {
        let has_display = variables.get("DISPLAY").is_some() || variables.get("WAYLAND_DISPLAY").is_some();
        let bus_address = if is_privileged {
            Err("the process runs with more privileges than its caller has (set-uid, set-gid or file \
                 capabilities), so the environment is not trusted to name one")
        } else if let Some(address) = variables.get("DBUS_SESSION_BUS_ADDRESS") {
            address.into_string().map_err(|_| "DBUS_SESSION_BUS_ADDRESS is not UTF-8 text")
        } else if let Some(directory) = variables.get("XDG_RUNTIME_DIR") {
            let mut path = directory.into_vec();
            path.extend_from_slice(b"/bus");
            Ok(format!("unix:path={}", super::bus::escape(&path)))
        } else {
            Err("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        };
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let host = recognize_host(variables, |path| Path::new(path).exists(), &kernel);
        let keyring_directories = keyring_file::list_directories(variables);
        Self { bus_address, has_display, timeout, keyring_directories, host }
    }
}

/// Recognizes where the process runs. `kernel` is the kernel's release.
fn recognize_host(
    variables: &impl Variables,
    exists: impl Fn(&str) -> bool,
    kernel: &str,
) -> Option<HostKind> {
    if variables.get("WSL_DISTRO_NAME").is_some() {
        Some(HostKind::Wsl)
    } else if variables.get("container").is_some() || exists("/.dockerenv") || exists("/run/.containerenv") {
        Some(HostKind::Container)
    } else if kernel.to_ascii_lowercase().contains("microsoft") {
        // WSL as well. Services and programs under sudo do not have the variable.
        Some(HostKind::Wsl)
    } else {
        variables.get("SSH_CONNECTION").map(|_| HostKind::Ssh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)], privileged: bool) -> Environment {
        let variables: std::collections::HashMap<_, _> = variables.iter().copied().collect();
        let variable = |name: &str| variables.get(name).map(std::ffi::OsString::from);
        Environment::read(&variable, privileged, Duration::from_secs(1))
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
    fn the_kind_of_host_is_recognized() {
        let kind = |set: &str, file: &str, kernel: &str| {
            recognize_host(&|name: &str| (name == set).then(|| "x".into()), |path| path == file, kernel)
        };
        let (plain, wsl1, wsl2) =
            ("6.1.0-18-amd64\n", "4.4.0-19041-Microsoft\n", "5.15.90.1-microsoft-standard-WSL2\n");
        assert_eq!(kind("", "", plain), None);
        assert_eq!(kind("WSL_DISTRO_NAME", "/.dockerenv", wsl2), Some(HostKind::Wsl));
        assert_eq!(kind("", "", wsl1), Some(HostKind::Wsl));
        assert_eq!(kind("SSH_CONNECTION", "", wsl2), Some(HostKind::Wsl));
        assert_eq!(kind("container", "", plain), Some(HostKind::Container));
        assert_eq!(kind("SSH_CONNECTION", "/.dockerenv", wsl2), Some(HostKind::Container));
        assert_eq!(kind("", "/run/.containerenv", plain), Some(HostKind::Container));
        assert_eq!(kind("SSH_CONNECTION", "", plain), Some(HostKind::Ssh));
    }

    #[test]
    fn either_display_will_do() {
        assert!(!environment(&[], false).has_display);
        assert!(environment(&[("DISPLAY", ":0")], false).has_display);
        assert!(environment(&[("WAYLAND_DISPLAY", "wayland-0")], false).has_display);
    }
}
