//! Services and buses that leave and return, and those that do not exist.

#![cfg(target_os = "linux")]

mod support;

use std::{
    os::{linux::net::SocketAddrExt, unix::net::SocketAddr},
    sync::Arc,
};

use os_secrets::{
    credential::Secret,
    error::{Code, Error},
    store::{
        linux::{Environment, SecretService},
        settings::DEFAULT_TIMEOUT,
    },
};
use support::{
    Client, PAST_DEADLINE, World,
    answers::sender,
    bus::{Bus, call_bus},
    get, key,
    model::{LOGIN, Model, OnPrompt},
    pass_deadline, run, run_within,
    script::{Deviation, Gate},
    service::{NAME, Service},
    store,
};
use tokio::net::UnixListener;
use zbus::Message;

/// A world with a locked credential, in a service that needs a prompt for each change.
async fn laborious() -> World {
    let world = World::new().await;
    world.put(LOGIN, "token", "value");
    world.service.model().stores_by_prompt = true;
    world.service.model().deletes_by_prompt = true;
    world.service.model().lock(LOGIN, true);
    world
}

#[test]
fn a_service_that_restarts_between_calls_is_found_again() {
    run(async {
        let world = World::new().await;
        for value in ["first", "second", "third"] {
            world.set("token", value).await.unwrap();
            world.service.leave();
            world.service.arrive().await;
            assert_eq!(world.get("token").await.unwrap().unwrap(), value);
        }
    });
}

/// The service leaves in each possible way, at each message of a call.
#[test]
fn a_call_survives_the_loss_of_the_service_at_any_message() {
    run(async {
        for method in ["OpenSession", "SearchItems", "Unlock", "Prompt", "GetSecret", "CreateItem", "Delete"]
        {
            for how in [Deviation::Leave, Deviation::ObeyAndLeave, Deviation::AnswerAndLeave] {
                let world = laborious().await;
                world.service.arrive().await;
                world.service.once(method, how);
                match method {
                    "GetSecret" => assert_eq!(world.get("token").await.unwrap().unwrap(), "value"),
                    "CreateItem" => {
                        world.set("token", "new value").await.unwrap();
                        assert_eq!(world.get("token").await.unwrap().unwrap(), "new value");
                        assert_eq!(world.service.model().items.len(), 1);
                    }
                    _ => {
                        assert!(world.delete("token").await.unwrap(), "{method}");
                        assert_eq!(world.service.model().items.len(), 0, "{method}");
                    }
                }
                assert!(world.service.count(method) > 0, "{method} was never called");
            }
        }
    });
}

#[test]
fn a_service_that_is_lost_twice_in_a_call_is_an_error() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        for _ in 0..2 {
            world.service.arrive().await;
            world.service.once("GetSecret", Deviation::Leave);
        }
        let error = world.get("token").await.unwrap_err();
        assert!(matches!(error, Error::Lost { .. }), "{error}");
        assert_eq!(error.code(), Code::PlatformError);
        assert_eq!(world.service.count("GetSecret"), 2);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn a_delete_that_may_have_been_done_counts_as_done() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.arrive().await;
        world.service.once("Delete", Deviation::ObeyAndLeave);
        assert_eq!(world.delete("token").await, Ok(true));
        assert_eq!(world.service.count("Delete"), 1);
        assert_eq!(world.delete("token").await, Ok(false));
    });
}

#[test]
fn a_delete_that_has_deleted_is_true_whatever_comes_after() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "one");
        world.put(LOGIN, "token", "two");
        // The call deletes the first item. Another program deletes the second. Then the connection is lost.
        let obey = |model: &mut Model, call: &Message| model.answer(call);
        world.service.once("Delete", Deviation::Improvise(Arc::new(obey)));
        world.service.once("Delete", Deviation::change(|model| model.items.clear()));
        world.service.once("SearchItems", Deviation::Improvise(Arc::new(obey)));
        world.service.once("SearchItems", Deviation::Refuse("org.freedesktop.DBus.Error.NoReply"));
        assert_eq!(world.delete("token").await, Ok(true));
        assert_eq!(world.delete("token").await, Ok(false));
    });
}

