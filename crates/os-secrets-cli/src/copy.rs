//! `copy`: copies credentials from one store to another.

use std::{ffi::OsString, io};

use super::{Context, Failure, args::Service, output::shown, stores::Selected};
use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    file,
    progress::Progress,
    store::{Choice, SetOptions, Store},
};

pub fn copy(context: &Context, from: OsString, to: OsString, service: Service) -> Result<(), Failure> {
    context.without_scope("copy")?;
    context.without_store("copy")?;
    let service = context.service(service)?;
    let (from, to) = (Selected::parse(from, &context.directory)?, Selected::parse(to, &context.directory)?);
    if from.is_same(&to) {
        return Err(Failure::Usage("--from and --to name the same store".into()));
    }
    if let (Selected::File(source), Selected::File(_)) = (&from, &to)
        && source.path().is_ok_and(|path| to.paths().iter().any(|own| file::is_same(own, path)))
    {
        return Err(Failure::Usage(
            "--from names the backup of --to, which the first copy would replace; copy the file elsewhere first".into(),
        ));
    }
    for selected in [&from, &to] {
        context.keep_from_output(&selected.paths())?;
    }
    if let Selected::File(file) = &from
        && !file.path()?.exists()
    {
        let missing = io::ErrorKind::NotFound.into();
        return Err(file::failure("Cannot read", file.path()?, missing).into());
    }
    let (from, to) = (from.choice(), to.choice());
    let keys = context.call(Progress::reading(true), {
        let from = from.clone();
        |progress| async move { from.store()?.list(service.as_deref(), &progress).await }
    })?;
    let keys = keys.into_iter().map(|key| (key.label(), key)).collect();
    copy_each(context, keys, |key| copy_one(context, &from, &to, key))
}

/// Copies one after another, each under its label, and says what was done with each.
pub fn copy_each<T>(
    context: &Context,
    all: Vec<(String, T)>,
    copy: impl Fn(T) -> Result<&'static str, Undone>,
) -> Result<(), Failure> {
    if all.is_empty() {
        context.note("there is nothing to copy");
    }
    let (mut result, mut failed) = (String::new(), false);
    for (label, one) in all {
        let told = shown(&label);
        match copy(one) {
            Ok(done) => result.push_str(&format!("{done} {told}\n")),
            Err(undone) => {
                failed = true;
                context.tell(&format!("{told} {}", undone.what));
                if undone.stops {
                    break;
                }
            }
        }
    }
    context.output.write(result.as_bytes())?;
    if failed { Err(Failure::Exit(1)) } else { Ok(()) }
}

fn copy_one(context: &Context, from: &Choice, to: &Choice, key: Key) -> Result<&'static str, Undone> {
    let (from, to) = (from.clone(), to.clone());
    let copied = context.call(Progress::changing(true), |progress| async move {
        let gone = || Error::NotFound { name: key.label(), place: "the store that is copied from" };
        let value = from.store()?.get(&key, &progress).await?.ok_or_else(gone)?;
        copy_to(to.store()?, &key, &value, &progress).await
    });
    match copied {
        Ok(Copy::Done) => Ok("copied"),
        Ok(Copy::Differs) => {
            Err(Undone::because("another value is there under this name; nothing was changed"))
        }
        Ok(Copy::Empty) => Err(Undone::because("it is empty")),
        Err(error) => Err(Undone::failed("is not copied", &error)),
    }
}

/// How a copy ended.
#[derive(Debug, PartialEq)]
pub enum Copy {
    Done,
    /// Another value is there, or came back.
    Differs,
    /// A store does not tell an empty value from none.
    Empty,
}

/// What was not done with one.
pub struct Undone {
    /// What, to follow its name.
    pub what: String,
    /// Whether it will not be done with the others either.
    pub stops: bool,
}

impl Undone {
    pub fn because(why: &str) -> Self {
        Self { what: format!("is not copied: {why}"), stops: false }
    }

    pub fn failed(what: &str, error: &Error) -> Self {
        // Who does not answer one prompt is not to be asked again for each of the others, and a wrong setting is
        // wrong for all.
        let stops = [Code::UserCanceled, Code::InteractionRequired, Code::AuthFailed, Code::InvalidSetting]
            .contains(&error.code());
        Self { what: format!("{what}: {error}"), stops }
    }
}

/// Stores a value, reads it back and compares. What is there under the key already is not overwritten.
pub async fn copy_to(
    store: &dyn Store,
    key: &Key,
    value: &Secret,
    progress: &Progress,
) -> Result<Copy, Error> {
    if value.expose().is_empty() {
        return Ok(Copy::Empty);
    }
    let mut there = store.get(key, progress).await?;
    if there.is_none() {
        store.set(key, value, SetOptions::default(), progress).await?;
        there = store.get(key, progress).await?;
    }
    Ok(if there.as_ref() == Some(value) { Copy::Done } else { Copy::Differs })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use os_secrets::store::Call;

    /// A store that keeps one value, and not always the one it was given.
    struct Unreliable {
        kept: Mutex<Option<Secret>>,
        keeps: fn(&Secret) -> Option<Secret>,
    }

    impl Store for Unreliable {
        fn get<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
            Box::pin(async { Ok(self.kept.lock().unwrap().clone()) })
        }

        fn set<'a>(&'a self, _: &'a Key, value: &'a Secret, _: SetOptions, _: &'a Progress) -> Call<'a, ()> {
            *self.kept.lock().unwrap() = (self.keeps)(value);
            Box::pin(async { Ok(()) })
        }

        fn delete<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
            unreachable!("a copy deletes nothing")
        }

        fn has<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
            unreachable!("a copy compares values")
        }

        fn list<'a>(&'a self, _: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
            unreachable!("a copy is of one value")
        }
    }

    #[tokio::test]
    async fn a_copy_counts_when_it_was_read_back() {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        let key = Key { service: "s".into(), name: "n".into() };
        for (there, keeps, value, outcome) in [
            (None, (|value| Some(value.clone())) as fn(&Secret) -> Option<Secret>, "v", Copy::Done),
            (None, |_| None, "v", Copy::Differs),
            (None, |_| Some(Secret::new(b"other".to_vec())), "v", Copy::Differs),
            (Some("v"), |_| panic!("it is there"), "v", Copy::Done),
            (Some("newer"), |_| panic!("it would be overwritten"), "v", Copy::Differs),
            (None, |_| panic!("there is nothing to store"), "", Copy::Empty),
        ] {
            let store = Unreliable { kept: Mutex::new(there.map(secret)), keeps };
            let progress = Progress::changing(true);
            assert_eq!(copy_to(&store, &key, &secret(value), &progress).await, Ok(outcome));
        }
    }
}
