//! The payload of the age file: JSON, as `docs/file-store.md` describes it.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use zeroize::Zeroizing;

use super::recipients::{Recipient, parse_recipient, unsupported_recipient};
use crate::{
    credential::{Key, Secret, is_valid_part},
    error::Error,
    json::Document,
};

/// The payload of a new file.
pub const EMPTY: &[u8] = br#"{"version":1,"recipients":[],"credentials":{}}"#;

const CREDENTIALS: &str = "credentials";
const RECIPIENTS: &str = "recipients";

/// The payload of a store.
pub struct Payload<'a> {
    document: Document<'a>,
}

impl<'a> Payload<'a> {
    /// Parses a payload. Errors name the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], which contains no part of a value.
    pub fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let document = Document::parse(path, bytes)?;
        match document.is_number("version", 1.0)? {
            Some(true) => Ok(Self { document }),
            Some(false) => {
                Err(document.error("is of a version that this os-secrets does not know; it knows version 1"))
            }
            None => Err(document.error("holds no store of os-secrets, because it has no \"version\"")),
        }
    }

    /// The recipients that the payload lists, each once.
    pub fn recipients(&self) -> Result<Vec<Recipient>, Error> {
        let Some(listed) = self.document.field(RECIPIENTS) else { return Ok(Vec::new()) };
        let invalid = |text: &str| {
            self.document.error(&match unsupported_recipient(text) {
                Some(kind) => format!("has {kind} under \"recipients\", for which os-secrets cannot encrypt"),
                None => {
                    "has something under \"recipients\" that is not a recipient (age1… or an SSH key)".into()
                }
            })
        };
        let texts = listed.texts().ok_or_else(|| invalid(""))?;
        let mut recipients: Vec<_> = texts
            .iter()
            .map(|text| parse_recipient(text).ok_or_else(|| invalid(text)))
            .collect::<Result<_, _>>()?;
        let mut seen = HashSet::new();
        recipients.retain(|recipient: &Recipient| seen.insert(recipient.clone()));
        Ok(recipients)
    }

    /// Replaces the list of recipients.
    pub fn set_recipients(&mut self, recipients: &[Recipient]) {
        let texts: Vec<_> = recipients.iter().map(ToString::to_string).collect();
        self.document.set_texts(RECIPIENTS, &texts);
    }

    /// Calls `visit` with every credential.
    pub fn for_each(&self, mut visit: impl FnMut(Key, Secret)) -> Result<(), Error> {
        let Some(credentials) = self.document.field(CREDENTIALS) else { return Ok(()) };
        let invalid = |what: &str| self.document.error(format!("has under \"credentials\" {what}"));
        let members = credentials.members().ok_or_else(|| invalid("something that is not an object"))?;
        let mut services = BTreeMap::new();
        for (service, names) in members {
            // If a member occurs several times, the last one counts, here as in a change.
            let service = valid_part(service).ok_or_else(|| invalid("a service that is not valid"))?;
            services.insert(service, names);
        }
        for (service, names) in services {
            let names = names.members().ok_or_else(|| invalid("a service that is not an object"))?;
            for (field, value) in names {
                let name = valid_part(field).ok_or_else(|| invalid("a name that is not valid"))?;
                let value = value.value().ok_or_else(|| {
                    invalid("a value that is neither a text nor an object with its bytes under \"base64\"")
                })?;
                visit(Key { service: service.clone(), name }, value);
            }
        }
        Ok(())
    }

    /// Stores a credential, and returns whether it replaces another.
    pub fn set(&mut self, key: &Key, value: &Secret) -> Result<bool, Error> {
        let service = [CREDENTIALS, key.service.as_str()];
        // Removes all members of this name. Those that did not count must not stay in the file.
        let replaced = self.document.remove(&service, &key.name)?;
        self.document.set_value(&service, &key.name, value)?;
        Ok(replaced)
    }

    /// Removes a credential, and returns whether it existed.
    pub fn remove(&mut self, key: &Key) -> Result<bool, Error> {
        if !self.document.has(&[CREDENTIALS, &key.service], &key.name)? {
            return Ok(false);
        }
        self.document.remove(&[CREDENTIALS, &key.service], &key.name)?;
        if self.document.names(&[CREDENTIALS, &key.service])?.next().is_none() {
            self.document.remove(&[CREDENTIALS], &key.service)?;
        }
        Ok(true)
    }

    /// The payload as JSON.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.document.to_bytes()
    }
}

/// A service or a name, if it is valid.
fn valid_part(text: Option<String>) -> Option<String> {
    text.filter(|text| is_valid_part(text))
}
