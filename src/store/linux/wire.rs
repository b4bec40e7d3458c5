//! The Secret Service specification's messages, each a function: the wire, without its meaning.
//!
//! <https://specifications.freedesktop.org/secret-service-spec/latest/>

use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;
use zbus::{
    Connection, DynamicType, Message, OwnedObjectPath, OwnedVariant, Type, Variant,
    names::{OwnedUniqueName, UniqueName},
};

use super::{crypto, fault::Fault};
use crate::{credential::Key, error::Error};

/// The name that providers of the Secret Service own on the bus.
pub const SERVICE_NAME: &str = "org.freedesktop.secrets";
/// Where the collection that new items go to is always found.
pub const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";

const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const SESSION: &str = "org.freedesktop.Secret.Session";
/// The interface of prompts.
pub const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// The schema under which `Bun.secrets` stores its credentials.
const SCHEMA: &str = "com.oven-sh.bun.Secret";

/// As many calls may wait for replies at once; more wait their turn here. Buses limit it too, the
/// strictest of them to this many, and answer what is over their limit with an error.
const MAX_IN_FLIGHT: usize = 128;

/// A secret on the wire: the specification's `Secret` structure, `(oayays)`.
#[derive(Serialize, serde::Deserialize, Type)]
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

/// What a search found.
pub struct Found {
    /// Items that can be read now.
    pub unlocked: Vec<OwnedObjectPath>,
    /// Items that must be unlocked first.
    pub locked: Vec<OwnedObjectPath>,
}

/// One service on one connection.
///
/// Messages go to the service's unique name, not to the name it owns: what one service was told in
/// confidence never reaches another that takes its place.
pub struct Wire {
    connection: Connection,
    service: OwnedUniqueName,
    in_flight: Semaphore,
}

impl Wire {
    /// Sends to `service` over `connection`.
    pub fn new(connection: Connection, service: OwnedUniqueName) -> Self {
        Self { connection, service, in_flight: Semaphore::new(MAX_IN_FLIGHT) }
    }

    /// The connection that messages go over.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The unique name of the service.
    pub fn service(&self) -> &UniqueName<'static> {
        self.service.inner()
    }

    /// The items with exactly the attributes of a key, among others, in all collections.
    pub async fn search_items(&self, key: &Key) -> Result<Found, Fault> {
        let (unlocked, locked) =
            self.call(SERVICE_PATH, SERVICE, "SearchItems", owned(attributes(key))).await?;
        Ok(Found { unlocked, locked })
    }

    /// The secret of one item, encrypted for a session.
    pub async fn get_secret(
        &self,
        item: &OwnedObjectPath,
        session: &OwnedObjectPath,
    ) -> Result<WireSecret, Fault> {
        // The reply is a message of one structure, which zbus gives apart from a tuple of one.
        let (secret,) = self.call(item.as_str(), ITEM, "GetSecret", (session.clone(),)).await?;
        Ok(secret)
    }

    /// Stores an item in the default collection, in place of one with the same attributes: the
    /// item and the prompt that must be run first, each `/` where there is none.
    pub async fn create_item(
        &self,
        key: &Key,
        secret: WireSecret,
    ) -> Result<(OwnedObjectPath, OwnedObjectPath), Fault> {
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(key.label())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(owned(attributes(key)))),
        ]);
        self.call(DEFAULT_COLLECTION, COLLECTION, "CreateItem", (properties, secret, true)).await
    }

    /// Deletes an item: the prompt that must be run first, `/` where there is none.
    pub async fn delete_item(&self, item: &OwnedObjectPath) -> Result<OwnedObjectPath, Fault> {
        self.call(item.as_str(), ITEM, "Delete", ()).await
    }

    /// Unlocks items or collections: those that are unlocked now, and the prompt that must be run
    /// for the others.
    pub async fn unlock(
        &self,
        objects: Vec<OwnedObjectPath>,
    ) -> Result<(Vec<OwnedObjectPath>, OwnedObjectPath), Fault> {
        self.call(SERVICE_PATH, SERVICE, "Unlock", objects).await
    }

    /// The default collection, where there is one.
    pub async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, Fault> {
        let path: OwnedObjectPath =
            self.call(SERVICE_PATH, SERVICE, "ReadAlias", "default".to_owned()).await?;
        Ok((path.as_str() != "/").then_some(path))
    }

    /// Makes the default collection, as libsecret does: the collection and the prompt that must be
    /// run first, each `/` where there is none.
    pub async fn create_default_collection(&self) -> Result<(OwnedObjectPath, OwnedObjectPath), Fault> {
        let label =
            HashMap::from([("org.freedesktop.Secret.Collection.Label", Variant::from("Default keyring"))]);
        self.call(SERVICE_PATH, SERVICE, "CreateCollection", (label, "default".to_owned())).await
    }

    /// Whether a collection is locked.
    pub async fn is_locked(&self, collection: &OwnedObjectPath) -> Result<bool, Fault> {
        let locked = self.property(collection, COLLECTION, "Locked").await?;
        bool::try_from(locked).map_err(|_| Fault::malformed("with a Locked that is not a boolean"))
    }

    /// Whether a collection shows no items.
    pub async fn is_empty(&self, collection: &OwnedObjectPath) -> Result<bool, Fault> {
        let items = self.property(collection, COLLECTION, "Items").await?;
        Vec::<OwnedObjectPath>::try_from(items)
            .map(|items| items.is_empty())
            .map_err(|_| Fault::malformed("with Items that are not object paths"))
    }

    async fn property(
        &self,
        object: &OwnedObjectPath,
        interface: &'static str,
        name: &'static str,
    ) -> Result<OwnedVariant, Fault> {
        self.call(object.as_str(), "org.freedesktop.DBus.Properties", "Get", (interface, name)).await
    }

    /// Runs a prompt; its signal `Completed` brings the outcome.
    pub async fn prompt(&self, prompt: &OwnedObjectPath) -> Result<(), Fault> {
        // The window that the prompt belongs to; a program has none to name.
        self.call(prompt.as_str(), PROMPT, "Prompt", String::new()).await
    }

    /// Tells the service that a session is needed no more.
    pub async fn close_session(&self, session: &OwnedObjectPath) -> Result<(), Fault> {
        self.call(session.as_str(), SESSION, "Close", ()).await
    }

    /// Sends one method call and reads its reply.
    async fn call<B, R>(
        &self,
        path: &str,
        interface: &'static str,
        method: &'static str,
        body: B,
    ) -> Result<R, Fault>
    where
        B: Serialize + DynamicType + Send + Sync + 'static,
        R: DeserializeOwned + Type,
    {
        let _permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
        let reply =
            call(self.connection.clone(), self.service.to_string(), path, interface, method, body).await?;
        read(method, &reply)
    }
}

