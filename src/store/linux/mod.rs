//! Linux: the Secret Service, in the items of `Bun.secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what get, set and delete mean |
//! | `prompt.rs` | unlocking, and asking the person |
//! | `link.rs` | the one connection, how it opens and ends |
//! | `session.rs`, `crypto.rs` | how secrets travel |
//! | `wire.rs`, `fault.rs` | the specification's messages, and what can go wrong with one |
//! | `bus.rs`, `environment.rs` | where the bus is, and whether it may be trusted |

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use zbus::OwnedObjectPath;

use super::{Call, Store};
use crate::{
    credential::{Key, Secret},
    error::Error,
};

pub mod bus;
#[forbid(unsafe_code)]
pub mod crypto;
pub mod environment;
#[forbid(unsafe_code)]
pub mod fault;
#[forbid(unsafe_code)]
pub mod link;
#[forbid(unsafe_code)]
pub mod prompt;
#[forbid(unsafe_code)]
pub mod session;
#[forbid(unsafe_code)]
pub mod wire;

pub use environment::Environment;
use fault::Fault;
use link::{Link, Slot};
use prompt::Answer;
use wire::Found;

/// The largest value in bytes: what a D-Bus array may hold (64 MiB), less room for the padding.
pub const MAX_VALUE: usize = (64 << 20) - 1024;
/// The largest service and name together, in bytes: they stand twice in one message, as attributes
/// and as label, beside a value.
pub const MAX_KEY: usize = 16 << 20;

/// Turns that one call may take: another program can replace or lock the item between any two
/// messages, but not for ever.
const TURNS: usize = 10;

/// The Secret Service on the session bus.
pub struct SecretService {
    slot: Slot,
}

impl SecretService {
    /// The service of the session that the environment describes. It connects with the first call.
    pub fn new(environment: Environment) -> Self {
        Self { slot: Slot::new(environment) }
    }

