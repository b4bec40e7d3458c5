//! Calls beside each other, and beside a prompt that the user has not answered yet.

use std::{
    process,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use os_secrets::error::{Code, Error};

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
            start(move || (0..50).for_each(|_| call()))
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
    ];
    for call in silent {
        assert_eq!(call.recv_timeout(LONG), Ok(true));
    }
    // Neither needs the item that the user is asked about.
    assert_eq!(start(|| has("own")).recv_timeout(LONG), Ok(Ok(true)));
    assert_eq!(start(|| delete("own", false)).recv_timeout(LONG), Ok(Ok(true)));
    mac.answer(&["always-allow"]);
    assert_eq!(asking.recv_timeout(LONG).unwrap().unwrap().as_deref(), Some("of Bun"));
    assert_eq!(get("a", false).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), ["application"]);
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
