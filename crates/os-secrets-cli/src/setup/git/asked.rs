//! Which helpers git asks, told by git itself: it reads the files of the system, of the user and of the repository, and those
//! that they include.

use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::{Files, PLAIN_HELPER, active, is_ours, parse};
use crate::{
    child::withhold_keys,
    context::Context,
    setup::{file::ClientFile, own_program::find_in_path},
};
use os_secrets::printable::printable_path;

/// A helper in a configuration.
struct Entry {
    /// Where it is set, such as `file:/etc/gitconfig`.
    origin: String,
    /// Whether it is set for the system or the user, and not for one repository or command.
    is_of_user: bool,
    /// The URL for which it is asked. `None` if for all.
    url: Option<String>,
    /// The helper. Empty if it resets the helpers before it.
    helper: Zeroizing<String>,
}

/// What the user must know about the helpers that git does not ask any more.
pub fn describe_former(context: &Context) -> Vec<String> {
    let entries = read_entries(context);
    describe_before(split_entries(&entries).0)
}

/// What the user must know about the helpers that git asks beside us.
pub fn describe_others(context: &Context) -> Vec<String> {
    let entries = read_entries(context);
    describe_after(split_entries(&entries).1)
}

fn read_entries(context: &Context) -> Vec<Entry> {
    ask_git(context).unwrap_or_else(read_files)
}

