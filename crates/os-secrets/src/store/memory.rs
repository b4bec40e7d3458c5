//! A store in memory, for tests of programs.

use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard},
};

use super::{Call, SetOptions, Store, check_credential};
use crate::{
    credential::{Key, Secret},
    progress::Progress,
    sync::lock,
};

/// Credentials in memory. They are wiped when the store is dropped.
#[derive(Default)]
pub struct MemoryStore(Mutex<BTreeMap<Key, Secret>>);

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Secret>> {
        lock(&self.0)
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
}
