//! Work that one call does for many. That call may be given up at any point, and the others must still end.
//!
//! One call, the owner, is polled a number of times and dropped, for every number until it ends by itself. Others
//! of the same key wait at the same time. Then the service is healed, and the user answers all prompts. The others, and
//! a later call, must end.
//!
//! `OS_SECRETS_ALL_OWNERS=1` runs every case (`npm run test:long`), about 20,000. Without it, a part of them runs.

#![cfg(target_os = "linux")]

mod support;

use std::{
    fmt,
    ops::AddAssign,
    sync::Arc,
    time::{Duration, Instant},
};

use os_secrets::{
    error::Error,
    progress::Progress,
    store::{SetOptions, Store},
};
use support::{
    Client, GivenUp, Kind, World,
    answers::error,
    give_up, key,
    model::{LOGIN, Model, OnPrompt, UNKNOWN_OBJECT, object},
    retry_if_late, run_within,
    script::{Deviation, Gate},
    secret, store_within,
};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use zbus::{Message, OwnedObjectPath};

/// How long the store waits for the reply to a message.
const MESSAGE: Duration = Duration::from_millis(400);
/// A call that takes longer counts as hanging.
const HANG: Duration = Duration::from_secs(10);

const DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
const FAILED: &str = "org.freedesktop.DBus.Error.Failed";

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    Set,
    Delete,
    Has,
    List,
}
use Operation::{Delete, Get, Has, List, Set};

/// How the service answers the first call of a method.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Behavior {
    Right,
    /// An error.
    Refuse(&'static str),
    /// An error, after the owner is gone.
    RefuseLater(&'static str),
    /// A reply of the wrong form.
    Nonsense,
    /// No reply.
    Nothing,
    /// The right reply, after the owner is gone.
    Later,
    /// The path of a prompt that does not exist.
    Nowhere,
}
use Behavior::{Later, Nonsense, Nothing, Nowhere, Refuse, RefuseLater, Right};

/// Answers to `Prompt` and `Unlock`.
const AT_PROMPTS: [(&str, Behavior); 16] = [
    ("Prompt", Right),
    ("Prompt", Refuse(UNKNOWN_OBJECT)),
    ("Prompt", Refuse(FAILED)),
    ("Prompt", Refuse(DENIED)),
    ("Prompt", RefuseLater(UNKNOWN_OBJECT)),
    ("Prompt", RefuseLater(FAILED)),
    ("Prompt", RefuseLater(DENIED)),
    ("Prompt", Nonsense),
    ("Prompt", Nothing),
    ("Prompt", Later),
    ("Unlock", Refuse(FAILED)),
    ("Unlock", Refuse(DENIED)),
    ("Unlock", Nonsense),
    ("Unlock", Nothing),
    ("Unlock", Later),
    ("Unlock", Nowhere),
];

/// Answers to the other methods.
const ELSEWHERE: [(&str, Behavior); 21] = [
    ("Dismiss", Refuse(FAILED)),
    ("Dismiss", Nothing),
    ("OpenSession", Refuse(FAILED)),
    ("OpenSession", Nothing),
    ("OpenSession", Later),
    ("SearchItems", Refuse(FAILED)),
    ("SearchItems", Nothing),
    ("SearchItems", Later),
    ("ReadAlias", Refuse(FAILED)),
    ("ReadAlias", Nothing),
    ("ReadAlias", Later),
    ("Get", Nothing),
    ("GetAll", Nothing),
    ("GetSecret", Nothing),
    ("GetSecret", Later),
    ("GetSecrets", Nothing),
    ("CreateItem", Nothing),
    ("CreateItem", Later),
    ("SetSecret", Nothing),
    ("Delete", Nothing),
    ("Delete", Later),
];

/// The cases that differ only in when the owner is given up.
#[derive(Clone, Copy)]
struct Scenario {
    kind: Kind,
    method: &'static str,
    answer: Behavior,
    owner: Operation,
    /// Whether prompts wait until the owner is gone.
    prompts_wait: bool,
    /// Whether the store has made a call before.
    is_warm: bool,
    /// Whether the owner is dropped when it would be polled once more, or right after its last poll.
    drops_when_woken: bool,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, method, answer, owner, prompts_wait, is_warm, drops_when_woken } = self;
        write!(
            f,
            "{kind:?}, {method} {answer:?}, {owner:?} is given up, prompts wait: {prompts_wait}, warm: {is_warm}, \
             dropped when woken: {drops_when_woken}"
        )
    }
}

