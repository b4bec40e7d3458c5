//! What get, set, delete, has and list do with items.

#![cfg(target_os = "linux")]

mod support;

use std::collections::HashMap;

use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Effect, Error},
    store::{MAX_KEY, MAX_VALUE},
};
use support::{
    World, key,
    model::{ARCHIVE, Item, LOGIN, OnPrompt},
    run,
    script::Deviation,
};

#[test]
fn an_item_is_laid_out_as_bun_does() {
    run(async {
        let world = World::new().await;
        world.set("token", "value").await.unwrap();
        let attributes =
            [("xdg:schema", "com.oven-sh.bun.Secret"), ("service", "a service"), ("account", "token")];
        let item = Item {
            attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
            label: "a service/token".into(),
            value: b"value".into(),
            content_type: "text/plain".into(),
        };
        assert_eq!(world.service.model().items.values().collect::<Vec<_>>(), [&item]);
        assert_eq!(world.service.methods(), ["OpenSession", "CreateItem"]);
    });
}

#[test]
fn a_credential_is_set_replaced_read_and_deleted() {
    run(async {
        let world = World::new().await;
        assert_eq!(world.get("token").await.unwrap(), None);
        world.set("token", "first").await.unwrap();
        world.set("token", "second").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "second");
        assert_eq!(world.get("Token").await.unwrap(), None);
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.get("token").await.unwrap(), None);
        assert!(!world.delete("token").await.unwrap());
    });
}

#[test]
fn a_value_may_be_any_bytes_of_any_length() {
    run(async {
        let world = World::new().await;
        for length in [1, 15, 16, 17, 255, 256, 100_000] {
            let value: Vec<u8> = (0..length).map(|at| (at * 7 + 200) as u8).collect();
            world.store.set(&key("bytes"), &Secret::new(value.clone())).await.unwrap();
            assert!(world.service.model().items.values().all(|item| item.value == value), "{length}");
            let read = world.store.get(&key("bytes")).await.unwrap().unwrap();
            assert!(read.expose() == value, "{length}");
        }
    });
}

#[test]
fn keys_are_apart_whatever_they_hold() {
    run(async {
        let world = World::new().await;
        let keys =
            [("a", "b/c"), ("a/b", "c"), ("A", "b/c"), ("a ", "b/c"), ("\n'\"\\*?%", "é\u{1f511}\u{ffff}")];
        let keys = keys.map(|(service, name)| Key { service: service.into(), name: name.into() });
        for (number, key) in (0..).zip(&keys) {
            world.store.set(key, &Secret::new(vec![number])).await.unwrap();
        }
        for (number, key) in (0..).zip(&keys) {
            assert_eq!(world.store.get(key).await.unwrap().unwrap().expose(), [number], "{key:?}");
            assert_eq!(world.store.delete(key).await, Ok(true), "{key:?}");
            assert_eq!(world.store.get(key).await, Ok(None), "{key:?}");
        }
    });
}

#[test]
fn an_empty_value_deletes() {
    run(async {
        let world = World::new().await;
        world.set("token", "value").await.unwrap();
        world.set("token", "").await.unwrap();
        assert_eq!(world.service.model().items, Default::default());
        world.set("token", "").await.unwrap();
        assert_eq!(world.service.count("CreateItem"), 1);
    });
}

#[test]
fn an_empty_value_that_was_stored_by_others_is_read() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "");
    });
}

#[test]
fn what_no_message_can_carry_is_refused_before_any_is_sent() {
    run(async {
        let world = World::new().await;
        let value = Secret::new(vec![b'x'; MAX_VALUE + 1]);
        let error = world.store.set(&key("token"), &value).await.unwrap_err();
        assert_eq!(
            error,
            Error::TooLarge { what: "a value", size: MAX_VALUE + 1, unit: "bytes", limit: MAX_VALUE }
        );
        assert_eq!(error.code(), Code::TooLarge);
        let key = Key { service: "s".repeat(MAX_KEY), name: "n".into() };
        let error =
            Error::TooLarge { what: "service and name", size: MAX_KEY + 1, unit: "bytes", limit: MAX_KEY };
        assert_eq!(world.store.set(&key, &Secret::new(b"value".into())).await, Err(error.clone()));
        assert_eq!(world.store.get(&key).await, Err(error.clone()));
        assert_eq!(world.store.delete(&key).await, Err(error));
        // The bus keeps order, so a message of the refused calls would have come before these.
        world.get("token").await.unwrap();
        assert_eq!(world.service.methods(), ["OpenSession", "SearchItems", "Get", "SearchItems"]);
    });
}

#[test]
fn of_several_items_the_default_collections_is_read() {
    run(async {
        let world = World::new().await;
        world.put(ARCHIVE, "token", "archived");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "archived");
        world.set("token", "current").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "current");
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "current");
        assert_eq!(world.service.model().items.len(), 2);
    });
}

#[test]
fn of_several_items_elsewhere_an_unlocked_one_is_read() {
    run(async {
        let world = World::new().await;
        world.put(ARCHIVE, "token", "locked");
        world.put("/org/freedesktop/secrets/collection/work", "token", "unlocked");
        world.service.model().lock(ARCHIVE, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "unlocked");
        world.service.model().default = None;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "unlocked");
        assert_eq!(world.service.count("Unlock"), 0);
    });
}

