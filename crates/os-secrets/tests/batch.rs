//! One message for the secrets of many items.

#![cfg(target_os = "linux")]

mod support;

use std::sync::Arc;

use os_secrets::error::{Code, Error};
use support::{
    World, get, key,
    model::{IS_LOCKED, LOGIN, Model, OnPrompt},
    run,
    script::{Deviation, Gate},
};
use tokio::task::JoinSet;
use zbus::Message;

/// A world with a hundred credentials that have different names. The store is connected.
async fn hundred() -> World {
    let world = World::new().await;
    for number in 0..100 {
        world.put(LOGIN, &name(number), &format!("value {number}"));
    }
    assert_eq!(world.get("missing").await.unwrap(), None);
    world.service.forget_calls();
    world
}

fn name(number: usize) -> String {
    format!("name {number}")
}

type Outcomes = Vec<(usize, Result<Option<String>, Error>)>;

/// Makes a hundred gets at once. Returns their outcomes in the order of the names.
async fn gets(world: &World) -> Outcomes {
    let gets = (0..100).map(|number| {
        let store = Arc::clone(&world.store);
        async move { (number, get(&store, &name(number)).await) }
    });
    let mut outcomes = gets.collect::<JoinSet<_>>().join_all().await;
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes
}

fn assert_values(outcomes: Outcomes) {
    for (number, outcome) in outcomes {
        assert_eq!(outcome.unwrap().unwrap(), format!("value {number}"));
    }
}

#[test]
fn many_gets_at_once_share_messages() {
    run(async {
        let world = hundred().await;
        assert_values(gets(&world).await);
        assert_eq!(world.service.count("SearchItems"), 100);
        let reads = world.service.count("GetSecret") + world.service.count("GetSecrets");
        assert!(reads <= 15, "{reads}");
    });
}

#[test]
fn many_gets_of_one_name_share_messages() {
    run(async {
        let world = hundred().await;
        for outcome in world.gets(100, "name 42").join_all().await {
            assert_eq!(outcome.unwrap().unwrap(), "value 42");
        }
        let reads = world.service.count("GetSecret") + world.service.count("GetSecrets");
        assert!(reads <= 15, "{reads}");
        assert_eq!(world.service.count("SearchItems"), 1);
    });
}

/// The result of the first search may be older than the second get.
#[test]
fn a_get_does_not_share_a_search_that_was_sent_before_it() {
    run(async {
        let world = hundred().await;
        let gate = Gate::default();
        world.service.once("SearchItems", Deviation::Wait(gate.clone()));
        let first = world.gets(1, "name 42");
        world.service.called("SearchItems", 1).await;
        assert_eq!(world.get("name 42").await.unwrap().unwrap(), "value 42");
        gate.open();
        assert_eq!(first.join_all().await, [Ok(Some("value 42".to_owned()))]);
    });
}

#[test]
fn a_get_that_is_alone_is_not_delayed() {
    run(async {
        let world = hundred().await;
        assert_eq!(world.get(&name(7)).await.unwrap().unwrap(), "value 7");
        assert_eq!(world.service.count("GetSecret"), 1);
        assert_eq!(world.service.count("GetSecrets"), 0);
    });
}

/// gnome-keyring answers `GetSecrets` sooner than `GetSecret`.
#[test]
fn a_get_that_is_alone_reads_a_list_of_one_from_gnome_keyring() {
    run(async {
        let world = World::new().await;
        world.service.pose_as_gnome_keyring().await;
        let item = world.put(LOGIN, "token", "value");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("GetSecrets"), 1);
        assert_eq!(world.service.count("GetSecret"), 0);
        world.service.once("GetSecrets", Deviation::change(move |model| drop(model.items.remove(&item))));
        assert_eq!(world.get("token").await.unwrap(), None);
        world.put(LOGIN, "token", "another value");
        world.service.model().lock(LOGIN, true);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "another value");
        assert_eq!(world.service.count("Prompt"), 1);
    });
}

#[test]
fn what_is_refused_for_many_is_asked_one_by_one() {
    run(async {
        let world = hundred().await;
        world.service.always("GetSecrets", Deviation::Refuse("org.example.Error.Broken"));
        assert_values(gets(&world).await);
    });
}

/// Services leave items out of the reply to `GetSecrets` if they are locked or deleted.
#[test]
fn what_is_left_out_of_the_answer_for_many_fails_alone() {
    run(async {
        let world = hundred().await;
        world.service.model().on_prompt = OnPrompt::Dismiss;
        let broken = world.service.model().items.keys().nth(50).unwrap().clone();
        let without = {
            let broken = broken.clone();
            move |model: &mut Model, call: &Message| {
                let item = model.items.remove(&broken);
                let answer = model.answer(call);
                model.items.extend(item.map(|item| (broken.clone(), item)));
                answer
            }
        };
        let refuse = move |model: &mut Model, call: &Message| {
            if call.header().path().unwrap().as_str() == broken {
                return vec![support::answers::error(call, IS_LOCKED, "as the test has it")];
            }
            model.answer(call)
        };
        world.service.always("GetSecrets", Deviation::Improvise(Arc::new(without)));
        world.service.always("GetSecret", Deviation::Improvise(Arc::new(refuse)));
        let (fine, failed): (Vec<_>, Vec<_>) =
            gets(&world).await.into_iter().partition(|(_, outcome)| outcome.is_ok());
        assert_eq!(fine.len(), 99);
        assert_values(fine);
        assert_eq!(failed[0].1.as_ref().unwrap_err().code(), Code::AccessDenied);
        world.service.heal();
        assert_values(gets(&world).await);
    });
}

#[test]
fn gets_that_were_given_up_are_left_out() {
    run(async {
        let world = hundred().await;
        let gate = Gate::default();
        world.service.always("GetSecret", Deviation::Wait(gate.clone()));
        let start = |number| {
            let store = Arc::clone(&world.store);
            async move { get(&store, &name(number)).await }
        };
        let mut given_up = JoinSet::new();
        for number in 0..2 {
            given_up.spawn(start(number));
            world.service.called("GetSecret", number + 1).await;
        }
        for number in 2..40 {
            given_up.spawn(start(number));
        }
        world.service.called("SearchItems", 40).await;
        given_up.shutdown().await;
        let last = tokio::spawn(start(99));
        gate.open();
        assert_eq!(last.await.unwrap().unwrap().unwrap(), "value 99");
        assert_eq!(world.service.count("GetSecrets"), 0);
        assert_eq!(world.service.count("GetSecret"), 3);
        assert!(world.store.call().has(&key("name 1")).await.unwrap());
    });
}
