//! The calls of `wincred.h`, and the errors that they return.

use std::{
    ffi::c_void,
    fmt, io,
    ptr::{self, NonNull},
    slice,
};

use windows_sys::Win32::{
    Foundation::{ERROR_NOT_FOUND, GetLastError},
    Globalization::{CSTR_EQUAL, CompareStringOrdinal},
    Security::Credentials::{
        CRED_PERSIST_ENTERPRISE, CRED_PERSIST_LOCAL_MACHINE, CRED_TYPE_GENERIC, CREDENTIALW, CredDeleteW,
        CredEnumerateW, CredFree, CredGetSessionTypes, CredReadW, CredWriteW,
    },
};
use zeroize::Zeroize;

use super::number;
use crate::{credential::Secret, error::Error, store::Persist};

/// A text in UTF-16 that ends with a NUL.
#[derive(Clone)]
pub struct WideString(Vec<u16>);

impl WideString {
    /// Converts a text that contains no NUL.
    pub fn new(text: &str) -> Self {
        Self(text.encode_utf16().chain([0]).collect())
    }

    /// The number of UTF-16 units, without the NUL at the end.
    pub fn units(&self) -> usize {
        self.0.len() - 1
    }

    /// Whether Windows takes the two as the same name. It ignores case.
    pub fn is_same(&self, other: &Self) -> bool {
        // SAFETY: both end with a NUL, and a length of -1 means that they are read up to there.
        unsafe { CompareStringOrdinal(self.0.as_ptr(), -1, other.0.as_ptr(), -1, 1) == CSTR_EQUAL }
    }

    /// Copies the text at a pointer from the system. Returns `None` if the pointer is null or the text is empty.
    ///
    /// # Safety
    ///
    /// The pointer must be null, or point to a text that ends with a NUL.
    unsafe fn copy_from(pointer: *const u16) -> Option<Self> {
        if pointer.is_null() {
            return None;
        }
        // Wine does not align the text.
        // SAFETY: by this function's contract, everything up to the NUL can be read.
        let units = (0..).map(|index| unsafe { pointer.add(index).read_unaligned() });
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).chain([0]).collect();
        (units.len() > 1).then_some(Self(units))
    }
}

impl fmt::Display for WideString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf16_lossy(&self.0[..self.units()]))
    }
}

/// A generic credential that was read.
pub struct CredentialItem {
    target: WideString,
    user: Option<WideString>,
    persist: Persist,
    secret: Secret,
}

impl CredentialItem {
    /// How long the item is kept, and where. An item that ends with the session counts as [`Persist::Local`].
    pub fn persist(&self) -> Persist {
        self.persist
    }

    /// Its target name.
    pub fn target(&self) -> &WideString {
        &self.target
    }

    /// Its user name, or `None` if it is missing or empty.
    pub fn user(&self) -> Option<&WideString> {
        self.user.as_ref()
    }

    /// Its value.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Its value, without the rest.
    pub fn into_secret(self) -> Secret {
        self.secret
    }

    /// An item as the system would return it.
    #[cfg(test)]
    pub fn new(target: &str, user: Option<&str>, value: &[u8]) -> Self {
        let user = user.filter(|user| !user.is_empty()).map(WideString::new);
        Self {
            target: WideString::new(target),
            user,
            persist: Persist::Enterprise,
            secret: Secret::new(value.to_vec()),
        }
    }

    /// Copies a credential from the system, and wipes the original value.
    ///
    /// # Safety
    ///
    /// The credential must come from the system, and nothing else may refer to what it points to.
    unsafe fn copy_and_wipe(credential: &CREDENTIALW) -> Self {
        // SAFETY: the system ends its texts with NULs.
        let (target, user) = unsafe {
            (WideString::copy_from(credential.TargetName), WideString::copy_from(credential.UserName))
        };
        let mut secret = Vec::new();
        if !credential.CredentialBlob.is_null() {
            let size = credential.CredentialBlobSize as usize;
            // SAFETY: the blob has `size` bytes, which are ours until it is freed.
            let blob = unsafe { slice::from_raw_parts_mut(credential.CredentialBlob, size) };
            secret = blob.to_vec();
            blob.zeroize();
        }
        let persist = match credential.Persist {
            CRED_PERSIST_ENTERPRISE => Persist::Enterprise,
            _ => Persist::Local,
        };
        Self { target: target.unwrap_or(WideString(vec![0])), user, persist, secret: Secret::new(secret) }
    }
}

/// Memory that the system has allocated. It is freed when this is dropped.
struct CredAllocation<T>(NonNull<T>);

impl<T> Drop for CredAllocation<T> {
    fn drop(&mut self) {
        // SAFETY: it came from a call whose results are freed with `CredFree`, and nothing refers to it any more.
        unsafe { CredFree(self.0.as_ptr().cast::<c_void>()) };
    }
}

