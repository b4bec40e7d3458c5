//! git's credential helper.

fn main() {
    std::process::exit(os_secrets_cli::run_native("git-credential-os-secrets"));
}
