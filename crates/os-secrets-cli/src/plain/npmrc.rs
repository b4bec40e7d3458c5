//! `.npmrc` of npm, pnpm, Yarn 1 and Bun, and pnpm's `auth.ini`: tokens and passwords of registries.
//!
//! A value is stored as it stands in the file, so that `${VARIABLE}` can take its place there: `_password` and `_auth` stay
//! in base64. A value with `${` is a reference already, and no credential.

use std::{ops::Range, path::PathBuf};

use zeroize::Zeroizing;

use super::{NoEntry, PlainEntry, PlainFile, PlainFindings, PlainFormat};
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

    fn find(&self, file: &PlainFile<'_>) -> Result<PlainFindings, Error> {
        let mut findings = PlainFindings::default();
        let readable = without_damaged_lines(file.content, &mut findings);
        let text = str::from_utf8(&readable)
            .map_err(|_| Error::InvalidFile { path: file.path.into(), reason: "is not UTF-8 text".into() })?;
        find_credentials(&settings(text).collect::<Vec<_>>(), &mut findings);
        Ok(findings)
    }
}

/// The content with a comment, or the start of a section, of the same length in place of each line that is not UTF-8. Such
/// a line is refused, unless it is a comment itself: npm replaces its bytes, and reads the others.
fn without_damaged_lines(content: &[u8], findings: &mut PlainFindings) -> Zeroizing<Vec<u8>> {
    let mut readable = Zeroizing::new(Vec::with_capacity(content.len()));
    for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if str::from_utf8(line).is_ok() {
            readable.extend_from_slice(line);
            continue;
        }
        let first = line.trim_ascii_start().first().copied();
        let is_section = first == Some(b'[');
        if !is_section && !matches!(first, Some(b';' | b'#')) {
            let reason = "it is not UTF-8 text, so that npm reads other characters. Correct it";
            findings.leave(format!("line {}", index + 1), NoEntry::refused(reason));
        }
        let length = readable.len() + line.len();
        readable.resize(length, if is_section { b'[' } else { b';' });
        if let (true, Some(end)) = (line.ends_with(b"\n"), readable.last_mut()) {
            *end = b'\n';
        }
    }
    readable
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

/// Adds the credentials of a file. The last of several settings with one key counts.
fn find_credentials(all: &[Setting<'_>], findings: &mut PlainFindings) {
    for (at, setting) in all.iter().enumerate() {
        let (registry, kind) = setting.key.rsplit_once(':').unwrap_or(("", setting.key));
        if !KINDS.contains(&kind) || setting.value.is_empty() || setting.value.contains("${") {
            continue;
        }
        let label = printable(setting.key);
        let is_same = |other: &&Setting<'_>| other.key == setting.key;
        match all[at + 1..].iter().rfind(is_same) {
            None => {
                let others = all[..at].iter().filter(is_same).chain([setting]);
                let entry = read_entry(setting, registry, kind, all, &label);
                findings.add(label, entry.map(|entry| with_equal_lines(entry, others)));
            }
            // It goes with that one.
            Some(counts) if counts.value == setting.value => {}
            Some(_) => findings.leave(
                label,
                NoEntry::skipped(
                    "it is superseded by a later line, which differs. Remove it by hand. Until then, both stay in the file",
                ),
            ),
        }
    }
}

/// An entry that takes all lines of its setting out of the file, or none if one of them has another value.
fn with_equal_lines<'a>(mut entry: PlainEntry, lines: impl Iterator<Item = &'a Setting<'a>>) -> PlainEntry {
    for line in lines {
        if line.value.is_empty() || line.value.contains("${") {
            continue;
        }
        if line.value.as_bytes() != entry.value.expose() {
            entry.cuts.clear();
            break;
        }
        entry.cuts.push(line.line.clone());
    }
    entry
}

