//! Replacing the secret of an existing item, without making the item anew.

use zbus::OwnedObjectPath;

use super::{attempt::Attempt, daemon::Daemon, fault::Fault, shared_searches::SearchIn};
use crate::credential::Secret;

impl Attempt<'_> {
    /// Whether the service's `SetSecret` has the same effect as its `CreateItem` on an existing item.
    ///
    /// gnome-keyring's has: attributes, label, content type and times come out the same. `CreateItem` takes twice as
    /// long, and longer in a larger keyring. With other services we always use `CreateItem`: KeePassXC, for example,
    /// asks the user at `CreateItem` and not at `SetSecret`.
    pub(super) async fn replaces_in_place(&self) -> bool {
        self.link.session.is_numbered() && self.link.wire.daemon().await == Daemon::GnomeKeyring
    }

    /// Gives the key's only item in the default collection another secret. Returns whether that was done.
    pub(super) async fn replace_secret(&self, value: &Secret) -> Result<bool, Fault> {
        // Acquired before we look at the item, so that nothing waits between that and the change.
        let permit = self.link.wire.bus().acquire_change_permit().await?;
        let item = match self.find_plain_item().await {
            Ok(Some(item)) => item,
            Ok(None) => return Ok(false),
            // The reply to CreateItem will tell what is wrong.
            Err(fault) if fault.is_answer() => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let secret = self.link.session.encode(value)?;
        match self.link.wire.set_secret(&item, secret, permit, self.progress).await {
            Ok(()) => {
                self.progress.done();
                self.link.cache.remember_item(self.key, item);
                Ok(true)
            }
            // The item is locked, or was deleted since.
            Err(fault) if fault.is_refusal() => {
                self.progress.refused();
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Finds the key's only item in the default collection, if it is as we make items.
    async fn find_plain_item(&self) -> Result<Option<OwnedObjectPath>, Fault> {
        let mut found = self.link.searches.find_items(self.key, SearchIn::Default).await?.unlocked;
        match (found.pop(), found.is_empty()) {
            (Some(item), true) if self.link.cache.is_plain(&item, self.key).await? => Ok(Some(item)),
            _ => Ok(None),
        }
    }
}
