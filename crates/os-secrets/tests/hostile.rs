//! Services whose replies make no sense, or are hostile.

#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use os_secrets::error::Code;
use support::{
    World,
    crypto::PRIME,
    key,
    model::{ARCHIVE, Encryption, LOGIN, OnPrompt},
    run, run_within,
    script::{Deviation, Tamper},
};
use zbus::{OwnedObjectPath, Variant};

/// A value that no error may show.
const VALUE: &str = "correct horse battery staple";

/// The limit of tests that move many megabytes, without optimization.
const SLOW: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    Set,
    Delete,
}
use Operation::{Delete, Get, Set};

/// A world with a credential in a locked collection, so that a get takes all steps.
async fn world() -> World {
    let world = World::new().await;
    world.put(LOGIN, "token", VALUE);
    world.service.model().lock(LOGIN, true);
    world
}

/// Makes a call that must fail because of the service, with an error that does not show the value. Then checks that a
/// call of the same store works when the service is healed.
async fn fails(world: &World, call: Operation, name: &str, why: &str) {
    fails_with(Code::PlatformError, world, call, name, why).await;
}

async fn fails_with(code: Code, world: &World, call: Operation, name: &str, why: &str) {
    let outcome = match call {
        Get => world.get(name).await.map(drop),
        Set => world.set(name, VALUE).await,
        Delete => world.delete(name).await.map(drop),
    };
    let error = outcome.expect_err(why);
    let shown = format!("{error} {error:?}");
    assert_eq!(error.code(), code, "{why}: {shown}");
    assert!(!shown.contains("horse"), "{why}: {shown}");
    world.service.heal();
    world.service.model().on_prompt = OnPrompt::Complete;
    world.put(LOGIN, "sound", VALUE);
    assert_eq!(world.get("sound").await.unwrap().unwrap(), VALUE, "after {why}");
}

fn path(path: &str) -> OwnedObjectPath {
    path.try_into().unwrap()
}

/// The prime minus a number, as 128 bytes.
fn prime_minus(less: u8) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&PRIME[at..at + 2], 16).unwrap();
    let mut number: Vec<u8> = (0..PRIME.len()).step_by(2).map(byte).collect();
    *number.last_mut().unwrap() -= less;
    number
}

#[test]
fn public_numbers_that_give_the_key_away_are_refused() {
    run(async {
        for number in [
            vec![],
            vec![0],
            vec![0; 128],
            vec![1],
            [vec![0; 127], vec![1]].concat(),
            prime_minus(1),
            prime_minus(0),
            vec![0xff; 128],
            vec![2; 129],
            vec![2; 100_000],
        ] {
            let why = format!("a number of {} bytes that ends with {:?}", number.len(), number.last());
            let world = world().await;
            let answer = Deviation::answer((Variant::from(number), path("/session")));
            world.service.always("OpenSession", answer);
            fails(&world, Set, "token", &why).await;
            assert_eq!(world.service.count("CreateItem"), 0, "{why}");
        }
    });
}

#[test]
fn sessions_of_the_wrong_form_are_refused() {
    run(async {
        for (why, answer) in [
            ("a number that is a string", Deviation::answer((Variant::from("2"), path("/session")))),
            ("a number that is a number", Deviation::answer((Variant::from(2_u32), path("/session")))),
            ("a number without its variant", Deviation::answer((vec![2_u8; 128], path("/session")))),
            ("no session", Deviation::answer(Variant::from(vec![2_u8; 128]))),
            ("a session that is a string", Deviation::answer((Variant::from(vec![2_u8; 128]), "/session"))),
            ("nothing", Deviation::answer(())),
        ] {
            let world = world().await;
            world.service.always("OpenSession", answer);
            fails(&world, Set, "token", why).await;
            assert_eq!(world.service.count("CreateItem"), 0, "{why}");
        }
    });
}

#[test]
fn replies_of_the_wrong_form_are_refused() {
    run(async {
        let none: Vec<OwnedObjectPath> = Vec::new();
        for (call, name, method, answer) in [
            (Get, "token", "SearchItems", Deviation::answer(())),
            (Get, "token", "SearchItems", Deviation::answer(none.clone())),
            (Get, "token", "SearchItems", Deviation::answer((vec![VALUE], vec![VALUE]))),
            (Delete, "token", "SearchItems", Deviation::answer(VALUE)),
            (Get, "missing", "Get", Deviation::answer(true)),
            (Get, "missing", "Get", Deviation::answer(Variant::from(VALUE))),
            (Get, "token", "Unlock", Deviation::answer(())),
            (Get, "token", "Unlock", Deviation::answer((path("/"), none.clone()))),
            (Get, "token", "Unlock", Deviation::answer((none.clone(), path("/no/such/prompt")))),
            (Get, "token", "Prompt", Deviation::answer(VALUE)),
            (Get, "token", "GetSecret", Deviation::answer(())),
            (Get, "token", "GetSecret", Deviation::answer(VALUE)),
            (Get, "token", "GetSecret", Deviation::answer(Variant::from(VALUE))),
            (Get, "token", "GetSecret", Deviation::answer(((path("/"), VALUE, VALUE, VALUE),))),
            (Set, "token", "CreateItem", Deviation::answer(())),
            (Set, "token", "CreateItem", Deviation::answer(path("/"))),
            (Set, "token", "CreateItem", Deviation::answer((VALUE, VALUE))),
            (Set, "token", "CreateItem", Deviation::answer((path("/"), path("/no/such/prompt")))),
            (Delete, "token", "Delete", Deviation::answer(())),
            (Delete, "token", "Delete", Deviation::answer(true)),
            (Delete, "token", "Delete", Deviation::answer(path("/no/such/prompt"))),
        ] {
            let world = world().await;
            world.service.always(method, answer);
            fails(&world, call, name, &format!("{call:?} with a wrong {method}")).await;
        }
    });
}

