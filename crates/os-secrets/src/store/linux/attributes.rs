//! The attributes under which `Bun.secrets` stores a credential, and by which it finds one.

use std::collections::BTreeMap;

use crate::credential::Key;

/// The attribute that says what kind of item it is.
pub const SCHEMA: &str = "xdg:schema";
/// The attribute that holds a key's service.
pub const SERVICE: &str = "service";
/// The attribute that holds a key's name.
pub const ACCOUNT: &str = "account";

/// The value of [`SCHEMA`] in the items of `Bun.secrets`.
pub const BUN_SCHEMA: &str = "com.oven-sh.bun.Secret";

/// The attributes of a key's item. It has no others.
pub fn of_key(key: &Key) -> [(&str, &str); 3] {
    [(SCHEMA, BUN_SCHEMA), (SERVICE, &key.service), (ACCOUNT, &key.name)]
}

/// The attributes as a message holds them, in order: gnome-keyring compares them one after the other with those of
/// every item that it has. `account` comes first, and in most items it differs.
pub fn sorted(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut sorted = BTreeMap::new();
    sorted.extend(attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    sorted
}
