//! Functions of the framework that fail.

use os_secrets::error::{Code, Error};
use serde_json::json;

use crate::support::*;

/// The results that the store knows, and some that it does not.
const STATUSES: [i32; 21] = [
    -25308, -25315, -25320, -25293, -128, -25243, -25244, -25291, -25292, -25309, -25294, -25295, -25307,
    -61, -34018, -2070, -50, -25304, 100_001, 100_013, 100_028,
];

/// A call that the tests make, and the functions that it needs. Each is called after `a` was stored.
type Case = (&'static str, fn() -> Result<(), Error>, &'static [&'static str]);

const CASES: [Case; 9] = [
    ("get", || get("a", true).map(drop), &["SecItemCopyMatching"]),
    (
        "silent get",
        || get("a", false).map(drop),
        &["SecItemCopyMatching", "SecKeychainItemCopyKeychain", "SecKeychainGetStatus"],
    ),
    (
        "get of what is missing",
        || get("missing", true).map(drop),
        &["SecItemCopyMatching", "SecKeychainCopyDefault", "SecKeychainGetStatus"],
    ),
    (
        "set of an item that exists",
        || set("a", "second", true),
        &["SecKeychainCopyDefault", "SecKeychainGetStatus", "SecItemAdd", "SecItemUpdate"],
    ),
    (
        "silent set",
        || set("new", "value", false),
        &["SecKeychainCopyDefault", "SecKeychainGetStatus", "SecItemCopyMatching", "SecItemAdd"],
    ),
    (
        "set for every application",
        || {
            let options = os_secrets::store::SetOptions { unrestricted: true, ..Default::default() };
            set_with("new", "value", options, true)
        },
        &["SecAccessCreate", "SecACLCopyContents", "SecACLSetContents", "SecItemAdd"],
    ),
    ("delete", || delete("a", true).map(drop), &["SecItemCopyMatching", "SecKeychainItemDelete"]),
    ("has", || has("a").map(drop), &["SecItemCopyMatching"]),
    ("list", || list().map(drop), &["SecItemCopyMatching"]),
];

#[test]
fn each_failure_of_each_function_is_the_calls() {
    let mac = Mac::new();
    for (call, run, functions) in CASES {
        for function in functions {
            for status in STATUSES {
                mac.change(|world| world["failures"] = json!([]));
                set("a", "value", true).unwrap();
                delete("new", true).unwrap();
                mac.change(|world| world["failures"] = json!([{ "function": function, "status": status }]));
                let error = run().expect_err(call);
                let Error::Keychain { status: told, .. } = error else {
                    panic!("{call}, {function}: {error:?}")
                };
                assert_eq!(told, status, "{call}, {function}");
                assert!(
                    error.to_string().contains(&format!("The model's message for {status} (")),
                    "{error}"
                );
            }
        }
    }
    mac.change(|world| world["failures"] = json!([]));
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn without_entries_an_access_control_object_is_refused() {
    let mac = Mac::new();
    mac.change(|world| {
        world["failures"] = json!([{ "function": "SecAccessCopyMatchingACLList", "status": -50 }]);
    });
    let options = os_secrets::store::SetOptions { unrestricted: true, ..Default::default() };
    let error = set_with("new", "value", options, true).unwrap_err();
    assert_eq!(error.code(), Code::PlatformError);
    assert!(mac.item("new").is_none());
}

#[test]
fn what_changes_between_two_calls_is_no_error() {
    let mac = Mac::new();
    // Another program deletes the item after it was found.
    set("a", "value", true).unwrap();
    mac.change(|world| {
        world["failures"] = json!([{ "function": "SecKeychainItemDelete", "status": -25300 }])
    });
    assert_eq!(delete("a", true), Ok(false));
    mac.change(|world| world["failures"] = json!([{ "function": "SecItemUpdate", "status": -25300 }]));
    // The item exists and is not found: it is in a keychain that is not searched.
    assert_eq!(set("a", "second", true).unwrap_err().code(), Code::PlatformError);
    // The system has replaced a damaged item.
    mac.change(|world| world["failures"] = json!([{ "function": "SecItemUpdate", "status": -25299 }]));
    assert_eq!(set("a", "second", true), Ok(()));
}
