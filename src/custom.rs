//! Stores that a program provides as JavaScript functions.
//!
//! A call posts a question to the environment that has opened the store. There, a function of the shim calls the
//! program's, and answers with one of [`answer_question`], [`refuse_answer`] and [`fail_question`].

use std::{cell::RefCell, collections::HashMap, future::Future, ptr, sync::Arc};

use napi::{
    Env, JsValue,
    bindgen_prelude::{External, Object, Unknown},
    sys,
};
use napi_derive::napi;
use tokio::{sync::oneshot, time::timeout_at};

use super::{
    check,
    opened::Opened,
    port::{Letter, Mailbox, Port},
    values::{Value, bytes, string},
};
use os_secrets::{
    credential::{Key, Secret},
    error::{Effect, Error},
    progress::Progress,
    store::{self, Call, SetOptions, Store, credential_lock::LockDomain},
};

/// What a program's function has answered, as far as its method has an answer.
struct Answer {
    value: Option<Secret>,
    flag: bool,
    keys: Vec<Key>,
}

/// A question to a program's function. It waits in the mailbox of the environment.
pub struct Question {
    function: FunctionReference,
    method: &'static str,
    key: Option<Key>,
    value: Option<Secret>,
    answer: oneshot::Sender<Result<Answer, Error>>,
}

/// A reference to a function of an environment. Other threads only carry it.
#[derive(Clone, Copy)]
pub struct FunctionReference(sys::napi_ref);

// SAFETY: a reference is an opaque pointer, and only the environment's own thread uses it.
unsafe impl Send for FunctionReference {}
// SAFETY: as above.
unsafe impl Sync for FunctionReference {}

impl FunctionReference {
    /// Deletes the reference.
    ///
    /// # Safety
    ///
    /// Call it on the environment's thread, with its live `env`, once, and after the last question with it.
    pub unsafe fn delete(self, env: sys::napi_env) {
        // SAFETY: by this function's contract.
        unsafe { sys::napi_delete_reference(env, self.0) };
    }
}

/// The questions of an environment that its program's functions have not answered yet, and why others failed.
#[derive(Default)]
pub struct Questions {
    last: RefCell<u32>,
    asked: RefCell<HashMap<u32, oneshot::Sender<Result<Answer, Error>>>>,
    /// An array with the error that a function has thrown, by the number of its question.
    thrown: RefCell<HashMap<u32, Thrown>>,
}

struct Thrown {
    holder: sys::napi_ref,
    /// Whether the error is one of ours, which the caller gets as it is.
    is_own: bool,
}

impl Questions {
    /// Asks a question by calling the function of the shim. If the function fails, the call ends without an answer.
    ///
    /// # Safety
    ///
    /// Call it on the environment's thread, with its live `env`.
    pub unsafe fn ask(&self, env: sys::napi_env, question: Question) {
        // The call has ended meanwhile.
        if question.answer.is_closed() {
            return;
        }
        let number = self.last.borrow().wrapping_add(1);
        *self.last.borrow_mut() = number;
        self.asked.borrow_mut().insert(number, question.answer);
        // SAFETY: by this function's contract; all texts are copied.
        let called = unsafe {
            let (mut function, mut this, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            let mut id = ptr::null_mut();
            (|| {
                check(sys::napi_get_reference_value(env, question.function.0, &mut function)).ok()?;
                check(sys::napi_get_undefined(env, &mut this)).ok()?;
                check(sys::napi_create_uint32(env, number, &mut id)).ok()?;
                let text = |text: Option<&str>| match text {
                    Some(text) => string(env, text.as_bytes()),
                    None => Some(this),
                };
                let value = match question.value.as_ref().map(Secret::expose) {
                    None => this,
                    Some(value) if str::from_utf8(value).is_ok() => string(env, value)?,
                    Some(value) => bytes(env, value)?,
                };
                let (service, name) = question.key.as_ref().map(|key| (&*key.service, &*key.name)).unzip();
                let args = [id, string(env, question.method.as_bytes())?, text(service)?, text(name)?, value];
                let called =
                    sys::napi_call_function(env, this, function, args.len(), args.as_ptr(), &mut result);
                if called == sys::Status::napi_pending_exception {
                    sys::napi_get_and_clear_last_exception(env, &mut result);
                }
                check(called).ok()
            })()
        };
        if called.is_none() {
            self.asked.borrow_mut().remove(&number);
        }
    }

    /// The error that a program's function has thrown, and whether it is one of ours.
    ///
    /// # Safety
    ///
    /// As [`ask`](Self::ask).
    pub unsafe fn take_thrown(&self, env: sys::napi_env, number: u32) -> Option<(sys::napi_value, bool)> {
        let Thrown { holder, is_own } = self.thrown.borrow_mut().remove(&number)?;
        let (mut array, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: by this function's contract. The reference was made in this environment, and is not used any more.
        let got = unsafe {
            let got = check(sys::napi_get_reference_value(env, holder, &mut array))
                .and_then(|()| check(sys::napi_get_element(env, array, 0, &mut error)));
            sys::napi_delete_reference(env, holder);
            got
        };
        got.ok().map(|()| (error, is_own))
    }
}

/// A store that a program provides as functions.
struct CustomStore {
    mailbox: Arc<Mailbox>,
    function: FunctionReference,
    /// Whether the program has a function that lists.
    lists: bool,
    domain: LockDomain,
}

impl Drop for CustomStore {
    fn drop(&mut self) {
        self.mailbox.post(Letter::Forget(self.function));
    }
}

impl CustomStore {
    fn ask(
        &self,
        method: &'static str,
        key: Option<&Key>,
        value: Option<&Secret>,
        progress: &Progress,
    ) -> impl Future<Output = Result<Answer, Error>> {
        let (answer, answered) = oneshot::channel();
        let (function, key, value) = (self.function, key.cloned(), value.cloned());
        let deadline = store::settings().timeout.clone().map(|time| progress.deadline_or(time));
        async move {
            let (deadline, after) = deadline?;
            progress.sending();
            self.mailbox.post(Letter::Ask(Question { function, method, key, value, answer }));
            match timeout_at(deadline, answered).await {
                Err(_) => Err(Error::Timeout { after, at: Some(method), effect: Effect::None }),
                Ok(Err(_)) => Err(Error::Internal("a question to the provider got no answer".into())),
                Ok(Ok(answer)) => answer.inspect(|answer| match method {
                    "delete" if !answer.flag => progress.refused(),
                    _ => progress.done(),
                }),
            }
        }
    }
}

impl Store for CustomStore {
    fn get<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move { Ok(self.ask("get", Some(key), None, progress).await?.value) })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        _: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let value = store::check_credential(key, value)?;
            let method = if value.is_some() { "set" } else { "delete" };
            self.ask(method, Some(key), value, progress).await.map(drop)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move { Ok(self.ask("delete", Some(key), None, progress).await?.flag) })
    }

    fn has<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move { Ok(self.get(key, progress).await?.is_some()) })
    }

    fn list<'a>(&'a self, service: Option<&'a str>, progress: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            if !self.lists {
                return Err(Error::InvalidSetting(
                    "The provider has no function list. Add one that returns the service and the name of each credential"
                        .into(),
                ));
            }
            let mut keys = self.ask("list", None, None, progress).await?.keys;
            keys.retain(|key| service.is_none_or(|service| key.service == service));
            keys.sort();
            keys.dedup();
            Ok(keys)
        })
    }

    fn lock_domain<'a>(&'a self) -> Call<'a, LockDomain> {
        let domain = self.domain.clone();
        Box::pin(async { Ok(domain) })
    }
}

