//! Many calls at once, and calls that are dropped.

#![cfg(target_os = "linux")]

mod support;

use std::sync::Arc;

use os_secrets::credential::Secret;
use support::{
    World,
    bus::{Bus, call_bus},
    key,
    model::LOGIN,
    run,
    script::{Deviation, Gate},
    secret,
};
use tokio::task::{JoinSet, yield_now};

#[test]
fn a_thousand_gets_stay_within_the_strictest_bus() {
    run(async {
        let world = World::on(Bus::with_limits(&[("max_replies_per_connection", 128)])).await;
        world.fill(1_000);
        let gate = Gate::default();
        world.service.always("SearchItems", Deviation::Wait(gate.clone()));
        let gets = world.gets_apart(1_000);
        world.service.called("SearchItems", 48).await;
        // A store without a limit has time to send more here.
        for _ in 0..10 {
            call_bus(&world.service.connection(), "GetId", &()).await;
        }
        assert_eq!(world.service.count("SearchItems"), 48);
        gate.open();
        for value in gets.join_all().await {
            assert_eq!(value.unwrap().unwrap(), "value");
        }
    });
}

/// The bus counts a call until its reply, even if its caller has gone.
#[test]
fn calls_that_were_dropped_count_until_they_are_answered() {
    run(async {
        let world = World::on(Bus::with_limits(&[("max_replies_per_connection", 50)])).await;
        world.fill(48);
        let gate = Gate::default();
        world.service.always("SearchItems", Deviation::Wait(gate.clone()));
        let mut dropped = world.gets_apart(48);
        world.service.called("SearchItems", 48).await;
        dropped.shutdown().await;
        let gets = world.gets_apart(10);
        // A store that does not count the dropped calls has time to send more here.
        for _ in 0..10 {
            call_bus(&world.service.connection(), "GetId", &()).await;
        }
        gate.open();
        for value in gets.join_all().await {
            assert_eq!(value.unwrap().unwrap(), "value");
        }
    });
}

/// KeePassXC asks before it stores an item, and replies to `Prompt` late.
#[test]
fn open_prompts_and_gets_stay_within_the_strictest_bus_together() {
    run(async {
        let world = World::on(Bus::with_limits(&[("max_replies_per_connection", 128)])).await;
        world.fill(200);
        world.service.model().stores_by_prompt = true;
        let gate = Gate::default();
        world.service.always("Prompt", Deviation::Wait(gate.clone()));
        let sets = (0..100).map(|number| {
            let store = Arc::clone(&world.store);
            async move { store.set(&key(&format!("new {number}")), &secret("value")).await }
        });
        let sets: JoinSet<_> = sets.collect();
        world.service.called("CreateItem", 100).await;
        world.service.always("SearchItems", Deviation::Wait(gate.clone()));
        let gets = world.gets_apart(200);
        world.service.called("SearchItems", 48).await;
        gate.open();
        for value in gets.join_all().await {
            assert_eq!(value.unwrap().unwrap(), "value");
        }
        for set in sets.join_all().await {
            set.unwrap();
        }
        assert_eq!(world.service.model().items.len(), 300);
    });
}

#[test]
fn calls_at_once_do_not_mix_up_their_values() {
    run(async {
        let world = World::new().await;
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let store = Arc::clone(&world.store);
            calls.spawn(async move {
                let (key, value) = (key(&format!("name {number}")), format!("value {number}"));
                store.set(&key, &Secret::new(value.clone().into())).await.unwrap();
                assert_eq!(store.get(&key).await.unwrap().unwrap().expose(), value.as_bytes());
                assert!(store.delete(&key).await.unwrap());
                assert_eq!(store.get(&key).await.unwrap(), None);
            });
        }
        calls.join_all().await;
        assert_eq!(world.service.model().items.len(), 0);
    });
}

/// Drops a call after each possible number of steps.
#[test]
fn a_dropped_call_leaves_the_connection_usable() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        // More than a socket takes at once, so that a call can be dropped half sent.
        let value = Secret::new(vec![b'x'; 256 << 10]);
        for steps in 0..6 {
            let key = key("large");
            tokio::select! {
                biased;
                set = world.store.set(&key, &value) => set.unwrap(),
                () = async { for _ in 0..steps { yield_now().await } } => {}
            }
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value", "after {steps} steps");
        }
        assert_eq!(world.service.count("OpenSession"), 1);
    });
}
