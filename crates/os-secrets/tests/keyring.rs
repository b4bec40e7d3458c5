//! The stores as programs see them that use keyring-core. What holds for every store of keyring-core holds for memory, for
//! an encrypted file, and on Linux for a Secret Service.

#[cfg(target_os = "linux")]
mod support;

use std::{
    collections::HashMap,
    fs,
    future::pending,
    sync::{Arc, Mutex},
    thread,
};

use age::secrecy::ExposeSecret;
use keyring_core::{CredentialPersistence, CredentialStore, Entry, Error, api::CredentialStoreApi};
use os_secrets::{
    credential::{Key, Secret},
    error::Code,
    file::make_directory,
    keyring,
    progress::Progress,
    store::{
        Call, Choice, Persist, SetOptions, Store,
        file::{Defaults, FileOptions, FileStore, keys::Unlock},
        memory::MemoryStore,
        settings_file::SettingsFile,
    },
};

/// A store of this crate as one of keyring-core.
fn wrap(store: impl Store + 'static) -> Arc<CredentialStore> {
    keyring::Store::from_choice(Choice::Own(Arc::new(store)))
}

fn entry(store: &Arc<CredentialStore>, service: &str, user: &str) -> Entry {
    Entry::new_in_store(store, service, user).unwrap()
}

fn with_modifiers(store: &Arc<CredentialStore>, modifiers: &[(&str, &str)]) -> Entry {
    let modifiers = modifiers.iter().copied().collect();
    Entry::new_in_store_with_modifiers(store, "service", "user", &modifiers).unwrap()
}

/// What a search finds, in order: services and users.
fn search(store: &Arc<CredentialStore>, spec: &[(&str, &str)]) -> Result<Vec<(String, String)>, Error> {
    let found = Entry::search_in_store(store, &spec.iter().copied().collect())?;
    Ok(found.iter().map(|entry| entry.get_specifiers().unwrap()).collect())
}

/// The code of the error of this crate in one of keyring-core.
fn code_of(error: &Error) -> Code {
    let (Error::NoStorageAccess(inner) | Error::PlatformFailure(inner)) = error else { panic!("{error:?}") };
    inner.downcast_ref::<os_secrets::error::Error>().unwrap().code()
}

/// Checks what holds for every store of keyring-core.
fn check_store(store: &Arc<CredentialStore>) {
    check_secrets(store);
    check_entries(store);
    check_search(store);
    check_threads(store);
}

