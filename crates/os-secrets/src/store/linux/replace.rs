//! Replacing a secret in the item that holds it.

use zbus::OwnedObjectPath;

use super::{SecretService, fault::Fault, link::Link, shared::SearchIn, wire::Daemon};
use crate::{
    credential::{Key, Secret},
    progress::Progress,
};

impl SecretService {
    /// Whether the service replaces a secret in its item to the same end as it replaces the item.
    ///
    /// gnome-keyring's CreateItem comes to the same (attributes, label, content type and times), and
    /// takes twice as long, the more the larger the keyring. Other services are left to their own way:
    /// KeePassXC, for one, asks the person at CreateItem and not at SetSecret.
    pub(super) async fn replaces_in_place(&self, link: &Link) -> bool {
        link.session.is_numbered() && link.wire.daemon().await == Daemon::GnomeKeyring
    }

    /// Gives the one item of a key in the default collection another secret; whether that was done.
    pub(super) async fn replace(
        &self,
        link: &Link,
        key: &Key,
        value: &Secret,
        progress: &Progress,
    ) -> Result<bool, Fault> {
        // Before the item is looked at, so that nothing waits between that and the change.
        let turn = link.wire.bus().change_turn().await?;
        let item = match find_plain(link, key).await {
            Ok(Some(item)) => item,
            Ok(None) => return Ok(false),
            // CreateItem's answer tells what is the matter.
            Err(fault) if fault.is_answer() => return Ok(false),
            Err(fault) => return Err(fault),
        };
        match link.wire.set_secret(&item, link.session.seal(value)?, turn, progress).await {
            Ok(()) => {
                progress.done();
                Ok(true)
            }
            // Locked, or gone meanwhile.
            Err(fault) if fault.is_refusal() => {
                progress.refused();
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }
}

/// The one item of a key in the default collection, where it is as we make them.
async fn find_plain(link: &Link, key: &Key) -> Result<Option<OwnedObjectPath>, Fault> {
    let mut found = link.searches.items(key, SearchIn::Default).await?.unlocked;
    match (found.pop(), found.is_empty()) {
        (Some(item), true) if link.is_plain(&item, key).await? => Ok(Some(item)),
        _ => Ok(None),
    }
}
