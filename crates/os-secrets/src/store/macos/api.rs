//! The calls of the Security framework, and the errors that they return.

use std::{
    ffi::{OsStr, c_void},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    ptr, slice,
};

use core_foundation::{
    array::CFArray,
    base::{CFGetRetainCount, CFIndex, CFRelease, CFType, CFTypeRef, OSStatus, TCFType, kCFAllocatorDefault},
    boolean::CFBoolean,
    data::{
        CFData, CFDataAppendBytes, CFDataCreateMutable, CFDataGetBytePtr, CFDataGetLength,
        CFDataGetMutableBytePtr, CFMutableDataRef,
    },
    dictionary::{CFDictionary, CFDictionaryRef, CFMutableDictionary},
    string::{CFString, CFStringRef},
};
use zeroize::Zeroize;

use super::{
    framework::*,
    query::{ItemNames, QueryTerm},
    status::{self, DUPLICATE_ITEM, INTERNAL_COMPONENT, ITEM_NOT_FOUND},
};
use crate::{credential::Secret, error::Error};

/// A value on its way to Keychain. It is wiped when this is dropped.
struct ValueBuffer(CFMutableDataRef);

impl ValueBuffer {
    fn new(secret: &Secret) -> Result<Self, Error> {
        let bytes = secret.expose();
        // SAFETY: there are no preconditions. With a capacity, the buffer never grows, so growing leaves no copies of
        // the value behind.
        let data = unsafe { CFDataCreateMutable(kCFAllocatorDefault, bytes.len() as CFIndex) };
        if data.is_null() {
            return Err(status_error("CFDataCreateMutable", INTERNAL_COMPONENT));
        }
        // SAFETY: the pointer and the length are those of a slice, and the buffer has room for that many bytes.
        unsafe { CFDataAppendBytes(data, bytes.as_ptr(), bytes.len() as CFIndex) };
        Ok(Self(data))
    }

    fn as_type(&self) -> CFType {
        // SAFETY: this is a live object of Core Foundation, which the wrapper retains.
        unsafe { CFType::wrap_under_get_rule(self.0.cast_const().cast()) }
    }
}

impl Drop for ValueBuffer {
    fn drop(&mut self) {
        // SAFETY: we own the object, it is mutable, and it has as many bytes as it says.
        unsafe {
            let size = CFDataGetLength(self.0) as usize;
            if size > 0 {
                slice::from_raw_parts_mut(CFDataGetMutableBytePtr(self.0), size).zeroize();
            }
            CFRelease(self.0.cast_const().cast());
        }
    }
}

/// A query in the system's types.
struct PreparedQuery {
    // Dropped first, so that nothing refers to the value when it is wiped.
    dictionary: CFMutableDictionary<CFString, CFType>,
    _value: Option<ValueBuffer>,
}

impl PreparedQuery {
    fn new(query: &[QueryTerm]) -> Result<Self, Error> {
        let mut dictionary = CFMutableDictionary::new();
        let mut held = None;
        for term in query {
            // SAFETY: these are constants of the framework, which live as long as the process.
            let (key, value) = unsafe {
                match term {
                    QueryTerm::GenericPassword => (kSecClass, wrap_constant(kSecClassGenericPassword)),
                    QueryTerm::Service(service) => (kSecAttrService, CFString::new(service).into_CFType()),
                    QueryTerm::Account(account) => (kSecAttrAccount, CFString::new(account).into_CFType()),
                    QueryTerm::Value(secret) => {
                        (kSecValueData, held.insert(ValueBuffer::new(secret)?).as_type())
                    }
                    QueryTerm::TrustsAll(description) => (kSecAttrAccess, create_open_access(description)?),
                    QueryTerm::ReturnData => (kSecReturnData, CFBoolean::true_value().into_CFType()),
                    QueryTerm::ReturnAttributes => {
                        (kSecReturnAttributes, CFBoolean::true_value().into_CFType())
                    }
                    QueryTerm::ReturnReference => (kSecReturnRef, CFBoolean::true_value().into_CFType()),
                    QueryTerm::MatchAll => (kSecMatchLimit, wrap_constant(kSecMatchLimitAll)),
                    QueryTerm::NeverAsk => {
                        (kSecUseAuthenticationUI, wrap_constant(kSecUseAuthenticationUIFail))
                    }
                }
            };
            // SAFETY: `key` is such a constant, too.
            dictionary.set(unsafe { CFString::wrap_under_get_rule(key) }, value);
        }
        Ok(Self { dictionary, _value: held })
    }

