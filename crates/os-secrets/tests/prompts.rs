//! Prompts: when the user is asked, how often, and what the answer means.

#![cfg(target_os = "linux")]

mod support;

use os_secrets::error::{Code, Effect, Error};
use support::{
    World,
    bus::{Bus, call_bus},
    get, key,
    model::{ARCHIVE, LOGIN, OnPrompt, UNKNOWN_OBJECT},
    run,
    script::Deviation,
    secret,
    service::Service,
};
use zbus::{Message, Variant};

/// A world with a locked and an unlocked credential.
async fn locked(on_prompt: OnPrompt) -> World {
    locked_on(Bus::start(), on_prompt).await
}

async fn locked_on(bus: Bus, on_prompt: OnPrompt) -> World {
    let world = World::on(bus).await;
    world.put(LOGIN, "token", "value");
    world.put(ARCHIVE, "free", "not locked");
    world.service.model().lock(LOGIN, true);
    world.service.model().on_prompt = on_prompt;
    world
}

/// Waits until the store has read every message that was sent to it before: the bus keeps order.
async fn catch_up(world: &World) {
    assert_eq!(world.get("free").await.unwrap().unwrap(), "not locked");
}

#[test]
fn a_prompt_that_is_answered_gives_the_value() {
    run(async {
        for how in [OnPrompt::Complete, OnPrompt::CompleteEarly] {
            let world = locked(how).await;
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
            assert_eq!(world.service.count("Prompt"), 1);
        }
    });
}

