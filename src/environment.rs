//! The variables that name the store, as they were when the package was loaded.
//!
//! `process.env` may say something else: a program has changed it, or Bun has filled it from a `.env` file. Neither
//! changes the store. So that a call does not go to another store than the program expects, `index.js` compares both.

use std::sync::OnceLock;

use os_secrets::{
    credential::{Key, Secret},
    environment::{Process, Variables},
    error::Error,
    progress::Progress,
    store::{Call, SetOptions, Store},
};

/// The variables that name the store or say how it is opened.
const NAMES: [&str; 4] =
    ["OS_SECRETS_PROVIDER", "OS_SECRETS_FILE", "OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE"];

static READ: OnceLock<[Option<Secret>; NAMES.len()]> = OnceLock::new();

/// Reads the variables, unless they have been read before.
pub fn read() -> &'static [Option<Secret>; NAMES.len()] {
    READ.get_or_init(|| {
        NAMES.map(|name| Process.get(name).map(|value| Secret::new(value.into_encoded_bytes())))
    })
}

/// Whether a variable had this value when the variables were read. JavaScript cannot show a value that is not Unicode, so
/// such a value equals every other.
pub fn had_value(name: &str, value: &Secret) -> bool {
    let position = NAMES.iter().position(|known| *known == name);
    let read = position.and_then(|position| read()[position].as_ref());
    read.is_some_and(|read| read == value || str::from_utf8(read.expose()).is_err())
}

/// A store for a setting that has no effect. Every call fails with the reason.
pub struct RefusingStore(pub String);

impl RefusingStore {
    fn refuse<T>(&self) -> Call<'_, T>
    where
        T: Send,
    {
        Box::pin(async { Err(Error::InvalidSetting(self.0.clone())) })
    }
}

impl Store for RefusingStore {
    fn get<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        self.refuse()
    }

    fn set<'a>(&'a self, _: &'a Key, _: &'a Secret, _: SetOptions, _: &'a Progress) -> Call<'a, ()> {
        self.refuse()
    }

    fn delete<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        self.refuse()
    }

    fn has<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        self.refuse()
    }

    fn list<'a>(&'a self, _: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        self.refuse()
    }
}
