//! The calls of the Security framework, and what can go wrong with one.

use std::{
    ffi::{OsStr, c_char, c_void},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    ptr, slice,
};

use core_foundation::{
    array::{CFArray, CFArrayRef},
    base::{CFGetRetainCount, CFIndex, CFRelease, CFType, CFTypeRef, OSStatus, TCFType, kCFAllocatorDefault},
    boolean::CFBoolean,
    data::{
        CFData, CFDataAppendBytes, CFDataCreateMutable, CFDataGetBytePtr, CFDataGetLength,
        CFDataGetMutableBytePtr, CFMutableDataRef,
    },
    dictionary::{CFDictionary, CFDictionaryRef, CFMutableDictionary},
    string::{CFString, CFStringRef},
};
use security_framework_sys::{
    base::{SecAccessRef, SecCopyErrorMessageString, SecKeychainRef, errSecSuccess},
    item::{
        kSecAttrAccount, kSecAttrService, kSecClass, kSecClassGenericPassword, kSecMatchLimit,
        kSecMatchLimitAll, kSecReturnAttributes, kSecReturnData, kSecUseAuthenticationUI, kSecValueData,
    },
    keychain::{
        SecKeychainCopyDefault, SecKeychainGetUserInteractionAllowed, SecKeychainSetUserInteractionAllowed,
    },
    keychain_item::{SecItemAdd, SecItemCopyMatching, SecItemDelete, SecItemUpdate},
};
use zeroize::Zeroize;

use super::{
    query::{Names, Term},
    status::{self, DUPLICATE_ITEM, INTERNAL_COMPONENT, ITEM_NOT_FOUND},
};
use crate::{credential::Secret, error::Error};

/// An entry of an access control list (`SecACLRef`).
type AclRef = *const c_void;
/// When the person is asked for a password (`SecKeychainPromptSelector`).
type PromptSelector = u16;

/// `kSecUnlockStateStatus`.
const UNLOCKED: u32 = 1;
/// `callerSecuritySession`.
const OWN_SESSION: u32 = u32::MAX;
/// `sessionHasGraphicAccess`.
const HAS_DESKTOP: u32 = 0x10;

// What the bindings do not have.
#[link(name = "Security", kind = "framework")]
unsafe extern "C" {
    static kSecAttrAccess: CFStringRef;
    static kSecACLAuthorizationDecrypt: CFStringRef;
    static kSecUseAuthenticationUIFail: CFStringRef;

    fn SecAccessCreate(descriptor: CFStringRef, trusted: CFArrayRef, access: *mut SecAccessRef) -> OSStatus;
    fn SecAccessCopyMatchingACLList(access: SecAccessRef, authorization: CFTypeRef) -> CFArrayRef;
    fn SecACLCopyContents(
        acl: AclRef,
        applications: *mut CFArrayRef,
        description: *mut CFStringRef,
        prompt: *mut PromptSelector,
    ) -> OSStatus;
    fn SecACLSetContents(
        acl: AclRef,
        applications: CFArrayRef,
        description: CFStringRef,
        prompt: PromptSelector,
    ) -> OSStatus;
    fn SecKeychainGetStatus(keychain: SecKeychainRef, status: *mut u32) -> OSStatus;
    fn SecKeychainGetPath(keychain: SecKeychainRef, length: *mut u32, path: *mut c_char) -> OSStatus;
    fn SessionGetInfo(session: u32, id: *mut u32, attributes: *mut u32) -> OSStatus;
}

/// A value on its way to Keychain, which is wiped afterwards.
struct Value(CFMutableDataRef);

impl Value {
    fn new(secret: &Secret) -> Result<Self, Error> {
        let bytes = secret.expose();
        // SAFETY: it has no preconditions. With a capacity it does not grow, and leaves no copies behind.
        let data = unsafe { CFDataCreateMutable(kCFAllocatorDefault, bytes.len() as CFIndex) };
        if data.is_null() {
            return Err(failure("CFDataCreateMutable", INTERNAL_COMPONENT));
        }
        // SAFETY: the bytes can be read, and there is room for so many.
        unsafe { CFDataAppendBytes(data, bytes.as_ptr(), bytes.len() as CFIndex) };
        Ok(Self(data))
    }

