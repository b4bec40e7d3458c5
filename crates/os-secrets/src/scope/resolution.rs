//! Resolving many values at once.

use std::sync::Arc;

use super::{Name, Scope, Scopes, reference, sorted};
use crate::{credential::Secret, error::Error, progress::Progress};

/// Values, of which some refer to secrets.
pub struct Resolution {
    values: Vec<(Secret, Option<Name>)>,
    names: Option<Vec<String>>,
    scope: Scope,
}

impl Resolution {
    /// Takes values, and what they are called in errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for a reference that names nothing.
    pub fn parse(values: Vec<Secret>, names: Option<Vec<String>>, scope: Scope) -> Result<Self, Error> {
        let mut resolution = Self { values: Vec::with_capacity(values.len()), names, scope };
        for (index, value) in values.into_iter().enumerate() {
            let name = reference(value.expose()).map_err(|error| resolution.of(index, error))?;
            resolution.values.push((value, name));
        }
        Ok(resolution)
    }

    /// What each value stands for, in their order: the secret that it refers to, else itself. What a
    /// secret holds is not resolved again.
    ///
    /// # Errors
    ///
    /// As [`Scopes::get`], and [`Error::NotFound`].
    pub async fn finish(&self, scopes: &Scopes, progress: &Arc<Progress>) -> Result<Vec<Secret>, Error> {
        let names = sorted(self.values.iter().filter_map(|(_, name)| name.clone()));
        let secrets = scopes.get_all(names, self.scope, progress).await?;
        let resolve = |(index, (value, name)): (usize, &(Secret, Option<Name>))| match name {
            None => Ok(value.clone()),
            Some(name) => {
                secrets.get(name).cloned().ok_or_else(|| self.of(index, Scopes::not_found(name, self.scope)))
            }
        };
        self.values.iter().enumerate().map(resolve).collect()
    }

    /// As [`finish`](Self::finish), for callers that take nothing but text.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] besides, where a secret is not UTF-8.
    pub async fn finish_as_texts(
        &self,
        scopes: &Scopes,
        progress: &Arc<Progress>,
    ) -> Result<Vec<Secret>, Error> {
        let resolved = self.finish(scopes, progress).await?;
        match resolved.iter().position(|value| str::from_utf8(value.expose()).is_err()) {
            None => Ok(resolved),
            Some(index) => Err(self.of(index, Error::InvalidData)),
        }
    }

    /// An error of one of the values.
    fn of(&self, index: usize, error: Error) -> Error {
        match self.names.as_ref().and_then(|names| names.get(index)) {
            Some(name) => Error::Of { of: name.clone(), error: Box::new(error) },
            None => error,
        }
    }
}
