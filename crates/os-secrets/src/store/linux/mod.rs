//! Linux: the Secret Service, in the items of `Bun.secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what get, set and delete mean |
//! | `search.rs` | which items there are, also where what is locked hides them |
//! | `shared.rs` | one search for many calls |
//! | `prompt.rs` | unlocking, and asking the person |
//! | `batch.rs` | reading many secrets at once |
//! | `replace.rs` | another secret for an item that is there |
//! | `known.rs` | what need not be asked twice |
//! | `foreign.rs` | the items of other packages, to copy them |
//! | `diagnosis.rs` | what state the store is in |
//! | `link.rs` | the one connection, how it opens and ends |
//! | `session.rs`, `crypto.rs` | how secrets travel |
//! | `wire.rs`, `arguments.rs`, `fault.rs` | the specification's messages, and what can go wrong with one |
//! | `bus.rs`, `environment.rs` | where the bus is, and whether it may be trusted |

use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc};

use tokio::task::JoinSet;
use zbus::OwnedObjectPath;

use super::{Call, SetOptions, Store, check_size, settings::Settings};
use crate::{
    credential::{Key, Secret},
    environment::{Process, is_privileged},
    error::{Effect, Error},
    progress::Progress,
};

#[forbid(unsafe_code)]
mod arguments;
#[forbid(unsafe_code)]
pub mod batch;
pub mod bus;
#[forbid(unsafe_code)]
pub mod crypto;
#[forbid(unsafe_code)]
pub mod diagnosis;
pub mod environment;
#[forbid(unsafe_code)]
pub mod fault;
#[forbid(unsafe_code)]
pub mod foreign;
#[forbid(unsafe_code)]
mod known;
#[forbid(unsafe_code)]
pub mod link;
#[forbid(unsafe_code)]
pub mod prompt;
#[forbid(unsafe_code)]
mod replace;
#[forbid(unsafe_code)]
mod search;
#[forbid(unsafe_code)]
pub mod session;
#[forbid(unsafe_code)]
mod shared;
#[forbid(unsafe_code)]
pub mod wire;

pub use environment::Environment;
use fault::Fault;
use link::{Link, Slot};
use prompt::Answer;

/// Turns that one call may take: another program can replace or lock the item between any two
/// messages, but not for ever.
const TURNS: usize = 10;

/// More items of one name than this are not deleted: that is a faulty or hostile service, which would
/// keep the call busy for ever.
const MAX_DELETIONS: usize = 1000;

const NO_DISPLAY: &str = "the program runs without a display (neither DISPLAY nor WAYLAND_DISPLAY is set)";

/// What a call has asked the person for, each of it once.
#[derive(Default)]
struct Asked {
    /// To unlock what may hide items.
    in_search: bool,
    /// To unlock items, or the collection that they are in.
    for_items: bool,
    /// The password of a new default collection.
    for_default: bool,
}

/// A call on one link. Behind a pointer, so that repeating it is compiled once for each kind of outcome.
type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// The Secret Service on the session bus.
pub struct SecretService {
    slot: Slot,
}

impl SecretService {
    /// The service of the session that the process's environment describes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if `OS_SECRETS_TIMEOUT` is wrong.
    pub fn from_environment(settings: &Settings) -> Result<Self, Error> {
        Ok(Self::new(Environment::read(&Process, is_privileged(), settings.timeout.clone()?)))
    }

    /// The service of the session that an environment describes. It connects with the first call.
    pub fn new(environment: Environment) -> Self {
        Self { slot: Slot::new(environment) }
    }

    /// Runs a call on the current link, and once more on a new one where that was lost.
    async fn repeat<'a, T>(
        &'a self,
        progress: &'a Progress,
        call: &(dyn Fn(Arc<Link>) -> Attempt<'a, T> + Sync),
    ) -> Result<T, Error> {
        let mut repeated = false;
        loop {
            let outcome = match self.slot.link().await {
                Ok(link) => {
                    let outcome = call(Arc::clone(&link)).await;
                    if outcome.as_ref().is_err_and(Fault::is_lost) {
                        link.retire();
                        progress.lost();
                    }
                    outcome
                }
                Err(fault) => Err(fault),
            };
            match outcome {
                Err(fault) if fault.is_lost() && !repeated => repeated = true,
                outcome => {
                    return outcome.map_err(|fault| Error::from(fault).at(self.slot.environment().host));
                }
            }
        }
    }