/// Reads a credential. Returns `None` if it does not exist.
pub fn read_item(target: &WideString) -> Result<Option<CredentialItem>, Error> {
    let mut credential = ptr::null_mut();
    // SAFETY: the name ends with a NUL, and the result can be written.
    let succeeded = unsafe { CredReadW(target.0.as_ptr(), CRED_TYPE_GENERIC, 0, &mut credential) };
    if succeeded == 0 {
        return check_not_found("CredRead").map(|()| None);
    }
    let Some(credential) = NonNull::new(credential) else { return Ok(None) };
    let allocated = CredAllocation(credential);
    // SAFETY: the system returned one credential, and nothing else refers to it.
    Ok(Some(unsafe { CredentialItem::copy_and_wipe(&allocated.0.as_ptr().read_unaligned()) }))
}

/// Writes a credential, and replaces an existing one.
pub fn write_item(
    target: &WideString,
    user: &WideString,
    value: &[u8],
    persist: Persist,
) -> Result<(), Error> {
    let credential = CREDENTIALW {
        Type: CRED_TYPE_GENERIC,
        // These are mutable because the structure also serves for reading. Nothing is written through them.
        TargetName: target.0.as_ptr().cast_mut(),
        UserName: user.0.as_ptr().cast_mut(),
        CredentialBlobSize: value.len() as u32,
        CredentialBlob: value.as_ptr().cast_mut(),
        Persist: match persist {
            Persist::Local => CRED_PERSIST_LOCAL_MACHINE,
            Persist::Enterprise => CRED_PERSIST_ENTERPRISE,
        },
        ..CREDENTIALW::default()
    };
    // SAFETY: everything that the credential points to outlives the call. Texts end with NULs, and the blob has the
    // given size.
    match unsafe { CredWriteW(&credential, 0) } {
        0 => Err(last_error("CredWrite")),
        _ => Ok(()),
    }
}

/// Deletes a credential. Returns `false` if it does not exist.
pub fn delete_item(target: &WideString) -> Result<bool, Error> {
    // SAFETY: the name ends with a NUL.
    match unsafe { CredDeleteW(target.0.as_ptr(), CRED_TYPE_GENERIC, 0) } {
        0 => check_not_found("CredDelete").map(|()| false),
        _ => Ok(true),
    }
}

/// Reads all generic credentials, or those whose target names match a filter: a prefix followed by an asterisk.
pub fn enumerate_items(filter: Option<&WideString>) -> Result<Vec<CredentialItem>, Error> {
    let (mut count, mut credentials) = (0, ptr::null_mut());
    let filter = filter.map_or(ptr::null(), |filter| filter.0.as_ptr());
    // SAFETY: the filter is null or ends with a NUL, and the results can be written.
    if unsafe { CredEnumerateW(filter, 0, &mut count, &mut credentials) } == 0 {
        return check_not_found("CredEnumerate").map(|()| Vec::new());
    }
    let Some(credentials) = NonNull::new(credentials) else { return Ok(Vec::new()) };
    let allocated = CredAllocation(credentials);
    // SAFETY: the allocation starts with `count` pointers.
    let pointers = unsafe { slice::from_raw_parts(allocated.0.as_ptr(), count as usize) };
    let items = pointers.iter().map(|pointer| {
        // Wine does not align the credentials.
        // SAFETY: each pointer leads to a credential, and nothing else refers to it.
        unsafe {
            let credential = pointer.read_unaligned();
            (credential.Type, CredentialItem::copy_and_wipe(&credential))
        }
    });
    // Copies credentials of other types, too, so that all values are wiped.
    let items: Vec<_> = items.collect();
    Ok(items.into_iter().filter(|(kind, _)| *kind == CRED_TYPE_GENERIC).map(|(_, item)| item).collect())
}

/// Whether this logon session can keep generic credentials beyond its own end. Returns `None` if it cannot keep any.
pub fn read_session_persistence() -> Result<Option<bool>, Error> {
    const TYPES: usize = CRED_TYPE_GENERIC as usize + 1;
    let mut persistence = [0; TYPES];
    // SAFETY: the array has `TYPES` elements, which can be written.
    match unsafe { CredGetSessionTypes(TYPES as u32, persistence.as_mut_ptr()) } {
        0 => Err(last_error("CredGetSessionTypes")),
        _ => Ok(match persistence[CRED_TYPE_GENERIC as usize] {
            0 => None,
            longest => Some(longest >= CRED_PERSIST_LOCAL_MACHINE),
        }),
    }
}

/// Returns the error of this thread's last call, unless the error is that the credential does not exist.
fn check_not_found(operation: &'static str) -> Result<(), Error> {
    // SAFETY: there are no preconditions.
    match unsafe { GetLastError() } {
        ERROR_NOT_FOUND => Ok(()),
        number => Err(number_error(operation, number)),
    }
}

/// The error of this thread's last call.
fn last_error(operation: &'static str) -> Error {
    // SAFETY: there are no preconditions.
    number_error(operation, unsafe { GetLastError() })
}

/// The error for an error number, with the system's own message.
fn number_error(operation: &'static str, number: u32) -> Error {
    let message = io::Error::from_raw_os_error(number as i32).to_string();
    let text = message.split(" (os error").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    number::error(operation, number, text.to_owned())
}
