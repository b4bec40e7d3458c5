//! Calls beside each other, and beside a prompt that the user has not answered yet.

use std::{
    process,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use os_secrets::error::{Code, Error};
use serde_json::json;

use crate::support::*;

/// A call that takes longer waits for something that does not come.
const LONG: Duration = Duration::from_secs(30);

/// Makes a call on a thread of its own. Its outcome comes later.
fn start<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, outcome) = channel();
    thread::spawn(move || {
        let _ = sender.send(call());
    });
    outcome
}

fn wait_for_prompts(mac: &Mac, count: usize) {
    let start = Instant::now();
    while mac.world()["prompts"].as_array().map_or(0, Vec::len) < count {
        assert!(start.elapsed() < LONG, "no prompt appears");
        thread::sleep(Duration::from_millis(5));
    }
}

fn is_not_allowed<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    code(outcome) == Code::InteractionNotAllowed
}

/// Makes each call again and again on two threads of its own, beside the others.
fn repeat_beside_each_other(calls: &[fn()]) {
    let running: Vec<_> = calls
        .iter()
        .chain(calls)
        .map(|call| {
            let call = *call;
            start(move || (0..200).for_each(|_| call()))
        })
        .collect();
    for call in running {
        if call.recv_timeout(LONG).is_err() {
            // It holds locks and threads that other tests need.
            eprintln!("a call does not end");
            process::abort();
        }
    }
}

#[test]
fn calls_on_one_item_do_not_block_each_other_for_ever() {
    let mac = Mac::new();
    let silently: [fn(); 3] = [
        || set("a", "value", false).unwrap(),
        || assert!(get("a", false).is_ok()),
        || assert!(delete("a", false).is_ok()),
    ];
    let asking: [fn(); 4] = [
        || set("a", "value", true).unwrap(),
        || assert!(get("a", true).is_ok()),
        || assert!(delete("a", true).is_ok()),
        || set("a", "", true).unwrap(),
    ];
    repeat_beside_each_other(&[silently.as_slice(), asking.as_slice()].concat());
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn lookups_of_an_item_do_not_block_changes_of_it_for_ever() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    repeat_beside_each_other(&[
        || set("a", "value", true).unwrap(),
        || assert!(get("a", true).is_ok()),
        || assert!(delete("a", true).is_ok()),
        || assert!(has("a").is_ok()),
        || assert!(list().is_ok()),
    ]);
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn silent_calls_neither_ask_nor_wait_while_another_call_asks() {
    let mac = Mac::with_item_of_bun();
    set("own", "value", true).unwrap();
    let asking = start(|| get("a", true));
    wait_for_prompts(&mac, 1);
    let silent = [
        start(|| is_not_allowed(get("a", false))),
        start(|| is_not_allowed(get("own", false))),
        start(|| is_not_allowed(set("a", "second", false))),
        start(|| is_not_allowed(set("new", "value", false))),
        start(|| is_not_allowed(delete("own", false))),
        start(|| is_not_allowed(set("own", "", false))),
    ];
    for call in silent {
        assert_eq!(call.recv_timeout(LONG), Ok(true));
    }
    // Neither needs the item that the user is asked about.
    assert_eq!(start(|| has("own")).recv_timeout(LONG), Ok(Ok(true)));
    assert_eq!(start(|| delete("own", true)).recv_timeout(LONG), Ok(Ok(true)));
    mac.answer(&["always-allow"]);
    assert_eq!(asking.recv_timeout(LONG).unwrap().unwrap().as_deref(), Some("of Bun"));
    assert_eq!(get("a", false).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), ["application"]);
}

#[test]
fn silent_calls_end_during_a_prompt_however_many_they_are_and_whatever_else_waits() {
    let mac = Mac::new();
    mac.lock(true);
    // While the system asks a set for the keychain's password, it makes every other call wait.
    let asking = start(|| set("a", "value", true));
    wait_for_prompts(&mac, 1);
    let waiting: Vec<_> = (0..5)
        .flat_map(|number| {
            let (deletion, name) = (format!("deleted {number}"), format!("looked up {number}"));
            [
                start(move || delete(&deletion, true).map(drop)),
                start(move || has(&name).map(drop)),
                start(|| diagnose().state.map(drop)),
            ]
        })
        .collect();
    // If each waited for its own two seconds on one of three threads, they would take longer.
    let begin = Instant::now();
    let silent: Vec<_> = (0..90)
        .map(|number| {
            let name = format!("silent {number}");
            start(move || match number % 3 {
                0 => is_not_allowed(get(&name, false)),
                1 => is_not_allowed(set(&name, "value", false)),
                _ => is_not_allowed(delete(&name, false)),
            })
        })
        .collect();
    for call in silent {
        assert_eq!(call.recv_timeout(LONG.saturating_sub(begin.elapsed())), Ok(true));
    }
    mac.answer(&["allow"]);
    assert_eq!(asking.recv_timeout(LONG), Ok(Ok(())));
    for call in waiting {
        assert_eq!(call.recv_timeout(LONG), Ok(Ok(())));
    }
    assert_eq!(mac.take_prompts(), ["unlock"]);
}

