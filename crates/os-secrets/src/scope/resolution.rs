//! Replacing the references among many values by their secrets.

use std::{collections::BTreeSet, sync::Arc};

use super::{Name, Scope, Scopes, collect_names, parse_reference};
use crate::{credential::Secret, error::Error, progress::Progress};

/// Values, some of which refer to secrets.
pub struct Resolution {
    values: Vec<(Secret, Option<Name>)>,
    names: Option<Vec<String>>,
    scope: Scope,
}

/// Values after their references were replaced.
pub struct Resolved {
    /// The values, in their order.
    pub values: Vec<Secret>,
    /// The names of the secrets that are the repository's, as in [`Found`](super::Found).
    pub from_repository: BTreeSet<Name>,
}

impl Resolution {
    /// Parses values. `names` are their names in errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for a reference without a valid name.
    pub fn parse(values: Vec<Secret>, names: Option<Vec<String>>, scope: Scope) -> Result<Self, Error> {
        let mut resolution = Self { values: Vec::with_capacity(values.len()), names, scope };
        for (index, value) in values.into_iter().enumerate() {
            let name =
                parse_reference(value.expose()).map_err(|error| resolution.name_error(index, error))?;
            resolution.values.push((value, name));
        }
        Ok(resolution)
    }

    /// The values in their order, with each reference replaced by its secret. References within secrets are not
    /// replaced.
    ///
    /// # Errors
    ///
    /// As [`Scopes::get`], and [`Error::NotFound`].
    pub async fn finish(&self, scopes: &Scopes, progress: &Arc<Progress>) -> Result<Resolved, Error> {
        let names = collect_names(self.values.iter().filter_map(|(_, name)| name.clone()));
        let found = scopes.get_all(names, self.scope, progress).await?;
        let resolve = |(index, (value, name)): (usize, &(Secret, Option<Name>))| match name {
            None => Ok(value.clone()),
            Some(name) => found
                .secrets
                .get(name)
                .cloned()
                .ok_or_else(|| self.name_error(index, Scopes::not_found(name, self.scope))),
        };
        let values = self.values.iter().enumerate().map(resolve).collect::<Result<_, _>>()?;
        Ok(Resolved { values, from_repository: found.from_repository })
    }

    /// As [`finish`](Self::finish), for callers that need text.
    ///
    /// # Errors
    ///
    /// Also [`Error::InvalidData`], if a secret is not UTF-8.
    pub async fn finish_as_texts(
        &self,
        scopes: &Scopes,
        progress: &Arc<Progress>,
    ) -> Result<Resolved, Error> {
        let resolved = self.finish(scopes, progress).await?;
        match resolved.values.iter().position(|value| str::from_utf8(value.expose()).is_err()) {
            None => Ok(resolved),
            Some(index) => Err(self.name_error(index, Error::InvalidData)),
        }
    }

    /// An error with the name of its value.
    fn name_error(&self, index: usize, error: Error) -> Error {
        match self.names.as_ref().and_then(|names| names.get(index)) {
            Some(name) => Error::Of { of: name.clone(), error: Box::new(error) },
            None => error,
        }
    }
}
