//! Disks that do not answer. They must not delay stores on other disks, even after many calls were given up, and every
//! deadline must hold.

#![cfg(target_os = "linux")]

use std::{
    fs,
    future::Future,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use age::{secrecy::ExposeSecret, x25519};
use os_secrets::{
    bounds::Bounds,
    credential::{Key, Secret},
    error::Error,
    file::make_directory,
    progress::Progress,
    scope::{Name, Repository, Scope, Scopes, User},
    store::{
        Choice, SetOptions, Store,
        exec::{ExecOptions, ExecStore},
        file::{Defaults, FileOptions, FileStore, keys::Unlock},
        memory::MemoryStore,
        settings_file::SettingsFile,
    },
};
use tokio::time::timeout;

/// More than there are threads for work that blocks.
const MANY: usize = 40;
/// A call that takes longer counts as delayed.
const PROMPTLY: Duration = Duration::from_secs(10);

/// A helper that answers every get and stores nothing.
const HELPER: &str = "#!/bin/sh\ncat > /dev/null; echo '{\"Username\":\"name\",\"Secret\":\"value\"}'\n";

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("os-secrets-stuck-{:016x}", getrandom::u64().unwrap()));
        make_directory(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Blocks every attempt to open a file, like a disk that does not answer: another process has a lease on it, and does
/// not release it.
struct Stuck(Child);

impl Stuck {
    fn file(path: &Path) -> Self {
        let script = "import fcntl, os, signal, sys, time\n\
                      signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
                      file = os.open(sys.argv[1], os.O_RDWR)\n\
                      fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
                      print('held', flush=True)\n\
                      time.sleep(600)";
        let mut child = Command::new("python3");
        let mut child = child.args(["-c", script]).arg(path).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(60), test).await.expect("the test hangs") });
}

fn key() -> Key {
    Key { service: "service".into(), name: "name".into() }
}

fn identity() -> String {
    x25519::Identity::generate().to_string().expose_secret().to_owned()
}

fn file_store(path: PathBuf, identity: &str) -> FileStore {
    let unlock = Some(Unlock::Identity(Secret::new(identity.into())));
    FileStore::new(
        FileOptions { path: Some(path), unlock, ..FileOptions::default() },
        Defaults::read(&|_: &str| None, &SettingsFile::none()),
    )
}

fn exec_store(command: PathBuf, timeout: Duration) -> ExecStore {
    let options = ExecOptions { command, env: Vec::new(), timeout: Some(timeout) };
    ExecStore::new(options, vec![("PATH".into(), "/usr/bin:/bin".into())]).unwrap()
}

async fn get(store: &dyn Store) -> Result<Option<Secret>, Error> {
    store.get(&key(), &Progress::reading(true)).await
}

async fn set(store: &dyn Store) -> Result<(), Error> {
    store.set(&key(), &Secret::new(b"value".to_vec()), SetOptions::default(), &Progress::changing(true)).await
}

/// Makes a call, and gives it up while it waits for its disk.
async fn give_up<T: Send>(call: impl Future<Output = Result<T, Error>> + Send) {
    let progress = Progress::reading(true);
    let bounds = Bounds { timeout: Some(Duration::from_millis(20)), canceled: None };
    let outcome = bounds.run(&progress, call).await;
    assert!(matches!(outcome, Err(Error::Timeout { .. })), "{:?}", outcome.map(drop));
}

/// Checks that stores of all kinds on other disks answer.
async fn others_are_served(folder: &Folder) {
    let file = file_store(folder.0.join("good.age"), &identity());
    timeout(PROMPTLY, set(&file)).await.expect("a set in a file is held up").unwrap();
    let value = timeout(PROMPTLY, get(&file)).await.expect("a get from a file is held up");
    assert_eq!(value, Ok(Some(Secret::new(b"value".to_vec()))));
    let helper = exec_store(folder.write("good-helper", HELPER, 0o700), PROMPTLY);
    let value = timeout(2 * PROMPTLY, get(&helper)).await.expect("a helper is held up");
    assert_eq!(value, Ok(Some(Secret::new(b"value".to_vec()))));
    let workspace = folder.0.join("good");
    make_directory(&workspace).unwrap();
    fs::write(workspace.join("datapackage.json"), r#"{"busdk":{"secrets":{"name":"value"}}}"#).unwrap();
    let value = timeout(PROMPTLY, get_named(&scopes(workspace))).await.expect("a repository is held up");
    assert_eq!(value, Ok(Secret::new(b"value".to_vec())));
}

fn scopes(workspace: PathBuf) -> Scopes {
    let user = User::Store(Choice::Own(Arc::new(MemoryStore::default())));
    Scopes { repository: Repository::new(workspace), user }
}

async fn get_named(scopes: &Scopes) -> Result<Secret, Error> {
    let name = Name::parse(b"name").unwrap();
    scopes.get(&name, Scope::Auto, &Arc::new(Progress::reading(true))).await
}

#[test]
fn an_identity_that_cannot_be_read_holds_up_no_other_store() {
    run(async {
        let folder = Folder::new();
        let identity = folder.write("identity", &identity(), 0o600);
        let stuck = Stuck::file(&identity);
        let bad = file_store(folder.0.join("bad.age"), identity.to_str().unwrap());
        give_up(set(&bad)).await;
        // Sets share one writer, so gets must show that a call that was given up keeps its place until its thread is free.
        // Otherwise these would take all threads.
        for _ in 0..MANY {
            give_up(get(&bad)).await;
        }
        others_are_served(&folder).await;
        drop(stuck);
        // The calls that were given up may have begun or not.
        timeout(PROMPTLY, set(&bad)).await.expect("the disk answers again").unwrap();
    });
}

#[test]
fn an_identity_that_cannot_be_read_holds_up_no_other_store_of_its_file() {
    run(async {
        let folder = Folder::new();
        let text = identity();
        let path = folder.0.join("secrets.age");
        let identity = folder.write("identity", &text, 0o600);
        let stuck = Stuck::file(&identity);
        let bad = file_store(path.clone(), identity.to_str().unwrap());
        give_up(get(&bad)).await;
        give_up(set(&bad)).await;
        let good = file_store(path, &text);
        timeout(PROMPTLY, set(&good)).await.expect("a set is held up by another store's identity").unwrap();
        let value =
            timeout(PROMPTLY, get(&good)).await.expect("a get is held up by another store's identity");
        assert_eq!(value, Ok(Some(Secret::new(b"value".to_vec()))));
        drop(stuck);
    });
}

/// The store's deadline begins before the program is started, because starting it may take for ever.
#[test]
fn a_program_that_cannot_be_started_holds_up_nobody() {
    run(async {
        let folder = Folder::new();
        let command = folder.write("bad-helper", HELPER, 0o700);
        let stuck = Stuck::file(&command);
        let bad = exec_store(command, Duration::from_millis(50));
        for _ in 0..MANY {
            let late = timeout(PROMPTLY, get(&bad)).await.expect("the deadline of a program holds");
            assert!(matches!(late, Err(Error::Timeout { at: Some("get"), .. })), "{late:?}");
        }
        others_are_served(&folder).await;
        drop(stuck);
    });
}
