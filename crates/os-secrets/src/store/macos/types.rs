//! Compares the declarations in `framework.rs` with those of `objc2-security`, which are generated from Apple's headers.
//! It is enough to compile this for macOS: nothing is linked or run.
//!
//! Both sides are coerced to the types that are written here, and these are compared by what they are to a caller: an
//! object, the place of a result, or a number.

#![allow(deprecated, reason = "Apple has nothing else for keychains that are files")]

use std::{
    ffi::{c_char, c_void},
    ptr::NonNull,
};

use core_foundation::{
    array::CFArrayRef,
    base::{Boolean, CFTypeRef, OSStatus},
    dictionary::CFDictionaryRef,
    string::CFStringRef,
};
use objc2_core_foundation::{CFArray, CFDictionary, CFRetained, CFString, CFType};
use objc2_security as apple;
use objc2_security::{SecACL, SecAccess, SecKeychain, SecKeychainItem};

use super::framework::*;

/// A reference to an object.
struct Object;
/// The place of a result.
struct Place<T>(std::marker::PhantomData<T>);

/// What a parameter or a result is.
trait Parameter {
    type Plain;
}

macro_rules! parameters {
    ($($plain:ty: $($type:ty),+;)*) => {
        $($(impl Parameter for $type { type Plain = $plain; })+)*
    };
}

parameters! {
    Object: CFDictionaryRef, CFArrayRef, CFStringRef, CFTypeRef, *mut c_void,
        &'static CFDictionary, &'static CFArray, &'static CFString, &'static CFType, Option<&'static CFArray>,
        Option<CFRetained<CFArray>>, Option<CFRetained<CFString>>,
        &'static SecACL, &'static SecAccess, &'static SecKeychainItem, Option<&'static SecKeychain>;
    Place<Object>: *mut CFTypeRef, *mut CFArrayRef, *mut CFStringRef, *mut *mut c_void,
        *mut *const CFType, NonNull<*const CFArray>, NonNull<*const CFString>, NonNull<*mut SecAccess>,
        NonNull<*mut SecKeychain>;
    Place<c_char>: *mut c_char, NonNull<c_char>;
    Place<u8>: *mut Boolean, NonNull<Boolean>;
    Place<u16>: *mut PromptSelector, NonNull<apple::SecKeychainPromptSelector>;
    Place<u32>: *mut u32, NonNull<u32>, *mut apple::SessionAttributeBits;
    OSStatus: OSStatus;
    u8: Boolean, bool;
    u16: PromptSelector, apple::SecKeychainPromptSelector;
    u32: u32;
}

/// What a function takes and returns.
trait Signature {
    type Plain;
}

macro_rules! signatures {
    ($($($name:ident)*;)*) => {
        $(
            impl<$($name: Parameter,)* R: Parameter> Signature for unsafe extern "C" fn($($name),*) -> R {
                type Plain = ($($name::Plain,)* R::Plain);
            }
            impl<$($name: Parameter,)* R: Parameter> Signature for unsafe extern "C-unwind" fn($($name),*) -> R {
                type Plain = ($($name::Plain,)* R::Plain);
            }
            impl<$($name: Parameter,)* R: Parameter> Signature for unsafe fn($($name),*) -> R {
                type Plain = ($($name::Plain,)* R::Plain);
            }
        )*
    };
}

signatures! { A; A B; A B C; A B C D; }

/// Compiles if both functions have the same signature.
fn compare<Ours: Signature, Theirs: Signature<Plain = Ours::Plain>>(_: Ours, _: Theirs) {}

type Dictionary = &'static CFDictionary;
type Query = unsafe extern "C-unwind" fn(Dictionary, *mut *const CFType) -> OSStatus;

