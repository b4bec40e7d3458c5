//! The messages of the Secret Service specification, one function for each. What they mean for a call is decided
//! elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use zbus::{
    Message, OwnedObjectPath, OwnedVariant, Type, Variant,
    names::{OwnedUniqueName, UniqueName},
};

use super::{
    arguments::Arguments,
    attributes,
    bus::{BusConnection, CallPermit, Method},
    crypto,
    daemon::Daemon,
    fault::{Fault, on_one_line},
    spec::{
        COLLECTION, DEFAULT_COLLECTION, FoundItems, ITEM, PROMPT, PROPERTIES, SERVICE, SERVICE_NAME,
        SERVICE_PATH, SESSION, WireSecret, is_null,
    },
};
use crate::{credential::Key, progress::Progress};

/// One service on one bus.
///
/// Messages go to the service's unique name, not to the name that it owns. Another service that takes over the name
/// never receives what the first one was told.
pub struct Wire {
    bus: BusConnection,
    service: OwnedUniqueName,
    daemon: OnceCell<Daemon>,
}

impl Wire {
    /// Sends to `service` over `bus`.
    pub fn new(bus: BusConnection, service: OwnedUniqueName) -> Self {
        Self { bus, service, daemon: OnceCell::new() }
    }

    /// The bus that carries the messages.
    pub fn bus(&self) -> &BusConnection {
        &self.bus
    }

    /// The same service, over another connection.
    pub async fn reconnect(&self) -> Result<Self, Fault> {
        let daemon = self.daemon.clone();
        Ok(Self { bus: self.bus.reconnect().await?, service: self.service.clone(), daemon })
    }

    /// Which program the service is. The first call asks the bus.
    pub async fn daemon(&self) -> Daemon {
        *self.daemon.get_or_init(|| Box::pin(Daemon::identify(&self.service, &self.bus))).await
    }

    /// Which program the service is, if the bus was asked before.
    pub fn known_daemon(&self) -> Option<Daemon> {
        self.daemon.get().copied()
    }

