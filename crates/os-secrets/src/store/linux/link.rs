//! The connection to the service with everything that lives as long as it does: how it opens, and how its end is
//! noticed.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::watch, task::AbortHandle};
use zbus::{MatchRule, MessageStream, message::Type};

use super::{
    batched_reads::BatchedReads,
    bus::{BusConnection, next_message},
    cache::Cache,
    environment::Environment,
    fault::Fault,
    prompt::PromptGate,
    session::Session,
    shared_searches::SharedSearches,
    spec::SERVICE_NAME,
    wire::Wire,
};
use crate::{error::Error, executor};

/// A connection to the bus with one session open on it.
pub struct Link {
    /// Sends messages to the service.
    pub wire: Arc<Wire>,
    /// The session in which secrets are sent.
    pub session: Session,
    /// Finds items, for many calls together.
    pub(super) searches: Arc<SharedSearches>,
    /// Reads the secrets of many items together.
    pub reads: Arc<BatchedReads>,
    /// Unlocks, and runs prompts.
    pub prompts: Arc<PromptGate>,
    /// The directories in which gnome-keyring may keep its files.
    pub(super) keyring_directories: Vec<PathBuf>,
    /// Remembers what the service has said, for a while.
    pub(super) cache: Cache,
    is_retired: AtomicBool,
    /// Becomes true when the service or the bus is gone.
    gone: watch::Receiver<bool>,
    watcher: AbortHandle,
}

impl Link {
    /// Connects to the bus and opens a session with the service.
    pub async fn open(environment: &Environment) -> Result<Arc<Self>, Fault> {
        let address = environment.bus_address.as_ref().map_err(|reason| Error::NoBus((*reason).into()))?;
        let bus = BusConnection::connect(address, environment.timeout).await?;
        // Sent before OpenSession, so that no change of owner is missed.
        let owner_changes = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, SERVICE_NAME)
            .build();
        let (owner_changes, opened) = tokio::join!(bus.subscribe(owner_changes), Session::open(&bus));
        let owner_changes = owner_changes.map_err(explain)?;
        let (service, session) = opened.map_err(explain)?;
        let (leave, gone) = watch::channel(false);
        let watcher = executor::spawn(watch_owner(owner_changes, service.to_string(), leave)).abort_handle();
        let wire = Arc::new(Wire::new(bus, service));
        let reads = Arc::new(BatchedReads::new(Arc::clone(&wire), &session));
        let searches = Arc::new(SharedSearches::new(Arc::clone(&wire)));
        let prompts = Arc::new(PromptGate::new(Arc::clone(&wire), gone.clone(), environment.has_display));
        let (cache, is_retired) = (Cache::new(Arc::clone(&wire)), AtomicBool::new(false));
        let keyring_directories = environment.keyring_directories.clone();
        Ok(Arc::new(Self {
            wire,
            session,
            searches,
            reads,
            prompts,
            keyring_directories,
            cache,
            is_retired,
            gone,
            watcher,
        }))
    }

    /// Makes the next call open another link. Calls in progress on this one continue.
    pub fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
    }

    /// Whether new calls may use it.
    pub fn is_usable(&self) -> bool {
        !self.is_retired.load(Ordering::Relaxed) && !*self.gone.borrow() && !self.wire.bus().is_closed()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The watcher keeps the connection open.
        self.watcher.abort();
    }
}

/// Recognizes the bus's replies that mean that nobody owns the service's name, or that we may not call it.
fn explain(fault: Fault) -> Fault {
    match fault {
        Fault::Final(Error::AccessDenied(reason)) => Error::BusDenied(reason.into_owned()).into(),
        Fault::Unowned(reason) => Error::NoService(reason).into(),
        Fault::Refused { name, message, .. } if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
            Error::NoService(format!("{message} ({name})")).into()
        }
        fault => fault,
    }
}

/// Sends `true` when the service leaves the bus, when it loses its name to another, and when the bus itself ends.
async fn watch_owner(mut owner_changes: MessageStream, service: String, leave: watch::Sender<bool>) {
    while let Some(Ok(change)) = next_message(&mut owner_changes).await {
        let body = change.body();
        // A change between two other owners happened before this service got the name.
        if body
            .deserialize::<(&str, &str, &str)>()
            .is_ok_and(|(_, old, new)| old == service && new != service)
        {
            break;
        }
    }
    leave.send_replace(true);
}
