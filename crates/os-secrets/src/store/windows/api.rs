//! The calls of `wincred.h`, and what can go wrong with one.

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

/// A text in UTF-16, ended by a NUL that does not count.
#[derive(Clone)]
pub struct Text(Vec<u16>);

impl Text {
    /// Of a text without NULs.
    pub fn new(text: &str) -> Self {
        Self(text.encode_utf16().chain([0]).collect())
    }

    /// The number of UTF-16 units.
    pub fn units(&self) -> usize {
        self.0.len() - 1
    }

    /// Whether Windows takes the two for one name: without regard to case.
    pub fn is_same(&self, other: &Self) -> bool {
        // SAFETY: both end with a NUL, to where -1 has them read.
        unsafe { CompareStringOrdinal(self.0.as_ptr(), -1, other.0.as_ptr(), -1, 1) == CSTR_EQUAL }
    }

    /// The text at a pointer that the system gave; `None` where there is none, or an empty one.
    ///
    /// # Safety
    ///
    /// The pointer is null or leads to a text that ends with a NUL.
    unsafe fn at(pointer: *const u16) -> Option<Self> {
        if pointer.is_null() {
            return None;
        }
        // Wine does not align what it gives.
        // SAFETY: by this function's contract, all up to the NUL can be read.
        let units = (0..).map(|index| unsafe { pointer.add(index).read_unaligned() });
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).chain([0]).collect();
        (units.len() > 1).then_some(Self(units))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf16_lossy(&self.0[..self.units()]))
    }
}

/// A generic credential, as it was read.
pub struct Item {
    target: Text,
    user: Option<Text>,
    persist: Persist,
    secret: Secret,
}

impl Item {
    /// How long it is kept, and where; what ends with the session counts as of this machine.
    pub fn persist(&self) -> Persist {
        self.persist
    }

    /// Its name.
    pub fn target(&self) -> &Text {
        &self.target
    }

    /// Whose it is; `None` also where that is empty.
    pub fn user(&self) -> Option<&Text> {
        self.user.as_ref()
    }

    /// What it holds.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What it holds, without the rest.
    pub fn into_secret(self) -> Secret {
        self.secret
    }

    /// An item as it would be read.
    #[cfg(test)]
    pub fn new(target: &str, user: Option<&str>, value: &[u8]) -> Self {
        let user = user.filter(|user| !user.is_empty()).map(Text::new);
        Self {
            target: Text::new(target),
            user,
            persist: Persist::Enterprise,
            secret: Secret::new(value.to_vec()),
        }
    }

    /// Copies what the system has given, and wipes it there.
    ///
    /// # Safety
    ///
    /// The credential is one that the system gave, and nothing else refers to what it points to.
    unsafe fn take(given: &CREDENTIALW) -> Self {
        // SAFETY: the system ends its texts with NULs.
        let (target, user) = unsafe { (Text::at(given.TargetName), Text::at(given.UserName)) };
        let mut secret = Vec::new();
        if !given.CredentialBlob.is_null() {
            // SAFETY: the blob has so many bytes, which are ours until it is freed.
            let blob =
                unsafe { slice::from_raw_parts_mut(given.CredentialBlob, given.CredentialBlobSize as usize) };
            secret = blob.to_vec();
            blob.zeroize();
        }
        let persist = match given.Persist {
            CRED_PERSIST_ENTERPRISE => Persist::Enterprise,
            _ => Persist::Local,
        };
        Self { target: target.unwrap_or(Text(vec![0])), user, persist, secret: Secret::new(secret) }
    }
}

/// What the system has allocated.
struct Allocated<T>(NonNull<T>);

impl<T> Drop for Allocated<T> {
    fn drop(&mut self) {
        // SAFETY: it came from one of the calls that say to free it so, and nothing refers to it any more.
        unsafe { CredFree(self.0.as_ptr().cast::<c_void>()) };
    }
}

