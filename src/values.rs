//! Arguments, replies and errors: what JavaScript passes to the addon, and what it gets back.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

use napi::{Env, Status, bindgen_prelude::FromNapiValue, sys};

use super::check;
use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
};

/// The options that every call takes, as the shim passes them: `undefined`, or an array of the timeout in milliseconds
/// (0 for none), whether the call may ask the user, and a token to cancel it with (0 for none, [`CANCELED`] for a call
/// that was canceled before it began).
pub struct CallOptions {
    pub timeout: u32,
    pub interactive: bool,
    pub token: u32,
}

impl CallOptions {
    /// No timeout, no signal, and no prompt.
    pub const UNBOUNDED: Self = Self { timeout: 0, interactive: false, token: 0 };
}

/// The token of a call that was canceled before it began.
pub const CANCELED: u32 = u32::MAX;

impl FromNapiValue for CallOptions {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: this function's contract is that of the called one.
        let given = unsafe { Option::<(u32, bool, u32)>::from_napi_value(env, value) }?;
        let (timeout, interactive, token) = given.unwrap_or((0, true, 0));
        Ok(Self { timeout, interactive, token })
    }
}

/// A secret from JavaScript, a string or a `Uint8Array`. It is copied into a buffer that is wiped.
pub struct Value(pub Secret);

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
    // One byte more for the NUL that the runtime appends. Allocated once, because growing would leave copies behind.
    let mut bytes: Vec<u8> = vec![0; length + 1];
    let (buffer, size) = (bytes.as_mut_ptr().cast::<c_char>(), bytes.len());
    // SAFETY: as above, and `buffer` has room for `size` bytes.
    let status = unsafe { sys::napi_get_value_string_utf8(env, value, buffer, size, &mut length) };
    bytes.truncate(length);
    let secret = Secret::new(bytes);
    check(status).map(|()| secret)
}

/// What a call returns if it succeeds.
pub enum Reply {
    Nothing,
    Boolean(bool),
    /// UTF-8 text, or null.
    Text(Option<Secret>),
    /// Bytes, or null.
    Bytes(Option<Secret>),
    Keys(Vec<Key>),
    /// A new identity: the path of its file, and its recipient.
    Identity {
        path: String,
        recipient: String,
    },
}

pub unsafe fn to_value(env: sys::napi_env, reply: &Reply) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; the text is copied.
    let status = unsafe {
        match reply {
            Reply::Nothing => sys::napi_get_undefined(env, &mut value),
            Reply::Boolean(boolean) => sys::napi_get_boolean(env, *boolean, &mut value),
            Reply::Text(None) => sys::napi_get_null(env, &mut value),
            Reply::Bytes(None) => sys::napi_get_null(env, &mut value),
            Reply::Text(Some(text)) => return string(env, text.expose()),
            Reply::Bytes(Some(value)) => return bytes(env, value.expose()),
            Reply::Identity { path, recipient } => {
                return object(env, [(c"path", path), (c"recipient", recipient)]);
            }
            Reply::Keys(keys) => {
                let status = sys::napi_create_array_with_length(env, keys.len(), &mut value);
                for (index, key) in keys.iter().enumerate() {
                    let entry = object(env, [(c"service", &key.service), (c"name", &key.name)])?;
                    sys::napi_set_element(env, value, index as u32, entry);
                }
                status
            }
        }
    };
    (status == sys::Status::napi_ok).then_some(value)
}

