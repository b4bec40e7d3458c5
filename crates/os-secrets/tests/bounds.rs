//! Calls that may not ask, calls that are given up, and whether these have changed something.

#![cfg(target_os = "linux")]

mod support;

use std::{sync::Arc, time::Duration};

use os_secrets::error::{Code, Effect, Error};
use support::{
    PAST_DEADLINE, World,
    answers::{reply, sender},
    get, key,
    model::{ARCHIVE, LOGIN, Model, OnPrompt},
    pass_deadline, run, run_within,
    script::{Deviation, Gate},
    secret,
};
use tokio::{sync::oneshot, task::JoinSet};
use zbus::Message;

/// A world with a locked and an unlocked credential. The user answers no prompt.
async fn locked() -> World {
    let world = World::new().await;
    world.put(LOGIN, "token", "value");
    world.put(ARCHIVE, "free", "not locked");
    world.service.model().lock(LOGIN, true);
    world.service.model().on_prompt = OnPrompt::Wait;
    world
}

#[test]
fn a_silent_call_is_refused_where_a_prompt_is_needed() {
    run(async {
        for hides_locked in [false, true] {
            let world = locked().await;
            world.service.model().hides_locked = hides_locked;
            let (key, value) = (key("token"), secret("new value"));
            let call = || world.store.call().silent();
            assert_eq!(call().get(&key).await.map(drop), Err(Error::InteractionNotAllowed));
            assert_eq!(call().set(&key, &value).await, Err(Error::InteractionNotAllowed));
            assert_eq!(call().delete(&key).await, Err(Error::InteractionNotAllowed));
            assert_eq!(call().set(&key, &secret("")).await, Err(Error::InteractionNotAllowed));
            assert_eq!(world.service.count("Prompt"), 0);
            assert_eq!(world.service.count("Dismiss"), 4);
            world.service.model().lock(LOGIN, false);
            assert_eq!(call().get(&key).await.unwrap().unwrap().expose(), b"value");
            assert_eq!(call().set(&key, &value).await, Ok(()));
            assert_eq!(call().delete(&key).await, Ok(true));
        }
    });
}

#[test]
fn a_silent_change_that_wants_a_confirmation_is_refused() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().stores_by_prompt = true;
        world.service.model().deletes_by_prompt = true;
        let call = || world.store.call().silent();
        assert_eq!(call().set(&key("token"), &secret("new")).await, Err(Error::InteractionNotAllowed));
        assert_eq!(call().delete(&key("token")).await, Err(Error::InteractionNotAllowed));
        assert_eq!(world.service.count("Prompt"), 0);
        assert_eq!(world.service.count("Dismiss"), 2);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn a_silent_set_makes_no_collection() {
    run(async {
        let world = World::new().await;
        world.service.model().default = None;
        let set = world.store.call().silent().set(&key("token"), &secret("value")).await;
        assert_eq!(set, Err(Error::InteractionNotAllowed));
        assert_eq!(world.service.count("Prompt"), 0);
        assert_eq!(world.service.model().default, None);
    });
}

#[test]
fn a_silent_call_waits_for_nobodys_prompt() {
    run(async {
        let world = locked().await;
        let waiting = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        let silent = world.store.call().silent().get(&key("token")).await;
        assert_eq!(silent.map(drop), Err(Error::InteractionNotAllowed));
        world.service.settle_prompts(OnPrompt::Complete).await;
        assert_eq!(waiting.join_all().await.remove(0).unwrap().unwrap(), "value");
    });
}

#[test]
fn a_canceled_call_withdraws_its_prompt_and_the_next_has_its_own() {
    run(async {
        let world = locked().await;
        let (cancel, canceled) = oneshot::channel();
        let store = Arc::clone(&world.store);
        let first = tokio::spawn(async move { store.call().until(canceled).get(&key("token")).await });
        world.service.called("Prompt", 1).await;
        let second = world.gets(1, "token");
        assert_eq!(world.get("free").await.unwrap().unwrap(), "not locked");
        cancel.send(()).unwrap();
        assert_eq!(first.await.unwrap().map(drop), Err(Error::Aborted { effect: Effect::None }));
        world.service.called("Prompt", 2).await;
        assert_eq!(world.service.count("Dismiss"), 1);
        world.service.settle_prompts(OnPrompt::Complete).await;
        assert_eq!(second.join_all().await.remove(0).unwrap().unwrap(), "value");
    });
}

