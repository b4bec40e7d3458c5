//! The Node-API addon of the npm package `os-secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the functions that `index.js` and others call |
//! | `opened.rs` | the stores that JavaScript opens, and their examination |
//! | `keytar.rs` | the functions that `keytar.js` calls |
//! | `port.rs` | how outcomes reach the JavaScript thread |
//! | `both_scopes.rs` | secrets that the repository and the user both have |
//! | `environment.rs` | the variables that lead to the store, compared with those of `process.env` |
//! | `started.rs` | Linux: the environment with which the process was started |
//! | `update.rs` | updates of credentials, which lock them |
//! | `values.rs` | arguments, replies and errors |
//!
//! The shim (`calls.js` and the files that use it) has checked the arguments. A function starts its call on the I/O thread,
//! in the pool if the call only blocks, or on the JavaScript thread if it is alone and only sends a message, and returns a
//! promise. Outcomes come back through one thread-safe function per JavaScript environment (the main thread, or a worker):
//! whoever ends a call puts its outcome into the environment's mailbox and rings the bell, the JavaScript thread empties the
//! mailbox and settles the promises. An environment is kept alive while it has calls pending.

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf, sync::Arc, time::Instant};

use napi::{
    Env, Status,
    bindgen_prelude::{External, JsValue, Object, Unknown},
    sys,
};
use napi_derive::napi;

use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    executor::{Lane, Purpose},
    json::array_of_texts,
    program,
    progress::Progress,
    scope::{Name, Repository, Resolution, Scope, Scopes, User},
    store::{self, Call, Choice, Intent, Persist, SetOptions, Store},
};

mod both_scopes;
pub mod custom;
mod environment;
pub mod keytar;
pub mod opened;
mod port;
#[cfg(target_os = "linux")]
mod started;
pub mod update;
mod values;

use both_scopes::find_hidden;
use opened::{Opened, choice_of};
use port::{Held, Port, start, start_on};
use values::{CallOptions, Reply, Value, throw};

/// The version of this binary. It must be that of the package that loads it.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[napi(module_exports)]
#[cfg_attr(test, allow(dead_code, reason = "only the runtime calls it"))]
fn load(_exports: Object) -> napi::Result<()> {
    // Works wherever the package does: the program may not be installed globally.
    program::set_start("npx os-secrets");
    // As early as possible, because a program can change its environment while it runs. If a setting is wrong, the
    // calls reject.
    environment::read();
    let _ = store::os();
    #[cfg(any(target_os = "macos", windows))]
    pin();
    Ok(())
}

/// Keeps the addon loaded until the process ends, as on Windows.
#[cfg(target_os = "macos")]
#[cfg_attr(test, allow(dead_code, reason = "only the runtime calls what calls it"))]
fn pin() {
    // SAFETY: the address is one of this library. If `dladdr` finds the library, it gives a path that ends with a NUL.
    // All zeros is a valid `Dl_info`. `dlopen` of a loaded library only counts one reference more.
    unsafe {
        let mut found: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr((pin as *const ()).cast(), &mut found) != 0 && !found.dli_fname.is_null() {
            libc::dlopen(found.dli_fname, libc::RTLD_LAZY | libc::RTLD_NODELETE);
        }
    }
}

/// Keeps the addon loaded until the process ends, because its threads go on when the last environment that loaded it is
/// gone. On Linux a linker flag does that (`-z nodelete`).
#[cfg(windows)]
#[cfg_attr(test, allow(dead_code, reason = "only the runtime calls what calls it"))]
fn pin() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };

    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let mut module = std::ptr::null_mut();
    // SAFETY: the address is one of this module's, and the place can be written to.
    unsafe { GetModuleHandleExW(flags, (pin as *const ()).cast(), &mut module) };
}

/// A call that concerns one credential.
type CredentialCall = for<'a> fn(&'a dyn Store, &'a Key, &'a Progress) -> Call<'a, Reply>;

/// Starts a call that concerns one credential. Returns the promise of its reply.
fn start_call(
    env: Env,
    (choice, held): (Choice, Held),
    key: Key,
    options: CallOptions,
    intent: Intent,
    call: CredentialCall,
) -> napi::Result<Unknown<'static>> {
    let on = choice.choose_start(intent, key.size());
    start_on(env, options, held, on, move |options, bounds| async move {
        let progress = match intent {
            Intent::Read => Progress::reading(options.interactive),
            Intent::Change => Progress::changing(options.interactive),
        };
        bounds.run(&progress, async { call(choice.store()?, &key, &progress).await }).await
    })
}

