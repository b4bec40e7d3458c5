//! The names that the framework exports as text objects.

use std::{mem, ptr};

use core_foundation::{
    base::TCFType,
    string::{CFString, CFStringRef},
};

/// Defines the exported constants, and a function that gives them their values.
macro_rules! constants {
    ($($name:ident = $value:literal),* $(,)?) => {
        $(
            #[allow(missing_docs, reason = "Apple documents it")]
            #[unsafe(no_mangle)]
            pub static mut $name: CFStringRef = ptr::null();
        )*

        /// Gives the constants their values, as the loader does on macOS.
        extern "C" fn initialize() {
            // SAFETY: this runs before anything else of this library, on one thread.
            unsafe { $($name = leak($value);)* }
        }
    };
}

constants! {
    kSecClass = "class",
    kSecClassGenericPassword = "genp",
    kSecAttrService = "svce",
    kSecAttrAccount = "acct",
    kSecAttrAccess = "kSecAttrAccess",
    kSecValueData = "v_Data",
    kSecReturnData = "r_Data",
    kSecReturnAttributes = "r_Attributes",
    kSecReturnRef = "r_Ref",
    kSecMatchLimit = "m_Limit",
    kSecMatchLimitAll = "m_LimitAll",
    kSecUseAuthenticationUI = "u_AuthUI",
    kSecUseAuthenticationUIFail = "u_AuthUIF",
    kSecACLAuthorizationDecrypt = "ACLAuthorizationDecrypt",
}

/// Runs when the library is loaded, after Core Foundation, which it depends on.
#[used]
#[unsafe(link_section = ".init_array")]
static INITIALIZE: extern "C" fn() = initialize;

fn leak(value: &str) -> CFStringRef {
    let text = CFString::new(value);
    let reference = text.as_concrete_TypeRef();
    mem::forget(text);
    reference
}
