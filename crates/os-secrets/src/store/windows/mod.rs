//! Windows: Credential Manager, in the items of `Bun.secrets`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | what get, set, delete and list mean |
//! | `number.rs` | what the system's error numbers mean |
//! | `api.rs` | the system's calls, and what can go wrong with one |
//! | `foreign.rs` | the items of other packages, to copy them |
//! | `diagnosis.rs` | what state the store is in |
//!
//! A credential is a generic one with the target name `service/name`. Windows compares target names without
//! regard to case, and the name alone does not tell where the service ends: the user name does.

use std::sync::{LazyLock, Mutex};

use super::{Call, Persist, SetOptions, Store, check_key, settings::Settings};
use crate::{
    credential::{Key, Secret, is_valid_part},
    error::Error,
    executor::Lane,
    progress::Progress,
    sync::lock,
};

pub mod api;
#[forbid(unsafe_code)]
pub mod diagnosis;
#[forbid(unsafe_code)]
pub mod foreign;
#[forbid(unsafe_code)]
pub mod number;

use api::{Item, Text};

/// The largest value in bytes (`CRED_MAX_CREDENTIAL_BLOB_SIZE`).
pub const MAX_BLOB: usize = 2560;
/// The longest target name in UTF-16 units (`CRED_MAX_GENERIC_TARGET_NAME_LENGTH`).
pub const MAX_TARGET: usize = 32_767;
/// The longest user name in UTF-16 units (`CRED_MAX_USERNAME_LENGTH`).
pub const MAX_USER: usize = 513;

/// The calls of the process.
static LANE: LazyLock<Lane> = LazyLock::new(|| Lane::new(4));

/// One change at a time: between looking whose a target is and writing it, nobody else of this process
/// writes.
static CHANGING: Mutex<()> = Mutex::new(());

/// The Credential Manager of the logon session.
pub struct CredentialManager(());

impl CredentialManager {
    /// That of the process. It needs no settings.
    ///
    /// # Errors
    ///
    /// None; other systems have some.
    pub fn from_environment(_: &Settings) -> Result<Self, Error> {
        Ok(Self(()))
    }
}

/// A key in the system's terms.
struct Target {
    target: Text,
    user: Text,
}

impl Target {
    /// That of a key.
    fn of(key: &Key) -> Result<Self, Error> {
        check_key(key)?;
        let (target, user) = (Text::new(&key.label()), Text::new(&key.name));
        check_length("service and name", target.units(), MAX_TARGET)?;
        check_length("a name", user.units(), MAX_USER)?;
        Ok(Self { target, user })
    }

    /// The item of this target, whosever it is.
    fn find(&self) -> Result<Option<Item>, Error> {
        api::read(&self.target)
    }

    /// The item, where it is this key's.
    fn read(&self) -> Result<Option<Item>, Error> {
        Ok(self.find()?.filter(|item| self.owns(item)))
    }

    /// Whether an item of this target is this key's: `a/b` + `c` and `a` + `b/c` have one target name. One
    /// that has no user name is nobody else's.
    fn owns(&self, item: &Item) -> bool {
        item.user().is_none_or(|user| user.is_same(&self.user))
    }

    fn write(&self, value: &Secret, persist: Persist) -> Result<(), Error> {
        let _turn = lock(&CHANGING);
        if let Some(item) = self.find()?.filter(|item| !self.owns(item)) {
            let other = item.user().map(|user| user.to_string()).unwrap_or_default();
            return Err(Error::AccessDenied(
                format!(
                    "the target name {} belongs to another credential, whose name is {other:?}. Nothing was \
                     changed. Use a service or name without a /",
                    self.target
                )
                .into(),
            ));
        }
        api::write(&self.target, &self.user, value.expose(), persist)
    }

    fn delete(&self) -> Result<bool, Error> {
        let _turn = lock(&CHANGING);
        match self.read()? {
            Some(_) => api::delete(&self.target),
            None => Ok(false),
        }
    }
}

fn check_length(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    match size > limit {
        true => Err(Error::TooLarge { what, size, unit: "UTF-16 units", limit }),
        false => Ok(()),
    }
}

/// Refuses what Windows has no room for, before anything is changed.
fn check_value(value: &Secret) -> Result<(), Error> {
    match value.expose().len() {
        size if size > MAX_BLOB => {
            Err(Error::TooLarge { what: "a value", size, unit: "bytes", limit: MAX_BLOB })
        }
        _ => Ok(()),
    }
}

/// Whether a value looks as if another program had written it as UTF-16, which `cmdkey` does. Read as
/// UTF-8 it is full of NULs, which no text has that `Bun.secrets` or this crate has stored.
fn is_utf16(value: &Secret) -> bool {
    let bytes = value.expose();
    bytes.len().is_multiple_of(2) && bytes.contains(&0) && foreign::from_utf16(bytes).is_some()
}

