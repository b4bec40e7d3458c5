//! The settings that lead to a server: those of a program's options, and those of the environment.

use std::{ffi::OsString, path::PathBuf};

use zeroize::Zeroizing;

use super::{
    address::{Address, encode_path},
    tls::{Authorities, CERTIFICATE_VARIABLES},
    token::Login,
};
use crate::{
    credential::Secret,
    environment::{Variables, absolute_path, home_directory},
    error::Error,
};

/// The mount that is used if none is named. It is that of a new development server.
const DEFAULT_MOUNT: &str = "secret";
/// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What a program can say of a server. What it leaves out comes from the environment.
#[derive(Clone, Default)]
pub struct VaultOptions {
    /// The address of the server.
    pub address: Option<String>,
    /// The mount of the secrets engine KV.
    pub mount: Option<String>,
    /// The path before the services.
    pub prefix: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// How to log in.
    pub login: Option<Login>,
    /// The path or the PEM text of certificates.
    pub authorities: Option<String>,
}

/// The environment's part of the settings. Each error is that of the calls that need the setting.
#[derive(Clone)]
pub struct Defaults {
    address: Result<Option<String>, Error>,
    mount: Result<Option<String>, Error>,
    prefix: Result<Option<String>, Error>,
    namespace: Result<Option<String>, Error>,
    authorities: Result<Option<String>, Error>,
    /// The values of [`CERTIFICATE_VARIABLES`].
    certificate_variables: [Option<OsString>; 2],
    login: Result<Option<Login>, Error>,
}

/// The option, or else the setting of the environment.
fn or_default<T: Clone>(option: Option<T>, default: &Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    if option.is_some() { Ok(option) } else { default.clone() }
}

/// Where the secrets are, and how to reach them.
#[derive(Clone)]
pub struct Target {
    /// The address of the server.
    pub address: Address,
    /// The mount, percent-encoded.
    pub mount: String,
    /// The path before the services, percent-encoded and with a slash at its end, or empty.
    pub prefix: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// How to log in.
    pub login: Login,
    /// Who signs the certificate of the server.
    pub authorities: Authorities,
}

impl Defaults {
    /// Reads the variables. Those of OpenBao take precedence over those of Vault.
    pub fn read(variables: &impl Variables) -> Self {
        let both = |name: &str| {
            let value = find(variables, &format!("BAO_{name}"));
            value.or_else(|| find(variables, &format!("VAULT_{name}"))).transpose()
        };
        let own = |name: &str| find(variables, &format!("OS_SECRETS_VAULT_{name}")).transpose();
        let absolute = |path: String| absolute_path(path.as_ref()).to_str().map_or(path, str::to_owned);
        Self {
            address: both("ADDR"),
            mount: own("MOUNT"),
            prefix: own("PREFIX"),
            namespace: both("NAMESPACE"),
            authorities: both("CACERT").map(|path| path.map(absolute)),
            certificate_variables: CERTIFICATE_VARIABLES.map(|name| variables.get(name)),
            login: read_login(variables),
        }
    }

    /// The settings of a store: those of the options, and otherwise those of the environment.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    pub fn complete(&self, options: VaultOptions) -> Result<Target, Error> {
        let invalid = |name: &str, problem: &str| Error::InvalidSetting(format!("{name} {problem}"));
        let address = or_default(options.address, &self.address)?.ok_or_else(|| {
            Error::InvalidSetting(
                "There is no address of a Vault or OpenBao server. Set BAO_ADDR or VAULT_ADDR, or give the option address"
                    .into(),
            )
        })?;
        let address =
            Address::parse(&address).map_err(|problem| invalid("The address of the server", problem))?;
        let login = or_default(options.login, &self.login)?.ok_or_else(|| {
            Error::InvalidSetting(
                "There is no token for the server. Set BAO_TOKEN or VAULT_TOKEN, log in with `bao login` or `vault login`, \
                 or set up another log-in (docs/servers.md)"
                    .into(),
            )
        })?;
        let path = |text: &str, name: &str| {
            encode_path(text.trim_matches('/')).map_err(|_| {
                invalid(name, "must be a path whose segments are not empty or ., and do not contain ..")
            })
        };
        let mount = or_default(options.mount, &self.mount)?.unwrap_or_else(|| DEFAULT_MOUNT.into());
        let mount = path(&mount, "The mount")?;
        if let Some(mount) = login.mount() {
            path(mount, "The mount of the log-in")?;
        }
        let plain_prefix = or_default(options.prefix, &self.prefix)?.unwrap_or_default();
        let plain_prefix = plain_prefix.trim_matches('/').to_owned();
        let prefix =
            if plain_prefix.is_empty() { plain_prefix } else { path(&plain_prefix, "The prefix")? + "/" };
        let namespace = or_default(options.namespace, &self.namespace)?;
        if namespace.as_ref().is_some_and(|text| text.bytes().any(|byte| !(0x21..0x7f).contains(&byte))) {
            return Err(invalid("The namespace", "must be a path of printable ASCII characters"));
        }
        let authorities = or_default(options.authorities, &self.authorities)?;
        let authorities = match authorities {
            Some(text) => Authorities::parse(text),
            None => Authorities::System(self.certificate_variables.clone()),
        };
        Ok(Target { address, mount, prefix, namespace, login, authorities })
    }
}

