//! `.npmrc` of npm, pnpm, Yarn 1 and Bun, and pnpm's `auth.ini`: tokens and passwords of registries.
//!
//! A value is stored as it stands in the file, so that `${VARIABLE}` can take its place there: `_password` and `_auth` stay
//! in base64. A value with `${` is a reference already, and no credential.

use std::{ops::Range, path::PathBuf};

use super::{PlainEntry, PlainFile, PlainFormat};
use os_secrets::{
    credential::{Key, Secret},
    environment::{Process, Variables, home_directory},
    error::Error,
    printable::printable,
};

/// The name of a token.
pub const TOKEN: &str = "token";
/// The name of a user and password in base64.
pub const USER_AND_PASSWORD: &str = "_auth";

/// The service of a registry's credentials. `registry` is what stands before `:_authToken`.
pub fn service(registry: &str) -> String {
    format!("npm:{registry}")
}

/// pnpm's own file with credentials. See [Authentication settings](https://pnpm.io/npmrc).
pub fn pnpm_file() -> Option<PathBuf> {
    let folder = Process.directory("XDG_CONFIG_HOME").map(|folder| folder.join("pnpm"));
    let usual = || {
        Some(home_directory(&Process)?.join(if cfg!(windows) {
            "AppData/Local/pnpm/config"
        } else if cfg!(target_os = "macos") {
            "Library/Preferences/pnpm"
        } else {
            ".config/pnpm"
        }))
    };
    Some(folder.or_else(usual)?.join("auth.ini"))
}

/// The files of npm and pnpm.
pub struct Npmrc;

impl PlainFormat for Npmrc {
    fn name(&self) -> &'static str {
        "npmrc"
    }

    fn paths(&self) -> Vec<PathBuf> {
        let named = ["NPM_CONFIG_USERCONFIG", "npm_config_userconfig"];
        let named = named.iter().find_map(|name| Process.directory(name));
        named
            .or_else(|| Some(home_directory(&Process)?.join(".npmrc")))
            .into_iter()
            .chain(pnpm_file())
            .collect()
    }

    fn entries(&self, file: &PlainFile<'_>) -> Result<Vec<PlainEntry>, Error> {
        Ok(credentials(file)?.into_iter().filter_map(Result::ok).collect())
    }

    fn skipped(&self, file: &PlainFile<'_>) -> Vec<String> {
        credentials(file)
            .map_or_else(|_| Vec::new(), |found| found.into_iter().filter_map(Result::err).collect())
    }
}

/// A setting of the file.
pub struct Setting<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value, without quotes.
    pub value: &'a str,
    /// Its line, with the newline.
    pub line: Range<usize>,
}

/// The settings before the first section, in their order.
pub fn settings(text: &str) -> impl Iterator<Item = Setting<'_>> {
    let mut next = 0;
    text.split_inclusive('\n')
        .map(move |line| {
            let at = next;
            next += line.len();
            (at..next, line.trim().trim_start_matches('\u{feff}'))
        })
        .take_while(|(_, line)| !line.starts_with('['))
        .filter(|(_, line)| !line.starts_with([';', '#']))
        .filter_map(|(place, line)| {
            let (key, value) = line.split_once('=')?;
            Some(Setting { key: unquote(key), value: unquote(value), line: place })
        })
}