#[test]
fn a_prompt_that_is_dismissed_is_an_error() {
    run(async {
        let world = locked(OnPrompt::Dismiss).await;
        assert_eq!(world.get("token").await, Err(Error::UserCanceled { effect: Effect::None }));
        assert_eq!(
            world.set("token", "new value").await,
            Err(Error::UserCanceled { effect: Effect::NotDone })
        );
        assert_eq!(world.delete("token").await, Err(Error::UserCanceled { effect: Effect::NotDone }));
        assert_eq!(world.set("token", "").await, Err(Error::UserCanceled { effect: Effect::NotDone }));
        let without_display = world.store_without_display();
        assert_eq!(
            get(&without_display, "token").await,
            Err(Error::InteractionRequired {
                need: "is locked and could not ask for its password",
                reason: "the program runs without a display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
                    .into(),
            })
        );
        assert_eq!(world.service.count("Prompt"), 5);
        world.service.model().on_prompt = OnPrompt::Complete;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

/// The service decides whether it can show a prompt. The variable only explains a dismissal.
#[test]
fn a_prompt_without_a_display_may_be_answered_all_the_same() {
    run(async {
        let world = locked(OnPrompt::Complete).await;
        assert_eq!(get(&world.store_without_display(), "token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn changes_that_are_dismissed_are_errors() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().on_prompt = OnPrompt::Dismiss;
        world.service.model().stores_by_prompt = true;
        world.service.model().deletes_by_prompt = true;
        assert_eq!(
            world.set("token", "new value").await,
            Err(Error::UserCanceled { effect: Effect::NotDone })
        );
        assert_eq!(world.delete("token").await, Err(Error::UserCanceled { effect: Effect::NotDone }));
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        world.service.model().default = None;
        world.service.model().items.clear();
        assert_eq!(
            world.set("token", "new value").await,
            Err(Error::UserCanceled { effect: Effect::NotDone })
        );
        assert_eq!(world.service.count("CreateCollection"), 1);
        assert_eq!(world.service.model().default, None);
    });
}

#[test]
fn a_prompt_that_nobody_answers_holds_up_nobody_else() {
    run(async {
        let world = locked(OnPrompt::Wait).await;
        let mut waiting = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        assert_eq!(world.get("free").await.unwrap().unwrap(), "not locked");
        assert_eq!(world.get("missing").await.unwrap(), None);
        assert!(world.delete("free").await.unwrap());
        assert!(waiting.try_join_next().is_none());
        world.service.leave();
        let error = waiting.join_next().await.unwrap().unwrap().unwrap_err();
        assert!(matches!(error, Error::NoService(_)), "{error}");
        world.service.arrive().await;
        world.service.model().on_prompt = OnPrompt::Complete;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn a_prompt_of_a_service_that_leaves_is_asked_again_by_its_successor() {
    run(async {
        let world = locked(OnPrompt::Wait).await;
        let mut waiting = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        world.service.arrive().await;
        world.service.leave();
        world.service.called("Prompt", 2).await;
        world.service.settle_prompts(OnPrompt::Complete).await;
        assert_eq!(waiting.join_next().await.unwrap().unwrap().unwrap().unwrap(), "value");
    });
}

#[test]
fn a_prompt_ends_with_the_bus() {
    run(async {
        let mut world = locked(OnPrompt::Wait).await;
        let mut waiting = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        world.bus.stop();
        let error = waiting.join_next().await.unwrap().unwrap().unwrap_err();
        assert!(matches!(error, Error::NoBus(_)), "{error}");
        world.bus.restart();
        world.service = Service::start(&world.bus).await;
        world.put(LOGIN, "token", "value");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn a_hundred_calls_ask_once_and_one_dismissal_is_for_all() {
    run(async {
        let world = locked(OnPrompt::Wait).await;
        world.fill(100);
        let waiting = world.gets_apart(100);
        world.service.called("SearchItems", 100).await;
        world.service.called("Prompt", 1).await;
        catch_up(&world).await;
        world.service.settle_prompts(OnPrompt::Dismiss).await;
        for value in waiting.join_all().await {
            assert_eq!(value, Err(Error::UserCanceled { effect: Effect::None }));
        }
        assert_eq!(world.service.count("Prompt"), 1);
        assert_eq!(world.service.count("Unlock"), 1);
    });
}

#[test]
fn a_hundred_calls_ask_once_and_one_answer_is_for_all() {
    run(async {
        let world = locked(OnPrompt::Wait).await;
        world.fill(100);
        let waiting = world.gets_apart(100);
        world.service.called("SearchItems", 100).await;
        world.service.called("Prompt", 1).await;
        world.service.settle_prompts(OnPrompt::Complete).await;
        for value in waiting.join_all().await {
            assert_eq!(value.unwrap().unwrap(), "value");
        }
        assert_eq!(world.service.count("Prompt"), 1);
    });
}

#[test]
fn sets_at_once_ask_once_for_a_default_collection() {
    run(async {
        let world = World::new().await;
        world.put(ARCHIVE, "free", "not locked");
        world.service.model().default = None;
        world.service.model().on_prompt = OnPrompt::Wait;
        let sets = async { tokio::join!(world.set("one", "1"), world.set("two", "2")) };
        let dismissal = async {
            world.service.called("CreateItem", 2).await;
            world.service.called("Prompt", 1).await;
            catch_up(&world).await;
            world.service.settle_prompts(OnPrompt::Dismiss).await;
        };
        let (outcomes, ()) = tokio::join!(sets, dismissal);
        assert_eq!(
            outcomes,
            (
                Err(Error::UserCanceled { effect: Effect::NotDone }),
                Err(Error::UserCanceled { effect: Effect::NotDone })
            )
        );
        assert_eq!(world.service.count("Prompt"), 1);
    });
}

#[test]
fn a_default_collection_that_does_not_come_to_be_is_asked_for_once() {
    run(async {
        let world = World::new().await;
        world.service.model().default = None;
        world.service.model().on_prompt = OnPrompt::CompleteInVain;
        let error = world.set("token", "value").await.unwrap_err();
        assert_eq!(error.code(), Code::PlatformError);
        assert!(error.to_string().contains("failed at CreateItem"), "{error}");
        assert_eq!(world.service.count("Prompt"), 1);
        world.service.model().on_prompt = OnPrompt::Dismiss;
        let without_display = world.store_without_display();
        let error = without_display.set(&key("token"), &secret("value")).await.unwrap_err();
        assert_eq!(error.code(), Code::InteractionRequired);
        let words = "has no default collection yet and could not ask for the password of a new one";
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("Log in on the desktop"), "{error}");
        world.service.model().on_prompt = OnPrompt::Complete;
        world.set("token", "value").await.unwrap();
    });
}

#[test]
fn a_call_that_is_dropped_makes_room_for_the_next_prompt() {
    run(async {
        let world = locked(OnPrompt::Wait).await;
        let mut dropped = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        dropped.shutdown().await;
        world.service.model().on_prompt = OnPrompt::Complete;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn a_stranger_cannot_answer_a_prompt() {
    run(async {
        let world = locked(OnPrompt::Wait).await;
        let mut waiting = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        let stranger = world.bus.stranger().await;
        let prompt = world.service.model().waiting_prompts()[0].clone();
        let client = support::answers::sender(&world.service.calls("Prompt")[0]);
        for dismissed in [true, false] {
            let signal = || Message::signal(prompt.clone(), "org.freedesktop.Secret.Prompt", "Completed");
            let body = (dismissed, Variant::from(""));
            stranger.send(&signal().build(&body).unwrap()).await.unwrap();
            stranger.send(&signal().destination(client.clone()).build(&body).unwrap()).await.unwrap();
        }
        call_bus(&stranger, "GetId", &()).await;
        catch_up(&world).await;
        assert!(waiting.try_join_next().is_none());
        world.service.settle_prompts(OnPrompt::Complete).await;
        assert_eq!(waiting.join_next().await.unwrap().unwrap().unwrap().unwrap(), "value");
        assert_eq!(world.service.count("Prompt"), 1);
    });
}

#[test]
fn prompts_leave_no_subscription_behind() {
    run(async {
        let world =
            locked_on(Bus::with_limits(&[("max_match_rules_per_connection", 8)]), OnPrompt::Complete).await;
        for _ in 0..50 {
            world.service.model().lock(LOGIN, true);
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        }
        assert_eq!(world.service.count("Prompt"), 50);
        assert_eq!(world.service.count("OpenSession"), 1);
    });
}

#[test]
fn a_prompt_that_is_refused_is_an_error_and_not_a_dismissal() {
    run(async {
        let world = locked(OnPrompt::Complete).await;
        for (method, code, why) in [
            ("Unlock", Code::PlatformError, "failed at Unlock"),
            ("Prompt", Code::InteractionRequired, "because its prompt failed: as the test has it"),
        ] {
            world.service.once(method, Deviation::Refuse("org.freedesktop.DBus.Error.Failed"));
            let error = world.get("token").await.unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(why), "{error}");
        }
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

/// The store waits for a prompt of gnome-keyring even if the call was given up. A prompt that does not exist would never
/// end.
#[test]
fn a_prompt_that_is_gone_holds_up_nobody() {
    run(async {
        let world = locked(OnPrompt::Complete).await;
        world.service.pose_as_gnome_keyring().await;
        world.service.once("Prompt", Deviation::Refuse(UNKNOWN_OBJECT));
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("Prompt"), 2);
    });
}

#[test]
fn a_prompt_that_ends_in_a_senseless_way_holds_up_nobody() {
    run(async {
        let world = locked(OnPrompt::Garble).await;
        world.service.pose_as_gnome_keyring().await;
        assert!(world.get("token").await.is_err());
        world.service.model().on_prompt = OnPrompt::Complete;
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn one_call_asks_to_unlock_once_even_if_that_was_in_vain() {
    run(async {
        for hides_locked in [false, true] {
            let world = locked(OnPrompt::CompleteInVain).await;
            world.service.model().hides_locked = hides_locked;
            let get = world.get("token").await.map(drop);
            let set = world.set("token", "new value").await;
            let delete = world.delete("token").await.map(drop);
            for outcome in [get, set, delete] {
                assert_eq!(outcome.unwrap_err().code(), Code::AccessDenied);
            }
            assert_eq!(world.service.count("Prompt"), 3);
        }
    });
}