/// Resolves a promise with a value.
///
/// A promise looks for a method `then` of every object that it is resolved with. If `Object.prototype` has one, that
/// method would get the object. So the object has a `then` of its own until the promise has looked.
pub unsafe fn resolve(env: sys::napi_env, deferred: sys::napi_deferred, value: sys::napi_value) {
    const THEN: &CStr = c"then";
    let (mut kind, mut undefined, mut then) = (0, ptr::null_mut(), ptr::null_mut());
    // SAFETY: the caller's `env`, deferred and value. The descriptor lives during the call that reads it.
    unsafe {
        let is_object = sys::napi_typeof(env, value, &mut kind) == sys::Status::napi_ok
            && kind == sys::ValueType::napi_object;
        if is_object {
            sys::napi_get_undefined(env, &mut undefined);
            let own = sys::napi_property_descriptor {
                utf8name: THEN.as_ptr(),
                name: ptr::null_mut(),
                method: None,
                getter: None,
                setter: None,
                value: undefined,
                attributes: sys::PropertyAttributes::configurable,
                data: ptr::null_mut(),
            };
            sys::napi_define_properties(env, value, 1, &own);
        }
        sys::napi_resolve_deferred(env, deferred, value);
        if is_object {
            sys::napi_create_string_utf8(env, THEN.as_ptr(), THEN.count_bytes() as isize, &mut then);
            sys::napi_delete_property(env, value, then, ptr::null_mut());
        }
    }
}

/// Throws a JavaScript error, a `TypeError` if an argument is wrong. The caller must return what this returns.
pub fn throw(env: Env, error: &Error) -> napi::Error {
    let env = env.raw();
    // SAFETY: `env` is the environment that called us, on its own thread; all texts are copied.
    unsafe {
        if error.code() != Code::InvalidArgument {
            if let Some(value) = to_error(env, error) {
                sys::napi_throw(env, value);
            }
        } else if let (Ok(code), Ok(message)) =
            (CString::new(error.code().as_str()), CString::new(error.to_string()))
        {
            sys::napi_throw_type_error(env, code.as_ptr(), message.as_ptr());
        }
    }
    napi::Error::new(Status::PendingException, "")
}

pub unsafe fn to_error(env: sys::napi_env, error: &Error) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; all strings are copied.
    unsafe {
        let code = string(env, error.code().as_str().as_bytes())?;
        let message = string(env, error.to_string().as_bytes())?;
        if sys::napi_create_error(env, code, message, &mut value) != sys::Status::napi_ok {
            return None;
        }
        for (name, text) in [(c"name", error.name()), (c"reason", Some(error.reason().as_str()))] {
            if let Some(text) = text {
                sys::napi_set_named_property(env, value, name.as_ptr(), string(env, text.as_bytes())?);
            }
        }
    }
    Some(value)
}

/// An object with properties that are texts.
unsafe fn object<const N: usize>(
    env: sys::napi_env,
    properties: [(&CStr, &String); N],
) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; all strings are copied.
    unsafe {
        check(sys::napi_create_object(env, &mut value)).ok()?;
        for (name, text) in properties {
            let text = string(env, text.as_bytes())?;
            check(sys::napi_set_named_property(env, value, name.as_ptr(), text)).ok()?;
        }
    }
    Some(value)
}

/// A `Buffer` with these bytes.
pub unsafe fn bytes(env: sys::napi_env, bytes: &[u8]) -> Option<sys::napi_value> {
    let (mut value, mut copy) = (ptr::null_mut(), ptr::null_mut());
    // Copied, because Electron's buffers cannot use memory that V8 did not allocate.
    // SAFETY: the caller's `env`; the runtime copies the bytes.
    let status = unsafe {
        sys::napi_create_buffer_copy(env, bytes.len(), bytes.as_ptr().cast(), &mut copy, &mut value)
    };
    (status == sys::Status::napi_ok).then_some(value)
}

/// Sets the `cause` of an error, which is not enumerable, as JavaScript's own is not.
pub unsafe fn set_cause(env: sys::napi_env, error: sys::napi_value, cause: sys::napi_value) {
    let cause = sys::napi_property_descriptor {
        utf8name: c"cause".as_ptr(),
        name: ptr::null_mut(),
        method: None,
        getter: None,
        setter: None,
        value: cause,
        attributes: sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable,
        data: ptr::null_mut(),
    };
    // SAFETY: the caller's `env` and values. The descriptor lives during the call that reads it.
    unsafe { sys::napi_define_properties(env, error, 1, &cause) };
}

/// A string of UTF-8 text.
pub unsafe fn string(env: sys::napi_env, text: &[u8]) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's `env`; the runtime copies `text.len()` bytes.
    let status =
        unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut value) };
    (status == sys::Status::napi_ok).then_some(value)
}
