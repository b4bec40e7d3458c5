//! What the model knows: the keychains, the executables, and the user. It lies in a file, which all processes of a test
//! share, and which the test reads and writes. `KEYCHAIN_MODEL` names it.
//!
//! The file is JSON. Everything in it has a default, so that a test writes only what it is about.

use std::{
    collections::{BTreeMap, VecDeque},
    env, fs,
    fs::File,
    path::PathBuf,
    process,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::status::Status;

/// The path of the login keychain.
pub const LOGIN: &str = "/Users/me/Library/Keychains/login.keychain-db";

/// Everything.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// The keychains. Those in the search list are searched in this order.
    pub keychains: Vec<Keychain>,
    /// The path of the default keychain, where new items go.
    pub default: Option<String>,
    /// The signatures of executables, by their paths. The signature of an executable that is not listed is ad hoc.
    pub executables: BTreeMap<String, Signature>,
    /// Whether the session has a desktop.
    pub desktop: bool,
    /// What the user answers to the prompts to come. While there is no answer, a prompt waits.
    pub answers: VecDeque<Answer>,
    /// The prompts that were shown.
    pub prompts: Vec<Prompt>,
    /// The functions that fail.
    pub failures: Vec<Failure>,
    /// The functions that were called, if a test wants to know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<String>>,
    /// The number of the next item.
    pub next: u64,
}

/// How an executable is signed. Keychain tells executables by this, and not by their paths.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// By a developer team, which has given it an identifier. It stays the same when the executable is updated or moved.
    Team {
        /// The identifier, such as `com.example.tool`.
        identifier: String,
        /// The team's identifier.
        team: String,
    },
    /// Ad hoc: only the executable's contents tell what it is. In the model, each path has its own.
    #[default]
    AdHoc,
    /// Not at all. Its contents tell what it is, but it shares its partition with all such executables.
    Unsigned,
}

/// A keychain in a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keychain {
    /// The path of its file.
    pub path: String,
    /// Whether it is searched.
    pub listed: bool,
    /// Whether its password must be given first.
    pub locked: bool,
    /// Whether its file does not exist.
    pub missing: bool,
    /// Whether its file holds something else.
    pub damaged: bool,
    /// Whether the directory of its file cannot be written.
    pub read_only: bool,
    /// Its items.
    pub items: Vec<Item>,
}

/// A generic password.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Item {
    /// What tells it from all others. It is made anew with the item.
    pub id: u64,
    /// Its service, if it has one. It may hold a NUL.
    pub service: Option<String>,
    /// Its account, if it has one. It may hold a NUL.
    pub account: Option<String>,
    /// Its value. In the file it is a text with a character for each byte.
    #[serde(with = "latin")]
    pub data: Vec<u8>,
    /// The paths of the applications that may decrypt the value. `None` means all. The system also stores what tells each
    /// of them from others: see [`World::is_same`].
    pub applications: Option<Vec<String>>,
    /// The partitions whose executables may decrypt the value. An item of an old system has no such list.
    pub partitions: Option<Vec<String>>,
}

/// What the user does when asked. The password that a prompt asks for is right, unless the answer says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Gives a wrong password. The user is asked again.
    WrongPassword,
    /// Allows it once.
    Allow,
    /// Allows it for ever.
    AlwaysAllow,
    /// Denies it.
    Deny,
    /// Closes the window.
    Cancel,
}

/// A prompt that was shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Prompt {
    /// What it asks.
    pub kind: PromptKind,
    /// The executable that it is about.
    pub executable: String,
    /// The keychain, or the service of the item.
    pub subject: String,
}

/// What a prompt asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptKind {
    /// The password of a locked keychain.
    Unlock,
    /// Whether an executable may decrypt an item although the item does not list it. This asks for the keychain's
    /// password, too.
    Application,
    /// Whether an executable may decrypt an item of other partitions. This asks for the keychain's password, too.
    Partition,
    /// Whether to make a new default keychain.
    Reset,
}

/// A function that fails.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Its name.
    pub function: String,
    /// The result that it gives.
    pub status: Status,
    /// How many calls succeed before.
    #[serde(default)]
    pub after: u64,
}

impl Default for World {
    fn default() -> Self {
        let login = Keychain { path: LOGIN.into(), ..Keychain::default() };
        Self {
            default: Some(login.path.clone()),
            keychains: vec![login],
            executables: BTreeMap::new(),
            desktop: true,
            answers: VecDeque::new(),
            prompts: Vec::new(),
            failures: Vec::new(),
            calls: None,
            next: 1,
        }
    }
}

