//! What the messages say.
//!
//! All kinds of arguments are one type, so that what sends a message is compiled once and not for each kind.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};
use zbus::{DynamicType, OwnedObjectPath, OwnedVariant, Signature, Variant};

use super::wire::WireSecret;

macro_rules! arguments {
    ($($(#[$doc:meta])* $kind:ident($type:ty),)*) => {
        /// The arguments of a message.
        pub enum Arguments {
            $($(#[$doc])* $kind($type),)*
        }

        $(impl From<$type> for Arguments {
            fn from(arguments: $type) -> Self {
                Self::$kind(arguments)
            }
        })*

        impl Serialize for Arguments {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$kind(arguments) => arguments.serialize(serializer),)*
                }
            }
        }

        impl DynamicType for Arguments {
            fn signature(&self) -> Signature {
                match self {
                    $(Self::$kind(arguments) => arguments.signature(),)*
                }
            }
        }
    };
}

type Properties = HashMap<&'static str, Variant<'static>>;

arguments! {
    /// None.
    None(()),
    /// A name or an alias.
    Name(&'static str),
    /// An interface and one of its properties.
    Property((&'static str, &'static str)),
    /// The window that a prompt belongs to.
    Window(String),
    /// What an item is searched by.
    Attributes(BTreeMap<String, String>),
    /// What is to be unlocked.
    Objects(Vec<OwnedObjectPath>),
    /// The session that a secret is read in.
    Session((OwnedObjectPath,)),
    /// Items, and the session that their secrets are read in.
    Items((Vec<OwnedObjectPath>, OwnedObjectPath)),
    /// An algorithm, and its input.
    Algorithm((&'static str, OwnedVariant)),
    /// A new collection: its properties and its alias.
    Collection((Properties, String)),
    /// A new item: its properties, its secret, and whether it takes the place of another.
    Item((Properties, WireSecret, bool)),
    /// An item's new secret.
    Secret((WireSecret,)),
}
