//! Which program provides the Secret Service.

use zbus::names::OwnedUniqueName;

use super::bus::BusConnection;

/// Which program provides the Secret Service. Only programs that we treat differently have a variant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Daemon {
    /// gnome-keyring. It also finds the items of a locked keyring, but under another schema if that keyring was not
    /// unlocked since the daemon started. We must not dismiss its prompts (see `prompt.rs`).
    GnomeKeyring,
    /// KeePassXC. It answers a search of a locked database only when the user has unlocked it.
    KeePassXc,
    /// Any other. It follows the specification, more or less.
    Other,
    /// The bus does not tell, for example because a sandbox's proxy forbids the question.
    Unknown,
}

impl Daemon {
    /// Which one the service with this unique name is. gnome-keyring and KeePassXC own a second name on the bus,
    /// which identifies them.
    pub async fn identify(service: &OwnedUniqueName, bus: &BusConnection) -> Self {
        let owners = tokio::join!(
            bus.find_owner("org.gnome.keyring"),
            bus.find_owner("org.keepassxc.KeePassXC.MainWindow")
        );
        let is_service = |owner: &Option<String>| owner.as_deref() == Some(service.as_str());
        match owners {
            (Ok(owner), _) if is_service(&owner) => Self::GnomeKeyring,
            (_, Ok(owner)) if is_service(&owner) => Self::KeePassXc,
            (Ok(_), Ok(_)) => Self::Other,
            _ => Self::Unknown,
        }
    }
}