/// Opens a store that a program provides. `function` is called with the number of a question, the method, the service, the
/// name and the value; those that the method does not need are undefined. A value is a string, or a `Buffer` if it is not
/// UTF-8 text. `lists` says whether the method `list` is there.
#[napi]
pub fn open_custom(env: Env, function: Unknown, lists: bool) -> napi::Result<External<Opened>> {
    let port = Port::of(env.raw())?;
    let mut reference = ptr::null_mut();
    // SAFETY: `env` is the environment that called us, on its own thread, and `function` is a value of it.
    check(unsafe { sys::napi_create_reference(env.raw(), function.raw(), 1, &mut reference) })?;
    let function = FunctionReference(reference);
    let domain = LockDomain::new_in_process();
    let store = CustomStore { mailbox: port.mailbox(), function, lists, domain };
    Ok(Opened::custom(Arc::new(store)))
}

fn sender_of(env: Env, number: u32) -> napi::Result<Option<oneshot::Sender<Result<Answer, Error>>>> {
    Ok(Port::of(env.raw())?.questions.asked.borrow_mut().remove(&number))
}

/// Answers a question with what its method returns: a value, whether there was a credential, or services and names in turn.
#[napi]
pub fn answer_question(
    env: Env,
    number: u32,
    value: Option<Value>,
    flag: Option<bool>,
    keys: Option<Vec<String>>,
) -> napi::Result<()> {
    if let Some(sender) = sender_of(env, number)? {
        let keys = keys.unwrap_or_default();
        let (keys, _) = keys.as_chunks();
        let keys = keys.iter().map(|[service, name]| Key { service: service.clone(), name: name.clone() });
        let answer =
            Answer { value: value.map(|value| value.0), flag: flag == Some(true), keys: keys.collect() };
        // It fails if the call has ended meanwhile.
        let _ = sender.send(Ok(answer));
    }
    Ok(())
}

/// Answers a question whose function has returned something else than its method allows. `expected` says what it allows.
#[napi]
pub fn refuse_answer(env: Env, number: u32, method: String, expected: String) -> napi::Result<()> {
    if let Some(sender) = sender_of(env, number)? {
        let _ = sender.send(Err(Error::ProviderAnswer { method, expected }));
    }
    Ok(())
}

/// Answers a question whose function has thrown an error. `holder` is an array with that error. `is_own` says that the
/// error is one of ours.
#[napi]
pub fn fail_question(
    env: Env,
    number: u32,
    method: String,
    holder: Object,
    is_own: bool,
) -> napi::Result<()> {
    let questions = &Port::of(env.raw())?.questions;
    let sender = questions.asked.borrow_mut().remove(&number).filter(|sender| !sender.is_closed());
    let Some(sender) = sender else { return Ok(()) };
    let mut reference = ptr::null_mut();
    // SAFETY: `env` is the environment that called us, on its own thread, and `holder` is a value of it.
    check(unsafe { sys::napi_create_reference(env.raw(), holder.raw(), 1, &mut reference) })?;
    questions.thrown.borrow_mut().insert(number, Thrown { holder: reference, is_own });
    // If the call ends now, the error is kept until the environment ends.
    let _ = sender.send(Err(Error::Provider { method, number }));
    Ok(())
}