#[test]
fn a_silent_call_does_not_wait_for_a_prompt_that_appears_while_it_begins() {
    let mac = Mac::new();
    set("own", "value", true).unwrap();
    for _ in 0..3 {
        mac.lock(true);
        // Without a prompt, each call rejects at once, because the keychain is locked.
        let until_prompt = || while get("own", false) != Err(Error::Asking) {};
        let silent = [start(until_prompt), start(until_prompt), start(until_prompt)];
        let asking = start(|| set("a", "value", true));
        for call in silent {
            assert_eq!(call.recv_timeout(LONG), Ok(()));
        }
        mac.answer(&["allow"]);
        assert_eq!(asking.recv_timeout(LONG), Ok(Ok(())));
        assert_eq!(mac.take_prompts(), ["unlock"]);
    }
}

#[test]
fn lookups_and_deletes_of_the_item_of_a_prompt_wait_for_its_end() {
    let mac = Mac::with_item_of_bun();
    let asking = start(|| get("a", true));
    wait_for_prompts(&mac, 1);
    let lookups = [start(|| has("a")), start(|| list().map(|names| names == ["a"]))];
    let impatient = start(|| is_not_allowed(delete("a", false)));
    assert_eq!(impatient.recv_timeout(LONG), Ok(true));
    assert!(mac.item("a").is_some());
    for lookup in &lookups {
        assert!(lookup.try_recv().is_err(), "it waits");
    }
    mac.answer(&["always-allow"]);
    assert_eq!(asking.recv_timeout(LONG).unwrap().unwrap().as_deref(), Some("of Bun"));
    for lookup in lookups {
        assert_eq!(lookup.recv_timeout(LONG), Ok(Ok(true)));
    }
    assert_eq!(mac.take_prompts(), ["application"]);
}

#[test]
fn a_delete_during_a_prompt_is_done_after_it() {
    let mac = Mac::with_item_of_bun();
    let asking = start(|| get("a", true));
    wait_for_prompts(&mac, 1);
    let deleting = start(|| delete("a", true));
    mac.answer(&["deny"]);
    assert_eq!(code(asking.recv_timeout(LONG).unwrap()), Code::AuthFailed);
    assert_eq!(deleting.recv_timeout(LONG), Ok(Ok(true)));
    // The same during the prompt for the keychain's password.
    mac.run_as(BUN);
    set("a", "of Bun", true).unwrap();
    mac.lock(true);
    let asking = start(|| set("b", "value", true));
    wait_for_prompts(&mac, 2);
    let deleting = start(|| delete("a", true));
    mac.answer(&["cancel"]);
    assert_eq!(code(asking.recv_timeout(LONG).unwrap()), Code::UserCanceled);
    assert_eq!(deleting.recv_timeout(LONG), Ok(Ok(true)));
    assert_eq!(mac.take_prompts(), ["application", "unlock"]);
}

#[test]
fn a_lookup_beside_a_silent_call_does_not_keep_later_calls_from_asking() {
    let mac = Mac::new();
    mac.change(|world| {
        add_keychain(world, OTHER);
        world["default"] = json!(OTHER);
    });
    set("in other", "value", true).unwrap();
    mac.change(|world| world["default"] = json!(LOGIN));
    set("a", "value", true).unwrap();
    for _ in 0..10 {
        mac.change(|world| world["keychains"][1]["locked"] = json!(true));
        // The silent calls search the first keychain only, and the lookup opens the other one.
        let silent = start(|| (0..10).for_each(|_| assert!(get("a", false).unwrap().is_some())));
        for _ in 0..5 {
            mac.close_handles();
            assert_eq!(list().unwrap(), ["a", "in other"]);
        }
        assert_eq!(silent.recv_timeout(LONG), Ok(()));
        mac.answer(&["allow"]);
        assert_eq!(get("in other", true).unwrap().as_deref(), Some("value"));
        assert_eq!(mac.take_prompts(), ["unlock"]);
    }
}

#[test]
fn a_prompt_is_not_missed_because_a_silent_call_runs() {
    let mac = Mac::with_item_of_bun();
    set("own", "value", true).unwrap();
    let silent: Vec<_> =
        (0..2).map(|_| start(|| (0..100).filter(|_| get("own", false).is_ok()).count())).collect();
    for _ in 0..10 {
        mac.answer(&["allow", "allow"]);
        assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
        assert_eq!(mac.take_prompts(), ["application", "partition"]);
    }
    for call in silent {
        assert_eq!(call.recv_timeout(LONG), Ok(100));
    }
}

#[test]
fn lookups_during_a_prompt_use_few_threads_and_end_after_it() {
    let mac = Mac::new();
    set("own", "value", true).unwrap();
    mac.lock(true);
    // While the system asks a set for the keychain's password, it makes every other call wait.
    let asking = start(|| set("a", "value", true));
    wait_for_prompts(&mac, 1);
    let lookups: Vec<_> =
        (0..50).flat_map(|_| [start(|| has("own")), start(|| list().map(|_| true))]).collect();
    let pool = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
        let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
        names.filter(|name| name.starts_with("os-secrets-pool")).count()
    };
    thread::sleep(Duration::from_millis(200));
    assert!(pool() <= 10, "{} threads", pool());
    mac.answer(&["allow"]);
    assert_eq!(asking.recv_timeout(LONG), Ok(Ok(())));
    for lookup in lookups {
        assert_eq!(lookup.recv_timeout(LONG), Ok(Ok(true)));
    }
    assert_eq!(mac.take_prompts(), ["unlock"]);
}
