//! The Mac of a test.

use std::{
    env,
    ffi::{CString, c_char},
    fs::{self, File},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    executor::block_on,
    progress::Progress,
    store::{self, OsStore, SetOptions, Store, macos::diagnosis::Diagnosis},
};
use serde_json::{Value, json};

/// The model is one for the whole process, so tests run one after another.
static TURN: Mutex<()> = Mutex::new(());

/// The executables of the tests, each of another team.
pub const NODE: &str = "/opt/node/bin/node";
/// Another executable.
pub const BUN: &str = "/Users/me/.bun/bin/bun";

/// The path of the login keychain.
pub const LOGIN: &str = "/Users/me/Library/Keychains/login.keychain-db";

/// The path of another keychain, which is not there unless a test adds it.
pub const OTHER: &str = "/Users/me/Library/Keychains/other.keychain-db";

/// The service of the tests' items.
pub const SERVICE: &str = "my-cli ä";

unsafe extern "C" {
    fn keychain_model_become(path: *const c_char);
    fn keychain_model_close_handles();
    fn keychain_model_check_objects() -> usize;
}

/// A Mac with an empty login keychain. When the test ends, every object that the store and the framework have passed to
/// each other must have been released, and every value overwritten.
pub struct Mac {
    _turn: MutexGuard<'static, ()>,
}

impl Mac {
    /// A new Mac, on which the test is run by Node.
    pub fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mac = Self { _turn: turn };
        let _ = fs::remove_file(world_path());
        // SAFETY: no call is running.
        unsafe {
            keychain_model_close_handles();
            keychain_model_check_objects();
        }
        mac.run_as(NODE);
        mac.change(|world| {
            world["keychains"] = json!([{ "path": LOGIN }]);
            world["executables"] = json!({ NODE: of_team("node", "NODE"), BUN: of_team("bun", "BUN") });
        });
        mac
    }

    /// A Mac with the item `a`, which Bun has stored. The test is run by Node.
    pub fn with_item_of_bun() -> Self {
        let mac = Self::new();
        mac.run_as(BUN);
        set("a", "of Bun", true).unwrap();
        mac.run_as(NODE);
        mac
    }

    /// Makes the test's process another executable, which has a signature.
    pub fn run_as_signed(&self, executable: &str, signature: Value) {
        self.change(|world| world["executables"][executable] = signature);
        self.run_as(executable);
    }

    /// Makes the test's process another executable.
    pub fn run_as(&self, executable: &str) {
        let path = CString::new(executable).unwrap();
        // SAFETY: it is a C string.
        unsafe { keychain_model_become(path.as_ptr()) };
    }

    /// The state of the model.
    pub fn world(&self) -> Value {
        match fs::read(world_path()) {
            Ok(text) => serde_json::from_slice(&text).unwrap(),
            Err(_) => json!({}),
        }
    }

    /// Changes the state of the model. Calls may be running.
    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        let lock = File::create(world_path().with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let mut world = self.world();
        change(&mut world);
        let new = world_path().with_extension("new");
        fs::write(&new, world.to_string()).unwrap();
        fs::rename(&new, world_path()).unwrap();
    }

    /// Lets the user answer the next prompts.
    pub fn answer(&self, answers: &[&str]) {
        self.change(|world| world["answers"] = json!(answers));
    }

    /// The kinds of the prompts since the last call of this function. All answers must have been used.
    pub fn take_prompts(&self) -> Vec<String> {
        let world = self.world();
        assert_eq!(world["answers"].as_array().map_or(0, Vec::len), 0, "each answer had its prompt");
        let prompts = world["prompts"].as_array().into_iter().flatten();
        let kinds = prompts.map(|prompt| prompt["kind"].as_str().unwrap().to_owned()).collect();
        self.change(|world| world["prompts"] = json!([]));
        kinds
    }

    /// The item of a name, as the model has it.
    pub fn item(&self, name: &str) -> Option<Value> {
        let world = self.world();
        let keychains = world["keychains"].as_array().into_iter().flatten();
        let mut items =
            keychains.flat_map(|keychain| keychain["items"].as_array().into_iter().flatten().cloned());
        items.find(|item| item["account"] == name)
    }

    /// Checks the objects that have been passed so far. No call may be running.
    pub fn check_objects(&self) {
        // SAFETY: no call is running.
        let faults = unsafe { keychain_model_check_objects() };
        assert_eq!(faults, 0, "all objects were released, and all values overwritten");
    }

    /// Closes the process's keychains, as the system does after some time without a call.
    pub fn close_handles(&self) {
        // SAFETY: there are no preconditions.
        unsafe { keychain_model_close_handles() };
    }

    /// Locks or unlocks the login keychain.
    pub fn lock(&self, locked: bool) {
        self.change(|world| world["keychains"][0]["locked"] = json!(locked));
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.check_objects();
    }
}

