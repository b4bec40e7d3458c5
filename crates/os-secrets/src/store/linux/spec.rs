//! Names and types of the Secret Service specification.
//!
//! <https://specifications.freedesktop.org/secret-service-spec/latest/>

use serde::{Deserialize, Serialize};
use zbus::{OwnedObjectPath, Type};

/// The name that the service owns on the bus.
pub const SERVICE_NAME: &str = "org.freedesktop.secrets";
/// The path of the service's own object.
pub const SERVICE_PATH: &str = "/org/freedesktop/secrets";
/// The alias of the default collection, to which new items go. The collection has another path as well.
pub const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";

/// The collection that is kept in memory only, until the session ends.
pub const SESSION_COLLECTION: &str = "/org/freedesktop/secrets/collection/session";

/// The interface of the service.
pub const SERVICE: &str = "org.freedesktop.Secret.Service";
/// The interface of collections.
pub const COLLECTION: &str = "org.freedesktop.Secret.Collection";
/// The interface of items.
pub const ITEM: &str = "org.freedesktop.Secret.Item";
/// The interface of sessions.
pub const SESSION: &str = "org.freedesktop.Secret.Session";
/// The interface of prompts.
pub const PROMPT: &str = "org.freedesktop.Secret.Prompt";
/// The interface of every object's properties.
pub const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A secret as it is sent over the bus: the specification's `Secret` structure, `(oayays)`.
#[derive(Clone, Serialize, Deserialize, Type)]
pub struct WireSecret {
    /// The session whose key encrypts it.
    pub session: OwnedObjectPath,
    /// The initialization vector; empty in a plain session.
    pub parameters: Vec<u8>,
    /// The ciphertext; in a plain session the secret.
    pub value: Vec<u8>,
    /// A media type.
    pub content_type: String,
}

/// The items that a search found.
#[derive(Clone)]
pub struct FoundItems {
    /// Items that can be read now.
    pub unlocked: Vec<OwnedObjectPath>,
    /// Items that must be unlocked first.
    pub locked: Vec<OwnedObjectPath>,
}

impl FoundItems {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.unlocked.len() + self.locked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a path is `/`, which stands for "no object".
pub fn is_null(path: &OwnedObjectPath) -> bool {
    path.as_str() == "/"
}

/// The path of the parent object. An item's parent is its collection.
pub fn parent(path: &OwnedObjectPath) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
