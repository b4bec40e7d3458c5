//! What the API of `keytar` does with our items and with those that `keytar` itself has stored.

#![cfg(target_os = "linux")]

mod support;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Effect, Error},
    keytar,
    progress::Progress,
    store::{Call, SetOptions, Store},
};
use support::{
    Kind, World, key,
    model::{ARCHIVE, LOGIN, OnPrompt},
    run,
    script::Deviation,
    secret,
};

/// The schema of keytar's items.
const GENERIC: &str = "org.freedesktop.Secret.Generic";

/// Puts an item into a collection as keytar does. Returns its path.
fn put_keytar(world: &World, collection: &str, name: &str, value: &str) -> String {
    put_schema(world, collection, name, value, GENERIC)
}

fn put_schema(world: &World, collection: &str, name: &str, value: &str, schema: &str) -> String {
    let path = world.put(collection, name, value);
    let mut model = world.service.model();
    let item = model.items.get_mut(&path).unwrap();
    item.attributes.insert("xdg:schema".into(), schema.into());
    path
}

fn text(value: Secret) -> String {
    String::from_utf8(value.expose().to_vec()).unwrap()
}

async fn get_password(world: &World, name: &str) -> Result<Option<String>, Error> {
    let found = keytar::get_password(&world.store.0, &key(name), &Progress::reading(true)).await;
    Ok(found?.map(text))
}

async fn set_password(world: &World, name: &str, value: &str) -> Result<(), Error> {
    let progress = Progress::changing(true);
    let outcome = keytar::set_password(&world.store.0, &key(name), &secret(value), &progress).await;
    outcome.map_err(|error| error.with_effect(Effect::Unknown))
}

async fn delete_password(world: &World, name: &str) -> Result<bool, Error> {
    keytar::delete_password(&world.store.0, &key(name), &Progress::changing(true)).await
}

async fn find_password(world: &World) -> Result<Option<String>, Error> {
    let found = keytar::find_password(&world.store.0, "a service", &Progress::reading(true)).await;
    Ok(found?.map(text))
}

async fn find_credentials(world: &World) -> Result<Vec<(String, String)>, Error> {
    let found = keytar::find_credentials(&world.store.0, "a service", &Progress::reading(true)).await?;
    Ok(found.into_iter().map(|(name, value)| (name, text(value))).collect())
}

fn paths(world: &World) -> Vec<String> {
    world.service.model().items.keys().cloned().collect()
}

#[test]
fn our_password_is_read_before_that_of_keytar() {
    run(async {
        for kind in Kind::ALL {
            let world = World::of(kind).await;
            put_keytar(&world, LOGIN, "token", "theirs");
            assert_eq!(get_password(&world, "token").await.unwrap().unwrap(), "theirs", "{kind:?}");
            world.put(ARCHIVE, "token", "ours");
            assert_eq!(get_password(&world, "token").await.unwrap().unwrap(), "ours", "{kind:?}");
            assert_eq!(get_password(&world, "other").await, Ok(None), "{kind:?}");
        }
    });
}

#[test]
fn items_of_other_packages_are_neither_read_nor_deleted() {
    run(async {
        let world = World::new().await;
        put_schema(&world, LOGIN, "token", "of another", "org.example.Other");
        let longer = Key { service: "a service".into(), name: "token 2".into() };
        world.service.model().put(LOGIN, &longer, b"of another name");
        let before = paths(&world);
        assert_eq!(get_password(&world, "token").await, Ok(None));
        assert_eq!(delete_password(&world, "token").await, Ok(false));
        assert_eq!(paths(&world), before);
    });
}

#[test]
fn a_password_that_is_set_is_ours_and_the_only_one_of_its_account() {
    run(async {
        for kind in Kind::ALL {
            let world = World::of(kind).await;
            put_keytar(&world, LOGIN, "token", "old");
            put_keytar(&world, ARCHIVE, "token", "older");
            let other = put_keytar(&world, LOGIN, "other", "kept");
            set_password(&world, "token", "new").await.unwrap();
            let model = world.service.model();
            let mut values: Vec<_> = model.items.values().map(|item| item.value.clone()).collect();
            values.sort();
            assert_eq!(values, [b"kept".to_vec(), b"new".to_vec()], "{kind:?}");
            assert!(model.items.contains_key(&other));
            let [new] = &model.items.values().filter(|item| item.value == b"new").collect::<Vec<_>>()[..]
            else {
                panic!("not one item");
            };
            assert_eq!(new.attributes["xdg:schema"], "com.oven-sh.bun.Secret");
        }
    });
}