    /// The unique name of the service.
    pub fn service(&self) -> &UniqueName<'static> {
        self.service.inner()
    }

    /// Finds the items of a key in all collections. They may have more attributes than the key's.
    pub async fn search_key(&self, key: &Key, permit: CallPermit) -> Result<FoundItems, Fault> {
        self.search(attributes::sorted(&attributes::of_key(key)), permit).await
    }

    /// Finds the items of a service, or all, that have the schema of `Bun.secrets`.
    pub async fn search_service(&self, service: Option<&str>) -> Result<FoundItems, Fault> {
        let mut wanted = vec![(attributes::SCHEMA, attributes::BUN_SCHEMA)];
        wanted.extend(service.map(|service| (attributes::SERVICE, service)));
        self.search(attributes::sorted(&wanted), self.bus.acquire_search_permit().await?).await
    }

    /// Finds the items of a service and name, or all, whatever their schema.
    pub async fn search_any_schema(
        &self,
        service: Option<&str>,
        name: Option<&str>,
    ) -> Result<FoundItems, Fault> {
        let service = service.map(|service| (attributes::SERVICE, service));
        let name = name.map(|name| (attributes::ACCOUNT, name));
        let wanted = attributes::sorted(&service.into_iter().chain(name).collect::<Vec<_>>());
        self.search(wanted, self.bus.acquire_search_permit().await?).await
    }

    /// Finds the items of a key in the default collection. They may have more attributes than the key's. All of
    /// them are in `unlocked`: the reply does not say which ones are locked, but reading one does.
    pub async fn search_key_in_default(&self, key: &Key, permit: CallPermit) -> Result<FoundItems, Fault> {
        let name = "SearchItems";
        let method = self.method(DEFAULT_COLLECTION, COLLECTION, name);
        let request = method.with(attributes::sorted(&attributes::of_key(key)));
        let unlocked = read_body(name, &self.bus.search(request, permit).await?)?;
        Ok(FoundItems { unlocked, locked: Vec::new() })
    }

    async fn search(
        &self,
        wanted: BTreeMap<String, String>,
        permit: CallPermit,
    ) -> Result<FoundItems, Fault> {
        let name = "SearchItems";
        let request = self.method(SERVICE_PATH, SERVICE, name).with(wanted);
        let reply = self.bus.search(request, permit).await?;
        let (unlocked, locked) = read_body(name, &reply)?;
        Ok(FoundItems { unlocked, locked })
    }

    /// Reads the key of an item. `None` if the item lacks one of a key's attributes.
    pub async fn read_key(&self, item: &OwnedObjectPath) -> Result<Option<Key>, Fault> {
        let mut found = self.read_attributes(item).await?;
        let service = found.remove(attributes::SERVICE);
        Ok(service.zip(found.remove(attributes::ACCOUNT)).map(|(service, name)| Key { service, name }))
    }

    /// Reads when an item was changed. `None` if the service does not know.
    pub async fn read_change(&self, item: &OwnedObjectPath) -> Result<Option<SystemTime>, Fault> {
        let found = self.read_property(item.as_str(), ITEM, "Modified").await?;
        let seconds =
            u64::try_from(found).map_err(|_| Fault::malformed("with a time that is not a number"))?;
        let changed = || UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        Ok((seconds > 0).then(changed).flatten())
    }

    /// Reads the attributes of an item.
    pub async fn read_attributes(&self, item: &OwnedObjectPath) -> Result<HashMap<String, String>, Fault> {
        let found = self.read_property(item.as_str(), ITEM, "Attributes").await?;
        HashMap::try_from(found).map_err(|_| Fault::malformed("with Attributes that are not texts"))
    }

    /// Whether an item is as [`create_item`](Self::create_item) makes it for a key: the same attributes, no others,
    /// and the same label.
    pub async fn is_plain(&self, item: &OwnedObjectPath, key: &Key) -> Result<bool, Fault> {
        let mut properties: HashMap<String, OwnedVariant> =
            self.call(item.as_str(), PROPERTIES, "GetAll", ITEM.into()).await?;
        let label = properties.remove("Label").and_then(|label| String::try_from(label).ok());
        let found = properties.remove("Attributes").and_then(|found| HashMap::try_from(found).ok());
        let expected = attributes::of_key(key);
        let as_expected = |found: HashMap<String, String>| {
            let has = |&(name, value): &(&str, &str)| found.get(name).is_some_and(|found| found == value);
            found.len() == expected.len() && expected.iter().all(has)
        };
        Ok(label == Some(key.label()) && found.is_some_and(as_expected))
    }

    /// Reads the secret of one item, encrypted for a session.
    pub async fn get_secret(
        &self,
        item: &OwnedObjectPath,
        session: &OwnedObjectPath,
    ) -> Result<WireSecret, Fault> {
        // The body is one structure. zbus reads that as a tuple with one field.
        let (secret,) = self.call(item.as_str(), ITEM, "GetSecret", (session.clone(),).into()).await?;
        Ok(secret)
    }

    /// Reads the secrets of several items, encrypted for a session. If an item is locked or missing, some services
    /// leave it out, and others refuse the whole call.
    pub async fn get_secrets(
        &self,
        items: Vec<OwnedObjectPath>,
        session: &OwnedObjectPath,
    ) -> Result<HashMap<OwnedObjectPath, WireSecret>, Fault> {
        self.call(SERVICE_PATH, SERVICE, "GetSecrets", (items, session.clone()).into()).await
    }

    /// Stores an item in the default collection. It replaces an item with the same attributes. Returns the item and the
    /// prompt that must be run first. The one that does not exist is `/`.
    pub async fn create_item(
        &self,
        key: &Key,
        secret: WireSecret,
        progress: &Progress,
    ) -> Result<(OwnedObjectPath, OwnedObjectPath), Fault> {
        let attributes = attributes::sorted(&attributes::of_key(key));
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(key.label())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        let replace = true;
        let body = (properties, secret, replace);
        let method = self.method(DEFAULT_COLLECTION, COLLECTION, "CreateItem");
        let permit = self.bus.acquire_change_permit().await?;
        read_body("CreateItem", &self.bus.change(method.with(body), permit, progress).await?)
    }

    /// Gives an item another secret.
    pub async fn set_secret(
        &self,
        item: &OwnedObjectPath,
        secret: WireSecret,
        permit: CallPermit,
        progress: &Progress,
    ) -> Result<(), Fault> {
        let method = self.method(item.as_str(), ITEM, "SetSecret");
        // The body is one structure. zbus writes a tuple with one field as that.
        read_body("SetSecret", &self.bus.change(method.with((secret,)), permit, progress).await?)
    }

    /// Deletes an item. Returns the prompt that must be run first, or `/`.
    pub async fn delete_item(
        &self,
        item: &OwnedObjectPath,
        progress: &Progress,
    ) -> Result<OwnedObjectPath, Fault> {
        let method = self.method(item.as_str(), ITEM, "Delete");
        let permit = self.bus.acquire_change_permit().await?;
        read_body("Delete", &self.bus.change(method.with(()), permit, progress).await?)
    }

    /// Unlocks items or collections. Returns the prompt that must be run for it, or `/`.
    pub async fn unlock(&self, objects: Vec<OwnedObjectPath>) -> Result<OwnedObjectPath, Fault> {
        let (_, prompt): (Vec<OwnedObjectPath>, _) =
            self.call(SERVICE_PATH, SERVICE, "Unlock", objects.into()).await?;
        Ok(prompt)
    }

    /// Reads the path of the default collection. `None` if there is no default collection.
    pub async fn read_default_collection(&self) -> Result<Option<OwnedObjectPath>, Fault> {
        let path: OwnedObjectPath = self.call(SERVICE_PATH, SERVICE, "ReadAlias", "default".into()).await?;
        Ok((!is_null(&path)).then_some(path))
    }

    /// Creates the default collection, as libsecret does. Returns the prompt that must be run first, or `/`.
    pub async fn create_default_collection(&self) -> Result<OwnedObjectPath, Fault> {
        let label =
            HashMap::from([("org.freedesktop.Secret.Collection.Label", Variant::from("Default keyring"))]);
        let body = (label, "default".to_owned());
        let (_, prompt): (OwnedObjectPath, _) =
            self.call(SERVICE_PATH, SERVICE, "CreateCollection", body.into()).await?;
        Ok(prompt)
    }

    /// Reads the paths of all collections.
    pub async fn read_collections(&self) -> Result<Vec<OwnedObjectPath>, Fault> {
        let collections = self.read_property(SERVICE_PATH, SERVICE, "Collections").await?;
        Vec::try_from(collections).map_err(|_| Fault::malformed("with Collections that are not object paths"))
    }

    /// Whether a collection exists and is locked.
    pub async fn is_locked(&self, collection: &str) -> Result<bool, Fault> {
        let locked = match self.read_property(collection, COLLECTION, "Locked").await {
            Err(fault) if fault.is_absent() => return Ok(false),
            locked => locked?,
        };
        bool::try_from(locked).map_err(|_| Fault::malformed("with a Locked that is not a boolean"))
    }

    /// Whether the default collection shows no items.
    pub async fn is_default_empty(&self) -> Result<bool, Fault> {
        let items = self.read_property(DEFAULT_COLLECTION, COLLECTION, "Items").await?;
        Vec::<OwnedObjectPath>::try_from(items)
            .map(|items| items.is_empty())
            .map_err(|_| Fault::malformed("with Items that are not object paths"))
    }

    async fn read_property(
        &self,
        object: &str,
        interface: &'static str,
        name: &'static str,
    ) -> Result<OwnedVariant, Fault> {
        self.call(object, PROPERTIES, "Get", (interface, name).into()).await
    }

    /// Shows a prompt. The signal `Completed` brings its outcome later. gnome-keyring replies at once, within the
    /// deadline of a message. Other services may reply only when the user has answered, which has no deadline.
    pub async fn show_prompt(&self, prompt: &OwnedObjectPath) -> Result<(), Fault> {
        // The argument names the parent window of the dialog. We have none.
        let request = self.method(prompt.as_str(), PROMPT, "Prompt").with(String::new());
        let reply = match self.daemon().await {
            Daemon::GnomeKeyring => self.bus.call_without_permit(request).await,
            _ => self.bus.call_without_deadline(request).await,
        };
        read_body("Prompt", &reply?)
    }

    /// Ends a prompt whose caller has gone.
    pub async fn dismiss_prompt(&self, prompt: &OwnedObjectPath) -> Result<(), Fault> {
        let method = self.method(prompt.as_str(), PROMPT, "Dismiss");
        read_body("Dismiss", &self.bus.call_without_permit(method.with(())).await?)
    }

    /// Tells the service that a session is no longer needed.
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
        // Behind a pointer, because most calls never send most of these messages, and have room for each.
        let call = Box::pin(self.bus.call(self.method(path, interface, name).with(arguments)));
        read_body(name, &call.await?)
    }

    fn method(&self, path: &str, interface: &'static str, name: &'static str) -> Method {
        Method { destination: self.service.to_string(), path: path.to_owned(), interface, name }
    }
}

