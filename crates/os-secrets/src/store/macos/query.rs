//! The queries of Keychain, without the system's types.

use crate::credential::{Key, Secret, is_valid_part};

/// An entry of a query's dictionary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QueryTerm<'a> {
    /// `kSecClass`, which is always a generic password.
    GenericPassword,
    /// `kSecAttrService`.
    Service(&'a str),
    /// `kSecAttrAccount`.
    Account(&'a str),
    /// `kSecValueData`.
    Value(&'a Secret),
    /// `kSecAttrAccess`: every application may use the item. The system still asks about those of other partitions, and
    /// shows this name then. The name must not be empty: without one, the system makes another kind of entry, to which
    /// "Always Allow" can add no application (`ACL::makeSubject`).
    TrustsAll(&'a str),
    /// `kSecReturnData`: the item's value is wanted.
    ReturnData,
    /// `kSecReturnAttributes`: return the item's attributes, without its value.
    ReturnAttributes,
    /// `kSecReturnRef`: return a reference to the item.
    ReturnReference,
    /// `kSecMatchLimit`: all items are wanted. Without this, only the first one is.
    MatchAll,
    /// `kSecUseAuthenticationUI`: fail if the user must be asked.
    NeverAsk,
}

/// A query for one of the `SecItem…` calls.
pub type Query<'a> = Vec<QueryTerm<'a>>;

/// Finds the item of a key, to update it. Service and account tell a generic password from all others of
/// its keychain. The query says nothing else about the item, so that it is the same item as that of `Bun.secrets`.
pub fn for_item(key: &Key, interactive: bool) -> Query<'_> {
    let never_ask = (!interactive).then_some(QueryTerm::NeverAsk);
    [QueryTerm::GenericPassword, QueryTerm::Service(&key.service), QueryTerm::Account(&key.name)]
        .into_iter()
        .chain(never_ask)
        .collect()
}

/// Finds the value of a key's item.
pub fn for_value(key: &Key, interactive: bool) -> Query<'_> {
    extend(for_item(key, interactive), [QueryTerm::ReturnData])
}

/// Describes a new item. If `unrestricted`, it trusts every application instead of only the one that makes it.
pub fn for_new_item<'a>(key: &'a Key, value: &'a Secret, unrestricted: bool, interactive: bool) -> Query<'a> {
    // Keychain gives an item this name if the query has no other.
    let access = unrestricted.then_some(QueryTerm::TrustsAll(&key.service));
    extend(for_item(key, interactive), [QueryTerm::Value(value)].into_iter().chain(access))
}

/// Describes what an update changes: the value, as in `Bun.secrets`. The list of applications stays as the maker of the item
/// has set it, and the system makes the caller's partition the item's.
pub fn for_update(value: &Secret) -> Query<'_> {
    vec![QueryTerm::Value(value)]
}

/// Finds the attributes of a key's item. They are not encrypted, so the system does not ask the user.
pub fn for_presence(key: &Key) -> Query<'_> {
    extend(for_item(key, false), [QueryTerm::ReturnAttributes])
}

/// Finds the item of a key itself. Nothing is decrypted, so the system does not ask the user.
pub fn for_reference(key: &Key) -> Query<'_> {
    extend(for_item(key, false), [QueryTerm::ReturnReference])
}

/// Finds the attributes of all items of a service.
pub fn for_service(service: &str) -> Query<'_> {
    vec![
        QueryTerm::GenericPassword,
        QueryTerm::Service(service),
        QueryTerm::NeverAsk,
        QueryTerm::ReturnAttributes,
        QueryTerm::MatchAll,
    ]
}

/// Finds the attributes of all items.
pub fn for_all_services() -> Query<'static> {
    vec![QueryTerm::GenericPassword, QueryTerm::NeverAsk, QueryTerm::ReturnAttributes, QueryTerm::MatchAll]
}

fn extend<'a>(mut query: Query<'a>, terms: impl IntoIterator<Item = QueryTerm<'a>>) -> Query<'a> {
    query.extend(terms);
    query
}

/// The service and account of an item that was found. Each is `None` if it is missing or not text.
pub struct ItemNames {
    /// The item's service.
    pub service: Option<String>,
    /// The item's account.
    pub account: Option<String>,
}

/// Turns the items that were found for a service into sorted keys. A key that several keychains hold appears once.
/// Items are left out if they have no account, or one that is not valid in a key.
pub fn keys_of_service(service: &str, found: Vec<ItemNames>) -> Vec<Key> {
    // The system gives items of this service only, unless it treats two spellings as equal.
    sorted_keys(found, |found| found == service)
}