#[test]
fn replies_of_the_wrong_form_are_refused_where_there_is_no_default_collection() {
    run(async {
        for (method, answer) in [
            ("ReadAlias", Deviation::answer(())),
            ("ReadAlias", Deviation::answer("/")),
            ("CreateCollection", Deviation::answer(())),
            ("CreateCollection", Deviation::answer(path("/"))),
            ("CreateCollection", Deviation::answer((path("/"), path("/no/such/prompt")))),
        ] {
            let world = world().await;
            world.service.model().default = None;
            world.service.always(method, answer);
            fails(&world, Set, "token", &format!("a wrong {method}")).await;
        }
    });
}

#[test]
fn a_prompt_without_a_proper_outcome_is_refused() {
    run(async {
        let world = world().await;
        for call in [Get, Set, Delete] {
            world.service.model().lock(LOGIN, true);
            world.service.model().on_prompt = OnPrompt::Garble;
            fails(&world, call, "token", "an outcome of the wrong form").await;
        }
    });
}

#[test]
fn secrets_that_were_changed_on_their_way_are_refused() {
    let tampers: [(&str, Tamper); 9] = [
        ("a short vector", |secret| secret.parameters.truncate(15)),
        ("a long vector", |secret| secret.parameters.push(0)),
        ("no vector", |secret| secret.parameters.clear()),
        ("half a block", |secret| secret.value.truncate(31)),
        ("no block", |secret| secret.value.clear()),
        // The padding of the last block is 4 bytes. The block before it determines what it decrypts to.
        ("bad padding", |secret| *secret.value.iter_mut().rev().nth(16).unwrap() ^= 0x55),
        ("a block too few", |secret| secret.value.truncate(16)),
        ("another session", |secret| secret.session = path("/org/freedesktop/secrets/session/0")),
        ("no session", |secret| secret.session = path("/")),
    ];
    run(async move {
        for (why, tamper) in tampers {
            let world = world().await;
            world.service.always("GetSecret", Deviation::Tamper(tamper));
            fails(&world, Get, "token", why).await;
        }
    });
}

#[test]
fn a_plain_secret_of_another_session_is_refused() {
    run(async {
        let world = world().await;
        world.service.model().encryption = Encryption::Missing;
        world.service.always("GetSecret", Deviation::Tamper(|secret| secret.session = path("/")));
        fails(&world, Get, "token", "a plain secret of no session").await;
    });
}

#[test]
fn errors_of_the_services_own_are_passed_on_without_the_value() {
    run(async {
        for (call, method) in [
            (Get, "SearchItems"),
            (Get, "GetSecret"),
            (Set, "CreateItem"),
            (Delete, "Delete"),
            (Delete, "Unlock"),
        ] {
            let world = world().await;
            let refusal = Deviation::refuse_saying("org.example.Error.Broken", "the disk is full\nof holes");
            world.service.always(method, refusal.clone());
            let error = match call {
                Get => world.get("token").await.unwrap_err(),
                Set => world.set("token", VALUE).await.unwrap_err(),
                Delete => world.delete("token").await.unwrap_err(),
            };
            let words = "the disk is full of holes (org.example.Error.Broken)";
            let told = format!("The credential store failed at {method}: {words}. Check");
            assert!(error.to_string().starts_with(&told), "{error}");
            fails(&world, call, "token", method).await;
        }
    });
}

#[test]
fn words_of_the_service_that_hold_the_value_are_left_out() {
    run(async {
        const LINES: &str = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END KEY-----\n";
        let long: &'static str = format!("{}{VALUE}", "no secret ".repeat(28)).leak();
        let tail = &VALUE[10..];
        for (method, name, value, words) in [
            ("CreateItem", "org.example.Error.Broken", VALUE, VALUE),
            ("CreateItem", "org.example.Error.Broken", VALUE, tail),
            ("CreateItem", "org.example.Error.Broken", VALUE, long),
            ("CreateItem", "org.example.Error.Broken", LINES, LINES),
            ("CreateItem", "org.freedesktop.DBus.Error.AccessDenied", VALUE, VALUE),
            ("CreateItem", "org.freedesktop.DBus.Error.NoReply", VALUE, VALUE),
            ("CreateItem", "org.freedesktop.DBus.Error.ServiceUnknown", VALUE, VALUE),
            ("CreateItem", "org.hunter2hunter2.Error", "hunter2hunter2", "no"),
            ("Prompt", "org.example.Error.Broken", VALUE, VALUE),
        ] {
            let world = World::new().await;
            world.service.model().stores_by_prompt = true;
            world.service.always(method, Deviation::refuse_saying(name, words));
            let error = world.set("token", value).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            for part in ["correct h", "staple", "MIIEvQIB", "hunter2hunter2"] {
                assert!(!shown.contains(part), "{name}: {shown}");
            }
            assert!(shown.contains("left out"), "{name}: {shown}");
        }
    });
}

