//! The N-API boundary, and the only file that knows it.
//!
//! It takes arguments that the shim (`index.js`) has checked, starts the call on the I/O thread and
//! returns a promise. Outcomes come back through one thread-safe function an environment: the I/O
//! thread puts them into the environment's [`Mailbox`] and rings, the JavaScript thread empties it
//! and settles the promises. An environment (the main thread, or a worker) is kept alive while it
//! has calls pending, and never after.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    ffi::{CStr, CString, OsString, c_char, c_void},
    future::Future,
    mem, ptr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use napi::{
    Env, Status,
    bindgen_prelude::{FromNapiValue, Object, Unknown},
    sys,
};
use napi_derive::napi;
use tokio::sync::oneshot;

use crate::{
    cli::{self, Program},
    credential::{Key, Secret},
    error::Error,
    executor::executor,
    limits::{Limits, Progress},
    scope::{Resolution, Scope, Scopes},
    store::{self, Store},
};

#[napi(module_exports)]
#[cfg_attr(test, allow(dead_code, reason = "only the runtime calls it"))]
fn load(_exports: Object) -> napi::Result<()> {
    // A wrong setting is told by the calls, as promises' rejections.
    let _ = store::os();
    Ok(())
}

/// Reads a credential: a promise of a string, or of a `Buffer` where bytes are asked for, or null.
#[napi]
pub fn get(
    env: Env,
    service: String,
    name: String,
    bounds: Bounds,
    bytes: Option<bool>,
) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    let reply = if bytes == Some(true) { Reply::bytes } else { Reply::text };
    start(env, bounds, |bounds, limits| async move {
        let progress = Progress::reading(bounds.interactive);
        limits.run(&progress, async { store::os()?.get(&key, &progress).await }).await.and_then(reply)
    })
}

/// Stores a credential: a promise of nothing.
#[napi]
pub fn set(
    env: Env,
    service: String,
    name: String,
    value: Value,
    bounds: Bounds,
) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    start(env, bounds, |bounds, limits| async move {
        let progress = Progress::changing(bounds.interactive);
        let call = async { store::os()?.set(&key, &value.0, &progress).await };
        limits.run(&progress, call).await.map(|()| Reply::Nothing)
    })
}

/// Deletes a credential: a promise of whether there was one.
#[napi]
pub fn delete(env: Env, service: String, name: String, bounds: Bounds) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    start(env, bounds, |bounds, limits| async move {
        let progress = Progress::changing(bounds.interactive);
        limits.run(&progress, async { store::os()?.delete(&key, &progress).await }).await.map(Reply::Boolean)
    })
}

/// Looks for a credential: a promise of whether there is one.
#[napi]
pub fn has(env: Env, service: String, name: String, bounds: Bounds) -> napi::Result<Unknown<'static>> {
    let key = Key { service, name };
    start(env, bounds, |bounds, limits| async move {
        let progress = Progress::reading(bounds.interactive);
        limits.run(&progress, async { store::os()?.has(&key, &progress).await }).await.map(Reply::Boolean)
    })
}

/// Lists credentials, of one service or of all: a promise of an array of `{ service, name }`.
#[napi]
pub fn list(env: Env, service: Option<String>, bounds: Bounds) -> napi::Result<Unknown<'static>> {
    start(env, bounds, |_, limits| async move {
        let progress = Progress::reading(false);
        limits
            .run(&progress, async { store::os()?.list(service.as_deref(), &progress).await })
            .await
            .map(Reply::Keys)
    })
}

/// Resolves values: a promise of what each stands for, in their order. `names` are what the values are
/// called in errors; where there are none, errors name nothing.
///
/// Throws a `TypeError` for a reference that names nothing.
#[napi]
pub fn resolve(
    env: Env,
    values: Vec<Value>,
    names: Option<Vec<String>>,
    scope: String,
    directory: String,
    bounds: Bounds,
) -> napi::Result<Unknown<'static>> {
    let scope = Scope::parse(&scope).ok_or_else(|| napi::Error::new(Status::InvalidArg, "no scope"))?;
    let scopes = Scopes::of_workspace(directory.into());
    let values = values.into_iter().map(|value| value.0).collect();
    let resolution = Resolution::parse(values, names, scope).map_err(|error| throw(env, &error))?;
    start(env, bounds, |bounds, limits| async move {
        let progress = Arc::new(Progress::reading(bounds.interactive));
        let call = resolution.finish_as_texts(&scopes, &progress);
        limits.run(&progress, call).await.map(Reply::Texts)
    })
}

/// Runs the program of this name on the calling thread, which waits for it: its exit code.
///
/// Where the runtime did not pass the words on as they are, because they are not UTF-8 or begin with
/// `--`, they are taken from the process's own.
#[napi]
pub fn run_program(program: String, words: Vec<String>) -> napi::Result<i32> {
    let program = [Program::Secrets, Program::BusSecrets]
        .into_iter()
        .find(|known| known.name() == program)
        .ok_or_else(|| napi::Error::new(Status::InvalidArg, "no such program"))?;
    let own: Vec<OsString> = std::env::args_os().collect();
    let start = own.len().saturating_sub(words.len());
    let (before, last) = own.split_at(start);
    let same = last.len() == words.len()
        && last.iter().zip(&words).all(|(own, word)| own.to_string_lossy() == word.as_str());
    let words = match before {
        // Bun drops it where it comes first.
        [.., end_of_flags] if same && end_of_flags == "--" => own[start - 1..].to_vec(),
        _ if same => last.to_vec(),
        _ => words.into_iter().map(OsString::from).collect(),
    };
    Ok(cli::run(program, words, true))
}

