//! The largest keys and values that any store takes. Windows has smaller limits of its own.

use crate::{
    credential::{Key, Secret, is_valid_part},
    error::Error,
};

/// The maximum size of a value in bytes. D-Bus allows arrays of 64 MiB, but some buses disconnect a client that sends a
/// message of more than 32 MiB.
pub const MAX_VALUE: usize = 16 << 20;
/// The maximum size of a service and name together, in bytes. One D-Bus message holds them twice, as attributes and as
/// label, beside a value.
pub const MAX_KEY: usize = 4 << 20;

/// Refuses keys and values over the limits.
pub(super) fn check_size(key: &Key, value: Option<&Secret>) -> Result<(), Error> {
    let size = key.size();
    if size > MAX_KEY {
        return Err(Error::TooLarge { what: "service and name", size, unit: "bytes", limit: MAX_KEY });
    }
    match value.map(|value| value.expose().len()) {
        Some(size) if size > MAX_VALUE => {
            Err(Error::TooLarge { what: "a value", size, unit: "bytes", limit: MAX_VALUE })
        }
        _ => Ok(()),
    }
}

/// Refuses keys with an empty part or a NUL.
pub(super) fn check_key(key: &Key) -> Result<(), Error> {
    check_part(&key.service)?;
    check_part(&key.name)
}

/// Refuses a service or name that is empty or has a NUL.
pub(super) fn check_part(text: &str) -> Result<(), Error> {
    if is_valid_part(text) { Ok(()) } else { Err(Error::InvalidKey) }
}

/// Checks a key and a value that are about to be stored. Returns `None` if the value is empty, which deletes.
///
/// # Errors
///
/// [`Error::TooLarge`], and [`Error::InvalidKey`].
pub fn check_credential<'a>(key: &Key, value: &'a Secret) -> Result<Option<&'a Secret>, Error> {
    check_key(key)?;
    check_size(key, Some(value))?;
    Ok(Some(value).filter(|value| !value.expose().is_empty()))
}