/// Reads a credential. Returns a promise of a string, or of a `Buffer` if `bytes` is true, or of null.
#[napi]
pub fn get(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    name: String,
    options: CallOptions,
    bytes: Option<bool>,
) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    let get: CredentialCall = match bytes {
        Some(true) => {
            |store, key, progress| Box::pin(async move { Ok(Reply::Bytes(store.get(key, progress).await?)) })
        }
        _ => |store, key, progress| {
            Box::pin(async move {
                let text = store.get(key, progress).await?.map(|value| store.as_text(value));
                text.transpose().map(Reply::Text)
            })
        },
    };
    start_call(env, choice_of(store), key, options, Intent::Read, get)
}

/// Stores a credential. Returns a promise of undefined. `local` keeps it on this machine (Windows). `unrestricted` lets
/// every application read it (macOS).
#[napi]
#[allow(clippy::too_many_arguments, reason = "reading a JavaScript object here would be slower")]
pub fn set(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    name: String,
    value: Value,
    options: CallOptions,
    local: Option<bool>,
    unrestricted: Option<bool>,
) -> napi::Result<Unknown<'static>> {
    let ((choice, held), key) = (choice_of(store), Key { service, name });
    let set_options = set_options(local, unrestricted);
    let on = choice.choose_start(Intent::Change, key.size() + value.0.expose().len());
    start_on(env, options, held, on, move |options, bounds| async move {
        let progress = Progress::changing(options.interactive);
        let call = async { choice.store()?.set(&key, &value.0, set_options, &progress).await };
        bounds.run(&progress, call).await.map(|()| Reply::Nothing)
    })
}

fn set_options(local: Option<bool>, unrestricted: Option<bool>) -> SetOptions {
    let persist = if local == Some(true) { Persist::Local } else { Persist::Enterprise };
    SetOptions { persist, unrestricted: unrestricted == Some(true) }
}

/// Deletes a credential. Returns a promise of whether there was one.
#[napi]
pub fn delete(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    name: String,
    options: CallOptions,
) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    let delete: CredentialCall =
        |store, key, progress| Box::pin(async move { store.delete(key, progress).await.map(Reply::Boolean) });
    start_call(env, choice_of(store), key, options, Intent::Change, delete)
}

/// Looks for a credential. Returns a promise of whether there is one.
#[napi]
pub fn has(
    env: Env,
    store: Option<&External<Opened>>,
    service: String,
    name: String,
    options: CallOptions,
) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    let has: CredentialCall =
        |store, key, progress| Box::pin(async move { store.has(key, progress).await.map(Reply::Boolean) });
    start_call(env, choice_of(store), key, options, Intent::Read, has)
}

/// Lists the credentials of one service or of all. Returns a promise of an array of `{ service, name }`.
///
/// Throws a `TypeError` if the store needs a service and none is given.
#[napi]
pub fn list(
    env: Env,
    store: Option<&External<Opened>>,
    service: Option<String>,
    options: CallOptions,
) -> napi::Result<Unknown<'static>> {
    let (choice, held) = choice_of(store);
    if service.is_none() && choice.store().is_ok_and(Store::needs_service) {
        return Err(throw(env, &Error::NeedsService));
    }
    start(env, options, held, |_, bounds| async move {
        let progress = Progress::reading(false);
        bounds
            .run(&progress, async { choice.store()?.list(service.as_deref(), &progress).await })
            .await
            .map(Reply::Keys)
    })
}

/// Creates an identity in a new file, by default in the user's own. Returns a promise of `{ path, recipient }`.
#[napi]
pub fn create_identity(env: Env, path: Option<String>) -> napi::Result<Unknown<'static>> {
    start(env, CallOptions::UNBOUNDED, None, |_, _| async move {
        let path = os_secrets_cli::identity_path(path.map(Into::into))?;
        let create = {
            let path = path.clone();
            move || os_secrets_cli::create_identity(&path)
        };
        let recipient = Lane::for_file(&path, Purpose::Write).run(create).await?;
        Ok(Reply::Identity { path: path.to_string_lossy().into_owned(), recipient })
    })
}

