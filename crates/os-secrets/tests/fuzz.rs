//! Properties that hold for any message from the bus, tested with random messages.
//!
//! By default, every run uses the same seeds. `OS_SECRETS_FUZZ_ROUNDS` sets how many (a property whose rounds
//! are long takes fewer), `OS_SECRETS_FUZZ_SECONDS` a time instead. A failure names its seed: `OS_SECRETS_FUZZ_SEED=<seed>
//! OS_SECRETS_FUZZ_ROUNDS=1` repeats it alone.

#![cfg(target_os = "linux")]

mod support;

use std::{
    cell::Cell,
    collections::HashSet,
    fmt,
    future::Future,
    io::ErrorKind,
    os::{linux::net::SocketAddrExt, unix::net::SocketAddr},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use os_secrets::{
    credential::{Key, Secret},
    error::{Code, Error},
    progress::Progress,
    store::{
        SetOptions, Store,
        linux::{
            Environment, SecretService,
            bus::BusConnection,
            crypto::{EncryptedSecret, KeyPair},
        },
    },
};
use support::{
    Client, Kind, World,
    bus::Bus,
    give_up, is_late, key,
    model::{ARCHIVE, Encryption, LOGIN, Model, OnPrompt, SecretStruct},
    random::{Body, Random, any_types},
    retry_if_late, run, run_within,
    script::Deviation,
    store, store_within,
};
use tokio::{
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use zbus::{Message, OwnedObjectPath, Variant};

/// A value that no error may show. It is stored and set, and the service's replies contain it in random places.
const VALUE: &str = "correct horse battery staple";

/// How long the store waits for a reply, in rounds in which the service leaves calls without one.
const MESSAGE: Duration = Duration::from_millis(500);

/// The default number of rounds of each property.
const ROUNDS: u64 = 300;

/// The number of threads that test each property.
const THREADS: u64 = 4;

/// A round that takes longer counts as hanging. Some lists are long, and the machine may be busy.
const HANG: Duration = Duration::from_secs(180);

/// The codes of the errors that a service can cause.
const CODES: [Code; 5] = [
    Code::PlatformError,
    Code::AccessDenied,
    Code::UserCanceled,
    Code::InteractionRequired,
    Code::InteractionNotAllowed,
];

/// The methods that the store calls, each with the signature of its reply.
const METHODS: [(&str, &str); 15] = [
    ("OpenSession", "vo"),
    ("SearchItems", "aoao"),
    ("Unlock", "aoo"),
    ("ReadAlias", "o"),
    ("CreateCollection", "oo"),
    ("CreateItem", "oo"),
    ("SetSecret", ""),
    ("Get", "v"),
    ("GetAll", "a{sv}"),
    ("GetSecret", "(oayays)"),
    ("GetSecrets", "a{o(oayays)}"),
    ("Delete", "o"),
    ("Close", ""),
    ("Prompt", ""),
    ("Dismiss", ""),
];

/// Errors that the store knows, and some that it does not know.
const ERRORS: [&str; 16] = [
    "org.freedesktop.Secret.Error.IsLocked",
    "org.freedesktop.Secret.Error.NoSession",
    "org.freedesktop.Secret.Error.NoSuchObject",
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.NotSupported",
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.NoReply",
    "org.freedesktop.DBus.Error.Disconnected",
    "org.freedesktop.DBus.Error.Spawn.ChildExited",
    "org.freedesktop.DBus.Error.Failed",
    "org.freedesktop.DBus.Error.InvalidArgs",
    "org.freedesktop.zbus.Error",
    "a.b",
];

/// Runs a property with one seed after the other, on several threads, because many rounds wait for deadlines. A
/// round has a runtime and a world of its own: a failure names the seed that caused it. If only a number of
/// rounds is set, one in `cost` is run.
fn fuzz<F: Future<Output = ()>>(property: &str, cost: u64, check: impl Fn(u64) -> F + Sync) {
    thread_local!(static PANICS: Cell<usize> = const { Cell::new(0) });
    static HOOK: Once = Once::new();
    // A panic in a task must fail the test. All tasks of a round run on the same thread.
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    let budget = Budget::read(cost);
    let (start, next) = (Instant::now(), AtomicU64::new(budget.first));
    println!("{property}: OS_SECRETS_FUZZ_SEED={}, {budget}", budget.first);
    let round = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if budget.is_spent(seed - budget.first, start.elapsed()) {
                return;
            }
            let failed = Failed { property, seed };
            run_within(HANG, check(seed));
            assert_eq!(PANICS.get(), 0, "something panicked");
            std::mem::forget(failed);
        }
    };
    // A thread that panics ends the scope with a panic.
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(round))));
    println!("{property}: {} rounds", next.into_inner() - budget.first - THREADS);
}

