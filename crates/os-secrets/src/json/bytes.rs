//! Values of any bytes: a text, or an object with the bytes under `base64`.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{Document, Field, node::Node};
use crate::{credential::Secret, error::Error};

/// The name of the member that has the bytes of a value that is not text.
const BASE64: &str = "base64";

impl Document<'_> {
    /// Sets a name to a value in the object that is reached through `members`. Objects that are missing are created. The
    /// name must not have an object as its value.
    pub fn set_value(&mut self, members: &[&str], name: &str, value: &Secret) -> Result<(), Error> {
        if let Ok(text) = str::from_utf8(value.expose()) {
            return self.set(members, name, text);
        }
        let mut text = Zeroizing::new(String::with_capacity(value.expose().len().div_ceil(3) * 4));
        BASE64_STANDARD.encode_string(value.expose(), &mut text);
        let mut members = members.to_vec();
        members.push(name);
        self.set(&members, BASE64, &text)
    }
}

impl Field<'_, '_> {
    /// The value, if this is one: a text, or an object with nothing but bytes under `base64`.
    pub fn value(&self) -> Option<Secret> {
        if let Some(text) = self.text() {
            return Some(text);
        }
        let mut members = self.members()?;
        let (Some((Some(member), field)), None) = (members.next(), members.next()) else { return None };
        let text = field.text().filter(|_| member == BASE64)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.expose().len() / 4 * 3 + 3));
        BASE64_STANDARD.decode_vec(text.expose(), &mut bytes).ok()?;
        Some(Secret::new(std::mem::take(&mut *bytes)))
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.0, Node::Scalar(spelled) if *spelled == "null")
    }
}
