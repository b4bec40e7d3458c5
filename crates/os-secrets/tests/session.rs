//! How sessions open, how secrets are sent in them, and what happens if the service forgets one.

#![cfg(target_os = "linux")]

mod support;

use os_secrets::error::Code;
use support::{
    World, get,
    model::{Encryption, LOGIN, NO_SESSION, NOT_SUPPORTED},
    run,
    script::Deviation,
};
use zbus::{Message, OwnedVariant};

const ENCRYPTED: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/// The algorithms that the store asked for, in order.
fn algorithms(world: &World) -> Vec<String> {
    let algorithm = |call: &Message| {
        let (algorithm, _): (String, OwnedVariant) = call.body().deserialize().unwrap();
        algorithm
    };
    world.service.calls("OpenSession").iter().map(algorithm).collect()
}

#[test]
fn an_encrypted_value_is_not_in_the_clear() {
    run(async {
        let world = World::new().await;
        world.set("token", "a value to be hidden").await.unwrap();
        assert_eq!(world.service.model().items.values().next().unwrap().value, b"a value to be hidden");
        assert_eq!(world.get("token").await.unwrap().unwrap(), "a value to be hidden");
        assert!(!world.service.was_sent(b"a value"));
        assert_eq!(algorithms(&world), [ENCRYPTED]);
    });
}

#[test]
fn a_service_without_encryption_gets_the_value_in_the_clear() {
    run(async {
        let world = World::new().await;
        world.service.model().encryption = Encryption::Missing;
        world.set("token", "a value to be seen").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "a value to be seen");
        assert!(world.service.was_sent(b"a value to be seen"));
        assert_eq!(algorithms(&world), [ENCRYPTED, "plain"]);
    });
}

#[test]
fn any_other_refusal_of_encryption_is_the_end() {
    run(async {
        let world = World::new().await;
        for (name, code) in [
            ("org.freedesktop.DBus.Error.Failed", Code::PlatformError),
            ("org.freedesktop.DBus.Error.InvalidArgs", Code::PlatformError),
            ("org.freedesktop.DBus.Error.UnknownMethod", Code::PlatformError),
            ("org.freedesktop.Secret.Error.NotSupported", Code::PlatformError),
            ("org.freedesktop.DBus.Error.AccessDenied", Code::AccessDenied),
        ] {
            world.service.once("OpenSession", Deviation::Refuse(name));
            let error = world.set("token", "never to be seen").await.unwrap_err();
            assert_eq!(error.code(), code, "{name}");
            assert!(error.to_string().contains("OpenSession") && error.to_string().contains(name), "{error}");
        }
        assert_eq!(algorithms(&world), [ENCRYPTED; 5]);
        world.set("token", "never to be seen").await.unwrap();
        assert!(!world.service.was_sent(b"never"));
    });
}

#[test]
fn a_service_that_offers_no_session_at_all_fails() {
    run(async {
        let world = World::new().await;
        world.service.always("OpenSession", Deviation::Refuse(NOT_SUPPORTED));
        let error = world.get("token").await.unwrap_err();
        assert_eq!(error.code(), Code::PlatformError);
        assert_eq!(algorithms(&world), [ENCRYPTED, "plain"]);
    });
}

#[test]
fn a_hundred_first_calls_share_one_session() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        for value in world.gets(100, "token").join_all().await {
            assert_eq!(value.unwrap().unwrap(), "value");
        }
        assert_eq!(world.service.count("OpenSession"), 1);
    });
}

#[test]
fn a_first_call_that_is_dropped_leaves_its_session_to_the_next() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        let gate = support::script::Gate::default();
        world.service.once("OpenSession", Deviation::Wait(gate.clone()));
        let mut dropped = world.gets(1, "token");
        world.service.called("OpenSession", 1).await;
        let waiting = world.gets(1, "token");
        dropped.shutdown().await;
        gate.open();
        assert_eq!(waiting.join_all().await.remove(0).unwrap().unwrap(), "value");
    });
}

/// KWallet has its own error for a session that it does not know.
#[test]
fn a_session_that_kwallet_has_forgotten_is_opened_anew() {
    run(async {
        let world = World::new().await;
        for method in ["CreateItem", "GetSecret"] {
            let (name, text) =
                ("org.qtproject.QtDBus.Error.InvalidObjectPath", "Can't find session /org/example/1");
            world.service.once(method, Deviation::refuse_saying(name, text));
        }
        world.set("token", "value").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("OpenSession"), 3);
    });
}

#[test]
fn an_exchange_that_services_understand_differently_is_repeated() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().encryption = Encryption::Ambiguous(1);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        let opened = world.service.methods();
        assert_eq!(opened[..4], ["OpenSession", "Close", "OpenSession", "SearchItems"]);
    });
}

#[test]
fn exchanges_end_where_all_are_ambiguous() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.model().encryption = Encryption::Ambiguous(usize::MAX);
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("OpenSession"), world.service.count("Close") + 1);
    });
}

#[test]
fn a_forgotten_session_is_replaced_and_the_call_repeated() {
    run(async {
        let world = World::new().await;
        world.set("token", "first").await.unwrap();
        world.service.model().forget_clients();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "first");
        world.service.model().forget_clients();
        world.set("token", "second").await.unwrap();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "second");
        assert_eq!(world.service.count("OpenSession"), 3);
        assert_eq!(world.service.count("CreateItem"), 3);
        assert_eq!(world.service.count("GetSecret"), 3);
    });
}

#[test]
fn sessions_forgotten_for_ever_are_an_error_after_two_tries() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.always("GetSecret", Deviation::Refuse(NO_SESSION));
        let error = world.get("token").await.unwrap_err();
        assert_eq!(error.code(), Code::PlatformError);
        assert_eq!(world.service.count("OpenSession"), 2);
        assert_eq!(world.service.count("GetSecret"), 2);
        world.service.heal();
        assert_eq!(world.get("token").await.unwrap().unwrap(), "value");
    });
}

#[test]
fn the_connection_of_a_forgotten_session_is_closed() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.get("token").await.unwrap();
        world.service.model().forget_clients();
        world.get("token").await.unwrap();
        let senders: Vec<_> =
            world.service.calls("OpenSession").iter().map(support::answers::sender).collect();
        assert_ne!(senders[0], senders[1]);
        world.bus.left(&senders[0]).await;
    });
}

#[test]
fn two_stores_do_not_share_a_session() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        let other = world.store_without_display();
        let (ours, theirs) = tokio::join!(world.get("token"), get(&other, "token"));
        assert_eq!(ours, theirs);
        assert_eq!(ours.unwrap().unwrap(), "value");
        assert_eq!(world.service.count("OpenSession"), 2);
    });
}
