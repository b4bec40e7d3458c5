//! The dictionaries that the calls about items take.

use core_foundation::{
    base::{CFType, CFTypeRef, TCFType},
    boolean::CFBoolean,
    data::CFData,
    dictionary::{CFDictionary, CFDictionaryRef},
    string::{CFString, CFStringRef},
};

use crate::{
    access_objects,
    constants::*,
    objects::{expose, watch},
    status::{PARAMETER, Status},
};

/// What a dictionary says. The model refuses everything that the store does not use.
#[derive(Default)]
pub struct Query {
    /// `kSecAttrService`.
    pub service: Option<String>,
    /// `kSecAttrAccount`.
    pub account: Option<String>,
    /// `kSecValueData`.
    pub data: Option<Vec<u8>>,
    /// `kSecAttrAccess`: the applications that it trusts. The inner `None` means all.
    pub access: Option<Option<Vec<String>>>,
    /// `kSecReturnData`.
    pub return_data: bool,
    /// `kSecReturnAttributes`.
    pub return_attributes: bool,
    /// `kSecReturnRef`.
    pub return_reference: bool,
    /// `kSecMatchLimit`.
    pub all: bool,
}

impl Query {
    /// Reads a dictionary that describes a generic password.
    ///
    /// # Safety
    ///
    /// It must be null or a live dictionary.
    pub unsafe fn read(dictionary: CFDictionaryRef, origin: &'static str) -> Result<Self, Status> {
        // SAFETY: by this function's contract.
        let (query, class) = unsafe { Self::read_entries(dictionary, origin)? };
        assert!(class, "{origin} lacks kSecClass");
        Ok(query)
    }

    /// Reads a dictionary that describes a change.
    ///
    /// # Safety
    ///
    /// It must be null or a live dictionary.
    pub unsafe fn read_change(dictionary: CFDictionaryRef, origin: &'static str) -> Result<Self, Status> {
        // SAFETY: by this function's contract.
        unsafe { Self::read_entries(dictionary, origin).map(|(query, _)| query) }
    }

    unsafe fn read_entries(
        dictionary: CFDictionaryRef,
        origin: &'static str,
    ) -> Result<(Self, bool), Status> {
        if dictionary.is_null() {
            return Err(PARAMETER);
        }
        let (mut query, mut has_class) = (Self::default(), false);
        // SAFETY: by this function's contract, the dictionary is live, and so is what it holds. The constants have
        // their values since the library was loaded.
        unsafe {
            watch(dictionary.cast(), origin, false);
            let entries: CFDictionary<CFStringRef, CFTypeRef> = CFDictionary::wrap_under_get_rule(dictionary);
            let (keys, values) = entries.get_keys_and_values();
            for (key, value) in keys.into_iter().zip(values) {
                let (key, value) =
                    (CFString::wrap_under_get_rule(key.cast()), CFType::wrap_under_get_rule(value));
                let is = |constant: CFStringRef| key == CFString::wrap_under_get_rule(constant);
                if is(kSecClass) {
                    assert!(is_text(&value, kSecClassGenericPassword), "{origin} has another class");
                    has_class = true;
                } else if is(kSecAttrService) {
                    query.service = Some(text(&value)?);
                } else if is(kSecAttrAccount) {
                    query.account = Some(text(&value)?);
                } else if is(kSecValueData) {
                    let data = value.downcast::<CFData>().ok_or(PARAMETER)?;
                    watch(data.as_CFTypeRef(), "the data of a query", true);
                    query.data = Some(expose(data.as_concrete_TypeRef()).to_vec());
                } else if is(kSecAttrAccess) {
                    query.access = Some(access_objects::applications(&value));
                } else if is(kSecReturnData) {
                    query.return_data = value == CFBoolean::true_value().into_CFType();
                } else if is(kSecReturnAttributes) {
                    query.return_attributes = value == CFBoolean::true_value().into_CFType();
                } else if is(kSecReturnRef) {
                    query.return_reference = value == CFBoolean::true_value().into_CFType();
                } else if is(kSecMatchLimit) {
                    query.all = is_text(&value, kSecMatchLimitAll);
                } else if is(kSecUseAuthenticationUI) {
                    // Keychains that are files do not look at it.
                    assert!(
                        is_text(&value, kSecUseAuthenticationUIFail),
                        "{origin} has another kind of asking"
                    );
                } else {
                    panic!("{origin} has {key}, which the model does not know");
                }
            }
        }
        Ok((query, has_class))
    }
}

fn text(value: &CFType) -> Result<String, Status> {
    value.downcast::<CFString>().map(|text| text.to_string()).ok_or(PARAMETER)
}

fn is_text(value: &CFType, constant: CFStringRef) -> bool {
    // SAFETY: it is a constant of this library.
    value
        .downcast::<CFString>()
        .is_some_and(|text| text == unsafe { CFString::wrap_under_get_rule(constant) })
}