/// The names of a service's items.
fn list(service: &str) -> Result<Vec<Key>, Error> {
    if !is_valid_part(service) {
        return Err(Error::InvalidKey);
    }
    // An asterisk means any text, and only at the end.
    let literal = service.split('*').next().unwrap_or_default();
    let filter = if literal.len() == service.len() { format!("{service}/*") } else { format!("{literal}*") };
    let filter = Text::new(&filter);
    check_length("a service", filter.units(), MAX_TARGET)?;
    let keys = api::enumerate(Some(&filter))?.into_iter().filter_map(|item| key(service, &item));
    let mut keys: Vec<_> = keys.collect();
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// The key of an item, where that is one of the service.
fn key(service: &str, item: &Item) -> Option<Key> {
    let target = item.target().to_string();
    // Windows folds the case of each unit by itself, so that the lengths are the same.
    let units = Text::new(service).units();
    let end = target
        .char_indices()
        .scan(0, |before, (index, c)| {
            let at = *before;
            *before += c.len_utf16();
            Some((at, index))
        })
        .find_map(|(at, index)| (at == units).then_some(index))?;
    let (found, rest) = target.split_at(end);
    let name = rest.strip_prefix('/').filter(|name| !name.is_empty())?;
    let is_ours = Text::new(found).is_same(&Text::new(service))
        && item.user().is_none_or(|user| user.is_same(&Text::new(name)));
    is_ours.then(|| Key { service: found.into(), name: name.into() })
}

impl Store for CredentialManager {
    fn get<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(async move {
            let target = Target::of(key)?;
            LANE.run(move || Ok(target.read()?.map(Item::into_secret))).await
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a Key,
        value: &'a Secret,
        options: SetOptions,
        progress: &'a Progress,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            if value.expose().is_empty() {
                return self.delete(key, progress).await.map(drop);
            }
            let target = Target::of(key)?;
            check_value(value)?;
            let value = value.clone();
            LANE.change(progress, move || target.write(&value, options.persist)).await
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, progress: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            let target = Target::of(key)?;
            LANE.change(progress, move || target.delete()).await
        })
    }

    fn has<'a>(&'a self, key: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(async move {
            let target = Target::of(key)?;
            LANE.run(move || Ok(target.read()?.is_some())).await
        })
    }

    fn needs_service(&self) -> bool {
        true
    }

    /// Refuses UTF-16 too, which `cmdkey` writes.
    fn as_text(&self, value: Secret) -> Result<Secret, Error> {
        if is_utf16(&value) { Err(Error::InvalidData) } else { value.into_text() }
    }

    fn list<'a>(&'a self, service: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(async move {
            // What others keep there is nobody's business.
            let service = service.ok_or(Error::NeedsService)?.to_owned();
            LANE.run(move || list(&service)).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn secret(size: usize) -> Secret {
        Secret::new(vec![b'x'; size])
    }

    fn of(service: &str, name: &str) -> Result<Target, Error> {
        Target::of(&Key { service: service.into(), name: name.into() })
    }

    #[test]
    fn what_windows_has_no_room_for_is_refused() {
        assert!(check_value(&secret(2560)).is_ok());
        let error = check_value(&secret(2561)).unwrap_err();
        assert_eq!(error, Error::TooLarge { what: "a value", size: 2561, unit: "bytes", limit: 2560 });
        assert!(of("s", &"ü".repeat(513)).is_ok());
        // Of two units each.
        assert_eq!(of("s", &"😀".repeat(257)).err().unwrap().code(), Code::TooLarge);
        assert!(of(&"s".repeat(32_765), "n").is_ok());
        assert_eq!(of(&"s".repeat(32_766), "n").err().unwrap().code(), Code::TooLarge);
    }

    #[test]
    fn items_belong_to_who_their_user_name_says() {
        let item = |target: &str, user: Option<&str>| Item::new(target, user, b"v");
        let [one, other] = [of("a/b", "c").unwrap(), of("a", "b/c").unwrap()];
        assert!(one.owns(&item("a/b/c", Some("c"))) && !other.owns(&item("a/b/c", Some("c"))));
        // Windows has one credential for both.
        assert!(one.owns(&item("A/B/C", Some("C"))));
        assert!(one.owns(&item("a/b/c", None)) && one.owns(&item("a/b/c", Some(""))));
    }

    #[test]
    fn the_names_of_a_service_are_told_from_its_items() {
        let of = |service: &str, target: &str, user: Option<&str>| {
            key(service, &Item::new(target, user, b"v")).map(|key| (key.service, key.name))
        };
        let pair = |service: &str, name: &str| Some((service.into(), name.into()));
        assert_eq!(of("a", "a/b", Some("b")), pair("a", "b"));
        assert_eq!(of("a", "A/b", Some("B")), pair("A", "b"));
        assert_eq!(of("a", "a/b/c", Some("c")), None);
        assert_eq!(of("a/b", "a/b/c", Some("c")), pair("a/b", "c"));
        assert_eq!(of("ü😀", "ü😀/n", Some("n")), pair("ü😀", "n"));
        assert_eq!(of("a", "a/b", None), pair("a", "b"));
        for other in ["ab/c", "a", "a/", "b/a", ""] {
            assert_eq!(of("a", other, None), None, "{other}");
        }
    }

    #[test]
    fn utf16_is_recognized() {
        let utf16 = |text: &str| Secret::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        assert!(is_utf16(&utf16("pass")) && is_utf16(&utf16("é")));
        for utf8 in ["", "pass", "é", "中文字"] {
            assert!(!is_utf16(&Secret::new(utf8.into())), "{utf8}");
        }
        assert!(!is_utf16(&Secret::new(b"a\0b".to_vec())));
    }
}
