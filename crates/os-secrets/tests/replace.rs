//! A new secret for an existing item. It is replaced in place if the service is gnome-keyring, with the same outcome as
//! if the item were created again.

#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use os_secrets::error::{Effect, Error};
use support::{
    World, key,
    model::{ARCHIVE, LOGIN, OnPrompt, UNKNOWN_OBJECT},
    pass, run,
    script::Deviation,
    secret,
};

/// A world with a gnome-keyring that holds a credential, stored by another process. The store is connected.
async fn stored() -> World {
    let world = World::new().await;
    world.service.pose_as_gnome_keyring().await;
    world.store_without_display().set(&key("token"), &secret("first")).await.unwrap();
    assert_eq!(world.get("token").await.unwrap().unwrap(), "first");
    world.service.forget_calls();
    world
}

/// The values of all items that the service holds.
fn values(world: &World) -> Vec<String> {
    let model = world.service.model();
    model.items.values().map(|item| String::from_utf8(item.value.clone()).unwrap()).collect()
}

#[test]
fn a_secret_is_replaced_in_its_item() {
    run(async {
        let world = stored().await;
        let before = world.service.model().items.clone();
        world.set("token", "second").await.unwrap();
        assert_eq!(world.service.methods(), ["SearchItems", "GetAll", "SetSecret"]);
        assert_eq!(values(&world), ["second"]);
        world.set("token", "first").await.unwrap();
        assert_eq!(world.service.model().items, before);
        // The store remembers that the item is as it makes items.
        assert_eq!(world.service.methods()[3..], ["SearchItems", "SetSecret"]);
    });
}

#[test]
fn what_was_made_here_need_not_be_looked_at() {
    run(async {
        let world = stored().await;
        world.set("other", "first").await.unwrap();
        world.set("other", "second").await.unwrap();
        assert_eq!(world.service.methods(), ["SearchItems", "CreateItem", "SearchItems", "SetSecret"]);
    });
}

#[test]
fn an_item_of_other_looks_is_made_anew() {
    run(async {
        for change in ["label", "attributes"] {
            let world = stored().await;
            let (path, item) = world.service.model().items.pop_first().unwrap();
            let mut changed = item.clone();
            match change {
                "label" => changed.label = "My own name for it".into(),
                _ => drop(changed.attributes.insert("extra".into(), "value".into())),
            }
            world.service.model().items.insert(path, changed);
            world.set("token", "first").await.unwrap();
            assert_eq!(world.service.methods(), ["SearchItems", "GetAll", "CreateItem"], "{change}");
            // The scripted CreateItem replaces only items with exactly the same attributes. gnome-keyring's also replaces
            // items with more.
            assert!(world.service.model().items.values().any(|made| *made == item), "{change}");
        }
    });
}

/// After a while the store looks at the item again, because other programs may have changed it.
#[test]
fn what_is_known_of_an_item_is_soon_forgotten() {
    run(async {
        let world = stored().await;
        world.set("token", "second").await.unwrap();
        let path = world.service.model().items.keys().next().unwrap().clone();
        world.service.model().items.get_mut(&path).unwrap().label = "A name of my own".into();
        pass(Duration::from_secs(2)).await;
        world.set("token", "third").await.unwrap();
        assert_eq!(world.service.model().items[&path].label, "a service/token");
    });
}

#[test]
fn several_items_are_left_to_the_service() {
    run(async {
        let world = stored().await;
        world.put(LOGIN, "token", "a second item");
        world.set("token", "value").await.unwrap();
        assert_eq!(world.service.methods(), ["SearchItems", "CreateItem"]);
    });
}

#[test]
fn an_item_of_another_collection_is_not_replaced() {
    run(async {
        let world = World::new().await;
        world.service.pose_as_gnome_keyring().await;
        world.put(ARCHIVE, "token", "theirs");
        world.set("token", "ours").await.unwrap();
        assert_eq!(values(&world), ["theirs", "ours"]);
    });
}

#[test]
fn an_item_that_is_locked_is_unlocked_and_replaced() {
    run(async {
        let world = stored().await;
        world.service.model().lock(LOGIN, true);
        world.set("token", "second").await.unwrap();
        assert_eq!(values(&world), ["second"]);
        assert_eq!(world.service.count("Prompt"), 1);
        world.service.model().lock(LOGIN, true);
        world.service.model().on_prompt = OnPrompt::Dismiss;
        let canceled = Error::UserCanceled { effect: Effect::NotDone };
        assert_eq!(world.set("token", "third").await, Err(canceled));
        let silent = world.store.call().silent().set(&key("token"), &secret("third")).await;
        assert_eq!(silent, Err(Error::InteractionNotAllowed));
        assert_eq!(values(&world), ["second"]);
    });
}

#[test]
fn an_item_that_goes_away_meanwhile_is_made_anew() {
    run(async {
        for method in ["GetAll", "SetSecret"] {
            let world = stored().await;
            world.service.once(method, Deviation::change(|model| model.items.clear()));
            world.set("token", "second").await.unwrap();
            assert_eq!(values(&world), ["second"], "{method}");
        }
    });
}

#[test]
fn what_the_service_refuses_is_tried_in_the_other_way() {
    run(async {
        for method in ["SearchItems", "GetAll", "SetSecret"] {
            let world = stored().await;
            world.service.always(method, Deviation::Refuse("org.freedesktop.DBus.Error.Failed"));
            world.set("token", "second").await.unwrap();
            assert_eq!(values(&world), ["second"], "{method}");
        }
        // A reply that makes no sense is no reason to fail either, before anything was changed.
        for method in ["SearchItems", "GetAll"] {
            let world = stored().await;
            world.service.always(method, Deviation::answer("nonsense"));
            world.set("token", "second").await.unwrap();
            assert_eq!(values(&world), ["second"], "{method}");
        }
        // If both ways fail, the error is that of the second.
        let world = stored().await;
        world.service.always("SetSecret", Deviation::Refuse(UNKNOWN_OBJECT));
        world.service.always("CreateItem", Deviation::refuse_saying("org.example.Error.Full", "no room"));
        let error = world.set("token", "second").await.unwrap_err().to_string();
        assert!(error.contains("CreateItem") && error.contains("no room"), "{error}");
    });
}

#[test]
fn an_open_end_says_that_it_may_have_been_replaced() {
    run(async {
        let world = stored().await;
        world.service.always("SetSecret", Deviation::Ignore);
        let call = world.store.call().within(Duration::from_millis(600));
        let outcome = call.set(&key("token"), &secret("second")).await;
        let Err(Error::Timeout { effect, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(effect, Effect::Unknown);
    });
}

#[test]
fn a_replacement_survives_the_loss_of_the_service() {
    run(async {
        for loss in [Deviation::Leave, Deviation::ObeyAndLeave, Deviation::AnswerAndLeave] {
            let world = stored().await;
            world.service.once("SetSecret", loss);
            world.service.arrive().await;
            world.set("token", "second").await.unwrap();
            assert_eq!(values(&world), ["second"]);
            assert_eq!(world.get("token").await.unwrap().unwrap(), "second");
        }
    });
}

/// Their `SetSecret` may ask for another confirmation than `CreateItem`, or leave other properties.
#[test]
fn other_services_are_told_to_make_items_alone() {
    run(async {
        let world = World::new().await;
        world.service.model().numbers_sessions = true;
        world.set("token", "first").await.unwrap();
        world.set("token", "second").await.unwrap();
        assert_eq!(world.service.methods(), ["OpenSession", "CreateItem", "CreateItem"]);
        assert_eq!(values(&world), ["second"]);
    });
}
