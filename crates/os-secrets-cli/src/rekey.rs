//! `rekey`: changes who can read the encrypted file.

use super::{Context, Failure, stores::Selected};
use os_secrets::{executor::block_on, store::file::parse_recipient};

pub fn rekey(context: &Context, add: &[String], remove: &[String]) -> Result<(), Failure> {
    context.without_scope("rekey")?;
    let Selected::File(store) = context.selected()? else {
        return Err(Failure::Usage(
            "only an encrypted file has recipients; name one with --store, or set OS_SECRETS_PROVIDER=file"
                .into(),
        ));
    };
    context.announce();
    let parse = |texts: &[String]| {
        let recipients = texts.iter().map(|text| {
            let wrong = || Failure::Usage("a recipient is age1… and has none but its own letters".into());
            parse_recipient(text).ok_or_else(wrong)
        });
        recipients.collect::<Result<Vec<_>, _>>()
    };
    let (add, remove) = (parse(add)?, parse(remove)?);
    let recipients = block_on(async move { store.rekey(add, remove).await })??;
    let text: String = recipients.iter().map(|recipient| format!("{recipient}\n")).collect();
    context.output.write(text.as_bytes())
}
