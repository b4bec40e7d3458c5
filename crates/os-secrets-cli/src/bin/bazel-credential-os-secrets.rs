//! The credential helper of Bazel.

fn main() {
    std::process::exit(os_secrets_cli::run_native("bazel-credential-os-secrets"));
}