#[test]
fn a_canceled_call_that_waits_for_anothers_prompt_leaves_it_alone() {
    run(async {
        let world = locked().await;
        let first = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        let (cancel, canceled) = oneshot::channel();
        let store = Arc::clone(&world.store);
        let second = tokio::spawn(async move { store.call().until(canceled).get(&key("token")).await });
        world.service.called("SearchItems", 2).await;
        assert_eq!(world.get("free").await.unwrap().unwrap(), "not locked");
        cancel.send(()).unwrap();
        assert_eq!(second.await.unwrap().map(drop), Err(Error::Aborted { effect: Effect::None }));
        world.service.settle_prompts(OnPrompt::Complete).await;
        assert_eq!(first.join_all().await.remove(0).unwrap().unwrap(), "value");
        assert_eq!(world.service.count("Dismiss"), 0);
    });
}

/// gnome-keyring does not survive a dismissal, so its prompts are left to the user.
#[test]
fn the_prompt_of_a_gnome_keyring_is_left_open_and_its_answer_taken() {
    run(async {
        for (how, outcome) in [
            (OnPrompt::Complete, Ok(Some("value".to_owned()))),
            (OnPrompt::Dismiss, Err(Error::UserCanceled { effect: Effect::None })),
        ] {
            let world = locked().await;
            world.service.pose_as_gnome_keyring().await;
            let mut first = world.gets(1, "token");
            world.service.called("Prompt", 1).await;
            first.shutdown().await;
            let second = world.gets(1, "token");
            world.service.called("SearchItems", 2).await;
            assert_eq!(world.get("free").await.unwrap().unwrap(), "not locked");
            world.service.settle_prompts(how).await;
            assert_eq!(second.join_all().await, [outcome]);
            assert_eq!(world.service.count("Prompt"), 1);
            assert_eq!(world.service.count("Dismiss"), 0);
        }
    });
}

#[test]
fn questions_leave_no_connection_behind() {
    run(async {
        let world = locked().await;
        let mut dropped = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        dropped.shutdown().await;
        world.service.model().on_prompt = OnPrompt::Complete;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.model().lock(LOGIN, true);
        assert!(world.store.call().silent().get(&key("token")).await.is_err());
        let link = sender(&world.service.calls("OpenSession")[0]);
        let askers = world.service.calls("Unlock").iter().map(sender).collect::<Vec<_>>();
        assert_eq!(askers.len(), 3);
        for asker in askers.iter().filter(|asker| **asker != link) {
            world.bus.left(asker).await;
        }
    });
}

#[test]
fn a_call_that_is_given_up_says_whether_it_changed_something() {
    run(async {
        for (method, effect) in [
            ("OpenSession", Effect::NotDone),
            ("Unlock", Effect::NotDone),
            ("Prompt", Effect::NotDone),
            ("CreateItem", Effect::Unknown),
            ("Delete", Effect::Unknown),
        ] {
            let world = locked().await;
            world.service.model().lock(LOGIN, matches!(method, "Unlock" | "Prompt"));
            world.service.always(method, Deviation::Ignore);
            let (cancel, canceled) = oneshot::channel();
            let store = Arc::clone(&world.store);
            let change = tokio::spawn(async move {
                let call = store.call().until(canceled);
                match method {
                    "Delete" => call.delete(&key("token")).await.map(drop),
                    _ => call.set(&key("token"), &secret("new value")).await,
                }
            });
            world.service.called(method, 1).await;
            cancel.send(()).unwrap();
            assert_eq!(change.await.unwrap(), Err(Error::Aborted { effect }), "{method}");
        }
    });
}