    fn as_ref(&self) -> CFDictionaryRef {
        self.dictionary.as_concrete_TypeRef().cast_const()
    }
}

/// Wraps a text constant of the framework.
///
/// # Safety
///
/// `text` must be such a constant.
unsafe fn wrap_constant(text: CFStringRef) -> CFType {
    // SAFETY: by this function's contract, it is a text that lives as long as the process.
    unsafe { CFString::wrap_under_get_rule(text) }.into_CFType()
}

/// Creates an access control object that lets every application read the value.
///
/// Without a list of applications, `SecAccessCreate` makes one that trusts the calling application only. This opens
/// its entries about decrypting to all applications, as `security add-generic-password -A` does.
fn create_open_access(description: &str) -> Result<CFType, Error> {
    let description = CFString::new(description);
    let mut access = ptr::null_mut();
    // SAFETY: the text is live, the list may be null, and the result can be written.
    let status = unsafe { SecAccessCreate(description.as_concrete_TypeRef(), ptr::null(), &mut access) };
    check("SecAccessCreate", status)?;
    // SAFETY: the call has created this object for us.
    let owned = unsafe { CFType::wrap_under_create_rule(access.cast_const().cast()) };
    // SAFETY: both are live objects of the types that the call takes.
    let list = unsafe { SecAccessCopyMatchingACLList(access, kSecACLAuthorizationDecrypt.cast()) };
    if list.is_null() {
        return Err(Error::Malformed("with a new access control object that has no entries".into()));
    }
    // SAFETY: the call returned a copy of the list, which we own.
    let list: CFArray<*const c_void> = unsafe { CFArray::wrap_under_create_rule(list) };
    for acl in &list {
        trust_all_applications(acl.cast_mut())?;
    }
    Ok(owned)
}

/// Opens an entry of an access control list to every application.
fn trust_all_applications(acl: AclRef) -> Result<(), Error> {
    let (mut applications, mut description, mut prompt) = (ptr::null(), ptr::null(), 0);
    // SAFETY: the list that holds the entry is live, and the results can be written.
    let status = unsafe { SecACLCopyContents(acl, &mut applications, &mut description, &mut prompt) };
    // SAFETY: each result is null or was copied for us.
    let (_applications, described) =
        unsafe { (take_ownership(applications.cast()), take_ownership(description.cast())) };
    check("SecACLCopyContents", status)?;
    let empty = CFString::new("");
    let description = if described.is_some() { description } else { empty.as_concrete_TypeRef() };
    // SAFETY: the entry and the description are live. A null list means all applications.
    check("SecACLSetContents", unsafe { SecACLSetContents(acl, ptr::null(), description, prompt) })
}

/// Takes over an object that the system has created for us. Returns `None` if it is null.
///
/// # Safety
///
/// The object must be null, or ours to release.
unsafe fn take_ownership(object: CFTypeRef) -> Option<CFType> {
    // SAFETY: by this function's contract, the object is ours to release.
    (!object.is_null()).then(|| unsafe { CFType::wrap_under_create_rule(object) })
}

/// Returns what a query finds, or `None` if it finds nothing.
fn copy_matching(query: &[QueryTerm]) -> Result<Option<CFType>, Error> {
    let prepared = PreparedQuery::new(query)?;
    let mut result = ptr::null();
    // SAFETY: the dictionary is live, and the result can be written.
    let status = unsafe { SecItemCopyMatching(prepared.as_ref(), &mut result) };
    // SAFETY: the result is null or was copied for us.
    let found = unsafe { take_ownership(result) };
    match status {
        ITEM_NOT_FOUND => Ok(None),
        _ => check("SecItemCopyMatching", status)
            .and_then(|()| found.ok_or(Error::Malformed("without the item that it found".into())).map(Some)),
    }
}

/// Reads the value of the item that a query finds. Returns `None` if it finds none.
pub fn read_value(query: &[QueryTerm]) -> Result<Option<Secret>, Error> {
    let Some(found) = copy_matching(query)? else { return Ok(None) };
    let data =
        found.downcast_into::<CFData>().ok_or(Error::Malformed("with a value that is not data".into()))?;
    Ok(Some(take_secret(data)))
}

