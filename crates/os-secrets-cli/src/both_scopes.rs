//! Warnings about secrets that the repository and the user both have: in `auto`, the repository's value is used.
//!
//! They are notes of `secrets`. `bus-secrets` prints none, because its output is BusDK's.

use std::collections::BTreeSet;

use crate::{Program, context::Context};
use os_secrets::{
    printable::printable_path,
    progress::Progress,
    scope::{Name, Scope},
};

impl Context {
    /// Warns of each secret of the repository that was read although the user has one of the same name.
    pub fn warn_of_hidden(&self, from_repository: BTreeSet<Name>) {
        for name in self.find_existing(from_repository, Scope::User) {
            self.note(&format!(
                "warning: {name} is in the repository ({}) and in your store. The repository's value is used; \
                 --scope user uses yours",
                printable_path(self.path("datapackage.json".as_ref()))
            ));
        }
    }

    /// Warns if the other scope has a secret with the name of one that was stored.
    pub fn warn_after_set(&self, name: Name, scope: Scope) {
        self.warn_of_other(
            name,
            scope,
            "is in the repository, too. In this directory, that value is used instead of yours; --scope user uses yours",
            "is in your store, too. In this directory, the repository's value is used instead; --scope user uses yours",
        );
    }

    /// Warns if the other scope has a secret with the name of one that was deleted.
    pub fn warn_after_delete(&self, name: Name, scope: Scope) {
        self.warn_of_other(
            name,
            scope,
            "is still in the repository. To delete it there, use --scope repo",
            "is still in your store. To delete it there, use --scope user",
        );
    }

    fn warn_of_other(&self, name: Name, scope: Scope, in_repository: &str, in_store: &str) {
        let (other, message) = match scope {
            Scope::Repository => (Scope::User, in_store),
            _ => (Scope::Repository, in_repository),
        };
        for name in self.find_existing(BTreeSet::from([name]), other) {
            self.note(&format!("warning: {name} {message}"));
        }
    }

    /// The names among these that a scope has. A scope that cannot be read counts as empty, because the command has
    /// already done its work.
    fn find_existing(&self, names: BTreeSet<Name>, scope: Scope) -> BTreeSet<Name> {
        let is_silent = self.program == Program::BusSecrets || self.output.quiet;
        if is_silent || names.is_empty() || self.other_scope_failed.get() {
            return BTreeSet::new();
        }
        let scopes = self.silent_scopes();
        let found =
            self.call(
                Progress::reading(false),
                |_| async move { scopes.find_existing(names, scope, None).await },
            );
        self.other_scope_failed.set(found.is_err());
        found.unwrap_or_default()
    }
}
