//! What can go wrong with one message, before anyone decides what it means for the call.

use std::borrow::Cow;

use zbus::DBusError;

use crate::{
    credential::Secret,
    error::{Effect, Error},
};

/// The outcome of a message that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection, the service or our session with it is gone: connect again and repeat.
    Lost(String),
    /// A secret came that our session's key does not decrypt. A new session may have the service's key.
    Undecipherable,
    /// The bus knows nobody of the name that was called.
    Unowned(String),
    /// The service answered with an error.
    Refused {
        /// The method that was called.
        operation: &'static str,
        /// The D-Bus error's name.
        name: String,
        /// Its text.
        message: String,
    },
    /// The call ends with this.
    Final(Error),
}

/// The longest text of a service that goes into a message, in characters.
const MAX_TEXT: usize = 300;

impl Fault {
    /// A reply that is not what the specification says.
    pub fn malformed(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Final(Error::Malformed(what.into()))
    }

    /// Reads a failure of zbus, or an error reply that it received.
    pub fn from_call(operation: &'static str, error: zbus::Error) -> Self {
        let (name, message) = match &error {
            zbus::Error::FDO(error) => match &**error {
                zbus::fdo::Error::ZBus(error) => return Self::from_call(operation, error.clone()),
                error => (error.name().to_string(), error.description().unwrap_or_default()),
            },
            zbus::Error::MethodError(name, text, _) => {
                (name.to_string(), text.as_deref().unwrap_or_default())
            }
            zbus::Error::InputOutput(error) => return Self::Lost(error.to_string()),
            error => {
                let error = readable(&error.to_string());
                return Self::malformed(format!("{operation} with what is no valid reply ({error})"));
            }
        };
        let message = readable(message);
        match name.as_str() {
            "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
                Self::Unowned(format!("{message} ({name})"))
            }
            "org.freedesktop.DBus.Error.NoReply"
            | "org.freedesktop.DBus.Error.Disconnected"
            | "org.freedesktop.Secret.Error.NoSession" => Self::Lost(format!("{message} ({name})")),
            // KWallet's way to say NoSession.
            "org.qtproject.QtDBus.Error.InvalidObjectPath" if message.starts_with("Can't find session") => {
                Self::Lost(format!("{message} ({name})"))
            }
            "org.freedesktop.DBus.Error.AccessDenied" => {
                Self::Final(Error::AccessDenied(format!("{operation}: {message} ({name})").into()))
            }
            _ => Self::Refused { operation, name: readable(&name), message },
        }
    }

    /// Leaves out the service's words where they hold (a part of) the secret that it was sent.
    pub fn without(mut self, secret: &Secret) -> Self {
        let texts = match &mut self {
            Self::Lost(words) | Self::Unowned(words) => vec![words],
            Self::Refused { message, name, .. } => vec![message, name],
            Self::Final(Error::AccessDenied(what)) => vec![what.to_mut()],
            Self::Final(Error::InteractionRequired { reason, .. }) => vec![reason.to_mut()],
            _ => Vec::new(),
        };
        for words in texts {
            if tells(words, secret.expose()) {
                *words = "its words are left out, because they hold the secret".into();
            }
        }
        self
    }

    /// Whether the service said that it did not do what it was told to.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Final(Error::AccessDenied(_)))
    }

    /// Whether the service answered, though not with what it was asked for.
    pub fn is_answer(&self) -> bool {
        self.is_refusal() || matches!(self, Self::Final(Error::Malformed(_)))
    }

    /// Whether the call may succeed on a new connection.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Unowned(_) | Self::Undecipherable)
    }

    /// Whether the object is locked and must be unlocked first.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Refused { name, .. } if name == "org.freedesktop.Secret.Error.IsLocked")
    }

    /// Whether the object that was addressed does not exist (any more). Services say so in many ways.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { name, .. } if is_absent(name))
    }
}

/// Whether a D-Bus error's name says that the object does not exist.
pub fn is_absent(name: &str) -> bool {
    matches!(
        name,
        "org.freedesktop.Secret.Error.NoSuchObject"
            | "org.freedesktop.DBus.Error.UnknownObject"
            | "org.freedesktop.DBus.Error.UnknownMethod"
            | "org.freedesktop.DBus.Error.UnknownInterface"
    )
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost(reason) | Fault::Unowned(reason) => Self::Lost { reason, effect: Effect::None },
            Fault::Undecipherable => {
                Self::Malformed("GetSecret with a secret that cannot be decrypted".into())
            }
            Fault::Refused { operation, name, message } => Self::Service { operation, name, message },
            Fault::Final(error) => error,
        }
    }
}

/// Whether a readable text holds a part of the secret that tells something of it. Of a very short secret,
/// which stands in many texts, that is not asked.
fn tells(text: &str, secret: &[u8]) -> bool {
    /// As many bytes in a row tell something.
    const PART: usize = 8;
    let same = |(shown, byte): (&u8, &u8)| shown == byte || (byte.is_ascii_control() && *shown == b' ');
    let holds =
        |part: &[u8]| text.as_bytes().windows(part.len()).any(|shown| shown.iter().zip(part).all(same));
    match secret.len() {
        ..4 => false,
        4..PART => holds(secret),
        // A text of this length can hold no part of what comes after.
        _ => secret[..secret.len().min(1 << 16)].windows(PART).step_by(PART).any(holds),
    }
}

/// A text from outside, on one line and not longer than a message should be.
pub fn readable(text: &str) -> String {
    let mut readable: String =
        text.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        readable.push('…');
    }
    readable
}

#[cfg(test)]
mod tests {
    use zbus::fdo;

    use super::*;
    use crate::error::Code;

    fn fault(error: fdo::Error) -> Fault {
        Fault::from_call("GetSecret", zbus::Error::FDO(Box::new(error)))
    }

    #[test]
    fn a_lost_connection_is_told_from_a_refusal() {
        for lost in [
            fdo::Error::ServiceUnknown("x".into()),
            fdo::Error::NameHasNoOwner("x".into()),
            fdo::Error::NoReply("x".into()),
            fdo::Error::Disconnected("x".into()),
        ] {
            assert!(fault(lost).is_lost());
        }
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(Fault::from_call("x", zbus::Error::from(broken)).is_lost());
        assert!(!fault(fdo::Error::Failed("x".into())).is_lost());
    }

    #[test]
    fn a_denial_is_final() {
        let denied = Error::from(fault(fdo::Error::AccessDenied("not you".into())));
        assert_eq!(denied.code(), Code::AccessDenied);
        assert!(denied.to_string().contains("GetSecret: not you"));
    }

    #[test]
    fn an_absent_object_is_recognized() {
        assert!(fault(fdo::Error::UnknownMethod("x".into())).is_absent());
        assert!(fault(fdo::Error::UnknownObject("x".into())).is_absent());
        assert!(!fault(fdo::Error::Failed("x".into())).is_absent());
        assert!(!fault(fdo::Error::UnknownMethod("x".into())).is_locked());
    }

    #[test]
    fn long_and_many_lined_texts_are_tamed() {
        let Fault::Refused { message, .. } = fault(fdo::Error::Failed("a\nb\u{1b}".repeat(1000))) else {
            panic!("not refused");
        };
        assert_eq!(message.chars().count(), 301);
        assert!(message.starts_with("a b a b") && message.ends_with('…'));
    }
}
