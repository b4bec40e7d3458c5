//! kubectl and other clients of Kubernetes: credential plugins of client-go.
//!
//! The client starts the command of a user's `exec` in its kubeconfig, says in `KUBERNETES_EXEC_INFO` which version of the
//! protocol it speaks and for which cluster it asks, and reads an `ExecCredential` as JSON (Kubernetes documentation,
//! "Authenticating", "client-go credential plugins").

use std::ffi::OsString;

use serde_json::Value;
use zeroize::Zeroizing;

use super::{Credentials, address::ServerAddress, parts::StoredParts};
use crate::{context::Context, failure::Failure};
use os_secrets::{
    credential::Secret,
    environment::{Process, Variables},
    printable::printable,
};

/// The versions of the protocol, the newest first.
pub const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// The member of the status with the token. All members in these constants are stored and printed.
pub const TOKEN: &str = "token";
/// The member with the client's certificate, in PEM.
pub const CERTIFICATE: &str = "clientCertificateData";
/// The member with the certificate's private key, in PEM.
pub const KEY: &str = "clientKeyData";
const EXPIRATION: &str = "expirationTimestamp";

/// The service of the credentials of a server. Their names are the users of the kubeconfig.
pub fn service(server: &str) -> String {
    format!("kubernetes:{}", server.trim_end_matches('/'))
}

/// What the client asks for.
#[derive(PartialEq, Eq, Debug)]
struct Question {
    /// One of [`VERSIONS`].
    version: &'static str,
    /// The server's URL.
    server: String,
}

/// Prints the credential of a user for the server that the client names.
pub fn answer(context: &Context, words: Vec<OsString>) -> Result<i32, Failure> {
    let user = parse_user(words)?;
    let refuse = |message: String| Failure::Refused(message.into());
    let info = Process.get("KUBERNETES_EXEC_INFO").and_then(|info| info.into_string().ok());
    let question = parse_question(info.as_deref()).map_err(refuse)?;
    let service = service(&question.server);
    let credentials = Credentials(context);
    let user = match user {
        Some(user) => user,
        None => {
            let names: Vec<_> = credentials.names(&service)?.into_iter().collect();
            match &*names {
                [only] => only.clone(),
                [] => return Err(refuse(missing(&service, "USER"))),
                several => {
                    let names: Vec<_> = several.iter().map(|name| printable(name)).collect();
                    return Err(refuse(format!(
                        "{} has several users: {}. Name one of them behind kubectl in the args of exec",
                        printable(&service),
                        names.join(", ")
                    )));
                }
            }
        }
    };
    let value = credentials.get(&service, &user)?.ok_or_else(|| refuse(missing(&service, &user)))?;
    let parts = parse_value(value).map_err(|reason| {
        refuse(format!(
            "the stored credential of the user {} of {} cannot be used: {reason}. Store another with {}",
            printable(&user),
            printable(&question.server),
            command(&service, &user)
        ))
    })?;
    context.output.write(&spell(question.version, &parts))?;
    Ok(crate::exit_codes::SUCCESS)
}

fn parse_user(words: Vec<OsString>) -> Result<Option<String>, Failure> {
    let usage = || Failure::Usage("the words after secrets helper kubectl must be one USER, or none".into());
    let words: Vec<_> =
        words.into_iter().map(OsString::into_string).collect::<Result<_, _>>().map_err(|_| usage())?;
    match <[String; 1]>::try_from(words) {
        Ok([user]) if !user.is_empty() => Ok(Some(user)),
        Err(words) if words.is_empty() => Ok(None),
        _ => Err(usage()),
    }
}

fn missing(service: &str, user: &str) -> String {
    let (server, of_user) = (service.trim_start_matches("kubernetes:"), printable(user));
    match user {
        "USER" => format!(
            "no credential for {} is stored. Store one with {}",
            printable(server),
            command(service, user)
        ),
        _ => format!(
            "no credential of the user {of_user} for {} is stored. Store one with {}",
            printable(server),
            command(service, user)
        ),
    }
}

fn command(service: &str, user: &str) -> String {
    format!("secrets set --service {} {}", printable(service), printable(user))
}

/// Whether nobody else can read what is sent to a server. `skips`: whether the client does not verify its certificate.
/// `has_proxy`: whether the connection goes to a proxy, so that even this machine is not the one that is reached.
pub fn is_safe(server: &str, skips: bool, has_proxy: bool) -> bool {
    ServerAddress::parse(server).is_some_and(|address| {
        (address.is_encrypted() && !skips) || (address.is_safe() && address.is_loopback() && !has_proxy)
    })
}

/// Parses what the client has put into the environment.
fn parse_question(info: Option<&str>) -> Result<Question, String> {
    let info = info.ok_or(
        "KUBERNETES_EXEC_INFO is missing. This command is for clients of Kubernetes: run secrets setup kubectl",
    )?;
    let info: Value = serde_json::from_str(info)
        .map_err(|_| "KUBERNETES_EXEC_INFO is not JSON. The client of Kubernetes must set it")?;
    let version = VERSIONS.into_iter().find(|version| info["apiVersion"] == *version).ok_or_else(|| {
        format!(
            "the client speaks another version of ExecCredential. Use one that knows {}",
            VERSIONS.join(" or ")
        )
    })?;
    let cluster = &info["spec"]["cluster"];
    let server = cluster["server"].as_str().filter(|server| !server.is_empty()).ok_or(
        "the client does not say for which server it asks. Set provideClusterInfo: true beside the command in exec",
    )?;
    let skips = cluster["insecure-skip-tls-verify"] == true;
    let has_proxy = cluster["proxy-url"].as_str().is_some_and(|proxy| !proxy.is_empty());
    if !is_safe(server, skips, has_proxy) {
        return Err(format!(
            "others could read the credential for {} on its way, because the kubeconfig does not verify the server. Use an \
             https URL without a user in it and without insecure-skip-tls-verify",
            printable(server)
        ));
    }
    Ok(Question { version, server: server.to_owned() })
}

