//! The environment of the Linux store's tests: a private bus, and a scripted Secret Service.
//!
//! | file | contents |
//! |---|---|
//! | `mod.rs` | [`World`]: the bus, the service and the store under test |
//! | `bus.rs` | the private bus |
//! | `service.rs` | the service on its bus |
//! | `answers.rs` | its replies to each method |
//! | `model.rs` | what it holds, and how it differs from other services |
//! | `script.rs` | how a test makes it deviate |
//! | `crypto.rs` | its side of the encryption |
//! | `random.rs` | random messages |

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod answers;
pub mod bus;
pub mod crypto;
pub mod model;
pub mod random;
pub mod script;
pub mod service;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use os_secrets::{
    bounds::Bounds,
    credential::{Key, Secret},
    error::Error,
    progress::Progress,
    store::{
        SetOptions, Store,
        linux::{Environment, SecretService},
        settings::DEFAULT_TIMEOUT,
    },
};
use tokio::{sync::oneshot, task::JoinSet};

use bus::Bus;
use model::LOGIN;
use service::Service;

/// A test that takes longer counts as hanging.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test.
pub fn run(test: impl Future<Output = ()>) {
    run_within(LIMIT, test);
}

/// Longer than the store's deadline for a reply.
pub const PAST_DEADLINE: Duration = Duration::from_secs(26);

/// Moves the clock past the store's deadline for a reply.
pub async fn pass_deadline() {
    pass(PAST_DEADLINE).await;
}

/// Moves the clock.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Runs a test with another limit, for example because it moves the clock.
pub fn run_within(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(limit, test).await.expect("the test hangs") });
}

/// A bus with a correct service on it, and the store under test.
pub struct World {
    /// The store under test, in a session with a display.
    pub store: Arc<Client>,
    /// The service. A test can make it misbehave.
    pub service: Service,
    /// The bus that connects the two.
    pub bus: Bus,
}

impl World {
    /// A world with a service that has an unlocked, empty default collection.
    pub async fn new() -> Self {
        Self::on(Bus::start()).await
    }

    /// The same on this bus.
    pub async fn on(bus: Bus) -> Self {
        let service = Service::start(&bus).await;
        Self { store: store(bus.address(), true), service, bus }
    }

    /// A world with a service of this kind.
    pub async fn of(kind: Kind) -> Self {
        // The bus decides whether the store can ask who owns a name.
        let policy = match kind {
            Kind::Unidentified => "<deny send_interface='org.freedesktop.DBus' send_member='GetNameOwner'/>",
            _ => "",
        };
        let world = Self::on(Bus::with_policy(policy, &[])).await;
        match kind {
            Kind::GnomeKeyring => world.service.pose_as_gnome_keyring().await,
            Kind::KeePassXc => world.service.own("org.keepassxc.KeePassXC.MainWindow").await,
            Kind::Other | Kind::Unidentified => {}
        }
        world
    }

    /// Another store, in a session without a display.
    pub fn store_without_display(&self) -> Arc<Client> {
        store(self.bus.address(), false)
    }

    /// Puts an item with the attributes of [`key`] into a collection, as another program would. Returns its path.
    pub fn put(&self, collection: &str, name: &str, value: &str) -> String {
        self.service.model().put(collection, &key(name), value.as_bytes())
    }

    /// Reads the credential of a name.
    pub async fn get(&self, name: &str) -> Result<Option<String>, Error> {
        get(&self.store, name).await
    }

    /// Stores a credential under a name.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        self.store.set(&key(name), &secret(value)).await
    }

    /// Deletes the credential of a name.
    pub async fn delete(&self, name: &str) -> Result<bool, Error> {
        self.store.delete(&key(name)).await
    }

    /// Puts `count` items with the value "value" into the default collection.
    pub fn fill(&self, count: usize) {
        for number in 0..count {
            self.put(LOGIN, &format!("name {number}"), "value");
        }
    }

    /// Starts `count` gets at once, each of another name. [`fill`](Self::fill) stores them.
    pub fn gets_apart(&self, count: usize) -> JoinSet<Result<Option<String>, Error>> {
        let gets = (0..count).map(|number| (Arc::clone(&self.store), format!("name {number}")));
        gets.map(|(store, name)| async move { get(&store, &name).await }).collect()
    }

    /// Starts `count` gets of one name at once. They share the searches that are not sent yet.
    pub fn gets(&self, count: usize, name: &'static str) -> JoinSet<Result<Option<String>, Error>> {
        let gets = (0..count).map(|_| Arc::clone(&self.store));
        gets.map(|store| async move { get(&store, name).await }).collect()
    }
}

/// The kinds of service that the store distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    GnomeKeyring,
    KeePassXc,
    Other,
    /// The bus does not tell which, as the proxy of a sandbox may not.
    Unidentified,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::GnomeKeyring, Self::KeePassXc, Self::Other, Self::Unidentified];
}

/// How a future was dropped by [`give_up`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// It had ended by itself. More polls make no difference.
    Ended,
    /// It had been polled the given number of times.
    Polled,
    /// Nothing woke it for the given time. More polls make no difference, unless the machine was too busy to wake it.
    NotWoken,
}