/// Copies data that was made for us, and wipes the original.
fn take_secret(data: CFData) -> Secret {
    let size = data.len() as usize;
    if size == 0 {
        return Secret::new(Vec::new());
    }
    let secret = Secret::new(data.bytes().to_vec());
    // SAFETY: the object is live. Its bytes are on the heap, because the framework creates it by copying what it has
    // decrypted. If nothing else refers to the object, nothing else reads the bytes.
    unsafe {
        if CFGetRetainCount(data.as_CFTypeRef()) == 1 {
            slice::from_raw_parts_mut(CFDataGetBytePtr(data.as_concrete_TypeRef()).cast_mut(), size)
                .zeroize();
        }
    }
    secret
}

/// Reads the service and account of each item that a query finds.
pub fn read_names(query: &[QueryTerm]) -> Result<Vec<ItemNames>, Error> {
    let Some(found) = copy_matching(query)? else { return Ok(Vec::new()) };
    // A query for a single item returns the item without an array.
    let Some(items) = found.downcast::<CFArray>() else { return Ok(vec![read_item_names(found)?]) };
    // SAFETY: the array holds objects of Core Foundation, which live as long as the array.
    items.iter().map(|item| read_item_names(unsafe { CFType::wrap_under_get_rule(*item) })).collect()
}

fn read_item_names(item: CFType) -> Result<ItemNames, Error> {
    let item = item
        .downcast_into::<CFDictionary>()
        .ok_or(Error::Malformed("with attributes that are not a dictionary".into()))?;
    // SAFETY: these are constants of the framework.
    let (service, account) = unsafe { (kSecAttrService, kSecAttrAccount) };
    Ok(ItemNames { service: read_text(&item, service), account: read_text(&item, account) })
}

/// Reads an attribute of an item. Returns `None` if the item lacks it, or if it is not text without NUL.
fn read_text(item: &CFDictionary, key: CFStringRef) -> Option<String> {
    let value = *item.find(key.cast::<c_void>())?;
    // SAFETY: the dictionary holds objects of Core Foundation, which live as long as the dictionary.
    let value = unsafe { CFType::wrap_under_get_rule(value) };
    let text = value.downcast::<CFString>()?;
    let copied = text.to_string();
    // `to_string` copies a C string, which ends at the first NUL.
    (copied.encode_utf16().count() == text.char_len() as usize).then_some(copied)
}

/// Adds an item. Returns `false` if it exists already.
pub fn add_item(query: &[QueryTerm]) -> Result<bool, Error> {
    let prepared = PreparedQuery::new(query)?;
    // SAFETY: the dictionary is live, and the result may be null.
    match unsafe { SecItemAdd(prepared.as_ref(), ptr::null_mut()) } {
        DUPLICATE_ITEM => Ok(false),
        status => check("SecItemAdd", status).map(|()| true),
    }
}

/// Changes the item that a query finds. Returns `false` if it finds none.
pub fn update_item(query: &[QueryTerm], change: &[QueryTerm]) -> Result<bool, Error> {
    let (query, change) = (PreparedQuery::new(query)?, PreparedQuery::new(change)?);
    // SAFETY: the dictionaries are live.
    match unsafe { SecItemUpdate(query.as_ref(), change.as_ref()) } {
        // The system has replaced a damaged item by a new one with the change, and says that it exists.
        DUPLICATE_ITEM => Ok(true),
        status => check_found("SecItemUpdate", status),
    }
}

/// An item of a keychain, without its value.
pub struct Item(CFType);

impl Item {
    /// Finds the first item of a query for a reference. Nothing is decrypted, so the user is not asked. Returns `None` if
    /// there is no such item.
    pub fn find(query: &[QueryTerm]) -> Result<Option<Self>, Error> {
        Ok(copy_matching(query)?.map(Self))
    }

    fn as_ref(&self) -> ItemRef {
        self.0.as_CFTypeRef().cast_mut()
    }

