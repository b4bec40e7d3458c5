//! Finds out what state the store is in, without asking the user or changing anything.

use super::{
    SecretService,
    daemon::Daemon,
    fault::Fault,
    keyring_file::{self, KeyringFile},
    link::Link,
    spec::{DEFAULT_COLLECTION, SESSION_COLLECTION},
};
use crate::error::{Error, HostKind};

/// What state the store is in.
#[derive(Debug)]
pub struct Diagnosis {
    /// The address of the bus, or why it is not known.
    pub bus: Result<String, &'static str>,
    /// Whether the process has a display, on which a prompt can appear.
    pub has_display: bool,
    /// Where the process runs, if that is not a desktop.
    pub hosts: Vec<HostKind>,
    /// What the service says about itself, or why it does not answer.
    pub service: Result<Service, Error>,
}

/// What the Secret Service says about itself.
#[derive(Debug)]
pub struct Service {
    /// The name of the program, if the names that it owns on the bus identify it.
    pub provider: Option<&'static str>,
    /// Whether secrets are encrypted on the bus.
    pub encrypted_on_bus: bool,
    /// The default collection, to which new credentials go. `None` if it does not exist yet.
    pub collection: Option<String>,
    /// Whether the default collection is locked.
    pub locked: bool,
    /// The file of the default collection, if the service is gnome-keyring and we can read it. If there is no default
    /// collection, it is the file that gnome-keyring would serve as one if it could read it.
    pub keyring_file: Option<KeyringFile>,
}

impl Service {
    /// Whether credentials are kept when the session ends.
    pub fn is_persistent(&self) -> bool {
        self.collection.as_deref() != Some(SESSION_COLLECTION)
    }
}

impl SecretService {
    /// Examines the store.
    pub async fn diagnose(&self) -> Diagnosis {
        let environment = self.link.environment();
        let service = match self.link.link().await {
            Ok(link) => examine(&link).await,
            Err(fault) => Err(fault),
        };
        Diagnosis {
            bus: environment.bus_address.clone(),
            has_display: environment.has_display,
            hosts: environment.hosts.clone(),
            // Without what `hosts` mean for it, which have a field of their own.
            service: service.map_err(Error::from),
        }
    }
}

async fn find_provider(link: &Link) -> Option<&'static str> {
    match link.wire.daemon().await {
        Daemon::GnomeKeyring => return Some("gnome-keyring"),
        Daemon::KeePassXc => return Some("KeePassXC"),
        Daemon::Other | Daemon::Unknown => {}
    }
    for name in ["org.kde.kwalletd6", "org.kde.kwalletd5"] {
        if link
            .wire
            .bus()
            .find_owner(name)
            .await
            .is_ok_and(|owner| owner.as_deref() == Some(link.wire.service()))
        {
            return Some("KWallet");
        }
    }
    None
}

async fn examine(link: &Link) -> Result<Service, Fault> {
    let collection = link.wire.read_default_collection().await?.map(|path| path.to_string());
    let keyring_file = match &collection {
        Some(collection) => keyring_file::find(&link.wire, collection, &link.keyring_directories).await?,
        None => keyring_file::find_default(&link.wire, &link.keyring_directories).await?,
    };
    Ok(Service {
        provider: find_provider(link).await,
        encrypted_on_bus: link.session.is_encrypted(),
        collection,
        locked: link.wire.is_locked(DEFAULT_COLLECTION).await?,
        keyring_file,
    })
}