/// How often a property is tested: for a time, or for a number of rounds.
struct Budget {
    first: u64,
    rounds: u64,
    time: Option<Duration>,
}

impl Budget {
    fn read(cost: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
        let time = number("OS_SECRETS_FUZZ_SECONDS").map(Duration::from_secs);
        let first = number("OS_SECRETS_FUZZ_SEED").unwrap_or_else(|| match time {
            // Every machine runs the same seeds.
            None => 1,
            Some(_) => getrandom::u32().unwrap().into(),
        });
        let rounds = number("OS_SECRETS_FUZZ_ROUNDS").or(time.is_none().then_some(ROUNDS));
        let rounds = rounds.map_or(u64::MAX, |rounds: u64| rounds.div_ceil(cost));
        Self { first, rounds, time }
    }

    fn is_spent(&self, rounds: u64, elapsed: Duration) -> bool {
        rounds >= self.rounds || (rounds > 0 && self.time.is_some_and(|time| elapsed >= time))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time {
            Some(time) => write!(f, "{} s", time.as_secs()),
            None => write!(f, "{} rounds", self.rounds),
        }
    }
}

/// Names the seed when a check fails.
struct Failed<'a> {
    property: &'a str,
    seed: u64,
}

impl Drop for Failed<'_> {
    fn drop(&mut self) {
        println!("{} fails with OS_SECRETS_FUZZ_SEED={}", self.property, self.seed);
    }
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    Set,
    SetEmpty,
    Delete,
    Has,
    List,
    ListAll,
}
use Operation::{Delete, Get, Has, List, ListAll, Set, SetEmpty};

const CALLS: [Operation; 7] = [Get, Set, SetEmpty, Delete, Has, List, ListAll];

impl Operation {
    /// Makes the call. Returns the value if it read one.
    async fn run(self, store: Arc<Client>, key: Key, interactive: bool) -> Result<Option<Secret>, Error> {
        let store = &store.0;
        let (reading, changing) = (Progress::reading(interactive), Progress::changing(interactive));
        match self {
            Get => store.get(&key, &reading).await,
            Set => store.set(&key, &secret(VALUE), SetOptions::default(), &changing).await.map(|()| None),
            SetEmpty => store.set(&key, &secret(""), SetOptions::default(), &changing).await.map(|()| None),
            Delete => store.delete(&key, &changing).await.map(|_| None),
            Has => store.has(&key, &reading).await.map(|_| None),
            List => store.list(Some(&key.service), &reading).await.map(|_| None),
            ListAll => store.list(None, &reading).await.map(|_| None),
        }
    }
}

fn secret(value: &str) -> Secret {
    Secret::new(value.into())
}

/// Fails if a call's error is not a documented one, or if it shows the value.
fn check_error(error: &Error, why: &str) {
    let shown = format!("{error} {error:?}");
    assert!(CODES.contains(&error.code()), "{why}: {shown}");
    assert!(!matches!(error, Error::Internal(_)), "{why}: {shown}");
    assert!(!shown.contains("horse"), "{why}: {shown}");
    assert!(shown.chars().count() < 5_000, "{why}: {shown}");
}

/// How the service answers the calls of one round.
struct Liar {
    random: Random,
    /// The methods that it does not always answer correctly.
    lies: HashSet<&'static str>,
    /// Whether it has sent a secret that may decrypt to another value.
    forged: bool,
    /// Whether it agreed on a key that it does not use.
    other_key: bool,
    /// Whether it leaves calls without a reply.
    silent: bool,
}