#[test]
fn a_deadline_of_the_call_ends_it_at_a_prompt() {
    run_within(PAST_DEADLINE * 4, async {
        let world = locked().await;
        let store = Arc::clone(&world.store);
        let after = Duration::from_secs(1);
        let get = tokio::spawn(async move { store.call().within(after).get(&key("token")).await });
        world.service.called("Prompt", 1).await;
        assert_eq!(world.get("free").await.unwrap().unwrap(), "not locked");
        pass_deadline().await;
        let timeout = Error::Timeout { after, at: None, effect: Effect::None };
        assert_eq!(get.await.unwrap().map(drop), Err(timeout));
        world.service.called("Dismiss", 1).await;
    });
}

#[test]
fn a_message_without_an_answer_says_what_it_may_have_changed() {
    run_within(PAST_DEADLINE * 9, async {
        for (method, effect) in [("CreateItem", Effect::Unknown), ("SearchItems", Effect::NotDone)] {
            let world = World::new().await;
            world.put(LOGIN, "token", "value");
            world.service.once(method, Deviation::Ignore);
            let store = Arc::clone(&world.store);
            let change = tokio::spawn(async move {
                match method {
                    "CreateItem" => store.set(&key("token"), &secret("new value")).await,
                    _ => store.delete(&key("token")).await.map(drop),
                }
            });
            world.service.called(method, 1).await;
            pass_deadline().await;
            let error = change.await.unwrap().unwrap_err();
            assert!(
                matches!(error, Error::Timeout { at, effect: told, .. } if at == Some(method) && told == effect),
                "{error:?}"
            );
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        }
    });
}

#[test]
fn those_who_wait_for_a_service_that_hangs_turn_to_it_anew() {
    run_within(PAST_DEADLINE * 4, async {
        let world = World::new().await;
        world.fill(50);
        for _ in 0..48 {
            world.service.once("SearchItems", Deviation::Ignore);
        }
        let gets = world.gets_apart(50);
        world.service.called("SearchItems", 48).await;
        pass_deadline().await;
        let (read, late): (Vec<_>, Vec<_>) = gets.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(read, [Ok(Some("value".to_owned())), Ok(Some("value".to_owned()))]);
        assert!(late.into_iter().all(|get| get.unwrap_err().code() == Code::Timeout));
        assert_eq!(world.service.count("OpenSession"), 2);
    });
}

#[test]
fn a_change_that_is_lost_twice_may_have_been_made() {
    run(async {
        let world = World::new().await;
        for _ in 0..2 {
            world.service.arrive().await;
            world.service.once("CreateItem", Deviation::ObeyAndLeave);
        }
        let error = world.set("token", "value").await.unwrap_err();
        assert!(matches!(error, Error::Lost { effect: Effect::Unknown, .. }), "{error:?}");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

/// Locks the credentials. The user dismisses all prompts from now on.
fn relock(model: &mut Model) {
    model.lock(LOGIN, true);
    model.on_prompt = OnPrompt::Dismiss;
}

/// The first attempt made the change. The failure of the second does not undo it.
#[test]
fn a_set_that_is_repeated_and_then_refused_may_have_been_made() {
    run(async {
        let world = World::new().await;
        world.service.arrive().await;
        world.service.once("CreateItem", Deviation::ObeyAndLeave);
        world.service.once("CreateItem", Deviation::change(relock));
        let set = world.set("token", "value").await;
        assert_eq!(set, Err(Error::UserCanceled { effect: Effect::Unknown }));
        assert_eq!(world.service.model().items.len(), 1);
    });
}

#[test]
fn a_delete_that_is_repeated_and_then_refused_may_have_been_made() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "one");
        world.put(LOGIN, "token", "two");
        world.service.arrive().await;
        world.service.once("Delete", Deviation::ObeyAndLeave);
        world.service.once("Delete", Deviation::change(relock));
        let delete = world.delete("token").await;
        assert_eq!(delete, Err(Error::UserCanceled { effect: Effect::Unknown }));
        assert_eq!(world.service.model().items.len(), 1);
    });
}

