//! What a store without limits of its own can hold.

use crate::{
    credential::{Key, Secret},
    error::Error,
};

/// The largest value in bytes, of every store. A bus cuts off who sends a larger message than it takes, and
/// the strictest take 32 MiB; D-Bus itself ends at arrays of 64 MiB.
pub const MAX_VALUE: usize = 16 << 20;
/// The largest service and name together, in bytes. On a bus they stand twice in one message, as attributes and
/// as label, beside a value.
pub const MAX_KEY: usize = 4 << 20;

/// Refuses what no message of a bus could carry, and what no other store takes either.
pub(super) fn check_size(key: &Key, value: Option<&Secret>) -> Result<(), Error> {
    let size = key.service.len() + key.name.len();
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

/// Refuses what names no credential.
pub(super) fn check_key(key: &Key) -> Result<(), Error> {
    if key.is_valid() { Ok(()) } else { Err(Error::InvalidKey) }
}

/// A value that a store without limits of its own is to hold; `None` where it is empty, which deletes.
///
/// # Errors
///
/// [`Error::TooLarge`], and [`Error::InvalidKey`].
pub(super) fn checked<'a>(key: &Key, value: &'a Secret) -> Result<Option<&'a Secret>, Error> {
    check_key(key)?;
    check_size(key, Some(value))?;
    Ok(Some(value).filter(|value| !value.expose().is_empty()))
}
