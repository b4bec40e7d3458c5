//! The arguments of messages.
//!
//! All kinds of arguments are one type. So the code that sends a message is compiled once, and not for each kind.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};
use zbus::{DynamicType, OwnedObjectPath, OwnedVariant, Signature, Variant};

use super::spec::WireSecret;

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
    /// No arguments.
    None(()),
    /// A name or an alias.
    Name(&'static str),
    /// An interface and one of its properties.
    Property((&'static str, &'static str)),
    /// The parent window of a prompt's dialog.
    Window(String),
    /// The attributes of the items to find.
    Attributes(BTreeMap<String, String>),
    /// Items and collections to unlock.
    Objects(Vec<OwnedObjectPath>),
    /// The session in which a secret is sent.
    Session((OwnedObjectPath,)),
    /// Items, and the session in which their secrets are sent.
    Items((Vec<OwnedObjectPath>, OwnedObjectPath)),
    /// The algorithm of a session, and our half of the key exchange.
    Algorithm((&'static str, OwnedVariant)),
    /// A new collection: its properties and its alias.
    Collection((Properties, String)),
    /// A new item: its properties, its secret, and whether it replaces an item with the same attributes.
    Item((Properties, WireSecret, bool)),
    /// The new secret of an item.
    Secret((WireSecret,)),
}
