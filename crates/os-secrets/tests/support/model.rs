//! What a Secret Service holds, independent of the bus.
//!
//! It is correct and strict by default. The public fields of [`Model`] select the ways in which real services differ, all
//! of them within the specification.

use std::collections::{BTreeMap, HashMap, HashSet};

use os_secrets::credential;
use serde::{Deserialize, Serialize};
use zbus::{Message, OwnedObjectPath, Type, Variant};

use super::{answers::sender, crypto};

/// The default collection's path at first.
pub const LOGIN: &str = "/org/freedesktop/secrets/collection/login";
/// The path of another collection, which does not exist at first. It sorts before the default one.
pub const ARCHIVE: &str = "/org/freedesktop/secrets/collection/archive";

const ALIAS: &str = "/org/freedesktop/secrets/aliases/default";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";
/// The path that stands for "no object".
pub const NONE: &str = "/";

/// There is no session with this path, or it belongs to another client.
pub const NO_SESSION: &str = "org.freedesktop.Secret.Error.NoSession";
/// The object must be unlocked first.
pub const IS_LOCKED: &str = "org.freedesktop.Secret.Error.IsLocked";
/// There is no object with this path.
pub const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
/// The service does not offer the session's algorithm.
pub const NOT_SUPPORTED: &str = "org.freedesktop.DBus.Error.NotSupported";

/// The specification's `Secret`.
#[derive(Clone, Serialize, Deserialize, Type)]
pub struct SecretStruct {
    /// The session for which it is encrypted.
    pub session: OwnedObjectPath,
    /// The initialization vector.
    pub parameters: Vec<u8>,
    /// The ciphertext.
    pub value: Vec<u8>,
    /// The media type of the value.
    pub content_type: String,
}

/// What happens at a prompt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnPrompt {
    /// The user answers at once.
    Complete,
    /// The user answers before the reply to `Prompt` is sent.
    CompleteEarly,
    /// The user agrees at once, but that has no effect.
    CompleteInVain,
    /// The user dismisses it at once.
    Dismiss,
    /// The user does nothing until [`Model::settle_prompts`].
    Wait,
    /// The signal `Completed` makes no sense.
    Garble,
}

/// The encryption that the service offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// It works.
    Offered,
    /// The service offers none.
    Missing,
    /// For this many exchanges from now on, the shared number begins with a zero byte.
    Ambiguous(usize),
}

/// A collection of items.
pub struct Collection {
    /// Its name for users.
    pub label: String,
    /// Whether its items can neither be read nor changed.
    pub locked: bool,
    /// Whether it refuses as if it were locked until it is unlocked for the first time, as KWallet's wallets do.
    pub unopened: bool,
}

/// A stored secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The attributes by which it is found.
    pub attributes: HashMap<String, String>,
    /// Its name for users.
    pub label: String,
    /// The secret.
    pub value: Vec<u8>,
    /// The media type of the secret.
    pub content_type: String,
}

/// What a prompt does when it is answered.
pub enum Errand {
    /// Unlocks these for the client that asked.
    Unlock(Vec<OwnedObjectPath>, Client),
    /// Stores this in the default collection.
    Store(Item),
    /// Deletes this.
    Delete(String),
    /// Creates the default collection with this label.
    MakeDefault(String),
}

/// The unique name of a calling connection.
pub type Client = String;

/// An open session.
pub struct OpenSession {
    /// The client that opened it.
    pub client: Client,
    /// The key that encrypts its secrets. `None` in a plain session.
    pub key: Option<crypto::Key>,
}