/// The path of another collection begins with the path of the default one.
#[test]
fn the_default_collection_is_told_from_one_named_alike() {
    run(async {
        let world = World::new().await;
        world.put("/org/freedesktop/secrets/collection/login1", "token", "other");
        world.put(LOGIN, "token", "default");
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "default");
        world.service.model().default = Some(format!("{LOGIN}1"));
        assert_eq!(world.get("token").await.unwrap().unwrap(), "other");
    });
}

#[test]
fn delete_removes_every_match_and_nothing_else() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "one");
        world.put(ARCHIVE, "token", "two");
        world.put(ARCHIVE, "token", "three");
        let other = world.put(LOGIN, "other", "kept");
        world.service.model().lock(ARCHIVE, true);
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.service.model().items.keys().collect::<Vec<_>>(), [&other]);
    });
}

#[test]
fn delete_removes_nothing_where_it_cannot_remove_all() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "one");
        world.put(ARCHIVE, "token", "two");
        world.service.model().lock(ARCHIVE, true);
        world.service.model().on_prompt = OnPrompt::Dismiss;
        assert_eq!(world.delete("token").await, Err(Error::UserCanceled { effect: Effect::NotDone }));
        assert_eq!(world.service.model().items.len(), 2);
    });
}

#[test]
fn the_default_collection_is_made_where_there_is_none() {
    run(async {
        let world = World::new().await;
        world.service.model().collections.clear();
        world.service.model().default = None;
        assert_eq!(world.get("token").await.unwrap(), None);
        assert!(!world.delete("token").await.unwrap());
        assert_eq!(world.service.count("CreateCollection"), 0);
        world.set("token", "value").await.unwrap();
        let call = world.service.calls("CreateCollection").remove(0);
        let (properties, alias): (HashMap<String, zbus::OwnedVariant>, String) =
            call.body().deserialize().unwrap();
        assert_eq!(alias, "default");
        assert_eq!(properties.len(), 1);
        let label = &properties["org.freedesktop.Secret.Collection.Label"];
        assert_eq!(<&str>::try_from(label).unwrap(), "Default keyring");
        assert_eq!(world.service.count("Prompt"), 1);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn sets_at_once_make_one_default_collection() {
    run(async {
        let world = World::new().await;
        world.service.model().collections.clear();
        world.service.model().default = None;
        let (one, two, three) =
            tokio::join!(world.set("one", "1"), world.set("two", "2"), world.set("three", "3"));
        assert_eq!((one, two, three), (Ok(()), Ok(()), Ok(())));
        assert_eq!(world.service.count("CreateCollection"), 1);
        assert_eq!(world.service.model().items.len(), 3);
    });
}

#[test]
fn has_tells_without_reading_the_value() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        assert_eq!(world.store.call().has(&key("token")).await, Ok(true));
        assert_eq!(world.store.call().has(&key("missing")).await, Ok(false));
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.store.call().silent().has(&key("token")).await, Ok(true));
        assert_eq!(world.service.count("GetSecret"), 0);
        assert_eq!(world.service.count("Unlock"), 0);
    });
}

#[test]
fn list_names_each_credential_once_and_in_order() {
    run(async {
        let world = World::new().await;
        assert_eq!(world.store.call().list(None).await, Ok(Vec::new()));
        for name in ["b", "a", "c"] {
            world.put(ARCHIVE, name, "value");
        }
        world.put(LOGIN, "b", "value");
        let other = Key { service: "another service".into(), name: "z".into() };
        world.service.model().put(LOGIN, &other, b"value");
        world.service.model().lock(ARCHIVE, true);
        let ours = vec![key("a"), key("b"), key("c")];
        assert_eq!(world.store.call().list(Some("a service")).await, Ok(ours.clone()));
        assert_eq!(world.store.call().list(Some("missing")).await, Ok(Vec::new()));
        assert_eq!(world.store.call().list_by_prefix("a s").await, Ok(ours.clone()));
        assert_eq!(world.store.call().list_by_prefix("A s").await, Ok(Vec::new()));
        assert_eq!(world.store.call().list(None).await, Ok([ours, vec![other]].concat()));
        assert_eq!(world.service.count("GetSecret"), 0);
        assert_eq!(world.service.count("Unlock"), 0);
    });
}

#[test]
fn list_does_not_take_what_is_hidden_for_nothing() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().lock(LOGIN, true);
        world.service.model().hides_locked = true;
        for service in [None, Some("a service")] {
            assert_eq!(world.store.call().list(service).await, Err(Error::InteractionNotAllowed));
        }
    });
}

#[test]
fn list_passes_over_what_is_gone_and_what_is_not_ours() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        let nameless = world.put(LOGIN, "other", "value");
        world.service.model().items.get_mut(&nameless).unwrap().attributes.remove("account");
        world.put(LOGIN, "gone", "value");
        world.service.once(
            "Get",
            Deviation::change(|model| {
                model
                    .items
                    .retain(|_, item| item.attributes.get("account").is_none_or(|name| name != "gone"));
            }),
        );
        assert_eq!(world.store.call().list(None).await, Ok(vec![key("token")]));
        assert_eq!(world.service.count("Get"), 3);
    });
}
