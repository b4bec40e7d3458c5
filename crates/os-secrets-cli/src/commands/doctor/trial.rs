//! `--write`: stores a throw-away credential, reads it back and deletes it.

use std::sync::Arc;

use serde_json::json;

use super::{Problem, Report, while_noting_the_wait};
use crate::{context::Context, failure::describe, selected_store::SelectedStore};
use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    printable::{printable, printable_path},
    program::{command_line, command_on_file},
    progress::Progress,
    store::{Choice, SetOptions},
};

/// The service of the credential. No application has this one.
const SERVICE: &str = "os-secrets-doctor";

/// The names of the properties: what was done.
pub const STEPS: [&str; 3] = ["stored", "read_back", "deleted"];

/// What came of a trial.
#[derive(Default)]
pub struct Outcome {
    /// Whether each step was done. `None` if it was not tried.
    done: [Option<bool>; 3],
    problems: Vec<Problem>,
}

impl Outcome {
    /// Adds what was done to a report.
    pub fn add_to(self, report: &mut Report) {
        report.properties.extend(STEPS.into_iter().zip(self.done.map(|done| json!(done))));
        report.problems.extend(self.problems);
    }
}

/// Tries a store.
///
/// # Errors
///
/// The system has no random numbers.
pub fn try_store(context: &Context, selected: &SelectedStore) -> Result<Outcome, Error> {
    let other_store = match selected {
        SelectedStore::File(_) => "Name another file with --store or OS_SECRETS_FILE".into(),
        SelectedStore::Vault => "Give the token a policy that lets it read and write there".into(),
        SelectedStore::Os | SelectedStore::Memory => format!("Use an encrypted file: {}", super::use_file()),
    };
    let trial = Trial::new(context, selected.choice(), name_of(selected), other_store)?;
    let mut outcome = Outcome::default();
    match selected {
        SelectedStore::File(file) => {
            let is_new = file.path().is_ok_and(|path| !path.exists());
            let store = Arc::clone(file);
            // Asks for the passphrase, if there is one to ask for. That says what it waits for.
            let prepared = context.call(Progress::changing(true), |progress| async move {
                store.prepare_change(&progress).await
            });
            trial.run(prepared, &mut outcome);
            if let (true, Ok(path)) = (is_new, file.path())
                && path.exists()
            {
                outcome.problems.push(Problem::note(
                    format!("The trial has created the file {}. It holds nothing", printable_path(path)),
                    command_on_file(path, "set NAME"),
                ));
            }
        }
        SelectedStore::Os | SelectedStore::Memory | SelectedStore::Vault => trial.run(Ok(()), &mut outcome),
    }
    Ok(outcome)
}

/// A store, as messages call it.
fn name_of(selected: &SelectedStore) -> String {
    match selected {
        SelectedStore::Os if cfg!(target_os = "macos") => "Keychain".into(),
        SelectedStore::Os if cfg!(windows) => "Credential Manager".into(),
        SelectedStore::Os => "the Secret Service".into(),
        SelectedStore::File(file) => match file.path() {
            Ok(path) => format!("the encrypted file {}", printable_path(path)),
            Err(_) => "the encrypted file".into(),
        },
        SelectedStore::Memory => "the memory".into(),
        SelectedStore::Vault => "the server of Vault or OpenBao".into(),
    }
}

/// A trial of a store.
struct Trial<'a> {
    context: &'a Context,
    choice: Choice,
    key: Key,
    value: Secret,
    /// The store, as messages call it.
    store: String,
    /// The advice to use another one.
    other_store: String,
}

impl<'a> Trial<'a> {
    fn new(context: &'a Context, choice: Choice, store: String, other_store: String) -> Result<Self, Error> {
        let key = Key { service: SERVICE.into(), name: format!("trial-{}", random_text()?) };
        Ok(Self { context, choice, key, value: Secret::new(random_text()?.into_bytes()), store, other_store })
    }
}

fn random_text() -> Result<String, Error> {
    match (getrandom::u64(), getrandom::u64()) {
        (Ok(one), Ok(two)) => Ok(format!("{one:016x}{two:016x}")),
        _ => Err(Error::Internal("the system has no random numbers".into())),
    }
}

