//! How keys and the items of Credential Manager correspond.

use std::sync::Mutex;

use super::{
    api::{self, CredentialItem, WideString},
    limits::{MAX_TARGET, MAX_USER, check_length},
};
use crate::{
    credential::{Key, Secret},
    error::Error,
    store::{Persist, check_key},
    sync::lock,
};

/// Held while an item is changed: no other thread of this process writes between the check of who owns a target name
/// and the change.
static CHANGING: Mutex<()> = Mutex::new(());

/// The target name and user name of a key's item.
pub struct CredentialTarget {
    name: WideString,
    user: WideString,
}

impl CredentialTarget {
    /// The target of a key. Refuses a key that is invalid or too long.
    pub fn of_key(key: &Key) -> Result<Self, Error> {
        check_key(key)?;
        let (name, user) = (WideString::new(&key.label()), WideString::new(&key.name));
        check_length("service and name", name.units(), MAX_TARGET)?;
        check_length("a name", user.units(), MAX_USER)?;
        Ok(Self { name, user })
    }

    /// Reads the key's item.
    pub fn read_item(&self) -> Result<Option<CredentialItem>, Error> {
        Ok(self.read_any_item()?.filter(|item| self.owns(item)))
    }

    /// Reads the item of this target name, even if another key owns it.
    fn read_any_item(&self) -> Result<Option<CredentialItem>, Error> {
        api::read_item(&self.name)
    }

    /// Whether an item of this target name belongs to this key. The service `a/b` with the name `c` has the same target
    /// name as `a` with `b/c`, so the user name decides. An item without a user name belongs to this key.
    fn owns(&self, item: &CredentialItem) -> bool {
        item.user().is_none_or(|user| user.is_same(&self.user))
    }

    /// Stores a value. Refuses if the item belongs to another key.
    pub fn write_item(&self, value: &Secret, persist: Persist) -> Result<(), Error> {
        let _changing = lock(&CHANGING);
        if let Some(item) = self.read_any_item()?.filter(|item| !self.owns(item)) {
            let other = item.user().map(|user| user.to_string()).unwrap_or_default();
            return Err(Error::AccessDenied(
                format!(
                    "the target name {} belongs to another credential, which has the name {other:?}. Nothing was \
                     changed. Use a service or name without a /",
                    self.name
                )
                .into(),
            ));
        }
        api::write_item(&self.name, &self.user, value.expose(), persist)
    }

    /// Deletes the key's item. Returns `false` if it does not exist.
    pub fn delete_item(&self) -> Result<bool, Error> {
        let _changing = lock(&CHANGING);
        match self.read_item()? {
            Some(_) => api::delete_item(&self.name),
            None => Ok(false),
        }
    }
}

/// The key of an item, if it belongs to the service.
pub fn key_of_item(service: &str, item: &CredentialItem) -> Option<Key> {
    let target = item.target().to_string();
    // Windows folds the case of each unit by itself, so names that it takes as equal have the same length.
    let units = WideString::new(service).units();
    let end = target
        .char_indices()
        .scan(0, |units_before, (index, c)| {
            let start = *units_before;
            *units_before += c.len_utf16();
            Some((start, index))
        })
        .find_map(|(start, index)| (start == units).then_some(index))?;
    let (found, rest) = target.split_at(end);
    let name = rest.strip_prefix('/').filter(|name| !name.is_empty())?;
    let is_key = WideString::new(found).is_same(&WideString::new(service))
        && item.user().is_none_or(|user| user.is_same(&WideString::new(name)));
    is_key.then(|| Key { service: found.into(), name: name.into() })
}

/// The key of an item of any service: the user name at the end of the target name tells where the service ends. `None` if
/// the item has no user name, or another one.
pub fn key_of_any_item(item: &CredentialItem) -> Option<Key> {
    let (target, user) = (item.target().to_string(), item.user()?);
    target.match_indices('/').find_map(|(at, _)| {
        let (service, name) = (&target[..at], &target[at + 1..]);
        let is_key = !service.is_empty() && !name.is_empty() && user.is_same(&WideString::new(name));
        is_key.then(|| Key { service: service.into(), name: name.into() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_name_tells_where_the_service_of_an_item_ends() {
        let key = |target: &str, user: Option<&str>| {
            key_of_any_item(&CredentialItem::new(target, user, b"v")).map(|key| (key.service, key.name))
        };
        let pair = |service: &str, name: &str| Some((service.into(), name.into()));
        assert_eq!(key("docker:https://a/v1//bob", Some("bob")), pair("docker:https://a/v1/", "bob"));
        assert_eq!(key("a/b/c", Some("b/c")), pair("a", "b/c"));
        assert_eq!(key("a/b/c", Some("C")), pair("a/b", "c"));
        assert_eq!(key("docker:a/<token>", Some("<token>")), pair("docker:a", "<token>"));
        for (other, user) in [("a/b", None), ("a/b", Some("x")), ("ab", Some("b")), ("/b", Some("b"))] {
            assert_eq!(key(other, user), None, "{other}");
        }
    }

    fn target_of(service: &str, name: &str) -> CredentialTarget {
        CredentialTarget::of_key(&Key { service: service.into(), name: name.into() }).unwrap()
    }

    #[test]
    fn items_belong_to_who_their_user_name_says() {
        let item = |target: &str, user: Option<&str>| CredentialItem::new(target, user, b"v");
        let [one, other] = [target_of("a/b", "c"), target_of("a", "b/c")];
        assert!(one.owns(&item("a/b/c", Some("c"))) && !other.owns(&item("a/b/c", Some("c"))));
        // Windows has one credential for both.
        assert!(one.owns(&item("A/B/C", Some("C"))));
        assert!(one.owns(&item("a/b/c", None)) && one.owns(&item("a/b/c", Some(""))));
    }

    #[test]
    fn the_names_of_a_service_are_told_from_its_items() {
        let key = |service: &str, target: &str, user: Option<&str>| {
            key_of_item(service, &CredentialItem::new(target, user, b"v")).map(|key| (key.service, key.name))
        };
        let pair = |service: &str, name: &str| Some((service.into(), name.into()));
        assert_eq!(key("a", "a/b", Some("b")), pair("a", "b"));
        assert_eq!(key("a", "A/b", Some("B")), pair("A", "b"));
        assert_eq!(key("a", "a/b/c", Some("c")), None);
        assert_eq!(key("a/b", "a/b/c", Some("c")), pair("a/b", "c"));
        assert_eq!(key("ü😀", "ü😀/n", Some("n")), pair("ü😀", "n"));
        assert_eq!(key("a", "a/b", None), pair("a", "b"));
        for other in ["ab/c", "a", "a/", "b/a", ""] {
            assert_eq!(key("a", other, None), None, "{other}");
        }
    }
}