/// Polls a future a number of times and drops it, as a caller does that gives up: right after the last poll, or when it
/// would be polled once more. It is dropped after the time `within` even if nothing wakes it.
pub async fn give_up<T>(
    future: impl Future<Output = T>,
    polls: usize,
    drops_when_woken: bool,
    within: Duration,
) -> GivenUp {
    let (mut future, mut left) = (pin!(future), polls);
    let given_up = poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(GivenUp::Polled);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(GivenUp::Ended),
            Poll::Pending if left == 0 && !drops_when_woken => Poll::Ready(GivenUp::Polled),
            Poll::Pending => Poll::Pending,
        }
    });
    tokio::time::timeout(within, given_up).await.unwrap_or(GivenUp::NotWoken)
}

/// Whether a deadline of the store has passed: that of this call's message, or that of another call's before it.
pub fn is_late(error: &Error) -> bool {
    match error {
        Error::Timeout { .. } => true,
        Error::Lost { reason, .. } => reason == "the service no longer answers",
        _ => false,
    }
}

/// Makes a call of a store whose deadlines are short, and repeats it while a deadline passes: the machine may be busy.
pub async fn retry_if_late<T, F: Future<Output = Result<T, Error>>>(
    call: impl Fn() -> F,
) -> Result<T, Error> {
    loop {
        match call().await {
            Err(error) if is_late(&error) => {}
            outcome => return outcome,
        }
    }
}

/// A store that uses the bus of this address.
pub fn store(address: &str, has_display: bool) -> Arc<Client> {
    store_within(address, has_display, DEFAULT_TIMEOUT)
}

/// The same, with this deadline for each message.
pub fn store_within(address: &str, has_display: bool, timeout: Duration) -> Arc<Client> {
    let environment = Environment {
        bus_address: Ok(address.into()),
        has_display,
        timeout,
        keyring_directories: Vec::new(),
        hosts: Vec::new(),
    };
    Arc::new(Client(SecretService::new(environment)))
}

/// A store. Its calls are unbounded and may ask the user, except those made with [`Client::call`].
pub struct Client(pub SecretService);

impl Client {
    /// Prepares a call, whose bounds can be set.
    pub fn call(&self) -> BoundedCall<'_> {
        BoundedCall { store: &self.0, bounds: Bounds::default(), interactive: true }
    }

    /// Reads a credential.
    pub async fn get(&self, key: &Key) -> Result<Option<Secret>, Error> {
        self.call().get(key).await
    }

    /// Stores a credential.
    pub async fn set(&self, key: &Key, value: &Secret) -> Result<(), Error> {
        self.call().set(key, value).await
    }

    /// Deletes a credential.
    pub async fn delete(&self, key: &Key) -> Result<bool, Error> {
        self.call().delete(key).await
    }
}

/// A call that has not been made yet.
pub struct BoundedCall<'a> {
    store: &'a SecretService,
    bounds: Bounds,
    interactive: bool,
}

impl BoundedCall<'_> {
    /// Forbids prompts.
    pub fn silent(mut self) -> Self {
        self.interactive = false;
        self
    }

    /// Sets a deadline.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.bounds.timeout = Some(timeout);
        self
    }

    /// Lets the call be canceled.
    pub fn until(mut self, canceled: oneshot::Receiver<()>) -> Self {
        self.bounds.canceled = Some(canceled);
        self
    }

    /// Reads a credential.
    pub async fn get(self, key: &Key) -> Result<Option<Secret>, Error> {
        let progress = Progress::reading(self.interactive);
        self.bounds.run(&progress, self.store.get(key, &progress)).await
    }

    /// Stores a credential.
    pub async fn set(self, key: &Key, value: &Secret) -> Result<(), Error> {
        let progress = Progress::changing(self.interactive);
        self.bounds.run(&progress, self.store.set(key, value, SetOptions::default(), &progress)).await
    }

    /// Deletes a credential.
    pub async fn delete(self, key: &Key) -> Result<bool, Error> {
        let progress = Progress::changing(self.interactive);
        self.bounds.run(&progress, self.store.delete(key, &progress)).await
    }

    /// Looks for a credential.
    pub async fn has(self, key: &Key) -> Result<bool, Error> {
        let progress = Progress::reading(self.interactive);
        self.bounds.run(&progress, self.store.has(key, &progress)).await
    }

    /// Lists the credentials of a service, or all.
    pub async fn list(self, service: Option<&str>) -> Result<Vec<Key>, Error> {
        let progress = Progress::reading(false);
        self.bounds.run(&progress, self.store.list(service, &progress)).await
    }

    /// Lists the credentials of all services that start with a prefix.
    pub async fn list_by_prefix(self, prefix: &str) -> Result<Vec<Key>, Error> {
        let progress = Progress::reading(false);
        self.bounds.run(&progress, self.store.list_by_prefix(prefix, &progress)).await
    }
}

/// Reads the credential of a name as text.
pub async fn get(store: &Client, name: &str) -> Result<Option<String>, Error> {
    let secret = store.get(&key(name)).await?;
    Ok(secret.map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap()))
}

/// A value in the type that the store takes.
pub fn secret(value: &str) -> Secret {
    Secret::new(value.into())
}

/// The key that the tests use with this name.
pub fn key(name: &str) -> Key {
    Key { service: "a service".into(), name: name.into() }
}
