//! The Secret Service specification's messages, each a function: the wire, without its meaning.
//!
//! <https://specifications.freedesktop.org/secret-service-spec/latest/>

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::OnceCell;
use zbus::{
    Message, OwnedObjectPath, OwnedVariant, Type, Variant,
    names::{OwnedUniqueName, UniqueName},
};

use super::{
    arguments::Arguments,
    bus::{Bus, Method, Turn},
    crypto,
    fault::{Fault, readable},
};
use crate::{credential::Key, progress::Progress};

/// The name that providers of the Secret Service own on the bus.
pub const SERVICE_NAME: &str = "org.freedesktop.secrets";
/// Where the collection that new items go to is always found.
pub const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";

const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const SESSION: &str = "org.freedesktop.Secret.Session";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// The interface of prompts.
pub const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// The schema under which `Bun.secrets` stores its credentials.
const SCHEMA: &str = "com.oven-sh.bun.Secret";
/// The attribute that says what kind of item it is.
pub const SCHEMA_ATTRIBUTE: &str = "xdg:schema";
const SERVICE_ATTRIBUTE: &str = "service";
/// The attribute that holds a key's name.
pub const ACCOUNT_ATTRIBUTE: &str = "account";

/// A secret on the wire: the specification's `Secret` structure, `(oayays)`.
#[derive(Clone, Serialize, serde::Deserialize, Type)]
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
#[derive(Clone)]
pub struct Found {
    /// Items that can be read now.
    pub unlocked: Vec<OwnedObjectPath>,
    /// Items that must be unlocked first.
    pub locked: Vec<OwnedObjectPath>,
}

impl Found {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.unlocked.len() + self.locked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One service on one bus.
///
/// Messages go to the service's unique name, not to the name it owns: what one service was told in
/// confidence never reaches another that takes its place.
pub struct Wire {
    bus: Bus,
    service: OwnedUniqueName,
    daemon: OnceCell<Daemon>,
}

/// Which program provides the service, where that makes a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Daemon {
    /// It shows the items of what is locked as well, but under another schema where that was not
    /// unlocked since it started. It is not to be told to dismiss a prompt.
    GnomeKeyring,
    /// It answers a search of what is locked when the person has unlocked it.
    KeePassXc,
    /// One that does as the specification says, more or less.
    Other,
    /// The bus does not tell, as those of sandboxes may not.
    Unknown,
}

impl Daemon {
    /// Which one the service of this unique name is: gnome-keyring and KeePassXC own a name besides.
    async fn of(service: &OwnedUniqueName, bus: &Bus) -> Self {
        let owners =
            tokio::join!(bus.owner("org.gnome.keyring"), bus.owner("org.keepassxc.KeePassXC.MainWindow"));
        let is_service = |owner: &Option<String>| owner.as_deref() == Some(service.as_str());
        match owners {
            (Ok(owner), _) if is_service(&owner) => Self::GnomeKeyring,
            (_, Ok(owner)) if is_service(&owner) => Self::KeePassXc,
            (Ok(_), Ok(_)) => Self::Other,
            _ => Self::Unknown,
        }
    }
}

impl Wire {
    /// Sends to `service` over `bus`.
    pub fn new(bus: Bus, service: OwnedUniqueName) -> Self {
        Self { bus, service, daemon: OnceCell::new() }
    }

    /// The bus that messages go over.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The same service, over another connection.
    pub async fn reconnect(&self) -> Result<Self, Fault> {
        let daemon = self.daemon.clone();
        Ok(Self { bus: self.bus.reconnect().await?, service: self.service.clone(), daemon })
    }

    /// Which program the service is. The bus is asked the first time that somebody needs to know.
    pub async fn daemon(&self) -> Daemon {
        *self.daemon.get_or_init(|| Daemon::of(&self.service, &self.bus)).await
    }

