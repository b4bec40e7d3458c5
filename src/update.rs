//! Updates of credentials. JavaScript begins an update, calls the program's function with the old value, and then stores
//! what the function returns or ends the update. The credential stays locked meanwhile.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use napi::{
    Env,
    bindgen_prelude::{External, Unknown},
};
use napi_derive::napi;
use tokio::sync::{oneshot, watch};

use super::{
    opened::{Opened, choice_of},
    port::{Held, Port, start},
    set_options,
    values::{CallOptions, Reply, Value},
};
use os_secrets::{
    credential::{Key, Secret},
    error::Error,
    executor::spawn,
    progress::Progress,
    store::{
        Choice, Store,
        credential_lock::{CredentialLock, LockPlace},
    },
    sync::lock,
};

/// An update. If it is garbage, or its environment ends, the credential is unlocked.
pub struct Update(Arc<UpdateState>);

struct UpdateState {
    /// `None` before the update has begun, and as soon as the program's function has returned.
    begun: Mutex<Option<Begun>>,
    /// The update whose function has called for this one.
    outer: Option<Arc<UpdateState>>,
}

/// An update whose function is running.
struct Begun {
    choice: Choice,
    key: Key,
    /// The value that the function gets.
    old: Option<Secret>,
    lock: CredentialLock,
    /// So that closing the store waits for the function.
    held: Held,
    /// Dropped with the rest, so that nothing waits for the end of the environment any more.
    _running: oneshot::Sender<()>,
}

impl UpdateState {
    /// Whether this update or one outside of it has a lock at this place.
    fn has_lock(&self, place: &LockPlace) -> bool {
        lock(&self.begun).as_ref().is_some_and(|begun| begun.lock.place() == place)
            || self.outer.as_ref().is_some_and(|outer| outer.has_lock(place))
    }

    /// Whether this update or one outside of it is a call on this store, whose function is running.
    fn is_call_on(&self, store: &Opened) -> bool {
        let calls = store.calls.subscribe();
        let is_call = |held: &Held| held.as_ref().is_some_and(|held| held.same_channel(&calls));
        lock(&self.begun).as_ref().is_some_and(|begun| is_call(&begun.held))
            || self.outer.as_ref().is_some_and(|outer| outer.is_call_on(store))
    }

    /// Unlocks the credential if the environment ends while the function is running. Not every runtime collects the
    /// garbage of an environment that ends.
    fn unlock_after(self: &Arc<Self>, mut life: watch::Receiver<()>) -> oneshot::Sender<()> {
        let (running, ended) = oneshot::channel();
        let state = Arc::downgrade(self);
        spawn(async move {
            tokio::select! {
                _ = life.changed() => {}
                _ = ended => return,
            }
            let begun = state.upgrade().and_then(|state| lock(&state.begun).take());
            if let Some(begun) = begun {
                begun.lock.release().await;
            }
        });
        running
    }

    /// Waits for the lock, and reads the old value. If another update has the lock for all of `timeout`, the error says
    /// so.
    async fn begin(
        self: &Arc<Self>,
        (choice, held): (Choice, Held),
        life: watch::Receiver<()>,
        key: Key,
        timeout: Option<Duration>,
        progress: &Progress,
        bytes: bool,
    ) -> Result<Reply, Error> {
        let start = Instant::now();
        let store = choice.store()?;
        let place = LockPlace::find(store, &key).await?;
        if self.has_lock(&place) {
            return Err(Error::NestedUpdate);
        }
        let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        let credential_lock = place.lock(left).await.map_err(|error| match (error, timeout) {
            (Error::LockTimeout { .. }, Some(after)) => Error::LockTimeout { after },
            (error, _) => error,
        })?;
        let read = store.get(&key, progress).await;
        let (old, reply) = match read.and_then(|old| Ok((old.clone(), to_reply(store, old, bytes)?))) {
            Ok(read) => read,
            Err(error) => {
                credential_lock.release().await;
                return Err(error);
            }
        };
        credential_lock.hold_for_function();
        let _running = self.unlock_after(life);
        *lock(&self.begun) = Some(Begun { choice, key, old, lock: credential_lock, held, _running });
        Ok(reply)
    }
}

fn to_reply(store: &dyn Store, value: Option<Secret>, bytes: bool) -> Result<Reply, Error> {
    match value {
        Some(value) if !bytes => store.as_text(value).map(|text| Reply::Text(Some(text))),
        value => Ok(Reply::Bytes(value)),
    }
}

/// Makes an update, which has not begun. `outer` is the update whose function is running, if there is one.
#[napi]
pub fn new_update(outer: Option<&External<Update>>) -> External<Update> {
    let outer = outer.map(|outer| Arc::clone(&outer.0));
    External::new(Update(Arc::new(UpdateState { begun: Mutex::default(), outer })))
}

