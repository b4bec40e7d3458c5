//! The program `secrets`. Started by another of our names, such as through a link, it is that program.

fn main() {
    std::process::exit(os_secrets_cli::run_native("secrets"));
}
