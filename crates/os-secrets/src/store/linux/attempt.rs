//! One attempt of a call: what it needs, and how it asks the user.

use std::sync::Arc;

use zbus::OwnedObjectPath;

use super::{fault::Fault, link::Link};
use crate::{credential::Key, error::Error, progress::Progress};

/// The maximum number of rounds of one attempt. Other programs can replace or lock the item between any two messages,
/// but they do not do so for ever.
pub const MAX_ROUNDS: usize = 10;

/// One attempt of a call on one credential.
pub struct Attempt<'a> {
    /// The link that it is made on.
    pub link: Arc<Link>,
    /// The credential.
    pub key: &'a Key,
    /// Whether the call may ask the user, and what it has changed so far.
    pub progress: &'a Progress,
    already_asked: AlreadyAsked,
}

/// What the attempt has already asked the user for. If that had no effect, asking again has none either.
#[derive(Default)]
struct AlreadyAsked {
    to_unlock_for_search: bool,
    to_unlock_items: bool,
    to_create_default_collection: bool,
}

/// What something is unlocked for. An attempt unlocks once for each.
#[derive(Clone, Copy)]
pub enum UnlockFor {
    /// To see the items that a search does not show while they are locked.
    Search,
    /// To read or change items.
    Items,
}

impl<'a> Attempt<'a> {
    /// An attempt that has not asked the user for anything.
    pub fn new(link: Arc<Link>, key: &'a Key, progress: &'a Progress) -> Self {
        Self { link, key, progress, already_asked: AlreadyAsked::default() }
    }

    /// Unlocks objects, or fails with the reason why they stay locked. If an object no longer exists, it does nothing;
    /// the next search notices.
    pub async fn unlock(&mut self, objects: &[OwnedObjectPath], unlock_for: UnlockFor) -> Result<(), Fault> {
        let already_asked = match unlock_for {
            UnlockFor::Search => &mut self.already_asked.to_unlock_for_search,
            UnlockFor::Items => &mut self.already_asked.to_unlock_items,
        };
        if *already_asked {
            return Err(still_locked());
        }
        // Behind a pointer, because few calls need it, and all have room for it.
        *already_asked = Box::pin(self.link.prompts.unlock(objects, self.progress)).await?;
        Ok(())
    }

    /// Whether [`create_default_collection`](Self::create_default_collection) was called.
    pub fn has_created_default_collection(&self) -> bool {
        self.already_asked.to_create_default_collection
    }

    /// Creates the default collection. The service asks the user for a password.
    pub async fn create_default_collection(&mut self) -> Result<(), Fault> {
        self.link.prompts.create_default_collection(self.progress).await?;
        self.already_asked.to_create_default_collection = true;
        Ok(())
    }

    /// Runs the prompt that the service wants before it makes a change, and records whether the change was made. If
    /// the prompt is `/`, the change is already made.
    pub async fn confirm(&self, prompt: OwnedObjectPath) -> Result<(), Fault> {
        let outcome = self.link.prompts.confirm(prompt, self.key, self.progress).await;
        match &outcome {
            Ok(()) => self.progress.done(),
            Err(Fault::Final(_)) => self.progress.refused(),
            Err(_) => {}
        }
        outcome
    }
}

/// The service says that it has unlocked, and still refuses.
fn still_locked() -> Fault {
    Error::AccessDenied("the collection is still locked after unlocking it".into()).into()
}

/// In every round, another program had replaced the item before it could be used.
pub fn unsettled(operation: &'static str) -> Fault {
    Fault::malformed(format!(
        "{operation}, {MAX_ROUNDS} times, that the item it has just named does not exist"
    ))
}
