//! How outcomes reach the JavaScript thread, and how pending calls keep its environment alive.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    ffi::c_void,
    future::Future,
    mem,
    pin::Pin,
    ptr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use napi::{Env, bindgen_prelude::Unknown, sys};
use tokio::sync::{oneshot, watch};

use super::{
    check,
    custom::{FunctionReference, Question, Questions},
    values::{CANCELED, CallOptions, Reply, resolve, set_cause, to_error, to_value},
};
use os_secrets::{
    bounds::Bounds,
    error::Error,
    executor::{StartOn, executor},
    sync::lock,
};

/// What a call on an opened store holds until its promise is about to settle.
pub type Held = Option<watch::Receiver<()>>;

/// Starts a call and returns its promise.
pub fn start<F>(
    env: Env,
    options: CallOptions,
    held: Held,
    call: impl FnOnce(CallOptions, Bounds) -> F,
) -> napi::Result<Unknown<'static>>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    start_on(env, options, held, StartOn::IoThread, call)
}

/// As [`start`]. The call starts on the given thread, or on the I/O thread if it has bounds: a signal may fire before it
/// begins. It starts on this thread only if no other call of the environment is pending.
pub fn start_on<F>(
    env: Env,
    options: CallOptions,
    held: Held,
    on: StartOn,
    call: impl FnOnce(CallOptions, Bounds) -> F,
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
    let token = options.token;
    let has_bounds = token > 0 || options.timeout > 0;
    let is_alone = port.pending.get() == 1;
    let on = if has_bounds || (on == StartOn::Caller && !is_alone) { StartOn::IoThread } else { on };
    let bounds = Bounds {
        timeout: (options.timeout > 0).then(|| Duration::from_millis(options.timeout.into())),
        canceled: (token > 0).then(|| port.cancelable(token)),
    };
    let deferred = Some(Deferred { raw: deferred, token });
    let ticket = Ticket { mailbox: Arc::clone(&port.mailbox), deferred, _held: held };
    let call = Box::pin(call(options, bounds));
    match executor() {
        Ok(executor) => executor.start(on, settle_unless_ended(call, ticket, port.life())),
        Err(error) => ticket.settle(Err(error)),
    }
    // SAFETY: `promise` was made in this environment and is returned to it at once.
    Ok(unsafe { Unknown::from_raw_unchecked(env, promise) })
}

/// Settles a call's promise with its outcome. If the environment ends before, the call is given up, with its prompt.
///
/// The call is behind a pointer, so that this is compiled once.
async fn settle_unless_ended(
    call: Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>,
    ticket: Ticket,
    mut life: watch::Receiver<()>,
) {
    tokio::select! {
        biased;
        // First, so that a call that has not begun when the environment ends does not begin.
        _ = life.changed() => {}
        outcome = call => ticket.settle(outcome),
    }
}

/// The resolvers of a promise. Other threads only carry it; it is used on its own thread.
pub struct Deferred {
    raw: sys::napi_deferred,
    /// The token that cancels its call; 0 for none.
    token: u32,
}

// SAFETY: a deferred is an opaque pointer, and other threads do not dereference it.
unsafe impl Send for Deferred {}

/// The duty to settle one promise. If it is dropped without an outcome, the promise rejects.
struct Ticket {
    mailbox: Arc<Mailbox>,
    deferred: Option<Deferred>,
    /// Dropped when the outcome is in the mailbox.
    _held: Held,
}

impl Ticket {
    fn settle(mut self, outcome: Result<Reply, Error>) {
        self.post(outcome);
    }

