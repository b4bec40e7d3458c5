//! Replacing a secret in the item that holds it.

use super::{SecretService, fault::Fault, link::Link, searches::Scope, wire::Provider};
use crate::{
    credential::{Key, Secret},
    limits::Progress,
};

impl SecretService {
    /// Gives the one item of a key in the default collection another secret; whether that was done.
    ///
    /// gnome-keyring's CreateItem comes to the same item in the end (its attributes, label, content
    /// type and times), and takes twice as long, the more the larger the keyring. Other services
    /// are left to their own way: KeePassXC asks the person at CreateItem, and would not here.
    pub(super) async fn replace(
        &self,
        link: &Link,
        key: &Key,
        value: &Secret,
        progress: &Progress,
    ) -> Result<bool, Fault> {
        if !link.session.is_numbered() || link.wire.provider().await != Provider::GnomeKeyring {
            return Ok(false);
        }
        match try_to_replace(link, key, value, progress).await {
            // Locked, gone, or never there: CreateItem's answer tells what to do about it.
            Err(fault) if fault.is_refusal() => {
                progress.refused();
                Ok(false)
            }
            outcome => outcome,
        }
    }
}

async fn try_to_replace(link: &Link, key: &Key, value: &Secret, progress: &Progress) -> Result<bool, Fault> {
    let found = link.searches.items(key, Scope::Default).await?;
    let [item] = &found.unlocked[..] else { return Ok(false) };
    if !link.is_plain(item, key).await? {
        return Ok(false);
    }
    link.wire.set_secret(item, link.session.seal(value)?, progress).await?;
    progress.done();
    Ok(true)
}
