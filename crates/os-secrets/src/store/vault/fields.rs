//! The fields of a secret: the text under which a value is stored, and the answers that hold fields.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use crate::{credential::Secret, error::Error, json::Document};

/// The start of a field that holds bytes as Base64.
const BYTES: &str = "os-secrets:base64:";

/// The text under which a value is stored: itself if it is UTF-8 text, else [`BYTES`] and the value as Base64. A text that
/// starts like that is stored in the same way, so that it comes back as it is.
pub fn encode_value(value: &Secret) -> Secret {
    let bytes = value.expose();
    if str::from_utf8(bytes).is_ok_and(|text| !text.starts_with(BYTES)) {
        return value.clone();
    }
    // Sized once, because growing could leave a copy behind.
    let mut text = Zeroizing::new(vec![0; BYTES.len() + bytes.len().div_ceil(3) * 4]);
    let (start, rest) = text.split_at_mut(BYTES.len());
    start.copy_from_slice(BYTES.as_bytes());
    BASE64_STANDARD.encode_slice(bytes, rest).expect("the buffer is large enough");
    Secret::new(std::mem::take(&mut *text))
}

/// The value that is stored as a text. A text that only looks like bytes is itself the value.
fn decode_value(text: Secret) -> Secret {
    let Some(encoded) = text.expose().strip_prefix(BYTES.as_bytes()) else { return text };
    let mut bytes = Zeroizing::new(vec![0; encoded.len() / 4 * 3 + 3]);
    match BASE64_STANDARD.decode_slice(encoded, &mut bytes) {
        Ok(length) => {
            bytes.truncate(length);
            Secret::new(std::mem::take(&mut *bytes))
        }
        Err(_) => text,
    }
}

/// Where the fields of a secret are in an answer.
#[derive(Clone, Copy)]
pub enum Place {
    /// In the answer of a mount of version 1.
    Data,
    /// In the answer of a mount of version 2.
    DataOfVersion,
    /// In the answer of `subkeys`.
    Subkeys,
}

impl Place {
    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Data => &["data"],
            Self::DataOfVersion => &["data", "data"],
            Self::Subkeys => &["data", "subkeys"],
        }
    }
}

/// The fields of a secret, as an answer spells them.
pub struct Fields<'a> {
    answer: Document<'a>,
    place: Place,
}

impl<'a> Fields<'a> {
    /// Parses an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it has no fields.
    pub fn parse(answer: &'a [u8], place: Place) -> Result<Self, Error> {
        let fields = Self::parse_missing(answer, place)?;
        if fields.answer.has_object(place.members()) { Ok(fields) } else { Err(malformed()) }
    }

    /// Parses the answer for a secret that does not exist. It has no fields, but may have a version.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is not an object.
    pub fn parse_missing(answer: &'a [u8], place: Place) -> Result<Self, Error> {
        let answer = Document::parse(Path::new("the answer"), answer)
            .map_err(|_| Error::Malformed("with something that is not a JSON object".into()))?;
        Ok(Self { answer, place })
    }

    /// The value of a field.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] if it is not a text.
    pub fn value(&self, name: &str) -> Result<Option<Secret>, Error> {
        let text = self.answer.text(self.place.members(), name).map_err(|_| Error::InvalidData)?;
        Ok(text.map(decode_value))
    }

    /// Whether there is a field.
    pub fn has(&self, name: &str) -> bool {
        self.answer.has(self.place.members(), name).unwrap_or(false)
    }

    /// The names of all fields.
    pub fn names(&self) -> Vec<String> {
        self.answer.names(self.place.members()).map(Iterator::collect).unwrap_or_default()
    }

    /// The number of the version, for a mount of version 2. 0 if the secret has no version.
    pub fn version(&self) -> u64 {
        self.answer.number(&["data", "metadata"], "version").unwrap_or(0)
    }

    /// Sets a field to a text.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the answer has no fields.
    pub fn set(&mut self, name: &str, text: &Secret) -> Result<(), Error> {
        let text = str::from_utf8(text.expose()).map_err(|_| Error::InvalidData)?;
        self.answer.set(self.place.members(), name, text).map_err(|_| malformed())
    }

    /// Removes a field. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn remove(&mut self, name: &str) -> Result<bool, Error> {
        self.answer.remove(self.place.members(), name).map_err(|_| malformed())
    }

    /// The fields as a JSON object. Every other field is spelled as in the answer.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.answer.part_to_bytes(self.place.members())
    }
}

fn malformed() -> Error {
    Error::Malformed("with data that is not an object".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_was() {
        let looks_like_bytes = format!("{BYTES}aGk=");
        for value in [&b"plain"[..], "é\n\"".as_bytes(), b"", b"\xff\xfe\0", looks_like_bytes.as_bytes()] {
            let text = encode_value(&Secret::new(value.to_vec()));
            assert!(str::from_utf8(text.expose()).is_ok());
            assert_eq!(decode_value(text).expose(), value);
        }
        assert_eq!(encode_value(&Secret::new(b"\xff".to_vec())).expose(), b"os-secrets:base64:/w==");
    }

    #[test]
    fn a_text_of_another_program_that_only_looks_like_bytes_is_itself() {
        let text = format!("{BYTES}not base64!");
        assert_eq!(decode_value(Secret::new(text.clone().into_bytes())).expose(), text.as_bytes());
    }

    #[test]
    fn other_fields_keep_their_spelling() {
        let answer =
            br#"{"data":{"data":{"n":1.50,"deep":{"a":[1e2,null]},"key":"x"},"metadata":{"version":7}}}"#;
        let mut fields = Fields::parse(answer, Place::DataOfVersion).unwrap();
        assert_eq!((fields.version(), fields.names()), (7, vec!["n".into(), "deep".into(), "key".into()]));
        assert_eq!(fields.value("n"), Err(Error::InvalidData));
        assert_eq!(fields.value("missing"), Ok(None));
        fields.set("new", &Secret::new(b"y".to_vec())).unwrap();
        assert_eq!(fields.remove("key"), Ok(true));
        let compact: String = String::from_utf8_lossy(&fields.to_bytes()).split_whitespace().collect();
        assert_eq!(compact, r#"{"n":1.50,"deep":{"a":[1e2,null]},"new":"y"}"#);
    }
}
