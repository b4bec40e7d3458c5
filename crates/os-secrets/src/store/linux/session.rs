//! A session with the service, in which both sides have agreed on how to encrypt secrets.

use zbus::{OwnedObjectPath, names::OwnedUniqueName};

use super::{
    bus::BusConnection,
    crypto::{AesKey, EncryptedSecret, KeyPair},
    fault::Fault,
    spec::WireSecret,
    wire::{OpenedSession, Wire, open_encrypted_session, open_plain_session},
};
use crate::{credential::Secret, error::Error};

/// The maximum number of key exchanges. An exchange that is ambiguous is repeated; four in a row are ambiguous once in
/// four thousand million.
const MAX_EXCHANGES: usize = 4;

/// An open session.
pub struct Session {
    path: OwnedObjectPath,
    /// `None` in a plain session, which we use if the service offers no encryption.
    key: Option<AesKey>,
}

impl Session {
    /// Opens an encrypted session with the service on this bus. Opens a plain one only if the service says that it
    /// does not support encryption. Returns the service's unique name as well.
    pub async fn open(bus: &BusConnection) -> Result<(OwnedUniqueName, Self), Fault> {
        match Self::open_encrypted(bus).await {
            Err(Fault::Refused { name, .. }) if name == "org.freedesktop.DBus.Error.NotSupported" => {
                let OpenedSession { service, path, .. } = open_plain_session(bus).await?;
                Ok((service, Self { path, key: None }))
            }
            opened => opened,
        }
    }

    async fn open_encrypted(bus: &BusConnection) -> Result<(OwnedUniqueName, Self), Fault> {
        let mut exchange = 1;
        loop {
            let pair = KeyPair::generate()?;
            let OpenedSession { service, output, path } =
                open_encrypted_session(bus, pair.public_bytes()).await?;
            let peer: Vec<u8> = output.try_into().map_err(|_| {
                Fault::malformed("OpenSession with a public number that is not an array of bytes")
            })?;
            let agreement = pair
                .derive_key(&peer)
                .ok_or_else(|| Fault::malformed("OpenSession with an impossible public number"))?;
            if agreement.ambiguous && exchange < MAX_EXCHANGES {
                exchange += 1;
                // If it cannot be closed, it stays open on the service, unused.
                let _ = Wire::new(bus.clone(), service).close_session(&path).await;
                continue;
            }
            return Ok((service, Self { path, key: Some(agreement.key) }));
        }
    }

    /// The session's path.
    pub fn path(&self) -> &OwnedObjectPath {
        &self.path
    }

    /// Whether secrets are encrypted on the bus.
    pub fn is_encrypted(&self) -> bool {
        self.key.is_some()
    }

    /// Whether its name is `s` and a number. The sessions of gnome-keyring and oo7-daemon have such names. Those of
    /// KeePassXC never do: theirs are hexadecimal. So a session's name often answers without a message whether the service
    /// can be gnome-keyring or KeePassXC. With the former two we search the default collection first.
    pub fn is_numbered(&self) -> bool {
        let name = self.path.as_str().rsplit('/').next().unwrap_or_default();
        name.strip_prefix('s').is_some_and(|number| number.parse::<u64>().is_ok())
    }

    /// Puts a secret into the form in which it is sent.
    pub fn encode(&self, secret: &Secret) -> Result<WireSecret, Error> {
        let content_type = match str::from_utf8(secret.expose()) {
            Ok(_) => "text/plain",
            Err(_) => "application/octet-stream",
        };
        let (parameters, value) = match &self.key {
            Some(key) => {
                let encrypted = key.encrypt(secret)?;
                (encrypted.parameters, encrypted.value)
            }
            None => (Vec::new(), secret.expose().to_vec()),
        };
        Ok(WireSecret { session: self.path.clone(), parameters, value, content_type: content_type.into() })
    }

    /// Takes a secret out of the form in which it was sent.
    pub fn decode(&self, secret: WireSecret) -> Result<Secret, Fault> {
        if secret.session != self.path {
            return Err(Fault::malformed("GetSecret with a secret of another session"));
        }
        match &self.key {
            Some(key) => key
                .decrypt(EncryptedSecret { parameters: secret.parameters, value: secret.value })
                .ok_or(Fault::Undecipherable),
            None => Ok(Secret::new(secret.value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_marked_so() {
        let session = Session { path: OwnedObjectPath::default(), key: None };
        for (bytes, kind) in [
            (&b"text"[..], "text/plain"),
            ("täxt\0".as_bytes(), "text/plain"),
            (&[0xff], "application/octet-stream"),
        ] {
            assert_eq!(session.encode(&Secret::new(bytes.to_vec())).unwrap().content_type, kind);
        }
    }
}
