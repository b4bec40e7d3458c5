//! Where the system gives no more threads. By itself, because it changes what its process may have.
#![cfg(target_os = "linux")]

use std::fs;

use os_secrets::{
    error::Error,
    executor::{block_on, blocking},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Less than the stack of a thread, and more than all else here takes.
const ROOM: u64 = 1 << 20;

/// The process's address space, in bytes.
fn in_use() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    size.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_call_that_gets_no_thread_fails_alone() {
    // That of the connections is there.
    block_on(async {}).unwrap();
    let before = getrlimit(Resource::As);
    setrlimit(Resource::As, Rlimit { current: Some(in_use() + ROOM), maximum: before.maximum }).unwrap();
    let refused = block_on(blocking(|| Ok(())));
    setrlimit(Resource::As, before).unwrap();

    let Error::Internal(why) = refused.unwrap().unwrap_err() else { panic!("another error") };
    assert!(why.starts_with("no thread can be started for it: "), "{why}");
    assert_eq!(block_on(blocking(|| Ok("later"))).unwrap(), Ok("later"));
}
