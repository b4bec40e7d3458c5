//! Nothing leaks.

use std::fs;

use crate::support::*;

/// The memory of the process, in pages.
fn pages() -> u64 {
    let sizes = fs::read_to_string("/proc/self/statm").unwrap();
    sizes.split(' ').nth(1).unwrap().parse().unwrap()
}

fn work(mac: &Mac, rounds: usize) {
    let value = "y".repeat(1000);
    for round in 0..rounds {
        set("a", &value, true).unwrap();
        assert_eq!(get("a", round % 2 == 0).unwrap().as_deref(), Some(value.as_str()));
        assert_eq!(get("missing", true), Ok(None));
        assert_eq!(list().unwrap(), ["a"]);
        if round % 50 == 0 {
            assert_eq!(delete("a", true), Ok(true));
            mac.check_objects();
        }
    }
    mac.check_objects();
}

#[test]
fn ten_thousand_calls_leak_nothing() {
    let mac = Mac::new();
    work(&mac, 500);
    let before = pages();
    work(&mac, 2500);
    let after = pages();
    // Two pages for each hundred calls would be a leak of 80 bytes a call.
    assert!(after < before + 200, "{before} pages before, {after} after");
}
