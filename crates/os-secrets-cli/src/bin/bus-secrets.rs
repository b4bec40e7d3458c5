//! The program `bus-secrets`.

fn main() {
    std::process::exit(os_secrets_cli::run_native("bus-secrets"));
}