impl Trial<'_> {
    /// Does the steps. `prepared` is what came of asking for the passphrase.
    fn run(&self, prepared: Result<(), Error>, outcome: &mut Outcome) {
        let [stored, read_back, deleted] = &mut outcome.done;
        let mut note = |done: &mut Option<bool>, result: Result<(), Problem>| {
            *done = Some(result.is_ok());
            outcome.problems.extend(result.err());
        };
        if let Err(error) = prepared.and_then(|()| self.store()) {
            note(stored, Err(self.problem("stored", &error)));
            // It may be there all the same. The user was asked once, and is not asked again.
            if matches!(self.delete(false), Ok(true)) {
                note(deleted, Ok(()));
            }
            return;
        }
        note(stored, Ok(()));
        note(read_back, self.read_back());
        let result = match self.delete(true) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.problem_of("was gone when it was to be deleted", self.other_store.clone())),
            Err(error) => Err(self.problem_of(
                &format!("could not be deleted. {}", describe(&error)),
                command_line(&format!("delete --service {SERVICE} {}", self.key.name)),
            )),
        };
        note(deleted, result);
    }

    fn store(&self) -> Result<(), Error> {
        let (choice, key, value) = (self.choice.clone(), self.key.clone(), self.value.clone());
        self.call("store", Progress::changing(true), |progress| async move {
            choice.store()?.set(&key, &value, SetOptions::default(), &progress).await
        })
    }

    fn read_back(&self) -> Result<(), Problem> {
        let (choice, key) = (self.choice.clone(), self.key.clone());
        let read = self.call("read", Progress::reading(true), |progress| async move {
            choice.store()?.get(&key, &progress).await
        });
        match read {
            Ok(Some(value)) if value == self.value => Ok(()),
            Ok(Some(_)) => Err(self.problem_of("was read back with another value", self.other_store.clone())),
            Ok(None) => Err(self.problem_of("was stored, and then was not there", self.other_store.clone())),
            Err(error) => Err(self.problem("read back", &error)),
        }
    }

    fn delete(&self, interactive: bool) -> Result<bool, Error> {
        let (choice, key) = (self.choice.clone(), self.key.clone());
        self.call("delete", Progress::changing(interactive), |progress| async move {
            choice.store()?.delete(&key, &progress).await
        })
    }

    /// Makes a call, and says what it waits for if that takes long.
    fn call<T, F>(
        &self,
        verb: &str,
        progress: Progress,
        call: impl FnOnce(Arc<Progress>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let awaited = format!("{} to {verb} a throw-away secret", self.store);
        while_noting_the_wait(self.context, &awaited, || self.context.call(progress, call))
    }

    /// What has kept a step from being done.
    fn problem(&self, step: &str, error: &Error) -> Problem {
        let again = command_line("doctor --write");
        let fix = match error.code() {
            Code::UserCanceled => format!("Answer the prompt: {again}"),
            Code::InteractionRequired | Code::InteractionNotAllowed => {
                format!("Unlock the store, then try again: {again}")
            }
            Code::Timeout | Code::PlatformError => format!("Follow the advice, then try again: {again}"),
            _ => self.other_store.clone(),
        };
        self.problem_of(&format!("could not be {step}. {}", describe(error)), fix)
    }

    /// `what` follows the name of the credential.
    fn problem_of(&self, what: &str, fix: String) -> Problem {
        let key = printable(&self.key.label());
        Problem::fatal(format!("The throw-away secret {key} {what}"), fix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Program,
        args::{Parsed, parse},
    };
    use os_secrets::{
        executor::block_on,
        store::{self, Call, Store, memory::MemoryStore, settings::Settings},
    };

    /// What a store does wrong.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Fault {
        None,
        Set,
        /// The value is stored, and the call fails.
        Answer,
        Get,
        /// Another value is returned.
        Value,
        /// Nothing is returned.
        Nothing,
        Delete,
    }

    struct FaultyStore(MemoryStore, Fault);

    fn fail<T: Send>() -> Call<'static, T> {
        Box::pin(async { Err(Error::Internal("broken".into())) })
    }

    impl Store for FaultyStore {
        fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
            match self.1 {
                Fault::Get => fail(),
                Fault::Value => Box::pin(async { Ok(Some(Secret::new(b"other".to_vec()))) }),
                Fault::Nothing => Box::pin(async { Ok(None) }),
                _ => self.0.get(key, progress),
            }
        }

        fn set<'a>(
            &'a self,
            key: &'a Key,
            value: &'a Secret,
            options: SetOptions,
            progress: &'a Progress,
        ) -> Call<'a, ()> {
            match self.1 {
                Fault::Set => fail(),
                Fault::Answer => Box::pin(async move {
                    self.0.set(key, value, options, progress).await?;
                    fail().await
                }),
                _ => self.0.set(key, value, options, progress),
            }
        }

        fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
            if self.1 == Fault::Delete { fail() } else { self.0.delete(key, progress) }
        }

        fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
            self.0.has(key, progress)
        }

        fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
            self.0.list(service, progress)
        }
    }

    #[test]
    fn each_step_is_reported_and_what_was_stored_is_deleted() {
        // Not those of the user who runs the tests.
        store::settings_or(|| Settings::read(&|_: &str| None));
        let words = ["doctor", "--write"].map(Into::into).to_vec();
        let Ok(Parsed::Run(arguments)) = parse(Program::Secrets, words) else { panic!() };
        let Ok((context, _)) = Context::new(Program::Secrets, *arguments, false) else { panic!() };
        let (yes, no, untried) = (Some(true), Some(false), None);
        for (fault, done, what, left) in [
            (Fault::None, [yes, yes, yes], "", 0),
            (Fault::Set, [no, untried, untried], " could not be stored. ", 0),
            (Fault::Answer, [no, untried, yes], " could not be stored. ", 0),
            (Fault::Get, [yes, no, yes], " could not be read back. ", 0),
            (Fault::Value, [yes, no, yes], " was read back with another value", 0),
            (Fault::Nothing, [yes, no, yes], " was stored, and then was not there", 0),
            (Fault::Delete, [yes, yes, no], " could not be deleted. ", 1),
        ] {
            let store = Arc::new(FaultyStore(MemoryStore::default(), fault));
            let choice = Choice::Own(Arc::clone(&store) as _);
            let trial = Trial::new(&context, choice, "the store".into(), "other".into()).unwrap();
            let mut outcome = Outcome::default();
            trial.run(Ok(()), &mut outcome);
            assert_eq!(outcome.done, done, "{what}");
            let problems = &outcome.problems;
            assert_eq!(problems.len(), usize::from(fault != Fault::None), "{what}");
            assert!(problems.iter().all(|problem| problem.fatal && problem.what.contains(what)), "{what}");
            if fault == Fault::Delete {
                let command = format!("secrets delete --service {SERVICE} {}", trial.key.name);
                assert_eq!(problems[0].fix, command);
            }
            let listed = block_on(async move { store.list(None, &Progress::reading(false)).await });
            assert_eq!(listed.unwrap().unwrap().len(), left, "{what}");
        }
    }
}
