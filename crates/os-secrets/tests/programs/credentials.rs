//! The generic credentials of a Windows logon session, as a client sees them that is neither this crate nor
//! Bun; for the tests.
//!
//! `list` prints all of them as JSON. `write` stores the one that standard input describes, and `delete` removes
//! those whose target names standard input lists, also as JSON.

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

    /// Every generic credential, in no order.
    pub fn list() -> Result<Value, Box<dyn Error>> {
        let (mut count, mut given) = (0, ptr::null_mut());
        // SAFETY: no filter is given, and the places can be written to.
        if unsafe { CredEnumerateW(ptr::null(), 0, &mut count, &mut given) } == 0 {
            let error = io::Error::last_os_error();
            let is_empty = error.raw_os_error() == Some(ERROR_NOT_FOUND as i32);
            return if is_empty { Ok(json!([])) } else { Err(error.into()) };
        }
        // SAFETY: the system gave so many pointers.
        let pointers = unsafe { slice::from_raw_parts(given, count as usize) };
        // SAFETY: each leads to a credential, which stays until all are freed. Wine does not align them.
        let credentials = pointers.iter().map(|pointer| unsafe { pointer.read_unaligned() });
        let listed = credentials
            .filter(|credential| credential.Type == CRED_TYPE_GENERIC)
            .map(|credential| {
                let blob = match credential.CredentialBlobSize {
                    0 => &[],
                    // SAFETY: the blob has so many bytes.
                    size => unsafe { slice::from_raw_parts(credential.CredentialBlob, size as usize) },
                };
                // SAFETY: the system ends its texts with NULs.
                let [target, user, comment, alias] = unsafe {
                    [credential.TargetName, credential.UserName, credential.Comment, credential.TargetAlias]
                        .map(|pointer| text(pointer))
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
        // SAFETY: nothing refers to it any more.
        unsafe { CredFree(given.cast()) };
        Ok(listed)
    }

    /// Stores `{ target, user, persist, blob }`, of which the user may be null.
    pub fn write(of: &Value) -> Result<(), Box<dyn Error>> {
        let target = utf16(of["target"].as_str().ok_or("no target")?);
        let user = of["user"].as_str().map(utf16);
        let blob = BASE64_STANDARD.decode(of["blob"].as_str().ok_or("no blob")?);
        let blob = blob.map_err(|error| error.to_string())?;
        let credential = CREDENTIALW {
            Type: CRED_TYPE_GENERIC,
            TargetName: target.as_ptr().cast_mut(),
            UserName: user.as_ref().map_or(ptr::null_mut(), |user| user.as_ptr().cast_mut()),
            CredentialBlobSize: blob.len() as u32,
            CredentialBlob: blob.as_ptr().cast_mut(),
            Persist: of["persist"].as_u64().ok_or("no persist")? as u32,
            ..CREDENTIALW::default()
        };
        // SAFETY: all that it points to outlives the call; texts end with NULs, and the blob has its size.
        succeeded(unsafe { CredWriteW(&credential, 0) })
    }

    /// Deletes those with these target names.
    pub fn delete(targets: &Value) -> Result<(), Box<dyn Error>> {
        for target in targets.as_array().ok_or("no list of target names")? {
            let target = utf16(target.as_str().ok_or("a target name that is no text")?);
            // SAFETY: the name ends with a NUL.
            succeeded(unsafe { CredDeleteW(target.as_ptr(), CRED_TYPE_GENERIC, 0) })?;
        }
        Ok(())
    }

    fn succeeded(done: i32) -> Result<(), Box<dyn Error>> {
        if done == 0 { Err(io::Error::last_os_error().into()) } else { Ok(()) }
    }

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().chain([0]).collect()
    }

    /// The text at a pointer; `None` where there is none.
    ///
    /// # Safety
    ///
    /// The pointer is null or leads to a text that ends with a NUL.
    unsafe fn text(pointer: *const u16) -> Option<String> {
        if pointer.is_null() {
            return None;
        }
        // SAFETY: by this function's contract, all up to the NUL can be read.
        let units = (0..).map(|index| unsafe { pointer.add(index).read_unaligned() });
        let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
        Some(String::from_utf16_lossy(&units))
    }
}