/// How the environment says to log in: by one of our own variables, else by a token.
fn read_login(variables: &impl Variables) -> Result<Option<Login>, Error> {
    let own = |name: &str| find(variables, &format!("OS_SECRETS_VAULT_{name}")).transpose();
    let (role_id, kubernetes, jwt) = (own("ROLE_ID")?, own("KUBERNETES_ROLE")?, own("JWT_ROLE")?);
    let count = [&role_id, &kubernetes, &jwt].iter().filter(|role| role.is_some()).count();
    if count > 1 {
        return Err(Error::InvalidSetting(
            "Only one of OS_SECRETS_VAULT_ROLE_ID, OS_SECRETS_VAULT_KUBERNETES_ROLE and OS_SECRETS_VAULT_JWT_ROLE may be \
             set, and several are. Unset the others"
                .into(),
        ));
    }
    let mount = own("AUTH_MOUNT")?;
    let needed = |name: &'static str| -> Result<Secret, Error> {
        own(name)?.map(|text| Secret::new(text.into_bytes())).ok_or_else(|| {
            Error::InvalidSetting(format!("OS_SECRETS_VAULT_{name} must be set, too, for this log-in"))
        })
    };
    Ok(Some(if let Some(role_id) = role_id {
        let secret_id = own("SECRET_ID")?.map(|text| Secret::new(text.into_bytes()));
        Login::AppRole { mount, role_id, secret_id }
    } else if let Some(role) = kubernetes {
        let file = service_account_file(own("KUBERNETES_JWT_FILE")?);
        Login::Kubernetes { mount, role, file }
    } else if let Some(role) = jwt {
        Login::Jwt { mount, role, token: needed("JWT")? }
    } else {
        let token = find(variables, "BAO_TOKEN").or_else(|| find(variables, "VAULT_TOKEN")).transpose()?;
        match (token, home_directory(variables)) {
            (Some(token), _) => Login::Token(Secret::new(token.into_bytes())),
            (None, Some(home)) => Login::TokenFile(home.join(".vault-token")),
            (None, None) => return Ok(None),
        }
    }))
}

/// The value of a variable. Its error does not show the value.
fn find(variables: &impl Variables, name: &str) -> Option<Result<String, Error>> {
    let text = variables.get(name)?;
    // What a conversion that fails returns would not be wiped.
    let invalid = |_: OsString| Error::InvalidSetting(format!("{name} must be UTF-8 text"));
    Some(text.into_string().map_err(invalid))
}

/// The file of a service account's token: the one that is named, or the usual one.
pub fn service_account_file(file: Option<String>) -> PathBuf {
    file.map_or_else(|| SERVICE_ACCOUNT.into(), |file| absolute_path(file.as_ref()))
}

