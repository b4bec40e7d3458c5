//! What the age file holds: JSON, as `docs/file-store.md` describes it.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use age::x25519;
use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::envelope::parse_recipient;
use crate::{
    credential::{Key, Secret, is_valid_part},
    error::Error,
    json::{Document, Field},
};

/// What a new file holds.
pub const EMPTY: &[u8] = br#"{"version":1,"recipients":[],"credentials":{}}"#;

const CREDENTIALS: &str = "credentials";
const RECIPIENTS: &str = "recipients";
const BASE64: &str = "base64";

/// The payload of a store.
pub struct Payload<'a> {
    document: Document<'a>,
}

impl<'a> Payload<'a> {
    /// Reads a payload; `path` is the file's, for errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], which holds no part of a value.
    pub fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let document = Document::parse(path, bytes)?;
        match document.is_number("version", 1.0)? {
            Some(true) => Ok(Self { document }),
            Some(false) => Err(document.error("holds a store of a version that is not known here; 1 is")),
            None => Err(document.error("holds no store of os-secrets: there is no \"version\" in it")),
        }
    }

    /// The recipients that it lists, each once.
    pub fn recipients(&self) -> Result<Vec<x25519::Recipient>, Error> {
        let Some(listed) = self.document.field(RECIPIENTS) else { return Ok(Vec::new()) };
        let wrong = || self.document.error("lists under \"recipients\" what is none (age1…)");
        let texts = listed.texts().ok_or_else(wrong)?;
        let mut recipients: Vec<_> =
            texts.iter().map(|text| parse_recipient(text).ok_or_else(wrong)).collect::<Result<_, _>>()?;
        let mut seen = HashSet::new();
        recipients.retain(|recipient: &x25519::Recipient| seen.insert(recipient.clone()));
        Ok(recipients)
    }

    /// Lists other recipients.
    pub fn set_recipients(&mut self, recipients: &[x25519::Recipient]) {
        let texts: Vec<_> = recipients.iter().map(ToString::to_string).collect();
        self.document.set_texts(RECIPIENTS, &texts);
    }

    /// Calls `each` with the credentials there are.
    pub fn each(&self, mut each: impl FnMut(Key, Secret)) -> Result<(), Error> {
        let Some(credentials) = self.document.field(CREDENTIALS) else { return Ok(()) };
        let wrong = |what: &str| self.document.error(format!("holds under \"credentials\" {what}"));
        let members = credentials.members().ok_or_else(|| wrong("what is not an object"))?;
        let mut services = BTreeMap::new();
        for (service, names) in members {
            // Of several the last counts, as where one is changed.
            services.insert(name(service).ok_or_else(|| wrong("a service that cannot be one"))?, names);
        }
        for (service, names) in services {
            let names = names.members().ok_or_else(|| wrong("a service that is not an object"))?;
            for (field, value) in names {
                let name = name(field).ok_or_else(|| wrong("a name that cannot be one"))?;
                let value = secret(&value).ok_or_else(|| {
                    wrong("a value that is neither a text nor an object with its bytes under \"base64\"")
                })?;
                each(Key { service: service.clone(), name }, value);
            }
        }
        Ok(())
    }

    /// Stores a credential; whether it replaces one that was there.
    pub fn set(&mut self, key: &Key, value: &Secret) -> Result<bool, Error> {
        let service = [CREDENTIALS, key.service.as_str()];
        // All of its name: those that counted for nothing are not to stay behind.
        let replaced = self.document.remove(&service, &key.name)?;
        if let Ok(text) = str::from_utf8(value.expose()) {
            self.document.set(&service, &key.name, text)?;
            return Ok(replaced);
        }
        let mut text = Zeroizing::new(String::with_capacity(value.expose().len().div_ceil(3) * 4));
        BASE64_STANDARD.encode_string(value.expose(), &mut text);
        self.document.set(&[CREDENTIALS, &key.service, &key.name], BASE64, &text)?;
        Ok(replaced)
    }

    /// Removes a credential; whether there was one.
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

    /// The payload.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.document.to_bytes()
    }
}

/// A service or a name, as callers may give them.
fn name(name: Option<String>) -> Option<String> {
    name.filter(|name| is_valid_part(name))
}

fn secret(value: &Field<'_, '_>) -> Option<Secret> {
    if let Some(text) = value.text() {
        return Some(text);
    }
    let mut members = value.members()?;
    let (Some((Some(member), field)), None) = (members.next(), members.next()) else { return None };
    let text = field.text().filter(|_| member == BASE64)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.expose().len() / 4 * 3 + 3));
    BASE64_STANDARD.decode_vec(text.expose(), &mut bytes).ok()?;
    Some(Secret::new(std::mem::take(&mut *bytes)))
}
