//! The files of gnome-keyring's keyrings, and what they cannot hold.
//!
//! gnome-keyring keeps a keyring without a password as plain text, in the form of GLib's `GKeyFile`. It writes a secret
//! as it is, and reads it back as `GKeyFile` reads a string: a line break ends it, white space before it is skipped, and
//! escapes in it are replaced. A line break can make the whole file unreadable when gnome-keyring starts again, and
//! with it the secrets of every program. On the bus such a keyring is like any other, so we look at its file.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Read,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use super::{daemon::Daemon, fault::Fault, spec::SESSION_COLLECTION, wire::Wire};
use crate::{
    credential::{Key, Secret},
    environment::{Variables, data_directory},
    error::Error,
    executor::{Lane, Purpose},
};

/// How the file of an encrypted keyring begins.
const ENCRYPTED: &[u8] = b"GnomeKeyring\n\r\0\n";
/// How the name of a keyring's file ends.
const EXTENSION: &[u8] = b".keyring";

/// A keyring's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether its secrets are encrypted. If not, it is plain text.
    pub is_encrypted: bool,
}

/// The directories in which gnome-keyring keeps keyrings, if it runs in this environment. The first one that has the
/// keyring's file counts.
pub fn list_directories(variables: &impl Variables) -> Vec<PathBuf> {
    let in_home = |path: &str| Some(variables.directory("HOME")?.join(path));
    let all = [
        data_directory(variables).map(|data| data.join("keyrings")),
        // If XDG_DATA_HOME is set for us, it may still not be set for the daemon.
        in_home(".local/share/keyrings"),
        // Used if it exists and the first one does not.
        in_home(".gnome2/keyrings"),
    ];
    let mut directories: Vec<PathBuf> = all.into_iter().flatten().collect();
    directories.dedup();
    directories
}

/// Finds the file of a collection, if the service keeps collections in such files. `directories` are those of our own
/// environment.
///
/// Returns `None` if there is no such file or we cannot read it: a collection in memory has no file, and in a sandbox
/// or a container the files of the host cannot be seen.
pub async fn find(
    wire: &Wire,
    collection: &str,
    directories: &[PathBuf],
) -> Result<Option<KeyringFile>, Fault> {
    let Some(name) = read_file_name(collection) else { return Ok(None) };
    find_in(wire, directories, move |directory| Some(directory.join(&name))).await
}

/// Finds the file that gnome-keyring has chosen as the default collection, whether or not it can read the file.
pub async fn find_default(wire: &Wire, directories: &[PathBuf]) -> Result<Option<KeyringFile>, Fault> {
    let read_choice = |directory: &Path| {
        let mut name = fs::read(directory.join("default")).ok()?.trim_ascii().to_owned();
        name.extend_from_slice(EXTENSION);
        Some(directory.join(OsString::from_vec(name)))
    };
    find_in(wire, directories, read_choice).await
}

/// Finds the first file in the daemon's directories, or else in ours.
async fn find_in(
    wire: &Wire,
    directories: &[PathBuf],
    path_in: impl Fn(&Path) -> Option<PathBuf> + Send + 'static,
) -> Result<Option<KeyringFile>, Fault> {
    if !may_have_files(wire).await {
        return Ok(None);
    }
    let process = match wire.bus().find_process(wire.service()).await {
        Err(fault) if fault.is_answer() => None,
        process => process?,
    };
    let directories = directories.to_vec();
    let lane = Lane::for_files(directories.clone(), Purpose::Read);
    let found = lane.run(move || {
        let mut all = process.map(read_directories_of).unwrap_or_default();
        all.extend(directories);
        Ok(all.iter().filter_map(|directory| path_in(directory)).find_map(examine))
    });
    Ok(found.await?)
}

/// Whether the service may be gnome-keyring. Others do not keep collections in such files.
async fn may_have_files(wire: &Wire) -> bool {
    matches!(wire.daemon().await, Daemon::GnomeKeyring | Daemon::Unknown)
}

/// The name of a collection's file. The path of a collection ends with the name without `.keyring`, in which bytes other
/// than letters and digits are written as `_` and two hexadecimal digits. The collection `session` has no file.
fn read_file_name(collection: &str) -> Option<OsString> {
    if collection == SESSION_COLLECTION {
        return None;
    }
    let mut bytes = collection.rsplit('/').next()?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        name.push(match byte {
            b'_' => (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8,
            byte => byte,
        });
    }
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        return None;
    }
    name.extend_from_slice(EXTENSION);
    Some(OsString::from_vec(name))
}

/// The directories in which a process keeps keyrings, if it is gnome-keyring. None if we may not read its environment,
/// which the system forbids if the program's file has capabilities.
fn read_directories_of(process: u32) -> Vec<PathBuf> {
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    let variables: HashMap<&[u8], &[u8]> = environment
        .split(|&byte| byte == 0)
        .filter_map(|variable| {
            let at = variable.iter().position(|&byte| byte == b'=')?;
            Some((&variable[..at], &variable[at + 1..]))
        })
        .collect();
    list_directories(&|name: &str| {
        variables.get(name.as_bytes()).map(|value| OsStr::from_bytes(value).to_owned())
    })
}

