//! The scripted Secret Service on its bus.
//!
//! It answers from a loop over raw messages. An object server could not misbehave.

use std::{
    collections::VecDeque,
    future::poll_fn,
    net::Shutdown,
    os::unix::net::UnixStream,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use futures_core::Stream;
use tokio::sync::watch;
use zbus::{Connection, Message, MessageStream, message::Type};

use super::{
    answers::{error, reply},
    bus::{Bus, call_bus, connect},
    model::{Model, OnPrompt, SecretStruct},
    script::{Deviation, Script},
};

/// The name under which stores look for the service.
pub const NAME: &str = "org.freedesktop.secrets";

/// A Secret Service that a test controls.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    address: String,
    model: Mutex<Model>,
    script: Mutex<Script>,
    calls: watch::Sender<Vec<Message>>,
    /// The open connections. The first owns the name, the others are its successors.
    presences: Mutex<VecDeque<Presence>>,
}

struct Presence {
    connection: Connection,
    socket: UnixStream,
}

impl Service {
    /// Starts a service on a bus.
    pub async fn start(bus: &Bus) -> Self {
        Self::at(bus.address()).await
    }

    /// Starts a service on the bus of this address.
    pub async fn at(address: &str) -> Self {
        let service = Self(Arc::new(Inner {
            address: address.into(),
            model: Mutex::new(Model::new()),
            script: Mutex::default(),
            calls: watch::Sender::default(),
            presences: Mutex::default(),
        }));
        service.arrive().await;
        service
    }

    /// What the service holds, and how it differs from other services.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.0.model.lock().unwrap()
    }

    /// Adds a deviation for one call of a method, after those that it already has.
    pub fn once(&self, method: &'static str, deviation: Deviation) {
        self.0.script.lock().unwrap().once(method, deviation);
    }

    /// Sets a deviation for all calls of a method.
    pub fn always(&self, method: &'static str, deviation: Deviation) {
        self.0.script.lock().unwrap().always(method, deviation);
    }

    /// Forgets all deviations.
    pub fn heal(&self) {
        *self.0.script.lock().unwrap() = Script::default();
    }

    /// Opens one more connection to the bus. If the service has none, this one becomes the service. Else it is the
    /// successor, which gets the name as soon as the present one leaves.
    pub async fn arrive(&self) {
        let (connection, socket) = connect(&self.0.address).await;
        let calls = MessageStream::from(&connection);
        call_bus(&connection, "RequestName", &(NAME, 0_u32)).await;
        tokio::spawn(self.clone().serve(calls, connection.clone()));
        self.0.presences.lock().unwrap().push_back(Presence { connection, socket });
    }

    /// Makes the store recognize the service as gnome-keyring.
    pub async fn pose_as_gnome_keyring(&self) {
        self.model().numbers_sessions = true;
        self.own("org.gnome.keyring").await;
    }

    /// Owns one more name on the bus.
    pub async fn own(&self, name: &str) {
        call_bus(&self.connection(), "RequestName", &(name, 0_u32)).await;
    }

    /// Ends as a killed process does: without a message, and without its sessions and prompts.
    pub fn leave(&self) {
        self.model().forget_clients();
        let presence = self.0.presences.lock().unwrap().pop_front().expect("a service that is there");
        presence.socket.shutdown(Shutdown::Both).unwrap();
    }

    /// Gives the name to the successor, without leaving the bus.
    pub async fn give_up_name(&self) {
        let connection = self.connection();
        call_bus(&connection, "ReleaseName", &NAME).await;
        self.0.presences.lock().unwrap().rotate_left(1);
    }

    /// The connection that owns the name.
    pub fn connection(&self) -> Connection {
        self.0.presences.lock().unwrap()[0].connection.clone()
    }

    /// Ends the prompts that wait for the user.
    pub async fn settle_prompts(&self, how: OnPrompt) {
        let signals = self.model().settle_prompts(how);
        send(&self.connection(), &signals).await;
    }

    /// The methods that were called so far, in order.
    pub fn methods(&self) -> Vec<String> {
        self.0.calls.borrow().iter().map(method).collect()
    }

    /// How often a method was called.
    pub fn count(&self, name: &str) -> usize {
        self.methods().iter().filter(|method| *method == name).count()
    }

    /// The calls of a method.
    pub fn calls(&self, name: &str) -> Vec<Message> {
        self.0.calls.borrow().iter().filter(|call| method(call) == name).cloned().collect()
    }

    /// Forgets which methods were called.
    pub fn forget_calls(&self) {
        self.0.calls.send_replace(Vec::new());
    }

    /// Waits until a method was called this many times.
    pub async fn called(&self, name: &str, times: usize) {
        let is_called =
            |calls: &Vec<Message>| calls.iter().filter(|call| method(call) == name).count() >= times;
        self.0.calls.subscribe().wait_for(is_called).await.unwrap();
    }

    /// Whether any message that came held these bytes.
    pub fn was_sent(&self, bytes: &[u8]) -> bool {
        let holds = |call: &Message| call.data().bytes().windows(bytes.len()).any(|window| window == bytes);
        self.0.calls.borrow().iter().any(holds)
    }

    async fn serve(self, mut calls: MessageStream, connection: Connection) {
        while let Some(Ok(call)) = poll_fn(|context| Pin::new(&mut calls).poll_next(context)).await {
            if call.message_type() != Type::MethodCall {
                continue;
            }
            self.0.calls.send_modify(|calls| calls.push(call.clone()));
            let deviation = self.0.script.lock().unwrap().take(&method(&call), &mut self.model());
            let answers = match deviation {
                None => self.model().answer(&call),
                Some(Deviation::Refuse(name)) => vec![error(&call, name, "as the test has it")],
                Some(Deviation::Answer(answer)) => vec![answer(&call)],
                Some(Deviation::Improvise(improvise)) => improvise(&mut self.model(), &call),
                Some(Deviation::Tamper(tamper)) => {
                    let (mut secret,): (SecretStruct,) =
                        self.model().answer(&call)[0].body().deserialize().unwrap();
                    tamper(&mut secret);
                    vec![reply(&call, &(secret,))]
                }
                Some(Deviation::Ignore) => continue,
                Some(Deviation::Wait(gate)) => {
                    let (service, connection) = (self.clone(), connection.clone());
                    tokio::spawn(async move {
                        gate.opened().await;
                        let answers = service.model().answer(&call);
                        send(&connection, &answers).await;
                    });
                    continue;
                }
                Some(Deviation::Change(_)) => unreachable!("the script has made the change"),
                Some(Deviation::Leave) => return self.leave(),
                Some(Deviation::ObeyAndLeave) => {
                    self.model().answer(&call);
                    return self.leave();
                }
                Some(Deviation::AnswerAndLeave) => {
                    let answers = self.model().answer(&call);
                    send(&connection, &answers).await;
                    return self.leave();
                }
            };
            send(&connection, &answers).await;
        }
    }
}

async fn send(connection: &Connection, messages: &[Message]) {
    for message in messages {
        // This fails if the test has cut the connection.
        let _ = connection.send(message).await;
    }
}

fn method(call: &Message) -> String {
    call.header().member().unwrap().to_string()
}
