//! Tests with plugins that are scripts of the shell.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::*;

/// Reads the question up to its end.
const READ: &str = r#"while read -r line && [ "$line" != "-> done" ]; do :; done; read -r line"#;
/// Says something, and reads the first line of the answer.
const SAY: &str = r#"say() { printf -- '-> %s\n%s\n' "$1" "$(printf %s "$2" | base64 -w64 | tr -d =)"; read -r answer; read -r body; }"#;
/// 16 bytes in Base64.
const KEY: &str = "QUFBQUFBQUFBQUFBQUFBQQ";

/// A directory with the program `age-plugin-test`, removed with the last holder.
struct PluginDirectory(PathBuf);

impl PluginDirectory {
    /// A directory with a plugin that does this after it has read the question.
    fn new(script: &str) -> Self {
        static COUNT: Mutex<u32> = Mutex::new(0);
        let number = {
            let mut count = COUNT.lock().unwrap();
            *count += 1;
            *count
        };
        let path = env::temp_dir().join(format!("os-secrets-plugins-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let directory = Self(path);
        directory.write_program("age-plugin-test", &format!("#!/bin/sh\n{SAY}\n{READ}\n{script}\n"));
        directory
    }

    fn write_program(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The plugins in it, all of which are trusted.
    fn plugins(&self, user: Option<Arc<dyn PluginUser>>) -> Plugins {
        // The programs that the scripts start are found by the PATH of the process.
        let settings = PluginSettings { path: Some(self.0.clone().into()), trusted: ["test".into()].into() };
        Plugins::new(settings, user)
    }
}

impl Drop for PluginDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unwrap(plugins: &Plugins) -> Result<Option<FileKey>, Error> {
    let stanza = Stanza { tag: "some".into(), args: vec!["arg".into()], body: vec![7; 100] };
    plugins.unwrap("test", &Secret::new(b"AGE-PLUGIN-TEST-1DDJHJ3RWHP0".to_vec()), &[stanza])
}

fn wrap(plugins: &Plugins) -> Result<(Stanza, HashSet<String>), Error> {
    plugins.wrap("test", "age1test1ddjhjjw2aeq", &FileKey::init_with_mut(|key| key.fill(b'A')))
}

/// The reason of an error of the plugin.
fn reason<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Plugin { name, reason }) if name == "test" => reason,
        outcome => panic!("{:?}", outcome.map(drop)),
    }
}

/// Whether a process is gone. One that nobody waits for is a zombie.
#[cfg(target_os = "linux")]
fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
    stat.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

