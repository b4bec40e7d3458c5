//! What is stored, found, listed and deleted.

use os_secrets::store::SetOptions;
use serde_json::json;

use crate::support::*;

#[test]
fn what_is_stored_is_found() {
    let mac = Mac::new();
    assert_eq!(get("a", true), Ok(None));
    assert_eq!(delete("a", true), Ok(false));
    for value in ["value", "pä€😀", " \n", &"x".repeat(1 << 20)] {
        for interactive in [true, false] {
            assert_eq!(set("a", value, interactive), Ok(()));
            assert_eq!(get("a", interactive).unwrap().as_deref(), Some(value));
        }
    }
    assert_eq!(has("a"), Ok(true));
    assert_eq!(set("b", "other", false), Ok(()));
    assert_eq!(list().unwrap(), ["a", "b"]);
    assert_eq!(delete("a", true), Ok(true));
    assert_eq!(set("b", "", false), Ok(()));
    assert_eq!(set("b", "", false), Ok(()));
    assert_eq!(get("a", true), Ok(None));
    assert_eq!(has("b"), Ok(false));
    assert_eq!(list().unwrap(), [""; 0]);
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn a_new_item_is_the_executables_own() {
    let mac = Mac::new();
    set("own", "value", true).unwrap();
    set_with("open", "value", SetOptions { unrestricted: true, ..SetOptions::default() }, true).unwrap();
    let own = mac.item("own").unwrap();
    assert_eq!(own["service"], SERVICE);
    assert_eq!(own["applications"], json!([NODE]));
    assert_eq!(own["partitions"], json!(["teamid:NODE"]));
    let open = mac.item("open").unwrap();
    assert_eq!(open["applications"], json!(null));
    assert_eq!(open["partitions"], json!(["teamid:NODE"]));
}

#[test]
fn the_items_of_services_with_a_prefix_are_listed_without_asking() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.change(|world| {
        let items = world["keychains"][0]["items"].as_array_mut().unwrap();
        for (number, service) in ["docker:b", "docker:a", "Docker:a", "git:a"].into_iter().enumerate() {
            items.push(json!({ "id": 100 + number, "service": service, "account": "alice" }));
        }
        items.push(json!({ "id": 200, "service": null, "account": "docker:" }));
    });
    assert_eq!(list_by_prefix("docker:").unwrap(), ["docker:a/alice", "docker:b/alice"]);
    assert_eq!(list_by_prefix("none:").unwrap(), [""; 0]);
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn items_whose_attributes_are_no_text_without_nul_are_left_out() {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.change(|world| {
        let items = world["keychains"][0]["items"].as_array_mut().unwrap();
        for (number, account) in [json!(null), json!(""), json!("a\0b"), json!("\0")].into_iter().enumerate()
        {
            items.push(json!({ "id": 100 + number, "service": SERVICE, "account": account }));
        }
        items.push(json!({ "id": 200, "service": null, "account": "a" }));
        items.push(json!({ "id": 201, "service": format!("{SERVICE}\0"), "account": "b" }));
    });
    assert_eq!(list().unwrap(), ["a"]);
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(has("b"), Ok(false));
    assert_eq!(delete("a", true), Ok(true));
    assert_eq!(list().unwrap(), [""; 0]);
}
