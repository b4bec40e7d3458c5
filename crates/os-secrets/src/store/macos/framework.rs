//! What the store uses of the Security framework, as Apple's headers declare it: SecItem.h, SecKeychain.h,
//! SecKeychainItem.h, SecAccess.h, SecACL.h, SecBase.h and AuthSession.h.
//!
//! In a build with `--cfg keychain_model`, a model of the framework takes its place, which runs on Linux:
//! see `__test__/keychain-model`.

use std::ffi::{c_char, c_void};

use core_foundation::{
    array::CFArrayRef,
    base::{Boolean, CFTypeRef, OSStatus},
    dictionary::CFDictionaryRef,
    string::CFStringRef,
};

/// A reference to a keychain (`SecKeychainRef`).
pub type KeychainRef = *mut c_void;
/// A reference to an item of a keychain (`SecKeychainItemRef`).
pub type ItemRef = *mut c_void;
/// A reference to an access control object (`SecAccessRef`).
pub type AccessRef = *mut c_void;
/// A reference to an entry of an access control list (`SecACLRef`).
pub type AclRef = *mut c_void;
/// When the user is asked for a password (`SecKeychainPromptSelector`).
pub type PromptSelector = u16;

/// `errSecSuccess`.
pub const SUCCESS: OSStatus = 0;
/// `kSecUnlockStateStatus`.
pub const UNLOCKED: u32 = 1;
/// `callerSecuritySession`.
pub const OWN_SESSION: u32 = u32::MAX;
/// `sessionHasGraphicAccess`.
pub const HAS_DESKTOP: u32 = 0x10;

// The model is a library of the same name. Core Foundation is part of Foundation there.
#[cfg_attr(not(keychain_model), link(name = "Security", kind = "framework"))]
#[cfg_attr(keychain_model, link(name = "Security"), link(name = "Foundation"))]
unsafe extern "C" {
    pub static kSecClass: CFStringRef;
    pub static kSecClassGenericPassword: CFStringRef;
    pub static kSecAttrService: CFStringRef;
    pub static kSecAttrAccount: CFStringRef;
    pub static kSecAttrAccess: CFStringRef;
    pub static kSecValueData: CFStringRef;
    pub static kSecReturnData: CFStringRef;
    pub static kSecReturnAttributes: CFStringRef;
    pub static kSecReturnRef: CFStringRef;
    pub static kSecMatchLimit: CFStringRef;
    pub static kSecMatchLimitAll: CFStringRef;
    pub static kSecUseAuthenticationUI: CFStringRef;
    pub static kSecUseAuthenticationUIFail: CFStringRef;
    pub static kSecACLAuthorizationDecrypt: CFStringRef;

    pub fn SecItemAdd(attributes: CFDictionaryRef, result: *mut CFTypeRef) -> OSStatus;
    pub fn SecItemCopyMatching(query: CFDictionaryRef, result: *mut CFTypeRef) -> OSStatus;
    pub fn SecItemUpdate(query: CFDictionaryRef, change: CFDictionaryRef) -> OSStatus;
    pub fn SecCopyErrorMessageString(status: OSStatus, reserved: *mut c_void) -> CFStringRef;

    pub fn SecAccessCreate(descriptor: CFStringRef, trusted: CFArrayRef, access: *mut AccessRef) -> OSStatus;
    pub fn SecAccessCopyMatchingACLList(access: AccessRef, authorization: CFTypeRef) -> CFArrayRef;
    pub fn SecACLCopyContents(
        acl: AclRef,
        applications: *mut CFArrayRef,
        description: *mut CFStringRef,
        prompt: *mut PromptSelector,
    ) -> OSStatus;
    pub fn SecACLSetContents(
        acl: AclRef,
        applications: CFArrayRef,
        description: CFStringRef,
        prompt: PromptSelector,
    ) -> OSStatus;

    pub fn SecKeychainItemCopyKeychain(item: ItemRef, keychain: *mut KeychainRef) -> OSStatus;
    pub fn SecKeychainItemDelete(item: ItemRef) -> OSStatus;

    pub fn SecKeychainCopyDefault(keychain: *mut KeychainRef) -> OSStatus;
    pub fn SecKeychainGetStatus(keychain: KeychainRef, status: *mut u32) -> OSStatus;
    pub fn SecKeychainGetPath(keychain: KeychainRef, length: *mut u32, path: *mut c_char) -> OSStatus;
    pub fn SecKeychainGetUserInteractionAllowed(allowed: *mut Boolean) -> OSStatus;
    pub fn SecKeychainSetUserInteractionAllowed(allowed: Boolean) -> OSStatus;
    pub fn SessionGetInfo(session: u32, id: *mut u32, attributes: *mut u32) -> OSStatus;
}
