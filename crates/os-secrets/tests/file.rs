//! The encrypted file store: what it does with files that are damaged, foreign, replaced or shared.

#[cfg(unix)]
use os_secrets::store::file::parse_recipient;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
#[cfg(unix)]
use std::{
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Stdio},
};

use age::{secrecy::ExposeSecret, x25519};
use os_secrets::{
    bounds::Bounds,
    credential::{Key, Secret},
    error::{Code, Effect, Error},
    file::{LockedDirectory, check_private, make_directory},
    progress::Progress,
    store::{
        SetOptions, Store,
        file::{Defaults, FileOptions, FileStore, keys::Unlock},
        settings_file::SettingsFile,
    },
};

/// A folder that only we can use, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("os-secrets-file-{:016x}", getrandom::u64().unwrap()));
        make_directory(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("secrets.age")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn key(name: &str) -> Key {
    Key { service: "service".into(), name: name.into() }
}

fn store(path: &Path, unlock: Unlock) -> FileStore {
    let options = FileOptions { path: Some(path.into()), unlock: Some(unlock), ..FileOptions::default() };
    FileStore::new(options, Defaults::read(&|_: &str| None, &SettingsFile::none()))
}

fn text_of(identity: &x25519::Identity) -> Unlock {
    Unlock::Identity(secret(identity.to_string().expose_secret()))
}

async fn get(store: &FileStore, name: &str) -> Result<Option<Secret>, Error> {
    store.get(&key(name), &Progress::reading(true)).await
}

async fn set(store: &FileStore, name: &str, value: &str) -> Result<(), Error> {
    store.set(&key(name), &secret(value), SetOptions::default(), &Progress::changing(true)).await
}

/// Has the program age encrypt a text.
#[cfg(unix)]
fn encrypt(text: &str, path: &Path, args: &[&str]) {
    let mut age = Command::new("age");
    let mut child = age.args(args).arg("--output").arg(path).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_damaged_file_never_gives_a_value() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    for value in ["before", "value"] {
        set(&store(&folder.file(), text_of(&identity)), "name", value).await.unwrap();
    }
    let whole = fs::read(folder.file()).unwrap();
    let read = async |bytes: &[u8]| {
        fs::write(folder.file(), bytes).unwrap();
        let store = store(&folder.file(), text_of(&identity));
        let read = get(&store, "name").await;
        // What cannot be read is not written over.
        if read.is_err() {
            assert!(set(&store, "name", "other").await.is_err());
            assert_eq!(fs::read(folder.file()).unwrap(), bytes);
        }
        read
    };
    for at in 0..whole.len() {
        // Looking who may read a file takes its time there; one bit of each byte will do.
        for bit in if cfg!(windows) { at % 8..at % 8 + 1 } else { 0..8 } {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let error = read(&flipped).await.expect_err("a changed file is opened");
            let codes = [Code::InvalidData, Code::AuthFailed];
            assert!(codes.contains(&error.code()), "{at} {bit}: {error}");
            let text = error.to_string();
            assert!(text.contains("damaged") || text.contains("newer version"), "{at} {bit}: {text}");
            assert!(
                error.code() == Code::AuthFailed
                    || text.ends_with("secrets.age.backup holds the previous version"),
                "{at} {bit}: {text}"
            );
        }
    }
    for length in 0..whole.len() {
        let error = read(&whole[..length]).await.expect_err("a part of a file is opened");
        assert_eq!(error.code(), Code::InvalidData, "{length}: {error}");
    }
    let longer = [whole.as_slice(), b"\0"].concat();
    assert_eq!(read(&longer).await.unwrap_err().code(), Code::InvalidData);
    assert_eq!(read(&whole).await, Ok(Some(secret("value"))));
}

#[tokio::test]
#[cfg(unix)]
async fn errors_tell_what_is_wrong() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let own = identity.to_public().to_string();
    let said = async |make: &dyn Fn(&Path)| {
        let _ = fs::remove_file(folder.file());
        make(&folder.file());
        let store = store(&folder.file(), text_of(&identity));
        let error = get(&store, "name").await.unwrap_err();
        (error.code(), error.to_string())
    };
    let put = |bytes: &'static [u8]| {
        move |path: &Path| {
            fs::write(path, bytes).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    };
    let encrypted = |text: &'static str| {
        let own = own.clone();
        move |path: &Path| encrypt(text, path, &["--recipient", &own])
    };
    let other = x25519::Identity::generate().to_public().to_string();
    for (make, code, word) in [
        (&put(b"") as &dyn Fn(&Path), "INVALID_DATA", "is empty"),
        (&put(b"{}"), "INVALID_DATA", "not a file encrypted with age"),
        (&put(b"age-encryption.org/v2\n-> x\n\n--- y\n0123456789abcdef"), "INVALID_DATA", "newer version"),
        (&put(b"age-encryption.org/v1\n-> X25519 x\n"), "INVALID_DATA", "is truncated"),
        (&put(b"-----BEGIN AGE ENCRYPTED FILE-----\nAAA"), "INVALID_DATA", "is damaged"),
        (&|path| encrypt("{}", path, &["--recipient", &other]), "AUTH_FAILED", "other recipients"),
        (&encrypted("no JSON"), "INVALID_DATA", "is not valid JSON at line 1"),
        (&encrypted("{}"), "INVALID_DATA", "holds no store of os-secrets"),
        (&encrypted(r#"{"version": 2}"#), "INVALID_DATA", "version that this os-secrets does not know"),
        (
            &encrypted(r#"{"version": 1, "credentials": []}"#),
            "INVALID_DATA",
            "something that is not an object",
        ),
        (
            &encrypted(r#"{"version": 1, "credentials": {"": {}}}"#),
            "INVALID_DATA",
            "service that is not valid",
        ),
        (&encrypted(r#"{"version": 1, "credentials": {"a": {"b": 1}}}"#), "INVALID_DATA", "neither a text"),
        (
            &encrypted(r#"{"version": 1, "credentials": {"a": {"b": {"base64": "?"}}}}"#),
            "INVALID_DATA",
            "neither",
        ),
        (&|path| fs::create_dir(path).unwrap(), "PLATFORM_ERROR", "directory"),
    ] {
        let (told, message) = said(make).await;
        let before = fs::read(folder.file()).ok();
        let written = set(&store(&folder.file(), text_of(&identity)), "name", "other").await;
        assert!(written.is_err() && fs::read(folder.file()).ok() == before, "{message}: it is written");
        assert_eq!(told.as_str(), format!("ERR_SECRETS_{code}"), "{message}");
        assert!(message.contains(word) && message.contains("secrets.age"), "{message}");
        let _ = fs::remove_dir(folder.file());
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
#[cfg(unix)]
async fn a_file_that_others_can_read_is_read_and_not_written() {
    let folder = Folder::new();
    let file = folder.file();
    let identity = x25519::Identity::generate();
    set(&store(&file, text_of(&identity)), "name", "value").await.unwrap();
    assert_eq!((mode(&file), mode(&folder.0)), (0o600, 0o700));
    let refused = async || {
        let store = store(&file, text_of(&identity));
        assert_eq!(get(&store, "name").await, Ok(Some(secret("value"))));
        assert_eq!(store.delete(&key("none"), &Progress::changing(true)).await, Ok(false));
        let error = set(&store, "name", "other").await.unwrap_err();
        let told = store.diagnose().await.unwrap();
        assert_eq!((told.credentials, told.unwritable), (Ok(1), Some(error.clone())));
        error
    };
    // A directory of others is not to be closed to them.
    let foreign = folder.0.join("foreign");
    fs::write(&foreign, "").unwrap();
    set_mode(&folder.0, 0o755);
    assert!(refused().await.to_string().ends_with("a directory of its own (mkdir -m 700 …)"));
    fs::remove_file(&foreign).unwrap();
    set_mode(&folder.0, 0o700);
    for (path, wrong, right, fix) in [
        (&file, 0o640, 0o600, "chmod 600"),
        (&file, 0o604, 0o600, "chmod 600"),
        (&folder.0, 0o755, 0o700, "chmod 700"),
    ] {
        set_mode(path, wrong);
        let told = refused().await;
        assert_eq!(told.code(), Code::AccessDenied);
        assert!(told.to_string().contains(&format!("{fix} {}", path.display())), "{told}");
        set_mode(path, right);
    }
    let moved = folder.0.join("moved");
    fs::rename(&file, &moved).unwrap();
    symlink("moved", &file).unwrap();
    let told = refused().await.to_string();
    assert!(told.contains("through which os-secrets does not write. Name what it leads to: /"), "{told}");
    fs::remove_file(&file).unwrap();
    fs::rename(&moved, &file).unwrap();
    let elsewhere = Folder::new();
    let link = elsewhere.0.join("link");
    symlink(&folder.0, &link).unwrap();
    let linked = store(&link.join("secrets.age"), text_of(&identity));
    assert_eq!(get(&linked, "name").await, Ok(Some(secret("value"))));
    assert!(set(&linked, "name", "other").await.unwrap_err().to_string().contains("symbolic link"));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[tokio::test]
#[cfg(unix)]
async fn a_file_that_others_could_have_written_is_not_read() {
    let folder = Folder::new();
    let file = folder.file();
    let identity = x25519::Identity::generate();
    set(&store(&file, text_of(&identity)), "name", "value").await.unwrap();
    let refused = async || {
        let store = store(&file, text_of(&identity));
        let error = get(&store, "name").await.unwrap_err();
        assert_eq!(error.code(), Code::AccessDenied);
        assert_eq!(set(&store, "name", "other").await.unwrap_err(), error);
        error.to_string()
    };
    for (path, wrong, right) in [(&file, 0o602, 0o600), (&folder.0, 0o777, 0o700)] {
        set_mode(path, wrong);
        let told = refused().await;
        assert!(told.ends_with(&format!("Run: chmod go-w {}", path.display())), "{told}");
        set_mode(path, right);
    }
    // Its absence says nothing either if others could have removed it.
    let moved = folder.0.join("moved");
    fs::rename(&file, &moved).unwrap();
    set_mode(&folder.0, 0o777);
    refused().await;
    set_mode(&folder.0, 0o700);
    fs::rename(&moved, &file).unwrap();
    // Only root can give files to another user.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(12345), None).unwrap();
        let told = refused().await;
        assert!(told.contains("belongs to the user 12345") && told.contains("as that user"), "{told}");
    }
}

#[tokio::test]
#[cfg(unix)]
async fn a_file_in_a_working_tree_of_git_keeps_its_mode() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let tree = folder.0.join("tree");
    fs::create_dir_all(tree.join(".git")).unwrap();
    fs::create_dir_all(tree.join("ci")).unwrap();
    set_mode(&tree, 0o755);
    set_mode(&tree.join("ci"), 0o755);
    let file = tree.join("ci").join("secrets.age");
    set(&store(&file, text_of(&identity)), "name", "one").await.unwrap();
    assert_eq!(mode(&file), 0o600);
    for wanted in [0o644, 0o600, 0o640] {
        set_mode(&file, wanted);
        set(&store(&file, text_of(&identity)), "name", &wanted.to_string()).await.unwrap();
        assert_eq!(
            get(&store(&file, text_of(&identity)), "name").await,
            Ok(Some(secret(&wanted.to_string())))
        );
        assert_eq!((mode(&file), mode(&tree.join("ci"))), (wanted, 0o755));
    }
    set_mode(&file, 0o646);
    assert!(set(&store(&file, text_of(&identity)), "name", "two").await.is_err());
    set_mode(&file, 0o644);
    // A repository that others can write makes no working tree of ours.
    set_mode(&tree.join(".git"), 0o777);
    assert!(set(&store(&file, text_of(&identity)), "name", "two").await.is_err());
}

#[tokio::test]
async fn a_file_that_was_replaced_is_read_again() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let (ours, others) =
        (store(&folder.file(), text_of(&identity)), store(&folder.file(), text_of(&identity)));
    set(&ours, "name", "one").await.unwrap();
    assert_eq!(get(&ours, "name").await, Ok(Some(secret("one"))));
    let before = fs::metadata(folder.file()).unwrap();
    set(&others, "name", "two").await.unwrap();
    // A clock that was set back makes it look older; the very time of before makes it look the same.
    for time in [before.modified().unwrap() - Duration::from_secs(3600), before.modified().unwrap()] {
        fs::File::options().write(true).open(folder.file()).unwrap().set_modified(time).unwrap();
        assert_eq!(get(&ours, "name").await, Ok(Some(secret("two"))));
    }
    // In place, with everything the same but the bytes.
    let (length, time) = (before.len(), before.modified().unwrap());
    let one = fs::read(folder.0.join("secrets.age.backup")).unwrap();
    assert_eq!(one.len() as u64, length);
    fs::write(folder.file(), &one).unwrap();
    fs::File::options().write(true).open(folder.file()).unwrap().set_modified(time).unwrap();
    assert_eq!(get(&ours, "name").await, Ok(Some(secret("one"))));
    // Gone is gone, and none of it is remembered.
    fs::remove_file(folder.0.join("secrets.age.backup")).unwrap();
    fs::remove_file(folder.file()).unwrap();
    assert_eq!(get(&ours, "name").await, Ok(None));
}

#[tokio::test]
async fn the_version_before_is_kept() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let store = store(&folder.file(), text_of(&identity));
    let backup = folder.0.join("secrets.age.backup");
    set(&store, "name", "one").await.unwrap();
    assert!(!backup.exists());
    let first = fs::read(folder.file()).unwrap();
    set(&store, "name", "two").await.unwrap();
    assert_eq!(fs::read(&backup).unwrap(), first);
    // The version before a damaged one stays, and the error names it.
    fs::write(folder.file(), "damaged").unwrap();
    let error = set(&store, "name", "three").await.unwrap_err();
    assert!(error.to_string().contains("secrets.age.backup holds the previous version"), "{error}");
    assert_eq!(fs::read(&backup).unwrap(), first);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "temporary files are left");
}

#[tokio::test]
#[cfg(unix)]
async fn files_that_age_has_made_are_read_and_kept_as_they_are() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let own = identity.to_public().to_string();
    let payload = r#"{
      "version": 1,
      "comment": "by hand",
      "credentials": {
        "service": { "name": "value", "bytes": { "base64": "AP8B" }, "\u00e9": "e" }
      }
    }"#;
    for armor in [false, true] {
        let mut args = vec!["--recipient", &own];
        args.extend(armor.then_some("--armor"));
        encrypt(payload, &folder.file(), &args);
        let store = store(&folder.file(), text_of(&identity));
        assert_eq!(get(&store, "name").await, Ok(Some(secret("value"))));
        assert_eq!(get(&store, "é").await, Ok(Some(secret("e"))));
        assert_eq!(get(&store, "bytes").await, Ok(Some(Secret::new(vec![0, 255, 1]))));
        set(&store, "new", "one").await.unwrap();
        assert_eq!(get(&store, "new").await, Ok(Some(secret("one"))));
        set(&store, "bytes", "text now").await.unwrap();
        assert_eq!(get(&store, "bytes").await, Ok(Some(secret("text now"))));
        assert_eq!(fs::read(folder.file()).unwrap().starts_with(b"-----BEGIN AGE"), armor);
        let key_file = folder.0.join("key");
        fs::write(&key_file, identity.to_string().expose_secret()).unwrap();
        let shown =
            Command::new("age").arg("-d").arg("-i").arg(&key_file).arg(folder.file()).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("\"comment\": \"by hand\"") && shown.contains(&own), "{shown}");
    }
}

#[tokio::test]
#[cfg(unix)]
async fn of_members_of_one_name_the_last_counts() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let payload = r#"{
      "version": 1,
      "credentials": { "none": {} },
      "credentials": {
        "service": { "first": "1" },
        "service": { "name": "old", "second": "2", "name": "new" }
      }
    }"#;
    encrypt(payload, &folder.file(), &["--recipient", &identity.to_public().to_string()]);
    let store = store(&folder.file(), text_of(&identity));
    let names = async || {
        let listed = store.list(None, &Progress::reading(true)).await.unwrap();
        listed.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["name", "second"]);
    assert_eq!(get(&store, "name").await, Ok(Some(secret("new"))));
    assert_eq!(store.delete(&key("first"), &Progress::changing(true)).await, Ok(false));
    // What counted for nothing does not stay behind.
    set(&store, "name", "newer").await.unwrap();
    let key_file = folder.0.join("key");
    fs::write(&key_file, identity.to_string().expose_secret()).unwrap();
    let shown = Command::new("age").arg("-d").arg("-i").arg(&key_file).arg(folder.file()).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("newer") && !shown.contains("old"), "{shown}");
    assert_eq!(store.delete(&key("name"), &Progress::changing(true)).await, Ok(true));
    assert_eq!(get(&store, "name").await, Ok(None));
    assert_eq!(names().await, ["second"]);
}

