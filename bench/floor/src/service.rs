//! The Secret Service, in the items of `Bun.secrets`. A call sends only the messages that it needs.

use std::io;

use crate::{
    bus::{Bus, Method, Reply},
    crypto::{ALGORITHM, Key, KeyPair},
    wire::{Reader, Writer},
};

const DESTINATION: &str = "org.freedesktop.secrets";
const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";
/// The maximum number of unanswered messages. dbus-daemon allows 128 by default.
const WINDOW: usize = 100;

const OPEN_SESSION: Method = service("OpenSession", "sv");
const SEARCH_ITEMS: Method = service("SearchItems", "a{ss}");
const CREATE_ITEM: Method = Method {
    destination: DESTINATION,
    path: DEFAULT_COLLECTION,
    interface: "org.freedesktop.Secret.Collection",
    member: "CreateItem",
    signature: "a{sv}(oayays)b",
};

const fn service(member: &'static str, signature: &'static str) -> Method<'static> {
    let interface = "org.freedesktop.Secret.Service";
    Method { destination: DESTINATION, path: "/org/freedesktop/secrets", interface, member, signature }
}

const fn item<'a>(path: &'a str, member: &'static str, signature: &'static str) -> Method<'a> {
    let interface = "org.freedesktop.Secret.Item";
    Method { destination: DESTINATION, path, interface, member, signature }
}

/// A session with the service.
pub struct Service<'a> {
    bus: Bus,
    session: String,
    key: Key,
    /// The `service` of the items' attributes.
    name: &'a str,
}

impl<'a> Service<'a> {
    /// Connects and opens a session. The message for the session leaves with the handshake.
    pub fn open(name: &'a str) -> io::Result<Self> {
        let mut bus = Bus::connect()?;
        let mut greeted = false;
        loop {
            let pair = KeyPair::generate();
            let mut body = Writer::default();
            body.text(ALGORITHM).signature("ay").blob(&pair.public);
            let serial = bus.send(&OPEN_SESSION, &body);
            if !greeted {
                bus.greet()?;
                greeted = true;
            }
            let reply = bus.answer(serial)?;
            let mut reader = Reader::new(&reply, 0);
            reader.signature();
            if let Some(key) = pair.agree(reader.blob()) {
                let session = reader.text().to_owned();
                return Ok(Self { bus, session, key, name });
            }
        }
    }

    /// Reads a credential.
    pub fn get(&mut self, account: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.find(account)? else { return Ok(None) };
        let reply = self.bus.call(&item(&path, "GetSecret", "o"), &self.own_session())?;
        self.unseal(&reply).map(Some)
    }

    /// Stores a credential, and replaces one with the same name.
    pub fn set(&mut self, account: &str, value: &[u8]) -> io::Result<()> {
        let body = self.new_item(account, value);
        self.bus.call(&CREATE_ITEM, &body).map(drop)
    }

    /// Stores a credential in an item that is there.
    pub fn set_secret(&mut self, account: &str, value: &[u8]) -> io::Result<()> {
        let path = self.find(account)?.ok_or_else(missing)?;
        let mut body = Writer::default();
        self.seal(&mut body, value);
        self.bus.call(&item(&path, "SetSecret", "(oayays)"), &body).map(drop)
    }

    /// Deletes a credential; whether there was one.
    pub fn delete(&mut self, account: &str) -> io::Result<bool> {
        let Some(path) = self.find(account)? else { return Ok(false) };
        self.bus.call(&item(&path, "Delete", ""), &Writer::default())?;
        Ok(true)
    }

    /// Reads many credentials: the searches leave at once, and each secret is asked for when its search
    /// is answered.
    pub fn get_all(&mut self, accounts: &[String]) -> io::Result<()> {
        #[derive(Clone, Copy)]
        enum Asked {
            Item,
            Secret,
        }
        let first = self.bus.next_serial();
        let mut asked = Vec::with_capacity(2 * accounts.len());
        let (mut begun, mut done) = (0, 0);
        while done < accounts.len() {
            while begun < accounts.len() && begun - done < WINDOW {
                self.bus.send(&SEARCH_ITEMS, &self.attributes(&accounts[begun]));
                asked.push(Asked::Item);
                begun += 1;
            }
            let Reply { serial, outcome } = self.bus.receive()?;
            let reply = outcome.map_err(io::Error::other)?;
            match asked[(serial - first) as usize] {
                Asked::Item => {
                    let path = found(&reply).ok_or_else(missing)?;
                    self.bus.send(&item(path, "GetSecret", "o"), &self.own_session());
                    asked.push(Asked::Secret);
                }
                Asked::Secret => {
                    self.unseal(&reply)?;
                    done += 1;
                }
            }
        }
        Ok(())
    }

    /// Stores many credentials at once.
    pub fn set_all(&mut self, accounts: &[String], value: &[u8]) -> io::Result<()> {
        let (mut begun, mut done) = (0, 0);
        while done < accounts.len() {
            while begun < accounts.len() && begun - done < WINDOW {
                self.bus.send(&CREATE_ITEM, &self.new_item(&accounts[begun], value));
                begun += 1;
            }
            self.bus.receive()?.outcome.map_err(io::Error::other)?;
            done += 1;
        }
        Ok(())
    }

    fn find(&mut self, account: &str) -> io::Result<Option<String>> {
        let reply = self.bus.call(&SEARCH_ITEMS, &self.attributes(account))?;
        Ok(found(&reply).map(str::to_owned))
    }

    fn attributes(&self, account: &str) -> Writer {
        let mut body = Writer::default();
        self.write_attributes(&mut body, account);
        body
    }

    /// In the order in which gnome-keyring finds fastest what there is not.
    fn write_attributes(&self, body: &mut Writer, account: &str) {
        let attributes =
            [("account", account), ("service", self.name), ("xdg:schema", "com.oven-sh.bun.Secret")];
        body.array(|entries| {
            for (name, value) in attributes {
                entries.align(8).text(name).text(value);
            }
        });
    }

    fn own_session(&self) -> Writer {
        let mut body = Writer::default();
        body.text(&self.session);
        body
    }

    fn new_item(&self, account: &str, value: &[u8]) -> Writer {
        let mut body = Writer::default();
        body.array(|properties| {
            let label = format!("{}/{account}", self.name);
            properties.align(8).text("org.freedesktop.Secret.Item.Label").signature("s").text(&label);
            properties.align(8).text("org.freedesktop.Secret.Item.Attributes").signature("a{ss}");
            self.write_attributes(properties, account);
        });
        self.seal(&mut body, value);
        body.number(true.into());
        body
    }

    fn seal(&self, body: &mut Writer, value: &[u8]) {
        let (vector, sealed) = self.key.seal(value);
        body.align(8).text(&self.session).blob(&vector).blob(&sealed).text("text/plain");
    }

    fn unseal(&self, reply: &[u8]) -> io::Result<Vec<u8>> {
        let mut reader = Reader::new(reply, 0);
        reader.text();
        let (vector, sealed) = (reader.blob(), reader.blob());
        self.key.open(vector, sealed).ok_or_else(|| io::Error::other("the secret cannot be decrypted"))
    }
}

/// The first unlocked item of a search's answer.
fn found(reply: &[u8]) -> Option<&str> {
    let mut reader = Reader::new(reply, 0);
    (reader.number() > 0).then(|| reader.text())
}

fn missing() -> io::Error {
    io::Error::other("there is no such credential")
}
