//! What state the store is in, found out without asking the person or changing anything.

use super::{
    SecretService,
    fault::Fault,
    link::Link,
    wire::{DEFAULT_COLLECTION, Daemon},
};
use crate::error::{Error, HostKind};

/// What there is to say of the store.
#[derive(Debug)]
pub struct Diagnosis {
    /// The address of the bus, or why there is none.
    pub bus: Result<String, &'static str>,
    /// Whether a prompt can appear somewhere.
    pub has_display: bool,
    /// Where the process runs, where that is not a desktop.
    pub host: Option<HostKind>,
    /// What the service says of itself, or why it does not answer.
    pub service: Result<Service, Error>,
}

/// What the Secret Service says of itself.
#[derive(Debug)]
pub struct Service {
    /// What the program is called, where the names that it owns on the bus tell.
    pub provider: Option<&'static str>,
    /// Whether secrets travel encrypted.
    pub encrypted: bool,
    /// The collection that new credentials go to; `None` where it is still to be made.
    pub collection: Option<String>,
    /// Whether that is locked.
    pub locked: bool,
}

impl Service {
    /// Whether what is stored outlives the session.
    pub fn is_persistent(&self) -> bool {
        // The one collection that the specification keeps in memory.
        self.collection.as_deref() != Some("/org/freedesktop/secrets/collection/session")
    }
}

impl SecretService {
    /// Examines the store.
    pub async fn diagnose(&self) -> Diagnosis {
        let environment = self.slot.environment();
        let service = match self.slot.link().await {
            Ok(link) => examine(&link).await,
            Err(fault) => Err(fault),
        };
        Diagnosis {
            bus: environment.bus_address.clone(),
            has_display: environment.has_display,
            host: environment.host,
            // The place is told apart.
            service: service.map_err(Error::from),
        }
    }
}

async fn daemon(link: &Link) -> Option<&'static str> {
    match link.wire.daemon().await {
        Daemon::GnomeKeyring => return Some("gnome-keyring"),
        Daemon::KeePassXc => return Some("KeePassXC"),
        Daemon::Other | Daemon::Unknown => {}
    }
    for name in ["org.kde.kwalletd6", "org.kde.kwalletd5"] {
        if link.wire.bus().owner(name).await.is_ok_and(|owner| owner.as_deref() == Some(link.wire.service()))
        {
            return Some("KWallet");
        }
    }
    None
}

async fn examine(link: &Link) -> Result<Service, Fault> {
    Ok(Service {
        provider: daemon(link).await,
        encrypted: link.session.is_encrypted(),
        collection: link.wire.default_collection().await?.map(|path| path.to_string()),
        locked: link.wire.is_locked(DEFAULT_COLLECTION).await?,
    })
}
