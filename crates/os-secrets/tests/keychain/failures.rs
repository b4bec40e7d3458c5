//! Functions of the framework that fail.

use os_secrets::{
    error::{Code, Error, Reason},
    store::SetOptions,
};
use serde_json::json;

use crate::support::*;

/// The results that docs/macos.md names, and some that it does not. Each has a code and a reason.
const STATUSES: [(i32, Code, Reason); 22] = [
    (-25308, Code::InteractionNotAllowed, Reason::Locked),
    (-25315, Code::InteractionRequired, Reason::Locked),
    (-25320, Code::InteractionRequired, Reason::Locked),
    (AUTH_FAILED, Code::AuthFailed, Reason::WrongKey),
    (-128, Code::UserCanceled, Reason::Dismissed),
    (-25243, Code::AccessDenied, Reason::Denied),
    (-25244, Code::AccessDenied, Reason::Denied),
    (-25292, Code::AccessDenied, Reason::Denied),
    (-25309, Code::AccessDenied, Reason::Denied),
    (-61, Code::AccessDenied, Reason::Denied),
    (-34018, Code::AccessDenied, Reason::Denied),
    (100_001, Code::AccessDenied, Reason::Denied),
    (100_013, Code::AccessDenied, Reason::Denied),
    (100_030, Code::AccessDenied, Reason::Denied),
    (-25291, Code::AccessDenied, Reason::NoSession),
    (-25294, Code::PlatformError, Reason::NoKeychain),
    (-25295, Code::PlatformError, Reason::NoKeychain),
    (-25307, Code::PlatformError, Reason::NoKeychain),
    (-2070, Code::PlatformError, Reason::Failed),
    (-50, Code::PlatformError, Reason::Failed),
    (-25304, Code::PlatformError, Reason::Failed),
    (100_028, Code::PlatformError, Reason::Failed),
];

/// In a call that must not ask, this becomes another result.
const AUTH_FAILED: i32 = -25293;

/// A call that the tests make, and the functions that it needs. Each is called after `a` was stored.
struct Case {
    name: &'static str,
    interactive: bool,
    /// Makes the call. The parameter says whether it may ask.
    run: fn(bool) -> Result<(), Error>,
    functions: &'static [&'static str],
}

const fn case(
    name: &'static str,
    interactive: bool,
    run: fn(bool) -> Result<(), Error>,
    functions: &'static [&'static str],
) -> Case {
    Case { name, interactive, run, functions }
}

const FIND: &str = "SecItemCopyMatching";
const DEFAULT: &str = "SecKeychainCopyDefault";
const STATE: &str = "SecKeychainGetStatus";
const KEYCHAIN: &str = "SecKeychainItemCopyKeychain";

const CASES: [Case; 17] = [
    case("get", true, |ask| get("a", ask).map(drop), &[FIND]),
    case("silent get", false, |ask| get("a", ask).map(drop), &[FIND, KEYCHAIN, STATE]),
    case("get of nothing", true, |ask| get("missing", ask).map(drop), &[FIND, DEFAULT, STATE]),
    case("silent get of nothing", false, |ask| get("missing", ask).map(drop), &[FIND, DEFAULT, STATE]),
    case("set", true, |ask| set("new", "value", ask), &[DEFAULT, STATE, "SecItemAdd"]),
    case("silent set", false, |ask| set("new", "value", ask), &[DEFAULT, STATE, FIND, "SecItemAdd"]),
    case("replacement", true, |ask| set("a", "x", ask), &[DEFAULT, STATE, "SecItemAdd", "SecItemUpdate"]),
    case(
        "silent replacement",
        false,
        |ask| set("a", "x", ask),
        &[DEFAULT, STATE, FIND, KEYCHAIN, "SecItemAdd", "SecItemUpdate"],
    ),
    case(
        "set for every application",
        true,
        |ask| set_with("new", "value", SetOptions { unrestricted: true, ..Default::default() }, ask),
        &["SecAccessCreate", "SecACLCopyContents", "SecACLSetContents", "SecItemAdd"],
    ),
    case("delete", true, |ask| delete("a", ask).map(drop), &[FIND, "SecKeychainItemDelete"]),
    case("silent delete", false, |ask| delete("a", ask).map(drop), &[FIND, "SecKeychainItemDelete"]),
    case("delete of nothing", true, |ask| delete("missing", ask).map(drop), &[FIND, DEFAULT, STATE]),
    case("has", true, |_| has("a").map(drop), &[FIND]),
    case("has of nothing", true, |_| has("missing").map(drop), &[FIND, DEFAULT, STATE]),
    case("list", true, |_| list().map(drop), &[FIND]),
    case("state of the keychain", true, |_| diagnose().state.map(drop), &[DEFAULT, STATE]),
    case("path of the keychain", true, |_| diagnose().keychain.map(drop), &[DEFAULT, "SecKeychainGetPath"]),
];

