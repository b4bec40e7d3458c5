//! The N-API boundary, and the only file that knows it.
//!
//! It takes arguments that the shim (`index.js`) has checked, starts the call on the I/O thread and
//! returns a promise. Outcomes come back through one thread-safe function an environment: the I/O
//! thread puts them into the environment's [`Mailbox`] and rings, the JavaScript thread empties it
//! and settles the promises. An environment (the main thread, or a worker) is kept alive while it
//! has calls pending, and never after.

use std::{
    cell::Cell,
    ffi::{CStr, c_char, c_void},
    future::Future,
    mem, ptr,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use napi::{
    Env, Status,
    bindgen_prelude::{FromNapiValue, Unknown},
    sys,
};
use napi_derive::napi;

use crate::{
    credential::{Key, Secret},
    error::Error,
    executor,
    store::{OsStore, Store, linux::Environment},
};

static STORE: OnceLock<OsStore> = OnceLock::new();

/// The operating system's store, with the settings of the moment when the addon was loaded.
fn store() -> &'static OsStore {
    STORE.get_or_init(|| OsStore::new(Environment::read()))
}

#[napi(module_exports)]
#[cfg_attr(test, expect(dead_code, reason = "only the runtime calls it"))]
fn load(_exports: napi::bindgen_prelude::Object) -> napi::Result<()> {
    store();
    Ok(())
}

/// Reads a credential: a promise of a string or null.
#[napi]
pub fn get(env: Env, service: String, name: String) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    start(env, async move { store().get(&key).await.and_then(Reply::text) })
}

/// Stores a credential: a promise of nothing.
#[napi]
pub fn set(env: Env, service: String, name: String, value: Text) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    start(env, async move { store().set(&key, &value.0).await.map(|()| Reply::Nothing) })
}

/// Deletes a credential: a promise of whether there was one.
#[napi]
pub fn delete(env: Env, service: String, name: String) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    start(env, async move { store().delete(&key).await.map(Reply::Boolean) })
}

/// A string that is a secret: it goes from JavaScript into a buffer that is wiped.
pub struct Text(Secret);

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let mut length = 0;
        // SAFETY: `env` and `value` are valid by this function's contract; a null buffer asks for
        // the length alone.
        check(unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length) })?;
        // One byte more for the NUL that the runtime appends; sized once, so that nothing is left
        // behind by growing.
        let mut bytes: Vec<u8> = vec![0; length + 1];
        let (buffer, size) = (bytes.as_mut_ptr().cast::<c_char>(), bytes.len());
        // SAFETY: as above, and `buffer` has room for `size` bytes.
        let status = unsafe { sys::napi_get_value_string_utf8(env, value, buffer, size, &mut length) };
        bytes.truncate(length);
        let secret = Secret::new(bytes);
        check(status).map(|()| Self(secret))
    }
}

/// What a call answers when it succeeds.
enum Reply {
    Nothing,
    Boolean(bool),
    /// UTF-8 text, or null.
    Text(Option<Secret>),
}

impl Reply {
    fn text(secret: Option<Secret>) -> Result<Self, Error> {
        match &secret {
            Some(secret) if str::from_utf8(secret.expose()).is_err() => Err(Error::InvalidData),
            _ => Ok(Self::Text(secret)),
        }
    }
}

/// Starts a call and gives its promise.
fn start<F>(env: Env, call: F) -> napi::Result<Unknown<'static>>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    let env = env.raw();
    let port = Port::of(env)?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is the environment that called us, on its own thread.
    check(unsafe { sys::napi_create_promise(env, &mut deferred, &mut promise) })?;
    port.expect_one(env)?;
    let ticket = Ticket { mailbox: Arc::clone(&port.mailbox), deferred: Some(Deferred(deferred)) };
    let task = async move { ticket.settle(call.await) };
    // Where the thread cannot start, the dropped ticket settles with an error of its own.
    let _ = executor::spawn(task);
    // SAFETY: `promise` was made in this environment and is returned to it at once.
    Ok(unsafe { Unknown::from_raw_unchecked(env, promise) })
}

/// A promise's resolvers. Only a handle outside its own thread; used on it alone.
struct Deferred(sys::napi_deferred);

