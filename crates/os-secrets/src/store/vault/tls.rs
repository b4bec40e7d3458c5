//! The authorities that vouch for a server. Its certificate is always verified, and there is no way to skip that.

use std::{env, ffi::OsString, fs, path::PathBuf, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject},
    },
};

use crate::{error::Error, printable::printable_path};

/// The variables that name the authorities in place of those of the system.
pub const CERTIFICATE_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The authorities that may sign the certificate of a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authorities {
    /// Those that the operating system trusts, or [`CERTIFICATE_VARIABLES`] name instead, with the values that these had when
    /// the settings were read.
    System([Option<OsString>; 2]),
    /// Only those in a file.
    File(PathBuf),
    /// Only those in a PEM text.
    Text(String),
}

impl Authorities {
    /// Those that a text names: certificates if it is PEM, and otherwise the path of a file.
    pub fn parse(text: String) -> Self {
        if text.contains("-----BEGIN ") { Self::Text(text) } else { Self::File(text.into()) }
    }

    /// Makes what connects to servers. It may read files.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] if there is no certificate.
    pub fn connector(&self) -> Result<TlsConnector, Error> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System(variables) => {
                // The library reads them again, and a file of the project may have set them meanwhile.
                let now =
                    CERTIFICATE_VARIABLES.map(|name| env::var_os(name).filter(|value| !value.is_empty()));
                if now != *variables {
                    return Err(Error::InvalidSetting(
                        "SSL_CERT_FILE or SSL_CERT_DIR was changed after the program had started. Set it before, or name \
                         the certificates (VAULT_CACERT or the option caCert)"
                            .into(),
                    ));
                }
                let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(Error::InvalidSetting(
                        "This system has no certificates of authorities, so no server can be trusted. Install them \
                         (Debian: the package ca-certificates), or name the server's (VAULT_CACERT or the option caCert)"
                            .into(),
                    ));
                }
            }
            Self::File(path) => {
                let shown = printable_path(path);
                let text = fs::read(path).map_err(|error| {
                    Error::InvalidSetting(format!(
                        "The file of the certificates {shown} cannot be read: {error}"
                    ))
                })?;
                add(&mut roots, &text, &format!("The file {shown}"))?;
            }
            Self::Text(text) => add(&mut roots, text.as_bytes(), "The setting for the certificates")?,
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Internal(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Adds the certificates of a PEM text. All must be usable.
fn add(roots: &mut RootCertStore, text: &[u8], what: &str) -> Result<(), Error> {
    let invalid = || Error::InvalidSetting(format!("{what} must hold the certificates of authorities (PEM)"));
    for certificate in CertificateDer::pem_slice_iter(text) {
        roots.add(certificate.map_err(|_| invalid())?).map_err(|_| invalid())?;
    }
    if roots.is_empty() { Err(invalid()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn certificates_are_a_text_or_a_file() {
        assert_eq!(Authorities::parse("/etc/ca.pem".into()), Authorities::File("/etc/ca.pem".into()));
        let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(Authorities::parse(text.into()), Authorities::Text(text.into()));
    }

    #[test]
    fn authorities_without_a_certificate_are_refused() {
        for authorities in [
            Authorities::Text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into()),
            Authorities::Text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into()),
            Authorities::File("/does/not/exist".into()),
            // As if a variable had been set since.
            Authorities::System([Some("/other.pem".into()), None]),
        ] {
            let error = authorities.connector().map(drop).unwrap_err();
            assert_eq!(error.code(), Code::InvalidSetting, "{error}");
        }
    }
}