#[test]
fn a_password_that_is_deleted_does_not_come_back() {
    run(async {
        let world = World::new().await;
        for (ours, theirs, there_was) in
            [(true, true, true), (true, false, true), (false, true, true), (false, false, false)]
        {
            if ours {
                world.put(LOGIN, "token", "ours");
            }
            if theirs {
                put_keytar(&world, ARCHIVE, "token", "theirs");
            }
            assert_eq!(delete_password(&world, "token").await, Ok(there_was));
            assert_eq!(get_password(&world, "token").await, Ok(None));
            assert_eq!(paths(&world), [""; 0]);
        }
    });
}

#[test]
fn a_locked_password_of_keytar_is_unlocked() {
    run(async {
        for kind in Kind::ALL {
            for collection in [LOGIN, ARCHIVE] {
                let world = World::of(kind).await;
                put_keytar(&world, collection, "token", "theirs");
                world.service.model().lock(collection, true);
                let told = format!("{kind:?} {collection}");
                assert_eq!(get_password(&world, "token").await.unwrap().as_deref(), Some("theirs"), "{told}");
                world.service.model().lock(collection, true);
                let expected = [("token".to_owned(), "theirs".to_owned())];
                assert_eq!(find_credentials(&world).await.unwrap(), expected, "{told}");
                world.service.model().lock(collection, true);
                assert_eq!(find_password(&world).await.unwrap().as_deref(), Some("theirs"), "{told}");
                world.service.model().lock(collection, true);
                assert_eq!(delete_password(&world, "token").await, Ok(true), "{told}");
                assert_eq!(paths(&world), [""; 0], "{told}");
            }
        }
    });
}

#[test]
fn a_locked_password_of_keytar_is_never_reported_as_missing() {
    run(async {
        for (hides_locked, hides_schema) in [(false, false), (true, false), (false, true)] {
            let world = World::new().await;
            put_keytar(&world, LOGIN, "token", "theirs");
            {
                let mut model = world.service.model();
                model.lock(LOGIN, true);
                (model.hides_locked, model.hides_schema) = (hides_locked, hides_schema);
                model.on_prompt = OnPrompt::Dismiss;
            }
            for error in [
                get_password(&world, "token").await.unwrap_err(),
                delete_password(&world, "token").await.unwrap_err(),
                find_password(&world).await.unwrap_err(),
                find_credentials(&world).await.unwrap_err(),
            ] {
                assert_eq!(error.code(), Code::UserCanceled);
            }
            world.service.model().on_prompt = OnPrompt::Complete;
            assert_eq!(get_password(&world, "token").await.unwrap().unwrap(), "theirs");
        }
    });
}

#[test]
fn a_change_that_was_made_by_half_says_so() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "deleted", "ours");
        for name in ["stored", "deleted"] {
            put_keytar(&world, ARCHIVE, name, "theirs");
        }
        world.service.model().lock(ARCHIVE, true);
        world.service.model().on_prompt = OnPrompt::Dismiss;
        let error = set_password(&world, "stored", "new").await.unwrap_err();
        assert_eq!(error.code(), Code::UserCanceled);
        let message = error.to_string();
        assert!(message.starts_with("The password was stored, but the one that keytar itself"), "{message}");
        assert!(message.contains(": The prompt of the credential store was dismissed. If"), "{message}");
        assert_eq!(get_password(&world, "stored").await.unwrap().unwrap(), "new");
        let message = delete_password(&world, "deleted").await.unwrap_err().to_string();
        assert!(message.starts_with("The password was deleted, but the one that keytar itself"), "{message}");
        let model = world.service.model();
        let (archived, ours): (Vec<_>, Vec<_>) =
            model.items.iter().partition(|(path, _)| path.starts_with(ARCHIVE));
        assert_eq!(archived.len(), 2);
        assert_eq!(ours.iter().map(|(_, item)| &item.attributes["account"]).collect::<Vec<_>>(), ["stored"]);
    });
}

#[test]
fn a_password_that_is_not_stored_leaves_that_of_keytar() {
    run(async {
        let world = World::new().await;
        let before = put_keytar(&world, LOGIN, "token", "theirs");
        world.service.once("CreateItem", Deviation::Refuse("org.example.Full"));
        let error = set_password(&world, "token", "new").await.unwrap_err();
        assert!(!error.to_string().contains("was stored"), "{error}");
        assert_eq!(paths(&world), [before]);
    });
}