/// Opens a session with whoever owns the service's name, which starts it where it can be started.
/// Gives the reply's sender, the service's own half of the exchange, and the session.
pub async fn open_session(
    connection: &Connection,
    algorithm: &'static str,
    input: OwnedVariant,
) -> Result<(OwnedUniqueName, OwnedVariant, OwnedObjectPath), Fault> {
    let (name, method) = (SERVICE_NAME.to_owned(), "OpenSession");
    let reply = call(connection.clone(), name, SERVICE_PATH, SERVICE, method, (algorithm, input)).await?;
    let sender = reply.header().sender().map(|sender| sender.to_owned().into());
    let (output, session) = read(method, &reply)?;
    Ok((sender.ok_or_else(|| Fault::malformed("without a sender"))?, output, session))
}

/// Sends a method call and waits for its reply, in a task of its own: a message whose sender goes
/// away while it is half written would leave the connection unusable for all.
async fn call<B>(
    connection: Connection,
    destination: String,
    path: &str,
    interface: &'static str,
    method: &'static str,
    body: B,
) -> Result<Message, Fault>
where
    B: Serialize + DynamicType + Send + Sync + 'static,
{
    let path = path.to_owned();
    let task = tokio::spawn(async move {
        connection.call_method(Some(destination), path, Some(interface), method, &body).await
    });
    match task.await {
        Ok(reply) => reply.map_err(|error| Fault::from_call(method, error)),
        Err(error) => Err(Error::Internal(format!("{method} ended early: {error}")).into()),
    }
}

fn read<R: DeserializeOwned + Type>(method: &'static str, reply: &Message) -> Result<R, Fault> {
    reply
        .body()
        .deserialize()
        .map_err(|error| Fault::malformed(format!("{method} with a reply of the wrong form ({error})")))
}

/// The attributes by which a credential is stored and found, and nothing else.
fn attributes(key: &Key) -> [(&'static str, &str); 3] {
    [("xdg:schema", SCHEMA), ("service", &key.service), ("account", &key.name)]
}

fn owned(attributes: [(&'static str, &str); 3]) -> HashMap<String, String> {
    attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The algorithms of sessions, and what they exchange when they open.
pub mod algorithm {
    use super::*;

    /// Without encryption.
    pub const PLAIN: &str = "plain";
    /// With the encryption of [`crypto`].
    pub const ENCRYPTED: &str = crypto::ALGORITHM;

    /// What `plain` sends when it opens.
    pub fn no_input() -> OwnedVariant {
        Variant::from("").try_into().expect("a string holds no file descriptor")
    }

    /// What an encrypted session sends when it opens.
    pub fn public_number(bytes: Vec<u8>) -> OwnedVariant {
        Variant::from(bytes).try_into().expect("bytes hold no file descriptor")
    }
}