// SAFETY: a deferred is an opaque pointer that other threads only carry.
unsafe impl Send for Deferred {}

/// The duty to settle one promise. Dropped without an outcome (a call that panicked), it rejects.
struct Ticket {
    mailbox: Arc<Mailbox>,
    deferred: Option<Deferred>,
}

impl Ticket {
    fn settle(mut self, outcome: Result<Reply, Error>) {
        self.post(outcome);
    }

    fn post(&mut self, outcome: Result<Reply, Error>) {
        if let Some(deferred) = self.deferred.take() {
            self.mailbox.post(deferred, outcome);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.post(Err(Error::Internal("the call ended without an outcome".into())));
    }
}

/// Where the outcomes of one environment's calls wait for its thread.
#[derive(Default)]
struct Mailbox(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    outcomes: Vec<(Deferred, Result<Reply, Error>)>,
    bell: Option<Bell>,
}

/// The thread-safe function that wakes the environment's thread.
struct Bell(sys::napi_threadsafe_function);

// SAFETY: thread-safe functions may be called from any thread until they are released, and the
// mailbox forgets its own, under its lock, before that.
unsafe impl Send for Bell {}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn post(&self, deferred: Deferred, outcome: Result<Reply, Error>) {
        let mut contents = self.lock();
        // Without a bell the environment is gone, and its promises with it.
        let Contents { outcomes, bell: Some(bell) } = &mut *contents else { return };
        outcomes.push((deferred, outcome));
        // One ring serves all that is in the box when the thread comes to empty it.
        if outcomes.len() == 1 {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: the bell is not released while the mailbox holds it, and the lock is held.
            unsafe { sys::napi_call_threadsafe_function(bell.0, ptr::null_mut(), mode) };
        }
    }
}

/// What one environment has of us, held as its instance data.
struct Port {
    mailbox: Arc<Mailbox>,
    bell: sys::napi_threadsafe_function,
    pending: Cell<usize>,
}

impl Port {
    /// The port of an environment, made at its first call.
    fn of(env: sys::napi_env) -> napi::Result<&'static Self> {
        let mut data = ptr::null_mut();
        // SAFETY: `env` is the environment that called us, on its own thread.
        check(unsafe { sys::napi_get_instance_data(env, &mut data) })?;
        if data.is_null() {
            data = Self::open(env)?.cast();
        }
        // SAFETY: the instance data of this module is always a `Port`, boxed by `open`, and is not
        // freed before the environment ends; whoever holds it runs in that environment.
        Ok(unsafe { &*data.cast::<Self>() })
    }

    fn open(env: sys::napi_env) -> napi::Result<*mut Self> {
        let (mut label, mut bell) = (ptr::null_mut(), ptr::null_mut());
        let name = c"os-secrets";
        let port = Box::into_raw(Box::new(Self {
            mailbox: Arc::default(),
            bell: ptr::null_mut(),
            pending: Cell::new(0),
        }));
        // SAFETY: `env` is ours as above; `port` lives until `free_port`, which the environment calls
        // at its very end, after `close_port`. Where a step fails, what came before it is leaked.
        unsafe {
            check(sys::napi_create_string_utf8(env, name.as_ptr(), name.count_bytes() as isize, &mut label))?;
            check(sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                label,
                0,
                1,
                ptr::null_mut(),
                None,
                port.cast(),
                Some(empty_mailbox),
                &mut bell,
            ))?;
            (*port).bell = bell;
            (*port).mailbox.lock().bell = Some(Bell(bell));
            // A new one keeps the environment alive; that is for calls alone to do.
            check(sys::napi_unref_threadsafe_function(env, bell))?;
            check(sys::napi_set_instance_data(env, port.cast(), Some(free_port), ptr::null_mut()))?;
            check(sys::napi_add_env_cleanup_hook(env, Some(close_port), port.cast()))?;
        }
        Ok(port)
    }

    /// Keeps the environment alive for one call more.
    fn expect_one(&self, env: sys::napi_env) -> napi::Result<()> {
        if self.pending.get() == 0 {
            // SAFETY: `env` is the port's own, on its thread, and the bell lives as long.
            check(unsafe { sys::napi_ref_threadsafe_function(env, self.bell) })?;
        }
        self.pending.set(self.pending.get() + 1);
        Ok(())
    }

    /// Lets the environment end where no call is left.
    fn settled(&self, env: sys::napi_env, count: usize) {
        self.pending.set(self.pending.get() - count);
        if count > 0 && self.pending.get() == 0 {
            // SAFETY: as in `expect_one`. It fails only in an environment that is ending anyway.
            unsafe { sys::napi_unref_threadsafe_function(env, self.bell) };
        }
    }
}

