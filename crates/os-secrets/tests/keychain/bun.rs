//! The calls that `Bun.secrets` makes on macOS, beside ours.

use core_foundation::{
    base::{CFType, CFTypeRef, OSStatus, TCFType},
    boolean::CFBoolean,
    data::CFData,
    dictionary::{CFDictionaryRef, CFMutableDictionary},
    string::{CFString, CFStringRef},
};
use os_secrets::error::Error;
use serde_json::Value;

use crate::support::*;

const DUPLICATE: OSStatus = -25299;
const NOT_FOUND: OSStatus = -25300;
const INVALID_OWNER_EDIT: OSStatus = -25244;

unsafe extern "C" {
    static kSecClass: CFStringRef;
    static kSecClassGenericPassword: CFStringRef;
    static kSecAttrService: CFStringRef;
    static kSecAttrAccount: CFStringRef;
    static kSecValueData: CFStringRef;
    static kSecReturnData: CFStringRef;

    fn SecItemAdd(attributes: CFDictionaryRef, result: *mut CFTypeRef) -> OSStatus;
    fn SecItemCopyMatching(query: CFDictionaryRef, result: *mut CFTypeRef) -> OSStatus;
    fn SecItemUpdate(query: CFDictionaryRef, change: CFDictionaryRef) -> OSStatus;
    fn SecItemDelete(query: CFDictionaryRef) -> OSStatus;
}

type Query = CFMutableDictionary<CFString, CFType>;

fn put(query: &mut Query, key: CFStringRef, value: CFType) {
    // SAFETY: the keys are constants of the framework.
    query.set(unsafe { CFString::wrap_under_get_rule(key) }, value);
}

fn query_of(name: &str) -> Query {
    let mut query = Query::new();
    // SAFETY: these are constants of the framework.
    unsafe {
        let class = CFString::wrap_under_get_rule(kSecClassGenericPassword);
        put(&mut query, kSecClass, class.into_CFType());
        put(&mut query, kSecAttrAccount, CFString::new(name).into_CFType());
        put(&mut query, kSecAttrService, CFString::new(SERVICE).into_CFType());
    }
    query
}

/// What an operation gives: a value, whether something was there, or a result of the framework.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    Value(Option<String>),
    Done(bool),
    Failed(OSStatus),
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    Set(u32),
    Delete,
    Lock,
}

/// Does what Bun does.
fn run_as_bun(operation: Operation, name: &str) -> Outcome {
    let mut query = query_of(name);
    // SAFETY: the dictionaries are live, the results can be written, and data was copied for us.
    unsafe {
        match operation {
            Operation::Get => {
                put(&mut query, kSecReturnData, CFBoolean::true_value().into_CFType());
                let mut found = std::ptr::null();
                match SecItemCopyMatching(query.as_concrete_TypeRef().cast_const(), &mut found) {
                    0 => {
                        let mut data: CFData = CFData::wrap_under_create_rule(found.cast());
                        let value = String::from_utf8(data.bytes().to_vec()).unwrap();
                        wipe(&mut data);
                        Outcome::Value(Some(value))
                    }
                    NOT_FOUND => Outcome::Value(None),
                    status => Outcome::Failed(status),
                }
            }
            Operation::Set(number) => {
                let mut data = CFData::from_buffer(number.to_string().as_bytes());
                put(&mut query, kSecValueData, data.as_CFType());
                let mut status = SecItemAdd(query.as_concrete_TypeRef().cast_const(), std::ptr::null_mut());
                if status == DUPLICATE {
                    let mut change = Query::new();
                    put(&mut change, kSecValueData, data.as_CFType());
                    let change = change.as_concrete_TypeRef().cast_const();
                    status = SecItemUpdate(query.as_concrete_TypeRef().cast_const(), change);
                }
                wipe(&mut data);
                if status == 0 { Outcome::Done(true) } else { Outcome::Failed(status) }
            }
            Operation::Delete => match SecItemDelete(query.as_concrete_TypeRef().cast_const()) {
                0 => Outcome::Done(true),
                NOT_FOUND => Outcome::Done(false),
                status => Outcome::Failed(status),
            },
            Operation::Lock => Outcome::Done(true),
        }
    }
}

/// Overwrites a value, as the model demands. Bun does not.
unsafe fn wipe(data: &mut CFData) {
    // SAFETY: the bytes are the data's own.
    unsafe { std::slice::from_raw_parts_mut(data.bytes().as_ptr().cast_mut(), data.len() as usize).fill(0) };
}

/// Does the same with our store.
fn run_as_ours(operation: Operation, name: &str) -> Outcome {
    let failed = |error: Error| match error {
        Error::Keychain { status, .. } => Outcome::Failed(status),
        error => panic!("{error:?}"),
    };
    match operation {
        Operation::Get => get(name, true).map_or_else(failed, Outcome::Value),
        Operation::Set(number) => {
            set(name, &number.to_string(), true).map_or_else(failed, |()| Outcome::Done(true))
        }
        Operation::Delete => delete(name, true).map_or_else(failed, Outcome::Done),
        Operation::Lock => Outcome::Done(true),
    }
}

