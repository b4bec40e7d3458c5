//! The recipients of identities of plugins: they cannot be computed, so each plugin writes its own into a comment before
//! the identity, such as `# recipient: age1NAME1…`.

use super::super::recipients::{Recipient, parse_plugin_recipient};

/// What the text before the `:` of such a comment starts with, in lower case.
const LABELS: [&str; 2] = ["recipient", "public key"];
/// The plugins that encrypt for hardware keys of other plugins, whose identities have other names.
const TAGS: [&str; 2] = ["tag", "tagpq"];

/// The recipients in the comments before an identity, since the one before it.
#[derive(Default)]
pub struct RecipientComments(Vec<Recipient>);

impl RecipientComments {
    /// Remembers the recipient in a comment, if it has one.
    pub fn read(&mut self, comment: &str) {
        let Some((label, text)) = comment.trim_start_matches('#').split_once(':') else { return };
        let label = label.trim().to_ascii_lowercase();
        if LABELS.iter().any(|known| label.starts_with(known)) {
            self.0.extend(parse_plugin_recipient(text.trim()));
        }
    }

    /// Finds the recipient of an identity of a plugin: the last one of the same plugin, else the last one of a plugin that
    /// encrypts for hardware keys of all plugins.
    pub fn find(mut self, name: &str) -> Option<Recipient> {
        let last = |is_right: &dyn Fn(&str) -> bool| {
            self.0.iter().rposition(|recipient| recipient.plugin().is_some_and(is_right))
        };
        let at = last(&|plugin| plugin == name).or_else(|| last(&|plugin| TAGS.contains(&plugin)))?;
        Some(self.0.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recipient of an identity of the plugin `yubikey` after these lines.
    fn recipient_after(lines: &[&str]) -> Option<String> {
        let mut comments = RecipientComments::default();
        lines.iter().for_each(|line| comments.read(line));
        Some(comments.find("yubikey")?.to_string())
    }

    #[test]
    fn the_recipient_of_an_identity_is_the_last_one_of_its_plugin_in_a_comment() {
        let own = "age1yubikey1ddjhjpm8ewx";
        for comment in
            ["# Recipient: ", "# recipient: ", "# public key: ", "#    Recipient: ", "#Public key (tag):"]
        {
            assert_eq!(recipient_after(&[&format!("{comment}{own}")]).as_deref(), Some(own), "{comment}");
        }
        let tag = "# recipient: age1tag1ddjhj4ahygs";
        for (lines, expected) in [
            (
                vec![
                    "# recipient: age1yubikey1qqqq",
                    "# recipient: age1yubikey1ddjhjpm8ewx",
                    "# created: 2026",
                ],
                Some(own),
            ),
            (
                vec!["# public key: age1yubikey1ddjhjpm8ewx", tag, "# recipient: age1tpm1ddjhj6aqksv"],
                Some(own),
            ),
            // The recipient of a hardware key, whatever its plugin.
            (vec![tag, "# recipient: age1tpm1ddjhj6aqksv"], Some("age1tag1ddjhj4ahygs")),
            (vec!["# recipient: age1tpm1ddjhj6aqksv"], None),
            (vec!["# name: age1yubikey1ddjhjpm8ewx", "# age1yubikey1ddjhjpm8ewx"], None),
        ] {
            assert_eq!(recipient_after(&lines).as_deref(), expected, "{lines:?}");
        }
    }
}