    /// The keychain that holds the item.
    pub fn keychain(&self) -> Result<OpenKeychain, Error> {
        let mut keychain = ptr::null_mut();
        // SAFETY: the item is live, and the result can be written.
        let status = unsafe { SecKeychainItemCopyKeychain(self.as_ref(), &mut keychain) };
        OpenKeychain::take("SecKeychainItemCopyKeychain", status, keychain)
    }

    /// Deletes the item. Returns `false` if it does not exist any more.
    ///
    /// The user is not asked, whoever has made the item and even if its keychain is locked. `SecItemDelete` would refuse
    /// the items of other executables (`errSecInvalidOwnerEdit`), and would ask for the password of a locked keychain.
    pub fn delete(self) -> Result<bool, Error> {
        // SAFETY: the item is live.
        check_found("SecKeychainItemDelete", unsafe { SecKeychainItemDelete(self.as_ref()) })
    }
}

/// Sets whether keychains may ask the user, for the whole process. Returns whether they could before.
pub fn allow_interaction(allowed: bool) -> bool {
    let mut before = 1;
    // SAFETY: the result can be written, and there are no other preconditions. With that, the calls cannot fail.
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

/// A keychain. Its file need not exist.
pub struct OpenKeychain(CFType);

impl OpenKeychain {
    /// The user's default keychain, where new items go.
    pub fn open_default() -> Result<Self, Error> {
        let mut keychain = ptr::null_mut();
        // SAFETY: the result can be written.
        let status = unsafe { SecKeychainCopyDefault(&mut keychain) };
        Self::take("SecKeychainCopyDefault", status, keychain)
    }

    /// Takes over the keychain that a call has given.
    fn take(operation: &'static str, status: OSStatus, keychain: KeychainRef) -> Result<Self, Error> {
        // SAFETY: the result is null or was copied for us.
        let keychain = unsafe { take_ownership(keychain.cast_const().cast()) };
        check(operation, status)?;
        keychain.map(Self).ok_or(Error::Malformed("without a keychain".into()))
    }

    fn as_ref(&self) -> KeychainRef {
        self.0.as_CFTypeRef().cast_mut().cast()
    }

    /// Reads the path of the keychain's file.
    pub fn read_path(&self) -> Result<PathBuf, Error> {
        let mut path = [0_u8; libc::PATH_MAX as usize];
        let mut length = path.len() as u32;
        // SAFETY: the buffer has room for `length` bytes.
        let status = unsafe { SecKeychainGetPath(self.as_ref(), &mut length, path.as_mut_ptr().cast()) };
        check("SecKeychainGetPath", status)?;
        Ok(OsStr::from_bytes(path.get(..length as usize).unwrap_or_default()).into())
    }

    /// Reads the keychain's state.
    pub fn read_state(&self) -> Result<KeychainState, Error> {
        let mut status = 0;
        // SAFETY: the keychain is live, and the result can be written.
        check("SecKeychainGetStatus", unsafe { SecKeychainGetStatus(self.as_ref(), &mut status) })?;
        Ok(KeychainState { unlocked: status & UNLOCKED != 0 })
    }
}

/// Whether the session of the process has a desktop on which the user can be asked.
pub fn has_desktop() -> bool {
    let (mut id, mut attributes) = (0, 0);
    // SAFETY: the results can be written.
    unsafe {
        SessionGetInfo(OWN_SESSION, &mut id, &mut attributes) == SUCCESS && attributes & HAS_DESKTOP != 0
    }
}

fn check_found(operation: &'static str, status: OSStatus) -> Result<bool, Error> {
    match status {
        ITEM_NOT_FOUND => Ok(false),
        _ => check(operation, status).map(|()| true),
    }
}

fn check(operation: &'static str, status: OSStatus) -> Result<(), Error> {
    if status == SUCCESS { Ok(()) } else { Err(status_error(operation, status)) }
}

/// The error for a result code, with the system's own message.
pub fn status_error(operation: &'static str, status: OSStatus) -> Error {
    // SAFETY: the second argument is reserved and must be null. The result is null or was copied for us.
    let text = unsafe { take_ownership(SecCopyErrorMessageString(status, ptr::null_mut()).cast()) };
    let text = text.and_then(|text| text.downcast::<CFString>()).map(|text| text.to_string());
    let message = text.unwrap_or_else(|| "the system has no message for it".into());
    status::error(operation, status, message.trim_end_matches(['.', ' ']).to_owned())
}
