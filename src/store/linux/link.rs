//! The process's one connection to the service, how it opens, and how its end is noticed.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_core::Stream;
use tokio::sync::{OnceCell, watch};
use zbus::{Connection, MatchRule, Message, MessageStream, message::Type};

use super::{
    bus,
    environment::Environment,
    fault::Fault,
    prompt::Gate,
    session::Session,
    wire::{SERVICE_NAME, Wire},
};
use crate::error::Error;

/// A connection to the bus with one session open on it.
pub struct Link {
    /// Sends messages to the service.
    pub wire: Wire,
    /// The session in which secrets travel.
    pub session: Session,
    /// Lets one prompt be open at a time.
    pub gate: Gate,
    ended: watch::Sender<bool>,
}

impl Link {
    async fn open(environment: &Environment) -> Result<Arc<Self>, Fault> {
        let address = environment.bus_address.as_ref().map_err(|reason| Error::NoBus((*reason).into()))?;
        let connection = bus::connect(address).await.map_err(Error::NoBus)?;
        // Watched before the service is known, so that no change of owner goes unseen.
        let owner_changes = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, SERVICE_NAME)
            .build();
        let owners = listen(&connection, owner_changes).await?;
        let (service, session) = Session::open(&connection).await.map_err(no_service)?;
        let link = Arc::new(Self {
            wire: Wire::new(connection, service),
            session,
            gate: Gate::default(),
            ended: watch::Sender::new(false),
        });
        tokio::spawn(watch_owner(owners, link.wire.service().to_string(), link.ended.clone()));
        Ok(link)
    }

    /// Marks the link as unusable, so that the next call opens another.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    fn has_ended(&self) -> bool {
        *self.ended.borrow() || self.wire.connection().is_closed()
    }

    /// Waits until the link is unusable.
    pub async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // Its sender is ours, so it cannot be gone.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// Answers that come from the bus and mean that there is no service to ask.
fn no_service(fault: Fault) -> Fault {
    match fault {
        Fault::Unowned(reason) => Error::NoService(reason).into(),
        Fault::Refused { name, message, .. } if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
            Error::NoService(format!("{message} ({name})")).into()
        }
        fault => fault,
    }
}

/// Ends the link when its service leaves the bus or loses its name to another, and when the bus
/// itself goes.
async fn watch_owner(mut owners: MessageStream, service: String, ended: watch::Sender<bool>) {
    while let Some(Ok(change)) = next(&mut owners).await {
        let body = change.body();
        let still_there =
            body.deserialize::<(&str, &str, &str)>().is_ok_and(|(_, _, owner)| owner == service);
        if !still_there {
            break;
        }
    }
    ended.send_replace(true);
}

/// Subscribes to the signals that match a rule.
pub async fn listen(
    connection: &Connection,
    rule: zbus::Result<MatchRule<'_>>,
) -> Result<MessageStream, Fault> {
    let subscribed = match rule {
        Ok(rule) => MessageStream::for_match_rule(rule, connection, None).await,
        Err(error) => Err(error),
    };
    subscribed.map_err(|error| Fault::from_call("AddMatch", error))
}

/// The next message of a stream.
pub async fn next(stream: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

/// The place of the current [`Link`]: opened by the first call that needs one, shared by all.
pub struct Slot {
    environment: Environment,
    current: Mutex<Arc<Opening>>,
}

type Opening = OnceCell<Result<Arc<Link>, Fault>>;

impl Slot {
    /// A slot without a link.
    pub fn new(environment: Environment) -> Self {
        Self { environment, current: Mutex::default() }
    }

    /// What the process's environment says.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The link, opened where there is none. Calls that come while it opens share the outcome; a
    /// call that comes after a failure tries anew.
    pub async fn link(&self) -> Result<Arc<Link>, Fault> {
        let opening = {
            // Nothing panics while the lock is held.
            let mut current = self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let stale = match current.get() {
                Some(Ok(link)) => link.has_ended(),
                Some(Err(_)) => true,
                None => false,
            };
            if stale {
                *current = Arc::default();
            }
            Arc::clone(&current)
        };
        opening.get_or_init(|| Link::open(&self.environment)).await.clone()
    }
}
