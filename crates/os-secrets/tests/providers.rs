//! The differences between real services, and items that change during a call.

#![cfg(target_os = "linux")]

mod support;

use std::{sync::Arc, time::Duration};

use os_secrets::error::{Code, Effect, Error};
use support::{
    World,
    bus::call_bus,
    get, key,
    model::{ARCHIVE, IS_LOCKED, LOGIN, Model, OnPrompt, UNKNOWN_OBJECT},
    pass, run,
    script::Deviation,
    secret,
};
use tokio::task::JoinSet;
use zbus::Message;

/// Like KeePassXC: locked items are hidden, and each change needs a prompt.
#[test]
fn a_service_that_hides_and_asks_is_served() {
    run(async {
        let world = World::new().await;
        world.service.model().hides_locked = true;
        world.service.model().stores_by_prompt = true;
        world.service.model().deletes_by_prompt = true;
        world.service.model().lock(LOGIN, true);
        world.set("token", "value").await.unwrap();
        assert_eq!(world.service.model().items.len(), 1);
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.model().lock(LOGIN, true);
        assert!(world.delete("token").await.unwrap());
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap(), None);
        world.service.model().lock(LOGIN, true);
        assert!(!world.delete("token").await.unwrap());
    });
}

/// Like KeePassXC: a search of a locked collection opens a prompt, and is answered when the prompt ends.
#[test]
fn a_service_that_would_ask_in_a_search_is_unlocked_before() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        call_bus(&world.service.connection(), "RequestName", &("org.keepassxc.KeePassXC.MainWindow", 0_u32))
            .await;
        let search = |model: &mut Model, call: &Message| match model.collections[LOGIN].locked {
            true => Vec::new(),
            false => model.answer(call),
        };
        world.service.always("SearchItems", Deviation::Improvise(Arc::new(search)));
        world.service.model().lock(LOGIN, true);
        let refused = || Error::InteractionNotAllowed;
        assert_eq!(world.store.call().silent().get(&key("token")).await.err(), Some(refused()));
        assert_eq!(world.store.call().silent().delete(&key("token")).await, Err(refused()));
        assert_eq!(world.store.call().silent().has(&key("token")).await, Err(refused()));
        assert_eq!(world.store.call().list(None).await, Err(refused()));
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.model().lock(LOGIN, true);
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.store.call().list(None).await.unwrap(), []);
        assert_eq!(world.service.count("Prompt"), 2);
    });
}

/// KeePassXC creates an item in several steps after its prompt. Two calls at once would create two items.
#[test]
fn confirmations_of_one_key_take_turns() {
    run(async {
        let world = World::new().await;
        world.service.model().stores_by_prompt = true;
        world.service.model().on_prompt = OnPrompt::Wait;
        let set = |name: &'static str| {
            let store = Arc::clone(&world.store);
            tokio::spawn(async move { store.set(&key(name), &secret("value")).await })
        };
        let sets = [set("token"), set("other"), set("token")];
        world.service.called("CreateItem", 3).await;
        world.service.called("Prompt", 2).await;
        // A message of the third would have come before the reply to this.
        assert_eq!(world.get("token").await.unwrap(), None);
        assert_eq!(world.service.count("Prompt"), 2);
        world.service.settle_prompts(OnPrompt::Complete).await;
        world.service.called("Prompt", 3).await;
        world.service.settle_prompts(OnPrompt::Complete).await;
        for set in sets {
            set.await.unwrap().unwrap();
        }
        assert_eq!(world.service.model().items.len(), 2);
    });
}

#[test]
fn a_locked_collection_that_hides_its_items_is_no_missing_credential() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().lock(LOGIN, true);
        world.service.model().hides_locked = true;
        world.service.model().on_prompt = OnPrompt::Dismiss;
        assert_eq!(world.get("token").await, Err(Error::UserCanceled { effect: Effect::None }));
        assert_eq!(world.delete("token").await, Err(Error::UserCanceled { effect: Effect::NotDone }));
    });
}