/// What git says. `None` if there is no git, or if it fails.
fn ask_git(context: &Context) -> Option<Vec<Entry>> {
    let mut command = Command::new(find_in_path("git")?);
    command.args(["config", "--null", "--show-scope", "--show-origin", "--get-regexp"]);
    command.arg(r"^credential\.(.*\.)?helper$").current_dir(&context.directory);
    withhold_keys(&mut command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    // It is 1 if there is no helper at all.
    if !matches!(output.status.code(), Some(0 | 1)) {
        return None;
    }
    let stdout = Zeroizing::new(output.stdout);
    let text = str::from_utf8(&stdout).ok()?;
    let fields: Vec<_> = text.split('\0').collect();
    let entry = |fields: &[&str]| {
        let (key, helper) = fields[2].split_once('\n').unwrap_or((fields[2], ""));
        let url = key.strip_prefix("credential.").and_then(|rest| rest.strip_suffix(".helper"));
        Entry {
            origin: fields[1].into(),
            is_of_user: matches!(fields[0], "system" | "global"),
            url: url.map(str::to_owned),
            helper: Zeroizing::new(helper.to_owned()),
        }
    };
    Some(fields.chunks_exact(3).map(entry).collect())
}

/// What the user's own files say, without those that they include.
fn read_files() -> Vec<Entry> {
    let Ok(files) = Files::of_user() else { return Vec::new() };
    let mut entries = Vec::new();
    for path in &files.0 {
        let Ok(file) = ClientFile::read(path) else { continue };
        let Ok(config) = file.text().map_err(Into::into).and_then(|text| parse(path, text)) else { continue };
        entries.extend(config.helpers().map(|(url, helper)| Entry {
            origin: format!("file:{}", printable_path(path)),
            is_of_user: true,
            url: url.map(str::to_owned),
            helper: Zeroizing::new(helper.to_owned()),
        }));
    }
    entries
}

/// The entries in front of ours that its reset does not reset, and those behind ours.
fn split_entries(entries: &[Entry]) -> (&[Entry], &[Entry]) {
    // Before the change is made, where our block will be.
    let ours = entries.iter().rposition(|entry| entry.url.is_none() && is_ours(&entry.helper));
    let will_be = entries.iter().rposition(|entry| entry.url.is_none() && entry.is_of_user);
    let (before, after) = match (ours, will_be) {
        (Some(ours), _) => (&entries[..ours], &entries[ours + 1..]),
        (None, Some(last)) => entries.split_at(last + 1),
        (None, None) => entries.split_at(0),
    };
    // Our own reset is the last one in front of us.
    let reset =
        before.iter().rposition(|entry| ours.is_some() && entry.url.is_none() && entry.helper.is_empty());
    (&before[..reset.unwrap_or(before.len())], after)
}

fn describe_before(before: &[Entry]) -> Vec<String> {
    let mut notes = Vec::new();
    for entry in active_of(before, None) {
        notes.push(format!("git does not ask {} of {} any more", name(&entry.helper), entry.origin));
    }
    for (url, helpers, _) in helpers_of_urls(before).into_iter().filter(|(_, helpers, _)| !helpers.is_empty())
    {
        notes.push(format!("for {url}, git asks os-secrets instead of {helpers}"));
    }
    if active_of(before, None).any(|entry| program(&entry.helper) == PLAIN_HELPER) {
        notes.push(
            "the passwords that git has kept in plain text stay there until you run secrets import --from git \
             --delete"
                .into(),
        );
    }
    notes
}

fn describe_after(after: &[Entry]) -> Vec<String> {
    let mut notes = Vec::new();
    for entry in active_of(after, None) {
        notes.push(format!("git also asks {} of {}", name(&entry.helper), entry.origin));
    }
    if let Some(reset) = after.iter().find(|entry| entry.url.is_none() && entry.helper.is_empty()) {
        notes.push(format!("{} resets the helpers, so that git does not ask os-secrets there", reset.origin));
    }
    for (url, helpers, replaces) in helpers_of_urls(after) {
        notes.extend(match (helpers.is_empty(), replaces) {
            (true, false) => None,
            (true, true) => Some(format!("for {url}, git asks no helper, as before")),
            (false, true) => Some(format!("for {url}, git asks {helpers} and not os-secrets, as before")),
            (false, false) => Some(format!("for {url}, git also asks {helpers}, as before")),
        });
    }
    notes
}

/// Each URL that has entries of its own, with its helpers, and whether they replace those for all URLs.
fn helpers_of_urls(entries: &[Entry]) -> Vec<(String, String, bool)> {
    let mut urls: Vec<_> = entries.iter().filter_map(|entry| entry.url.as_deref()).collect();
    urls.dedup();
    let describe_url = |url| {
        let helpers: Vec<_> = active_of(entries, Some(url)).map(|entry| name(&entry.helper)).collect();
        let replaces =
            entries.iter().any(|entry| entry.url.as_deref() == Some(url) && entry.helper.is_empty());
        (without_user(url), helpers.join(", "), replaces)
    };
    urls.into_iter().map(describe_url).collect()
}

/// The helpers for a URL, or for all, that no later entry of the same kind resets.
fn active_of<'a>(entries: &'a [Entry], url: Option<&'a str>) -> impl Iterator<Item = &'a Entry> {
    let of_kind: Vec<_> = entries.iter().filter(|entry| entry.url.as_deref() == url).collect();
    let count = active(&of_kind.iter().map(|entry| &**entry.helper).collect::<Vec<_>>()).len();
    let start = of_kind.len() - count;
    of_kind.into_iter().skip(start)
}

/// What a helper is called. The rest of it may hold a secret, such as the text that a shell command prints.
fn name(helper: &str) -> String {
    match helper.strip_prefix('!') {
        Some(_) => "a shell command".into(),
        None => format!("the helper {}", program(helper)),
    }
}

/// The program of a helper, as the helper names it.
fn program(helper: &str) -> &str {
    helper.split_whitespace().next().unwrap_or_default()
}

/// A URL without the user and password that it may have.
fn without_user(url: &str) -> String {
    let Some((protocol, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{protocol}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(origin: &str, url: Option<&str>, helper: &str) -> Entry {
        Entry {
            origin: origin.into(),
            is_of_user: origin != "local",
            url: url.map(str::to_owned),
            helper: Zeroizing::new(helper.to_owned()),
        }
    }

    #[test]
    fn the_helpers_that_are_asked_and_not_asked_are_named() {
        let hub = Some("https://u:p@hub.tld/x");
        let before = [
            entry("system", None, "cache"),
            entry("global", None, "store --file secret"),
            entry("global", hub, ""),
            entry("global", hub, "!echo hunter2"),
        ];
        let local = [entry("local", None, "osxkeychain"), entry("local", Some("https://a.tld"), "b")];
        let ours = [entry("global", None, ""), entry("global", None, "os-secrets")];
        let set_up = |order: [&[Entry]; 4]| {
            let entries: Vec<_> = order
                .iter()
                .flat_map(|part| part.iter())
                .map(|e| entry(&e.origin, e.url.as_deref(), &e.helper))
                .collect();
            let (before, after) = split_entries(&entries);
            [describe_before(before), describe_after(after)].concat()
        };
        let no_longer = [
            "git does not ask the helper cache of system any more",
            "git does not ask the helper store of global any more",
        ];
        let also = [
            "git also asks the helper osxkeychain of local",
            "for https://hub.tld/x, git asks a shell command and not os-secrets, as before",
            "for https://a.tld, git also asks the helper b, as before",
        ];
        let import = "the passwords that git has kept in plain text stay there until you run secrets import --from git \
                      --delete";
        let expected = [&no_longer[..], &[import], &also[..]].concat();
        // As it is before the change, and after it.
        assert_eq!(set_up([&before, &local, &[], &[]]), expected);
        assert_eq!(set_up([&before[..2], &ours, &before[2..], &local]), expected);
        assert_eq!(set_up([&ours, &[], &[], &[]]), [""; 0]);
        let behind = set_up([&before[2..], &ours, &[entry("local", None, "")], &[]]);
        assert_eq!(
            behind,
            [
                "for https://hub.tld/x, git asks os-secrets instead of a shell command",
                "local resets the helpers, so that git does not ask os-secrets there"
            ]
        );
    }
}
