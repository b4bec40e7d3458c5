//! Working on credentials one by one, as `copy`, `import` and `migrate` do.

use crate::{
    context::Context,
    exit_codes::{FAILED, code_of},
    failure::{Failure, describe},
    output::printable,
};
use os_secrets::{
    credential::{Key, Secret},
    error::{Error, Reason},
    progress::Progress,
    store::{SetOptions, Store},
};

/// Copies credentials one by one, and prints what was done with each. `credentials` have the labels to print.
///
/// `copy` copies one credential and returns what it did, such as `copied`.
pub fn copy_each<T>(
    context: &Context,
    credentials: Vec<(String, T)>,
    copy: impl Fn(T) -> Result<&'static str, NotDone>,
) -> Result<(), Failure> {
    if credentials.is_empty() {
        context.note("there is nothing to copy");
    }
    do_each(context, "copied", credentials, copy)
}

/// Does the same with each credential, and prints what was done. `done` is what happens to a credential, such as
/// `copied`.
pub fn do_each<T>(
    context: &Context,
    done: &str,
    credentials: Vec<(String, T)>,
    work: impl Fn(T) -> Result<&'static str, NotDone>,
) -> Result<(), Failure> {
    let (mut result, mut failed) = (String::new(), None);
    let mut credentials = credentials.into_iter();
    for (label, credential) in credentials.by_ref() {
        let label = printable(&label);
        match work(credential) {
            Ok(did) => result.push_str(&format!("{did} {label}\n")),
            Err(not_done) => {
                failed = failed.max(Some(not_done.exit_code));
                context.print_message(&format!("{label} {}", not_done.message));
                if not_done.stops {
                    break;
                }
            }
        }
    }
    let left: Vec<_> = credentials.map(|(label, _)| printable(&label)).collect();
    if !left.is_empty() {
        context.print_message(&format!("not {done} either: {}", left.join(", ")));
    }
    context.output.write(result.as_bytes())?;
    failed.map_or(Ok(()), |code| Err(Failure::Silent(code)))
}

/// What an import may change.
#[derive(Clone, Copy)]
pub struct ImportRules {
    /// Whether a different value that is stored already is replaced.
    pub force: bool,
    /// Whether nothing is changed.
    pub dry_run: bool,
}

/// What an import does with one value.
pub enum ImportStep {
    /// Nothing: this was done before, or would be done.
    Nothing(&'static str),
    /// The value is stored. Then this was done.
    Store(&'static str),
}

impl ImportRules {
    /// What to do with a value, by the one that is stored. `where_stored` follows "a different value is stored" in errors.
    pub fn choose(
        self,
        stored: Option<&Secret>,
        value: &Secret,
        where_stored: &str,
    ) -> Result<ImportStep, NotDone> {
        Ok(match stored {
            Some(stored) if stored == value => ImportStep::Nothing("unchanged"),
            Some(_) if !self.force && self.dry_run => {
                return Err(NotDone::because("would replace a different value, which needs --force"));
            }
            Some(_) if !self.force => {
                return Err(NotDone::because(&format!(
                    "was not stored: a different value is stored{where_stored}. To replace it, use --force"
                )));
            }
            Some(_) if self.dry_run => ImportStep::Nothing("would replace"),
            None if self.dry_run => ImportStep::Nothing("would store"),
            Some(_) => ImportStep::Store("replaced"),
            None => ImportStep::Store("stored"),
        })
    }
}

/// How the copy of a value ended.
#[derive(Debug, PartialEq)]
pub enum CopyOutcome {
    /// The value was copied.
    Copied,
    /// The value was there already.
    Unchanged,
    /// A different value is stored under the key, or was read back.
    Differs,
    /// The value is empty. Some stores cannot tell that from a missing credential.
    Empty,
}

/// Why something was not done with a credential.
pub struct NotDone {
    /// The message, which follows the credential's label.
    pub message: String,
    /// Whether this error would stop the other credentials, too.
    pub stops: bool,
    /// The program's exit code. If several credentials fail, the highest counts.
    pub exit_code: i32,
}

impl NotDone {
    /// The credential itself is the reason.
    pub fn because(message: &str) -> Self {
        Self { message: message.into(), stops: false, exit_code: FAILED }
    }

    /// A call failed. `message` says what was not done.
    pub fn failed(message: &str, error: &Error) -> Self {
        // A user who dismissed a prompt must not be asked again for each of the others, a wrong setting or key is wrong
        // for all of them, and so is a store that is not there or does not answer.
        let stops = [
            Reason::NoBus,
            Reason::NoService,
            Reason::NoSession,
            Reason::NoKeychain,
            Reason::NoKey,
            Reason::NoFile,
            Reason::Locked,
            Reason::Dismissed,
            Reason::NotPrivate,
            Reason::Untrusted,
            Reason::WrongKey,
            Reason::Unreachable,
            Reason::Timeout,
            Reason::InvalidSetting,
        ]
        .contains(&error.reason());
        Self { message: format!("{message}: {}", describe(error)), stops, exit_code: code_of(error) }
    }
}

/// Stores a value, reads it back and compares. Never overwrites a value.
pub async fn copy_value(
    store: &dyn Store,
    key: &Key,
    value: &Secret,
    progress: &Progress,
) -> Result<CopyOutcome, Error> {
    if value.expose().is_empty() {
        return Ok(CopyOutcome::Empty);
    }
    if let Some(stored) = store.get(key, progress).await? {
        return Ok(if stored == *value { CopyOutcome::Unchanged } else { CopyOutcome::Differs });
    }
    store.set(key, value, SetOptions::default(), progress).await?;
    let copied = store.get(key, progress).await?.as_ref() == Some(value);
    Ok(if copied { CopyOutcome::Copied } else { CopyOutcome::Differs })
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
            (None, (|value| Some(value.clone())) as fn(&Secret) -> Option<Secret>, "v", CopyOutcome::Copied),
            (None, |_| None, "v", CopyOutcome::Differs),
            (None, |_| Some(Secret::new(b"other".to_vec())), "v", CopyOutcome::Differs),
            (Some("v"), |_| panic!("it is there"), "v", CopyOutcome::Unchanged),
            (Some("newer"), |_| panic!("it would be overwritten"), "v", CopyOutcome::Differs),
            (None, |_| panic!("there is nothing to store"), "", CopyOutcome::Empty),
        ] {
            let store = Unreliable { kept: Mutex::new(there.map(secret)), keeps };
            let progress = Progress::changing(true);
            assert_eq!(copy_value(&store, &key, &secret(value), &progress).await, Ok(outcome));
        }
    }
}