    fn post(&mut self, outcome: Result<Reply, Error>) {
        if let Some(deferred) = self.deferred.take() {
            self.mailbox.post(Letter::Outcome(deferred, outcome));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.post(Err(Error::Internal("the call ended without an outcome".into())));
    }
}

/// What waits for the thread of an environment.
pub enum Letter {
    /// The outcome of a call.
    Outcome(Deferred, Result<Reply, Error>),
    /// A question to a function of the program.
    Ask(Question),
    /// No question will be asked by this function any more.
    Forget(FunctionReference),
}

/// What waits for the thread of an environment, in its order.
#[derive(Default)]
pub struct Mailbox(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    letters: Vec<Letter>,
    bell: Option<Bell>,
    /// Whether the bell has been rung since the mailbox was emptied.
    rung: bool,
}

/// The thread-safe function that wakes the environment's thread.
struct Bell(sys::napi_threadsafe_function);

// SAFETY: thread-safe functions may be called from any thread until they are released. The mailbox forgets its own,
// under its lock, before that.
unsafe impl Send for Bell {}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        lock(&self.0)
    }

    /// Posts a letter. It is dropped if the environment has ended.
    pub fn post(&self, letter: Letter) {
        let mut contents = self.lock();
        // Without a bell, the environment has ended and its promises are gone.
        let Contents { letters, bell: Some(bell), rung } = &mut *contents else { return };
        letters.push(letter);
        // One ring serves all letters that are in the mailbox when the thread empties it.
        if !*rung {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: the bell is not released while the mailbox holds it, and the lock is held.
            let status = unsafe { sys::napi_call_threadsafe_function(bell.0, ptr::null_mut(), mode) };
            *rung = status == sys::Status::napi_ok;
        }
    }
}

/// The addon's state in one environment, held as its instance data.
pub struct Port {
    mailbox: Arc<Mailbox>,
    bell: sys::napi_threadsafe_function,
    pending: Cell<usize>,
    /// Dropped when the environment ends. Its calls hold receivers.
    life: RefCell<Option<watch::Sender<()>>>,
    pub cancels: RefCell<HashMap<u32, oneshot::Sender<()>>>,
    pub questions: Questions,
    /// The function of [`Port::reject_with`]; null without one.
    rejecting: Cell<sys::napi_ref>,
}

impl Port {
    /// The port of an environment, made at its first call.
    pub fn of(env: sys::napi_env) -> napi::Result<&'static Self> {
        let mut data = ptr::null_mut();
        // SAFETY: `env` is the environment that called us, on its own thread.
        check(unsafe { sys::napi_get_instance_data(env, &mut data) })?;
        if data.is_null() {
            data = Self::open(env)?.cast();
        }
        // SAFETY: the instance data of this module is always a `Port`, boxed by `open`, and is not
        // freed before the environment ends; the caller runs in that environment.
        Ok(unsafe { &*data.cast::<Self>() })
    }

    fn open(env: sys::napi_env) -> napi::Result<*mut Self> {
        let (mut label, mut bell) = (ptr::null_mut(), ptr::null_mut());
        let name = c"os-secrets";
        let port = Box::into_raw(Box::new(Self {
            mailbox: Arc::default(),
            bell: ptr::null_mut(),
            pending: Cell::new(0),
            life: RefCell::new(Some(watch::Sender::new(()))),
            cancels: RefCell::default(),
            questions: Questions::default(),
            rejecting: Cell::new(ptr::null_mut()),
        }));
        // SAFETY: `env` is ours as above; `port` lives until `free_port`, which the environment calls
        // at its very end, after `close_port`. If a step fails, the earlier ones are leaked.
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
            // A new function keeps the environment alive. Only pending calls may do that.
            check(sys::napi_unref_threadsafe_function(env, bell))?;
            check(sys::napi_add_env_cleanup_hook(env, Some(close_port), port.cast()))?;
            // Last, because instance data counts as complete.
            check(sys::napi_set_instance_data(env, port.cast(), Some(free_port), ptr::null_mut()))?;
        }
        Ok(port)
    }

    /// The mailbox of the environment.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// A receiver whose `changed` returns when the environment ends.
    pub fn life(&self) -> watch::Receiver<()> {
        match &*self.life.borrow() {
            Some(life) => life.subscribe(),
            // The sender is dropped here, so `changed` returns at once.
            None => watch::Sender::new(()).subscribe(),
        }
    }

    /// Makes a call cancelable by a token.
    fn cancelable(&self, token: u32) -> oneshot::Receiver<()> {
        let (cancel, canceled) = oneshot::channel();
        if token == CANCELED {
            // The receiver is below.
            let _ = cancel.send(());
        } else {
            self.cancels.borrow_mut().insert(token, cancel);
        }
        canceled
    }

    /// Sets the function that makes the promise with which the promise of a failed call is resolved.
    pub fn reject_with(&self, env: sys::napi_env, function: sys::napi_value) -> napi::Result<()> {
        let mut reference = ptr::null_mut();
        // SAFETY: `env` is the port's own, on its thread, and `function` is a value of it.
        check(unsafe { sys::napi_create_reference(env, function, 1, &mut reference) })?;
        let before = self.rejecting.replace(reference);
        if !before.is_null() {
            // SAFETY: the reference was made above, in this environment, and is not used any more.
            check(unsafe { sys::napi_delete_reference(env, before) })?;
        }
        Ok(())
    }

    /// A promise that rejects with this error, made by the function of [`Port::reject_with`]. `None` without one, and if
    /// it fails.
    ///
    /// # Safety
    ///
    /// Call it on the environment's thread, with its live `env`.
    unsafe fn make_rejection(&self, env: sys::napi_env, error: sys::napi_value) -> Option<sys::napi_value> {
        let reference = self.rejecting.get();
        if reference.is_null() {
            return None;
        }
        let (mut function, mut this, mut promise) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: by this function's contract; the reference is one of this environment and keeps its function alive.
        unsafe {
            check(sys::napi_get_reference_value(env, reference, &mut function)).ok()?;
            check(sys::napi_get_undefined(env, &mut this)).ok()?;
            match check(sys::napi_call_function(env, this, function, 1, &error, &mut promise)) {
                Ok(()) => Some(promise),
                Err(_) => {
                    // An exception would be reported as one that nobody has caught.
                    sys::napi_get_and_clear_last_exception(env, &mut this);
                    None
                }
            }
        }
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

    /// Lets the environment end if no call is pending.
    fn settled(&self, env: sys::napi_env, count: usize) {
        self.pending.set(self.pending.get() - count);
        if count > 0 && self.pending.get() == 0 {
            // SAFETY: as in `expect_one`. It fails only in an environment that is ending anyway.
            unsafe { sys::napi_unref_threadsafe_function(env, self.bell) };
        }
    }
}