impl Liar {
    fn answer(&mut self, model: &mut Model, call: &Message) -> Vec<Message> {
        if self.silent && self.random.one_in(2) {
            return Vec::new();
        }
        let header = call.header();
        let method = header.member().unwrap().to_string();
        let (_, signature) = METHODS.into_iter().find(|(name, _)| *name == method).unwrap();
        let mut messages = match self.random.below(8) {
            0..3 => model.answer(call),
            3 => vec![self.refuse(call)],
            4 => {
                let signature = any_types(&mut self.random);
                vec![self.reply(model, call, &signature)]
            }
            5 => match method.as_str() {
                "OpenSession" => self.change_number(model, call),
                "GetSecret" => self.change_secret(model, call),
                _ => vec![self.reply(model, call, signature)],
            },
            _ => {
                self.forged |= method.starts_with("GetSecret");
                vec![self.reply(model, call, signature)]
            }
        };
        let (path, prompt) = (header.path().unwrap(), ("org.freedesktop.Secret.Prompt", "Completed"));
        if self.random.one_in(10) {
            let bus = ("org.freedesktop.DBus", "NameOwnerChanged");
            let at = self.random.below(messages.len() + 1);
            let what = if self.random.one_in(2) { bus } else { prompt };
            messages.insert(at, self.signal(model, path, what));
        }
        if method == "Prompt" {
            // Without this signal, the prompt may stay open for ever.
            let at = self.random.below(messages.len() + 1);
            messages.insert(at, self.signal(model, path, prompt));
        }
        if self.random.one_in(20) {
            // A second reply. The bus does not deliver it.
            messages.push(self.reply(model, call, signature));
        }
        messages
    }