/// Resolves values. Returns a promise of an array as JSON: the texts that the values stand for, in their order, and then
/// the names of secrets of which the repository's was taken although the user has one. Each of these names is returned
/// once per directory and process. Errors call the values by `names`, if they are given. `store` has the user's secrets.
///
/// Throws a `TypeError` for a reference whose name is not valid.
#[napi]
pub fn resolve(
    env: Env,
    store: Option<&External<Opened>>,
    values: Vec<Value>,
    names: Option<Vec<String>>,
    scope: String,
    directory: String,
    options: CallOptions,
) -> napi::Result<Unknown<'static>> {
    let scope = Scope::parse(&scope).ok_or_else(|| napi::Error::new(Status::InvalidArg, "no scope"))?;
    let user = User::Store(choice_of(store).0);
    let directory = PathBuf::from(directory);
    let scopes = Scopes { repository: Repository::new(directory.clone()), user };
    let values = values.into_iter().map(|value| value.0).collect();
    let resolution = Resolution::parse(values, names, scope).map_err(|error| throw(env, &error))?;
    start(env, options, None, |options, bounds| async move {
        let (progress, start) = (Arc::new(Progress::reading(options.interactive)), Instant::now());
        let timeout = bounds.timeout;
        let call = async {
            let resolved = resolution.finish_as_texts(&scopes, &progress).await?;
            // Half of the time that is left, so that this cannot fail the call.
            let time = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()) / 2);
            let hidden = find_hidden(&scopes, &directory, resolved.from_repository, time).await;
            Ok(Reply::Text(Some(to_json(&resolved.values, &hidden))))
        };
        bounds.run(&progress, call).await
    })
}

/// Texts as JSON. A promise hands a text to nobody but its caller; an array has methods that a program can replace.
fn to_json(texts: &[Secret], names: &BTreeSet<Name>) -> Secret {
    let texts = texts.iter().map(|text| str::from_utf8(text.expose()).unwrap_or_default());
    Secret::new(std::mem::take(&mut *array_of_texts(texts.chain(names.iter().map(Name::as_str)))))
}

/// Runs a program on the calling thread. Returns its exit code.
///
/// Runtimes change arguments that are not UTF-8, and some that begin with `--`. So the words are taken from the
/// arguments of the process if they are the same.
#[napi]
pub fn run_program(program: String, words: Vec<String>) -> napi::Result<i32> {
    let own: Vec<OsString> = std::env::args_os().collect();
    let start = own.len().saturating_sub(words.len());
    let (before, last) = own.split_at(start);
    let same = last.len() == words.len()
        && last.iter().zip(&words).all(|(own, word)| own.to_string_lossy() == word.as_str());
    let words = match before {
        // Bun drops it if it comes first.
        [.., end_of_flags] if same && end_of_flags == "--" => own[start - 1..].to_vec(),
        _ if same => last.to_vec(),
        _ => words.into_iter().map(OsString::from).collect(),
    };
    os_secrets_cli::run_named(&program, words, true)
        .ok_or_else(|| napi::Error::new(Status::InvalidArg, "no such program"))
}

/// Returns the promise of a call on a closed store. It rejects.
#[napi]
pub fn closed(env: Env) -> napi::Result<Unknown<'static>> {
    start(env, CallOptions::UNBOUNDED, None, |_, _| async { Err(Error::Closed) })
}

/// Waits for the calls of a store that are in progress. Returns a promise of undefined, which resolves after theirs.
#[napi]
pub fn close(env: Env, store: &External<Opened>) -> napi::Result<Unknown<'static>> {
    let calls = Arc::clone(&store.calls);
    start(env, CallOptions::UNBOUNDED, None, |_, _| async move {
        calls.closed().await;
        Ok(Reply::Nothing)
    })
}

/// Sets the function that rejects the promises of calls that fail: it gets the error, and returns a promise that rejects
/// with it. Without it, they reject at once.
#[napi]
pub fn reject_with(env: Env, function: Unknown) -> napi::Result<()> {
    Port::of(env.raw())?.reject_with(env.raw(), function.raw())
}

/// Cancels the call that was started with this token, if it is still in progress.
#[napi]
pub fn cancel(env: Env, token: u32) -> napi::Result<()> {
    if let Some(cancel) = Port::of(env.raw())?.cancels.borrow_mut().remove(&token) {
        // It fails if the call has ended meanwhile.
        let _ = cancel.send(());
    }
    Ok(())
}

fn check(status: sys::napi_status) -> napi::Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(napi::Error::new(status, "a call of Node-API failed")),
    }
}