/// The functions of the framework that an operation calls.
fn calls_of<T>(mac: &Mac, run: impl FnOnce() -> T) -> Vec<String> {
    mac.change(|world| world["calls"] = Value::Array(Vec::new()));
    run();
    let calls = mac.world()["calls"].as_array().unwrap().clone();
    mac.change(|world| world["calls"] = Value::Null);
    calls.into_iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// A read of what is there takes the same call. Deletions go by the item, because `SecItemDelete` fails after the runtime's
/// signature has changed. All others also look at the default keychain, so that one that cannot be used is an error.
#[test]
fn an_operation_makes_these_calls() {
    const FIND: &str = "SecItemCopyMatching";
    const LOOK: [&str; 2] = ["SecKeychainCopyDefault", "SecKeychainGetStatus"];
    let mac = Mac::new();
    for (operation, name, ours, buns) in [
        (Operation::Get, "a", vec![FIND, LOOK[0], LOOK[1]], vec![FIND]),
        (Operation::Set(1), "a", vec![LOOK[0], LOOK[1], "SecItemAdd"], vec!["SecItemAdd"]),
        (
            Operation::Set(2),
            "a",
            vec![LOOK[0], LOOK[1], "SecItemAdd", "SecItemUpdate"],
            vec!["SecItemAdd", "SecItemUpdate"],
        ),
        (Operation::Get, "a", vec![FIND], vec![FIND]),
        (Operation::Delete, "a", vec![FIND, "SecKeychainItemDelete"], vec!["SecItemDelete"]),
        (Operation::Delete, "a", vec![FIND, LOOK[0], LOOK[1]], vec!["SecItemDelete"]),
    ] {
        let before = mac.world()["keychains"].clone();
        assert_eq!(calls_of(&mac, || run_as_ours(operation, name)), ours, "{operation:?}");
        mac.change(|world| world["keychains"] = before);
        assert_eq!(calls_of(&mac, || run_as_bun(operation, name)), buns, "{operation:?} by Bun");
    }
    let calls = calls_of(&mac, || assert!(list().unwrap().is_empty()));
    assert_eq!(calls, [FIND, LOOK[0], LOOK[1]]);
}

/// A step of a history: what happened, the prompts, and the items afterwards, without their numbers.
type Step = (Outcome, Vec<String>, Vec<Value>);

/// Random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn items(mac: &Mac) -> Vec<Value> {
    let world = mac.world();
    let items = world["keychains"][0]["items"].as_array().cloned().unwrap_or_default();
    let mut items: Vec<_> = items
        .into_iter()
        .map(|mut item| {
            item.as_object_mut().unwrap().remove("id");
            item
        })
        .collect();
    items.sort_by_key(Value::to_string);
    items
}

/// Runs random operations of two executables.
fn run(seed: u64, run: fn(Operation, &str) -> Outcome) -> Vec<(Operation, Step)> {
    let (mac, mut random) = (Mac::new(), Random(seed));
    let mut steps = Vec::new();
    for number in 0..60 {
        mac.run_as([NODE, BUN][random.below(2) as usize]);
        let name = ["a", "b"][random.below(2) as usize];
        let answer = ["allow", "always-allow", "always-allow", "cancel"][random.below(4) as usize];
        let operation = match random.below(8) {
            0..=2 => Operation::Get,
            3..=5 => Operation::Set(number),
            6 => Operation::Delete,
            _ => Operation::Lock,
        };
        mac.answer(&[answer; 3]);
        match operation {
            Operation::Lock => mac.lock(true),
            // Bun asks for a locked keychain's password to delete, and we do not.
            Operation::Delete => mac.lock(false),
            _ => {}
        }
        let mut outcome = run(operation, name);
        if matches!(operation, Operation::Delete) && outcome == Outcome::Failed(INVALID_OWNER_EDIT) {
            // Bun cannot delete the items of other executables. We can.
            mac.change(|world| {
                let items = world["keychains"][0]["items"].as_array_mut().unwrap();
                items.retain(|item| item["account"] != name);
            });
            outcome = Outcome::Done(true);
        }
        mac.answer(&[]);
        steps.push((operation, (outcome, mac.take_prompts(), items(&mac))));
    }
    steps
}

#[test]
fn outcomes_prompts_and_items_are_those_of_bun() {
    for seed in 1..=40 {
        let (theirs, ours) = (run(seed, run_as_bun), run(seed, run_as_ours));
        for (number, ((operation, expected), (_, step))) in theirs.iter().zip(&ours).enumerate() {
            assert_eq!(step, expected, "seed {seed}, step {number}: {operation:?}");
        }
    }
}
