//! The service's replies to the methods of the specification.

use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use zbus::{DynamicType, Message, OwnedObjectPath, OwnedVariant, Type, Variant};

use super::{
    crypto,
    model::{
        Encryption, Errand, IS_LOCKED, Item, Model, NONE, NOT_SUPPORTED, OnPrompt, OpenSession, SecretStruct,
        object, parent,
    },
};

const SERVICE: &str = "/org/freedesktop/secrets";
const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";

/// The reply, or the name of an error.
type Answered = Result<Message, &'static str>;

impl Model {
    /// The messages by which a correct service answers a call.
    pub fn answer(&mut self, call: &Message) -> Vec<Message> {
        let header = call.header();
        let path = header.path().unwrap().as_str();
        let mut signal = None;
        let answer = match header.member().unwrap().as_str() {
            "OpenSession" => self.open_session(call),
            "SearchItems" if path == SERVICE => self.search_items(call),
            "SearchItems" => self.search_collection(call, path),
            "Unlock" => self.unlock(call),
            "GetSecrets" => self.get_secrets(call),
            "ReadAlias" => self.read_alias(call),
            "CreateCollection" => self.create_collection(call),
            "CreateItem" => self.create_item(call, path),
            "SetSecret" => self.set_secret(call, path),
            "Get" => self.get_property(call, path),
            "GetAll" => self.get_properties(call, path),
            "GetSecret" => self.get_secret(call, path),
            "Delete" => self.delete(call, path),
            "Close" => self.close(call, path),
            "Prompt" if self.prompts.contains_key(path) => {
                if self.on_prompt == OnPrompt::Wait {
                    self.waiting.push(path.into());
                } else {
                    signal = Some(self.end_prompt(path, self.on_prompt));
                }
                Ok(reply(call, &()))
            }
            "Dismiss" if self.prompts.contains_key(path) => {
                self.waiting.retain(|waiting| waiting != path);
                signal = Some(self.end_prompt(path, OnPrompt::Dismiss));
                Ok(reply(call, &()))
            }
            _ => Err(UNKNOWN_METHOD),
        };
        let reply = answer.unwrap_or_else(|name| error(call, name, "the scripted service refuses"));
        let mut messages: Vec<_> = [reply].into_iter().chain(signal).collect();
        if self.on_prompt == OnPrompt::CompleteEarly {
            messages.reverse();
        }
        messages
    }

    fn open_session(&mut self, call: &Message) -> Answered {
        let (algorithm, input): (String, OwnedVariant) = arguments(call)?;
        let (output, key) = match (algorithm.as_str(), self.encryption) {
            ("plain", _) => (Variant::from(""), None),
            ("dh-ietf1024-sha256-aes128-cbc-pkcs7", Encryption::Missing) => return Err(NOT_SUPPORTED),
            ("dh-ietf1024-sha256-aes128-cbc-pkcs7", encryption) => {
                let peer = Vec::<u8>::try_from(input).map_err(|_| INVALID_ARGS)?;
                let ambiguous = matches!(encryption, Encryption::Ambiguous(1..));
                if let Encryption::Ambiguous(left) = &mut self.encryption {
                    *left = left.saturating_sub(1);
                }
                let (public, key) = crypto::exchange(&peer, ambiguous);
                (Variant::from(public), Some(key))
            }
            _ => return Err(NOT_SUPPORTED),
        };
        let parent = "/org/freedesktop/secrets/session";
        let path = match self.numbers_sessions {
            true => self.new_path(&format!("{parent}/s")).replace("/s/", "/s"),
            false => self.new_path(parent),
        };
        self.sessions.insert(path.clone(), OpenSession { client: sender(call), key });
        Ok(reply(call, &(output, object(&path))))
    }

    fn search_items(&mut self, call: &Message) -> Answered {
        let (locked, unlocked): (Vec<_>, Vec<_>) =
            self.find(call)?.into_iter().partition(|path| self.is_locked(path, call));
        Ok(reply(call, &(unlocked, locked)))
    }

