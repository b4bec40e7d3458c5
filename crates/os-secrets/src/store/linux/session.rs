//! A session with the service: the agreement on how secrets travel.

use zbus::{OwnedObjectPath, names::OwnedUniqueName};

use super::{
    bus::Bus,
    crypto::{AesKey, KeyPair, Sealed},
    fault::Fault,
    wire::{self, Wire, WireSecret, algorithm},
};
use crate::{credential::Secret, error::Error};

/// Key exchanges until one is not ambiguous; four of four are so once in four thousand million.
const EXCHANGES: usize = 4;

/// An open session.
pub struct Session {
    path: OwnedObjectPath,
    /// `None` in a plain session, for a service that offers no encryption.
    key: Option<AesKey>,
}

impl Session {
    /// Opens a session with the service on this bus: encrypted, and plain only where the
    /// service says that it does not support encryption.
    pub async fn open(bus: &Bus) -> Result<(OwnedUniqueName, Self), Fault> {
        match Self::open_encrypted(bus).await {
            Err(Fault::Refused { name, .. }) if name == "org.freedesktop.DBus.Error.NotSupported" => {
                let (service, _, path) =
                    wire::open_session(bus, algorithm::PLAIN, algorithm::no_input()).await?;
                Ok((service, Self { path, key: None }))
            }
            opened => opened,
        }
    }

    async fn open_encrypted(bus: &Bus) -> Result<(OwnedUniqueName, Self), Fault> {
        let mut exchange = 1;
        loop {
            let pair = KeyPair::generate()?;
            let input = algorithm::public_number(pair.public_bytes());
            let (service, output, path) = wire::open_session(bus, algorithm::ENCRYPTED, input).await?;
            let peer: Vec<u8> = output
                .try_into()
                .map_err(|_| Fault::malformed("OpenSession with a public number that is no bytes"))?;
            let agreement = pair
                .agree(&peer)
                .ok_or_else(|| Fault::malformed("OpenSession with an impossible public number"))?;
            if agreement.ambiguous && exchange < EXCHANGES {
                exchange += 1;
                // Whether or not the service lets go of it, it is of no use.
                let _ = Wire::new(bus.clone(), service).close_session(&path).await;
                continue;
            }
            return Ok((service, Self { path, key: Some(agreement.key) }));
        }
    }

    /// The session's object.
    pub fn path(&self) -> &OwnedObjectPath {
        &self.path
    }

    /// Whether secrets travel encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.key.is_some()
    }

    /// Whether it is named `s` and a number, as gnome-keyring's and oo7-daemon's sessions are, and never
    /// those of KeePassXC, whose names are hexadecimal. That spares the question who the service is where
    /// the answer would be no, and lets those two be asked for an item of the default collection first.
    pub fn is_numbered(&self) -> bool {
        let name = self.path.as_str().rsplit('/').next().unwrap_or_default();
        name.strip_prefix('s').is_some_and(|number| number.parse::<u64>().is_ok())
    }

    /// Puts a secret into the form in which it travels.
    pub fn seal(&self, secret: &Secret) -> Result<WireSecret, Error> {
        let content_type = match str::from_utf8(secret.expose()) {
            Ok(_) => "text/plain",
            Err(_) => "application/octet-stream",
        };
        let (parameters, value) = match &self.key {
            Some(key) => {
                let sealed = key.seal(secret)?;
                (sealed.parameters, sealed.value)
            }
            None => (Vec::new(), secret.expose().to_vec()),
        };
        Ok(WireSecret { session: self.path.clone(), parameters, value, content_type: content_type.into() })
    }

    /// Takes a secret out of the form in which it travelled.
    pub fn unseal(&self, secret: WireSecret) -> Result<Secret, Fault> {
        if secret.session != self.path {
            return Err(Fault::malformed("GetSecret with a secret of another session"));
        }
        match &self.key {
            Some(key) => key
                .open(Sealed { parameters: secret.parameters, value: secret.value })
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
            assert_eq!(session.seal(&Secret::new(bytes.to_vec())).unwrap().content_type, kind);
        }
    }
}