    /// Runs a call on the current link, and once more on a new one where that was lost.
    async fn repeat<T, F>(&self, call: impl Fn(Arc<Link>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut repeated = false;
        loop {
            let outcome = match self.slot.link().await {
                Ok(link) => {
                    let outcome = call(Arc::clone(&link)).await;
                    if outcome.as_ref().is_err_and(Fault::is_lost) {
                        link.end();
                    }
                    outcome
                }
                Err(fault) => Err(fault),
            };
            match outcome {
                Err(fault) if fault.is_lost() && !repeated => repeated = true,
                outcome => return outcome.map_err(Error::from),
            }
        }
    }

    /// Unlocks objects, or says why they stay locked.
    async fn unlock(&self, link: &Link, objects: &[OwnedObjectPath]) -> Result<(), Fault> {
        self.accept(link.unlock(objects).await?)
    }

    /// Turns a dismissed prompt into the error it means.
    fn accept(&self, answer: Answer) -> Result<(), Fault> {
        match answer {
            Answer::Completed => Ok(()),
            Answer::Dismissed if self.slot.environment().has_display => Err(Error::UserCanceled.into()),
            Answer::Dismissed => Err(Error::InteractionRequired.into()),
        }
    }

    /// All items of a key. Where there are none and the default collection is locked and hides what
    /// it holds, it is unlocked and searched again.
    async fn search(&self, link: &Link, key: &Key) -> Result<Found, Fault> {
        let found = link.wire.search_items(key).await?;
        if !found.unlocked.is_empty() || !found.locked.is_empty() {
            return Ok(found);
        }
        let collection = OwnedObjectPath::try_from(wire::DEFAULT_COLLECTION).expect("a valid path");
        let hides = match link.wire.is_locked(&collection).await {
            Ok(true) => link.wire.is_empty(&collection).await,
            locked => locked,
        };
        match hides {
            Ok(true) => {}
            Ok(false) => return Ok(found),
            // There is no default collection.
            Err(fault) if fault.is_absent() => return Ok(found),
            Err(fault) => return Err(fault),
        }
        let Some(collection) = link.wire.default_collection().await? else { return Ok(found) };
        self.unlock(link, &[collection]).await?;
        link.wire.search_items(key).await
    }

    async fn get(&self, link: &Link, key: &Key) -> Result<Option<Secret>, Fault> {
        for _ in 0..TURNS {
            let found = self.search(link, key).await?;
            let Some((item, locked)) = self.choose(link, found).await? else { return Ok(None) };
            if locked {
                self.unlock(link, std::slice::from_ref(&item)).await?;
            }
            match link.wire.get_secret(&item, link.session.path()).await {
                Ok(secret) => return link.session.unseal(secret).map(Some),
                Err(fault) if fault.is_locked() => self.unlock(link, &[item]).await?,
                // Replaced or deleted since the search.
                Err(fault) if fault.is_absent() => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(unsettled("GetSecret"))
    }

    /// Of several items, the one in the default collection, else an unlocked one; with it, whether
    /// it is locked.
    async fn choose(&self, link: &Link, found: Found) -> Result<Option<(OwnedObjectPath, bool)>, Fault> {
        let several = found.unlocked.len() + found.locked.len() > 1;
        let unlocked = found.unlocked.into_iter().map(|item| (item, false));
        let mut items: Vec<_> = unlocked.chain(found.locked.into_iter().map(|item| (item, true))).collect();
        if several && let Some(collection) = link.wire.default_collection().await? {
            let prefix = format!("{}/", collection.as_str());
            if let Some(at) = items.iter().position(|(item, _)| item.as_str().starts_with(&prefix)) {
                return Ok(Some(items.swap_remove(at)));
            }
        }
        Ok(items.into_iter().next())
    }

    async fn set(&self, link: &Link, key: &Key, value: &Secret) -> Result<(), Fault> {
        for _ in 0..TURNS {
            match link.wire.create_item(key, link.session.seal(value)?).await {
                Ok((_, prompt)) => return self.accept(link.run_prompt(&prompt).await?),
                Err(fault) if fault.is_locked() => {
                    if let Some(collection) = link.wire.default_collection().await? {
                        self.unlock(link, &[collection]).await?;
                    }
                }
                Err(fault) if fault.is_absent() => {
                    if link.wire.default_collection().await?.is_some() {
                        return Err(fault);
                    }
                    self.accept(link.create_default_collection().await?)?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(unsettled("CreateItem"))
    }

    /// Deletes every item of a key. `sent` is set before the first message that deletes.
    async fn delete(&self, link: &Link, key: &Key, sent: &AtomicBool) -> Result<bool, Fault> {
        let mut deleted = false;
        for _ in 0..TURNS {
            let found = self.search(link, key).await?;
            if !found.locked.is_empty() {
                // Before anything is deleted: all of them or none.
                self.unlock(link, &found.locked).await?;
            }
            let mut locked_again = false;
            for item in found.unlocked.iter().chain(&found.locked) {
                sent.store(true, Ordering::Relaxed);
                match link.wire.delete_item(item).await {
                    Ok(prompt) => {
                        self.accept(link.run_prompt(&prompt).await?)?;
                        deleted = true;
                    }
                    Err(fault) if fault.is_locked() => locked_again = true,
                    // Somebody else deleted it.
                    Err(fault) if fault.is_absent() => {}
                    Err(fault) => return Err(fault),
                }
            }
            if !locked_again {
                return Ok(deleted);
            }
        }
        Err(unsettled("Delete"))
    }
}

impl Store for SecretService {
    fn get<'a>(&'a self, key: &'a Key) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            check_size(key, None)?;
            self.repeat(|link| async move { self.get(&link, key).await }).await
        })
    }

    fn set<'a>(&'a self, key: &'a Key, value: &'a Secret) -> Call<'a, ()> {
        Box::pin(async move {
            if value.expose().is_empty() {
                return Store::delete(self, key).await.map(drop);
            }
            check_size(key, Some(value))?;
            self.repeat(|link| async move { self.set(&link, key, value).await }).await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Call<'a, bool> {
        Box::pin(async move {
            check_size(key, None)?;
            let sent = &AtomicBool::new(false);
            self.repeat(|link| async move {
                // What the lost connection carried may have been done: then this call deleted it.
                let before = sent.load(Ordering::Relaxed);
                Ok(self.delete(&link, key, sent).await? || before)
            })
            .await
        })
    }
}

/// Refuses what no message of the bus could carry, before anything is sent.
fn check_size(key: &Key, value: Option<&Secret>) -> Result<(), Error> {
    let size = key.service.len() + key.name.len();
    if size > MAX_KEY {
        return Err(Error::TooLarge { what: "service and name", size, limit: MAX_KEY });
    }
    match value.map(|value| value.expose().len()) {
        Some(size) if size > MAX_VALUE => Err(Error::TooLarge { what: "value", size, limit: MAX_VALUE }),
        _ => Ok(()),
    }
}

/// The object stayed locked or kept changing, however often it was unlocked or looked up.
fn unsettled(operation: &'static str) -> Fault {
    Error::AccessDenied(
        format!("{operation} found the item locked or replaced every time it was tried ({TURNS} times)")
            .into(),
    )
    .into()
}
