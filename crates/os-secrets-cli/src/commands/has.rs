//! `has`: says by its exit code whether there is a secret.

use crate::{args::CredentialArgs, context::Context, exit_codes::FAILED, failure::Failure};
use os_secrets::progress::Progress;

pub fn has(context: &Context, credential: CredentialArgs) -> Result<(), Failure> {
    let target = context.target(credential, || Ok(context.scope_to_read()))?;
    match context.has_value(&target, Progress::reading(false))? {
        true => context.output.write(b""),
        false => Err(Failure::Silent(FAILED)),
    }
}