/// A Secret Service.
pub struct Model {
    /// The encryption that it offers.
    pub encryption: Encryption,
    /// What happens at prompts.
    pub on_prompt: OnPrompt,
    /// Whether a search does not find locked items, and a locked collection looks empty, as in KeePassXC.
    pub hides_locked: bool,
    /// Whether a locked collection lists its items in spite of `hides_locked`, as in oo7.
    pub lists_hidden: bool,
    /// Whether storing an item needs a prompt, as in KeePassXC.
    pub stores_by_prompt: bool,
    /// Whether deleting an item needs a prompt, as in KeePassXC.
    pub deletes_by_prompt: bool,
    /// Whether locked items cannot be found by their schema, as in gnome-keyring before a keyring is
    /// unlocked for the first time.
    pub hides_schema: bool,
    /// Whether an item is locked for each connection that has not unlocked it by its own prompt, as in KeePassXC.
    pub asks_for_each_client: bool,
    /// Whether an item that is replaced gets a new path, as in oo7.
    pub moves_replaced: bool,
    /// Whether the paths of sessions are numbered as in gnome-keyring.
    pub numbers_sessions: bool,
    /// Whether each secret that is sent lacks its last byte.
    pub spoils: bool,
    /// The error for objects that do not exist.
    pub absent: &'static str,
    /// The path of the default collection.
    pub default: Option<String>,
    /// The collections by path.
    pub collections: BTreeMap<String, Collection>,
    /// The items by path.
    pub items: BTreeMap<String, Item>,
    admitted: HashSet<(Client, String)>,
    pub(super) sessions: HashMap<String, OpenSession>,
    pub(super) prompts: BTreeMap<String, Errand>,
    pub(super) waiting: Vec<String>,
    made: u32,
}

impl Model {
    /// A service with an unlocked, empty default collection.
    pub fn new() -> Self {
        let login = Collection { label: "Login".into(), locked: false, unopened: false };
        Self {
            encryption: Encryption::Offered,
            on_prompt: OnPrompt::Complete,
            hides_locked: false,
            lists_hidden: false,
            stores_by_prompt: false,
            deletes_by_prompt: false,
            hides_schema: false,
            asks_for_each_client: false,
            moves_replaced: false,
            numbers_sessions: false,
            spoils: false,
            absent: UNKNOWN_OBJECT,
            default: Some(LOGIN.into()),
            collections: BTreeMap::from([(LOGIN.into(), login)]),
            items: BTreeMap::new(),
            admitted: HashSet::new(),
            sessions: HashMap::new(),
            prompts: BTreeMap::new(),
            waiting: Vec::new(),
            made: 0,
        }
    }

    /// Puts an item with the attributes of a credential into a collection, which is created if it does not exist. Returns
    /// the item's path.
    pub fn put(&mut self, collection: &str, key: &credential::Key, value: &[u8]) -> String {
        let made = || Collection { label: "Made by a test".into(), locked: false, unopened: false };
        self.collections.entry(collection.into()).or_insert_with(made);
        let item = Item {
            attributes: [
                ("xdg:schema", "com.oven-sh.bun.Secret"),
                ("service", &key.service),
                ("account", &key.name),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            label: "Put by a test".into(),
            value: value.into(),
            content_type: "text/plain".into(),
        };
        let path = self.new_path(collection);
        self.items.insert(path.clone(), item);
        path
    }

    /// Locks or unlocks a collection.
    pub fn lock(&mut self, collection: &str, locked: bool) {
        self.collections.get_mut(collection).unwrap().locked = locked;
    }

    /// Moves every item to a new path.
    pub fn move_items(&mut self) {
        for (path, item) in std::mem::take(&mut self.items) {
            let moved = self.new_path(parent(&path));
            self.items.insert(moved, item);
        }
    }

    /// Resets everything except the sessions, because the process stays the same.
    pub fn start_over(&mut self) {
        let sessions = std::mem::take(&mut self.sessions);
        *self = Self { sessions, made: self.made, ..Self::new() };
    }

    /// The paths of all objects.
    pub fn paths(&self) -> Vec<String> {
        let keys = self.collections.keys().chain(self.items.keys()).chain(self.prompts.keys());
        keys.chain(self.sessions.keys()).chain(&self.default).cloned().collect()
    }

    /// Forgets what is lost when the process of a service ends.
    pub fn forget_clients(&mut self) {
        self.sessions.clear();
        self.prompts.clear();
        self.waiting.clear();
    }

    /// The paths of the prompts that wait for the user.
    pub fn waiting_prompts(&self) -> &[String] {
        &self.waiting
    }

    /// Ends the prompts that wait for the user. Returns the signals to send.
    pub fn settle_prompts(&mut self, how: OnPrompt) -> Vec<Message> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.iter().map(|path| self.end_prompt(path, how)).collect()
    }

