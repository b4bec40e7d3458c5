//! What a variable is to hold.

use crate::reference::file_reference;
use os_secrets::{
    credential::Secret,
    error::Error,
    scope::{Name, parse_reference},
};

/// What a variable is to hold.
#[derive(Clone, Default)]
pub struct Wanted {
    /// The secret that it refers to.
    pub secret: Option<Name>,
    /// Its text if it refers to no secret, or if that secret does not exist.
    pub text: Option<Secret>,
    /// Whether it is left out if the secret does not exist and there is no text.
    pub is_optional: bool,
    /// Whether it holds the path of a file with the value.
    pub as_file: bool,
}

impl Wanted {
    /// What a variable's value asks for: a secret if it is a reference, else the value itself.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for a reference without a valid name.
    pub fn of_value(value: &Secret) -> Result<Self, Error> {
        if let Some(name) = file_reference(value.expose()) {
            return Ok(Self { secret: Some(Name::parse(name)?), as_file: true, ..Self::default() });
        }
        Ok(match parse_reference(value.expose())? {
            Some(name) => Self { secret: Some(name), ..Self::default() },
            None => Self { text: Some(value.clone()), ..Self::default() },
        })
    }
}