/// Waits for the lock of a credential. Returns a promise of its value: a string, or a `Buffer` if `bytes` is true, or
/// null.
#[napi]
pub fn begin_update(
    env: Env,
    update: &External<Update>,
    store: Option<&External<Opened>>,
    service: String,
    name: String,
    options: CallOptions,
    bytes: bool,
) -> napi::Result<Unknown<'static>> {
    let (choice, held) = choice_of(store);
    let (state, key) = (Arc::clone(&update.0), Key { service, name });
    let life = Port::of(env.raw())?.life();
    start(env, options, held.clone(), move |options, bounds| async move {
        // Errors then say that nothing was changed.
        let progress = Progress::changing(options.interactive);
        let begin = state.begin((choice, held), life, key, bounds.timeout, &progress, bytes);
        bounds.run(&progress, begin).await
    })
}

/// Stores the new value of an update, and ends the update. An empty value deletes. Returns a promise of the stored value,
/// like [`begin_update`]. If another program that does not wait for locks has changed the credential meanwhile, nothing is
/// stored, the promise is of true, and [`reread_update`] must be called.
///
/// The timeout bounds this call alone. If the wait for the lock counted, too, the call could end too early, and lose a new
/// token after the old one was exchanged. `local` and `unrestricted` are as for `set`.
#[napi]
pub fn store_update(
    env: Env,
    update: &External<Update>,
    value: Value,
    options: CallOptions,
    bytes: bool,
    local: Option<bool>,
    unrestricted: Option<bool>,
) -> napi::Result<Unknown<'static>> {
    let (state, value) = (Arc::clone(&update.0), value.0);
    let begun = lock(&state.begun).take();
    let set_options = set_options(local, unrestricted);
    start(env, options, None, move |options, bounds| async move {
        let Some(begun) = begun else {
            return Err(Error::Internal("an update was ended twice".into()));
        };
        let progress = Progress::changing(options.interactive);
        let call = async {
            let store = begun.choice.store()?;
            store.replace(&begun.key, begun.old.as_ref(), &value, set_options, &progress).await
        };
        let stored = bounds.run(&progress, call).await;
        if stored == Ok(false) {
            *lock(&state.begun) = Some(begun);
            return Ok(Reply::Boolean(true));
        }
        begun.lock.release().await;
        stored?;
        let value = Some(value).filter(|value| !value.expose().is_empty());
        Ok(if bytes { Reply::Bytes(value) } else { Reply::Text(value) })
    })
}

/// Reads the value of an update again. Returns a promise of it, like [`begin_update`].
#[napi]
pub fn reread_update(
    env: Env,
    update: &External<Update>,
    options: CallOptions,
    bytes: bool,
) -> napi::Result<Unknown<'static>> {
    let state = Arc::clone(&update.0);
    let begun = lock(&state.begun).take();
    start(env, options, None, move |options, bounds| async move {
        let Some(mut begun) = begun else {
            return Err(Error::Internal("an update was ended too early".into()));
        };
        let progress = Progress::changing(options.interactive);
        let read = async {
            let store = begun.choice.store()?;
            let old = store.get(&begun.key, &progress).await?;
            Ok((old.clone(), to_reply(store, old, bytes)?))
        };
        match bounds.run(&progress, read).await {
            Ok((old, reply)) => {
                begun.old = old;
                *lock(&state.begun) = Some(begun);
                Ok(reply)
            }
            Err(error) => {
                begun.lock.release().await;
                Err(error)
            }
        }
    })
}

/// Whether the function of an update of this store is running, if it is `update`'s or that of an update outside of it.
/// Closing the store would wait for the function.
#[napi]
pub fn updates_store(update: &External<Update>, store: &External<Opened>) -> bool {
    update.0.is_call_on(store)
}

/// Returns the promise of a call that closes the store of an update from the update's function. It rejects.
#[napi]
pub fn close_in_update(env: Env) -> napi::Result<Unknown<'static>> {
    start(env, CallOptions::UNBOUNDED, None, |_, _| async { Err(Error::CloseInUpdate) })
}

/// Ends an update that changes nothing. Returns a promise of undefined.
#[napi]
pub fn end_update(env: Env, update: &External<Update>) -> napi::Result<Unknown<'static>> {
    let begun = lock(&update.0.begun).take();
    start(env, CallOptions::UNBOUNDED, None, |_, _| async move {
        if let Some(begun) = begun {
            begun.lock.release().await;
        }
        Ok(Reply::Nothing)
    })
}
