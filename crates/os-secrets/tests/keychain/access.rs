//! Items of other executables: what each call costs the user, and what becomes of the item.

use os_secrets::{error::Code, store::SetOptions};
use serde_json::json;

use crate::support::*;

#[test]
fn reading_asks_until_it_is_allowed_for_ever() {
    let mac = Mac::with_item_of_bun();
    // Two prompts: for the executable, and for its team.
    mac.answer(&["allow", "allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), ["application", "partition"]);
    mac.answer(&["always-allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), ["application"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(get("a", false).unwrap().as_deref(), Some("of Bun"));
    mac.run_as(BUN);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn a_denied_prompt_is_an_error_and_asked_again() {
    let mac = Mac::with_item_of_bun();
    for (answer, expected) in [("cancel", Code::UserCanceled), ("deny", Code::AuthFailed)] {
        mac.answer(&[answer]);
        assert_eq!(code(get("a", true)), expected);
        assert_eq!(mac.take_prompts(), ["application"]);
    }
    mac.answer(&["allow", "cancel"]);
    assert_eq!(code(get("a", true)), Code::UserCanceled);
    assert_eq!(mac.take_prompts(), ["application", "partition"]);
}

#[test]
fn a_silent_call_asks_nobody() {
    let mac = Mac::with_item_of_bun();
    assert_eq!(code(get("a", false)), Code::InteractionNotAllowed);
    assert_eq!(has("a"), Ok(true));
    assert_eq!(list().unwrap(), ["a"]);
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn another_executables_item_is_deleted_without_a_question() {
    for interactive in [true, false] {
        let mac = Mac::with_item_of_bun();
        assert_eq!(delete("a", interactive), Ok(true));
        assert_eq!(delete("a", interactive), Ok(false));
        mac.run_as(BUN);
        set("a", "of Bun", true).unwrap();
        mac.run_as(NODE);
        assert_eq!(set("a", "", interactive), Ok(()));
        assert!(mac.item("a").is_none());
        assert_eq!(mac.take_prompts(), [""; 0]);
    }
}

#[test]
fn another_executables_item_is_updated_in_place() {
    for interactive in [true, false] {
        let mac = Mac::with_item_of_bun();
        assert_eq!(set("a", "of Node", interactive), Ok(()));
        assert_eq!(mac.take_prompts(), [""; 0]);
        let item = mac.item("a").unwrap();
        assert_eq!(item["data"], "of Node");
        assert_eq!(item["applications"], json!([BUN]));
        assert_eq!(item["partitions"], json!(["teamid:NODE"]));
        // Each of both is asked once.
        mac.answer(&["always-allow"]);
        assert_eq!(get("a", true).unwrap().as_deref(), Some("of Node"));
        assert_eq!(mac.take_prompts(), ["application"]);
        mac.run_as(BUN);
        mac.answer(&["always-allow"]);
        assert_eq!(get("a", true).unwrap().as_deref(), Some("of Node"));
        assert_eq!(mac.take_prompts(), ["partition"]);
        for executable in [NODE, BUN] {
            mac.run_as(executable);
            assert_eq!(get("a", true).unwrap().as_deref(), Some("of Node"));
        }
        assert_eq!(mac.take_prompts(), [""; 0]);
    }
}

#[test]
fn an_item_for_every_application_is_still_asked_about_across_teams() {
    let mac = Mac::new();
    let open = SetOptions { unrestricted: true, ..SetOptions::default() };
    set_with("open", "value", open, true).unwrap();
    mac.run_as_signed("/usr/local/bin/another", of_team("another", "NODE"));
    assert_eq!(get("open", false).unwrap().as_deref(), Some("value"));
    mac.run_as(BUN);
    assert_eq!(code(get("open", false)), Code::InteractionNotAllowed);
    mac.answer(&["always-allow"]);
    assert_eq!(get("open", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), ["partition"]);
    assert_eq!(get("open", false).unwrap().as_deref(), Some("value"));
}

#[test]
fn an_update_of_an_ad_hoc_signed_executable_loses_its_access() {
    let mac = Mac::new();
    // The system tells such an executable by its contents: after an update, it is another one.
    let [before, after] =
        ["/opt/homebrew/Cellar/node/24.1/bin/node", "/opt/homebrew/Cellar/node/24.2/bin/node"];
    mac.run_as(before);
    set("a", "value", true).unwrap();
    mac.run_as(after);
    assert_eq!(code(get("a", false)), Code::InteractionNotAllowed);
    assert_eq!(delete("a", false), Ok(true));
}

#[test]
fn a_team_signed_executable_keeps_its_access_when_it_is_updated_or_moved() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.run_as_signed("/Users/me/.nvm/versions/node/v26/bin/node", of_team("node", "NODE"));
    assert_eq!(get("a", false).unwrap().as_deref(), Some("value"));
    // Another program of the same team is asked about, but need not be in another partition.
    mac.run_as_signed("/usr/local/bin/another", of_team("another", "NODE"));
    assert_eq!(code(get("a", false)), Code::InteractionNotAllowed);
    mac.answer(&["allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), ["application"]);
}

#[test]
fn executables_without_a_signature_share_a_partition() {
    let mac = Mac::new();
    mac.run_as_signed("/usr/local/bin/one", json!("unsigned"));
    set("own", "value", true).unwrap();
    set_with("open", "value", SetOptions { unrestricted: true, ..SetOptions::default() }, true).unwrap();
    mac.run_as_signed("/usr/local/bin/other", json!("unsigned"));
    assert_eq!(get("open", false).unwrap().as_deref(), Some("value"));
    mac.answer(&["allow"]);
    assert_eq!(get("own", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), ["application"]);
}

#[test]
fn a_wrong_password_is_asked_for_again() {
    let mac = Mac::with_item_of_bun();
    mac.answer(&["wrong-password", "wrong-password", "always-allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), ["application"; 3]);
    mac.lock(true);
    mac.answer(&["wrong-password", "allow"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("of Bun"));
    assert_eq!(mac.take_prompts(), ["unlock"; 2]);
}

#[test]
fn a_denied_or_canceled_password_is_an_error() {
    for (answer, expected) in [("deny", Code::AuthFailed), ("cancel", Code::UserCanceled)] {
        let mac = Mac::with_item_of_bun();
        mac.answer(&["wrong-password", answer]);
        assert_eq!(code(get("a", true)), expected);
        assert_eq!(mac.take_prompts(), ["application"; 2]);
        mac.lock(true);
        mac.answer(&[answer]);
        assert_eq!(code(set("a", "second", true)), expected);
        assert_eq!(mac.take_prompts(), ["unlock"]);
        assert_eq!(mac.item("a").unwrap()["data"], "of Bun");
    }
}