#[test]
#[cfg(target_os = "linux")]
fn a_plugin_that_hangs_is_killed_with_what_it_has_started() {
    let directory = PluginDirectory::new(
        r#"sleep 1000 & echo $! > "$0.child"; echo $$ > "$0.own"; say request-public x; wait"#,
    );
    // The deadline begins anew with the user's answer, when both processes run.
    struct NobodyAnswers;
    impl PluginUser for NobodyAnswers {
        fn show(&self, _: &str, _: &str) {}
        fn ask(&self, _: &str, _: &str) -> Option<Secret> {
            None
        }
    }
    let mut plugins = directory.plugins(Some(Arc::new(NobodyAnswers)));
    plugins.patience = std::time::Duration::from_secs(3);
    let after = plugins.patience;
    assert_eq!(unwrap(&plugins).map(drop), Err(Error::PluginTimeout { name: "test".into(), after }));
    let pid = |name: &str| fs::read_to_string(directory.0.join(name)).unwrap();
    let own = pid("age-plugin-test.own");
    assert!(!Path::new("/proc").join(own.trim()).exists(), "it was not waited for");
    let child = pid("age-plugin-test.child");
    while !is_gone(&child) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn answers_that_break_the_protocol_are_refused_without_being_shown() {
    for (script, expected) in [
        ("exit 0", "it ended before"),
        ("printf -- '-> file-key'", "it ended before"),
        ("exec 1>&-; exec 0<&-; exit 1", "it ended before"),
        ("echo garbage-x", "not of the protocol"),
        ("printf -- '-> file-key 0\\n!garbage-x\\n'", "not of the protocol"),
        ("yes garbage-x", "not of the protocol"),
        ("yes garbage-x | tr -d '\\n'", "not of the protocol"),
        ("printf -- '-> file-key 0\\n'; yes $(printf %064d 0)", "not of the protocol"),
        ("say 'file-key 0' garbage-x; say done", "a key that has not 16 bytes"),
        ("say 'file-key 1' AAAAAAAAAAAAAAAA; say done", "the keys of several files"),
        ("say 'file-key' AAAAAAAAAAAAAAAA; say done", "the keys of several files"),
        ("say 'file-key 0' AAAAAAAAAAAAAAAA; say 'file-key 0' AAAAAAAAAAAAAAAA", "the keys of several files"),
        ("while :; do say msg garbage-x; done", "more than 1000 messages"),
    ] {
        let reason = reason(unwrap(&PluginDirectory::new(script).plugins(None)));
        assert!(reason.contains(expected) && !reason.contains("garbage-x"), "{script}: {reason}");
    }
}

#[test]
fn a_plugin_may_open_nothing() {
    for (script, opens) in [
        ("say done", false),
        ("say grease-1 x; [ \"$answer\" = '-> unsupported' ] || exit 1; say done", false),
        ("say 'file-key 0' AAAAAAAAAAAAAAAA; [ \"$answer\" = '-> ok' ] || exit 1; say done", true),
    ] {
        let outcome = unwrap(&PluginDirectory::new(script).plugins(None));
        assert_eq!(outcome.map(|key| key.is_some()), Ok(opens), "{script}");
    }
}

#[test]
fn the_error_of_a_plugin_is_shown_without_control_characters_and_cut() {
    let directory = PluginDirectory::new(
        r#"say 'error internal' "$(printf '\033[31mwrong PIN\n\r')$(printf %01000d 0)""#,
    );
    let reason = reason(unwrap(&directory.plugins(None)));
    assert!(reason.starts_with(r#"it answered "\u{1b}[31mwrong PIN\n\r0000"#), "{reason}");
    assert!(reason.len() < 600 && !reason.chars().any(char::is_control), "{reason}");
}

/// A user who answers every question with `1234`, and remembers what was shown.
#[derive(Default)]
struct AnsweringUser(Mutex<Vec<String>>);

impl PluginUser for AnsweringUser {
    fn show(&self, program: &str, text: &str) {
        self.0.lock().unwrap().push(format!("{program}: {text}"));
    }

    fn ask(&self, program: &str, text: &str) -> Option<Secret> {
        self.show(program, &format!("{text}?"));
        Some(Secret::new(b"1234".to_vec()))
    }
}

#[test]
fn a_plugin_may_show_messages_and_ask_the_user() {
    let script = format!(
        r#"say msg touch; say request-secret PIN
        [ "$answer" = '-> ok' ] && [ "$body" = MTIzNA ] || {{ say 'error internal' "no PIN"; exit; }}
        say "confirm WWVz" sure; [ "$answer" = '-> fail' ] || exit
        printf -- '-> file-key 0\n{KEY}\n'; read -r line; read -r line; say done"#
    );
    let directory = PluginDirectory::new(&script);
    let user = Arc::new(AnsweringUser::default());
    let shown = || std::mem::take(&mut *user.0.lock().unwrap());
    let plugins = directory.plugins(Some(Arc::clone(&user) as _));
    assert!(matches!(unwrap(&plugins), Ok(Some(_))));
    assert_eq!(shown(), ["age-plugin-test: touch", "age-plugin-test: PIN?"]);
    let reason_silent = reason(unwrap(&plugins.without_asking()));
    assert!(
        reason_silent.contains("no PIN") && reason_silent.contains("`secrets` on a terminal"),
        "{reason_silent}"
    );
    assert_eq!(shown(), ["age-plugin-test: touch"]);
    assert!(reason(unwrap(&directory.plugins(None))).contains("no PIN"));
}

#[test]
fn a_recipient_has_one_stanza_of_a_kind_of_its_own() {
    let stanza = |kind: &str| format!("say 'recipient-stanza 0 {kind} arg' body");
    let outcome = |script: &str| wrap(&PluginDirectory::new(script).plugins(None));
    let (wrapped, labels) = outcome(&format!("say 'labels a b'; {}; say done", stanza("piv-p256"))).unwrap();
    assert_eq!(wrapped, Stanza { tag: "piv-p256".into(), args: vec!["arg".into()], body: b"body".to_vec() });
    assert_eq!(labels, ["a".into(), "b".into()].into());
    for (script, expected) in [
        ("say done".into(), "no stanza"),
        (format!("{0}; {0}", stanza("piv-p256")), "several stanzas"),
        ("say 'labels a'; say labels".into(), "its labels twice"),
        ("say 'recipient-stanza 1 kind' body".into(), "for another file"),
        ("say 'recipient-stanza 0' body".into(), "for another file"),
        (stanza("X25519"), "a kind that is not a plugin's"),
        (stanza("scrypt"), "a kind that is not a plugin's"),
        (stanza("x-grease"), "a kind that is not a plugin's"),
    ] {
        let reason = reason(outcome(&script));
        assert!(reason.contains(expected), "{script}: {reason}");
    }
}

#[test]
fn a_plugin_that_is_not_trusted_is_not_started() {
    let directory = PluginDirectory::new("");
    directory.write_program("age-plugin-test", "#!/bin/sh\ntouch \"$0.started\"\n");
    let mut plugins = directory.plugins(None);
    plugins.settings.trusted.clear();
    assert_eq!(wrap(&plugins).map(drop), Err(Error::UntrustedPlugin { name: "test".into() }));
    assert!(!directory.0.join("age-plugin-test.started").exists());
    assert!(reason(wrap(&plugins.trusting(["test"].into_iter()))).contains("ended before"));
    assert!(directory.0.join("age-plugin-test.started").exists());
}

#[test]
fn a_program_is_looked_for_in_the_absolute_directories_of_the_path_only() {
    let (one, other) = (PluginDirectory::new(""), PluginDirectory::new(""));
    let find = |entries: &[&Path]| find_program(Some(&env::join_paths(entries).unwrap()), "age-plugin-test");
    let current = env::current_dir().unwrap();
    let up = current.components().skip(1).map(|_| "..").collect::<PathBuf>();
    let relative = up.join(one.0.strip_prefix("/").unwrap());
    assert!(relative.join("age-plugin-test").exists());
    assert_eq!(find(&[&relative, Path::new("")]), None);
    let program = |directory: &PluginDirectory| Some(directory.0.join("age-plugin-test"));
    assert_eq!(find(&[&relative, &one.0, &other.0]), program(&one));
    fs::set_permissions(one.0.join("age-plugin-test"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(find(&[&one.0, &other.0]), program(&other));
    assert_eq!(find_program(None, "age-plugin-test"), None);
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let directory = PluginDirectory::new("");
    directory.write_program("age-plugin-test", "#!/no/such/interpreter\n");
    let Err(Error::NoPlugin { name, reason }) = unwrap(&directory.plugins(None)) else { panic!() };
    assert!(name == "test" && reason.contains("the interpreter in its first line"), "{reason}");
}
