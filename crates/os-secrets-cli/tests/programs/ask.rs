//! For the tests: asks for two secrets as the program does, and prints their lengths and whether they are equal.

use os_secrets_cli::terminal::ask;

fn main() -> std::io::Result<()> {
    match ask(["First: ", "Again: "])? {
        Some([first, again]) => {
            let relation = if first == again { "equal" } else { "different" };
            println!("{} {} {relation}", first.expose().len(), again.expose().len());
        }
        None => println!("end"),
    }
    Ok(())
}