/// Reads a credential; `None` where there is none.
pub fn read(target: &Text) -> Result<Option<Item>, Error> {
    let mut given = ptr::null_mut();
    // SAFETY: the name ends with a NUL, and the place can be written to.
    let done = unsafe { CredReadW(target.0.as_ptr(), CRED_TYPE_GENERIC, 0, &mut given) };
    if done == 0 {
        return absent("CredRead").map(|()| None);
    }
    let Some(given) = NonNull::new(given) else { return Ok(None) };
    let allocated = Allocated(given);
    // SAFETY: the system gave one credential, to which nothing else refers.
    Ok(Some(unsafe { Item::take(&allocated.0.as_ptr().read_unaligned()) }))
}

/// Writes a credential, in place of one that was there.
pub fn write(target: &Text, user: &Text, value: &[u8], persist: Persist) -> Result<(), Error> {
    let credential = CREDENTIALW {
        Type: CRED_TYPE_GENERIC,
        // Nothing is written through these: the structure serves for reading as well.
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
    // SAFETY: all that it points to outlives the call; texts end with NULs, and the blob has its size.
    match unsafe { CredWriteW(&credential, 0) } {
        0 => Err(failure("CredWrite")),
        _ => Ok(()),
    }
}

/// Deletes a credential; whether there was one.
pub fn delete(target: &Text) -> Result<bool, Error> {
    // SAFETY: the name ends with a NUL.
    match unsafe { CredDeleteW(target.0.as_ptr(), CRED_TYPE_GENERIC, 0) } {
        0 => absent("CredDelete").map(|()| false),
        _ => Ok(true),
    }
}

/// All generic credentials whose target names match: a beginning, with an asterisk.
pub fn enumerate(filter: Option<&Text>) -> Result<Vec<Item>, Error> {
    let (mut count, mut given) = (0, ptr::null_mut());
    let filter = filter.map_or(ptr::null(), |filter| filter.0.as_ptr());
    // SAFETY: the filter is null or ends with a NUL, and the places can be written to.
    if unsafe { CredEnumerateW(filter, 0, &mut count, &mut given) } == 0 {
        return absent("CredEnumerate").map(|()| Vec::new());
    }
    let Some(given) = NonNull::new(given) else { return Ok(Vec::new()) };
    let allocated = Allocated(given);
    // SAFETY: the system gave so many pointers, at the start of what it has allocated.
    let pointers = unsafe { slice::from_raw_parts(allocated.0.as_ptr(), count as usize) };
    let items = pointers.iter().map(|pointer| {
        // SAFETY: each leads to a credential to which nothing else refers. Wine does not align them.
        unsafe {
            let credential = pointer.read_unaligned();
            (credential.Type, Item::take(&credential))
        }
    });
    // All are taken, so that all are wiped.
    let items: Vec<_> = items.collect();
    Ok(items.into_iter().filter(|(kind, _)| *kind == CRED_TYPE_GENERIC).map(|(_, item)| item).collect())
}

/// For how long this logon session can keep generic credentials: `None` for not at all, and whether beyond its own end.
pub fn longest() -> Result<Option<bool>, Error> {
    const KINDS: usize = CRED_TYPE_GENERIC as usize + 1;
    let mut longest = [0; KINDS];
    // SAFETY: the array has so many places, which can be written to.
    match unsafe { CredGetSessionTypes(KINDS as u32, longest.as_mut_ptr()) } {
        0 => Err(failure("CredGetSessionTypes")),
        _ => Ok(match longest[CRED_TYPE_GENERIC as usize] {
            0 => None,
            persistence => Some(persistence >= CRED_PERSIST_LOCAL_MACHINE),
        }),
    }
}

/// The error of the last call on this thread, unless that is that there is no such credential.
fn absent(operation: &'static str) -> Result<(), Error> {
    // SAFETY: it has no preconditions.
    match unsafe { GetLastError() } {
        ERROR_NOT_FOUND => Ok(()),
        number => Err(of_number(operation, number)),
    }
}

fn failure(operation: &'static str) -> Error {
    // SAFETY: it has no preconditions.
    of_number(operation, unsafe { GetLastError() })
}

/// The error that a number stands for.
pub fn of_number(operation: &'static str, number: u32) -> Error {
    let message = io::Error::from_raw_os_error(number as i32).to_string();
    let words = message.split(" (os error").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    number::error(operation, number, words.to_owned())
}
