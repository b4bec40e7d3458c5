//! `rename`: gives a secret another name.
//!
//! The value is never only in this process: it is stored under the new name and read back before the old name is deleted.

use std::ffi::OsString;

use crate::{
    args::{CredentialArgs, ServiceArg},
    context::{Context, Target},
    failure::Failure,
};
use os_secrets::error::Error;

pub fn rename(
    context: &Context,
    old: OsString,
    new: OsString,
    ServiceArg { service }: ServiceArg,
    force: bool,
) -> Result<(), Failure> {
    if old == new {
        return Err(Failure::Usage("both names are the same".into()));
    }
    let target = |name| {
        let credential = CredentialArgs { name, service: ServiceArg { service: service.clone() } };
        context.target(credential, || context.scope_to_change())
    };
    let (old, new) = (target(old)?, target(new)?);
    let get_old = || Ok::<_, Failure>(context.get_value(&old)?.ok_or_else(|| old.not_found())?);
    // Before anything is locked, which may create the directory of an encrypted file.
    get_old()?;
    let _locks = context.lock_values([&old, &new])?;
    let value = get_old()?;
    let [old_name, new_name] = [&old, &new].map(Target::label);
    match context.get_value(&new)? {
        // Such as after a rename that could not delete the old name.
        Some(stored) if stored == value => {}
        Some(_) if !force => {
            return Err(refuse(format!(
                "{new_name} has a different value. Nothing was changed; to replace it, use --force"
            )));
        }
        _ => {
            context.set_value(new.clone(), value.clone())?;
            if context.get_value(&new)?.as_ref() != Some(&value) {
                return Err(refuse(format!(
                    "{new_name} does not have the value that was stored under it, so {old_name} was not deleted"
                )));
            }
        }
    }
    let scope = new.scope();
    context.delete_value(old).map_err(|error| {
        let of = format!("{new_name} has the value, but {old_name} may still have it as well");
        Failure::Call(Error::Of { of, error: Box::new(error) })
    })?;
    context.note_readers(scope);
    context.output.write(b"")
}

fn refuse(message: String) -> Failure {
    Failure::Refused(message.into())
}
