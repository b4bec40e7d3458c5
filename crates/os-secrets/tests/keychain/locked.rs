//! Keychains that are locked, missing or several.

use os_secrets::error::{Code, Reason};
use serde_json::json;

use crate::support::*;

#[test]
fn a_locked_keychain_is_unlocked_once() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.lock(true);
    mac.answer(&["allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), ["unlock"]);
    mac.lock(true);
    mac.answer(&["allow"]);
    assert_eq!(set("a", "second", true), Ok(()));
    assert_eq!(mac.take_prompts(), ["unlock"]);
}

#[test]
fn a_canceled_unlock_changes_nothing() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.lock(true);
    for answer in ["cancel", "cancel", "cancel"] {
        mac.answer(&[answer]);
        assert_eq!(code(set("a", "second", true)), Code::UserCanceled);
        assert_eq!(mac.take_prompts(), ["unlock"]);
    }
    mac.answer(&["cancel"]);
    assert_eq!(code(get("a", true)), Code::UserCanceled);
    assert_eq!(mac.take_prompts(), ["unlock"]);
    assert_eq!(mac.item("a").unwrap()["data"], "value");
}

#[test]
fn silent_calls_do_not_unlock() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.lock(true);
    assert_eq!(code(get("a", false)), Code::InteractionNotAllowed);
    assert_eq!(code(set("a", "second", false)), Code::InteractionNotAllowed);
    assert_eq!(code(set("new", "second", false)), Code::InteractionNotAllowed);
    assert_eq!(get("missing", false), Ok(None));
    assert_eq!(has("a"), Ok(true));
    assert_eq!(list().unwrap(), ["a"]);
    assert_eq!(mac.take_prompts(), [""; 0]);
    assert_eq!(mac.item("a").unwrap()["data"], "value");
}

#[test]
fn deleting_needs_no_unlocking() {
    for interactive in [true, false] {
        let mac = Mac::new();
        set("a", "value", true).unwrap();
        mac.run_as(BUN);
        mac.lock(true);
        assert_eq!(delete("missing", interactive), Ok(false));
        assert_eq!(delete("a", interactive), Ok(true));
        assert_eq!(mac.take_prompts(), [""; 0]);
        assert!(mac.item("a").is_none());
    }
}

#[test]
fn a_silent_call_does_not_make_later_ones_silent() {
    let mac = Mac::new();
    // A new item opens the keychain without leave to ask for its password.
    set("a", "value", false).unwrap();
    mac.lock(true);
    mac.answer(&["allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), ["unlock"]);
    set("b", "value", false).unwrap();
    mac.lock(true);
    mac.answer(&["allow"]);
    assert_eq!(set("a", "second", true), Ok(()));
    assert_eq!(mac.take_prompts(), ["unlock"]);
}

#[test]
fn a_call_that_may_ask_does_not_let_later_ones_ask() {
    let mac = Mac::new();
    mac.change(|world| add_keychain(world, OTHER));
    for path in [LOGIN, OTHER] {
        mac.change(|world| world["default"] = json!(path));
        let name = if path == LOGIN { "in login" } else { "in other" };
        set(name, "value", true).unwrap();
        get(name, true).unwrap();
    }
    mac.change(|world| world["default"] = json!(LOGIN));
    for index in [0, 1] {
        mac.change(|world| world["keychains"][index]["locked"] = json!(true));
    }
    for name in ["in login", "in other"] {
        assert_eq!(code(get(name, false)), Code::InteractionNotAllowed, "{name}");
        assert_eq!(code(set(name, "second", false)), Code::InteractionNotAllowed, "{name}");
    }
    // Only the keychain of the item matters.
    mac.change(|world| world["keychains"][1]["locked"] = json!(false));
    assert_eq!(get("in other", false).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn without_a_default_keychain_each_call_says_so() {
    for missing in ["default", "file", "damaged"] {
        for interactive in [true, false] {
            let mac = Mac::new();
            mac.change(|world| match missing {
                "default" => {
                    world["default"] = json!(null);
                    world["keychains"] = json!([]);
                }
                "file" => world["keychains"] = json!([{ "path": LOGIN, "missing": true }]),
                _ => world["keychains"] = json!([{ "path": LOGIN, "damaged": true }]),
            });
            let reasons = [
                get("a", interactive).map(drop),
                set("a", "value", interactive),
                delete("a", interactive).map(drop),
                has("a").map(drop),
                list().map(drop),
            ]
            .map(|outcome| outcome.expect_err("there is no keychain").reason());
            assert_eq!(reasons, [Reason::NoKeychain; 5], "{missing} {interactive}");
            // The system's own dialogue, which offers to make a new keychain, is not shown.
            assert_eq!(mac.take_prompts(), [""; 0]);
        }
    }
}

#[test]
fn the_first_keychain_of_the_list_wins() {
    let mac = Mac::new();
    mac.change(|world| {
        add_keychain(world, OTHER);
        world["default"] = json!(OTHER);
    });
    set("a", "of other", true).unwrap();
    mac.change(|world| world["default"] = json!(LOGIN));
    // The item of the other keychain is no duplicate.
    set("a", "of login", true).unwrap();
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of login"));
    assert_eq!(list().unwrap(), ["a"]);
    // What cannot be read is left out.
    mac.change(|world| world["keychains"][0]["damaged"] = json!(true));
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of other"));
    mac.change(|world| world["keychains"][0]["damaged"] = json!(false));
    assert_eq!(delete("a", true), Ok(true));
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of other"));
    assert_eq!(delete("a", true), Ok(true));
    assert_eq!(get("a", true), Ok(None));
}

#[test]
fn a_directory_that_cannot_be_written_is_named_as_the_reason() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.change(|world| world["keychains"][0]["read_only"] = json!(true));
    for outcome in [set("a", "second", true), set("new", "value", true), delete("a", true).map(drop)] {
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::AccessDenied, Reason::Denied));
        assert!(error.to_string().contains("cannot be written"), "{error}");
    }
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
}

#[test]
fn without_a_desktop_a_call_that_must_ask_is_refused() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.change(|world| world["desktop"] = json!(false));
    mac.lock(true);
    assert_eq!(code(get("a", true)), Code::InteractionNotAllowed);
    assert_eq!(code(set("a", "second", true)), Code::InteractionNotAllowed);
    assert_eq!(mac.take_prompts(), [""; 0]);
}