async fn make(store: Arc<Client>, call: Operation) -> Result<(), Error> {
    let (key, store) = (key("token"), &store.0);
    let (reading, changing) = (Progress::reading(true), Progress::changing(true));
    match call {
        Get => store.get(&key, &reading).await.map(drop),
        Set => store.set(&key, &secret("new"), SetOptions::default(), &changing).await,
        Delete => store.delete(&key, &changing).await.map(drop),
        Has => store.has(&key, &reading).await.map(drop),
        List => store.list(None, &reading).await.map(drop),
    }
}

fn deviate(world: &World, gate: &Gate, method: &'static str, answer: Behavior) {
    let deviation = match answer {
        Right => return,
        Refuse(name) => Deviation::Refuse(name),
        Nothing => Deviation::Ignore,
        Later => Deviation::Wait(gate.clone()),
        Nonsense => Deviation::answer(7_u8),
        Nowhere => {
            let prompt = object("/org/freedesktop/secrets/prompt/none");
            Deviation::answer((Vec::<OwnedObjectPath>::new(), prompt))
        }
        RefuseLater(name) => {
            let (service, gate) = (world.service.clone(), gate.clone());
            Deviation::Improvise(Arc::new(move |_: &mut Model, call: &Message| {
                let (service, gate, call) = (service.clone(), gate.clone(), call.clone());
                tokio::spawn(async move {
                    gate.opened().await;
                    let _ = service.connection().send(&error(&call, name, "as the test has it")).await;
                });
                Vec::new()
            }))
        }
    };
    world.service.once(method, deviation);
}

/// Answers every prompt of the service, for as long as it runs.
fn user(world: &World) -> JoinHandle<()> {
    let service = world.service.clone();
    tokio::spawn(async move {
        loop {
            service.settle_prompts(OnPrompt::Complete).await;
            sleep(Duration::from_millis(20)).await;
        }
    })
}

impl Scenario {
    /// Gives the owner up after each number of polls, until more of them make no difference.
    async fn run(self, world: &mut World, max_polls: usize) -> Cases {
        for polls in 1..=max_polls {
            match self.give_up_after(polls, world).await {
                GivenUp::Ended => return Cases { number: polls, ..Cases::default() },
                GivenUp::NotWoken => return Cases { number: polls, not_woken: 1, ..Cases::default() },
                GivenUp::Polled => {}
            }
        }
        Cases { number: max_polls, cut_off: 1, ..Cases::default() }
    }

    async fn give_up_after(self, polls: usize, world: &mut World) -> GivenUp {
        let Self { method, answer, owner, .. } = self;
        self.prepare(world).await;
        let gate = Gate::default();
        deviate(world, &gate, method, answer);

        let owner_call = make(Arc::clone(&world.store), owner);
        // The owner's deadline comes after that of a message.
        let mut owner_call =
            tokio::spawn(give_up(owner_call, polls, self.drops_when_woken, MESSAGE + MESSAGE / 2));
        tokio::task::yield_now().await;
        // A prompt without a reply must be the owner's: if a call is not given up, its prompt waits for the user, by
        // design.
        let mut ended = None;
        if (method, answer) == ("Prompt", Nothing) {
            ended = Some((&mut owner_call).await.unwrap());
            world.service.heal();
        }
        let others: Vec<_> = [("another of its kind", owner), ("a get", Get), ("a set", Set)]
            .into_iter()
            .map(|(what, call)| (what, tokio::spawn(make(Arc::clone(&world.store), call))))
            .collect();
        let ended = match ended {
            Some(ended) => ended,
            None => owner_call.await.unwrap(),
        };
        gate.open();
        world.service.model().on_prompt = OnPrompt::Complete;
        let user = user(world);
        let limit = Instant::now() + HANG;
        for (what, other) in others {
            let left = limit.saturating_duration_since(Instant::now());
            let ended = timeout(left, other).await;
            let ended = ended.unwrap_or_else(|_| panic!("{what} hangs: {self}, after {polls} polls"));
            // It may fail, but it must not panic.
            let _: Result<(), Error> = ended.unwrap();
        }
        world.service.heal();
        world.service.model().lock(LOGIN, true);
        let next = timeout(HANG, make(Arc::clone(&world.store), Get)).await;
        assert!(next.is_ok(), "the next get hangs: {self}, after {polls} polls");
        user.abort();
        ended
    }