#[test]
fn a_deletion_on_a_lost_connection_counts() {
    run(async {
        let world = World::new().await;
        put_keytar(&world, LOGIN, "token", "theirs");
        world.service.arrive().await;
        world.service.once("Delete", Deviation::ObeyAndLeave);
        assert_eq!(delete_password(&world, "token").await, Ok(true));
        assert_eq!(paths(&world), [""; 0]);
    });
}

#[test]
fn the_passwords_of_a_service_are_found_once_each() {
    run(async {
        for kind in Kind::ALL {
            let world = World::of(kind).await;
            assert_eq!(find_credentials(&world).await, Ok(Vec::new()));
            assert_eq!(find_password(&world).await, Ok(None));
            put_keytar(&world, LOGIN, "a", "theirs");
            put_keytar(&world, ARCHIVE, "b", "theirs, too");
            assert!(find_password(&world).await.unwrap().unwrap().starts_with("theirs"), "{kind:?}");
            world.put(ARCHIVE, "b", "ours");
            put_schema(&world, LOGIN, "c", "of another", "org.example.Other");
            let other = Key { service: "a service 2".into(), name: "d".into() };
            world.service.model().put(LOGIN, &other, b"of another service");
            let expected = [("a", "theirs"), ("b", "ours")];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(find_credentials(&world).await.unwrap(), expected, "{kind:?}");
            assert_eq!(find_password(&world).await.unwrap().unwrap(), "ours", "{kind:?}");
        }
    });
}

#[test]
fn a_password_that_is_no_text_is_an_error() {
    run(async {
        let world = World::new().await;
        let path = put_keytar(&world, LOGIN, "token", "x");
        world.service.model().items.get_mut(&path).unwrap().value = vec![0xff];
        let expected = Error::Of { of: "a service/token".into(), error: Box::new(Error::InvalidData) };
        assert_eq!(get_password(&world, "token").await, Err(expected.clone()));
        assert_eq!(find_credentials(&world).await, Err(expected));
    });
}

/// The store of a world. Another program stores a password between two calls of one function: when the last of these
/// calls on the store begins, `set_password` runs to its end first.
struct Interleaved<'a> {
    world: &'a World,
    calls_left: AtomicUsize,
}

impl Interleaved<'_> {
    async fn before_call(&self) -> Result<(), Error> {
        match self.calls_left.fetch_sub(1, Ordering::Relaxed) {
            1 => set_password(self.world, "token", "new").await,
            _ => Ok(()),
        }
    }
}

impl Store for Interleaved<'_> {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            self.before_call().await?;
            self.world.store.0.get(key, progress).await
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        options: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        self.world.store.0.set(key, value, options, progress)
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        self.world.store.0.delete(key, progress)
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        self.world.store.0.has(key, progress)
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            self.before_call().await?;
            self.world.store.0.list(service, progress).await
        })
    }

    fn has_keytar_items(&self) -> bool {
        self.world.store.0.has_keytar_items()
    }

    fn get_keytar_password<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            self.before_call().await?;
            self.world.store.0.get_keytar_password(key, progress).await
        })
    }

    fn list_keytar_accounts<'a>(
        &'a self,
        service: &'a str,
        progress: &'a Progress,
    ) -> Call<'a, BTreeSet<String>> {
        Box::pin(async move {
            self.before_call().await?;
            self.world.store.0.list_keytar_accounts(service, progress).await
        })
    }
}

#[test]
fn a_password_that_another_program_replaces_is_never_missing() {
    run(async {
        let progress = Progress::reading(true);
        for call in 1..=6 {
            for function in ["get_password", "find_password", "find_credentials"] {
                let world = World::new().await;
                put_keytar(&world, LOGIN, "token", "old");
                let store = Interleaved { world: &world, calls_left: AtomicUsize::new(call) };
                let found = match function {
                    "get_password" => keytar::get_password(&store, &key("token"), &progress).await,
                    "find_password" => keytar::find_password(&store, "a service", &progress).await,
                    _ => {
                        let found = keytar::find_credentials(&store, "a service", &progress).await;
                        found.map(|mut found| found.pop().map(|(_, password)| password))
                    }
                };
                let found = found.unwrap().map(text);
                assert!(
                    matches!(found.as_deref(), Some("old" | "new")),
                    "{function} finds {found:?} if the password is replaced before call {call}"
                );
            }
        }
    });
}