/// Reads how a keyring's file begins. `None` if it cannot be read.
fn examine(path: PathBuf) -> Option<KeyringFile> {
    let mut start = [0; ENCRYPTED.len()];
    let mut file = open(&path)?;
    let is_encrypted = match file.read_exact(&mut start) {
        Ok(()) => start == ENCRYPTED,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => false,
        Err(_) => return None,
    };
    Some(KeyringFile { path, is_encrypted })
}

fn open(path: &Path) -> Option<File> {
    // To open a pipe would wait for its other end.
    if path.metadata().ok()?.is_file() { File::open(path).ok() } else { None }
}

/// What a plain text keyring would not give back as it is. `None` if it keeps the credential.
pub fn find_loss(key: &Key, value: &Secret) -> Option<&'static str> {
    // Of what can stand in attributes and labels, only this is not escaped.
    if [&key.service, &key.name].into_iter().any(|part| part.starts_with('\x0c')) {
        return Some("its service or name begins with a form feed");
    }
    let value = value.expose();
    let loss = if value.contains(&b'\n') {
        "its value has a line break"
    } else if value.first().is_some_and(is_space) || value.last().is_some_and(is_space) {
        // Version 42 keeps some white space at the end. We do not rely on it.
        "its value begins or ends with white space"
    } else if has_escape(value) {
        "its value has a backslash that is read as an escape"
    } else {
        return None;
    };
    // A value that is no text is written in hexadecimal digits, as is one with a NUL.
    let is_written_as_text = !value.contains(&0) && str::from_utf8(value).is_ok();
    is_written_as_text.then_some(loss)
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c' | b'\r')
}

/// Whether `GKeyFile` reads something in the value as an escape. It leaves unknown escapes as they are.
fn has_escape(value: &[u8]) -> bool {
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' && matches!(bytes.next(), None | Some(b's' | b'n' | b't' | b'r' | b'\\')) {
            return true;
        }
    }
    false
}

/// Refuses a credential that would harm the collection that it would go to.
pub async fn check(wire: &Wire, directories: &[PathBuf], key: &Key, value: &Secret) -> Result<(), Fault> {
    // Most values end here, without a message or a file.
    let Some(loss) = find_loss(key, value) else { return Ok(()) };
    if !may_have_files(wire).await {
        return Ok(());
    }
    let Some(collection) = wire.read_default_collection().await? else { return Ok(()) };
    // If the file cannot be seen, we go on: most keyrings have a password, and in a sandbox nobody could store a key
    // of several lines any more.
    match find(wire, &collection, directories).await? {
        Some(KeyringFile { path, is_encrypted: false }) => Err(Error::TextKeyring { path, loss }.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(value: &[u8]) -> Option<&'static str> {
        let key = Key { service: "service".into(), name: "name".into() };
        find_loss(&key, &Secret::new(value.to_vec()))
    }

    #[test]
    fn values_that_a_text_keyring_changes_are_recognized() {
        for value in [
            "\n", "a\nb", "a\n", "\na", " a", "\ta", "\ra", "\x0ca", " ", "a\r", "a ", "a\t", "\\n", "a\\sb",
            "a\\tb", "\\r", "\\\\", "\\p\\n", "a\\",
        ] {
            assert!(loss(value.as_bytes()).is_some(), "{value:?}");
        }
    }

    #[test]
    fn values_that_a_text_keyring_keeps_are_stored() {
        for value in
            ["a", "a b\tc", "a\rb", "a\x0cb", "C:\\path", "a\\é", "[a]", "#a", "a=b", "\u{a0}", "\x01\x7f"]
        {
            assert_eq!(loss(value.as_bytes()), None, "{value:?}");
        }
        assert_eq!(loss(b"\xff\na "), None);
        assert_eq!(loss(b" a\0\n"), None);
    }

    #[test]
    fn the_name_of_the_file_is_read_from_the_path_of_the_collection() {
        let name = |last: &str| read_file_name(&format!("/org/freedesktop/secrets/collection/{last}"));
        assert_eq!(name("login").unwrap(), "login.keyring");
        assert_eq!(name("My_20a_5fb").unwrap(), "My a_b.keyring");
        assert_eq!(name("_c3_9cn_c3_af").unwrap(), "Ünï.keyring");
        for none in ["session", "", "a_2fb", "_00", "a_", "a_x0"] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    #[test]
    fn the_directories_are_those_of_the_environment() {
        let directories = |variables: &[(&str, &str)]| {
            let variables: HashMap<_, _> = variables.iter().copied().collect();
            list_directories(&|name: &str| variables.get(name).map(OsString::from))
        };
        let of_home = ["/h/.local/share/keyrings", "/h/.gnome2/keyrings"].map(PathBuf::from);
        assert_eq!(directories(&[("HOME", "/h")]), of_home);
        let all = directories(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]);
        assert_eq!(all[0], Path::new("/d/keyrings"));
        assert_eq!(all[1..], of_home);
        assert!(directories(&[]).is_empty() && directories(&[("HOME", "h")]).is_empty());
    }
}
