//! The modifiers of entries and stores, and the calls that they bound.

use std::{collections::HashMap, fmt, future::Future, sync::Arc, time::Duration};

use keyring_core::Result;

use crate::{
    bounds::Bounds,
    error::Error,
    executor::block_on,
    progress::Progress,
    store::{Choice, Persist, SetOptions, settings::parse_milliseconds},
};

/// The names of all modifiers, for a message.
const NAMES: &str = "provider, timeout, interactive, persist and unrestricted";

/// The store that an entry uses, and how it uses it.
#[derive(Clone)]
pub struct Modifiers {
    pub choice: Choice,
    timeout: Option<Duration>,
    interactive: bool,
    pub set_options: SetOptions,
}

impl Modifiers {
    /// The defaults, for a store.
    pub fn of(choice: Choice) -> Self {
        Self { choice, timeout: None, interactive: true, set_options: SetOptions::default() }
    }

    /// These modifiers, changed to those that are named.
    ///
    /// # Errors
    ///
    /// [`keyring_core::Error::Invalid`] if there is no modifier of a name, or it cannot have the value.
    pub fn with(mut self, named: &HashMap<&str, &str>) -> Result<Self> {
        for (&name, &value) in named {
            match name {
                "provider" => self.choice = parse_provider(value)?,
                "timeout" => self.timeout = Some(parse_timeout(value)?),
                "interactive" => self.interactive = parse_flag(name, value)?,
                "persist" => self.set_options.persist = parse_persist(value)?,
                "unrestricted" => self.set_options.unrestricted = parse_flag(name, value)?,
                _ => return Err(invalid(name, &format!("there is no such modifier; there are {NAMES}"))),
            }
        }
        Ok(self)
    }

    /// The progress of a call that only reads.
    pub fn reading(&self) -> Progress {
        Progress::reading(self.interactive)
    }

    /// The progress of a call that stores or deletes.
    pub fn changing(&self) -> Progress {
        Progress::changing(self.interactive)
    }

    /// Makes a call on the store within its bounds, and waits for its outcome.
    ///
    /// # Errors
    ///
    /// Those of the call, and those of [`Bounds::run`] and [`block_on`].
    pub fn call<T, F>(
        &self,
        progress: Progress,
        call: impl FnOnce(Choice, Arc<Progress>) -> F,
    ) -> std::result::Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = std::result::Result<T, Error>> + Send + 'static,
    {
        let (progress, bounds) = (Arc::new(progress), Bounds { timeout: self.timeout, canceled: None });
        let call = call(self.choice.clone(), Arc::clone(&progress));
        block_on(async move { bounds.run(&progress, call).await })?
    }
}

impl fmt::Debug for Modifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = match self.choice {
            Choice::Environment => "chosen by the environment",
            Choice::Os => "os",
            Choice::File => "file",
            Choice::Memory => "memory",
            Choice::Vault => "vault",
            Choice::Own(_) => "chosen by the program",
        };
        f.debug_struct("Modifiers")
            .field("provider", &provider)
            .field("timeout", &self.timeout)
            .field("interactive", &self.interactive)
            .field("persist", &self.set_options.persist)
            .field("unrestricted", &self.set_options.unrestricted)
            .finish()
    }
}

/// The error for an argument or a modifier. `reason` follows "Value of '`parameter`' is invalid: ".
pub fn invalid(parameter: &str, reason: &str) -> keyring_core::Error {
    keyring_core::Error::Invalid(parameter.into(), reason.into())
}

fn parse_provider(value: &str) -> Result<Choice> {
    Ok(match value {
        "os" => Choice::Os,
        "file" => Choice::File,
        "vault" => Choice::Vault,
        "memory" => Choice::Memory,
        "exec" => return Err(invalid("provider", "exec needs a command; use Store::from_choice")),
        _ => return Err(invalid("provider", "it must be os, file, vault or memory")),
    })
}

fn parse_timeout(value: &str) -> Result<Duration> {
    parse_milliseconds(value).map_err(|range| invalid("timeout", &format!("it must be {range}")))
}

fn parse_persist(value: &str) -> Result<Persist> {
    match value {
        "local" => Ok(Persist::Local),
        "enterprise" => Ok(Persist::Enterprise),
        _ => Err(invalid("persist", "it must be local or enterprise")),
    }
}

fn parse_flag(name: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| invalid(name, "it must be true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, value: &str) -> Result<Modifiers> {
        Modifiers::of(Choice::Environment).with(&HashMap::from([(name, value)]))
    }

    #[test]
    fn each_modifier_changes_what_it_names() {
        let defaults = Modifiers::of(Choice::Environment);
        assert!(defaults.interactive && defaults.timeout.is_none());
        assert_eq!(defaults.set_options, SetOptions::default());
        assert!(matches!(parse("provider", "os").unwrap().choice, Choice::Os));
        assert!(matches!(parse("provider", "file").unwrap().choice, Choice::File));
        assert!(matches!(parse("provider", "memory").unwrap().choice, Choice::Memory));
        assert!(matches!(parse("provider", "vault").unwrap().choice, Choice::Vault));
        assert_eq!(parse("timeout", "1500").unwrap().timeout, Some(Duration::from_millis(1500)));
        assert!(!parse("interactive", "false").unwrap().interactive);
        assert!(parse("interactive", "true").unwrap().interactive);
        assert_eq!(parse("persist", "local").unwrap().set_options.persist, Persist::Local);
        assert_eq!(parse("persist", "enterprise").unwrap().set_options.persist, Persist::Enterprise);
        assert!(parse("unrestricted", "true").unwrap().set_options.unrestricted);
        assert!(!parse("unrestricted", "false").unwrap().set_options.unrestricted);
    }

    #[test]
    fn those_of_an_entry_take_the_place_of_the_stores() {
        let of_store = Modifiers::of(Choice::Os)
            .with(&HashMap::from([("interactive", "false"), ("timeout", "5"), ("persist", "local")]))
            .unwrap();
        let of_entry = of_store.with(&HashMap::from([("timeout", "7")])).unwrap();
        assert!(matches!(of_entry.choice, Choice::Os));
        assert_eq!(of_entry.timeout, Some(Duration::from_millis(7)));
        assert!(!of_entry.interactive);
        assert_eq!(of_entry.set_options.persist, Persist::Local);
    }

    #[test]
    fn any_other_modifier_or_value_is_invalid() {
        for (name, value) in [
            ("provider", ""),
            ("provider", "exec"),
            ("provider", "OS"),
            ("timeout", "0"),
            ("timeout", "1.5"),
            ("timeout", "2147483648"),
            ("timeout", ""),
            ("interactive", "yes"),
            ("interactive", ""),
            ("persist", "session"),
            ("unrestricted", "1"),
            ("target", "default"),
            ("", ""),
        ] {
            match parse(name, value) {
                Err(keyring_core::Error::Invalid(parameter, _)) => assert_eq!(parameter, name),
                other => panic!("{name}={value}: {other:?}"),
            }
        }
    }
}