#[tokio::test]
#[cfg(unix)]
async fn a_file_for_somebody_unknown_is_not_written_and_the_advice_is_a_copy() {
    let folder = Folder::new();
    let [alice, bob, hidden] = [(); 3].map(|()| x25519::Identity::generate());
    let [a, b, h] = [&alice, &bob, &hidden].map(|identity| identity.to_public().to_string());
    let to_bob = || vec![parse_recipient(&b).unwrap()];
    let alices = || store(&folder.file(), text_of(&alice));
    for (listed, recipients, lacks) in [
        // A hidden recipient, or one of the others twice.
        (format!(r#""{a}","{b}""#), [&a, &b, &h], true),
        (format!(r#""{a}","{b}""#), [&a, &b, &b], true),
        (r#""ssh-ed25519 AAAA me@host""#.to_owned(), [&a, &b, &h], false),
        (r#""nonsense""#.to_owned(), [&a, &b, &h], false),
    ] {
        let payload = format!(r#"{{"version":1,"recipients":[{listed}]}}"#);
        encrypt(&payload, &folder.file(), &recipients.map(|recipient| ["--recipient", recipient]).concat());
        let store = alices();
        let refused = set(&store, "name", "value").await.unwrap_err().to_string();
        let told = store.diagnose().await.unwrap();
        assert_eq!(told.lacks_recipients, lacks, "{refused}");
        let error = store.rekey(to_bob(), vec![]).await.unwrap_err().to_string();
        if lacks {
            for text in [refused, error] {
                assert!(
                    text.contains("if you do not know them, copy its secrets")
                        && text.contains("copy --from"),
                    "{text}"
                );
            }
        }
    }
    assert_eq!(alices().recipient_count(), 0);
    encrypt(r#"{"version":1}"#, &folder.file(), &["--recipient", &a]);
    let store = alices();
    store.rekey(to_bob(), vec![]).await.unwrap();
    set(&store, "name", "value").await.unwrap();
    assert_eq!(store.recipient_count(), 2);
}

#[tokio::test]
#[cfg(unix)]
async fn who_can_read_a_file_still_can_when_it_is_written() {
    let folder = Folder::new();
    let [alice, bob, carol] = [(); 3].map(|()| x25519::Identity::generate());
    let public = |identity: &x25519::Identity| identity.to_public().to_string();
    let (a, b) = (public(&alice), public(&bob));
    // A file that does not list its recipients is not written: one of them would be lost.
    encrypt(r#"{"version":1}"#, &folder.file(), &["--recipient", &a, "--recipient", &b]);
    let of = |identity: &x25519::Identity| store(&folder.file(), text_of(identity));
    assert_eq!(get(&of(&alice), "name").await, Ok(None));
    let error = set(&of(&alice), "name", "value").await.unwrap_err();
    assert!(error.to_string().contains("does not list 1 of them"), "{error}");
    let told = of(&alice).diagnose().await.unwrap();
    assert_eq!((told.credentials, told.unwritable), (Ok(0), Some(error)));
    // Named, and nobody else with them, they are listed from then on.
    let to = |identity: &x25519::Identity| parse_recipient(&public(identity)).unwrap();
    assert!(of(&alice).rekey(vec![], vec![]).await.is_err());
    assert!(of(&alice).rekey(vec![to(&bob), to(&carol)], vec![]).await.is_err());
    of(&alice).rekey(vec![to(&bob)], vec![]).await.unwrap();
    set(&of(&bob), "name", "value").await.unwrap();
    assert_eq!(get(&of(&alice), "name").await, Ok(Some(secret("value"))));
    assert_eq!(get(&of(&carol), "name").await.unwrap_err().code(), Code::AuthFailed);
    let listed = of(&alice).rekey(vec![to(&carol)], vec![to(&bob)]).await.unwrap();
    assert_eq!(listed, [public(&alice), public(&carol)]);
    assert_eq!(get(&of(&carol), "name").await, Ok(Some(secret("value"))));
    assert_eq!(get(&of(&bob), "name").await.unwrap_err().code(), Code::AuthFailed);
    assert!(of(&alice).rekey(vec![], vec![to(&alice)]).await.is_err(), "it would lock itself out");
    assert!(of(&alice).rekey(vec![], vec![to(&bob)]).await.is_err(), "bob is none of them");
    // What changes nothing writes nothing.
    let before = fs::read(folder.file()).unwrap();
    assert_eq!(of(&alice).rekey(vec![to(&carol)], vec![]).await.unwrap(), listed);
    assert_eq!(fs::read(folder.file()).unwrap(), before);
}

#[tokio::test]
#[cfg(unix)]
async fn no_copy_beside_the_file_can_be_opened_by_a_removed_recipient() {
    let folder = Folder::new();
    let [alice, bob] = [(); 2].map(|()| x25519::Identity::generate());
    let of = |identity: &x25519::Identity| store(&folder.file(), text_of(identity));
    let to = |identity: &x25519::Identity| parse_recipient(&identity.to_public().to_string()).unwrap();
    set(&of(&alice), "name", "value").await.unwrap();
    of(&alice).rekey(vec![to(&bob)], vec![]).await.unwrap();
    for value in ["one", "two"] {
        set(&of(&alice), "name", value).await.unwrap();
    }
    let backup = folder.0.join("secrets.age.backup");
    assert_eq!(get(&store(&backup, text_of(&bob)), "name").await, Ok(Some(secret("one"))));
    // Killed writers leave these.
    for left in [".secrets.age.os-secrets.tmp", ".secrets.age.os-secrets.backup"] {
        fs::copy(&backup, folder.0.join(left)).unwrap();
    }
    of(&alice).rekey(vec![], vec![to(&bob)]).await.unwrap();
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["secrets.age"]);
    set(&of(&alice), "name", "three").await.unwrap();
    assert_eq!(names(), ["secrets.age", "secrets.age.backup"]);
    for name in names() {
        let path = folder.0.join(name);
        assert_eq!(get(&store(&path, text_of(&bob)), "name").await.unwrap_err().code(), Code::AuthFailed);
        assert!(get(&store(&path, text_of(&alice)), "name").await.unwrap().is_some());
    }
    // If the backup cannot be removed, the recipients stay as they are.
    fs::remove_file(&backup).unwrap();
    fs::create_dir(&backup).unwrap();
    of(&alice).rekey(vec![to(&bob)], vec![]).await.unwrap_err();
    fs::remove_dir(&backup).unwrap();
    of(&alice).rekey(vec![to(&bob)], vec![]).await.unwrap();
    fs::remove_file(&backup).unwrap();
    fs::create_dir(&backup).unwrap();
    let error = of(&alice).rekey(vec![], vec![to(&bob)]).await.unwrap_err().to_string();
    assert!(
        error.contains("secrets.age.backup, which removed recipients can read, cannot be removed"),
        "{error}"
    );
    assert_eq!(get(&of(&bob), "name").await, Ok(Some(secret("three"))));
}

#[tokio::test]
async fn a_passphrase_is_worked_out_once() {
    let folder = Folder::new();
    let open = || store(&folder.file(), Unlock::Passphrase(secret("correct horse")));
    let header = |file: &[u8]| {
        let mac = file.windows(5).position(|part| part == b"\n--- ").unwrap();
        let end = mac + 1 + file[mac + 1..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        (file[..end].to_vec(), file[end..end + 16].to_vec())
    };
    let store = open();
    set(&store, "a", "one").await.unwrap();
    let first = header(&fs::read(folder.file()).unwrap());
    set(&store, "a", "two").await.unwrap();
    let second = header(&fs::read(folder.file()).unwrap());
    // The header stays, for the key in it was worked out; the nonce makes the payload's another.
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
    assert_eq!(get(&open(), "a").await, Ok(Some(secret("two"))));
    let wrong = self::store(&folder.file(), Unlock::Passphrase(secret("wrong")));
    assert_eq!(get(&wrong, "a").await.unwrap_err().code(), Code::AuthFailed);
    let identity = self::store(&folder.file(), text_of(&x25519::Identity::generate()));
    let error = get(&identity, "a").await.unwrap_err();
    assert!(error.to_string().contains("locked with a passphrase"), "{error}");
    assert!(store.rekey(vec![], vec![]).await.unwrap_err().to_string().contains("passphrase"));
}

#[tokio::test]
async fn who_gives_up_learns_whether_it_was_too_late() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let store = Arc::new(store(&folder.file(), text_of(&identity)));
    set(&store, "name", "one").await.unwrap();
    let other = LockedDirectory::lock(&folder.file()).unwrap();
    let progress = Progress::changing(true);
    let bounds = Bounds { timeout: Some(Duration::from_millis(50)), ..Bounds::default() };
    let (name, value) = (key("name"), secret("two"));
    let outcome = bounds.run(&progress, store.set(&name, &value, SetOptions::default(), &progress)).await;
    let Err(Error::Timeout { effect, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(effect, Effect::NotDone);
    // Readers do not wait for writers.
    assert_eq!(get(&store, "name").await, Ok(Some(secret("one"))));
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { set(&store, "other", "three").await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(other);
    waiting.await.unwrap().unwrap();
    // What was given up was not done later.
    assert_eq!(get(&store, "name").await, Ok(Some(secret("one"))));
    assert_eq!(get(&store, "other").await, Ok(Some(secret("three"))));
}

#[tokio::test]
async fn what_is_said_of_a_change_that_was_given_up_is_true() {
    const MAX_LENGTH: usize = 4_000_000;
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let store = store(&folder.file(), text_of(&identity));
    let (mut not_done, mut unknown) = (0, 0);
    // A change that was made in time is followed by a larger one, until one was given up while it was being made. How
    // long that takes depends on the machine.
    let mut length = 20_000;
    for round in 0..2000 {
        if unknown > 0 && round >= 25 {
            break;
        }
        let (name, value) = (key("name"), secret(&format!("{round} {}", "x".repeat(length))));
        let progress = Progress::changing(true);
        let timeout = Duration::from_micros(100 * round + 1);
        let bounds = Bounds { timeout: Some(timeout), ..Bounds::default() };
        let outcome = bounds.run(&progress, store.set(&name, &value, SetOptions::default(), &progress)).await;
        // The next change comes after this one, so that it is known what came of it.
        set(&store, "after", &round.to_string()).await.unwrap();
        let is_there = get(&store, "name").await.unwrap().as_ref() == Some(&value);
        match outcome {
            Ok(()) => {
                assert!(is_there);
                length = (length * 2).min(MAX_LENGTH);
            }
            Err(Error::Timeout { effect: Effect::NotDone, .. }) => {
                not_done += 1;
                assert!(!is_there, "it was done all the same");
            }
            Err(Error::Timeout { effect: Effect::Unknown, .. }) => unknown += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(unknown > 0, "none was too late; {not_done} were not");
}

#[tokio::test]
async fn many_changes_at_once_are_all_made() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    let store = Arc::new(store(&folder.file(), text_of(&identity)));
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..1000 {
        let store = Arc::clone(&store);
        calls.spawn(async move { set(&store, &format!("name {index}"), &format!("value {index}")).await });
    }
    for outcome in calls.join_all().await {
        outcome.unwrap();
    }
    let listed = store.list(Some("service"), &Progress::reading(true)).await.unwrap();
    assert_eq!(listed.len(), 1000);
    assert_eq!(get(&store, "name 999").await, Ok(Some(secret("value 999"))));
}

#[tokio::test]
async fn nothing_is_made_before_it_is_needed() {
    let folder = Folder::new();
    let path = folder.0.join("deeper").join("still").join("secrets.age");
    let identity = x25519::Identity::generate();
    let store = store(&path, text_of(&identity));
    let (read, change) = (Progress::reading(true), Progress::changing(true));
    assert_eq!(get(&store, "name").await, Ok(None));
    assert_eq!(store.delete(&key("name"), &change).await, Ok(false));
    assert_eq!(set(&store, "name", "").await, Ok(()));
    assert_eq!(store.list(None, &read).await, Ok(vec![]));
    assert!(!folder.0.join("deeper").exists());
    set(&store, "name", "value").await.unwrap();
    assert!(store.has(&key("name"), &read).await.unwrap());
    let made = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(check_private(path.parent().unwrap(), &made), Ok(()));
}

/// One of them sees a directory that is missing and only a delete to make; the other makes and locks the directory
/// before a set comes to the first.
#[tokio::test]
async fn stores_of_one_file_whose_directory_is_missing_do_not_wait_for_each_other() {
    let folder = Folder::new();
    let identity = x25519::Identity::generate();
    for round in 0..200 {
        let path = folder.0.join(round.to_string()).join("secrets.age");
        let (one, other) = (store(&path, text_of(&identity)), store(&path, text_of(&identity)));
        let change = Progress::changing(true);
        let (name, late) = (key("deleted"), async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            set(&one, "late", "value").await
        });
        let calls = async { tokio::join!(one.delete(&name, &change), set(&other, "name", "value"), late) };
        let outcomes = tokio::time::timeout(Duration::from_secs(10), calls).await;
        let (deleted, set, late) = outcomes.unwrap_or_else(|_| panic!("they wait in round {round}"));
        assert_eq!((deleted, set, late), (Ok(false), Ok(()), Ok(())));
        assert_eq!(get(&one, "name").await, Ok(Some(secret("value"))));
    }
}

#[tokio::test]
async fn a_file_that_is_gone_while_its_backup_is_there_is_not_begun_anew() {
    let (folder, identity) = (Folder::new(), x25519::Identity::generate());
    let (path, backup) = (folder.file(), folder.0.join("secrets.age.backup"));
    let open = || store(&path, text_of(&identity));
    set(&open(), "name", "one").await.unwrap();
    set(&open(), "other", "two").await.unwrap();
    let kept = fs::read(&backup).unwrap();
    fs::remove_file(&path).unwrap();
    let gone = Error::OnlyBackup { path: path.clone(), backup: backup.clone() };
    assert_eq!(set(&open(), "name", "new").await, Err(gone.clone()));
    assert_eq!(get(&open(), "name").await, Err(gone.clone()));
    assert_eq!(open().diagnose().await.unwrap().credentials, Err(gone));
    assert!(!path.exists() && fs::read(&backup).unwrap() == kept);
    // Both ways that the error names work.
    fs::copy(&backup, &path).unwrap();
    assert_eq!(get(&open(), "name").await, Ok(Some(secret("one"))));
    fs::remove_file(&path).unwrap();
    fs::remove_file(&backup).unwrap();
    assert_eq!(set(&open(), "name", "new").await, Ok(()));
}