/// Takes the letters out of the mailbox. Runs on the environment's thread, once per ring of the bell.
unsafe extern "C" fn empty_mailbox(
    env: sys::napi_env,
    _function: sys::napi_value,
    port: *mut c_void,
    _data: *mut c_void,
) {
    // `env` is null if the environment is ending.
    if env.is_null() {
        return;
    }
    // SAFETY: the context given to the bell is its environment's `Port`, which outlives it.
    let port = unsafe { &*port.cast::<Port>() };
    let letters = {
        let mut contents = port.mailbox.lock();
        contents.rung = false;
        mem::take(&mut contents.letters)
    };
    let mut settled = 0;
    for letter in letters {
        match letter {
            Letter::Outcome(deferred, outcome) => {
                port.cancels.borrow_mut().remove(&deferred.token);
                settle(env, port, deferred, outcome);
                settled += 1;
            }
            // SAFETY: `env` is the port's own and alive, and this is its thread.
            Letter::Ask(question) => unsafe { port.questions.ask(env, question) },
            // SAFETY: as above. The store that asked by this function is gone, and its questions came before.
            Letter::Forget(function) => unsafe { function.delete(env) },
        }
    }
    port.settled(env, settled);
}

/// Gives up the calls of an environment that ends, and forgets its bell.
unsafe extern "C" fn close_port(port: *mut c_void) {
    // SAFETY: the hook was added with the environment's `Port`, which is freed after all hooks.
    let port = unsafe { &*port.cast::<Port>() };
    drop(port.life.take());
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

/// Settles one promise. It fails only if the environment is ending.
fn settle(env: sys::napi_env, port: &Port, deferred: Deferred, outcome: Result<Reply, Error>) {
    // SAFETY: called on the environment's thread with a live `env`, and for each deferred once.
    unsafe {
        match outcome {
            Ok(reply) => {
                if let Some(value) = to_value(env, &reply) {
                    resolve(env, deferred.raw, value);
                }
            }
            Err(error) => {
                let Some(mut value) = to_error(env, &error) else { return };
                let thrown =
                    error.provider_question().and_then(|number| port.questions.take_thrown(env, number));
                match thrown {
                    Some((thrown, true)) => value = thrown,
                    Some((thrown, false)) => set_cause(env, value, thrown),
                    None => {}
                }
                match port.make_rejection(env, value) {
                    Some(promise) => sys::napi_resolve_deferred(env, deferred.raw, promise),
                    None => sys::napi_reject_deferred(env, deferred.raw, value),
                };
            }
        }
    }
}
