//! What Keychain is asked, apart from how: each query's contents, without the system's types.

use crate::credential::{Key, Secret, is_valid_part};

/// An entry of a query's dictionary, and under which of the system's names it stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term<'a> {
    /// `kSecClass`: a generic password, always.
    GenericPassword,
    /// `kSecAttrService`.
    Service(&'a str),
    /// `kSecAttrAccount`.
    Account(&'a str),
    /// `kSecValueData`.
    Value(&'a Secret),
    /// `kSecAttrAccess`: every application may use the item without the person being asked. Holds what it is
    /// called where they are asked all the same.
    TrustsAll(&'a str),
    /// `kSecReturnData`: its value is wanted.
    ReturnData,
    /// `kSecReturnAttributes`: all but its value is wanted.
    ReturnAttributes,
    /// `kSecMatchLimit`: as many as there are. Otherwise it is the first one.
    MatchAll,
    /// `kSecUseAuthenticationUI`: fail where the person would have to be asked.
    NeverAsk,
}

/// A query, for one of the calls `SecItem…`.
pub type Query<'a> = Vec<Term<'a>>;

/// The item of a key, to update it or to delete it. Service and account are what tells a generic password from
/// all others of its keychain; nothing else is said of it, so that it is the item of `Bun.secrets`.
pub fn item(key: &Key, interactive: bool) -> Query<'_> {
    let never = (!interactive).then_some(Term::NeverAsk);
    [Term::GenericPassword, Term::Service(&key.service), Term::Account(&key.name)]
        .into_iter()
        .chain(never)
        .collect()
}

/// Its value.
pub fn value(key: &Key, interactive: bool) -> Query<'_> {
    with(item(key, interactive), [Term::ReturnData])
}

/// A new item. `unrestricted` has it trust every application, instead of the one that makes it.
pub fn new<'a>(key: &'a Key, value: &'a Secret, unrestricted: bool, interactive: bool) -> Query<'a> {
    // As Keychain calls an item for which nothing else is said.
    let access = unrestricted.then_some(Term::TrustsAll(&key.service));
    with(item(key, interactive), [Term::Value(value)].into_iter().chain(access))
}

/// What an update changes: the value and nothing else, as in `Bun.secrets`. Who may use the item is up to who
/// made it.
pub fn change(value: &Secret) -> Query<'_> {
    vec![Term::Value(value)]
}

/// Whether there is such an item. What is not secret is not encrypted, so that nobody is asked.
pub fn presence(key: &Key) -> Query<'_> {
    with(item(key, false), [Term::ReturnAttributes])
}

/// All items of a service.
pub fn of_service(service: &str) -> Query<'_> {
    vec![
        Term::GenericPassword,
        Term::Service(service),
        Term::NeverAsk,
        Term::ReturnAttributes,
        Term::MatchAll,
    ]
}

fn with<'a>(mut query: Query<'a>, terms: impl IntoIterator<Item = Term<'a>>) -> Query<'a> {
    query.extend(terms);
    query
}

/// What an item is called, where that is text.
pub struct Names {
    /// Its service.
    pub service: Option<String>,
    /// Its account.
    pub account: Option<String>,
}

/// The keys of a service's items, from all that were found: sorted, and each once, though several keychains may
/// hold it. What has no account, or one that no call could name, is left out.
pub fn keys(service: &str, found: Vec<Names>) -> Vec<Key> {
    // Asked for one service, the system gives no other; this is for what might be normalized on the way.
    let of_service = found.into_iter().filter(|names| names.service.as_deref() == Some(service));
    let mut keys: Vec<_> = of_service
        .filter_map(|names| names.account.filter(|account| is_valid_part(account)))
        .map(|name| Key { service: service.to_owned(), name })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use Term::*;

    fn key() -> Key {
        Key { service: "my-cli".into(), name: "token".into() }
    }

    #[test]
    fn items_are_those_of_bun() {
        let (key, secret) = (key(), Secret::new(b"value".to_vec()));
        let item = [GenericPassword, Service("my-cli"), Account("token")];
        assert_eq!(super::item(&key, true), item);
        assert_eq!(value(&key, true), with(item.to_vec(), [ReturnData]));
        assert_eq!(new(&key, &secret, false, true), with(item.to_vec(), [Value(&secret)]));
        assert_eq!(
            new(&key, &secret, true, true),
            with(item.to_vec(), [Value(&secret), TrustsAll("my-cli")])
        );
        assert_eq!(change(&secret), [Value(&secret)]);
    }

    #[test]
    fn who_must_not_ask_says_so_in_every_query() {
        let (key, secret) = (key(), Secret::new(b"value".to_vec()));
        let item = [GenericPassword, Service("my-cli"), Account("token"), NeverAsk];
        assert_eq!(super::item(&key, false), item);
        assert_eq!(value(&key, false), with(item.to_vec(), [ReturnData]));
        assert_eq!(
            new(&key, &secret, true, false),
            with(item.to_vec(), [Value(&secret), TrustsAll("my-cli")])
        );
    }

    #[test]
    fn has_and_list_ask_nobody_and_read_no_value() {
        let key = key();
        assert_eq!(
            presence(&key),
            [GenericPassword, Service("my-cli"), Account("token"), NeverAsk, ReturnAttributes]
        );
        assert_eq!(
            of_service("my-cli"),
            [GenericPassword, Service("my-cli"), NeverAsk, ReturnAttributes, MatchAll]
        );
    }

    #[test]
    fn a_query_shows_no_value() {
        let (key, secret) = (key(), Secret::new(b"hunter2".to_vec()));
        let shown = format!("{:?}", new(&key, &secret, false, true));
        assert_eq!(shown, r#"[GenericPassword, Service("my-cli"), Account("token"), Value(Secret(…))]"#);
    }

    #[test]
    fn names_are_sorted_and_each_once() {
        let of = |service: &str, account: &str| Names {
            service: Some(service.to_owned()),
            account: Some(account.to_owned()),
        };
        let found = vec![
            of("a", "y"),
            of("a", "x"),
            of("b", "z"),
            of("a", "y"),
            of("a", ""),
            of("a", "n\0ul"),
            Names { account: None, ..of("a", "") },
            Names { service: None, ..of("", "x") },
        ];
        let names: Vec<_> = keys("a", found).into_iter().map(|key| (key.service, key.name)).collect();
        assert_eq!(names, [("a".into(), "x".into()), ("a".into(), "y".into())]);
    }
}
