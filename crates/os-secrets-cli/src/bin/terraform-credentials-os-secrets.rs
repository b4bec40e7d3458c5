//! The credentials helper of Terraform and OpenTofu.

fn main() {
    std::process::exit(os_secrets_cli::run_native("terraform-credentials-os-secrets"));
}
