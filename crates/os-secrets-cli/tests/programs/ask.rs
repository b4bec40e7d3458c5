//! Asks for two secrets as the program does, for the tests. It says how long they are, and whether they are
//! the same.

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