/// The paths in the reply belong to no object, or to objects that are not items.
#[test]
fn searches_that_lie_come_to_an_end() {
    run(async {
        for lie in ["/", "/org/freedesktop/secrets", "/no/such/item", LOGIN] {
            let world = world().await;
            let nothing: Vec<OwnedObjectPath> = Vec::new();
            for answer in [(vec![path(lie)], nothing.clone()), (nothing, vec![path(lie)])] {
                world.service.always("SearchItems", Deviation::answer(answer));
                let code = world.get("token").await.unwrap_err().code();
                assert!([Code::PlatformError, Code::AccessDenied].contains(&code), "{lie}");
                world.service.heal();
            }
            assert_eq!(world.get("token").await.unwrap().unwrap(), VALUE, "{lie}");
        }
    });
}

#[test]
fn a_hundred_thousand_matches_are_no_more_than_an_answer() {
    run_within(SLOW, async {
        let world = World::new().await;
        let real = world.put(LOGIN, "token", VALUE);
        let nothing: Vec<OwnedObjectPath> = Vec::new();
        let many: Vec<_> = (0..100_000).map(|number| path(&format!("{ARCHIVE}/{number}"))).collect();
        let with_real = [many.clone(), vec![path(&real)]].concat();

        // The item in the default collection is read, at any position in the list.
        world.service.once("SearchItems", Deviation::answer((with_real, nothing.clone())));
        assert_eq!(world.get("token").await.unwrap().unwrap(), VALUE);
        let unlocked = (many.clone(), nothing.clone());
        let locked = (nothing.clone(), many.clone());
        for (answer, call, code) in [
            (&unlocked, Get, Code::PlatformError),
            (&locked, Get, Code::AccessDenied),
            (&locked, Delete, Code::PlatformError),
        ] {
            world.service.always("SearchItems", Deviation::answer(answer.clone()));
            fails_with(code, &world, call, "token", "items that are not there").await;
        }
        assert_eq!(world.service.count("Delete"), 0);

        // A list sends one message for each item. It takes long, and the deadline ends it.
        world.service.always("SearchItems", Deviation::answer((many, nothing)));
        assert!(world.store.call().has(&key("token")).await.unwrap());
        let list = world.store.call().within(Duration::from_millis(200)).list(None).await;
        assert_eq!(list.unwrap_err().code(), Code::Timeout);
        world.service.heal();
        assert_eq!(world.get("token").await.unwrap().unwrap(), VALUE);
        assert_eq!(world.delete("token").await, Ok(true));
    });
}

/// Texts, paths and secrets of the maximum length that a bus delivers.
#[test]
fn giant_strings_are_no_more_than_an_answer() {
    run_within(SLOW, async {
        let world = world().await;
        let giant: &'static str = "x".repeat(16 << 20).leak();
        let far = path(&format!("{LOGIN}/{}", &giant[..1 << 20]));
        let nothing: Vec<OwnedObjectPath> = Vec::new();
        world.service.always("SearchItems", Deviation::answer((nothing.clone(), vec![far.clone()])));
        fails_with(Code::AccessDenied, &world, Get, "token", "a giant item that stays locked").await;
        for (call, method, answer) in [
            (Get, "SearchItems", Deviation::refuse_saying("org.example.Error.Chatty", giant)),
            (Get, "SearchItems", Deviation::answer((vec![far.clone()], nothing.clone()))),
            (Get, "Unlock", Deviation::answer((nothing, far.clone()))),
            (Get, "GetSecret", Deviation::answer(giant)),
            (Set, "CreateItem", Deviation::answer((path("/"), far.clone()))),
            (Delete, "Delete", Deviation::answer(far.clone())),
        ] {
            world.service.model().lock(LOGIN, true);
            world.service.always(method, answer);
            fails(&world, call, "token", &format!("a giant {method}")).await;
        }
        world
            .service
            .once("GetSecret", Deviation::Tamper(|secret| secret.content_type = "x".repeat(16 << 20)));
        assert_eq!(world.get("token").await.unwrap().unwrap(), VALUE);
    });
}

#[test]
fn a_search_that_finds_more_than_anybody_stores_deletes_nothing() {
    run(async {
        let world = world().await;
        let items: Vec<_> = (0..1001).map(|number| path(&format!("{LOGIN}/{number}"))).collect();
        world.service.always("SearchItems", Deviation::answer((items, Vec::<OwnedObjectPath>::new())));
        fails(&world, Delete, "token", "a search without end").await;
        assert_eq!(world.service.count("Delete"), 0);
    });
}