#[test]
fn functions_are_those_of_apples_headers() {
    compare(SecItemAdd as unsafe extern "C" fn(_, _) -> _, apple::SecItemAdd as Query);
    compare(SecItemCopyMatching as unsafe extern "C" fn(_, _) -> _, apple::SecItemCopyMatching as Query);
    compare(
        SecItemUpdate as unsafe extern "C" fn(_, _) -> _,
        apple::SecItemUpdate as unsafe extern "C-unwind" fn(Dictionary, Dictionary) -> OSStatus,
    );
    compare(
        SecKeychainItemCopyKeychain as unsafe extern "C" fn(_, _) -> _,
        SecKeychainItem::copy_keychain
            as unsafe fn(&'static SecKeychainItem, NonNull<*mut SecKeychain>) -> OSStatus,
    );
    compare(
        SecKeychainItemDelete as unsafe extern "C" fn(_) -> _,
        SecKeychainItem::delete as unsafe fn(&'static SecKeychainItem) -> OSStatus,
    );
    compare(
        SecKeychainCopyDefault as unsafe extern "C" fn(_) -> _,
        SecKeychain::copy_default as unsafe fn(NonNull<*mut SecKeychain>) -> OSStatus,
    );
    compare(
        SecKeychainGetStatus as unsafe extern "C" fn(_, _) -> _,
        SecKeychain::status as unsafe fn(Option<&'static SecKeychain>, NonNull<u32>) -> OSStatus,
    );
    compare(
        SecKeychainGetPath as unsafe extern "C" fn(_, _, _) -> _,
        SecKeychain::path
            as unsafe fn(Option<&'static SecKeychain>, NonNull<u32>, NonNull<c_char>) -> OSStatus,
    );
    compare(
        SecKeychainGetUserInteractionAllowed as unsafe extern "C" fn(_) -> _,
        SecKeychain::user_interaction_allowed as unsafe fn(NonNull<Boolean>) -> OSStatus,
    );
    compare(
        SecKeychainSetUserInteractionAllowed as unsafe extern "C" fn(_) -> _,
        SecKeychain::set_user_interaction_allowed as unsafe fn(bool) -> OSStatus,
    );
    compare(
        SecAccessCreate as unsafe extern "C" fn(_, _, _) -> _,
        SecAccess::create
            as unsafe fn(&'static CFString, Option<&'static CFArray>, NonNull<*mut SecAccess>) -> OSStatus,
    );
    compare(
        SecAccessCopyMatchingACLList as unsafe extern "C" fn(_, _) -> _,
        SecAccess::matching_acl_list
            as unsafe fn(&'static SecAccess, &'static CFType) -> Option<CFRetained<CFArray>>,
    );
    compare(
        SecACLCopyContents as unsafe extern "C" fn(_, _, _, _) -> _,
        SecACL::copy_contents
            as unsafe fn(
                &'static SecACL,
                NonNull<*const CFArray>,
                NonNull<*const CFString>,
                NonNull<apple::SecKeychainPromptSelector>,
            ) -> OSStatus,
    );
    compare(
        SecACLSetContents as unsafe extern "C" fn(_, _, _, _) -> _,
        SecACL::set_contents
            as unsafe fn(
                &'static SecACL,
                Option<&'static CFArray>,
                &'static CFString,
                apple::SecKeychainPromptSelector,
            ) -> OSStatus,
    );
    compare(
        SessionGetInfo as unsafe extern "C" fn(_, _, _) -> _,
        apple::SessionGetInfo
            as unsafe extern "C-unwind" fn(u32, *mut u32, *mut apple::SessionAttributeBits) -> OSStatus,
    );
    compare(
        SecCopyErrorMessageString as unsafe extern "C" fn(_, _) -> _,
        apple::SecCopyErrorMessageString
            as unsafe extern "C-unwind" fn(OSStatus, *mut c_void) -> Option<CFRetained<CFString>>,
    );
}

/// Compares the types of constants of the same names.
macro_rules! compare_constants {
    ($($name:ident),* $(,)?) => {
        $({
            let _: *const CFStringRef = &raw const $name;
            let _: *const &'static CFString = &raw const apple::$name;
        })*
    };
}

#[test]
fn constants_are_those_of_apples_headers() {
    compare_constants!(
        kSecClass,
        kSecClassGenericPassword,
        kSecAttrService,
        kSecAttrAccount,
        kSecAttrAccess,
        kSecValueData,
        kSecReturnData,
        kSecReturnAttributes,
        kSecReturnRef,
        kSecMatchLimit,
        kSecMatchLimitAll,
        kSecUseAuthenticationUI,
        kSecUseAuthenticationUIFail,
        kSecACLAuthorizationDecrypt,
    );
    const {
        assert!(UNLOCKED == apple::kSecUnlockStateStatus);
        assert!(OWN_SESSION == apple::callerSecuritySession);
        assert!(HAS_DESKTOP == apple::SessionAttributeBits::sessionHasGraphicAccess.bits());
        assert!(SUCCESS == apple::errSecSuccess);
    }
}