    fn search_collection(&mut self, call: &Message, path: &str) -> Answered {
        let collection = self.collection_at(path)?;
        let mut found = self.find(call)?;
        found.retain(|path| parent(path) == collection);
        Ok(reply(call, &found))
    }

    fn find(&self, call: &Message) -> Result<Vec<OwnedObjectPath>, &'static str> {
        let wanted: HashMap<String, String> = arguments(call)?;
        let has = |path: &str, item: &Item| {
            let locked = self.is_locked(path, call);
            let shows = |name: &str| !(locked && self.hides_schema && name == "xdg:schema");
            !(locked && self.hides_locked)
                && wanted.iter().all(|(name, value)| shows(name) && item.attributes.get(name) == Some(value))
        };
        let found = self.items.iter().filter(|(path, item)| has(path, item));
        Ok(found.map(|(path, _)| object(path)).collect())
    }

    fn unlock(&mut self, call: &Message) -> Answered {
        let objects: Vec<OwnedObjectPath> = arguments(call)?;
        let (locked, unlocked): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|path| self.is_locked(path, call));
        unlocked.iter().for_each(|path| self.open(path));
        let prompt = if locked.is_empty() {
            object(NONE)
        } else {
            self.new_prompt(Errand::Unlock(locked, sender(call)))
        };
        Ok(reply(call, &(unlocked, prompt)))
    }

    fn get_secrets(&mut self, call: &Message) -> Answered {
        let (items, session): (Vec<OwnedObjectPath>, OwnedObjectPath) = arguments(call)?;
        let mut secrets = HashMap::new();
        for path in items.into_iter().filter(|path| !self.is_locked(path, call)) {
            let secret = self.secret_of(&path, &session, call)?;
            secrets.insert(path, secret);
        }
        Ok(reply(call, &secrets))
    }

    fn read_alias(&mut self, call: &Message) -> Answered {
        let alias: String = arguments(call)?;
        let default = self.default.as_deref().filter(|_| alias == "default");
        Ok(reply(call, &object(default.unwrap_or(NONE))))
    }

    fn create_collection(&mut self, call: &Message) -> Answered {
        let (mut properties, alias): (HashMap<String, OwnedVariant>, String) = arguments(call)?;
        let label = properties.remove("org.freedesktop.Secret.Collection.Label").ok_or(INVALID_ARGS)?;
        let label = label.try_into().map_err(|_| INVALID_ARGS)?;
        if alias != "default" || !properties.is_empty() {
            return Err(INVALID_ARGS);
        }
        let prompt = self.new_prompt(Errand::MakeDefault(label));
        Ok(reply(call, &(object(NONE), prompt)))
    }

    fn create_item(&mut self, call: &Message, path: &str) -> Answered {
        let (mut properties, secret, replace): (HashMap<String, OwnedVariant>, SecretStruct, bool) =
            arguments(call)?;
        let collection = self.collection_at(path)?;
        if self.refuses(&collection, call) {
            return Err(IS_LOCKED);
        }
        let mut property = |name: &str| {
            let name = format!("org.freedesktop.Secret.Item.{name}");
            properties.remove(&name).ok_or(INVALID_ARGS)
        };
        let item = Item {
            attributes: property("Attributes")?.try_into().map_err(|_| INVALID_ARGS)?,
            label: property("Label")?.try_into().map_err(|_| INVALID_ARGS)?,
            value: self.value_of(&secret, call)?,
            content_type: secret.content_type,
        };
        if !properties.is_empty() || !replace {
            return Err(INVALID_ARGS);
        }
        if self.stores_by_prompt {
            let prompt = self.new_prompt(Errand::Store(item));
            return Ok(reply(call, &(object(NONE), prompt)));
        }
        let path = self.store(&collection, item);
        self.admit(sender(call), &path);
        Ok(reply(call, &(object(&path), object(NONE))))
    }

    fn set_secret(&mut self, call: &Message, path: &str) -> Answered {
        let (secret,): (SecretStruct,) = arguments(call)?;
        if !self.items.contains_key(path) {
            return Err(self.absent);
        }
        if self.refuses(path, call) {
            return Err(IS_LOCKED);
        }
        let value = self.value_of(&secret, call)?;
        let item = self.items.get_mut(path).ok_or(self.absent)?;
        (item.value, item.content_type) = (value, secret.content_type);
        Ok(reply(call, &()))
    }

    fn value_of(&self, secret: &SecretStruct, call: &Message) -> Result<Vec<u8>, &'static str> {
        match &self.session(&secret.session, call)?.key {
            Some(key) => crypto::decrypt(key, &secret.parameters, &secret.value).ok_or(INVALID_ARGS),
            None => Ok(secret.value.clone()),
        }
    }

    fn get_properties(&mut self, call: &Message, path: &str) -> Answered {
        let item = self.items.get(path).ok_or(self.absent)?;
        let properties = HashMap::from([
            ("Attributes", Variant::from(item.attributes.clone())),
            ("Label", Variant::from(item.label.clone())),
            ("Locked", Variant::from(self.is_locked(path, call))),
        ]);
        Ok(reply(call, &properties))
    }

    fn get_property(&mut self, call: &Message, path: &str) -> Answered {
        let (_, name): (String, String) = arguments(call)?;
        if let Some(item) = self.items.get(path).filter(|_| name == "Attributes") {
            return Ok(reply(call, &Variant::from(item.attributes.clone())));
        }
        if path == SERVICE && name == "Collections" {
            let collections = self.collections.keys().map(|path| object(path));
            return Ok(reply(call, &Variant::from(collections.collect::<Vec<_>>())));
        }
        let collection = self.collection_at(path)?;
        let locked = self.is_locked(&collection, call);
        let value = match name.as_str() {
            "Locked" => Variant::from(locked),
            "Items" => {
                let shown = self.items.keys().filter(|path| parent(path) == collection);
                let shown = shown.filter(|_| !(locked && self.hides_locked && !self.lists_hidden));
                Variant::from(shown.map(|path| object(path)).collect::<Vec<_>>())
            }
            _ => return Err(INVALID_ARGS),
        };
        Ok(reply(call, &value))
    }

    fn get_secret(&mut self, call: &Message, path: &str) -> Answered {
        let session: OwnedObjectPath = arguments(call)?;
        Ok(reply(call, &(self.secret_of(path, &session, call)?,)))
    }

    fn secret_of(&self, path: &str, session: &str, call: &Message) -> Result<SecretStruct, &'static str> {
        let item = self.items.get(path).ok_or(self.absent)?;
        let key = &self.session(session, call)?.key;
        if self.refuses(path, call) {
            return Err(IS_LOCKED);
        }
        let (parameters, mut value) = match key {
            Some(key) => crypto::encrypt(key, &item.value),
            None => (Vec::new(), item.value.clone()),
        };
        if self.spoils {
            value.pop();
        }
        let content_type = item.content_type.clone();
        Ok(SecretStruct { session: object(session), parameters, value, content_type })
    }

    fn delete(&mut self, call: &Message, path: &str) -> Answered {
        if !self.items.contains_key(path) {
            return Err(self.absent);
        }
        if self.refuses(path, call) {
            return Err(IS_LOCKED);
        }
        if self.deletes_by_prompt {
            let prompt = self.new_prompt(Errand::Delete(path.into()));
            return Ok(reply(call, &prompt));
        }
        self.items.remove(path);
        Ok(reply(call, &object(NONE)))
    }

    fn close(&mut self, call: &Message, path: &str) -> Answered {
        self.session(path, call)?;
        self.sessions.remove(path);
        Ok(reply(call, &()))
    }
}

/// A reply to a call.
pub fn reply<B: Serialize + DynamicType>(call: &Message, body: &B) -> Message {
    Message::method_return(&call.header()).build(body).unwrap()
}

/// An error reply to a call.
pub fn error(call: &Message, name: &str, text: &str) -> Message {
    Message::error(&call.header(), name).build(&text).unwrap()
}

fn arguments<T: DeserializeOwned + Type>(call: &Message) -> Result<T, &'static str> {
    call.body().deserialize().map_err(|_| INVALID_ARGS)
}

/// The unique name of the sender of a message.
pub fn sender(call: &Message) -> String {
    call.header().sender().unwrap().to_string()
}
