//! Calls of a server's API: with a token, within the call's deadline, and again if the server cannot answer yet.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::{Uri, http::uri::PathAndQuery};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use zeroize::Zeroizing;

use super::{
    address::Origin,
    client::{Answer, Client, Failure, Message},
    failure::{Failed, Status, was_not_begun},
    options::Target,
    shared_once::SharedOnce,
    token::SharedToken,
};
use crate::{
    error::{Code, Effect, Error, Reason},
    executor::{Lane, spawn},
    json::Document,
    percent::percent_decode,
    progress::Progress,
    store::settings,
    sync::lock,
};

/// How long a server may be unreachable before a call gives up, unless its deadline is sooner.
const UNREACHABLE: Duration = Duration::from_secs(5);
/// The first and the longest pause before a request is repeated.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The pause after the first lost race.
const RACE_PAUSE: Duration = Duration::from_millis(5);
/// The maximum length of a server's own message, in characters.
const MAX_MESSAGE: usize = 400;
/// The shortest time that a request gets for its answer, unless the deadline is sooner.
const MIN_ATTEMPT: Duration = Duration::from_secs(1);

/// A server of Vault or OpenBao.
pub struct Server {
    pub(super) target: Target,
    client: Arc<Client>,
    /// The leader to which a standby has sent us.
    leader: Mutex<Option<Arc<Client>>>,
    pub(super) token: SharedOnce<SharedToken>,
    /// The reads that wait for their turn, by their paths and tokens.
    reads: Mutex<HashMap<ReadKey, watch::Receiver<Option<ReadOutcome>>>>,
    /// Reading the files of log-ins.
    pub(super) lane: Lane,
    /// Why the server has not answered, until it does, and when that was.
    failure: Mutex<Option<(Instant, Error)>>,
}

/// The path of a read, and the number of its token.
type ReadKey = (String, u64);
/// The outcome of a read that several calls share.
type ReadOutcome = Result<Arc<Answer>, Failure>;

/// A request of the API.
#[derive(Clone)]
pub struct Request {
    /// What the request does, for messages, such as `reading my-app`.
    pub operation: String,
    /// The method of HTTP.
    pub method: &'static str,
    /// The path after `/v1/`, percent-encoded.
    pub path: String,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
    /// Whether it changes a secret.
    pub changes: bool,
}

/// What a server has answered.
pub enum Reply {
    /// It is done. Holds the answer.
    Done(Arc<Answer>),
    /// There is no such secret. Holds the answer.
    Missing(Arc<Answer>),
    /// The secret has another version than the request says, or the request must say one.
    Conflict,
    /// The token's policies do not allow it. Holds the error.
    Denied(Error),
}

impl Reply {
    /// The answer, or `None` if there is no such secret.
    ///
    /// # Errors
    ///
    /// That of a policy, and [`Error::Malformed`] for a conflict, which no read has.
    pub fn found(self) -> Result<Option<Arc<Answer>>, Error> {
        match self {
            Self::Done(answer) => Ok(Some(answer)),
            Self::Missing(_) => Ok(None),
            Self::Conflict => Err(unexpected()),
            Self::Denied(error) => Err(error),
        }
    }
}

impl Server {
    /// A server. Nothing is sent before the first call.
    pub fn new(target: Target) -> Self {
        Self {
            client: Client::of(target.address.origin.clone(), target.authorities.clone()),
            target,
            leader: Mutex::default(),
            token: SharedOnce::new(),
            reads: Mutex::default(),
            lane: Lane::new(1),
            failure: Mutex::default(),
        }
    }

