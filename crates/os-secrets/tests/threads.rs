//! A system that gives no more threads. This test is a program of its own, because it lowers the limits of its process.
#![cfg(target_os = "linux")]

use std::{
    fs,
    sync::{Arc, mpsc},
    thread,
};

use age::secrecy::ExposeSecret;
use os_secrets::{
    bounds::Bounds,
    credential::{Key, Secret},
    error::Error,
    executor::{Lane, block_on},
    file::make_directory,
    progress::Progress,
    store::{
        SetOptions, Store,
        file::{Defaults, FileOptions, FileStore, keys::Unlock},
        settings_file::SettingsFile,
    },
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Less than the stack of a thread, and more than everything else here needs.
const ROOM: u64 = 1 << 20;

/// The process's address space, in bytes.
fn in_use() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    size.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// Does something while no thread can be started.
fn without_threads<T>(work: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::As);
    setrlimit(Resource::As, Rlimit { current: Some(in_use() + ROOM), maximum: before.maximum }).unwrap();
    let done = work();
    setrlimit(Resource::As, before).unwrap();
    done
}

/// Blocks a thread of the pool until the sender goes away, and returns when that has begun.
fn block_in_lane(ended: mpsc::Receiver<()>) -> thread::JoinHandle<Result<(), Error>> {
    let (begin, begun) = mpsc::channel();
    let call = async move {
        let work = move || {
            begin.send(()).unwrap();
            let _ = ended.recv();
            Ok(())
        };
        Lane::new(1).run(work).await
    };
    let blocked = thread::spawn(|| block_on(call).unwrap());
    begun.recv().unwrap();
    blocked
}

// One test: threads that were started once are used by whatever comes next.
#[test]
fn a_call_that_gets_no_thread_fails_alone() {
    let folder = std::env::temp_dir().join(format!("os-secrets-threads-{:016x}", getrandom::u64().unwrap()));
    make_directory(&folder).unwrap();
    let identity = age::x25519::Identity::generate().to_string();
    let unlock = Unlock::Identity(Secret::new(identity.expose_secret().as_bytes().to_vec()));
    let options = FileOptions {
        path: Some(folder.join("secrets.age")),
        unlock: Some(unlock),
        ..FileOptions::default()
    };
    let store = Arc::new(FileStore::new(options, Defaults::read(&|_: &str| None, &SettingsFile::none())));
    let set = || {
        let store = Arc::clone(&store);
        block_on(async move {
            let key = Key { service: "service".into(), name: "name".into() };
            let (value, progress) = (Secret::new(b"value".to_vec()), Progress::changing(true));
            Bounds::default().run(&progress, store.set(&key, &value, SetOptions::default(), &progress)).await
        })
    };
    // Starts the executor's thread.
    block_on(async {}).unwrap();

    let (refused, unwritten) =
        without_threads(|| (block_on(async { Lane::new(1).run(|| Ok(())).await }), set()));
    for error in [refused.unwrap().unwrap_err(), unwritten.unwrap().unwrap_err()] {
        // The error does not say that a change may have been made.
        let Error::Internal(why) = error else { panic!("{error}") };
        assert!(why.starts_with("no thread can be started for it: "), "{why}");
    }
    assert_eq!(block_on(async { Lane::new(1).run(|| Ok("later")).await }).unwrap(), Ok("later"));
    assert_eq!(set().unwrap(), Ok(()));

    // Nor does a call wait for threads that may never be free again. There are fewer of them than there is work here.
    let (ends, work): (Vec<_>, Vec<_>) = (0..8).map(|_| mpsc::channel::<()>()).unzip();
    let blocked: Vec<_> = work.into_iter().map(block_in_lane).collect();
    let refused = without_threads(|| block_on(async { Lane::new(1).run(|| Ok(())).await }));
    let Err(Error::Internal(why)) = refused.unwrap() else { panic!("it has found a thread") };
    assert!(why.starts_with("no thread can be started for it: "), "{why}");
    drop(ends);
    for outcome in blocked {
        outcome.join().unwrap().unwrap();
    }
    assert_eq!(block_on(async { Lane::new(1).run(|| Ok("later")).await }).unwrap(), Ok("later"));
    fs::remove_dir_all(folder).unwrap();
}