/// As [`keys_of_service`], for all services that start with a prefix.
pub fn keys_by_prefix(prefix: &str, found: Vec<ItemNames>) -> Vec<Key> {
    sorted_keys(found, |service| service.starts_with(prefix))
}

fn sorted_keys(found: Vec<ItemNames>, is_wanted: impl Fn(&str) -> bool) -> Vec<Key> {
    let mut keys: Vec<_> = found
        .into_iter()
        .filter_map(|names| {
            let service = names.service.filter(|service| is_wanted(service))?;
            let name = names.account.filter(|account| is_valid_part(account))?;
            Some(Key { service, name })
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use QueryTerm::*;

    fn key() -> Key {
        Key { service: "my-cli".into(), name: "token".into() }
    }

    #[test]
    fn items_are_those_of_bun() {
        let (key, secret) = (key(), Secret::new(b"value".to_vec()));
        let item = [GenericPassword, Service("my-cli"), Account("token")];
        assert_eq!(for_item(&key, true), item);
        assert_eq!(for_value(&key, true), extend(item.to_vec(), [ReturnData]));
        assert_eq!(for_new_item(&key, &secret, false, true), extend(item.to_vec(), [Value(&secret)]));
        assert_eq!(
            for_new_item(&key, &secret, true, true),
            extend(item.to_vec(), [Value(&secret), TrustsAll("my-cli")])
        );
        assert_eq!(for_update(&secret), [Value(&secret)]);
    }

    #[test]
    fn every_query_of_a_silent_call_forbids_asking() {
        let (key, secret) = (key(), Secret::new(b"value".to_vec()));
        let item = [GenericPassword, Service("my-cli"), Account("token"), NeverAsk];
        assert_eq!(for_item(&key, false), item);
        assert_eq!(for_value(&key, false), extend(item.to_vec(), [ReturnData]));
        assert_eq!(
            for_new_item(&key, &secret, true, false),
            extend(item.to_vec(), [Value(&secret), TrustsAll("my-cli")])
        );
    }

    #[test]
    fn queries_without_a_value_forbid_asking() {
        let key = key();
        assert_eq!(
            for_presence(&key),
            [GenericPassword, Service("my-cli"), Account("token"), NeverAsk, ReturnAttributes]
        );
        assert_eq!(
            for_reference(&key),
            [GenericPassword, Service("my-cli"), Account("token"), NeverAsk, ReturnReference]
        );
        assert_eq!(
            for_service("my-cli"),
            [GenericPassword, Service("my-cli"), NeverAsk, ReturnAttributes, MatchAll]
        );
        assert_eq!(for_all_services(), [GenericPassword, NeverAsk, ReturnAttributes, MatchAll]);
    }

    #[test]
    fn a_query_shows_no_value() {
        let (key, secret) = (key(), Secret::new(b"hunter2".to_vec()));
        let shown = format!("{:?}", for_new_item(&key, &secret, false, true));
        assert_eq!(shown, r#"[GenericPassword, Service("my-cli"), Account("token"), Value(Secret(…))]"#);
    }

    #[test]
    fn names_are_sorted_and_each_once() {
        let item = |service: &str, account: &str| ItemNames {
            service: Some(service.to_owned()),
            account: Some(account.to_owned()),
        };
        let found = vec![
            item("a", "y"),
            item("a", "x"),
            item("b", "z"),
            item("a", "y"),
            item("a", ""),
            item("a", "n\0ul"),
            ItemNames { account: None, ..item("a", "") },
            ItemNames { service: None, ..item("", "x") },
        ];
        let names: Vec<_> =
            keys_of_service("a", found).into_iter().map(|key| (key.service, key.name)).collect();
        assert_eq!(names, [("a".into(), "x".into()), ("a".into(), "y".into())]);
    }

    #[test]
    fn names_of_services_with_a_prefix_are_sorted_and_each_once() {
        let item = |service: &str, account: &str| ItemNames {
            service: Some(service.to_owned()),
            account: Some(account.to_owned()),
        };
        let found = vec![
            item("docker:b", "x"),
            item("docker:a", "y"),
            item("docker:a", "y"),
            item("Docker:a", "z"),
            item("git:a", "z"),
            item("docker:a", ""),
            ItemNames { account: None, ..item("docker:a", "") },
            ItemNames { service: None, ..item("", "x") },
        ];
        let names: Vec<_> =
            keys_by_prefix("docker:", found).into_iter().map(|key| (key.service, key.name)).collect();
        assert_eq!(names, [("docker:a".into(), "y".into()), ("docker:b".into(), "x".into())]);
    }
}