impl Default for Keychain {
    fn default() -> Self {
        Self {
            path: String::new(),
            listed: true,
            locked: false,
            missing: false,
            damaged: false,
            read_only: false,
            items: Vec::new(),
        }
    }
}

impl World {
    fn signature_of(&self, executable: &str) -> Signature {
        self.executables.get(executable).cloned().unwrap_or_default()
    }

    /// The partition of an executable (`ClientIdentification::partitionIdForProcess`).
    pub fn partition_of(&self, executable: &str) -> String {
        match self.signature_of(executable) {
            Signature::Team { team, .. } => format!("teamid:{team}"),
            Signature::AdHoc => format!("cdhash:{executable}"),
            Signature::Unsigned => "unsigned:".to_owned(),
        }
    }

    /// Whether an executable meets the requirement that an item has stored for another one.
    pub fn is_same(&self, executable: &str, other: &str) -> bool {
        match self.signature_of(executable) {
            signature @ Signature::Team { .. } => signature == self.signature_of(other),
            _ => executable == other,
        }
    }

    /// A keychain by its path.
    pub fn keychain(&mut self, path: &str) -> &mut Keychain {
        self.keychains.iter_mut().find(|keychain| keychain.path == path).expect("keychains are not removed")
    }

    /// The number for a new item.
    pub fn new_id(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl Keychain {
    /// Whether its items have partitions: those of keychains in other places have none.
    pub fn has_partitions(&self) -> bool {
        self.path.contains("/Library/Keychains/") && !self.path.starts_with("/Library/Keychains/")
    }

    /// Whether its file can be read.
    pub fn is_readable(&self) -> bool {
        !self.missing && !self.damaged
    }

    /// An item by its number.
    pub fn item(&mut self, id: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }
}

/// Bytes as a text with the characters of the same numbers.
mod latin {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&bytes.iter().copied().map(char::from).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.chars().map(u8::try_from).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

/// The path of the calling executable. `KEYCHAIN_MODEL_EXECUTABLE` names another one than the real one.
pub fn executable() -> String {
    let own = || env::current_exe().expect("the process has an executable").to_string_lossy().into_owned();
    EXECUTABLE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_with(|| env::var("KEYCHAIN_MODEL_EXECUTABLE").unwrap_or_else(|_| own()))
        .clone()
}

static EXECUTABLE: Mutex<Option<String>> = Mutex::new(None);

/// Makes the process another executable.
///
/// # Safety
///
/// The path must be a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keychain_model_become(path: *const std::ffi::c_char) {
    // SAFETY: by this function's contract.
    let path = unsafe { std::ffi::CStr::from_ptr(path) }.to_string_lossy().into_owned();
    *EXECUTABLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
}

/// Looks at the world, and changes it. No other process or thread does meanwhile.
pub fn change<T>(work: impl FnOnce(&mut World) -> T) -> T {
    let path =
        PathBuf::from(env::var_os("KEYCHAIN_MODEL").unwrap_or_else(|| stop("KEYCHAIN_MODEL is not set")));
    let lock = File::create(path.with_extension("lock")).unwrap_or_else(|error| stop(&error.to_string()));
    lock.lock().unwrap_or_else(|error| stop(&error.to_string()));
    let before = fs::read(&path).unwrap_or_default();
    let mut world: World = match before.as_slice() {
        [] => World::default(),
        text => serde_json::from_slice(text).unwrap_or_else(|error| stop(&error.to_string())),
    };
    let result = work(&mut world);
    let after = serde_json::to_vec(&world).unwrap_or_else(|error| stop(&error.to_string()));
    if after != before {
        let new = path.with_extension("new");
        fs::write(&new, after)
            .and_then(|()| fs::rename(&new, &path))
            .unwrap_or_else(|error| stop(&error.to_string()));
    }
    result
}

/// The result with which a call of a function fails, if it does. Every function asks for it.
pub fn failure_of(function: &str) -> Option<Status> {
    change(|world| {
        if let Some(calls) = &mut world.calls {
            calls.push(function.to_owned());
        }
        let failure = world.failures.iter_mut().find(|failure| failure.function == function)?;
        match failure.after.checked_sub(1) {
            Some(left) => {
                failure.after = left;
                None
            }
            None => Some(failure.status),
        }
    })
}

/// Ends the process: the test is wrong.
pub fn stop(message: &str) -> ! {
    eprintln!("keychain model: {message}");
    process::abort()
}
