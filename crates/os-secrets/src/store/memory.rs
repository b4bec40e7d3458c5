//! A store in memory, for tests of programs.

use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard},
};

use super::{Call, SetOptions, Store, check_credential, credential_lock::LockDomain};
use crate::{
    credential::{Key, Secret},
    progress::Progress,
    sync::lock,
};

/// Credentials in memory. They are wiped when the store is dropped.
pub struct MemoryStore {
    credentials: Mutex<BTreeMap<Key, Secret>>,
    domain: LockDomain,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { credentials: Mutex::default(), domain: LockDomain::new_in_process() }
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Secret>> {
        lock(&self.credentials)
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(ready(Ok(self.lock().get(key).cloned())))
    }

    fn set<'a>(&'a self, key: &'a Key, value: &'a Secret, _: SetOptions, _: &'a Progress) -> Call<'a, ()> {
        Box::pin(ready(check_credential(key, value).map(|value| {
            let mut all = self.lock();
            match value {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        })))
    }

    fn delete<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(ready(Ok(self.lock().remove(key).is_some())))
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(ready(Ok(self.lock().contains_key(key))))
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        let is_wanted = |key: &&Key| service.is_none_or(|service| key.service == service);
        Box::pin(ready(Ok(self.lock().keys().filter(is_wanted).cloned().collect())))
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        Box::pin(ready(Ok(self.domain.clone())))
    }
}
