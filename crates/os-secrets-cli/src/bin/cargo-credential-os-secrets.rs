//! The program `cargo-credential-os-secrets`, cargo's credential provider.

fn main() {
    std::process::exit(os_secrets_cli::run_native("cargo-credential-os-secrets"));
}
