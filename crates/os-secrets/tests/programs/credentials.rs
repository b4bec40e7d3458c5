//! A client of Credential Manager for the tests, which is neither this crate nor Bun.
//!
//! `list` prints all generic credentials of the logon session as JSON. `write` stores the credential that standard
//! input describes as JSON. `delete` removes the credentials whose target names standard input lists as JSON.

#[cfg(not(windows))]
fn main() {
    eprintln!("Only Windows has a Credential Manager.");
    std::process::exit(1);
}

#[cfg(windows)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("list") => println!("{}", manager::list()?),
        Some("write") => manager::write(&serde_json::from_reader(std::io::stdin())?)?,
        Some("delete") => manager::delete(&serde_json::from_reader(std::io::stdin())?)?,
        _ => return Err("Usage: credentials list | write | delete".into()),
    }
    Ok(())
}

#[cfg(windows)]
mod manager {
    use std::{error::Error, io, ptr, slice};

    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde_json::{Value, json};
    use windows_sys::Win32::{
        Foundation::ERROR_NOT_FOUND,
        Security::Credentials::{
            CRED_TYPE_GENERIC, CREDENTIALW, CredDeleteW, CredEnumerateW, CredFree, CredWriteW,
        },
    };

    /// Lists all generic credentials, in no particular order.
    pub fn list() -> Result<Value, Box<dyn Error>> {
        let (mut count, mut credentials) = (0, ptr::null_mut());
        // SAFETY: the filter may be null, and the results can be written.
        if unsafe { CredEnumerateW(ptr::null(), 0, &mut count, &mut credentials) } == 0 {
            let error = io::Error::last_os_error();
            let is_empty = error.raw_os_error() == Some(ERROR_NOT_FOUND as i32);
            return if is_empty { Ok(json!([])) } else { Err(error.into()) };
        }
        // SAFETY: the system returned `count` pointers.
        let pointers = unsafe { slice::from_raw_parts(credentials, count as usize) };
        // Wine does not align the credentials.
        // SAFETY: each pointer leads to a credential, which lives until all are freed.
        let listed = pointers
            .iter()
            .map(|pointer| unsafe { pointer.read_unaligned() })
            .filter(|credential| credential.Type == CRED_TYPE_GENERIC)
            .map(|credential| {
                let blob = match credential.CredentialBlobSize {
                    0 => &[],
                    // SAFETY: the blob has `size` bytes.
                    size => unsafe { slice::from_raw_parts(credential.CredentialBlob, size as usize) },
                };
                // SAFETY: the system ends its texts with NULs.
                let [target, user, comment, alias] = unsafe {
                    [credential.TargetName, credential.UserName, credential.Comment, credential.TargetAlias]
                        .map(|pointer| copy_text(pointer))
                };
                json!({
                    "target": target,
                    "user": user,
                    "persist": credential.Persist,
                    "blob": BASE64_STANDARD.encode(blob),
                    "comment": comment,
                    "alias": alias,
                    "attributes": credential.AttributeCount,
                })
            })
            .collect();
        // SAFETY: nothing refers to the credentials any more.
        unsafe { CredFree(credentials.cast()) };
        Ok(listed)
    }

    /// Stores the credential `{ target, user, persist, blob }`, whose user may be null.
    pub fn write(credential: &Value) -> Result<(), Box<dyn Error>> {
        let target = utf16(credential["target"].as_str().ok_or("no target")?);
        let user = credential["user"].as_str().map(utf16);
        let blob = BASE64_STANDARD.decode(credential["blob"].as_str().ok_or("no blob")?);
        let blob = blob.map_err(|error| error.to_string())?;
        let persist = credential["persist"].as_u64().ok_or("no persist")? as u32;
        let credential = CREDENTIALW {
            Type: CRED_TYPE_GENERIC,
            TargetName: target.as_ptr().cast_mut(),
            UserName: user.as_ref().map_or(ptr::null_mut(), |user| user.as_ptr().cast_mut()),
            CredentialBlobSize: blob.len() as u32,
            CredentialBlob: blob.as_ptr().cast_mut(),
            Persist: persist,
            ..CREDENTIALW::default()
        };
        // SAFETY: everything that the credential points to outlives the call. Texts end with NULs, and the blob has the
        // given size.
        check(unsafe { CredWriteW(&credential, 0) })
    }

    /// Deletes the credentials with these target names.
    pub fn delete(targets: &Value) -> Result<(), Box<dyn Error>> {
        for target in targets.as_array().ok_or("no list of target names")? {
            let target = utf16(target.as_str().ok_or("a target name that is not text")?);
            // SAFETY: the name ends with a NUL.
            check(unsafe { CredDeleteW(target.as_ptr(), CRED_TYPE_GENERIC, 0) })?;
        }
        Ok(())
    }

    fn check(result: i32) -> Result<(), Box<dyn Error>> {
        if result == 0 { Err(io::Error::last_os_error().into()) } else { Ok(()) }
    }

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().chain([0]).collect()
    }

    /// Copies the text at a pointer. Returns `None` if the pointer is null.
    ///
    /// # Safety
    ///
    /// The pointer must be null, or point to a text that ends with a NUL.
    unsafe fn copy_text(pointer: *const u16) -> Option<String> {
        if pointer.is_null() {
            return None;
        }
        // SAFETY: by this function's contract, everything up to the NUL can be read.
        let units = (0..).map(|index| unsafe { pointer.add(index).read_unaligned() });
        let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
        Some(String::from_utf16_lossy(&units))
    }
}
