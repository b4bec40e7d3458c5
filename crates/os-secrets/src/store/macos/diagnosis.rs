//! What state the store is in, found out without changing anything.

use std::path::PathBuf;

use super::{
    api::{self, KeychainState},
    keychain::{Keychain, SILENT},
};
use crate::error::Error;

/// What there is to say of the store.
#[derive(Debug)]
pub struct Diagnosis {
    /// The file of the default keychain, where new items go; otherwise why there is none.
    pub keychain: Result<PathBuf, Error>,
    /// Its state; otherwise why it cannot be told.
    pub state: Result<KeychainState, Error>,
    /// Whether the person can be asked, on a desktop.
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
            let default = api::DefaultKeychain::open();
            Ok(Diagnosis {
                keychain: default.as_ref().map_err(Error::clone).and_then(api::DefaultKeychain::path),
                state: default.and_then(|keychain| keychain.state()),
                has_desktop: api::has_desktop(),
            })
        };
        SILENT.run(examine).await
    }
}