/// A session that the service has just opened.
pub struct OpenedSession {
    /// The unique name of the service.
    pub service: OwnedUniqueName,
    /// The service's half of the key exchange.
    pub output: OwnedVariant,
    /// The session's path.
    pub path: OwnedObjectPath,
}

/// Opens a session without encryption.
pub async fn open_plain_session(bus: &BusConnection) -> Result<OpenedSession, Fault> {
    open_session(bus, "plain", Variant::from("")).await
}

/// Opens a session with the encryption of [`crypto`]. `public_number` is our half of the key exchange.
pub async fn open_encrypted_session(
    bus: &BusConnection,
    public_number: Vec<u8>,
) -> Result<OpenedSession, Fault> {
    open_session(bus, crypto::ALGORITHM, Variant::from(public_number)).await
}

/// Opens a session with whichever program owns the service's name. The bus starts one if it can.
async fn open_session(
    bus: &BusConnection,
    algorithm: &'static str,
    input: Variant<'static>,
) -> Result<OpenedSession, Fault> {
    let (destination, path, name) = (SERVICE_NAME.to_owned(), SERVICE_PATH.to_owned(), "OpenSession");
    let method = Method { destination, path, interface: SERVICE, name };
    let input: OwnedVariant = input.try_into().expect("a string or bytes hold no file descriptor");
    let reply = bus.call(method.with((algorithm, input))).await?;
    let service = reply.header().sender().map(|sender| sender.to_owned().into());
    let (output, path) = read_body(name, &reply)?;
    let service = service.ok_or_else(|| Fault::malformed("OpenSession without a sender"))?;
    Ok(OpenedSession { service, output, path })
}

fn read_body<R: DeserializeOwned + Type>(method: &'static str, reply: &Message) -> Result<R, Fault> {
    reply.body().deserialize().map_err(|error| {
        let error = on_one_line(&error.to_string());
        Fault::malformed(format!("{method} with a reply of the wrong form ({error})"))
    })
}
