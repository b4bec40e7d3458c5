//! A get of a credential that was read or stored before takes one round trip: the secret is read while the search is
//! under way. It counts only if the search finds that item.

#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use support::{
    World, key,
    model::{ARCHIVE, LOGIN, Model},
    pass, run,
    script::{Deviation, Gate},
};

/// A world with a gnome-keyring that holds a credential, which the store has read twice: with the first get it learns the
/// item, and with the second the kind of service.
async fn known() -> (World, String) {
    let world = World::new().await;
    world.service.pose_as_gnome_keyring().await;
    let item = world.put(LOGIN, "token", "first");
    for _ in 0..2 {
        assert_eq!(world.get("token").await.unwrap().unwrap(), "first");
    }
    world.service.forget_calls();
    (world, item)
}

/// Makes another program change what the service holds when it gets the next call of a method.
fn change_at(world: &World, method: &'static str, change: impl Fn(&mut Model) + Send + Sync + 'static) {
    world.service.once(method, Deviation::change(change));
}

#[test]
fn both_messages_leave_together() {
    run(async {
        let (world, _) = known().await;
        let gate = Gate::default();
        world.service.once("SearchItems", Deviation::Wait(gate.clone()));
        let call = world.gets(1, "token");
        world.service.called("GetSecrets", 1).await;
        assert_eq!(world.service.methods(), ["SearchItems", "GetSecrets"]);
        gate.open();
        assert_eq!(call.join_all().await, [Ok(Some("first".to_owned()))]);
        assert_eq!(world.service.methods(), ["SearchItems", "GetSecrets"]);
    });
}

#[test]
fn a_stored_item_is_known_as_well() {
    run(async {
        let (world, _) = known().await;
        world.set("other", "value").await.unwrap();
        world.service.forget_calls();
        let gate = Gate::default();
        world.service.once("SearchItems", Deviation::Wait(gate.clone()));
        let call = world.gets(1, "other");
        world.service.called("GetSecrets", 1).await;
        gate.open();
        assert_eq!(call.join_all().await, [Ok(Some("value".to_owned()))]);
    });
}

#[test]
fn an_item_that_was_replaced_before_is_not_read() {
    run(async {
        let (world, item) = known().await;
        world.service.model().items.remove(&item);
        world.put(LOGIN, "token", "second");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "second");
    });
}

#[test]
fn an_item_that_is_replaced_meanwhile_is_not_read() {
    run(async {
        for method in ["SearchItems", "GetSecrets"] {
            let (world, item) = known().await;
            change_at(&world, method, move |model| {
                if model.items.remove(&item).is_some() {
                    model.put(LOGIN, &key("token"), b"second");
                }
            });
            assert_eq!(world.get("token").await.unwrap().unwrap(), "second", "{method}");
        }
    });
}

#[test]
fn a_new_value_is_read() {
    run(async {
        for method in ["SearchItems", "GetSecrets"] {
            let (world, item) = known().await;
            change_at(&world, method, move |model| {
                model.items.get_mut(&item).unwrap().value = b"second".to_vec();
            });
            assert_eq!(world.get("token").await.unwrap().unwrap(), "second", "{method}");
        }
    });
}

#[test]
fn an_item_that_is_deleted_meanwhile_is_missing() {
    run(async {
        for method in ["SearchItems", "GetSecrets"] {
            let (world, item) = known().await;
            change_at(&world, method, move |model| drop(model.items.remove(&item)));
            assert_eq!(world.get("token").await.unwrap(), None, "{method}");
            // Nothing is read ahead any more.
            world.service.forget_calls();
            assert_eq!(world.get("token").await.unwrap(), None);
            assert_eq!(world.service.count("GetSecrets") + world.service.count("GetSecret"), 0);
        }
    });
}

#[test]
fn an_item_that_got_another_name_is_not_read() {
    run(async {
        let (world, item) = known().await;
        let mut renamed = world.service.model().items[&item].clone();
        renamed.attributes.insert("account".into(), "another".into());
        world.service.model().items.insert(item, renamed);
        assert_eq!(world.get("token").await.unwrap(), None);
        assert_eq!(world.get("another").await.unwrap().unwrap(), "first");
        // The same if the name has an item by then.
        let (world, item) = known().await;
        let mut renamed = world.service.model().items.remove(&item).unwrap();
        renamed.attributes.insert("account".into(), "another".into());
        world.put(LOGIN, "token", "second");
        world.service.model().items.insert(item, renamed);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "second");
    });
}