/// What a call on a closed store gives: a promise that is rejected.
#[napi]
pub fn closed(env: Env) -> napi::Result<Unknown<'static>> {
    let unbounded = Bounds { timeout: 0, interactive: false, token: 0 };
    start(env, unbounded, |_, _| async { Err(Error::Closed) })
}

/// Cancels the call that was started with this token, if it is still in progress.
#[napi]
pub fn cancel(env: Env, token: u32) -> napi::Result<()> {
    if let Some(cancel) = Port::of(env.raw())?.cancels.borrow_mut().remove(&token) {
        // A call that has ended meanwhile listens no more.
        let _ = cancel.send(());
    }
    Ok(())
}

/// What bounds a call, as the shim passes it: `undefined`, or an array of the time in milliseconds
/// (0 for none), whether the call may ask the person, and a token to cancel it by (0 for none,
/// [`CANCELED`] for a call that was canceled before it began).
pub struct Bounds {
    timeout: u32,
    interactive: bool,
    token: u32,
}

/// The token of calls that are over before they begin.
const CANCELED: u32 = u32::MAX;

impl FromNapiValue for Bounds {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: this function's contract is that of the called one.
        let given = unsafe { Option::<(u32, bool, u32)>::from_napi_value(env, value) }?;
        let (timeout, interactive, token) = given.unwrap_or((0, true, 0));
        Ok(Self { timeout, interactive, token })
    }
}

/// A secret that JavaScript gives, a string or a `Uint8Array`: it goes into a buffer that is wiped.
pub struct Value(Secret);

impl FromNapiValue for Value {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let mut is_bytes = false;
        // SAFETY: `env` and `value` are valid by this function's contract.
        check(unsafe { sys::napi_is_typedarray(env, value, &mut is_bytes) })?;
        // SAFETY: as above; the shim lets no other typed array through.
        unsafe { if is_bytes { bytes_from(env, value) } else { text_from(env, value) } }.map(Self)
    }
}

unsafe fn bytes_from(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Secret> {
    let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
    let (mut buffer, mut offset) = (ptr::null_mut(), 0);
    // SAFETY: the caller's `env` and typed array.
    check(unsafe {
        sys::napi_get_typedarray_info(env, value, &mut kind, &mut length, &mut data, &mut buffer, &mut offset)
    })?;
    if kind != sys::TypedarrayType::uint8_array {
        return Err(napi::Error::new(Status::InvalidArg, "not a Uint8Array"));
    }
    // An empty array may have no memory behind it.
    let bytes = match length {
        0 => Vec::new(),
        // SAFETY: `data` is the start of `length` bytes that live as long as `value`; JavaScript does
        // not run meanwhile.
        _ => unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) }.to_vec(),
    };
    Ok(Secret::new(bytes))
}

unsafe fn text_from(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Secret> {
    let mut length = 0;
    // SAFETY: the caller's `env` and string; a null buffer asks for the length alone.
    check(unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length) })?;
    // One byte more for the NUL that the runtime appends; sized once, so that nothing is left
    // behind by growing.
    let mut bytes: Vec<u8> = vec![0; length + 1];
    let (buffer, size) = (bytes.as_mut_ptr().cast::<c_char>(), bytes.len());
    // SAFETY: as above, and `buffer` has room for `size` bytes.
    let status = unsafe { sys::napi_get_value_string_utf8(env, value, buffer, size, &mut length) };
    bytes.truncate(length);
    let secret = Secret::new(bytes);
    check(status).map(|()| secret)
}

/// What a call answers when it succeeds.
enum Reply {
    Nothing,
    Boolean(bool),
    /// UTF-8 text, or null.
    Text(Option<Secret>),
    /// Bytes, or null.
    Bytes(Option<Secret>),
    Keys(Vec<Key>),
    Texts(Vec<Secret>),
}

impl Reply {
    fn text(secret: Option<Secret>) -> Result<Self, Error> {
        match &secret {
            Some(secret) if str::from_utf8(secret.expose()).is_err() => Err(Error::InvalidData),
            _ => Ok(Self::Text(secret)),
        }
    }

    fn bytes(secret: Option<Secret>) -> Result<Self, Error> {
        Ok(Self::Bytes(secret))
    }
}

