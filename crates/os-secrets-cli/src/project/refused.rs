//! The variables that a file must not set.

use crate::child::is_same_variable;

/// The start of the names of all settings of os-secrets.
const SETTINGS: &str = "OS_SECRETS_";

/// Variables that decide which code a command loads, or with whom it talks.
const LOADERS: &[&str] = &[
    "ALL_PROXY",
    "ANSIBLE_CONFIG",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "BAO_ADDR",
    "BASHOPTS",
    "BASH_ENV",
    "BROWSER",
    "BUN_CONFIG_REGISTRY",
    "BUN_OPTIONS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CC",
    "CDPATH",
    "CLASSPATH",
    "CLOUDSDK_CONFIG",
    "CLOUDSDK_PYTHON",
    "COMSPEC",
    "COREPACK_NPM_REGISTRY",
    "CURL_CA_BUNDLE",
    "CURL_HOME",
    "CXX",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOTNET_STARTUP_HOOKS",
    "EDITOR",
    "ELECTRON_RUN_AS_NODE",
    "ENV",
    "FPATH",
    "GCONV_PATH",
    "GH_HOST",
    "GIT_ASKPASS",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_TEMPLATE_DIR",
    "GLIBC_TUNABLES",
    "GOFLAGS",
    "GOPROXY",
    "GOSUMDB",
    "GOTOOLCHAIN",
    "GRADLE_OPTS",
    "HELM_PLUGINS",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JULIA_LOAD_PATH",
    "KUBECONFIG",
    "KUBERNETES_EXEC_INFO",
    "LESSCLOSE",
    "LESSOPEN",
    "MAKEFLAGS",
    "MANPAGER",
    "MAVEN_OPTS",
    "MODULE_PATH",
    "NETRC",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "OPENSSL_CONF",
    "OPTIND",
    "PAGER",
    "PATH",
    "PATHEXT",
    "PERLLIB",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PROMPT",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PSMODULEPATH",
    "PYTHONBREAKPOINT",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONWARNINGS",
    "RANDOM",
    "REGISTRY_AUTH_FILE",
    "REQUESTS_CA_BUNDLE",
    "RPROMPT",
    "RUBYLIB",
    "RUBYOPT",
    "RUBYSHELL",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SUDO_ASKPASS",
    "SYSTEMROOT",
    "TERMINFO",
    "TF_CLI_CONFIG_FILE",
    "TMPDIR",
    "TWINE_CERT",
    "TWINE_REPOSITORY",
    "TWINE_REPOSITORY_URL",
    "USERPROFILE",
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_INSECURE_HOST",
    "UV_PUBLISH_URL",
    "UV_PYTHON",
    "VAULT_ADDR",
    "VISUAL",
    "WGETRC",
    "WINDIR",
    "YARN_NPM_REGISTRY_SERVER",
    "YARN_RC_FILENAME",
    "YARN_REGISTRY",
    "YARN_YARN_PATH",
    "ZDOTDIR",
];
/// Starts of the names of such variables.
const STARTS_OF_LOADERS: &[&str] = &[
    "APPDATA",
    "AWS_ENDPOINT_URL",
    "BASH_FUNC_",
    "CARGO_ALIAS_",
    "CARGO_BUILD_",
    "CARGO_REGISTRY_CREDENTIAL_",
    "CARGO_TARGET_",
    "CLOUDSDK_API_ENDPOINT_",
    "CONTAINERS_",
    "DYLD_",
    "FISH_",
    "GIT_CONFIG",
    "GIT_SSH",
    "GIT_TRACE",
    "LD_",
    "LOCALAPPDATA",
    "LUA_",
    "NPM_CONFIG_",
    "PERL5",
    "PIP_",
    "PNPM_CONFIG_",
    "POETRY_REPOSITORIES_",
    "TF_CLI_ARGS",
    "XDG_",
    "_JAVA_OPTIONS",
];

/// Whether a variable chooses the store or its key. The file may come from a stranger, who must not choose where the
/// command reads and stores the user's secrets.
pub fn chooses_store(name: &str) -> bool {
    starts_with(name, SETTINGS) || is_same_variable(name.as_ref(), "CREDENTIALS_DIRECTORY".as_ref())
}

/// The variables that lead to the user's settings file, to the home directory in its paths, and to the usual encrypted file.
const PLACES: &[&str] =
    if cfg!(windows) { &["APPDATA", "USERPROFILE"] } else { &["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] };

/// Whether a variable chooses the store or its key, or leads to a file that does.
pub fn leads_to_store(name: &str) -> bool {
    chooses_store(name) || PLACES.iter().any(|place| is_same_variable(name.as_ref(), place.as_ref()))
}

/// Whether a variable decides which code a command loads, or with whom it talks. No list of them is complete.
pub fn is_loader(name: &str) -> bool {
    // Many programs know the names of proxies and of npm's settings in small letters.
    LOADERS.iter().any(|loader| name.eq_ignore_ascii_case(loader))
        || STARTS_OF_LOADERS.iter().any(|start| has_start_of_any_case(name, start))
        // The index of a registry, but not its token.
        || (has_start_of_any_case(name, "CARGO_REGISTRIES_") && !name.to_ascii_uppercase().ends_with("_TOKEN"))
}

fn starts_with(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|found| is_same_variable(found.as_ref(), start.as_ref()))
}

fn has_start_of_any_case(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_load_code_are_known() {
        for name in [
            "PATH",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "BASH_ENV",
            "PS1",
            "fish_function_path",
        ] {
            assert!(is_loader(name), "{name}");
        }
        for name in
            ["UV_INDEX_URL", "TWINE_REPOSITORY_URL", "CARGO_REGISTRIES_A_INDEX", "AWS_ENDPOINT_URL_S3"]
        {
            assert!(is_loader(name), "{name}");
        }
        for name in ["https_proxy", "npm_config_script_shell", "GIT_CONFIG_COUNT", "GIT_SSH_COMMAND"] {
            assert!(is_loader(name), "{name}");
        }
        for name in [
            "DATABASE_URL",
            "GIT_TOKEN",
            "NPM_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_A_TOKEN",
            "TWINE_PASSWORD",
            "UV_PUBLISH_TOKEN",
            "YARN_NPM_AUTH_TOKEN",
            "RUBYGEMS_API_KEY",
            "PATH_TO_KEY",
            "ENVIRONMENT",
        ] {
            assert!(!is_loader(name), "{name}");
        }
    }

    #[test]
    fn settings_of_the_store_are_known() {
        for name in ["OS_SECRETS_PROVIDER", "OS_SECRETS_PROFILE", "CREDENTIALS_DIRECTORY"] {
            assert!(chooses_store(name), "{name}");
        }
        assert!(!chooses_store("OS_SECRET") && !chooses_store("MY_OS_SECRETS_FILE"));
        for name in PLACES.iter().chain(&["OS_SECRETS_FILE"]) {
            assert!(leads_to_store(name), "{name}");
        }
        assert!(!leads_to_store("MY_HOME") && !leads_to_store("HOMEPAGE"));
    }
}
