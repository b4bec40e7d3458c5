//! Where Helm keeps the logins of registries.
//!
//! Helm reads `~/.docker/config.json` only for registries of which its own file has no login. `helm registry login` and
//! `logout` change only its own file, or ask the helper that this file names.

use std::path::PathBuf;

use super::own_program::find_in_path;
use os_secrets::environment::{Variables, absolute_path, configuration_directory, home_directory};

/// Helm's file, whether it exists or not.
pub fn registry_config_path(variables: &impl Variables) -> Option<PathBuf> {
    if let Some(path) = variables.get("HELM_REGISTRY_CONFIG") {
        return Some(absolute_path(path.as_ref()));
    }
    let directory = match variables.get("HELM_CONFIG_HOME") {
        Some(directory) => absolute_path(directory.as_ref()),
        None => configuration(variables)?.join("helm"),
    };
    Some(directory.join("registry").join("config.json"))
}

/// The directory for configuration files, as Helm knows it: `XDG_CONFIG_HOME` counts on every operating system.
fn configuration(variables: &impl Variables) -> Option<PathBuf> {
    variables.directory("XDG_CONFIG_HOME").or_else(|| {
        if cfg!(target_os = "macos") {
            return Some(home_directory(variables)?.join("Library").join("Preferences"));
        }
        configuration_directory(variables)
    })
}

/// Helm's file if there is one, or if Helm is installed and will make one.
pub fn used_registry_config_path(variables: &impl Variables) -> Option<PathBuf> {
    registry_config_path(variables).filter(|path| path.exists() || find_in_path("helm").is_some())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn the_most_specific_variable_names_the_file() {
        let all = [
            ("HELM_REGISTRY_CONFIG", "/own.json", "/own.json"),
            ("HELM_CONFIG_HOME", "/helm", "/helm/registry/config.json"),
            ("XDG_CONFIG_HOME", "/xdg", "/xdg/helm/registry/config.json"),
            ("HOME", "/home/me", "/home/me/.config/helm/registry/config.json"),
        ];
        for (index, (_, _, path)) in all.iter().enumerate() {
            let variables = |name: &str| {
                all[index..]
                    .iter()
                    .find(|(known, ..)| *known == name)
                    .map(|(_, value, _)| OsString::from(value))
            };
            assert_eq!(registry_config_path(&variables), Some(path.into()));
        }
        assert_eq!(registry_config_path(&|_: &str| None::<OsString>), None);
    }
}
