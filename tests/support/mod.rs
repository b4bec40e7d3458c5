//! What the tests of the Linux store stand on: a private bus, and a Secret Service that does as it
//! is told.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod answers;
pub mod bus;
pub mod crypto;
pub mod model;
pub mod random;
pub mod script;
pub mod service;

use std::{future::Future, sync::Arc, time::Duration};

use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    limits::{Limits, Progress},
    store::{
        Store,
        linux::{Environment, SecretService, environment::DEFAULT_TIMEOUT},
    },
};
use tokio::task::JoinSet;

use bus::Bus;
use service::Service;

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test on a runtime of its own.
pub fn run(test: impl Future<Output = ()>) {
    run_within(LIMIT, test);
}

/// Runs a test that moves the clock by itself, and so needs another limit.
pub fn run_within(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(limit, test).await.expect("the test hangs") });
}

/// A bus with a correct service on it, and the store under test.
pub struct World {
    /// The store under test, in a session with a display.
    pub store: Arc<Client>,
    /// The service, which a test makes misbehave.
    pub service: Service,
    /// The bus on which they meet.
    pub bus: Bus,
}

impl World {
    /// A world with a service that has an unlocked, empty default collection.
    pub async fn new() -> Self {
        Self::on(Bus::start()).await
    }

    /// The same on a bus with limits of its own.
    pub async fn on(bus: Bus) -> Self {
        let service = Service::start(&bus).await;
        Self { store: store(bus.address(), true), service, bus }
    }

    /// A store of a process without a display.
    pub fn store_without_display(&self) -> Arc<Client> {
        store(self.bus.address(), false)
    }

    /// Puts an item with the attributes of [`key`] into a collection, as another program would:
    /// its path.
    pub fn put(&self, collection: &str, name: &str, value: &str) -> String {
        self.service.model().put(collection, &key(name), value.as_bytes())
    }

    /// Reads the credential of a name.
    pub async fn get(&self, name: &str) -> Result<Option<String>, Error> {
        get(&self.store, name).await
    }

    /// Stores a credential under a name.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        self.store.set(&key(name), &Secret::new(value.into())).await
    }

    /// Deletes the credential of a name.
    pub async fn delete(&self, name: &str) -> Result<bool, Error> {
        self.store.delete(&key(name)).await
    }

    /// Starts as many gets of one name, all at once.
    pub fn gets(&self, count: usize, name: &'static str) -> JoinSet<Result<Option<String>, Error>> {
        let gets = (0..count).map(|_| Arc::clone(&self.store));
        gets.map(|store| async move { get(&store, name).await }).collect()
    }
}

/// A store that uses the bus of this address.
pub fn store(address: &str, has_display: bool) -> Arc<Client> {
    let environment = Environment { bus_address: Ok(address.into()), has_display, timeout: DEFAULT_TIMEOUT };
    Arc::new(Client(SecretService::new(environment)))
}

/// A store whose calls are unbounded and may ask the person.
pub struct Client(pub SecretService);

impl Client {
    /// Reads a credential.
    pub async fn get(&self, key: &Key) -> Result<Option<Secret>, Error> {
        let progress = Progress::reading(true);
        Limits::default().run(&progress, self.0.get(key, &progress)).await
    }

    /// Stores a credential.
    pub async fn set(&self, key: &Key, value: &Secret) -> Result<(), Error> {
        let progress = Progress::changing(true);
        Limits::default().run(&progress, self.0.set(key, value, &progress)).await
    }

    /// Deletes a credential.
    pub async fn delete(&self, key: &Key) -> Result<bool, Error> {
        let progress = Progress::changing(true);
        Limits::default().run(&progress, self.0.delete(key, &progress)).await
    }
}

/// Reads the credential of a name as text.
pub async fn get(store: &Client, name: &str) -> Result<Option<String>, Error> {
    let secret = store.get(&key(name)).await?;
    Ok(secret.map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap()))
}

/// The key that the tests use for a name.
pub fn key(name: &str) -> Key {
    Key { service: "a service".into(), name: name.into() }
}
