//! The process's one connection to the service, how it opens, and how its end is noticed.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_core::Stream;
use tokio::{
    sync::{OnceCell, watch},
    task::AbortHandle,
};
use zbus::{MatchRule, Message, MessageStream, message::Type};

use super::{
    batch::Batch,
    bus::Bus,
    environment::Environment,
    fault::Fault,
    known::Known,
    prompt::Gate,
    session::Session,
    shared::Searches,
    wire::{SERVICE_NAME, Wire},
};
use crate::{error::Error, executor, sync::lock};

/// A connection to the bus with one session open on it.
pub struct Link {
    /// Sends messages to the service.
    pub wire: Arc<Wire>,
    /// The session in which secrets travel.
    pub session: Session,
    /// Looks for items, for many calls together.
    pub(super) searches: Arc<Searches>,
    /// Reads the secrets of many items together.
    pub batch: Arc<Batch>,
    /// Lets one question to the person wait for another.
    pub gate: Arc<Gate>,
    /// What it has learned of the store.
    pub(super) known: Known,
    stale: AtomicBool,
    /// Becomes true when the service or the bus is gone.
    pub gone: watch::Receiver<bool>,
    watcher: AbortHandle,
}

impl Link {
    async fn open(environment: &Environment) -> Result<Arc<Self>, Fault> {
        let address = environment.bus_address.as_ref().map_err(|reason| Error::NoBus((*reason).into()))?;
        let bus = Bus::connect(address, environment.timeout).await?;
        // Sent before the session is asked for, so that no change of owner goes unseen.
        let owner_changes = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, SERVICE_NAME)
            .build();
        let (owners, opened) = tokio::join!(bus.listen(owner_changes), Session::open(&bus));
        let owners = owners?;
        let (service, session) = opened.map_err(no_service)?;
        let (leave, gone) = watch::channel(false);
        let watcher = executor::spawn(watch_owner(owners, service.to_string(), leave)).abort_handle();
        let wire = Arc::new(Wire::new(bus, service));
        let batch = Arc::new(Batch::new(Arc::clone(&wire), &session));
        let searches = Arc::new(Searches::new(Arc::clone(&wire)));
        let (gate, stale) = (Arc::default(), AtomicBool::new(false));
        let known = Known::default();
        Ok(Arc::new(Self { wire, session, searches, batch, gate, known, stale, gone, watcher }))
    }

    /// Lets the next call open another link; calls in progress on this one go on.
    pub fn retire(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    fn is_usable(&self) -> bool {
        !self.stale.load(Ordering::Relaxed) && !*self.gone.borrow() && !self.wire.bus().is_closed()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // It holds the connection open.
        self.watcher.abort();
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

/// Says when the service leaves the bus or loses its name to another, and when the bus itself goes.
async fn watch_owner(mut owners: MessageStream, service: String, leave: watch::Sender<bool>) {
    while let Some(Ok(change)) = next(&mut owners).await {
        let body = change.body();
        // What it tells of others is older than the service.
        if body
            .deserialize::<(&str, &str, &str)>()
            .is_ok_and(|(_, old, new)| old == service && new != service)
        {
            break;
        }
    }
    leave.send_replace(true);
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
            let mut current = lock(&self.current);
            let stale = match current.get() {
                Some(Ok(link)) => !link.is_usable(),
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