    fn as_type(&self) -> CFType {
        // SAFETY: it is an object of Core Foundation, which the other refers to as well from here on.
        unsafe { CFType::wrap_under_get_rule(self.0.cast_const().cast()) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the object is ours, made to be written to, and the bytes are as many as it says.
        unsafe {
            let size = CFDataGetLength(self.0) as usize;
            if size > 0 {
                slice::from_raw_parts_mut(CFDataGetMutableBytePtr(self.0), size).zeroize();
            }
            CFRelease(self.0.cast_const().cast());
        }
    }
}

/// A query as the system takes it.
struct Prepared {
    // Dropped first, so that nothing refers to the value when that is wiped.
    dictionary: CFMutableDictionary<CFString, CFType>,
    _value: Option<Value>,
}

impl Prepared {
    fn new(query: &[Term]) -> Result<Self, Error> {
        let mut dictionary = CFMutableDictionary::new();
        let mut held = None;
        for term in query {
            // SAFETY: these are constants of the framework, which live as long as the process.
            let (key, value) = unsafe {
                match term {
                    Term::GenericPassword => (kSecClass, constant(kSecClassGenericPassword)),
                    Term::Service(service) => (kSecAttrService, CFString::new(service).into_CFType()),
                    Term::Account(account) => (kSecAttrAccount, CFString::new(account).into_CFType()),
                    Term::Value(secret) => (kSecValueData, held.insert(Value::new(secret)?).as_type()),
                    Term::TrustsAll(description) => (kSecAttrAccess, open_access(description)?),
                    Term::ReturnData => (kSecReturnData, CFBoolean::true_value().into_CFType()),
                    Term::ReturnAttributes => (kSecReturnAttributes, CFBoolean::true_value().into_CFType()),
                    Term::MatchAll => (kSecMatchLimit, constant(kSecMatchLimitAll)),
                    Term::NeverAsk => (kSecUseAuthenticationUI, constant(kSecUseAuthenticationUIFail)),
                }
            };
            // SAFETY: as above.
            dictionary.set(unsafe { CFString::wrap_under_get_rule(key) }, value);
        }
        Ok(Self { dictionary, _value: held })
    }

