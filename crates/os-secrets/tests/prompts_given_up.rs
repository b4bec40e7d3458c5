//! Prompts of calls that fail or are given up before the prompt is shown. They must not delay other calls.
//!
//! If the store waited for the end of a prompt that does not exist, each of these tests would hang.

#![cfg(target_os = "linux")]

mod support;

use std::{sync::Arc, time::Duration};

use os_secrets::error::{Code, Effect, Error};
use support::{
    Kind, World,
    answers::{error, reply},
    key,
    model::{LOGIN, Model, OnPrompt, UNKNOWN_OBJECT},
    pass_deadline, run_within,
    script::{Deviation, Gate},
    secret,
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use zbus::Message;

/// Each of these tests, for all kinds of service, takes less.
const LIMIT: Duration = Duration::from_secs(600);

/// The kinds of service whose prompts the store dismisses.
const CAN_WITHDRAW: [Kind; 2] = [Kind::KeePassXc, Kind::Other];

const DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
const REFUSALS: [&str; 4] =
    [UNKNOWN_OBJECT, "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.Failed", DENIED];

/// A service of this kind, with a locked credential.
async fn locked(kind: Kind) -> World {
    let world = World::of(kind).await;
    world.put(LOGIN, "token", "value");
    world.service.model().lock(LOGIN, true);
    world
}

/// Starts a get. A message to the sender gives it up.
fn start_get(world: &World) -> (oneshot::Sender<()>, JoinHandle<Result<(), Error>>) {
    let (cancel, canceled) = oneshot::channel();
    let store = Arc::clone(&world.store);
    let get = async move { store.call().until(canceled).get(&key("token")).await.map(drop) };
    (cancel, tokio::spawn(get))
}

/// Makes the next call, for which the user answers prompts at once. `None` if it hangs.
async fn next(world: &World) -> Option<Result<Option<String>, Error>> {
    world.service.heal();
    world.service.model().on_prompt = OnPrompt::Complete;
    timeout(Duration::from_secs(5), world.get("token")).await.ok()
}

/// Waits until the store has read every reply that was sent to it before, and has reacted to it. Each list
/// waits for at least one reply and shows no prompt, and the bus keeps order.
async fn catch_up(world: &World) {
    for _ in 0..5 {
        let _ = world.store.call().list(None).await;
    }
}

/// Waits until the store has dismissed a prompt.
async fn dismissed(world: &World) {
    let dismissed = timeout(Duration::from_secs(5), world.service.called("Dismiss", 1)).await;
    dismissed.expect("the prompt is not withdrawn");
}

fn value() -> Option<Result<Option<String>, Error>> {
    Some(Ok(Some("value".into())))
}

/// Answers `Prompt` with an error once the gate is open.
fn refuse_later(world: &World, gate: &Gate, name: &'static str) {
    let (service, gate) = (world.service.clone(), gate.clone());
    let improvise = move |_: &mut Model, call: &Message| {
        let (service, gate, call) = (service.clone(), gate.clone(), call.clone());
        tokio::spawn(async move {
            gate.opened().await;
            service.connection().send(&error(&call, name, "as the test has it")).await.unwrap();
        });
        Vec::new()
    };
    world.service.once("Prompt", Deviation::Improvise(Arc::new(improvise)));
}

#[test]
fn a_prompt_that_is_refused_after_its_call_was_given_up_holds_up_nobody() {
    run_within(LIMIT, async {
        for kind in Kind::ALL {
            for name in REFUSALS {
                let (world, gate) = (locked(kind).await, Gate::default());
                refuse_later(&world, &gate, name);
                let (cancel, get) = start_get(&world);
                world.service.called("Prompt", 1).await;
                cancel.send(()).unwrap();
                assert_eq!(get.await.unwrap(), Err(Error::Aborted { effect: Effect::None }));
                gate.open();
                assert_eq!(next(&world).await, value(), "{kind:?}, {name}");
            }
        }
    });
}

/// The call is not given up here. The bus denies the prompt, as the policy of a sandbox may.
#[test]
fn a_prompt_that_is_denied_holds_up_nobody() {
    run_within(LIMIT, async {
        for kind in Kind::ALL {
            let world = locked(kind).await;
            world.service.once("Prompt", Deviation::Refuse(DENIED));
            assert_eq!(world.get("token").await.unwrap_err().code(), Code::AccessDenied);
            assert_eq!(next(&world).await, value(), "{kind:?}");
        }
    });
}

#[test]
fn a_prompt_whose_reply_makes_no_sense_holds_up_nobody() {
    run_within(LIMIT, async {
        for kind in Kind::ALL {
            let world = locked(kind).await;
            let nonsense = |_: &mut Model, call: &Message| vec![reply(call, &"nonsense")];
            world.service.once("Prompt", Deviation::Improvise(Arc::new(nonsense)));
            assert_eq!(world.get("token").await.unwrap_err().code(), Code::PlatformError);
            assert_eq!(next(&world).await, value(), "{kind:?}");
        }
    });
}

/// The maximum number of prompts is open. The call of one more is given up while its prompt waits.
#[test]
fn a_prompt_that_waits_for_its_place_holds_up_nobody() {
    run_within(LIMIT, async {
        for kind in Kind::ALL {
            let (world, gate) = (World::of(kind).await, Gate::default());
            world.service.model().stores_by_prompt = true;
            world.service.always("Prompt", Deviation::Wait(gate.clone()));
            let set = |name: String| {
                let store = Arc::clone(&world.store);
                async move { store.set(&key(&name), &secret("value")).await }
            };
            let open: JoinSet<_> = (0..16).map(|number| set(format!("name {number}"))).collect();
            world.service.called("Prompt", 16).await;
            let late = tokio::spawn(set("late".into()));
            world.service.called("CreateItem", 17).await;
            catch_up(&world).await;
            late.abort();
            assert!(late.await.is_err());
            if CAN_WITHDRAW.contains(&kind) {
                // So the call had a prompt when it was given up.
                dismissed(&world).await;
            }
            gate.open();
            assert!(open.join_all().await.iter().all(Result::is_ok));
            assert_eq!(world.service.count("Prompt"), 16);
            world.service.heal();
            let next = timeout(Duration::from_secs(5), set("late".into())).await;
            assert_eq!(next.ok(), Some(Ok(())), "{kind:?}");
        }
    });
}

/// Prompts with the same key are shown one after the other. A set is given up before it is its prompt's turn.
#[test]
fn a_prompt_that_waits_for_another_of_its_key_is_withdrawn() {
    run_within(LIMIT, async {
        for kind in Kind::ALL {
            let world = World::of(kind).await;
            world.service.model().stores_by_prompt = true;
            world.service.model().on_prompt = OnPrompt::Wait;
            let set = || {
                let store = Arc::clone(&world.store);
                tokio::spawn(async move { store.set(&key("token"), &secret("value")).await })
            };
            let first = set();
            world.service.called("Prompt", 1).await;
            let second = set();
            world.service.called("CreateItem", 2).await;
            catch_up(&world).await;
            second.abort();
            assert!(second.await.is_err());
            let shown = world.service.model().waiting_prompts().to_vec();
            if CAN_WITHDRAW.contains(&kind) {
                dismissed(&world).await;
                let path = world.service.calls("Dismiss")[0].header().path().unwrap().to_string();
                assert!(!shown.contains(&path), "{kind:?}");
            }
            world.service.settle_prompts(OnPrompt::Complete).await;
            assert_eq!(first.await.unwrap(), Ok(()), "{kind:?}");
            catch_up(&world).await;
            assert_eq!(world.service.count("Prompt"), 1, "{kind:?}");
            assert_eq!(world.service.model().items.len(), 1, "{kind:?}");
        }
    });
}

/// gnome-keyring replies to `Prompt` at once, and the prompt cannot be withdrawn. If there is no reply, later calls wait
/// no longer than for any other message.
#[test]
fn a_prompt_that_is_not_replied_to_holds_up_nobody_for_longer_than_a_message() {
    run_within(LIMIT, async {
        for kind in Kind::ALL {
            let world = locked(kind).await;
            world.service.once("Prompt", Deviation::Ignore);
            let (cancel, get) = start_get(&world);
            world.service.called("Prompt", 1).await;
            cancel.send(()).unwrap();
            assert!(get.await.unwrap().is_err());
            world.service.model().on_prompt = OnPrompt::Complete;
            let second = world.gets(1, "token");
            // Now the second get waits for the end of the prompt.
            catch_up(&world).await;
            pass_deadline().await;
            let second = timeout(Duration::from_secs(5), second.join_all()).await;
            assert_eq!(second.ok(), Some(vec![Ok(Some("value".into()))]), "{kind:?}");
        }
    });
}

#[test]
fn a_gnome_keyring_that_does_not_reply_to_prompt_is_late() {
    run_within(LIMIT, async {
        let world = locked(Kind::GnomeKeyring).await;
        world.service.once("Prompt", Deviation::Ignore);
        let get = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        pass_deadline().await;
        let late = timeout(Duration::from_secs(5), get.join_all()).await.unwrap().remove(0);
        assert!(matches!(late, Err(Error::Timeout { at: Some("Prompt"), .. })), "{late:?}");
        assert_eq!(next(&world).await, value());
    });
}

/// A prompt of gnome-keyring stays on the screen when its call is given up. Its outcome counts for the next call.
#[test]
fn a_prompt_that_is_shown_after_its_call_was_given_up_is_waited_for() {
    run_within(LIMIT, async {
        for kind in [Kind::GnomeKeyring, Kind::Unidentified] {
            let (world, gate) = (locked(kind).await, Gate::default());
            world.service.model().on_prompt = OnPrompt::Wait;
            world.service.once("Prompt", Deviation::Wait(gate.clone()));
            let (cancel, get) = start_get(&world);
            world.service.called("Prompt", 1).await;
            cancel.send(()).unwrap();
            assert!(get.await.unwrap().is_err());
            gate.open();
            let mut second = world.gets(1, "token");
            world.service.called("SearchItems", 2).await;
            catch_up(&world).await;
            pass_deadline().await;
            assert!(second.try_join_next().is_none(), "{kind:?}");
            world.service.settle_prompts(OnPrompt::Complete).await;
            assert_eq!(second.join_all().await, [Ok(Some("value".into()))], "{kind:?}");
            assert_eq!(world.service.count("Prompt"), 1, "{kind:?}");
        }
    });
}