#[test]
fn the_item_of_the_default_collection_has_precedence() {
    run(async {
        let world = World::new().await;
        world.service.pose_as_gnome_keyring().await;
        world.put(ARCHIVE, "token", "archived");
        for _ in 0..2 {
            assert_eq!(world.get("token").await.unwrap().unwrap(), "archived");
        }
        world.put(LOGIN, "token", "current");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "current");
    });
}

#[test]
fn an_item_that_is_locked_meanwhile_is_unlocked() {
    run(async {
        for method in ["SearchItems", "GetSecrets"] {
            let (world, _) = known().await;
            change_at(&world, method, |model| model.lock(LOGIN, true));
            assert_eq!(world.get("token").await.unwrap().unwrap(), "first", "{method}");
            assert_eq!(world.service.count("Prompt"), 1, "{method}");
        }
    });
}

/// Gives the item at one path to the path of another, and that one the name `another` and the first path.
fn exchange(model: &mut Model, one: String, other: String) {
    let moved = model.items.remove(&other).unwrap();
    let mut replaced = model.items.insert(one, moved).unwrap();
    replaced.attributes.insert("account".into(), "another".into());
    model.items.insert(other, replaced);
}

/// A service that has restarted may have given the path to another item.
#[test]
fn nothing_is_known_of_a_service_that_has_restarted() {
    run(async {
        for method in ["SearchItems", "GetSecrets"] {
            let (world, item) = known().await;
            world.service.once(method, Deviation::Leave);
            let other = world.put(LOGIN, "token", "second");
            exchange(&mut world.service.model(), item, other);
            world.service.arrive().await;
            assert_eq!(world.get("token").await.unwrap().unwrap(), "second", "{method}");
            assert_eq!(world.get("another").await.unwrap().unwrap(), "first", "{method}");
        }
    });
}

/// They may give the path of a deleted item to another one.
#[test]
fn other_services_are_not_asked_ahead() {
    run(async {
        let world = World::new().await;
        world.service.model().numbers_sessions = true;
        world.put(LOGIN, "token", "first");
        for _ in 0..2 {
            assert_eq!(world.get("token").await.unwrap().unwrap(), "first");
        }
        world.service.forget_calls();
        let gate = Gate::default();
        world.service.once("SearchItems", Deviation::Wait(gate.clone()));
        let call = world.gets(1, "token");
        world.service.called("SearchItems", 1).await;
        // A later call on the same connection is answered, so nothing else was sent before it.
        assert_eq!(world.get("missing").await.unwrap(), None);
        assert_eq!(world.service.count("GetSecrets") + world.service.count("GetSecret"), 0);
        gate.open();
        assert_eq!(call.join_all().await, [Ok(Some("first".to_owned()))]);
    });
}

#[test]
fn a_set_of_what_is_known_to_be_missing_is_one_message() {
    run(async {
        let (world, _) = known().await;
        assert_eq!(world.get("new").await.unwrap(), None);
        world.service.forget_calls();
        world.set("new", "value").await.unwrap();
        assert_eq!(world.service.methods(), ["CreateItem"]);
        world.set("new", "second").await.unwrap();
        assert_eq!(world.service.methods()[1..], ["SearchItems", "SetSecret"]);
        world.delete("new").await.unwrap();
        world.service.forget_calls();
        world.set("new", "third").await.unwrap();
        assert_eq!(world.service.methods(), ["CreateItem"]);
    });
}

#[test]
fn a_set_replaces_what_another_program_has_stored_since() {
    run(async {
        let (world, _) = known().await;
        assert_eq!(world.get("new").await.unwrap(), None);
        world.put(LOGIN, "new", "theirs");
        world.set("new", "ours").await.unwrap();
        assert_eq!(world.get("new").await.unwrap().unwrap(), "ours");
        assert_eq!(world.service.model().items.len(), 2);
    });
}

#[test]
fn what_is_missing_is_soon_forgotten() {
    run(async {
        let (world, _) = known().await;
        assert_eq!(world.get("new").await.unwrap(), None);
        pass(Duration::from_secs(2)).await;
        world.service.forget_calls();
        world.set("new", "value").await.unwrap();
        assert_eq!(world.service.methods(), ["SearchItems", "CreateItem"]);
    });
}