#[test]
fn a_collection_that_stays_locked_after_its_prompt_is_no_missing_credential() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().lock(LOGIN, true);
        world.service.model().on_prompt = OnPrompt::CompleteInVain;
        for hides_locked in [false, true] {
            world.service.model().hides_locked = hides_locked;
            assert!(world.get("token").await.is_err(), "get, {hides_locked}");
            assert!(world.delete("token").await.is_err(), "delete, {hides_locked}");
        }
    });
}

#[test]
fn an_item_that_is_listed_but_not_found_while_it_is_locked_is_served() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().hides_locked = true;
        world.service.model().lists_hidden = true;
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.model().lock(LOGIN, true);
        assert!(world.delete("token").await.unwrap());
    });
}

#[test]
fn a_locked_collection_that_shows_its_items_is_not_unlocked_in_search_of_more() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "other", "value");
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap(), None);
        assert_eq!(world.service.count("Unlock"), 0);
    });
}

/// Like gnome-keyring before a keyring is unlocked for the first time.
#[test]
fn an_item_that_is_found_under_another_schema_until_it_is_unlocked_is_served() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().hides_schema = true;
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("missing").await.unwrap(), None);
        assert_eq!(world.service.count("Prompt"), 1);
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.service.count("Prompt"), 2);
    });
}

/// Like KeePassXC if it confirms each access: it unlocks an item for one connection.
#[test]
fn an_item_that_is_unlocked_for_one_connection_is_read_on_it() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().asks_for_each_client = true;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("Prompt"), 1);
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.service.count("Prompt"), 1);
    });
}

/// Each collection has a prompt of its own, and one prompt is open at a time.
#[test]
fn many_locked_collections_are_unlocked_one_after_the_other() {
    run(async {
        let world = World::new().await;
        let names: Vec<_> = (0..20).map(|number| format!("name {number}")).collect();
        for name in &names {
            let collection = format!("{LOGIN}_{}", name.replace(' ', "_"));
            world.put(&collection, name, name);
            world.service.model().lock(&collection, true);
        }
        let gets: JoinSet<_> = names
            .iter()
            .map(|name| (name.clone(), Arc::clone(&world.store)))
            .map(|(name, store)| async move { assert_eq!(get(&store, &name).await, Ok(Some(name))) })
            .collect();
        gets.join_all().await;
        assert_eq!(world.service.count("Prompt"), 20);
    });
}

/// Like oo7.
#[test]
fn a_service_that_moves_what_it_replaces_is_served() {
    run(async {
        let world = World::new().await;
        world.service.model().moves_replaced = true;
        for value in ["first", "second", "third"] {
            world.set("token", value).await.unwrap();
            assert_eq!(world.get("token").await.unwrap().unwrap(), value);
        }
        assert_eq!(world.service.model().items.len(), 1);
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.service.model().items.len(), 0);
    });
}

/// A world with a credential, in a service like KWallet before its wallet is opened for the first time.
async fn unopened() -> World {
    let world = World::new().await;
    world.put(LOGIN, "token", "value");
    world.service.model().collections.get_mut(LOGIN).unwrap().unopened = true;
    world
}

#[test]
fn get_unlocks_what_does_not_show_that_it_is_locked() {
    run(async {
        let world = unopened().await;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("Unlock"), 1);
    });
}

#[test]
fn set_unlocks_what_does_not_show_that_it_is_locked() {
    run(async {
        let world = unopened().await;
        world.set("token", "new value").await.unwrap();
        assert_eq!(world.service.count("Unlock"), 1);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "new value");
    });
}

#[test]
fn delete_unlocks_what_does_not_show_that_it_is_locked() {
    run(async {
        let world = unopened().await;
        assert_eq!(world.delete("token").await, Ok(true));
        assert_eq!(world.service.count("Unlock"), 1);
    });
}

#[test]
fn an_item_that_is_locked_after_it_was_found_is_unlocked() {
    run(async {
        let world = World::new().await;
        let lock = || Deviation::change(|model| model.lock(LOGIN, true));
        world.service.once("CreateItem", lock());
        world.set("token", "value").await.unwrap();
        world.service.once("GetSecret", lock());
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.once("Delete", lock());
        assert!(world.delete("token").await.unwrap());
        assert_eq!(world.service.count("Prompt"), 3);
    });
}