    /// Runs a whole call within its deadline, or within that of the settings if it has none.
    ///
    /// # Errors
    ///
    /// Those of the call. If the deadline passes, why the server has not answered, or [`Error::Timeout`] if it has said
    /// nothing.
    pub async fn bound<T>(
        &self,
        progress: &Progress,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (deadline, after) = progress.deadline_or(settings().timeout.clone()?);
        let begun = Instant::now();
        match timeout_at(deadline, call).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // A call may have waited for another one, such as one that logs in.
                let noted = lock(&self.failure).clone().filter(|(at, _)| *at >= begun);
                let failure = progress.failure().or(noted.map(|(_, error)| error));
                Err(failure.unwrap_or(Error::Timeout { after, at: None, effect: Effect::None }))
            }
        }
    }

    /// Makes a request. Repeats it while the server cannot answer. Call it within [`bound`](Self::bound).
    ///
    /// # Errors
    ///
    /// Why the server has not done it, other than for the reasons that [`Reply`] tells apart.
    pub async fn ask(self: &Arc<Self>, request: &Request, progress: &Progress) -> Result<Reply, Error> {
        let mut is_second = false;
        loop {
            let token = self.current_token(progress).await?;
            let answer = self.repeat(request, Some(&token), progress).await?;
            let failed = match Status::of(&answer, request.method) {
                Status::Done => return Ok(Reply::Done(answer)),
                Status::Missing => return Ok(Reply::Missing(answer)),
                Status::Conflict => return Ok(Reply::Conflict),
                Status::Failed(failed) => return Err(self.error(request, failed)),
                Status::Denied(failed) => failed,
            };
            if self.is_valid(&token, progress).await? {
                return Ok(Reply::Denied(self.error(request, failed)));
            }
            if is_second || !self.replace_token(&token, progress).await? {
                return Err(self.refused_token());
            }
            is_second = true;
        }
    }

    /// An error of a request.
    pub(super) fn error(&self, request: &Request, (code, reason, message): Failed) -> Error {
        let message = self.target.login.redact(message);
        let cut = message.char_indices().nth(MAX_MESSAGE).map(|(at, _)| format!("{}…", &message[..at]));
        self.describe(&request.operation, (code, reason, cut.unwrap_or(message)))
    }

    /// An error of an operation.
    fn describe(&self, operation: &str, (code, reason, message): Failed) -> Error {
        Error::Vault {
            address: self.target.address.origin.to_string(),
            operation: operation.into(),
            message,
            code,
            reason,
        }
    }

    /// Waits after a lost race, for the time of its number. If the deadline passes meanwhile, the race is the reason.
    pub async fn pause_after_race(&self, number: u32, operation: &str, progress: &Progress) {
        progress.note_failure(self.lost_race(operation));
        let (deadline, _) = progress.deadline_or(Duration::ZERO);
        let pause = with_jitter(RACE_PAUSE * number.min(10));
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
    }

    /// The error of a change that another writer was always faster than.
    pub fn lost_race(&self, operation: &str) -> Error {
        let message =
            "other writers have changed this secret each time between reading and writing it. Try again";
        self.describe(operation, (Code::PlatformError, Reason::Failed, message.into()))
    }

    pub(super) fn refused_token(&self) -> Error {
        let message = self.target.login.advice().to_owned();
        self.describe("logging in", (Code::AuthFailed, Reason::Token, message))
    }

    fn unreachable(&self, reason: &str) -> Error {
        Error::NoServer { address: self.target.address.origin.to_string(), reason: reason.into() }
    }

    /// Notes why a call has not succeeded yet.
    fn note_failure(&self, error: Error, progress: &Progress) {
        *lock(&self.failure) = Some((Instant::now(), error.clone()));
        progress.note_failure(error);
    }

    /// Sends a request until the server can answer it. The answer is not one that only says to try again.
    pub(super) async fn repeat(
        self: &Arc<Self>,
        request: &Request,
        token: Option<&SharedToken>,
        progress: &Progress,
    ) -> Result<Arc<Answer>, Error> {
        let (deadline, _) = progress.deadline_or(settings().timeout.clone()?);
        let number = token.map_or(0, |token| token.number);
        let (mut pause, mut unreachable_since, mut is_first) = (PAUSES.0, None, true);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let time = (left / 2).max(MIN_ATTEMPT.min(left));
            let message = self.message(request, token.map(|token| token.text.clone()));
            let outcome = timeout(time, self.attempt(message, request, number, progress));
            let outcome = outcome.await.unwrap_or(Err(Failure::Silent));
            let mut wait = pause;
            match outcome {
                Ok(answer) => {
                    unreachable_since = None;
                    let Some(failed) = Status::retry(&answer) else {
                        *lock(&self.failure) = None;
                        progress.clear_failure();
                        return Ok(settle(answer, request, progress));
                    };
                    match was_not_begun(&answer, failed.1) {
                        true => progress.refused(),
                        // It may have been made: a server that fails does not say how far it came.
                        false => progress.lost(),
                    }
                    self.note_failure(self.error(request, failed), progress);
                    if let Some(asked_for) = answer.retry_after {
                        sleep(asked_for).await;
                        wait = PAUSES.0;
                    }
                }
                Err(Failure::Redirected(error)) => {
                    progress.refused();
                    return Err(error);
                }
                Err(Failure::NoLeader(error)) => {
                    unreachable_since = None;
                    progress.refused();
                    self.note_failure(error, progress);
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::NotSent(reason)) => {
                    let since = *unreachable_since.get_or_insert_with(Instant::now);
                    let error = self.unreachable(&reason);
                    if since.elapsed() >= UNREACHABLE {
                        return Err(error);
                    }
                    self.note_failure(error, progress);
                }
                Err(Failure::Silent) => {
                    unreachable_since = None;
                    progress.lost();
                    self.close_idle();
                }
                Err(Failure::Lost(reason)) => {
                    unreachable_since = None;
                    progress.lost();
                    self.close_idle();
                    self.note_failure(self.unreachable(&reason), progress);
                    // A server closes connections that were idle, and may do so just now.
                    if std::mem::take(&mut is_first) {
                        continue;
                    }
                }
            }
            sleep(with_jitter(wait)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Closes the connections that are not in use, because they may be broken without a word.
    fn close_idle(&self) {
        self.client.close_idle();
        if let Some(leader) = &*lock(&self.leader) {
            leader.close_idle();
        }
    }

    fn message(&self, request: &Request, token: Option<Zeroizing<String>>) -> Message {
        Message {
            method: request.method,
            path: format!("{}/v1/{}", self.target.address.base, request.path),
            content_type: if request.method == "PATCH" {
                "application/merge-patch+json"
            } else {
                "application/json"
            },
            body: request.body.clone(),
            token,
            namespace: self.target.namespace.clone(),
        }
    }

    /// Sends a request once. A read joins one of the same path that has not been sent yet, so that no answer is older
    /// than its call.
    async fn attempt(
        self: &Arc<Self>,
        message: Message,
        request: &Request,
        token: u64,
        progress: &Progress,
    ) -> Result<Arc<Answer>, Failure> {
        if message.method == "GET" {
            return self.share_read(message, token).await;
        }
        let _place = self.client.place().await;
        let sending = || {
            if request.changes {
                progress.sending();
            }
        };
        self.exchange(&message, sending).await.map(Arc::new)
    }

    async fn share_read(self: &Arc<Self>, message: Message, token: u64) -> ReadOutcome {
        let mut outcome = self.join_read(message, token);
        let outcome = match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        };
        outcome.unwrap_or_else(|| Err(Failure::NotSent("the request was not made".into())))
    }

    fn join_read(self: &Arc<Self>, message: Message, token: u64) -> watch::Receiver<Option<ReadOutcome>> {
        let key = (message.path.clone(), token);
        let mut reads = lock(&self.reads);
        if let Some(read) = reads.get(&key) {
            return read.clone();
        }
        let (sender, receiver) = watch::channel(None);
        reads.insert(key.clone(), receiver.clone());
        let server = Arc::clone(self);
        spawn(async move {
            let place = server.client.place().await;
            // From now on, a new call needs a new request.
            lock(&server.reads).remove(&key);
            // The receiver in the map is gone. So if nobody waits, there is none.
            tokio::select! {
                () = sender.closed() => {}
                outcome = server.exchange(&message, || {}) => {
                    drop(place);
                    sender.send_replace(Some(outcome.map(Arc::new)));
                }
            }
        });
        receiver
    }

    /// Sends a message, and once more to where the server sends it: to the same request on the same host, or on the leader of
    /// the cluster.
    async fn exchange(&self, message: &Message, sending: impl Fn()) -> Result<Answer, Failure> {
        let answer = self.client.exchange(message, &sending).await?;
        if !is_redirect(&answer) {
            return Ok(answer);
        }
        let elsewhere = || {
            Failure::Redirected(self.no_leader(
                "it sends the request to another place than the leader of its cluster. Correct the address",
            ))
        };
        let between_leaders =
            || Failure::NoLeader(self.no_leader("its cluster has no leader. Check the other servers"));
        let location: Uri =
            answer.location.as_deref().and_then(|text| text.parse().ok()).ok_or_else(elsewhere)?;
        let target = location.path_and_query().map_or("", PathAndQuery::as_str);
        // Servers spell a path in other ways than we do.
        let own = percent_decode(&message.path.as_bytes()[self.target.address.base.len()..]);
        if !percent_decode(target.as_bytes()).ends_with(&own) {
            return Err(elsewhere());
        }
        let moved = Message { path: target.to_owned(), ..message.clone() };
        let origin = match location.host() {
            None => self.client.origin.clone(),
            Some(_) => Origin::of(&location).map_err(|_| elsewhere())?,
        };
        let answer = if origin == self.client.origin {
            self.client.exchange(&moved, &sending).await?
        } else if origin.is_tls && self.client.origin.is_tls {
            // Between two leaders, it is none or another one.
            if self.find_leader().await? != Some(origin.clone()) {
                return Err(between_leaders());
            }
            let leader = self.client_of(origin);
            leader.exchange(&moved, &sending).await.map_err(|failure| match failure {
                Failure::NotSent(reason) => {
                    let message =
                        format!("the leader of its cluster cannot be reached: {reason}. Check that server");
                    Failure::NoLeader(self.no_leader(&message))
                }
                failure => failure,
            })?
        } else {
            return Err(elsewhere());
        };
        if is_redirect(&answer) { Err(between_leaders()) } else { Ok(answer) }
    }

    /// The client for the leader.
    fn client_of(&self, origin: Origin) -> Arc<Client> {
        let mut leader = lock(&self.leader);
        match &*leader {
            Some(known) if known.origin == origin => Arc::clone(known),
            _ => Arc::clone(leader.insert(self.client.for_origin(origin))),
        }
    }

    /// The error if a request shows that the address is not that of a server's API.
    pub fn not_a_server(&self, request: &Request) -> Error {
        let message = "this is not an answer of Vault or OpenBao. Correct the address".to_owned();
        self.error(request, (Code::PlatformError, Reason::Failed, message))
    }

    fn no_leader(&self, message: &str) -> Error {
        self.describe("finding its leader", (Code::PlatformError, Reason::Failed, message.into()))
    }

    /// The leader of the cluster, as the server names it.
    async fn find_leader(&self) -> Result<Option<Origin>, Failure> {
        let path = format!("{}/v1/sys/leader", self.target.address.base);
        let message = Message {
            method: "GET",
            path,
            content_type: "",
            body: Zeroizing::default(),
            token: None,
            namespace: None,
        };
        let answer = self.client.exchange(&message, || {}).await?;
        let text = read_member(&answer.body, &[], "leader_address");
        let uri: Option<Uri> = text.and_then(|text| text.parse().ok());
        Ok(uri.and_then(|uri| Origin::of(&uri).ok()))
    }
}

