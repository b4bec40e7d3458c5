//! macOS: names of files as APFS compares them, unless the user has chosen the variant that respects case.

use std::ffi::{OsStr, OsString};

use core_foundation::{
    base::{CFRelease, TCFType, kCFAllocatorDefault},
    string::{
        CFString, CFStringCreateMutableCopy, CFStringFold, CFStringNormalize, kCFCompareCaseInsensitive,
        kCFStringNormalizationFormD,
    },
};

/// A file's name without the differences that APFS ignores: of case, and between characters that Unicode calls equivalent.
pub fn folded(name: &OsStr) -> OsString {
    let name = CFString::new(&name.to_string_lossy());
    // SAFETY: the copy is live and ours. A null locale is allowed.
    unsafe {
        let copy = CFStringCreateMutableCopy(kCFAllocatorDefault, 0, name.as_concrete_TypeRef());
        CFStringNormalize(copy, kCFStringNormalizationFormD);
        CFStringFold(copy, kCFCompareCaseInsensitive, std::ptr::null());
        let folded = CFString::wrap_under_get_rule(copy.cast_const().cast()).to_string();
        CFRelease(copy.cast_const().cast());
        folded.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_file_are_equal() {
        let same = |one: &str, other: &str| folded(one.as_ref()) == folded(other.as_ref());
        assert!(same("Secrets.AGE", "secrets.age"));
        assert!(same("caf\u{e9}.age", "CAFE\u{301}.age"));
        assert!(same("STRASSE", "straße"));
        assert!(!same("cafe.age", "caf\u{e9}.age"));
        assert!(!same("secrets.age", "secret.age"));
    }
}