/// Starts a call within bounds and gives its promise.
fn start<F>(
    env: Env,
    bounds: Bounds,
    call: impl FnOnce(Bounds, Limits) -> F,
) -> napi::Result<Unknown<'static>>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    let env = env.raw();
    let port = Port::of(env)?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is the environment that called us, on its own thread.
    check(unsafe { sys::napi_create_promise(env, &mut deferred, &mut promise) })?;
    port.expect_one(env)?;
    let token = bounds.token;
    let limits = Limits {
        timeout: (bounds.timeout > 0).then(|| Duration::from_millis(bounds.timeout.into())),
        canceled: (token > 0).then(|| port.cancelable(token)),
    };
    let deferred = Some(Deferred { raw: deferred, token });
    let ticket = Ticket { mailbox: Arc::clone(&port.mailbox), deferred };
    let call = call(bounds, limits);
    match executor() {
        Ok(executor) => executor.spawn(async move { ticket.settle(call.await) }),
        Err(error) => ticket.settle(Err(error)),
    }
    // SAFETY: `promise` was made in this environment and is returned to it at once.
    Ok(unsafe { Unknown::from_raw_unchecked(env, promise) })
}

/// A promise's resolvers. Only a handle outside its own thread; used on it alone.
struct Deferred {
    raw: sys::napi_deferred,
    /// By which its call can be canceled; 0 is none.
    token: u32,
}

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
    /// Whether the bell was rung since the box was emptied.
    rung: bool,
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
        let Contents { outcomes, bell: Some(bell), rung } = &mut *contents else { return };
        outcomes.push((deferred, outcome));
        // One ring serves all that is in the box when the thread comes to empty it.
        if !*rung {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: the bell is not released while the mailbox holds it, and the lock is held.
            let status = unsafe { sys::napi_call_threadsafe_function(bell.0, ptr::null_mut(), mode) };
            *rung = status == sys::Status::napi_ok;
        }
    }
}

/// What one environment has of us, held as its instance data.
struct Port {
    mailbox: Arc<Mailbox>,
    bell: sys::napi_threadsafe_function,
    pending: Cell<usize>,
    cancels: RefCell<HashMap<u32, oneshot::Sender<()>>>,
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
            cancels: RefCell::default(),
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
            check(sys::napi_add_env_cleanup_hook(env, Some(close_port), port.cast()))?;
            // Last, because what is found there is taken for whole.
            check(sys::napi_set_instance_data(env, port.cast(), Some(free_port), ptr::null_mut()))?;
        }
        Ok(port)
    }

    /// Makes a call cancelable by a token.
    fn cancelable(&self, token: u32) -> oneshot::Receiver<()> {
        let (cancel, canceled) = oneshot::channel();
        if token == CANCELED {
            // The other end is there to hear it.
            let _ = cancel.send(());
        } else {
            self.cancels.borrow_mut().insert(token, cancel);
        }
        canceled
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
    let outcomes = {
        let mut contents = port.mailbox.lock();
        contents.rung = false;
        mem::take(&mut contents.outcomes)
    };
    let count = outcomes.len();
    for (deferred, outcome) in outcomes {
        port.cancels.borrow_mut().remove(&deferred.token);
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
                    sys::napi_resolve_deferred(env, deferred.raw, value);
                }
            }
            Err(error) => {
                if let Some(value) = to_error(env, &error) {
                    sys::napi_reject_deferred(env, deferred.raw, value);
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
            Reply::Bytes(None) => sys::napi_get_null(env, &mut value),
            Reply::Text(Some(text)) => return string(env, text.expose()),
            Reply::Bytes(Some(bytes)) => {
                let bytes = bytes.expose();
                // Copied, because Electron allows no memory of others in its buffers.
                let (data, mut copy) = (bytes.as_ptr().cast(), ptr::null_mut());
                sys::napi_create_buffer_copy(env, bytes.len(), data, &mut copy, &mut value)
            }
            Reply::Texts(texts) => {
                let status = sys::napi_create_array_with_length(env, texts.len(), &mut value);
                for (index, text) in texts.iter().enumerate() {
                    sys::napi_set_element(env, value, index as u32, string(env, text.expose())?);
                }
                status
            }
            Reply::Keys(keys) => {
                let status = sys::napi_create_array_with_length(env, keys.len(), &mut value);
                for (index, key) in keys.iter().enumerate() {
                    let mut entry = ptr::null_mut();
                    sys::napi_create_object(env, &mut entry);
                    for (name, text) in [(c"service", &key.service), (c"name", &key.name)] {
                        sys::napi_set_named_property(
                            env,
                            entry,
                            name.as_ptr(),
                            string(env, text.as_bytes())?,
                        );
                    }
                    sys::napi_set_element(env, value, index as u32, entry);
                }
                status
            }
        }
    };
    (status == sys::Status::napi_ok).then_some(value)
}

/// Throws a `TypeError` at once; what it gives is to be returned.
fn throw(env: Env, error: &Error) -> napi::Error {
    let (code, message) = (CString::new(error.code()), CString::new(error.to_string()));
    if let (Ok(code), Ok(message)) = (code, message) {
        // SAFETY: `env` is the environment that called us, on its own thread; both texts are copied.
        unsafe { sys::napi_throw_type_error(env.raw(), code.as_ptr(), message.as_ptr()) };
    }
    napi::Error::new(Status::PendingException, "")
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