/// Parses and checks a stored value: a bare token, or JSON with members of the status.
fn parse_value(value: Secret) -> Result<StoredParts, String> {
    let names = [TOKEN, CERTIFICATE, KEY, EXPIRATION];
    let parts = match value.expose().first() {
        Some(b'{') => StoredParts::parse(&value, &names)?,
        _ => StoredParts::of_one(TOKEN, value),
    };
    let has = |name| parts.get(name).is_some_and(|text| !text.is_empty());
    if has(CERTIFICATE) != has(KEY) {
        return Err(format!("of {CERTIFICATE} and {KEY}, one is missing"));
    }
    if !has(TOKEN) && !has(CERTIFICATE) {
        return Err("it has no token and no client certificate".into());
    }
    parts.check_visible(TOKEN)?;
    parts.check_not_expired(EXPIRATION)?;
    Ok(parts)
}

fn spell(version: &str, parts: &StoredParts) -> Zeroizing<Vec<u8>> {
    let status = parts.spell();
    let start = format!("{{\"apiVersion\":\"{version}\",\"kind\":\"ExecCredential\",\"status\":{{");
    let mut text = Zeroizing::new(Vec::with_capacity(start.len() + status.expose().len() + 3));
    text.extend_from_slice(start.as_bytes());
    text.extend_from_slice(status.expose().strip_prefix(b",").unwrap_or_default());
    text.extend_from_slice(b"}}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_names_the_version_and_the_server() {
        let info = |version: &str, cluster: &str| {
            format!(
                r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/{version}","spec":{{{cluster}}}}}"#
            )
        };
        let ask = |version: &str, cluster: &str| parse_question(Some(&info(version, cluster)));
        for version in ["v1", "v1beta1"] {
            let question =
                ask(version, r#""cluster":{"server":"https://a:6443"},"interactive":true"#).unwrap();
            assert_eq!(question.version, format!("client.authentication.k8s.io/{version}"));
            assert_eq!(question.server, "https://a:6443");
        }
        assert!(parse_question(None).unwrap_err().contains("secrets setup kubectl"));
        assert!(ask("v1alpha1", r#""cluster":{"server":"https://a"}"#).unwrap_err().contains("v1beta1"));
        for without in ["\"interactive\":false", "\"cluster\":null", "\"cluster\":{\"server\":\"\"}"] {
            assert!(ask("v1", without).unwrap_err().contains("provideClusterInfo: true"), "{without}");
        }
        for (server, skips, safe) in [
            ("https://a", false, true),
            ("https://a", true, false),
            ("https://127.0.0.1:6443", true, true),
            ("http://127.0.0.1:8080", false, true),
            ("http://a", false, false),
            ("a:6443", false, false),
            ("https://x@a", false, false),
        ] {
            let cluster = format!(r#""cluster":{{"server":"{server}","insecure-skip-tls-verify":{skips}}}"#);
            assert_eq!(ask("v1", &cluster).is_ok(), safe, "{cluster}");
            // Behind a proxy, this machine is no safer than others.
            let behind = cluster.replace('}', r#","proxy-url":"http://b:3128"}"#);
            let is_verified = safe && !skips && server.starts_with("https:");
            assert_eq!(ask("v1", &behind).is_ok(), is_verified, "{behind}");
        }
    }

    #[test]
    fn a_value_is_a_token_or_members_of_the_status() {
        let spelled = |text: &str| {
            let parts = parse_value(Secret::new(text.as_bytes().to_vec()))?;
            Ok::<_, String>(String::from_utf8(spell(VERSIONS[1], &parts).to_vec()).unwrap())
        };
        let start =
            r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"#;
        assert_eq!(spelled("a.b-c").unwrap(), format!("{start}\"token\":\"a.b-c\"}}}}\n"));
        let certificate = r#"{"clientKeyData":"K\n","clientCertificateData":"C\n","expirationTimestamp":"2999-01-01T00:00:00Z"}"#;
        assert_eq!(
            spelled(certificate).unwrap(),
            format!(
                "{start}{}}}}}\n",
                r#""clientCertificateData":"C\n","clientKeyData":"K\n","expirationTimestamp":"2999-01-01T00:00:00Z""#
            )
        );
        for (text, reason) in [
            ("", "no token and no client certificate"),
            ("hunter2 x", "token has a space"),
            ("hunter2\r\nx: y", "token has a space"),
            ("{hunter2", "not a JSON object"),
            ("{}", "no token"),
            (r#"{"clientKeyData":"hunter2"}"#, "one is missing"),
            (r#"{"token":"hunter2","expirationTimestamp":"2001-01-01T00:00:00Z"}"#, "they expired at 2001"),
        ] {
            let told = spelled(text).unwrap_err();
            assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
        }
    }
}