#[test]
fn a_failure_of_any_function_is_the_failure_of_the_call() {
    let mac = Mac::new();
    for Case { name, interactive, run, functions } in CASES {
        for function in functions {
            for (status, code, reason) in STATUSES {
                mac.change(|world| world["failures"] = json!([]));
                set("a", "value", true).unwrap();
                delete("new", true).unwrap();
                mac.change(|world| world["failures"] = json!([{ "function": function, "status": status }]));
                let error = run(interactive).expect_err(name);
                let (status, code, reason) = match (status, interactive) {
                    (AUTH_FAILED, false) => (-25308, Code::InteractionNotAllowed, Reason::Locked),
                    _ => (status, code, reason),
                };
                assert_eq!((error.code(), error.reason()), (code, reason), "{name}, {function}: {error}");
                let shown = format!(
                    "Keychain failed at {function}: The model's message for {status} (OSStatus {status}). "
                );
                assert!(error.to_string().starts_with(&shown), "{name}: {error}");
            }
        }
    }
    mac.change(|world| world["failures"] = json!([]));
    assert_eq!(get("a", true).unwrap().as_deref(), Some("value"));
    assert_eq!(mac.take_prompts(), [""; 0]);
}

#[test]
fn a_session_that_cannot_be_examined_has_no_desktop() {
    let mac = Mac::new();
    assert!(diagnose().has_desktop);
    mac.change(|world| world["failures"] = json!([{ "function": "SessionGetInfo", "status": -60500 }]));
    assert!(!diagnose().has_desktop);
}

#[test]
fn without_entries_an_access_control_object_is_refused() {
    let mac = Mac::new();
    mac.change(|world| {
        world["failures"] = json!([{ "function": "SecAccessCopyMatchingACLList", "status": -50 }]);
    });
    let options = SetOptions { unrestricted: true, ..Default::default() };
    let error = set_with("new", "value", options, true).unwrap_err();
    assert_eq!(error.code(), Code::PlatformError);
    assert!(mac.item("new").is_none());
}

/// A Mac with the item `a`, on which a function fails.
fn mac_with_failure(function: &str, status: i32) -> Mac {
    let mac = Mac::new();
    set("a", "value", true).unwrap();
    mac.change(|world| world["failures"] = json!([{ "function": function, "status": status }]));
    mac
}

#[test]
fn an_item_that_another_program_deletes_meanwhile_is_absent() {
    let _mac = mac_with_failure("SecKeychainItemDelete", -25300);
    assert_eq!(delete("a", true), Ok(false));
}

#[test]
fn an_item_that_exists_and_is_not_found_cannot_be_replaced() {
    // It is in a keychain that is not searched.
    let _mac = mac_with_failure("SecItemUpdate", -25300);
    assert_eq!(set("a", "second", true).unwrap_err().code(), Code::PlatformError);
}

#[test]
fn a_damaged_item_that_the_system_replaces_is_replaced() {
    let _mac = mac_with_failure("SecItemUpdate", -25299);
    assert_eq!(set("a", "second", true), Ok(()));
}