    fn body<T>(&mut self, model: &Model, make: impl FnOnce(Body<'_>) -> T) -> T {
        let texts = ["", "/", "token", "a service", VALUE].map(str::to_owned);
        let paths = [model.paths(), vec!["/".into(), "/org/freedesktop/secrets".into()]].concat();
        make(Body::new(&mut self.random, &texts, &paths, 300))
    }

    fn reply(&mut self, model: &Model, call: &Message, signature: &str) -> Message {
        self.body(model, |body| body.build(Message::method_return(&call.header()), signature))
    }

    fn refuse(&mut self, call: &Message) -> Message {
        let name = *self.random.pick(&ERRORS);
        let message = Message::error(&call.header(), name);
        let signature = if self.random.one_in(2) { "s".to_owned() } else { any_types(&mut self.random) };
        // The error shows the service's own text, so that text does not contain the value here.
        let (texts, paths) = (["no".to_owned(), String::new()], ["/".to_owned()]);
        Body::new(&mut self.random, &texts, &paths, 100).build(message, &signature)
    }

    fn signal(&mut self, model: &Model, path: &str, (interface, member): (&str, &str)) -> Message {
        let signature = match self.random.below(3) {
            0 => any_types(&mut self.random),
            1 => "sss".to_owned(),
            _ => "bv".to_owned(),
        };
        self.body(model, |body| body.build(Message::signal(path, interface, member), &signature))
    }

    /// Agrees on one key and uses another, in a session that exists.
    fn change_number(&mut self, model: &mut Model, call: &Message) -> Vec<Message> {
        (self.forged, self.other_key) = (true, true);
        let answer = model.answer(call).remove(0);
        let Ok((_, session)) = answer.body().deserialize::<(Variant<'_>, OwnedObjectPath)>() else {
            return vec![answer];
        };
        let length = *self.random.pick(&[1, 127, 128]);
        let number = Variant::from(self.random.bytes(length));
        vec![Message::method_return(&call.header()).build(&(number, session)).unwrap()]
    }

    fn change_secret(&mut self, model: &mut Model, call: &Message) -> Vec<Message> {
        self.forged = true;
        let answer = model.answer(call).remove(0);
        let Ok((mut secret,)) = answer.body().deserialize::<(SecretStruct,)>() else { return vec![answer] };
        let length = *self.random.pick(&[0, 1, 15, 16, 17, 32, 48, 1024, 1 << 20]);
        match self.random.below(4) {
            0 => secret.parameters = self.random.bytes(length.min(32)),
            1 => secret.content_type = self.random.text(length),
            _ => secret.value = self.random.bytes(length),
        }
        vec![Message::method_return(&call.header()).build(&(secret,)).unwrap()]
    }
}

/// Makes the service behave as one of many kinds.
fn disguise(model: &mut Model, random: &mut Random) {
    model.start_over();
    model.put(LOGIN, &key("token"), VALUE.as_bytes());
    if random.one_in(2) {
        model.put(ARCHIVE, &key("token"), VALUE.as_bytes());
    }
    if random.one_in(3) {
        model.put(LOGIN, &key("other"), VALUE.as_bytes());
    }
    model.lock(LOGIN, random.one_in(2));
    model.hides_locked = random.one_in(4);
    model.stores_by_prompt = random.one_in(4);
    model.deletes_by_prompt = random.one_in(4);
    model.moves_replaced = random.one_in(4);
    model.numbers_sessions = random.one_in(2);
    model.encryption = *random.pick(&[
        Encryption::Offered,
        Encryption::Offered,
        Encryption::Offered,
        Encryption::Missing,
        Encryption::Ambiguous(2),
    ]);
    model.on_prompt = *random.pick(&[
        OnPrompt::Complete,
        OnPrompt::Complete,
        OnPrompt::CompleteEarly,
        OnPrompt::CompleteInVain,
        OnPrompt::Dismiss,
        OnPrompt::Garble,
    ]);
    if random.one_in(6) {
        model.default = None;
    }
}

/// Makes calls of a service that lies. Then checks that calls work when the service is healed.
async fn lie_and_heal(seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::of(*random.pick(&Kind::ALL)).await;
    world.store = store(world.bus.address(), random.one_in(2));
    disguise(&mut world.service.model(), &mut random);
    let often = 1 + random.below(5);
    let lies = METHODS.iter().map(|(method, _)| *method).filter(|_| random.one_in(often)).collect();
    let interactive = !random.one_in(5);
    let dropped = random.one_in(5).then(|| 1 + random.below(30));
    // Enough calls without a reply to delay all others, if giving them up left something behind.
    let silent = dropped.is_some() && random.one_in(20);
    if silent {
        world.store = store_within(world.bus.address(), true, MESSAGE);
    }
    let max = if silent { 30 } else { 3 };
    let calls: Vec<_> = (0..=random.below(max)).map(|_| *random.pick(&CALLS)).collect();
    let why = format!("seed {seed}: {calls:?}, lies about {lies:?}");
    let liar = Arc::new(Mutex::new(Liar { random, lies, forged: false, other_key: false, silent }));
    for (method, _) in METHODS {
        if liar.lock().unwrap().lies.contains(method) {
            let liar = Arc::clone(&liar);
            let improvise = move |model: &mut Model, call: &Message| liar.lock().unwrap().answer(model, call);
            world.service.always(method, Deviation::Improvise(Arc::new(improvise)));
        }
    }

    let (mut running, client) = (JoinSet::new(), Arc::clone(&world.store));
    for call in calls.iter().copied() {
        let future = call.run(Arc::clone(&client), key("token"), interactive);
        running.spawn(async move {
            match dropped {
                Some(polls) => {
                    give_up(future, polls, true, MESSAGE * 2).await;
                    None
                }
                None => Some((call, future.await)),
            }
        });
    }
    let changes = calls.iter().any(|call| matches!(call, SetEmpty | Delete));
    for outcome in running.join_all().await.into_iter().flatten() {
        let liar = liar.lock().unwrap();
        match outcome {
            (_, Err(error)) => check_error(&error, &why),
            (Get, Ok(Some(value))) => {
                assert!(liar.forged || value.expose() == VALUE.as_bytes(), "{why}: a foreign value");
            }
            (Get, Ok(None)) => {
                let methods = ["SearchItems", "Get", "CreateItem", "GetSecret", "GetSecrets", "ReadAlias"];
                let lied = methods.iter().any(|method| liar.lies.contains(method));
                let shown = !world.service.model().hides_locked && world.service.model().default.is_some();
                assert!(lied || changes || !shown, "{why}: no value");
            }
            _ => {}
        }
    }
    assert!(!world.service.connection().is_closed(), "{why}: the bus has disconnected the service");
    if liar.lock().unwrap().other_key {
        // The store notices only when it receives a secret that it cannot decrypt.
        world.store = store(world.bus.address(), true);
    }
    let locked = liar.lock().unwrap().random.one_in(2);
    heal(&world, locked, &why).await;
}

/// Heals the service, and checks that calls work.
async fn heal(world: &World, locked: bool, why: &str) {
    world.service.heal();
    world.service.model().start_over();
    world.put(LOGIN, "token", "sound");
    world.service.model().lock(LOGIN, locked);
    // In silent rounds the store's deadline is short, and the machine may be busy.
    let get = timeout(HANG / 3, retry_if_late(|| world.get("token"))).await;
    let value = get.unwrap_or_else(|_| panic!("{why}: a get hangs on the healed service"));
    assert_eq!(value, Ok(Some("sound".into())), "{why}: healed");
    let set = timeout(HANG / 3, retry_if_late(|| world.set("token", "sounder"))).await;
    set.unwrap_or_else(|_| panic!("{why}: a set hangs on the healed service")).unwrap();
    let value = retry_if_late(|| world.get("token")).await;
    assert_eq!(value, Ok(Some("sounder".into())), "{why}: healed and set");
}

/// Found by random messages. If both sides have derived different keys, the store can decrypt no secret until it opens
/// another session.
#[test]
fn a_session_of_another_key_is_given_up() {
    run(async {
        let world = World::new().await;
        world.put(LOGIN, "token", "value");
        world.service.once(
            "OpenSession",
            Deviation::Improvise(Arc::new(|model, call| {
                let answer = model.answer(call).remove(0);
                let (_, session): (Variant<'_>, OwnedObjectPath) = answer.body().deserialize().unwrap();
                let other = Variant::from(vec![3_u8; 128]);
                vec![Message::method_return(&call.header()).build(&(other, session)).unwrap()]
            })),
        );
        // Once in 255 times, the decrypted bytes have a valid padding by chance, and pass for a value.
        let mut tries = 0;
        while world.store.get(&key("token")).await != Ok(Some(secret("value"))) {
            tries += 1;
            assert!(tries < 5, "the session is kept");
        }
        world.set("token", "new value").await.unwrap();
    });
}

#[test]
fn no_service_makes_a_call_hang_panic_or_lie() {
    fuzz("lies", 1, lie_and_heal);
}

/// Stands between the store and its bus, and forwards their bytes, with or without damage.
struct Proxy {
    address: String,
    /// The seed of the damage, if any. Each change ends the existing connections.
    damage: watch::Sender<Option<u64>>,
}

impl Proxy {
    fn new(bus: &Bus) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("os-secrets-proxy-{}-{number}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        let damage = watch::Sender::new(None);
        let path = bus.address().strip_prefix("unix:path=").unwrap().to_owned();
        tokio::spawn(serve_proxy(listener, path, damage.subscribe()));
        Self { address: format!("unix:abstract={name}"), damage }
    }
}

async fn serve_proxy(listener: UnixListener, path: String, damage: watch::Receiver<Option<u64>>) {
    while let Ok((client, _)) = listener.accept().await {
        let bus = UnixStream::connect(&path).await.unwrap();
        let mut damage = damage.clone();
        let random = damage.borrow_and_update().map(Random::new);
        tokio::spawn(async move {
            let (from_client, to_client) = client.into_split();
            let (from_bus, to_bus) = bus.into_split();
            tokio::select! {
                _ = forward(from_client, to_bus, None) => {}
                _ = forward(from_bus, to_client, random) => {}
                _ = damage.changed() => {}
            }
        });
    }
}

/// Forwards bytes. With `random`, some are changed, left out or added.
async fn forward(from: OwnedReadHalf, to: OwnedWriteHalf, mut random: Option<Random>) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    // The first message ends near byte 300, the last one of a call near byte 2000.
    let mut next = random.as_mut().map_or(usize::MAX, |random| random.below(2_500));
    loop {
        from.readable().await?;
        let length = match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut bytes = buffer[..length].to_vec();
        if next >= length {
            next -= length;
        } else if let Some(random) = &mut random {
            damage(&mut bytes, next, random);
            next = random.below(1_000);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            to.writable().await?;
            match to.try_write(rest) {
                Ok(length) => rest = &rest[length..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Changes bytes at one place.
fn damage(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    match random.below(6) {
        0 => drop(bytes.remove(at)),
        1 => bytes.insert(at, random.below(256) as u8),
        2 => bytes[at] = random.below(256) as u8,
        3 => bytes.truncate(at),
        4 => {
            let added = random.below(64);
            bytes.splice(at..at, random.bytes(added));
        }
        _ => bytes[at] ^= 1 << random.below(8),
    }
}

/// The bytes need not form messages.
#[test]
fn no_bytes_make_a_call_hang_or_panic() {
    fuzz("damage", 4, damage_and_heal);
}

async fn damage_and_heal(seed: u64) {
    let (world, mut random) = (World::new().await, Random::new(seed));
    let proxy = Proxy::new(&world.bus);
    let environment = Environment {
        bus_address: Ok(proxy.address.clone()),
        has_display: false,
        // A damaged length makes the store wait for bytes that never come.
        timeout: Duration::from_millis(50),
        keyring_directories: Vec::new(),
        hosts: Vec::new(),
    };
    let store = Arc::new(Client(SecretService::new(environment)));
    world.put(LOGIN, "token", VALUE);
    proxy.damage.send_replace(Some(seed));
    let call = *random.pick(&CALLS);
    if let Err(error) = call.run(Arc::clone(&store), key("token"), false).await {
        let why = format!("seed {seed}: {call:?}");
        if !is_late(&error) {
            check_error(&error, &why);
        }
    }
    proxy.damage.send_replace(None);
    world.service.model().start_over();
    world.put(LOGIN, "token", VALUE);
    // The deadline is short, and the machine may be busy.
    let outcome = retry_if_late(|| Get.run(Arc::clone(&store), key("token"), false)).await;
    assert_eq!(outcome, Ok(Some(secret(VALUE))), "seed {seed}: undamaged");
}

/// Bytes with a meaning in addresses, and paths that exist.
const ADDRESS_PARTS: [&str; 22] = [
    "unix:",
    "path=",
    "abstract=",
    "guid=",
    "%",
    "%2",
    "%2f",
    "%00",
    ",",
    ";",
    ":",
    "=",
    "/",
    "/dev/null",
    "/tmp",
    "tcp:",
    "runtime=yes",
    "tmpdir=/tmp",
    "unixexec:path=/bin/true",
    "\n",
    "\u{1b}[31m",
    "é",
];

#[test]
fn no_address_is_more_than_an_error() {
    let bus = Bus::start();
    let bus = &bus;
    fuzz("addresses", 1, |seed| async move {
        let mut random = Random::new(seed);
        let mut address = String::new();
        for _ in 0..random.below(12) {
            match random.below(6) {
                0 => address += &random.text(8),
                1 if random.one_in(50) => address += &"x".repeat(random.below(100_000)),
                _ => address += *random.pick(&ADDRESS_PARTS),
            }
        }
        let error = BusConnection::connect(&address, HANG).await.err().expect(&address);
        assert!(matches!(error, Error::NoBus(_)), "{address}: {error}");
        let list = format!("{address};{}", bus.address());
        assert!(BusConnection::connect(&list, HANG).await.is_ok(), "{list}");
    });
}

#[test]
fn no_number_and_no_secret_is_more_than_refused() {
    let (ours, theirs) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (ours, key) = (&ours, &ours.derive_key(&theirs.public_bytes()).unwrap().key);
    fuzz("crypto", 1, |seed| async move {
        let mut random = Random::new(seed);
        let length = *random.pick(&[0, 1, 2, 64, 127, 128, 128, 128, 129, 1000]);
        let number = random.bytes(length);
        let digits = number.iter().skip_while(|byte| **byte == 0).count();
        if ours.derive_key(&number).is_some() {
            assert!((1..=128).contains(&digits), "seed {seed}: a number of {digits} bytes");
        }
        for length in [0, 1, 15, 16, 17, 32, 4096 + random.below(3)] {
            let parameters = if random.one_in(4) { length } else { 16 };
            let encrypted =
                EncryptedSecret { parameters: random.bytes(parameters), value: random.bytes(length) };
            if let Some(secret) = key.decrypt(encrypted) {
                let valid = parameters == 16 && length > 0 && length % 16 == 0;
                assert!(valid && secret.expose().len() < length, "seed {seed}: {length} bytes");
            }
        }
    });
}
