//! `delete`: deletes a secret.

use crate::{args::CredentialArgs, context::Context, failure::Failure};

pub fn delete(context: &Context, credential: CredentialArgs) -> Result<(), Failure> {
    let target = context.target(credential, || context.scope_to_change())?;
    context.delete_value(target)?;
    context.output.write(b"")
}
