//! `get`: prints a secret.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::clip::copy_to_clipboard;
use crate::{
    Program,
    args::{ClipArgs, CredentialArgs},
    context::{Context, Target},
    failure::Failure,
};
use os_secrets::{credential::Secret, json};

const NO_JSON: &str = "the value is not UTF-8 text, which JSON needs. Print its bytes with --raw, or write them to a file with -o";

pub fn get(
    context: &Context,
    credential: CredentialArgs,
    raw: bool,
    json: bool,
    clip: ClipArgs,
) -> Result<(), Failure> {
    if raw && json {
        return Err(Failure::Usage("--raw cannot be used with --json".into()));
    }
    if clip.clip && (raw || json || context.output.file.is_some()) {
        return Err(Failure::Usage("--clip cannot be used with --raw, --json or -o".into()));
    }
    let target = context.target(credential, || Ok(context.scope_to_read()))?;
    let secret = match &target {
        Target::Secret(name, scope) => {
            let mut found = context.find_secrets(BTreeSet::from([name.clone()]), *scope)?;
            let secret = found.secrets.remove(name);
            if secret.is_some() {
                context.warn_of_hidden(found.from_repository);
            }
            secret
        }
        Target::Credential(_) => context.get_value(&target)?,
    };
    let secret = secret.ok_or_else(|| target.not_found())?;
    let (service, name) = match target {
        Target::Secret(name, _) => (None, name.to_string()),
        Target::Credential(key) => (Some(key.service), key.name),
    };
    if clip.clip {
        return copy_to_clipboard(context, &name, &secret, clip.clear_after);
    }
    if json {
        let value = str::from_utf8(secret.expose()).map_err(|_| Failure::Refused(NO_JSON.into()))?;
        return context.output.write(&json_object(service.as_deref(), &name, value));
    }
    print_secret(context, &secret, raw)
}

/// Prints a secret. A newline follows, unless `raw` is true.
pub fn print_secret(context: &Context, secret: &Secret, raw: bool) -> Result<(), Failure> {
    let value = secret.expose();
    let newline: &[u8] = match context.program {
        _ if raw => b"",
        Program::BusSecrets => b"\n",
        _ => newline_after(value),
    };
    let mut output = Zeroizing::new(Vec::with_capacity(value.len() + newline.len()));
    output.extend_from_slice(value);
    output.extend_from_slice(newline);
    context.output.write(&output)
}

/// The newline to append to a value, so that `set` drops exactly this newline.
pub fn newline_after(value: &[u8]) -> &'static [u8] {
    // `set` drops one LF or CRLF. After a carriage return, it would take our LF for a part of CRLF.
    if value.ends_with(b"\r") { b"\r\n" } else { b"\n" }
}

fn json_object(service: Option<&str>, name: &str, value: &str) -> Zeroizing<Vec<u8>> {
    let members = [("service", service), ("name", Some(name)), ("value", Some(value))];
    let members: Vec<_> = members.into_iter().filter_map(|(member, text)| Some((member, text?))).collect();
    let mut object = json::object_of_texts(&members, 1);
    object.push(b'\n');
    object
}