    fn as_ref(&self) -> CFDictionaryRef {
        self.dictionary.as_concrete_TypeRef().cast_const()
    }
}

/// A constant of the framework.
///
/// # Safety
///
/// It is one.
unsafe fn constant(text: CFStringRef) -> CFType {
    // SAFETY: by this function's contract, it is a text that lives.
    unsafe { CFString::wrap_under_get_rule(text) }.into_CFType()
}

/// An access control that trusts every application with the value.
///
/// `SecAccessCreate` without a list of applications makes one that trusts the application that calls it and no
/// other. What it says of decrypting is opened here, as `security add-generic-password -A` does it.
fn open_access(description: &str) -> Result<CFType, Error> {
    let description = CFString::new(description);
    let mut access = ptr::null_mut();
    // SAFETY: the text is one, no list is needed, and the place can be written to.
    let status = unsafe { SecAccessCreate(description.as_concrete_TypeRef(), ptr::null(), &mut access) };
    check("SecAccessCreate", status)?;
    // SAFETY: it has made an object, which is ours.
    let owned = unsafe { CFType::wrap_under_create_rule(access.cast_const().cast()) };
    // SAFETY: both are objects of the kinds that it takes.
    let list = unsafe { SecAccessCopyMatchingACLList(access, kSecACLAuthorizationDecrypt.cast()) };
    if list.is_null() {
        return Err(Error::Malformed("a new access control without entries".into()));
    }
    // SAFETY: it has copied a list, which is ours.
    let list: CFArray<*const c_void> = unsafe { CFArray::wrap_under_create_rule(list) };
    for acl in &list {
        open(*acl)?;
    }
    Ok(owned)
}

/// Has an entry of an access control list let every application do what it is about.
fn open(acl: AclRef) -> Result<(), Error> {
    let (mut applications, mut description, mut prompt) = (ptr::null(), ptr::null(), 0);
    // SAFETY: the list that it is from lives, and the places can be written to.
    let status = unsafe { SecACLCopyContents(acl, &mut applications, &mut description, &mut prompt) };
    // SAFETY: what it has copied is ours, and is null where there is none.
    let (_applications, described) = unsafe { (owned(applications.cast()), owned(description.cast())) };
    check("SecACLCopyContents", status)?;
    let empty = CFString::new("");
    let description = if described.is_some() { description } else { empty.as_concrete_TypeRef() };
    // SAFETY: as above; no list of applications means all of them.
    check("SecACLSetContents", unsafe { SecACLSetContents(acl, ptr::null(), description, prompt) })
}

/// Takes over what the system has given; `None` where that is nothing.
///
/// # Safety
///
/// It is null, or an object that is ours to release.
unsafe fn owned(given: CFTypeRef) -> Option<CFType> {
    // SAFETY: by this function's contract.
    (!given.is_null()).then(|| unsafe { CFType::wrap_under_create_rule(given) })
}

/// What a query finds; `None` where there is nothing.
fn find(query: &[Term]) -> Result<Option<CFType>, Error> {
    let prepared = Prepared::new(query)?;
    let mut given = ptr::null();
    // SAFETY: the dictionary lives, and the place can be written to.
    let status = unsafe { SecItemCopyMatching(prepared.as_ref(), &mut given) };
    // SAFETY: what it has copied is ours.
    let found = unsafe { owned(given) };
    match status {
        ITEM_NOT_FOUND => Ok(None),
        _ => check("SecItemCopyMatching", status)
            .and_then(|()| found.ok_or(Error::Malformed("without what it has found".into())).map(Some)),
    }
}

/// The value of the item that a query finds; `None` where there is none.
pub fn value(query: &[Term]) -> Result<Option<Secret>, Error> {
    let Some(found) = find(query)? else { return Ok(None) };
    let data = found.downcast_into::<CFData>().ok_or(Error::Malformed("a value that is no data".into()))?;
    Ok(Some(take(data)))
}

/// Copies data that was made for us, and wipes it there.
fn take(data: CFData) -> Secret {
    let size = data.len() as usize;
    if size == 0 {
        return Secret::new(Vec::new());
    }
    let secret = Secret::new(data.bytes().to_vec());
    // SAFETY: the object lives. Its bytes are on the heap, because the framework makes it by copying what it has
    // decrypted, and where nobody else refers to it, nobody else reads them.
    unsafe {
        if CFGetRetainCount(data.as_CFTypeRef()) == 1 {
            slice::from_raw_parts_mut(CFDataGetBytePtr(data.as_concrete_TypeRef()).cast_mut(), size)
                .zeroize();
        }
    }
    secret
}

/// What each item that a query finds is called.
pub fn attributes(query: &[Term]) -> Result<Vec<Names>, Error> {
    let Some(found) = find(query)? else { return Ok(Vec::new()) };
    if let Some(items) = found.downcast::<CFArray>() {
        // SAFETY: what is in the array is an object of Core Foundation, which lives as long as that.
        let items = items.iter().map(|item| unsafe { CFType::wrap_under_get_rule(*item) });
        return Ok(items
            .filter_map(|item| item.downcast::<CFDictionary>())
            .map(|item| names(&item))
            .collect());
    }
    // Where one is wanted, there is no array.
    Ok(found.downcast::<CFDictionary>().iter().map(names).collect())
}

fn names(item: &CFDictionary) -> Names {
    // SAFETY: these are constants of the framework.
    let (service, account) = unsafe { (kSecAttrService, kSecAttrAccount) };
    Names { service: text(item, service), account: text(item, account) }
}

fn text(item: &CFDictionary, key: CFStringRef) -> Option<String> {
    let value = *item.find(key.cast::<c_void>())?;
    // SAFETY: what is in the dictionary is an object of Core Foundation, which lives as long as that.
    let value = unsafe { CFType::wrap_under_get_rule(value) };
    let text = value.downcast::<CFString>()?;
    let copied = text.to_string();
    // Copied as a text of C, it ends at its first NUL.
    (copied.encode_utf16().count() == text.char_len() as usize).then_some(copied)
}

/// Adds an item; whether there was none yet.
pub fn add(query: &[Term]) -> Result<bool, Error> {
    let prepared = Prepared::new(query)?;
    // SAFETY: the dictionary lives, and no result is wanted.
    match unsafe { SecItemAdd(prepared.as_ref(), ptr::null_mut()) } {
        DUPLICATE_ITEM => Ok(false),
        status => check("SecItemAdd", status).map(|()| true),
    }
}

/// Changes the item that a query finds; whether there is one.
pub fn update(query: &[Term], change: &[Term]) -> Result<bool, Error> {
    let (query, change) = (Prepared::new(query)?, Prepared::new(change)?);
    // SAFETY: the dictionaries live.
    found("SecItemUpdate", unsafe { SecItemUpdate(query.as_ref(), change.as_ref()) })
}

/// Deletes the item that a query finds; whether there was one.
pub fn delete(query: &[Term]) -> Result<bool, Error> {
    let prepared = Prepared::new(query)?;
    // SAFETY: the dictionary lives.
    found("SecItemDelete", unsafe { SecItemDelete(prepared.as_ref()) })
}

/// Sets whether keychains may ask the person, for the whole process; whether they might before.
pub fn allow_interaction(allowed: bool) -> bool {
    let mut before = 1;
    // SAFETY: the place can be written to, and there are no other preconditions. They cannot fail with that.
    unsafe {
        SecKeychainGetUserInteractionAllowed(&mut before);
        SecKeychainSetUserInteractionAllowed(allowed.into());
    }
    before != 0
}

/// The state of a keychain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeychainState {
    /// Whether it is unlocked.
    pub unlocked: bool,
}