#[test]
fn a_delete_that_was_never_sent_does_not_count_as_done() {
    run(async {
        for method in ["SearchItems", "Unlock", "Prompt"] {
            let world = laborious().await;
            world.service.arrive().await;
            world.service.once(method, Deviation::change(|model: &mut Model| model.items.clear()));
            world.service.once(method, Deviation::Leave);
            assert_eq!(world.delete("token").await, Ok(false), "{method}");
            assert_eq!(world.service.count("OpenSession"), 2, "{method}");
            assert_eq!(world.service.count("Delete"), 0, "{method}");
        }
    });
}

#[test]
fn a_service_that_loses_its_name_is_left_for_the_one_that_gets_it() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.get("token").await.unwrap();
        world.service.arrive().await;
        world.service.give_up_name().await;
        // The store learns of the new owner during this call at the latest.
        world.get("token").await.unwrap();
        world.service.forget_calls();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        let owner = world.service.connection().unique_name().unwrap().to_string();
        let addressees = world.service.calls("GetSecret");
        let addressees: Vec<_> =
            addressees.iter().map(|call| call.header().destination().unwrap().to_string()).collect();
        assert_eq!(addressees, [owner]);
    });
}

#[test]
fn secrets_are_sent_to_the_very_service_that_has_the_session() {
    run(async {
        let world = World::new().await;
        world.set("token", "value").await.unwrap();
        world.get("token").await.unwrap();
        world.delete("token").await.unwrap();
        let owner = world.service.connection().unique_name().unwrap().to_string();
        for method in ["CreateItem", "SearchItems", "GetSecret", "Delete"] {
            for call in world.service.calls(method) {
                assert_eq!(call.header().destination().unwrap().to_string(), owner, "{method}");
            }
        }
    });
}

#[test]
fn a_stranger_cannot_declare_the_service_gone() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.get("token").await.unwrap();
        let client = sender(&world.service.calls("OpenSession")[0]);
        let owner = world.service.connection().unique_name().unwrap().to_string();
        let stranger = world.bus.stranger().await;
        let signal = Message::signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged")
            .destination(client)
            .build(&(NAME, owner, ""))
            .unwrap();
        stranger.send(&signal).await.unwrap();
        call_bus(&stranger, "GetId", &()).await;
        for _ in 0..2 {
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        }
        assert_eq!(world.service.count("OpenSession"), 1);
    });
}

#[test]
fn a_bus_that_restarts_is_found_again() {
    run(async {
        let mut world = World::new().await;
        world.set("token", "value").await.unwrap();
        world.bus.stop();
        let error = world.get("token").await.unwrap_err();
        assert!(matches!(error, Error::NoBus(_)), "{error}");
        world.bus.restart();
        world.service = Service::start(&world.bus).await;
        world.put(LOGIN, "token", "value on the new bus");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value on the new bus");
    });
}

#[test]
fn a_call_under_way_ends_with_the_bus() {
    run(async {
        let mut world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.always("SearchItems", Deviation::Ignore);
        let mut gets = world.gets_apart(3);
        world.service.called("SearchItems", 3).await;
        world.bus.stop();
        while let Some(value) = gets.join_next().await {
            let error = value.unwrap().unwrap_err();
            assert!(matches!(error, Error::NoBus(_)), "{error}");
        }
        world.bus.restart();
        world.service = Service::start(&world.bus).await;
        world.put(LOGIN, "token", "value");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn there_is_no_bus() {
    run(async {
        let mut bus = Bus::start();
        bus.stop();
        let store = store(bus.address(), true);
        for _ in 0..2 {
            let error = get(&store, "token").await.unwrap_err();
            assert!(matches!(error, Error::NoBus(_)), "{error}");
            assert_eq!(error.code(), Code::PlatformError);
            assert!(error.to_string().contains(bus.address()), "{error}");
        }
        let timeout = DEFAULT_TIMEOUT;
        let environment = Environment {
            bus_address: Err("it is not set"),
            has_display: true,
            timeout,
            keyring_directories: Vec::new(),
            hosts: Vec::new(),
        };
        let unset = Client(SecretService::new(environment));
        let error = unset.set(&key("token"), &Secret::new(b"value".into())).await.unwrap_err();
        assert_eq!(error, Error::NoBus("it is not set".into()));
    });
}

#[test]
fn there_is_no_service_until_one_comes() {
    run(async {
        let bus = Bus::start();
        let store = store(bus.address(), true);
        let (key, value) = (key("token"), Secret::new(b"value".into()));
        let get = store.get(&key).await.map(drop);
        let set = store.set(&key, &value).await;
        let delete = store.delete(&key).await.map(drop);
        for outcome in [get, set, delete] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::NoService(_)), "{error}");
            assert_eq!(error.code(), Code::PlatformError);
        }
        let service = Service::start(&bus).await;
        store.set(&key, &value).await.unwrap();
        assert_eq!(service.model().items.len(), 1);
    });
}