#[test]
fn a_canceled_change_withdraws_its_confirmation() {
    run(async {
        let world = World::new().await;
        world.service.model().stores_by_prompt = true;
        world.service.model().on_prompt = OnPrompt::Wait;
        let (cancel, canceled) = oneshot::channel();
        let store = Arc::clone(&world.store);
        let set =
            tokio::spawn(
                async move { store.call().until(canceled).set(&key("token"), &secret("value")).await },
            );
        world.service.called("Prompt", 1).await;
        cancel.send(()).unwrap();
        assert_eq!(set.await.unwrap(), Err(Error::Aborted { effect: Effect::Unknown }));
        world.service.called("Dismiss", 1).await;
        world.service.model().on_prompt = OnPrompt::Complete;
        world.set("other", "value").await.unwrap();
        assert_eq!(world.service.model().items.len(), 1);
    });
}

#[test]
fn few_changes_are_under_way_at_once_and_reads_pass_them() {
    run(async {
        let world = World::new().await;
        world.put(ARCHIVE, "free", "not locked");
        let gate = Gate::default();
        world.service.always("CreateItem", Deviation::Wait(gate.clone()));
        let sets: tokio::task::JoinSet<_> = (0..100)
            .map(|number| (number, Arc::clone(&world.store)))
            .map(|(number, store)| async move {
                store.set(&key(&format!("name {number}")), &secret("value")).await
            })
            .collect();
        world.service.called("CreateItem", 8).await;
        assert_eq!(get(&world.store, "free").await.unwrap().unwrap(), "not locked");
        assert_eq!(world.service.count("CreateItem"), 8);
        gate.open();
        assert!(sets.join_all().await.iter().all(Result::is_ok));
        assert_eq!(world.service.model().items.len(), 101);
    });
}