    /// Unlocks objects, or says why they stay locked. A call may do so once: what is locked after the
    /// person has answered will not be opened by asking again.
    ///
    /// An object that is gone needs no unlocking; the next search tells.
    async fn unlock(
        &self,
        link: &Link,
        objects: &[OwnedObjectPath],
        asked: &mut bool,
        progress: &Progress,
    ) -> Result<(), Fault> {
        if *asked {
            return Err(still_locked());
        }
        let answer = match link.unlock(objects, progress).await {
            Err(fault) if fault.is_absent() => return Ok(()),
            answer => answer?,
        };
        *asked = true;
        self.accept(answer, "is locked and could not ask for its password")
    }

    /// Turns a dismissed prompt into the error it means. `need` is what the prompt was for.
    fn accept(&self, answer: Answer, need: &'static str) -> Result<(), Fault> {
        match answer {
            Answer::Completed => Ok(()),
            Answer::Dismissed if self.slot.environment().has_display => {
                Err(Error::UserCanceled { effect: Effect::None }.into())
            }
            Answer::Dismissed => Err(Error::InteractionRequired { need, reason: NO_DISPLAY.into() }.into()),
            Answer::NotShown(reason) => {
                Err(Error::InteractionRequired { need, reason: reason.into() }.into())
            }
        }
    }

    /// Runs a prompt that the service wants for one item, before it does what it was told, and notes
    /// whether it did.
    async fn confirm(
        &self,
        link: &Link,
        prompt: OwnedObjectPath,
        key: &Key,
        progress: &Progress,
    ) -> Result<(), Fault> {
        let answer = link.confirm(prompt, key, progress).await;
        let outcome =
            answer.and_then(|answer| self.accept(answer, "could not ask for the confirmation it wants"));
        match &outcome {
            Ok(()) => progress.done(),
            Err(Fault::Final(_)) => progress.refused(),
            Err(_) => {}
        }
        outcome
    }

    async fn get(&self, link: &Link, key: &Key, progress: &Progress) -> Result<Option<Secret>, Fault> {
        let asked = &mut Asked::default();
        for _ in 0..TURNS {
            let found = self.find(link, key, &mut asked.in_search, progress).await?;
            let Some((item, locked)) = found else { return Ok(None) };
            if !locked {
                match link.batch.get_secret(item.clone()).await {
                    Ok(secret) => return link.session.unseal(secret).map(Some),
                    // Replaced or deleted since the search.
                    Err(fault) if fault.is_absent() => continue,
                    Err(fault) if fault.is_locked() => {}
                    Err(fault) => return Err(fault),
                }
            }
            self.unlock(link, &[item], &mut asked.for_items, progress).await?;
        }
        Err(unsettled("GetSecret"))
    }

    async fn set(&self, link: &Link, key: &Key, value: &Secret, progress: &Progress) -> Result<(), Fault> {
        let in_place = self.replaces_in_place(link).await;
        if in_place && self.replace(link, key, value, progress).await? {
            return Ok(());
        }
        let asked = &mut Asked::default();
        for _ in 0..TURNS {
            let secret = link.session.seal(value)?;
            let fault = match link.wire.create_item(key, secret, progress).await {
                Ok((item, prompt)) => {
                    if in_place && prompt.as_str() == "/" {
                        link.learn_plain(item, key);
                    }
                    return self.confirm(link, prompt, key, progress).await;
                }
                Err(fault) => fault,
            };
            if !fault.is_refusal() {
                return Err(fault);
            }
            progress.refused();
            match link.wire.default_collection().await? {
                Some(collection) if fault.is_locked() => {
                    self.unlock(link, &[collection], &mut asked.for_items, progress).await?;
                }
                None if (fault.is_locked() || fault.is_absent()) && !asked.for_default => {
                    let need =
                        "has no default collection yet and could not ask for the password of a new one";
                    self.accept(link.create_default_collection(progress).await?, need)?;
                    asked.for_default = true;
                }
                _ => return Err(fault),
            }
        }
        Err(unsettled("CreateItem"))
    }