#[test]
fn a_service_that_does_not_answer_is_given_up_on_and_its_late_answer_ignored() {
    run_within(PAST_DEADLINE * 4, async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        for method in ["OpenSession", "SearchItems", "GetSecret"] {
            let gate = Gate::default();
            world.service.once(method, Deviation::Wait(gate.clone()));
            let before = world.service.count(method);
            let mut waiting = world.gets(1, "token");
            world.service.called(method, before + 1).await;
            pass_deadline().await;
            let error = waiting.join_next().await.unwrap().unwrap().unwrap_err();
            assert!(matches!(error, Error::Timeout { at, .. } if at == Some(method)), "{error}");
            assert_eq!(error.code(), Code::Timeout);
            assert_eq!(world.service.count(method), before + 1, "a call that may be done is not repeated");
            gate.open();
            assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        }
    });
}

#[test]
fn a_person_is_given_all_the_time_they_need() {
    run_within(PAST_DEADLINE * 4, async {
        let world = laborious().await;
        world.service.model().on_prompt = OnPrompt::Wait;
        let mut waiting = world.gets(1, "token");
        world.service.called("Prompt", 1).await;
        // `Prompt` has its reply before this call has its own: the bus keeps order.
        assert_eq!(world.get("missing").await, Ok(None));
        pass_deadline().await;
        world.service.settle_prompts(OnPrompt::Complete).await;
        assert_eq!(waiting.join_next().await.unwrap().unwrap().unwrap().unwrap(), "value");
    });
}

#[test]
fn the_first_address_that_works_is_used() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        let addresses = format!("unix:path=/nonexistent/bus;tcp:host=localhost;{}", world.bus.address());
        assert_eq!(get(&store(&addresses, true), "token").await.unwrap().unwrap(), "value");
    });
}

/// Listens at an address that could be a bus's. Returns the listener and the address.
fn listen(name: &str) -> (UnixListener, String) {
    let name = format!("os-secrets-{name}-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    listener.set_nonblocking(true).unwrap();
    (UnixListener::from_std(listener).unwrap(), format!("unix:abstract={name}"))
}

#[test]
fn a_bus_that_does_not_answer_is_given_up_on() {
    run_within(PAST_DEADLINE * 4, async {
        let (listener, address) = listen("mute");
        let mute = async {
            let accepted = listener.accept().await.unwrap();
            pass_deadline().await;
            accepted
        };
        let store = store(&address, true);
        let (outcome, _connection) = tokio::join!(get(&store, "token"), mute);
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), Code::Timeout);
        assert!(error.to_string().contains("(connecting to the D-Bus session bus)"), "{error}");
    });
}

#[test]
fn a_socket_that_is_no_bus_is_an_error() {
    run(async {
        let (listener, address) = listen("other");
        let store = store(&address, true);
        for greeting in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "REJECTED KERBEROS_V4\r\n", "OK \r\n"] {
            let other = async {
                let (stream, _) = listener.accept().await.unwrap();
                stream.readable().await.unwrap();
                assert_eq!(stream.try_write(greeting.as_bytes()).unwrap(), greeting.len());
            };
            let (outcome, ()) = tokio::join!(get(&store, "token"), other);
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::NoBus(_)), "{greeting}: {error}");
        }
    });
}