/// Settles what has come. Runs on the environment's thread, for each ring of the bell.
unsafe extern "C" fn empty_mailbox(
    env: sys::napi_env,
    _function: sys::napi_value,
    port: *mut c_void,
    _data: *mut c_void,
) {
    // An environment that is ending empties its queues without an `env`.
    if env.is_null() {
        return;
    }
    // SAFETY: the context given to the bell is its environment's `Port`, which outlives it.
    let port = unsafe { &*port.cast::<Port>() };
    let outcomes = mem::take(&mut port.mailbox.lock().outcomes);
    let count = outcomes.len();
    for (deferred, outcome) in outcomes {
        settle(env, deferred, outcome);
    }
    port.settled(env, count);
}

/// Forgets an environment that ends, so that nothing rings for it any more.
unsafe extern "C" fn close_port(port: *mut c_void) {
    // SAFETY: the hook was added with the environment's `Port`, which is freed after all hooks.
    let port = unsafe { &*port.cast::<Port>() };
    let closed = mem::take(&mut *port.mailbox.lock());
    if let Some(Bell(bell)) = closed.bell {
        // SAFETY: the mailbox has forgotten the bell; this was the one thread it counted.
        unsafe { sys::napi_release_threadsafe_function(bell, sys::ThreadsafeFunctionReleaseMode::abort) };
    }
}

/// Frees a `Port` when its environment has ended.
unsafe extern "C" fn free_port(_env: sys::napi_env, port: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `port` is the box that `Port::open` gave away, and this is called once.
    drop(unsafe { Box::from_raw(port.cast::<Port>()) });
}

/// Settles one promise. What fails here fails because the environment is ending.
fn settle(env: sys::napi_env, deferred: Deferred, outcome: Result<Reply, Error>) {
    // SAFETY: called on the environment's thread with a live `env`, and for each deferred once.
    unsafe {
        match outcome {
            Ok(reply) => {
                if let Some(value) = to_value(env, &reply) {
                    sys::napi_resolve_deferred(env, deferred.0, value);
                }
            }
            Err(error) => {
                if let Some(value) = to_error(env, &error) {
                    sys::napi_reject_deferred(env, deferred.0, value);
                }
            }
        }
    }
}

unsafe fn to_value(env: sys::napi_env, reply: &Reply) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; the text is copied.
    let status = unsafe {
        match reply {
            Reply::Nothing => sys::napi_get_undefined(env, &mut value),
            Reply::Boolean(boolean) => sys::napi_get_boolean(env, *boolean, &mut value),
            Reply::Text(None) => sys::napi_get_null(env, &mut value),
            Reply::Text(Some(text)) => return string(env, text.expose()),
        }
    };
    (status == sys::Status::napi_ok).then_some(value)
}

unsafe fn to_error(env: sys::napi_env, error: &Error) -> Option<sys::napi_value> {
    const NAME: &CStr = c"name";
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; all strings are copied.
    unsafe {
        let code = string(env, error.code().as_bytes())?;
        let message = string(env, error.to_string().as_bytes())?;
        if sys::napi_create_error(env, code, message, &mut value) != sys::Status::napi_ok {
            return None;
        }
        if let Some(name) = error.name() {
            sys::napi_set_named_property(env, value, NAME.as_ptr(), string(env, name.as_bytes())?);
        }
    }
    Some(value)
}

unsafe fn string(env: sys::napi_env, text: &[u8]) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; the runtime copies `text.len()` bytes.
    let status =
        unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut value) };
    (status == sys::Status::napi_ok).then_some(value)
}

fn check(status: sys::napi_status) -> napi::Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(napi::Error::new(status, "a call of Node-API failed")),
    }
}