const ABSENT: [&str; 3] =
    [UNKNOWN_OBJECT, "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.Secret.Error.NoSuchObject"];

#[test]
fn an_item_that_is_replaced_after_it_was_found_is_found_again() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        for name in ABSENT {
            world.service.model().absent = name;
            world.service.once("GetSecret", Deviation::change(|model| model.move_items()));
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value", "{name}");
        }
    });
}

#[test]
fn an_item_that_is_replaced_before_it_is_deleted_is_found_again() {
    run(async {
        let world = World::new().await;
        for name in ABSENT {
            world.put(LOGIN, "token", "value");
            world.service.model().absent = name;
            world.service.once("Delete", Deviation::change(|model| model.move_items()));
            assert!(world.delete("token").await.unwrap(), "{name}");
            assert_eq!(world.service.model().items.len(), 0, "{name}");
        }
    });
}

#[test]
fn an_item_that_others_delete_after_it_was_found_is_not_there() {
    run(async {
        let world = World::new().await;
        for name in ABSENT {
            world.service.model().absent = name;
            world.put(LOGIN, "token", "value");
            world.service.once("GetSecret", Deviation::change(|model| model.items.clear()));
            assert_eq!(world.get("token").await.unwrap(), None, "{name}");
            world.put(LOGIN, "token", "value");
            world.service.once("Delete", Deviation::change(|model| model.items.clear()));
            assert!(!world.delete("token").await.unwrap(), "{name}");
        }
    });
}

/// Like oo7, which hides locked items. A search that finds an item in another collection says nothing about them.
#[test]
fn what_the_default_collection_hides_is_deleted_with_the_rest() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "the default collection's");
        world.put(ARCHIVE, "token", "another's");
        world.service.model().lock(LOGIN, true);
        world.service.model().hides_locked = true;
        assert_eq!(world.store.call().list(None).await, Err(Error::InteractionNotAllowed));
        assert_eq!(
            world.store.call().silent().delete(&key("token")).await,
            Err(Error::InteractionNotAllowed)
        );
        assert_eq!(world.service.model().items.len(), 2);
        assert_eq!(world.delete("token").await, Ok(true));
        assert_eq!(world.service.model().items.len(), 0);
    });
}

/// Like gnome-keyring, which hides the schema of locked items in all collections. It hides nothing else, so one more
/// search is enough.
#[test]
fn what_another_collection_hides_is_no_missing_credential() {
    run(async {
        for is_gnome_keyring in [false, true] {
            let world = World::new().await;
            if is_gnome_keyring {
                world.service.pose_as_gnome_keyring().await;
            }
            world.put(ARCHIVE, "token", "value");
            world.service.model().hides_schema = true;
            world.service.model().lock(ARCHIVE, true);
            let silent = || world.store.call().silent();
            assert_eq!(silent().get(&key("token")).await.err(), Some(Error::InteractionNotAllowed));
            assert_eq!(silent().delete(&key("token")).await, Err(Error::InteractionNotAllowed));
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
            world.service.model().lock(ARCHIVE, true);
            world.service.forget_calls();
            assert_eq!(world.get("missing").await.unwrap(), None);
            let asked = world.service.methods();
            assert_eq!(asked.len(), if is_gnome_keyring { 2 } else { 3 }, "{asked:?}");
            assert_eq!(world.delete("token").await, Ok(true));
        }
    });
}

