//! What the store reads from the process's environment, once.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{address, keyring_file};
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
    pub hosts: Vec<HostKind>,
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
            Ok(format!("unix:path={}", address::escape(&path)))
        } else {
            Err("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        };
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let hosts = recognize_hosts(variables, |path| Path::new(path).exists(), &kernel);
        let keyring_directories = keyring_file::list_directories(variables);
        Self { bus_address, has_display, timeout, keyring_directories, hosts }
    }
}

/// Recognizes where the process runs, with what explains most first. `kernel` is the kernel's release.
fn recognize_hosts(variables: &impl Variables, exists: impl Fn(&str) -> bool, kernel: &str) -> Vec<HostKind> {
    let has = |name: &str| variables.get(name).is_some();
    let mut hosts = Vec::new();
    let flatpak = variables.get("FLATPAK_ID");
    if flatpak.is_some() || exists("/.flatpak-info") {
        hosts.push(HostKind::Flatpak(as_word(flatpak, "APP")));
    } else if has("WSL_DISTRO_NAME") {
        hosts.push(HostKind::Wsl);
    } else if has("container") || exists("/.dockerenv") || exists("/run/.containerenv") {
        hosts.push(HostKind::Container);
    } else if kernel.to_ascii_lowercase().contains("microsoft") {
        // WSL as well. Services and programs under sudo do not have the variable.
        hosts.push(HostKind::Wsl);
    } else if has("SSH_CONNECTION") {
        hosts.push(HostKind::Ssh);
    }
    if has("SUDO_UID") {
        hosts.push(HostKind::Sudo);
    }
    // Programs that a snap starts have its variables even if they are not part of it.
    if let Some(name) = variables.get("SNAP_INSTANCE_NAME").or_else(|| variables.get("SNAP_NAME")) {
        hosts.push(HostKind::Snap(as_word(Some(name), "NAME")));
    }
    hosts
}

/// A name that can stand in a command, or another if it cannot.
fn as_word(name: Option<OsString>, otherwise: &str) -> String {
    let is_word = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    name.and_then(|name| name.into_string().ok()).filter(is_word).unwrap_or_else(|| otherwise.into())
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
        let kinds = |set: &str, file: &str, kernel: &str| {
            let has = |name: &str| set.split(' ').any(|set| set == name).then(|| "x".into());
            recognize_hosts(&has, |path| path == file, kernel)
        };
        let (plain, wsl1, wsl2) =
            ("6.1.0-18-amd64\n", "4.4.0-19041-Microsoft\n", "5.15.90.1-microsoft-standard-WSL2\n");
        assert_eq!(kinds("", "", plain), []);
        assert_eq!(kinds("WSL_DISTRO_NAME", "/.dockerenv", wsl2), [HostKind::Wsl]);
        assert_eq!(kinds("", "", wsl1), [HostKind::Wsl]);
        assert_eq!(kinds("SSH_CONNECTION", "", wsl2), [HostKind::Wsl]);
        assert_eq!(kinds("container", "", plain), [HostKind::Container]);
        assert_eq!(kinds("SSH_CONNECTION", "/.dockerenv", wsl2), [HostKind::Container]);
        assert_eq!(kinds("", "/run/.containerenv", plain), [HostKind::Container]);
        assert_eq!(kinds("SSH_CONNECTION", "", plain), [HostKind::Ssh]);
        assert_eq!(kinds("SUDO_UID", "/.dockerenv", plain), [HostKind::Container, HostKind::Sudo]);
        let snap = HostKind::Snap("x".into());
        assert_eq!(kinds("SNAP_NAME SSH_CONNECTION", "", plain), [HostKind::Ssh, snap]);
        // It calls itself a container.
        assert_eq!(kinds("FLATPAK_ID container", "", plain), [HostKind::Flatpak("x".into())]);
        assert_eq!(kinds("", "/.flatpak-info", plain), [HostKind::Flatpak("APP".into())]);
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_command_is_not_shown() {
        assert_eq!(as_word(Some("org.example.Tool_1-a".into()), "APP"), "org.example.Tool_1-a");
        assert_eq!(as_word(Some("a; rm -r /".into()), "APP"), "APP");
    }

    #[test]
    fn either_display_will_do() {
        assert!(!environment(&[], false).has_display);
        assert!(environment(&[("DISPLAY", ":0")], false).has_display);
        assert!(environment(&[("WAYLAND_DISPLAY", "wayland-0")], false).has_display);
    }
}