    /// Deletes every item of a key.
    async fn delete(&self, link: &Link, key: &Key, progress: &Progress) -> Result<(), Fault> {
        let asked = &mut Asked::default();
        for _ in 0..TURNS {
            let found = self.search(link, key, &mut asked.in_search, progress).await?;
            if found.len() > MAX_DELETIONS {
                return Err(Fault::malformed(format!(
                    "SearchItems with {} items of one name, which nobody can have stored",
                    found.len()
                )));
            }
            if !found.locked.is_empty() {
                // Before anything is deleted: all of them or none.
                self.unlock(link, &found.locked, &mut asked.for_items, progress).await?;
                continue;
            }
            let (mut locked, mut moved) = (false, false);
            for item in &found.unlocked {
                match link.wire.delete_item(item, progress).await {
                    Ok(prompt) => self.confirm(link, prompt, key, progress).await?,
                    Err(fault) => {
                        if fault.is_refusal() {
                            progress.refused();
                        }
                        match fault {
                            fault if fault.is_locked() => locked = true,
                            // Deleted by somebody else, or replaced: the next search tells.
                            fault if fault.is_absent() => moved = true,
                            fault => return Err(fault),
                        }
                    }
                }
            }
            if locked {
                self.unlock(link, &found.unlocked, &mut asked.for_items, progress).await?;
            } else if !moved {
                return Ok(());
            }
        }
        Err(unsettled("Delete"))
    }

    /// The keys of all items, or of one service's.
    async fn list(&self, link: &Link, service: Option<&str>) -> Result<Vec<Key>, Fault> {
        if search::would_ask(link).await? {
            return Err(Error::InteractionNotAllowed.into());
        }
        let found = link.wire.search_service(service).await?;
        if !search::shows_default(link, &found).await?
            && !self.hiding(link, &found, service, None).await?.is_empty()
        {
            return Err(Error::InteractionNotAllowed.into());
        }
        let mut reads = JoinSet::new();
        for item in found.unlocked.into_iter().chain(found.locked) {
            let wire = Arc::clone(&link.wire);
            reads.spawn(async move { wire.key(&item).await });
        }
        let mut keys = BTreeSet::new();
        while let Some(read) = reads.join_next().await {
            match read.map_err(|error| Error::Internal(format!("reading a name ended early: {error}")))? {
                Ok(key) => keys.extend(key),
                // Deleted since the search.
                Err(fault) if fault.is_absent() => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(keys.into_iter().collect())
    }
}

impl Store for SecretService {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            check_size(key, None)?;
            let get = |link: Arc<Link>| -> Attempt<_> {
                Box::pin(async move { self.get(&link, key, progress).await })
            };
            self.repeat(progress, &get).await
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            if value.expose().is_empty() {
                return Store::delete(self, key, progress).await.map(drop);
            }
            check_size(key, Some(value))?;
            let set = |link: Arc<Link>| -> Attempt<_> {
                Box::pin(async move {
                    self.set(&link, key, value, progress).await.map_err(|fault| fault.without(value))
                })
            };
            self.repeat(progress, &set).await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_size(key, None)?;
            let delete = |link: Arc<Link>| -> Attempt<_> {
                Box::pin(async move { self.delete(&link, key, progress).await })
            };
            self.repeat(progress, &delete).await?;
            // What a lost connection carried may have been done: then this call deleted it.
            Ok(progress.has_changed())
        })
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            check_size(key, None)?;
            let has = |link: Arc<Link>| -> Attempt<_> {
                Box::pin(async move { Ok(!self.search(&link, key, &mut false, progress).await?.is_empty()) })
            };
            self.repeat(progress, &has).await
        })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            let list =
                |link: Arc<Link>| -> Attempt<_> { Box::pin(async move { self.list(&link, service).await }) };
            self.repeat(progress, &list).await
        })
    }
}

/// The service says that it has unlocked, and does not let us in.
fn still_locked() -> Fault {
    Error::AccessDenied("what was unlocked is locked all the same".into()).into()
}

/// The item was another one every time it was looked up.
fn unsettled(operation: &'static str) -> Fault {
    Fault::malformed(format!("{operation}, {TURNS} times, that the item it has just named is not there"))
}
