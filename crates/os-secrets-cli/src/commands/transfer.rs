//! Copying credentials one by one, as `copy` and `migrate` do.

use crate::{
    context::Context,
    exit_codes::{FAILED, code_of},
    failure::Failure,
    output::printable,
};
use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    progress::Progress,
    store::{SetOptions, Store},
};

/// Copies credentials one by one, and prints what was done with each. `credentials` have the labels to print.
///
/// `copy` copies one credential and returns what it did, such as `copied`.
pub fn copy_each<T>(
    context: &Context,
    credentials: Vec<(String, T)>,
    copy: impl Fn(T) -> Result<&'static str, NotCopied>,
) -> Result<(), Failure> {
    if credentials.is_empty() {
        context.note("there is nothing to copy");
    }
    let (mut result, mut failed) = (String::new(), None);
    for (label, credential) in credentials {
        let label = printable(&label);
        match copy(credential) {
            Ok(done) => result.push_str(&format!("{done} {label}\n")),
            Err(not_copied) => {
                failed = failed.max(Some(not_copied.exit_code));
                context.print_message(&format!("{label} {}", not_copied.message));
                if not_copied.stops {
                    break;
                }
            }
        }
    }
    context.output.write(result.as_bytes())?;
    failed.map_or(Ok(()), |code| Err(Failure::Silent(code)))
}

/// How the copy of a value ended.
#[derive(Debug, PartialEq)]
pub enum CopyOutcome {
    /// The value was copied, or was there already.
    Copied,
    /// A different value is stored under the key, or was read back.
    Differs,
    /// The value is empty. Some stores cannot tell that from a missing credential.
    Empty,
}

/// Why a credential was not copied.
pub struct NotCopied {
    /// The message, which follows the credential's label.
    pub message: String,
    /// Whether this error would stop the other credentials, too.
    pub stops: bool,
    /// The program's exit code. If several credentials fail, the highest counts.
    pub exit_code: i32,
}

impl NotCopied {
    /// The credential itself is the reason.
    pub fn because(reason: &str) -> Self {
        Self { message: format!("was not copied: {reason}"), stops: false, exit_code: FAILED }
    }

    /// A call failed. `message` says what was not done.
    pub fn failed(message: &str, error: &Error) -> Self {
        // A user who dismissed a prompt must not be asked again for each of the others, and a wrong setting is wrong
        // for all of them.
        let stops = [Code::UserCanceled, Code::InteractionRequired, Code::AuthFailed, Code::InvalidSetting]
            .contains(&error.code());
        Self { message: format!("{message}: {error}"), stops, exit_code: code_of(error) }
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
    let mut stored = store.get(key, progress).await?;
    if stored.is_none() {
        store.set(key, value, SetOptions::default(), progress).await?;
        stored = store.get(key, progress).await?;
    }
    Ok(if stored.as_ref() == Some(value) { CopyOutcome::Copied } else { CopyOutcome::Differs })
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
            (Some("v"), |_| panic!("it is there"), "v", CopyOutcome::Copied),
            (Some("newer"), |_| panic!("it would be overwritten"), "v", CopyOutcome::Differs),
            (None, |_| panic!("there is nothing to store"), "", CopyOutcome::Empty),
        ] {
            let store = Unreliable { kept: Mutex::new(there.map(secret)), keeps };
            let progress = Progress::changing(true);
            assert_eq!(copy_value(&store, &key, &secret(value), &progress).await, Ok(outcome));
        }
    }
}
