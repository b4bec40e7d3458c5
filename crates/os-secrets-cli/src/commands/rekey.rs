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
        let recipients = texts.iter().map(|text| {
            let invalid = || {
                Failure::Usage(match unsupported_recipient(text) {
                    Some(kind) => format!(
                        "{kind} cannot be used; give an X25519 recipient (age1…, 62 long), as `secrets init` and `age-keygen -y` print it"
                    ),
                    None => "not a whole recipient; a recipient starts with age1 and is 62 long".into(),
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
