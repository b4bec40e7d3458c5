//! Access control objects (SecAccess.h, SecACL.h) that are not part of an item yet. Each is a dictionary of Core
//! Foundation, so that the caller can hold and release it as the real one.

use std::{ffi::c_void, mem, ptr};

use core_foundation::{
    array::{CFArray, CFArrayRef},
    base::{CFType, CFTypeRef, TCFType, ToVoid},
    dictionary::{CFDictionary, CFDictionarySetValue, CFMutableDictionary, CFMutableDictionaryRef},
    string::{CFString, CFStringRef},
};

use crate::{
    constants::kSecACLAuthorizationDecrypt,
    objects::watch,
    status::{PARAMETER, SUCCESS, Status},
    world,
};

/// The keys of the dictionaries: the entries of an object; the applications of an entry, which are all if there are none;
/// and its description.
const ENTRIES: &str = "entries";
const APPLICATIONS: &str = "applications";
const DESCRIPTION: &str = "description";

/// `CSSM_ACL_KEYCHAIN_PROMPT_REQUIRE_PASSPHRASE` and others: any value that the caller has to give back.
const PROMPT: u16 = 0x0130;

/// The applications that an access control object lets decrypt. `None` means all.
pub fn applications(access: &CFType) -> Option<Vec<String>> {
    let access = access.downcast::<CFDictionary>().expect("kSecAttrAccess is an access control object");
    let entries =
        find(&access, ENTRIES).and_then(|entries| entries.downcast::<CFArray>()).expect("it has entries");
    // SAFETY: the array holds objects of Core Foundation, which live as long as the array.
    let entry = unsafe { CFType::wrap_under_get_rule(*entries.get(0).expect("it has an entry")) };
    let entry = entry.downcast::<CFDictionary>().expect("an entry is a dictionary");
    let applications = find(&entry, APPLICATIONS)?.downcast::<CFArray>().expect("they are a list");
    // SAFETY: as above; they are texts.
    Some(
        applications
            .iter()
            .map(|path| unsafe { CFString::wrap_under_get_rule(path.cast()) }.to_string())
            .collect(),
    )
}

fn find(dictionary: &CFDictionary, key: &str) -> Option<CFType> {
    let value = *dictionary.find(CFString::new(key).to_void())?;
    // SAFETY: the dictionary holds objects of Core Foundation.
    Some(unsafe { CFType::wrap_under_get_rule(value) })
}

/// Makes an object that trusts the calling application alone, as the real function does without a list.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecAccessCreate(
    descriptor: CFStringRef,
    trusted: CFArrayRef,
    access: *mut *mut c_void,
) -> Status {
    if let Some(status) = world::failure_of("SecAccessCreate") {
        return status;
    }
    if descriptor.is_null() || access.is_null() {
        return PARAMETER;
    }
    assert!(trusted.is_null(), "the model knows no list of applications here");
    let own = CFArray::from_CFTypes(&[CFString::new(&world::executable())]);
    let mut entry = CFMutableDictionary::<CFString, CFType>::new();
    entry.set(CFString::from_static_string(APPLICATIONS), own.into_CFType());
    // SAFETY: by this function's contract, it is a live text.
    let description = unsafe { CFString::wrap_under_get_rule(descriptor) };
    entry.set(CFString::from_static_string(DESCRIPTION), description.into_CFType());
    let mut object = CFMutableDictionary::<CFString, CFType>::new();
    let entries = CFArray::from_CFTypes(&[entry.into_CFType()]);
    object.set(CFString::from_static_string(ENTRIES), entries.into_CFType());
    // SAFETY: the result can be written. The caller gets our reference.
    unsafe { *access = hand_out(object.into_CFType(), "the result of SecAccessCreate").cast_mut().cast() };
    SUCCESS
}

/// Copies the list of an object's entries.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecAccessCopyMatchingACLList(
    access: *mut c_void,
    authorization: CFTypeRef,
) -> CFArrayRef {
    if world::failure_of("SecAccessCopyMatchingACLList").is_some() || access.is_null() {
        return ptr::null();
    }
    // SAFETY: by this function's contract, both are live objects.
    unsafe {
        assert!(
            authorization == kSecACLAuthorizationDecrypt.cast(),
            "the model knows only this authorization"
        );
        let access = CFDictionary::wrap_under_get_rule(access.cast_const().cast());
        let entries =
            find(&access, ENTRIES).and_then(|entries| entries.downcast::<CFArray>()).expect("it has entries");
        let entries: Vec<CFType> = entries.iter().map(|entry| CFType::wrap_under_get_rule(*entry)).collect();
        hand_out(CFArray::from_CFTypes(&entries).into_CFType(), "the result of SecAccessCopyMatchingACLList")
            .cast()
    }
}

/// Copies what an entry says.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecACLCopyContents(
    acl: *mut c_void,
    applications: *mut CFArrayRef,
    description: *mut CFStringRef,
    prompt: *mut u16,
) -> Status {
    if let Some(status) = world::failure_of("SecACLCopyContents") {
        return status;
    }
    // SAFETY: by this function's contract, the entry is live, and the results can be written.
    unsafe {
        let entry = CFDictionary::wrap_under_get_rule(acl.cast_const().cast());
        let copy = |key, origin| find(&entry, key).map_or(ptr::null(), |value| hand_out(value, origin));
        *applications = copy(APPLICATIONS, "the applications of SecACLCopyContents").cast();
        *description = copy(DESCRIPTION, "the description of SecACLCopyContents").cast();
        *prompt = PROMPT;
    }
    SUCCESS
}

/// Changes an entry.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecACLSetContents(
    acl: *mut c_void,
    applications: CFArrayRef,
    description: CFStringRef,
    prompt: u16,
) -> Status {
    if let Some(status) = world::failure_of("SecACLSetContents") {
        return status;
    }
    assert!(applications.is_null(), "the model knows no list of applications here");
    if description.is_null() || prompt != PROMPT {
        return PARAMETER;
    }
    let (applications, key) = (CFString::new(APPLICATIONS), CFString::new(DESCRIPTION));
    let entry: CFMutableDictionaryRef = acl.cast();
    // SAFETY: by this function's contract, the entry is live, and so is the text.
    unsafe {
        core_foundation::dictionary::CFDictionaryRemoveValue(entry, applications.to_void());
        CFDictionarySetValue(entry, key.to_void(), description.cast());
    }
    SUCCESS
}

/// Hands an object out: the caller gets our reference, and the model watches what becomes of it.
pub fn hand_out(object: CFType, origin: &'static str) -> CFTypeRef {
    let reference = object.as_CFTypeRef();
    // SAFETY: the object is live.
    unsafe { watch(reference, origin, false) };
    mem::forget(object);
    reference
}
