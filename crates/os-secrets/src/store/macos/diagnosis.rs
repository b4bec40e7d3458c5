//! Finds out the state of the store without changing anything.

use std::path::PathBuf;

use super::{
    api::{self, KeychainState},
    keychain::{Keychain, look_up},
};
use crate::error::Error;

/// The state of the store.
#[derive(Debug)]
pub struct Diagnosis {
    /// The file of the default keychain, where new items go, or why there is none.
    pub keychain: Result<PathBuf, Error>,
    /// The state of the default keychain, or why it is unknown.
    pub state: Result<KeychainState, Error>,
    /// Whether the process has a desktop on which the user can be asked.
    pub has_desktop: bool,
}

impl Keychain {
    /// Examines the store.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`].
    pub async fn diagnose(&self) -> Result<Diagnosis, Error> {
        let examine = || {
            let default = api::OpenKeychain::open_default();
            Ok(Diagnosis {
                keychain: default.as_ref().map_err(Error::clone).and_then(api::OpenKeychain::read_path),
                state: default.and_then(|keychain| keychain.read_state()),
                has_desktop: api::has_desktop(),
            })
        };
        look_up(examine).await
    }
}
