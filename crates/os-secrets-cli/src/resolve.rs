//! `resolve`: prints what a value stands for.

use std::ffi::OsString;

use super::{Context, Failure, get::line};
use os_secrets::credential::Secret;

pub fn resolve(context: &Context, value: OsString) -> Result<(), Failure> {
    let values = vec![Secret::new(value.into_encoded_bytes())];
    for resolved in context.resolve(values, None)? {
        context.output.write(&line(&resolved))?;
    }
    Ok(())
}