    /// Prepares the service and the store for a case.
    async fn prepare(self, world: &mut World) {
        let is_gnome = self.kind == Kind::GnomeKeyring;
        world.service.heal();
        world.service.forget_calls();
        world.service.model().start_over();
        world.service.model().numbers_sessions = is_gnome;
        world.service.model().stores_by_prompt = !is_gnome;
        world.service.model().deletes_by_prompt = !is_gnome;
        world.put(LOGIN, "token", "value");
        world.store = store_within(world.bus.address(), true, MESSAGE);
        if self.is_warm {
            retry_if_late(|| world.get("token")).await.unwrap();
        }
        world.service.model().lock(LOGIN, true);
        world.service.model().on_prompt = if self.prompts_wait { OnPrompt::Wait } else { OnPrompt::Complete };
    }
}

/// How many cases were run.
#[derive(Clone, Copy, Debug, Default)]
struct Cases {
    number: usize,
    /// In how many scenarios the owner still had not ended at the maximum number of polls.
    cut_off: usize,
    /// In how many scenarios nothing woke the owner before its deadline.
    not_woken: usize,
}

impl AddAssign for Cases {
    fn add_assign(&mut self, other: Self) {
        self.number += other.number;
        self.cut_off += other.cut_off;
        self.not_woken += other.not_woken;
    }
}

/// Runs all scenarios of one kind of service that answers a method in one way.
async fn run_answer(
    kind: Kind,
    (method, answer): (&'static str, Behavior),
    owners: &[Operation],
    max_polls: usize,
) -> Cases {
    let (mut world, mut cases) = (World::of(kind).await, Cases::default());
    let yes_or_no = [true, false];
    for &owner in owners {
        for prompts_wait in yes_or_no {
            if prompts_wait && !matches!(method, "Prompt" | "Dismiss") {
                continue;
            }
            for (is_warm, drops_when_woken) in
                yes_or_no.into_iter().flat_map(|is| yes_or_no.map(|drops| (is, drops)))
            {
                let scenario =
                    Scenario { kind, method, answer, owner, prompts_wait, is_warm, drops_when_woken };
                cases += scenario.run(&mut world, max_polls).await;
            }
        }
    }
    cases
}

/// Runs all scenarios of these kinds, answers and owners. Many wait for deadlines, so several run at once. A busy machine
/// must not lower the number of cases unseen: there are at least `min_cases` of each kind.
fn run_all(
    kinds: &[Kind],
    answers: &[(&'static str, Behavior)],
    owners: &'static [Operation],
    max_polls: usize,
    min_cases: usize,
) {
    run_within(Duration::from_secs(7200), async {
        for &kind in kinds {
            let places = Arc::new(Semaphore::new(16));
            let runs = answers.iter().copied().map(|answer| {
                let places = Arc::clone(&places);
                async move {
                    let _place = places.acquire().await.unwrap();
                    run_answer(kind, answer, owners, max_polls).await
                }
            });
            let mut cases = Cases::default();
            for run in runs.collect::<JoinSet<_>>().join_all().await {
                cases += run;
            }
            let Cases { number, cut_off, not_woken } = cases;
            println!(
                "{kind:?}: {number} cases; the owner had not ended after {max_polls} polls in {cut_off} scenarios, and \
                 was not woken in {not_woken}"
            );
            assert!(number >= min_cases, "only {number} of at least {min_cases} cases");
        }
    });
}

#[test]
fn a_call_that_is_given_up_while_it_works_for_others_holds_up_nobody() {
    if std::env::var_os("OS_SECRETS_ALL_OWNERS").is_some() {
        let answers = [&AT_PROMPTS[..], &ELSEWHERE[..]].concat();
        run_all(&Kind::ALL, &answers, &[Get, Set, Delete, Has, List], 40, 3000);
    } else {
        // The two kinds whose prompts are not dismissed. So the store may wait for them.
        run_all(&[Kind::GnomeKeyring, Kind::Unidentified], &AT_PROMPTS, &[Get], 16, 600);
    }
}
