//! The program `secrets`.

fn main() {
    let words = std::env::args_os().skip(1).collect();
    std::process::exit(os_secrets_cli::run(os_secrets_cli::Program::Secrets, words, false));
}
