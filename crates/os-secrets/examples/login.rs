//! Keeps a token in the credential store: `login` reads it from standard input, `token` prints it, and `logout`
//! deletes it.
//!
//! ```sh
//! printf ghp_example | cargo run --example login login
//! cargo run --example login token
//! cargo run --example login logout
//! ```

use std::{
    env, error,
    io::{self, Read, Write},
    process::ExitCode,
};

use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    executor::block_on,
    progress::Progress,
    store::{self, SetOptions},
};

type Outcome = Result<(), Box<dyn error::Error>>;

fn main() -> ExitCode {
    let outcome = match env::args().nth(1).as_deref() {
        Some("login") => login(),
        Some("token") => token(),
        Some("logout") => logout(),
        _ => Err("Usage: login login | token | logout".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn key() -> Key {
    Key { service: "com.example.login".into(), name: "token".into() }
}

fn login() -> Outcome {
    let token = read_token()?;
    // The store would take an empty value for a request to delete.
    if token.expose().is_empty() {
        return Err("The token is empty. Nothing was stored.".into());
    }
    block_on(async move {
        store::chosen()?.set(&key(), &token, SetOptions::default(), &Progress::changing(true)).await
    })??;
    println!("Logged in.");
    Ok(())
}

fn token() -> Outcome {
    let token = block_on(async { store::chosen()?.get(&key(), &Progress::reading(true)).await })??;
    let token = token.ok_or("You are not logged in. Run the command login first.")?;
    io::stdout().write_all(token.expose())?;
    println!();
    Ok(())
}

fn logout() -> Outcome {
    let was_logged_in =
        block_on(async { store::chosen()?.delete(&key(), &Progress::changing(true)).await })??;
    println!("{}", if was_logged_in { "Logged out." } else { "You were not logged in." });
    Ok(())
}

fn read_token() -> io::Result<Secret> {
    // `Secret` wipes its bytes. A `Vec` that grows leaves copies behind, so this one has room for any token.
    let mut bytes = Vec::with_capacity(16 * 1024);
    io::stdin().read_to_end(&mut bytes)?;
    bytes.truncate(bytes.trim_ascii_end().len());
    Ok(Secret::new(bytes))
}

/// What to tell the user about an error.
fn explain(error: &(dyn error::Error + 'static)) -> String {
    match error.downcast_ref().map(Error::code) {
        Some(Code::UserCanceled) => {
            "The credential store is still locked, because its prompt was closed. Run the command again to unlock it."
                .into()
        }
        Some(Code::InteractionRequired) => {
            "The credential store is locked and cannot ask for its password here. Unlock it on your desktop first."
                .into()
        }
        _ => error.to_string(),
    }
}