    /// The unique name of the service.
    pub fn service(&self) -> &UniqueName<'static> {
        self.service.inner()
    }

    /// The items of a key, in all collections. They may have other attributes besides.
    pub async fn search_items(&self, key: &Key, turn: Turn) -> Result<Found, Fault> {
        self.search(owned(&attributes(key)), turn).await
    }

    /// The items of a service, or of all.
    pub async fn search_service(&self, service: Option<&str>) -> Result<Found, Fault> {
        let mut attributes = vec![(SCHEMA_ATTRIBUTE, SCHEMA)];
        attributes.extend(service.map(|service| (SERVICE_ATTRIBUTE, service)));
        self.search(owned(&attributes), self.bus.search_turn().await?).await
    }

    /// The items of a service and name, or of all, under any schema.
    pub async fn search_any_schema(&self, service: Option<&str>, name: Option<&str>) -> Result<Found, Fault> {
        let service = service.map(|service| (SERVICE_ATTRIBUTE, service));
        let name = name.map(|name| (ACCOUNT_ATTRIBUTE, name));
        let attributes = owned(&service.into_iter().chain(name).collect::<Vec<_>>());
        self.search(attributes, self.bus.search_turn().await?).await
    }

    /// The items of a key in the default collection. They may have other attributes besides, and be
    /// locked, though they count as unlocked here: only reading them tells.
    pub async fn search_default(&self, key: &Key, turn: Turn) -> Result<Found, Fault> {
        let name = "SearchItems";
        let method = self.method(DEFAULT_COLLECTION, COLLECTION, name);
        let unlocked = read(name, &self.bus.search(method.with(owned(&attributes(key))), turn).await?)?;
        Ok(Found { unlocked, locked: Vec::new() })
    }

    async fn search(&self, attributes: BTreeMap<String, String>, turn: Turn) -> Result<Found, Fault> {
        let name = "SearchItems";
        let request = self.method(SERVICE_PATH, SERVICE, name).with(attributes);
        let reply = self.bus.search(request, turn).await?;
        let (unlocked, locked) = read(name, &reply)?;
        Ok(Found { unlocked, locked })
    }

    /// The key of an item; `None` where its attributes do not make one.
    pub async fn key(&self, item: &OwnedObjectPath) -> Result<Option<Key>, Fault> {
        let mut attributes = self.attributes(item).await?;
        let service = attributes.remove(SERVICE_ATTRIBUTE);
        Ok(service.zip(attributes.remove(ACCOUNT_ATTRIBUTE)).map(|(service, name)| Key { service, name }))
    }

    /// The attributes of an item.
    pub async fn attributes(&self, item: &OwnedObjectPath) -> Result<HashMap<String, String>, Fault> {
        let attributes = self.property(item.as_str(), ITEM, "Attributes").await?;
        HashMap::try_from(attributes).map_err(|_| Fault::malformed("with Attributes that are not texts"))
    }

    /// Whether an item is as [`create_item`](Self::create_item) makes it for a key: its attributes,
    /// no others, and its label.
    pub async fn is_plain(&self, item: &OwnedObjectPath, key: &Key) -> Result<bool, Fault> {
        let mut properties: HashMap<String, OwnedVariant> =
            self.call(item.as_str(), PROPERTIES, "GetAll", ITEM.into()).await?;
        let label = properties.remove("Label").and_then(|label| String::try_from(label).ok());
        let found = properties.remove("Attributes").and_then(|found| HashMap::try_from(found).ok());
        let expected = attributes(key);
        let as_expected = |found: HashMap<String, String>| {
            let has = |&(name, value): &(&str, &str)| found.get(name).is_some_and(|found| found == value);
            found.len() == expected.len() && expected.iter().all(has)
        };
        Ok(label == Some(key.label()) && found.is_some_and(as_expected))
    }

    /// The secret of one item, encrypted for a session.
    pub async fn get_secret(
        &self,
        item: &OwnedObjectPath,
        session: &OwnedObjectPath,
    ) -> Result<WireSecret, Fault> {
        // The reply is a message of one structure, which zbus gives apart from a tuple of one.
        let (secret,) = self.call(item.as_str(), ITEM, "GetSecret", (session.clone(),).into()).await?;
        Ok(secret)
    }

    /// The secrets of several items, encrypted for a session; some services leave out what is locked or
    /// not there, others refuse for it.
    pub async fn get_secrets(
        &self,
        items: Vec<OwnedObjectPath>,
        session: &OwnedObjectPath,
    ) -> Result<HashMap<OwnedObjectPath, WireSecret>, Fault> {
        self.call(SERVICE_PATH, SERVICE, "GetSecrets", (items, session.clone()).into()).await
    }

    /// Stores an item in the default collection, in place of one with the same attributes: the item,
    /// and the prompt that must be run first. One of them is `/`, for none.
    pub async fn create_item(
        &self,
        key: &Key,
        secret: WireSecret,
        progress: &Progress,
    ) -> Result<(OwnedObjectPath, OwnedObjectPath), Fault> {
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(key.label())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(owned(&attributes(key)))),
        ]);
        let body = (properties, secret, true);
        let method = self.method(DEFAULT_COLLECTION, COLLECTION, "CreateItem");
        let turn = self.bus.change_turn().await?;
        read("CreateItem", &self.bus.change(method.with(body), turn, progress).await?)
    }

    /// Gives an item another secret.
    pub async fn set_secret(
        &self,
        item: &OwnedObjectPath,
        secret: WireSecret,
        turn: Turn,
        progress: &Progress,
    ) -> Result<(), Fault> {
        let method = self.method(item.as_str(), ITEM, "SetSecret");
        // The arguments are one structure, which zbus takes apart from a tuple of one.
        read("SetSecret", &self.bus.change(method.with((secret,)), turn, progress).await?)
    }

    /// Deletes an item: the prompt that must be run first, `/` where there is none.
    pub async fn delete_item(
        &self,
        item: &OwnedObjectPath,
        progress: &Progress,
    ) -> Result<OwnedObjectPath, Fault> {
        let method = self.method(item.as_str(), ITEM, "Delete");
        let turn = self.bus.change_turn().await?;
        read("Delete", &self.bus.change(method.with(()), turn, progress).await?)
    }

    /// Unlocks items or collections: the prompt that must be run for it, `/` where there is none.
    pub async fn unlock(&self, objects: Vec<OwnedObjectPath>) -> Result<OwnedObjectPath, Fault> {
        let (_, prompt): (Vec<OwnedObjectPath>, _) =
            self.call(SERVICE_PATH, SERVICE, "Unlock", objects.into()).await?;
        Ok(prompt)
    }

    /// The default collection, where there is one.
    pub async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, Fault> {
        let path: OwnedObjectPath = self.call(SERVICE_PATH, SERVICE, "ReadAlias", "default".into()).await?;
        Ok((path.as_str() != "/").then_some(path))
    }

    /// Makes the default collection, as libsecret does: the prompt that must be run first, `/` where
    /// there is none.
    pub async fn create_default_collection(&self) -> Result<OwnedObjectPath, Fault> {
        let label =
            HashMap::from([("org.freedesktop.Secret.Collection.Label", Variant::from("Default keyring"))]);
        let body = (label, "default".to_owned());
        let (_, prompt): (OwnedObjectPath, _) =
            self.call(SERVICE_PATH, SERVICE, "CreateCollection", body.into()).await?;
        Ok(prompt)
    }

    /// All collections.
    pub async fn collections(&self) -> Result<Vec<OwnedObjectPath>, Fault> {
        let collections = self.property(SERVICE_PATH, SERVICE, "Collections").await?;
        Vec::try_from(collections).map_err(|_| Fault::malformed("with Collections that are not object paths"))
    }

    /// Whether a collection is there and locked.
    pub async fn is_locked(&self, collection: &str) -> Result<bool, Fault> {
        let locked = match self.property(collection, COLLECTION, "Locked").await {
            Err(fault) if fault.is_absent() => return Ok(false),
            locked => locked?,
        };
        bool::try_from(locked).map_err(|_| Fault::malformed("with a Locked that is not a boolean"))
    }

    /// Whether the default collection shows no items.
    pub async fn default_is_empty(&self) -> Result<bool, Fault> {
        let items = self.property(DEFAULT_COLLECTION, COLLECTION, "Items").await?;
        Vec::<OwnedObjectPath>::try_from(items)
            .map(|items| items.is_empty())
            .map_err(|_| Fault::malformed("with Items that are not object paths"))
    }

    async fn property(
        &self,
        object: &str,
        interface: &'static str,
        name: &'static str,
    ) -> Result<OwnedVariant, Fault> {
        self.call(object, PROPERTIES, "Get", (interface, name).into()).await
    }

    /// Shows a prompt; its signal `Completed` brings the outcome. gnome-keyring replies at once, within the
    /// deadline of a message. Other services may reply when the user has answered, which has no deadline.
    pub async fn prompt(&self, prompt: &OwnedObjectPath) -> Result<(), Fault> {
        // The argument names the window that the prompt belongs to; a program has none.
        let request = self.method(prompt.as_str(), PROMPT, "Prompt").with(String::new());
        let reply = match self.daemon().await {
            Daemon::GnomeKeyring => self.bus.call_at_once(request).await,
            _ => self.bus.call_patiently(request).await,
        };
        read("Prompt", &reply?)
    }

    /// Ends a prompt that nobody waits for any more.
    pub async fn dismiss(&self, prompt: &OwnedObjectPath) -> Result<(), Fault> {
        let method = self.method(prompt.as_str(), PROMPT, "Dismiss");
        read("Dismiss", &self.bus.call_at_once(method.with(())).await?)
    }

    /// Tells the service that a session is needed no more.
    pub async fn close_session(&self, session: &OwnedObjectPath) -> Result<(), Fault> {
        self.call(session.as_str(), SESSION, "Close", ().into()).await
    }

    /// Sends one method call and reads its reply.
    async fn call<R>(
        &self,
        path: &str,
        interface: &'static str,
        name: &'static str,
        arguments: Arguments,
    ) -> Result<R, Fault>
    where
        R: DeserializeOwned + Type,
    {
        read(name, &self.bus.call(self.method(path, interface, name).with(arguments)).await?)
    }

    fn method(&self, path: &str, interface: &'static str, name: &'static str) -> Method {
        Method { destination: self.service.to_string(), path: path.to_owned(), interface, name }
    }
}

