//! `resolve`: prints the secret that a reference names, or any other value as it is.

use std::ffi::OsString;

use super::get::print_secret;
use crate::{context::Context, failure::Failure};
use os_secrets::credential::Secret;

pub fn resolve(context: &Context, raw: bool, value: OsString) -> Result<(), Failure> {
    let values = vec![Secret::new(value.into_encoded_bytes())];
    for resolved in context.resolve(values, None)? {
        print_secret(context, &resolved, raw)?;
    }
    Ok(())
}
