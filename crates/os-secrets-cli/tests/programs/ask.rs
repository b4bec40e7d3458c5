//! For the tests: asks for two secrets as the program does, and prints their lengths and whether they are equal.

use os_secrets_cli::terminal::{ask, is_several_lines};

fn main() -> std::io::Result<()> {
    let answers = match ask(["First: ", "Again: "]) {
        Err(error) if is_several_lines(&error) => {
            println!("several lines");
            return Ok(());
        }
        answers => answers?,
    };
    match answers {
        Some([first, again]) => {
            let relation = if first == again { "equal" } else { "different" };
            println!("{} {} {relation}", first.expose().len(), again.expose().len());
        }
        None => println!("end"),
    }
    Ok(())
}
