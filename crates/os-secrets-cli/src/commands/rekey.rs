//! `rekey`: changes who can read the encrypted file.

use crate::{context::Context, failure::Failure, selected_store::SelectedStore};
use os_secrets::{
    executor::block_on,
    store::file::{parse_recipient, unsupported_recipient},
};

pub fn rekey(context: &Context, add: &[String], remove: &[String]) -> Result<(), Failure> {
    context.reject_scope("rekey")?;
    let SelectedStore::File(store) = context.selected_store()? else {
        return Err(Failure::Usage(
            "only an encrypted file has recipients; select one with --store, or set OS_SECRETS_PROVIDER=file"
                .into(),
        ));
    };
    context.announce_store();
    let parse = |texts: &[String]| {
        let recipients = texts.iter().flat_map(|text| lines_of(text)).map(|text| {
            let invalid = || {
                Failure::Usage(match unsupported_recipient(text) {
                    Some(kind) => format!(
                        "{kind} cannot be used; give an X25519 recipient (age1…, 62 long), as `secrets init` and `age-keygen -y` print it, one of a plugin (age1NAME1…), or an SSH key (ssh-ed25519 or ssh-rsa)"
                    ),
                    None => "not a whole recipient; a recipient starts with age1 and is 62 long, is one of a plugin (age1NAME1…), or is an SSH key (ssh-ed25519 …). To add those in a file, use \"$(cat FILE)\"".into(),
                })
            };
            parse_recipient(text).ok_or_else(invalid)
        });
        recipients.collect::<Result<Vec<_>, _>>()
    };
    let (add, remove) = (parse(add)?, parse(remove)?);
    let removes = !remove.is_empty();
    let recipients = block_on(async move { store.rekey(add, remove).await })??;
    if removes {
        context.note(
            "no backup of the file is left, because the removed recipients could open it. They keep what they have \
             read, and can open every older copy of the file, such as those in git. Store new values for its secrets",
        );
    }
    let text: String = recipients.iter().map(|recipient| format!("{recipient}\n")).collect();
    context.output.write(text.as_bytes())
}

/// The recipients in a text: one in each line, as in the list of a user's keys that GitHub returns.
fn lines_of(text: &str) -> Vec<&str> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    // An empty text is refused as a recipient.
    if lines.is_empty() { vec![text] } else { lines }
}