/// The bus counts a call that was given up until its reply or its deadline, and so does the store.
#[test]
fn changes_that_were_given_up_do_not_hang_the_next() {
    run_within(10 * PAST_DEADLINE, async {
        let world = World::new().await;
        assert_eq!(world.get("x").await.unwrap(), None);
        world.service.always("CreateItem", Deviation::Ignore);
        let sets = (0..8).map(|number| {
            let store = Arc::clone(&world.store);
            async move {
                let key = key(&format!("name {number}"));
                store.call().within(Duration::from_millis(600)).set(&key, &secret("value")).await
            }
        });
        for outcome in sets.collect::<JoinSet<_>>().join_all().await {
            assert!(matches!(outcome, Err(Error::Timeout { effect: Effect::Unknown, .. })));
        }
        let store = Arc::clone(&world.store);
        let ninth = tokio::spawn(async move { store.set(&key("token"), &secret("value")).await });
        assert_eq!(world.get("x").await.unwrap(), None);
        assert_eq!(world.service.count("CreateItem"), 8);
        world.service.heal();
        pass_deadline().await;
        ninth.await.unwrap().unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn reads_that_were_given_up_do_not_hang_the_next() {
    run_within(10 * PAST_DEADLINE, async {
        let world = World::new().await;
        assert_eq!(world.get("x").await.unwrap(), None);
        world.service.always("SearchItems", Deviation::Ignore);
        let gets = world.gets_apart(48);
        world.service.called("SearchItems", 50).await;
        drop(gets);
        world.service.heal();
        let after = world.gets(1, "x");
        pass_deadline().await;
        assert_eq!(after.join_all().await, [Ok(None)]);
    });
}

#[test]
fn first_calls_that_were_given_up_leave_no_connection() {
    run_within(10 * PAST_DEADLINE, async {
        let world = World::new().await;
        world.service.always("OpenSession", Deviation::Ignore);
        for times in 1..=5 {
            let get = world.gets(1, "x");
            world.service.called("OpenSession", times).await;
            drop(get);
        }
        let clients: Vec<_> = world.service.calls("OpenSession").iter().map(sender).collect();
        pass_deadline().await;
        for client in clients {
            world.bus.left(&client).await;
        }
        world.service.heal();
        assert_eq!(world.get("x").await.unwrap(), None);
    });
}

#[test]
fn a_prompt_is_withdrawn_where_another_message_was_late() {
    run_within(10 * PAST_DEADLINE, async {
        let world = locked().await;
        let (cancel, canceled) = oneshot::channel();
        let store = Arc::clone(&world.store);
        let first =
            tokio::spawn(async move { store.call().until(canceled).get(&key("token")).await.map(drop) });
        world.service.called("Prompt", 1).await;
        world.service.once("GetSecret", Deviation::Ignore);
        let late = world.gets(1, "free");
        world.service.called("GetSecret", 1).await;
        pass_deadline().await;
        assert!(matches!(late.join_all().await[0], Err(Error::Timeout { .. })));
        cancel.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Err(Error::Aborted { effect: Effect::None }));
        world.service.called("Dismiss", 1).await;
    });
}

#[test]
fn prompts_that_were_given_up_do_not_hang_the_next() {
    run(async {
        let world = World::new().await;
        world.service.model().stores_by_prompt = true;
        world.service.always("Prompt", Deviation::Ignore);
        for number in 1..=20 {
            let store = Arc::clone(&world.store);
            let name = format!("name {number}");
            let set = tokio::spawn(async move { store.set(&key(&name), &secret("value")).await });
            world.service.called("Prompt", number).await;
            set.abort();
            world.service.called("Dismiss", number).await;
        }
        world.service.heal();
        world.set("token", "value").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn a_prompt_whose_reply_makes_no_sense_is_withdrawn() {
    run(async {
        let world = World::new().await;
        world.service.model().stores_by_prompt = true;
        world.service.model().on_prompt = OnPrompt::Wait;
        let nonsense = |model: &mut Model, call: &Message| {
            model.answer(call);
            vec![reply(call, &"nonsense")]
        };
        world.service.once("Prompt", Deviation::Improvise(Arc::new(nonsense)));
        let error = world.set("token", "value").await.unwrap_err();
        assert_eq!(error.code(), Code::PlatformError);
        world.service.called("Dismiss", 1).await;
    });
}

#[test]
fn a_change_that_waits_for_its_turn_was_not_made() {
    run_within(10 * PAST_DEADLINE, async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        assert_eq!(world.get("x").await.unwrap(), None);
        world.service.always("CreateItem", Deviation::Ignore);
        let hanging = (0..8).map(|number| {
            let store = Arc::clone(&world.store);
            async move { store.set(&key(&format!("name {number}")), &secret("value")).await }
        });
        let hanging: JoinSet<_> = hanging.collect();
        world.service.called("CreateItem", 8).await;
        let within = Duration::from_millis(600);
        let set = world.store.call().within(within).set(&key("ninth"), &secret("value")).await;
        assert_eq!(set, Err(Error::Timeout { after: within, at: None, effect: Effect::NotDone }));

        // If another program deletes the item, a delete that was never sent does not count as done.
        let store = Arc::clone(&world.store);
        let delete = tokio::spawn(async move { store.delete(&key("token")).await });
        world.service.called("SearchItems", 3).await;
        assert_eq!(world.get("x").await.unwrap(), None);
        world.service.model().items.clear();
        pass_deadline().await;
        assert_eq!(delete.await.unwrap(), Ok(false));
        assert_eq!(world.service.count("Delete"), 0);
        drop(hanging);
    });
}

#[test]
fn whatever_ends_a_change_that_may_have_been_made_says_so() {
    run(async {
        let told = "The change may still have been made";
        let world = World::new().await;
        world.service.once("CreateItem", Deviation::ObeyAndLeave);
        let error = world.set("token", "value").await.unwrap_err().to_string();
        assert!(error.contains("nothing on the D-Bus session bus") && error.contains(told), "{error}");

        let world = World::new().await;
        world.service.once("CreateItem", Deviation::answer("nonsense"));
        let error = world.set("token", "value").await.unwrap_err().to_string();
        assert!(error.contains("of the wrong form") && error.contains(told), "{error}");

        for name in ["org.freedesktop.DBus.Error.AccessDenied", "org.example.Error.Broken"] {
            world.service.once("CreateItem", Deviation::Refuse(name));
            let error = world.set("token", "value").await.unwrap_err().to_string();
            assert!(!error.contains(told), "{error}");
        }
    });
}
