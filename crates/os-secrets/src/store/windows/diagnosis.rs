//! What state the store is in, found out without changing anything.

use super::{CredentialManager, LANE, api};
use crate::error::Error;

/// What there is to say of the store.
#[derive(Debug)]
pub struct Diagnosis {
    /// Whether credentials can be read; otherwise why not.
    pub reachable: Result<(), Error>,
    /// Whether the logon session can keep credentials: `None` for not at all, and whether beyond its own end.
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
            let reachable = api::read(&api::Text::new("os-secrets/doctor")).map(drop);
            Ok(Diagnosis { reachable, keeps: api::longest() })
        })
        .await
    }
}
