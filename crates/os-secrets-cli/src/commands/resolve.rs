//! `resolve`: prints the secret that a reference names, or any other value as it is.

use std::ffi::OsString;

use super::get::print_secret;
use crate::{Program, context::Context, failure::Failure, reference::file_reference};
use os_secrets::credential::Secret;

pub fn resolve(context: &Context, raw: bool, value: OsString) -> Result<(), Failure> {
    if context.program == Program::Secrets && file_reference(value.as_encoded_bytes()).is_some() {
        return Err(Failure::Usage(
            "secret-file:NAME is for variables of run only; use secret:NAME to print the secret".into(),
        ));
    }
    let values = vec![Secret::new(value.into_encoded_bytes())];
    for resolved in context.resolve(values, None)? {
        print_secret(context, &resolved, raw)?;
    }
    Ok(())
}