fn check_secrets(store: &Arc<CredentialStore>) {
    let entry = entry(store, "secrets", "user");
    for password in ["ASCII only", "Zürich 👋", "two\nlines", " "] {
        entry.set_password(password).unwrap();
        assert_eq!(entry.get_password().unwrap(), password);
        assert_eq!(entry.get_secret().unwrap(), password.as_bytes());
    }
    let bytes = [0, 159, 146, 150, 0, 255];
    entry.set_secret(&bytes).unwrap();
    assert_eq!(entry.get_secret().unwrap(), bytes);
    match entry.get_password() {
        Err(Error::BadEncoding(kept)) => assert_eq!(kept, bytes),
        other => panic!("{other:?}"),
    }

    for empty in [entry.set_password(""), entry.set_secret(&[])] {
        match empty {
            Err(Error::Invalid(parameter, _)) => assert_eq!(parameter, "secret"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(entry.get_secret().unwrap(), bytes);
    entry.delete_credential().unwrap();
}

fn check_entries(store: &Arc<CredentialStore>) {
    let [one, again, other] =
        [("a", "b"), ("a", "b"), ("b", "a")].map(|(service, user)| entry(store, service, user));
    for missing in [
        one.get_password().map(drop),
        one.get_secret().map(drop),
        one.get_attributes().map(drop),
        one.get_credential().map(drop),
        one.delete_credential(),
    ] {
        assert!(matches!(missing, Err(Error::NoEntry)), "{missing:?}");
    }
    one.set_password("one").unwrap();
    other.set_password("other").unwrap();
    assert_eq!(again.get_password().unwrap(), "one");
    again.set_password("newer").unwrap();
    assert_eq!(one.get_password().unwrap(), "newer");

    assert_eq!(one.get_attributes().unwrap(), HashMap::new());
    let update = one.update_attributes(&HashMap::from([("comment", "x")]));
    assert!(matches!(update, Err(Error::NotSupportedByStore(_))), "{update:?}");
    let wrapper = one.get_credential().unwrap();
    assert_eq!(wrapper.get_specifiers(), Some(("a".into(), "b".into())));
    assert!(wrapper.as_any().is::<keyring::Credential>());
    wrapper.delete_credential().unwrap();
    assert!(matches!(one.get_password(), Err(Error::NoEntry)));
    assert!(matches!(again.delete_credential(), Err(Error::NoEntry)));
    assert_eq!(other.get_password().unwrap(), "other");
    other.delete_credential().unwrap();
}

fn check_search(store: &Arc<CredentialStore>) {
    for (service, user) in [("s", "one"), ("s", "two"), ("t", "one")] {
        entry(store, service, user).set_password("value").unwrap();
    }
    let pair = |service: &str, user: &str| (service.to_owned(), user.to_owned());
    let [one, two, other] = [pair("s", "one"), pair("s", "two"), pair("t", "one")];
    assert_eq!(search(store, &[]).unwrap(), [one.clone(), two.clone(), other.clone()]);
    assert_eq!(search(store, &[("service", "s")]).unwrap(), [one.clone(), two]);
    assert_eq!(search(store, &[("user", "one")]).unwrap(), [one.clone(), other]);
    assert_eq!(search(store, &[("service", "s"), ("user", "one")]).unwrap(), [one]);
    assert_eq!(search(store, &[("service", "S")]).unwrap(), []);
    match search(store, &[("account", "one")]) {
        Err(Error::Invalid(parameter, _)) => assert_eq!(parameter, "account"),
        other => panic!("{other:?}"),
    }
    for found in Entry::search_in_store(store, &HashMap::new()).unwrap() {
        assert_eq!(found.get_password().unwrap(), "value");
        found.delete_credential().unwrap();
    }
    assert_eq!(search(store, &[]).unwrap(), []);
}

fn check_threads(store: &Arc<CredentialStore>) {
    // Entries that are made here and used there, and entries that are made there.
    let threads = (0..8).map(|number| {
        let (name, store) = (format!("thread {number}"), Arc::clone(store));
        let made = (number % 2 == 0).then(|| entry(&store, &name, &name));
        thread::spawn(move || {
            let entry = made.unwrap_or_else(|| entry(&store, &name, &name));
            for round in 0..3 {
                let password = format!("{name}, round {round}");
                entry.set_password(&password).unwrap();
                assert_eq!(entry.get_password().unwrap(), password);
                entry.delete_credential().unwrap();
                assert!(matches!(entry.get_password(), Err(Error::NoEntry)));
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }

    // One credential, changed by all: it is always one of the values.
    let threads = (0..4).map(|number| {
        let entry = entry(store, "shared", "user");
        thread::spawn(move || {
            entry.set_password(&format!("value {number}")).unwrap();
            assert!(entry.get_password().unwrap().starts_with("value "));
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    entry(store, "shared", "user").delete_credential().unwrap();
}

#[test]
fn memory_is_a_store_of_keyring_core() {
    check_store(&wrap(MemoryStore::default()));
}

#[test]
fn an_encrypted_file_is_a_store_of_keyring_core() {
    let folder = std::env::temp_dir().join(format!("os-secrets-keyring-{:016x}", getrandom::u64().unwrap()));
    make_directory(&folder).unwrap();
    let path = folder.join("secrets.age");
    let identity = age::x25519::Identity::generate().to_string();
    let open = |identity: &str| {
        let unlock = Some(Unlock::Identity(Secret::new(identity.into())));
        let options = FileOptions { path: Some(path.clone()), unlock, ..FileOptions::default() };
        wrap(FileStore::new(options, Defaults::read(&|_: &str| None, &SettingsFile::none())))
    };
    let store = open(identity.expose_secret());
    check_store(&store);

    entry(&store, "service", "user").set_password("value").unwrap();
    let stranger = age::x25519::Identity::generate().to_string();
    let denied = entry(&open(stranger.expose_secret()), "service", "user").get_password().unwrap_err();
    assert!(matches!(denied, Error::NoStorageAccess(_)), "{denied:?}");
    assert_eq!(code_of(&denied), Code::AuthFailed);
    fs::write(&path, "no longer encrypted").unwrap();
    let damaged = entry(&open(identity.expose_secret()), "service", "user").get_password();
    assert!(matches!(damaged, Err(Error::BadStoreFormat(_))), "{damaged:?}");
    fs::remove_dir_all(folder).unwrap();
}

/// A store that notes the options of a set, and answers nothing else.
#[derive(Clone, Default)]
struct Silent(Arc<Mutex<Vec<SetOptions>>>);

impl Store for Silent {
    fn get<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, Option<Secret>> {
        Box::pin(pending())
    }

    fn set<'a>(&'a self, _: &'a Key, _: &'a Secret, options: SetOptions, _: &'a Progress) -> Call<'a, ()> {
        self.0.lock().unwrap().push(options);
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(pending())
    }

    fn has<'a>(&'a self, _: &'a Key, _: &'a Progress) -> Call<'a, bool> {
        Box::pin(pending())
    }

    fn list<'a>(&'a self, _: Option<&'a str>, _: &'a Progress) -> Call<'a, Vec<Key>> {
        Box::pin(pending())
    }
}

#[test]
fn modifiers_bound_calls_and_reach_the_store() {
    let silent = Silent::default();
    let store = wrap(silent.clone());
    let late = with_modifiers(&store, &[("timeout", "1")]);
    for outcome in [late.get_password().map(drop), late.delete_credential(), late.get_credential().map(drop)]
    {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::PlatformFailure(_)), "{error:?}");
        assert_eq!(code_of(&error), Code::Timeout);
    }
    for modifiers in [&[][..], &[("persist", "local")], &[("unrestricted", "true")]] {
        with_modifiers(&store, modifiers).set_password("value").unwrap();
    }
    let defaults = SetOptions::default();
    assert_eq!(
        *silent.0.lock().unwrap(),
        [
            defaults,
            SetOptions { persist: Persist::Local, ..defaults },
            SetOptions { unrestricted: true, ..defaults }
        ]
    );
}

#[test]
fn a_modifier_of_the_store_is_that_of_its_entries() {
    let configuration = HashMap::from([("provider", "memory"), ("timeout", "60000")]);
    let store: Arc<CredentialStore> = keyring::Store::new_with_configuration(&configuration).unwrap();
    assert!(matches!(store.persistence(), CredentialPersistence::ProcessOnly));
    entry(&store, "service", "of the store").set_password("value").unwrap();
    // All of the process share the memory.
    let others = keyring::Store::new().unwrap();
    let provider = HashMap::from([("provider", "memory")]);
    let same = others.build("service", "of the store", Some(&provider)).unwrap();
    assert_eq!(same.get_password().unwrap(), "value");
    assert!(matches!(
        keyring::Store::new_with_configuration(&HashMap::from([("target", "x")])),
        Err(Error::Invalid(..))
    ));
}

#[test]
fn a_service_or_user_that_cannot_be_stored_is_invalid() {
    let store = wrap(MemoryStore::default());
    for (service, user, wrong) in
        [("", "user", "service"), ("s", "", "user"), ("s\0", "user", "service"), ("s", "u\0", "user")]
    {
        match Entry::new_in_store(&store, service, user) {
            Err(Error::Invalid(parameter, _)) => assert_eq!(parameter, wrong),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_secret_that_is_too_large_is_told_with_its_limit() {
    let entry = entry(&wrap(MemoryStore::default()), "service", "user");
    let limit = os_secrets::store::MAX_VALUE;
    match entry.set_secret(&vec![b'x'; limit + 1]) {
        Err(Error::TooLong(parameter, told)) => assert_eq!((&*parameter, told as usize), ("secret", limit)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn stores_are_told_apart_and_show_no_secret() {
    let [one, other] = [wrap(MemoryStore::default()), wrap(MemoryStore::default())];
    assert_eq!(one.vendor(), other.vendor());
    assert_ne!(one.id(), other.id());
    let shown = format!("{one:?}");
    assert!(shown.contains(&one.vendor()) && shown.contains(&one.id()), "{shown}");
    let entry = entry(&one, "my-service", "my-user");
    entry.set_password("hunter2").unwrap();
    let shown = format!("{entry:?} {:?} {one:?}", entry.get_credential().unwrap());
    assert!(shown.contains("my-service") && shown.contains("my-user"), "{shown}");
    assert!(!shown.contains("hunter2"));
}

#[cfg(windows)]
#[test]
fn a_search_of_credential_manager_needs_a_service() {
    let of_system = HashMap::from([("provider", "os")]);
    let store: Arc<CredentialStore> = keyring::Store::new_with_configuration(&of_system).unwrap();
    let all = search(&store, &[]);
    assert!(matches!(all, Err(Error::NotSupportedByStore(_))), "{all:?}");
}

#[cfg(target_os = "linux")]
mod secret_service {
    use std::time::Duration;

    use os_secrets::store::linux::{Environment, SecretService};

    use super::*;
    use crate::support::{World, model::LOGIN, run};

    fn service_at(address: &str) -> Arc<CredentialStore> {
        wrap(SecretService::new(Environment {
            bus_address: Ok(address.into()),
            has_display: false,
            timeout: Duration::from_secs(20),
            keyring_directories: Vec::new(),
            hosts: Vec::new(),
        }))
    }

    /// Makes calls on a thread of their own: the service answers on this one.
    async fn aside<T: Send + 'static>(calls: impl FnOnce() -> T + Send + 'static) -> T {
        tokio::task::spawn_blocking(calls).await.unwrap()
    }

    #[test]
    fn a_secret_service_is_a_store_of_keyring_core() {
        run(async {
            let world = World::new().await;
            let store = service_at(world.bus.address());
            aside(move || check_store(&store)).await;
        });
    }

    #[test]
    fn a_store_that_is_locked_is_no_missing_entry() {
        run(async {
            let world = World::new().await;
            let store = service_at(world.bus.address());
            world.service.model().put(
                LOGIN,
                &Key { service: "service".into(), name: "user".into() },
                b"value",
            );
            world.service.model().lock(LOGIN, true);
            let silent = with_modifiers(&store, &[("interactive", "false")]);
            let locked = aside(move || silent.get_password()).await.unwrap_err();
            assert!(matches!(locked, Error::NoStorageAccess(_)), "{locked:?}");
            assert_eq!(code_of(&locked), Code::InteractionNotAllowed);
            // The service asks, and the user agrees.
            let asking = entry(&store, "service", "user");
            assert_eq!(aside(move || asking.get_password()).await.unwrap(), "value");
        });
    }

    #[test]
    fn a_search_unlocks_what_hides_the_names_if_it_may_ask() {
        run(async {
            let world = World::new().await;
            world.service.model().put(
                LOGIN,
                &Key { service: "service".into(), name: "user".into() },
                b"value",
            );
            world.service.model().hides_locked = true;
            world.service.model().lock(LOGIN, true);
            let store = service_at(world.bus.address());
            let found = aside(move || search(&store, &[("service", "service")])).await.unwrap();
            assert_eq!(found, [("service".into(), "user".into())]);
        });
    }

    #[test]
    fn a_store_that_is_not_there_cannot_be_accessed() {
        let unreachable = entry(&service_at("unix:path=/nonexistent/bus"), "service", "user");
        for outcome in [
            unreachable.get_password().map(drop),
            unreachable.set_password("hunter2"),
            unreachable.delete_credential(),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::NoStorageAccess(_)), "{error:?}");
            assert_eq!(code_of(&error), Code::PlatformError);
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn of_several_matches_the_default_collection_wins() {
        run(async {
            let world = World::new().await;
            let key = Key { service: "service".into(), name: "user".into() };
            world.service.model().put(crate::support::model::ARCHIVE, &key, b"archived");
            world.service.model().put(LOGIN, &key, b"current");
            let entry = entry(&service_at(world.bus.address()), "service", "user");
            aside(move || {
                assert_eq!(entry.get_password().unwrap(), "current");
                entry.delete_credential().unwrap();
                assert!(matches!(entry.get_password(), Err(Error::NoEntry)));
            })
            .await;
        });
    }
}