/// The text of a secret that has to be given to a server.
pub fn text_of(secret: &Secret) -> Result<Zeroizing<String>, Error> {
    let text = str::from_utf8(secret.expose()).map_err(|_| {
        Error::InvalidSetting("The token or secret ID for the server must be UTF-8 text".into())
    })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(variables: &[(&str, &str)], options: VaultOptions) -> Result<Target, Error> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        Defaults::read(&get).complete(options)
    }

    fn message(variables: &[(&str, &str)], options: VaultOptions) -> String {
        complete(variables, options).map(drop).unwrap_err().to_string()
    }

    fn of(address: &str) -> VaultOptions {
        VaultOptions { address: Some(address.into()), ..VaultOptions::default() }
    }

    #[test]
    fn the_variables_of_openbao_take_precedence() {
        let target = complete(
            &[
                ("VAULT_ADDR", "https://vault"),
                ("BAO_ADDR", "https://bao"),
                ("VAULT_TOKEN", "v"),
                ("BAO_TOKEN", "b"),
                ("VAULT_NAMESPACE", "team"),
                ("OS_SECRETS_VAULT_MOUNT", "/kv/team/"),
                ("OS_SECRETS_VAULT_PREFIX", "apps/prod"),
                ("VAULT_CACERT", "/ca.pem"),
            ],
            VaultOptions::default(),
        )
        .unwrap();
        assert_eq!(target.address.origin.host, "bao");
        assert!(matches!(target.login, Login::Token(token) if token.expose() == b"b"));
        assert_eq!(target.namespace.as_deref(), Some("team"));
        assert_eq!((&*target.mount, &*target.prefix), ("kv/team", "apps/prod/"));
        // On Windows, it is on the current drive.
        let authorities = std::path::absolute("/ca.pem").unwrap();
        assert_eq!(target.authorities, Authorities::File(authorities));
    }

    #[test]
    fn options_take_precedence() {
        let variables =
            [("VAULT_ADDR", "https://vault"), ("VAULT_TOKEN", "t"), ("OS_SECRETS_VAULT_MOUNT", "kv")];
        let login = Some(Login::Token(Secret::new(b"own".to_vec())));
        let target = complete(&variables, VaultOptions { login, ..of("https://other") }).unwrap();
        assert!(matches!(target.login, Login::Token(token) if token.expose() == b"own"));
        assert_eq!((&*target.address.origin.host, &*target.mount), ("other", "kv"));
    }

    #[test]
    fn the_token_of_a_log_in_by_hand_is_in_the_home_directory() {
        let home = if cfg!(windows) { ("USERPROFILE", "C:\\me") } else { ("HOME", "/home/me") };
        let target = complete(&[("VAULT_ADDR", "https://vault"), home], VaultOptions::default()).unwrap();
        assert!(matches!(target.login, Login::TokenFile(path) if path.ends_with(".vault-token")));
        assert!(message(&[("VAULT_ADDR", "https://vault")], VaultOptions::default()).contains("VAULT_TOKEN"));
    }

    #[test]
    fn one_log_in_is_chosen() {
        let role = ("OS_SECRETS_VAULT_ROLE_ID", "r");
        let address = ("VAULT_ADDR", "https://vault");
        let kubernetes = ("OS_SECRETS_VAULT_KUBERNETES_ROLE", "k");
        let target = complete(&[address, kubernetes, ("VAULT_TOKEN", "t")], VaultOptions::default()).unwrap();
        assert!(
            matches!(target.login, Login::Kubernetes { file, .. } if file.as_os_str() == SERVICE_ACCOUNT)
        );
        let several = [address, role, kubernetes];
        assert!(message(&several, VaultOptions::default()).contains("Only one of"));
        let incomplete = [address, ("OS_SECRETS_VAULT_JWT_ROLE", "j")];
        assert!(message(&incomplete, VaultOptions::default()).contains("OS_SECRETS_VAULT_JWT must be set"));
    }

    #[test]
    fn a_wrong_log_in_of_the_environment_does_not_matter_if_the_options_have_one() {
        let roles = [("OS_SECRETS_VAULT_ROLE_ID", "r"), ("OS_SECRETS_VAULT_JWT_ROLE", "j")];
        let login = Some(Login::Token(Secret::new(b"t".to_vec())));
        assert!(complete(&roles, VaultOptions { login, ..of("https://vault") }).is_ok());
        assert!(message(&roles, of("https://vault")).contains("Only one of"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(message(&[], VaultOptions::default()).contains("VAULT_ADDR"));
        let variables = [("VAULT_TOKEN", "t")];
        assert!(message(&variables, of("http://vault")).contains("https://"));
        let login = || Some(Login::Token(Secret::new(b"t".to_vec())));
        let with = |change: fn(&mut VaultOptions)| {
            let mut options = VaultOptions { login: login(), ..of("https://vault") };
            change(&mut options);
            message(&[], options)
        };
        assert!(with(|options| options.mount = Some("a/../b".into())).contains("The mount"));
        assert!(with(|options| options.prefix = Some("a//b".into())).contains("The prefix"));
        let mount = Some("a//b".to_owned());
        let login = Some(Login::AppRole { mount, role_id: "r".into(), secret_id: None });
        let options = VaultOptions { login, ..of("https://vault") };
        assert!(message(&[], options).contains("The mount of the log-in"));
        assert!(with(|options| options.namespace = Some("a\nb".into())).contains("The namespace"));
    }
}