fn world_path() -> PathBuf {
    env::var_os("KEYCHAIN_MODEL").expect("npm run test:keychain sets KEYCHAIN_MODEL").into()
}

/// Adds an empty keychain behind the others.
pub fn add_keychain(world: &mut Value, path: &str) {
    world["keychains"].as_array_mut().unwrap().push(json!({ "path": path }));
}

/// The signature of a developer team.
pub fn of_team(identifier: &str, team: &str) -> Value {
    json!({ "team": { "identifier": identifier, "team": team } })
}

/// The store under test.
pub fn store() -> &'static OsStore {
    store::os().unwrap()
}

/// The code of a call that fails.
pub fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Code {
    outcome.expect_err("the call fails").code()
}

/// The key of a name.
pub fn key(name: &str) -> Key {
    Key { service: SERVICE.into(), name: name.into() }
}

/// Reads a credential.
pub fn get(name: &str, interactive: bool) -> Result<Option<String>, Error> {
    let key = key(name);
    let value = block_on(async move { store().get(&key, &Progress::reading(interactive)).await }).unwrap()?;
    Ok(value.map(|value| String::from_utf8(value.expose().to_vec()).unwrap()))
}

/// Stores a credential.
pub fn set(name: &str, value: &str, interactive: bool) -> Result<(), Error> {
    set_with(name, value, SetOptions::default(), interactive)
}

/// Stores a credential with options.
pub fn set_with(name: &str, value: &str, options: SetOptions, interactive: bool) -> Result<(), Error> {
    let (key, value) = (key(name), Secret::new(value.as_bytes().to_vec()));
    block_on(async move { store().set(&key, &value, options, &Progress::changing(interactive)).await })
        .unwrap()
}

/// Deletes a credential.
pub fn delete(name: &str, interactive: bool) -> Result<bool, Error> {
    let key = key(name);
    block_on(async move { store().delete(&key, &Progress::changing(interactive)).await }).unwrap()
}

/// Whether there is a credential.
pub fn has(name: &str) -> Result<bool, Error> {
    let key = key(name);
    block_on(async move { store().has(&key, &Progress::reading(false)).await }).unwrap()
}

/// The names of the service's credentials.
pub fn list() -> Result<Vec<String>, Error> {
    let keys = block_on(async { store().list(Some(SERVICE), &Progress::reading(false)).await }).unwrap()?;
    Ok(keys.into_iter().map(|key| key.name).collect())
}

/// The labels of the credentials of all services that start with a prefix.
pub fn list_by_prefix(prefix: &'static str) -> Result<Vec<String>, Error> {
    let keys =
        block_on(async { store().list_by_prefix(prefix, &Progress::reading(false)).await }).unwrap()?;
    Ok(keys.iter().map(Key::label).collect())
}

/// The state of the store.
pub fn diagnose() -> Diagnosis {
    block_on(async { store().diagnose().await }).unwrap().unwrap()
}