fn unquote(text: &str) -> &str {
    let text = text.trim();
    let inside = |quote| text.strip_prefix(quote).and_then(|text: &str| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// The kinds of credential, each with what stands behind the registry.
const KINDS: [&str; 3] = ["_authToken", "_auth", "_password"];

/// The credentials in the order of the file, or for each that stays its name and the reason.
fn credentials(file: &PlainFile<'_>) -> Result<Vec<Result<PlainEntry, String>>, Error> {
    let text = str::from_utf8(file.content)
        .map_err(|_| Error::InvalidFile { path: file.path.into(), reason: "is not UTF-8 text".into() })?;
    let all: Vec<_> = settings(text).collect();
    let found = all.iter().enumerate().filter_map(|(at, setting)| {
        let (registry, kind) = setting.key.rsplit_once(':').unwrap_or(("", setting.key));
        if !KINDS.contains(&kind) || setting.value.is_empty() || setting.value.contains("${") {
            return None;
        }
        let label = printable(setting.key);
        let skip = |reason: &str| Some(Err(format!("{label}: {reason}")));
        if !registry.starts_with("//") {
            return skip("it names no registry, and npm does not use it. Put //HOST/: in front of it");
        }
        let same = || all.iter().enumerate().filter(|(_, other)| other.key == setting.key);
        if same().any(|(other, found)| other > at && found.value != setting.value) {
            return skip("a later line of the file replaces it");
        }
        // The last of several equal lines stands for all.
        if same().any(|(other, _)| other > at) {
            return None;
        }
        if setting.value.contains(['\\', '"', '\'', ';', '#'])
            || !setting.value.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return skip("its value has characters that no token has");
        }
        let name = match kind {
            "_authToken" => TOKEN,
            "_auth" => USER_AND_PASSWORD,
            _ => {
                let user = format!("{registry}:username");
                match all.iter().rfind(|other| other.key == user) {
                    Some(user) if !user.value.is_empty() && !user.value.contains("${") => user.value,
                    _ => return skip("the file does not say which user it belongs to"),
                }
            }
        };
        let equal = same().filter(|(_, other)| other.value == setting.value);
        Some(Ok(PlainEntry {
            key: Key { service: service(registry), name: name.to_owned() },
            value: Secret::new(setting.value.as_bytes().to_vec()),
            cuts: equal.map(|(_, other)| other.line.clone()).collect(),
            label,
        }))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each credential as `service name value`, what is skipped, and the rest of the file.
    fn imported(content: &str) -> (Vec<String>, Vec<String>, String) {
        let file = PlainFile { path: "x".as_ref(), content: content.as_bytes() };
        let entries = Npmrc.entries(&file).unwrap();
        let rest = Npmrc.without(file.content, &entries.iter().collect::<Vec<_>>());
        let shown = entries.iter().map(|PlainEntry { key, value, .. }| {
            format!("{} {} {}", key.service, key.name, String::from_utf8_lossy(value.expose()))
        });
        (shown.collect(), Npmrc.skipped(&file), String::from_utf8_lossy(&rest).into_owned())
    }

    #[test]
    fn tokens_and_passwords_are_found_and_their_lines_taken_out() {
        let (found, skipped, rest) = imported(
            "; x\r\nregistry=https://a/\r\n//a/:_authToken = one\r\n//b/c/:_authToken=\"two\"\n//d/:username=me\n\
             //d/:_password=cHc=\n//e/:_auth=bWU6cHc=\n//f/:_authToken=${NPM_TOKEN}\n//g/:_authToken=\n//h/:_authToken='x'",
        );
        assert_eq!(
            found,
            [
                "npm://a/ token one",
                "npm://b/c/ token two",
                "npm://d/ me cHc=",
                "npm://e/ _auth bWU6cHc=",
                "npm://h/ token x"
            ]
        );
        assert!(skipped.is_empty(), "{skipped:?}");
        assert_eq!(
            rest,
            "; x\r\nregistry=https://a/\r\n//d/:username=me\n//f/:_authToken=${NPM_TOKEN}\n//g/:_authToken=\n"
        );
    }

    #[test]
    fn what_is_not_clear_stays_and_is_named() {
        let content = "_authToken=old\n//a/:_password=x\n//b/:_authToken=1\n//b/:_authToken=2\n//c/:_authToken=a;b\n\
                       [s]\n//d/:_authToken=x\n";
        let (found, skipped, rest) = imported(content);
        assert_eq!(found, ["npm://b/ token 2"]);
        assert_eq!(skipped.len(), 4, "{skipped:?}");
        assert_eq!(rest, content.replace("//b/:_authToken=2\n", ""));
        let (found, skipped, rest) = imported("//b/:_authToken=2\nx=1\n//b/:_authToken=2\n");
        assert_eq!((found.len(), skipped.len(), &*rest), (1, 0, "x=1\n"));
    }
}