    /// Ends a prompt. Returns the signal to send.
    pub(super) fn end_prompt(&mut self, path: &str, how: OnPrompt) -> Message {
        let errand = self.prompts.remove(path).unwrap();
        let signal = Message::signal(path.to_owned(), PROMPT, "Completed");
        let result = match how {
            OnPrompt::Complete | OnPrompt::CompleteEarly => self.run(errand),
            OnPrompt::CompleteInVain => Variant::from(Vec::<OwnedObjectPath>::new()),
            OnPrompt::Dismiss | OnPrompt::Wait => return signal.build(&(true, Variant::from(""))).unwrap(),
            OnPrompt::Garble => return signal.build(&"neither a boolean nor a result").unwrap(),
        };
        signal.build(&(false, result)).unwrap()
    }

    fn run(&mut self, errand: Errand) -> Variant<'static> {
        match errand {
            Errand::Unlock(objects, client) => {
                for path in &objects {
                    self.admit(client.clone(), path);
                    let name = if self.collections.contains_key(path.as_str()) { path } else { parent(path) };
                    self.lock(name, false);
                }
                Variant::from(objects)
            }
            Errand::Store(item) => {
                let collection = self.default.clone().unwrap();
                Variant::from(object(&self.store(&collection, item)))
            }
            Errand::Delete(path) => {
                self.items.remove(&path);
                Variant::from("")
            }
            Errand::MakeDefault(label) => {
                self.collections.insert(LOGIN.into(), Collection { label, locked: false, unopened: false });
                self.default = Some(LOGIN.into());
                Variant::from(object(LOGIN))
            }
        }
    }

    pub(super) fn store(&mut self, collection: &str, item: Item) -> String {
        let same =
            |(path, old): &(&String, &Item)| parent(path) == collection && old.attributes == item.attributes;
        let replaced = self.items.iter().find(same).map(|(path, _)| path.clone());
        let path = match replaced {
            Some(path) if self.moves_replaced => {
                self.items.remove(&path);
                self.new_path(collection)
            }
            Some(path) => path,
            None => self.new_path(collection),
        };
        self.items.insert(path.clone(), item);
        path
    }

    pub(super) fn session(&self, path: &str, call: &Message) -> Result<&OpenSession, &'static str> {
        self.sessions.get(path).filter(|session| session.client == sender(call)).ok_or(NO_SESSION)
    }

    /// The path of the collection with this path or alias.
    pub(super) fn collection_at(&self, path: &str) -> Result<String, &'static str> {
        let path = if path == ALIAS { self.default.as_deref() } else { Some(path) };
        path.filter(|path| self.collections.contains_key(*path)).map(str::to_owned).ok_or(self.absent)
    }

    /// Whether a collection or an item shows as locked to the client that calls.
    pub(super) fn is_locked(&self, path: &str, call: &Message) -> bool {
        let admitted = || self.admitted.contains(&(sender(call), path.into()));
        self.collection_of(path).is_some_and(|collection| collection.locked)
            || self.asks_for_each_client && self.items.contains_key(path) && !admitted()
    }

    /// Whether a collection or an item is refused as locked to the client that calls.
    pub(super) fn refuses(&self, path: &str, call: &Message) -> bool {
        self.is_locked(path, call) || self.collection_of(path).is_some_and(|collection| collection.unopened)
    }

    /// Unlocks an item for a client.
    pub(super) fn admit(&mut self, client: Client, item: &str) {
        self.admitted.insert((client, item.into()));
    }

    fn collection_of(&self, path: &str) -> Option<&Collection> {
        self.collections.get(path).or_else(|| self.collections.get(parent(path)))
    }

    /// Records that a collection, or that of an item, was unlocked for the first time.
    pub(super) fn open(&mut self, path: &str) {
        let name = if self.collections.contains_key(path) { path } else { parent(path) };
        if let Some(collection) = self.collections.get_mut(name) {
            collection.unopened = false;
        }
    }

    pub(super) fn new_path(&mut self, parent: &str) -> String {
        self.made += 1;
        format!("{parent}/{}", self.made)
    }

    pub(super) fn new_prompt(&mut self, errand: Errand) -> OwnedObjectPath {
        let path = self.new_path("/org/freedesktop/secrets/prompt");
        let prompt = object(&path);
        self.prompts.insert(path, errand);
        prompt
    }
}

/// A path in the type that messages have.
pub fn object(path: &str) -> OwnedObjectPath {
    path.try_into().unwrap()
}

/// The path of the parent object.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').unwrap().0
}