/// A keyring that is created later, or that is read from its file again, may hide items.
#[test]
fn that_nothing_is_hidden_is_soon_forgotten() {
    run(async {
        let world = World::new().await;
        world.service.pose_as_gnome_keyring().await;
        assert_eq!(world.get("token").await.unwrap(), None);
        world.service.forget_calls();
        assert_eq!(world.get("token").await.unwrap(), None);
        assert_eq!(world.service.methods(), ["SearchItems"]);
        world.put(ARCHIVE, "token", "value");
        world.service.model().hides_schema = true;
        world.service.model().lock(ARCHIVE, true);
        pass(Duration::from_secs(2)).await;
        assert_eq!(
            world.store.call().silent().get(&key("token")).await.err(),
            Some(Error::InteractionNotAllowed)
        );
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn an_item_that_vanishes_before_it_is_unlocked_is_searched_again() {
    run(async {
        for call in ["get", "delete"] {
            let world = World::new().await;
            world.put(LOGIN, "token", "value");
            world.service.model().lock(LOGIN, true);
            world.service.once("Unlock", Deviation::change(|model: &mut Model| model.items.clear()));
            world.service.once("Unlock", Deviation::Refuse("org.freedesktop.Secret.Error.NoSuchObject"));
            world.service.once("Unlock", Deviation::change(|model: &mut Model| model.lock(LOGIN, false)));
            match call {
                "get" => assert_eq!(world.get("token").await, Ok(None)),
                _ => assert_eq!(world.delete("token").await, Ok(false)),
            }
            world.set("token", "other").await.unwrap();
            assert_eq!(world.get("token").await.unwrap().unwrap(), "other");
        }
    });
}

/// Deletes the default collection with all that is in it.
fn drop_collection(model: &mut Model) {
    model.collections.remove(LOGIN);
    model.items.clear();
    model.default = None;
}

#[test]
fn a_collection_that_is_deleted_in_the_middle_is_no_more_than_missing() {
    run(async {
        let world = World::new().await;
        let token = key("token");
        for method in ["SearchItems", "GetSecret"] {
            world.put(LOGIN, "token", "value");
            world.service.model().default = Some(LOGIN.into());
            world.service.once(method, Deviation::change(drop_collection));
            assert_eq!(world.get("token").await, Ok(None), "{method}");
            world.set("token", "value").await.unwrap();
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        }
        world.service.once("Delete", Deviation::change(drop_collection));
        assert_eq!(world.delete("token").await, Ok(false));
        assert_eq!(world.store.call().list(None).await.unwrap(), []);

        // A set creates the default collection again.
        world.set("token", "value").await.unwrap();
        world.service.once("CreateItem", Deviation::change(drop_collection));
        world.set("token", "other").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "other");
        world.service.once("Get", Deviation::change(drop_collection));
        assert_eq!(world.store.call().list(None).await.unwrap(), []);
        assert!(!world.store.call().has(&token).await.unwrap());
    });
}

#[test]
fn a_collection_that_is_locked_in_the_middle_is_unlocked() {
    run(async {
        let world = World::new().await;
        let lock = |model: &mut Model| model.lock(LOGIN, true);
        world.put(LOGIN, "token", "value");
        for (method, prompts) in [("SearchItems", 1), ("GetSecret", 2)] {
            world.service.once(method, Deviation::change(lock));
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value", "{method}");
            assert_eq!(world.service.count("Prompt"), prompts);
        }
        world.service.once("CreateItem", Deviation::change(lock));
        world.set("token", "other").await.unwrap();
        world.service.once("Delete", Deviation::change(lock));
        assert_eq!(world.delete("token").await, Ok(true));
        assert_eq!(world.service.count("Prompt"), 4);
    });
}

#[test]
fn an_item_that_never_holds_still_is_an_error() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.always("GetSecret", Deviation::change(|model| model.move_items()));
        let unsettled = world.get("token").await.unwrap_err();
        assert!(unsettled.to_string().contains("GetSecret, 10 times"), "{unsettled}");
        world.service.heal();
        for method in ["GetSecret", "CreateItem", "Delete"] {
            world.service.always(method, Deviation::Refuse(IS_LOCKED));
        }
        let denied = Code::AccessDenied;
        assert_eq!(world.get("token").await.unwrap_err().code(), denied);
        assert_eq!(world.set("token", "value").await.unwrap_err().code(), denied);
        assert_eq!(world.delete("token").await.unwrap_err().code(), denied);
    });
}
