//! Finds out the state of the store without changing anything.

use super::{CredentialManager, LANE, api};
use crate::error::Error;

/// The state of the store.
#[derive(Debug)]
pub struct Diagnosis {
    /// Whether credentials can be read, or why not.
    pub reachable: Result<(), Error>,
    /// Whether the logon session can keep credentials beyond its own end. `None` if it cannot keep any.
    pub keeps: Result<Option<bool>, Error>,
}

impl CredentialManager {
    /// Examines the store.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`].
    pub async fn diagnose(&self) -> Result<Diagnosis, Error> {
        LANE.run(|| {
            let reachable = api::read_item(&api::WideString::new("os-secrets/doctor")).map(drop);
            Ok(Diagnosis { reachable, keeps: api::read_session_persistence() })
        })
        .await
    }
}