/// Opens a session with whoever owns the service's name, which starts it where it can be started.
/// Gives the reply's sender, the service's own half of the exchange, and the session.
pub async fn open_session(
    bus: &Bus,
    algorithm: &'static str,
    input: OwnedVariant,
) -> Result<(OwnedUniqueName, OwnedVariant, OwnedObjectPath), Fault> {
    let (destination, path, name) = (SERVICE_NAME.to_owned(), SERVICE_PATH.to_owned(), "OpenSession");
    let method = Method { destination, path, interface: SERVICE, name };
    let reply = bus.call(method.with((algorithm, input))).await?;
    let sender = reply.header().sender().map(|sender| sender.to_owned().into());
    let (output, session) = read(name, &reply)?;
    Ok((sender.ok_or_else(|| Fault::malformed("OpenSession without a sender"))?, output, session))
}

fn read<R: DeserializeOwned + Type>(method: &'static str, reply: &Message) -> Result<R, Fault> {
    reply.body().deserialize().map_err(|error| {
        let error = readable(&error.to_string());
        Fault::malformed(format!("{method} with a reply of the wrong form ({error})"))
    })
}

/// The attributes by which a credential is stored and found, and nothing else.
fn attributes(key: &Key) -> [(&str, &str); 3] {
    [(SCHEMA_ATTRIBUTE, SCHEMA), (SERVICE_ATTRIBUTE, &key.service), (ACCOUNT_ATTRIBUTE, &key.name)]
}

/// In order: gnome-keyring compares them one after the other with those of every item that it has, and
/// `account` comes first, which tells most items apart.
fn owned(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut owned = BTreeMap::new();
    owned.extend(attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    owned
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

/// The path that a path is under.
pub fn parent(path: &OwnedObjectPath) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