/// The entry of a setting that counts, without its lines, or why it is not imported.
fn read_entry(
    setting: &Setting<'_>,
    registry: &str,
    kind: &str,
    all: &[Setting<'_>],
    label: &str,
) -> Result<PlainEntry, NoEntry> {
    if !registry.starts_with("//") {
        return Err(NoEntry::skipped(
            "it names no registry, and npm does not use it. Put //HOST/: in front of it",
        ));
    }
    if setting.value.contains(['\\', '"', '\'', ';', '#'])
        || !setting.value.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(NoEntry::skipped("its value has characters that no token has. Correct it"));
    }
    let name = match kind {
        "_authToken" => TOKEN,
        "_auth" => USER_AND_PASSWORD,
        _ => {
            let user = format!("{registry}:username");
            let user = all.iter().rfind(|other| other.key == user).map(|user| user.value);
            user.filter(|user| !user.is_empty() && !user.contains("${")).ok_or_else(|| {
                NoEntry::Skipped(format!(
                    "the file does not say which user it belongs to. Add {registry}:username",
                    registry = printable(registry)
                ))
            })?
        }
    };
    Ok(PlainEntry {
        label: label.to_owned(),
        key: Key { service: service(registry), name: name.to_owned() },
        value: Secret::new(setting.value.as_bytes().to_vec()),
        cuts: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::UnmovedEntry, *};

    fn find(content: &[u8]) -> PlainFindings {
        Npmrc.find(&PlainFile { path: "x".as_ref(), content }).unwrap()
    }

    /// Each credential as `service name value`, what is skipped, and the rest of the file.
    fn imported(content: &str) -> (Vec<String>, Vec<UnmovedEntry>, String) {
        let PlainFindings { entries, skipped, refused } = find(content.as_bytes());
        assert!(refused.is_empty());
        let rest = Npmrc.without(content.as_bytes(), &entries.iter().collect::<Vec<_>>());
        let shown = entries.iter().map(|PlainEntry { key, value, .. }| {
            format!("{} {} {}", key.service, key.name, String::from_utf8_lossy(value.expose()))
        });
        (shown.collect(), skipped, String::from_utf8_lossy(&rest).into_owned())
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
        let content = "_authToken=old\n//a/:_password=x\n//b/:_authToken=2\n//c/:_authToken=a;b\n\
                       [s]\n//d/:_authToken=x\n";
        let (found, skipped, rest) = imported(content);
        assert_eq!(found, ["npm://b/ token 2"]);
        assert_eq!(skipped.len(), 3, "{skipped:?}");
        assert_eq!(rest, content.replace("//b/:_authToken=2\n", ""));
    }

    #[test]
    fn a_superseded_line_stays_with_the_one_that_counts_and_is_named() {
        let content = "//b/:_authToken=2\n//b/:_authToken=1\n//b/:_authToken=2\n";
        let (found, skipped, rest) = imported(content);
        assert_eq!((found, &*rest), (vec!["npm://b/ token 2".to_owned()], content));
        assert_eq!((skipped.len(), &*skipped[0].name), (1, "//b/:_authToken"));
        assert!(skipped[0].reason.contains("superseded by a later line"));
        // As the user is told to do.
        let (found, skipped, rest) = imported("//b/:_authToken=2\nx=1\n//b/:_authToken=2\n");
        assert_eq!((found.len(), skipped.len(), &*rest), (1, 0, "x=1\n"));
        let (found, skipped, _) = imported("//b/:_authToken=1\n//b/:_authToken=${T}\n");
        assert_eq!((found.len(), skipped.len()), (0, 1));
    }

    #[test]
    fn a_line_that_is_not_text_is_refused_and_hides_no_other() {
        let content = b"; \xff\n//a/:_authToken=\xff\n//b/:_authToken=2\n//c/:_authToken=\xff";
        let found = find(content);
        let names: Vec<_> = found.refused.iter().map(|refused| &*refused.name).collect();
        assert_eq!((found.entries.len(), names), (1, vec!["line 2", "line 4"]));
        let rest = Npmrc.without(content, &[&found.entries[0]]);
        assert_eq!(&*rest, b"; \xff\n//a/:_authToken=\xff\n//c/:_authToken=\xff");
    }
}