/// The keychain where new items go.
pub struct DefaultKeychain(CFType);

impl DefaultKeychain {
    /// That of the person.
    pub fn open() -> Result<Self, Error> {
        let mut keychain = ptr::null_mut();
        // SAFETY: the place can be written to.
        let status = unsafe { SecKeychainCopyDefault(&mut keychain) };
        // SAFETY: what it has copied is ours.
        let keychain = unsafe { owned(keychain.cast_const().cast()) };
        check("SecKeychainCopyDefault", status)?;
        keychain.map(Self).ok_or(Error::Malformed("without a default keychain".into()))
    }

    fn as_ref(&self) -> SecKeychainRef {
        self.0.as_CFTypeRef().cast_mut().cast()
    }

    /// Its file.
    pub fn path(&self) -> Result<PathBuf, Error> {
        let mut path = [0_u8; libc::PATH_MAX as usize];
        let mut length = path.len() as u32;
        // SAFETY: there is room for so many bytes.
        let status = unsafe { SecKeychainGetPath(self.as_ref(), &mut length, path.as_mut_ptr().cast()) };
        check("SecKeychainGetPath", status)?;
        Ok(OsStr::from_bytes(path.get(..length as usize).unwrap_or_default()).into())
    }

    /// Its state.
    pub fn state(&self) -> Result<KeychainState, Error> {
        let mut status = 0;
        // SAFETY: the place can be written to.
        check("SecKeychainGetStatus", unsafe { SecKeychainGetStatus(self.as_ref(), &mut status) })?;
        Ok(KeychainState { unlocked: status & UNLOCKED != 0 })
    }
}

/// Whether the process belongs to a session with a desktop, on which the person can be asked.
pub fn has_desktop() -> bool {
    let (mut id, mut attributes) = (0, 0);
    // SAFETY: the places can be written to.
    unsafe {
        SessionGetInfo(OWN_SESSION, &mut id, &mut attributes) == errSecSuccess
            && attributes & HAS_DESKTOP != 0
    }
}

fn found(operation: &'static str, status: OSStatus) -> Result<bool, Error> {
    match status {
        ITEM_NOT_FOUND => Ok(false),
        _ => check(operation, status).map(|()| true),
    }
}

fn check(operation: &'static str, status: OSStatus) -> Result<(), Error> {
    if status == errSecSuccess { Ok(()) } else { Err(failure(operation, status)) }
}

/// The error that a result code stands for, in the system's own words.
pub fn failure(operation: &'static str, status: OSStatus) -> Error {
    // SAFETY: the second argument is reserved and has to be null; what it has copied is ours.
    let words = unsafe { owned(SecCopyErrorMessageString(status, ptr::null_mut()).cast()) };
    let words = words.and_then(|words| words.downcast::<CFString>()).map(|words| words.to_string());
    let message = words.unwrap_or_else(|| "the system has no words for it".into());
    status::error(operation, status, message.trim_end_matches(['.', ' ']).to_owned())
}
