//! The program `docker-credential-os-secrets`, which Docker, Podman and others ask for credentials.

fn main() {
    std::process::exit(os_secrets_cli::run_native("docker-credential-os-secrets"));
}
