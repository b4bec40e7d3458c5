//! What can go wrong with one message. What that means for the call is decided elsewhere.

use std::borrow::Cow;

use zbus::DBusError;

use crate::{
    credential::Secret,
    error::{Effect, Error},
};

/// Why a message failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection, the service or our session with it is gone. The call should be repeated on a new connection.
    Lost(String),
    /// The session's key does not decrypt a secret. The service may have another key, so the call should be repeated
    /// in a new session.
    Undecipherable,
    /// Nobody on the bus owns the name that was called.
    Unowned(String),
    /// The service answered with an error.
    Refused {
        /// The method that was called.
        operation: &'static str,
        /// The D-Bus error's name.
        name: String,
        /// The D-Bus error's text.
        message: String,
    },
    /// The call fails with this error.
    Final(Error),
}

/// The maximum length of a service's text in an error message, in characters.
const MAX_TEXT: usize = 300;

impl Fault {
    /// A reply that does not follow the specification. `what` follows "The credential store answered".
    pub fn malformed(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Final(Error::Malformed(what.into()))
    }

    /// Reads an error of zbus, or an error reply that zbus received.
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
                let error = on_one_line(&error.to_string());
                return Self::malformed(format!("{operation} with an invalid reply ({error})"));
            }
        };
        // Behind this, dbus-daemon names the command line of the program that it refuses, which may hold a secret.
        let message = on_one_line(message.split("; type=\"").next().unwrap_or_default());
        match name.as_str() {
            "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
                Self::Unowned(format!("{message} ({name})"))
            }
            "org.freedesktop.DBus.Error.NoReply"
            | "org.freedesktop.DBus.Error.Disconnected"
            | "org.freedesktop.Secret.Error.NoSession" => Self::Lost(format!("{message} ({name})")),
            // This is how KWallet says NoSession.
            "org.qtproject.QtDBus.Error.InvalidObjectPath" if message.starts_with("Can't find session") => {
                Self::Lost(format!("{message} ({name})"))
            }
            "org.freedesktop.DBus.Error.AccessDenied" => {
                Self::Final(Error::AccessDenied(format!("{operation}: {message} ({name})").into()))
            }
            _ => Self::Refused { operation, name: on_one_line(&name), message },
        }
    }

    /// Removes the service's texts if they contain the secret that it was sent, or a part of it.
    pub fn redact(mut self, secret: &Secret) -> Self {
        let texts = match &mut self {
            Self::Lost(text) | Self::Unowned(text) => vec![text],
            Self::Refused { message, name, .. } => vec![message, name],
            Self::Final(Error::AccessDenied(what)) => vec![what.to_mut()],
            Self::Final(Error::InteractionRequired { reason, .. }) => vec![reason.to_mut()],
            _ => Vec::new(),
        };
        for text in texts {
            if reveals(text, secret.expose()) {
                *text = "its text is left out, because it contains the secret".into();
            }
        }
        self
    }

    /// Whether the service has refused. If so, it has changed nothing.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Final(Error::AccessDenied(_)))
    }

    /// Whether the service has answered, although not with what was asked for.
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

    /// Whether the object does not exist, or no longer exists. Services have many ways to say so.
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

/// Whether a text, put on one line, contains enough of the secret to reveal something about it. A very short secret is
/// not looked for, because many texts contain it by chance.
fn reveals(text: &str, secret: &[u8]) -> bool {
    /// This many consecutive bytes reveal something.
    const PART: usize = 8;
    let same = |(shown, byte): (&u8, &u8)| shown == byte || (byte.is_ascii_control() && *shown == b' ');
    let contains =
        |part: &[u8]| text.as_bytes().windows(part.len()).any(|shown| shown.iter().zip(part).all(same));
    match secret.len() {
        ..4 => false,
        4..PART => contains(secret),
        // The text is too short to contain a part of what follows.
        _ => secret[..secret.len().min(1 << 16)].windows(PART).step_by(PART).any(contains),
    }
}

/// Makes a text from outside fit into an error message: on one line, and not too long.
pub fn on_one_line(text: &str) -> String {
    let mut line: String =
        text.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        line.push('…');
    }
    line
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
    fn a_denial_of_the_bus_does_not_show_the_command_line() {
        let text = "Rejected send message, 2 matched rules; type=\"method_call\", sender=\":1.3\" (uid=0 pid=1 \
                    comm=\"secrets set token ghp_example\")";
        let denied = Error::from(fault(fdo::Error::AccessDenied(text.into()))).to_string();
        assert!(denied.contains("2 matched rules (") && !denied.contains("ghp_example"), "{denied}");
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