fn is_redirect(answer: &Answer) -> bool {
    matches!(answer.status, 301 | 302 | 307 | 308)
}

/// The error for an answer that no request of its kind has.
pub fn unexpected() -> Error {
    Error::Malformed("something that does not belong to the request".into())
}

/// Records what an answer says of a change.
fn settle(answer: Arc<Answer>, request: &Request, progress: &Progress) -> Arc<Answer> {
    match request.changes {
        false => {}
        true if answer.status < 300 => progress.done(),
        true => progress.refused(),
    }
    answer
}

/// A text in an answer.
pub fn read_member(body: &[u8], members: &[&str], name: &str) -> Option<Zeroizing<String>> {
    let answer = Document::parse("answer".as_ref(), body).ok()?;
    let text = answer.text(members, name).ok()??;
    str::from_utf8(text.expose()).ok().map(|text| Zeroizing::new(text.to_owned()))
}

pub fn read_seconds(body: &[u8], members: &[&str], name: &str) -> Option<Duration> {
    let answer = Document::parse("answer".as_ref(), body).ok()?;
    answer.number(members, name).map(Duration::from_secs)
}

pub fn read_flag(body: &[u8], members: &[&str], name: &str) -> bool {
    Document::parse("answer".as_ref(), body).is_ok_and(|answer| answer.is_true(members, name))
}

/// A pause of between half of the time and all of it, so that many clients do not come back at once.
fn with_jitter(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    time / 2 + time.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}
