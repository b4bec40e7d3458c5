//! The names and services in the stores. Nobody is asked, and a store that does not answer has none.

use std::{collections::BTreeSet, ffi::OsString, future::Future, path::PathBuf, sync::Arc, time::Duration};

use super::{Candidate, line::Line};
use crate::selected_store::SelectedStore;
use os_secrets::{
    bounds::Bounds,
    error::Error,
    executor::block_on,
    progress::Progress,
    scope::{Repository, Scope, Scopes, User},
    store::Choice,
};

/// How long a shell waits.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Where the names are, as the flags on the line say.
pub struct Place {
    directory: PathBuf,
    scope: Scope,
    store: Option<OsString>,
    service: Option<String>,
}

impl Place {
    /// The place that a line names.
    pub fn of(line: &Line<'_>) -> Self {
        Self {
            directory: line.value("directory").unwrap_or(".").into(),
            scope: line.value("scope").and_then(Scope::parse).unwrap_or(Scope::Auto),
            store: line.value("store").map(OsString::from),
            service: line.value("service").map(str::to_owned),
        }
    }

    /// The names of the secrets, or of the credentials of the service.
    pub fn names(&self) -> Vec<Candidate> {
        if let Some(service) = self.service.clone() {
            let Some(choice) = self.choice() else { return Vec::new() };
            let keys = call(|progress| async move { choice.store()?.list(Some(&service), &progress).await });
            let names: BTreeSet<_> = keys.into_iter().flatten().map(|key| key.name).collect();
            return names.into_iter().map(|name| Candidate::new(name, "")).collect();
        }
        // The repository's names can be known even if the store cannot be reached.
        let found = self.names_in(self.scope).or_else(|| self.names_in(Scope::Repository));
        found.unwrap_or_default()
    }

    fn names_in(&self, scope: Scope) -> Option<Vec<Candidate>> {
        let user =
            User::Store(self.choice().or((scope == Scope::Repository).then_some(Choice::Environment))?);
        let scopes = Scopes { repository: Repository::new(self.directory.clone()), user };
        let found = call(|progress| async move { scopes.list(scope, &progress).await })?;
        let of = |in_repository| if in_repository { "repo" } else { "user" };
        let names = found.iter().map(|(name, found)| Candidate::new(name.as_str(), of(found.repository)));
        Some(names.collect())
    }

    /// The services of the store, if it can list them.
    pub fn services(&self) -> Vec<Candidate> {
        let Some(choice) = self.choice() else { return Vec::new() };
        let keys = call(|progress| async move { choice.store()?.list(None, &progress).await });
        let services: BTreeSet<_> = keys.into_iter().flatten().map(|key| key.service).collect();
        services
            .into_iter()
            .filter(|service| !service.is_empty())
            .map(|service| Candidate::new(service, ""))
            .collect()
    }

    /// The store, if the setting is valid. It does not ask for a passphrase, and a pipe with an identity is left to the
    /// command: it can be read once only.
    fn choice(&self) -> Option<Choice> {
        let selected = match self.store.clone() {
            Some(word) => SelectedStore::parse_with(word, &self.directory, None).ok(),
            None => SelectedStore::from_environment(None).ok(),
        };
        selected.filter(|selected| !selected.has_pipe()).map(|selected| selected.choice())
    }
}

/// Runs a call that asks nobody. `None` if it fails or takes too long.
fn call<T, F>(call: impl FnOnce(Arc<Progress>) -> F) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let progress = Arc::new(Progress::reading(false));
    let call = call(Arc::clone(&progress));
    let bounds = Bounds { timeout: Some(MAX_WAIT), canceled: None };
    block_on(async move { bounds.run(&progress, call).await }).ok()?.ok()
}
