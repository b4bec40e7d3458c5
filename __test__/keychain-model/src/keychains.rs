//! The calls about keychains and the session: SecKeychain.h, AuthSession.h, and SecBase.h's messages.

use std::{
    ffi::{c_char, c_void},
    ptr,
    sync::atomic::Ordering,
};

use core_foundation::{
    base::TCFType,
    string::{CFString, CFStringRef},
};

use crate::{
    access_objects::hand_out,
    handles::{self, MAY_ASK},
    locks::{Of, hold},
    status::*,
    world,
};

/// `kSecUnlockStateStatus`, with those of reading and writing.
const UNLOCKED: u32 = 7;
/// That of reading.
const LOCKED: u32 = 2;
/// `sessionHasGraphicAccess`.
const HAS_DESKTOP: u32 = 0x10;

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecKeychainCopyDefault(keychain: *mut *mut c_void) -> Status {
    if let Some(status) = world::failure_of("SecKeychainCopyDefault") {
        return status;
    }
    let Some(path) = world::change(|world| world.default.clone()) else { return NO_DEFAULT_KEYCHAIN };
    // A reference to a keychain is its path.
    let reference = hand_out(CFString::new(&path).into_CFType(), "the result of SecKeychainCopyDefault");
    // SAFETY: by this function's contract, the result can be written.
    unsafe { *keychain = reference.cast_mut() };
    SUCCESS
}

unsafe fn path_of(keychain: *mut c_void) -> String {
    // SAFETY: by the contract of this function, it is what `SecKeychainCopyDefault` gave.
    unsafe { CFString::wrap_under_get_rule(keychain.cast_const().cast()) }.to_string()
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecKeychainGetStatus(keychain: *mut c_void, status: *mut u32) -> Status {
    if let Some(status) = world::failure_of("SecKeychainGetStatus") {
        return status;
    }
    // SAFETY: by this function's contract, it is a live reference.
    let path = unsafe { path_of(keychain) };
    let _keychain = hold(Of::Keychain(path.clone()));
    let found = world::change(|world| world.keychains.iter().find(|keychain| keychain.path == path).cloned());
    let locked = match found {
        None => return NO_SUCH_KEYCHAIN,
        Some(keychain) if keychain.missing => return NO_SUCH_KEYCHAIN,
        Some(keychain) if keychain.damaged => return INVALID_KEYCHAIN,
        Some(keychain) => keychain.locked,
    };
    handles::activate(&path);
    // SAFETY: by this function's contract, the result can be written.
    unsafe { *status = if locked { LOCKED } else { UNLOCKED } };
    SUCCESS
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecKeychainGetPath(
    keychain: *mut c_void,
    length: *mut u32,
    path: *mut c_char,
) -> Status {
    if let Some(status) = world::failure_of("SecKeychainGetPath") {
        return status;
    }
    // SAFETY: by this function's contract, the reference is live, and the buffer has room for as many bytes as
    // `length` says.
    unsafe {
        let text = path_of(keychain);
        assert!(text.len() < *length as usize, "the buffer is large enough");
        ptr::copy_nonoverlapping(text.as_ptr(), path.cast(), text.len());
        *path.add(text.len()) = 0;
        *length = text.len() as u32;
    }
    SUCCESS
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecKeychainGetUserInteractionAllowed(allowed: *mut u8) -> Status {
    // SAFETY: by this function's contract, the result can be written.
    unsafe { *allowed = MAY_ASK.load(Ordering::SeqCst).into() };
    SUCCESS
}

#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub extern "C" fn SecKeychainSetUserInteractionAllowed(allowed: u8) -> Status {
    MAY_ASK.store(allowed != 0, Ordering::SeqCst);
    SUCCESS
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SessionGetInfo(_: u32, id: *mut u32, attributes: *mut u32) -> Status {
    if let Some(status) = world::failure_of("SessionGetInfo") {
        return status;
    }
    let desktop = world::change(|world| world.desktop);
    // SAFETY: by this function's contract, the results can be written.
    unsafe {
        *id = 1;
        *attributes = if desktop { HAS_DESKTOP } else { 0 };
    }
    SUCCESS
}

#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub extern "C" fn SecCopyErrorMessageString(status: Status, _: *mut c_void) -> CFStringRef {
    let text = CFString::new(&format!("The model's message for {status}."));
    hand_out(text.into_CFType(), "the result of SecCopyErrorMessageString").cast()
}
