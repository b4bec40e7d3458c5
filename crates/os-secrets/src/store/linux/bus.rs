//! The connection to the session bus: how it opens, and how messages are sent on it.
//!
//! We connect only if the process at the other end of the socket runs as this user or as root: an address must not send
//! secrets to another user.

use std::{
    ffi::OsStr,
    future::{Future, poll_fn},
    os::unix::ffi::OsStrExt,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use tokio::{
    net::UnixStream,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
};
use zbus::{Connection, MatchRule, Message, MessageStream, Type, connection::Builder};

#[cfg(target_os = "linux")]
use super::socket::BusSocket;
use super::{
    address::parse_socket_path,
    arguments::Arguments,
    early_timer::EarlyTimer,
    fault::{Fault, on_one_line},
};
use crate::{
    error::{Effect, Error},
    executor,
    progress::Progress,
};

/// The maximum number of calls that wait for their replies. Further calls are not sent until one of them has its
/// reply. Buses have such a limit too, the strictest of 128, and answer calls beyond it with an error.
const MAX_IN_FLIGHT: usize = 104;
/// The maximum number of searches among them. So a call whose search has found something can read the secret without
/// waiting for the searches of many others.
const MAX_SEARCHES: usize = 48;
/// The maximum number of changes among them. Services make one change after the other and write their whole file each
/// time. While a message waits for the changes before it, its own deadline is running.
const MAX_CHANGES: usize = 8;
/// The maximum number of open prompts. They come on top of the other calls.
const MAX_PROMPTS: usize = 16;

/// A connection to the session bus.
#[derive(Clone)]
pub struct BusConnection {
    connection: Connection,
    address: Arc<str>,
    timeout: Duration,
    in_flight: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    changes: Arc<Semaphore>,
    prompts: Arc<Semaphore>,
    timer: Arc<EarlyTimer>,
}

/// The permission to have one more call in flight. It is returned when the reply has come.
pub struct CallPermit {
    _permits: Vec<OwnedSemaphorePermit>,
}

/// A method of an object.
pub struct Method {
    /// The name on the bus of the program that has the object.
    pub destination: String,
    /// The path of the object.
    pub path: String,
    /// The interface that has the method.
    pub interface: &'static str,
    /// The name of the method.
    pub name: &'static str,
}

/// A method with its arguments.
pub struct Request {
    method: Method,
    arguments: Arguments,
}

impl Method {
    /// The method with these arguments.
    pub fn with(self, arguments: impl Into<Arguments>) -> Request {
        Request { method: self, arguments: arguments.into() }
    }
}

impl BusConnection {
    /// Connects to the first address in a list that works. `timeout` is the time for each address, and later for each
    /// message.
    ///
    /// # Errors
    ///
    /// [`Error::NoBus`] with the reason why each address failed, [`Error::ForeignBus`] if one belongs to another user, or
    /// [`Error::Timeout`] if one did not answer.
    pub async fn connect(addresses: &str, timeout: Duration) -> Result<Self, Error> {
        let (mut reasons, mut foreign, mut timed_out) = (Vec::new(), None, false);
        for address in addresses.split(';').filter(|address| !address.is_empty()) {
            match tokio::time::timeout(timeout, connect_to(address)).await {
                Ok(Ok(connection)) => {
                    return Ok(Self {
                        connection,
                        address: address.into(),
                        timeout,
                        in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
                        searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
                        changes: Arc::new(Semaphore::new(MAX_CHANGES)),
                        prompts: Arc::new(Semaphore::new(MAX_PROMPTS)),
                        timer: Arc::default(),
                    });
                }
                Ok(Err(NoConnection::Foreign(bus))) => foreign = Some(bus),
                Ok(Err(NoConnection::Failed(reason))) => reasons.push(format!("{address}: {reason}")),
                Err(_) => timed_out = true,
            }
        }
        if timed_out {
            let at = Some("connecting to the D-Bus session bus");
            return Err(Error::Timeout { after: timeout, at, effect: Effect::None });
        }
        if let Some(bus) = foreign {
            return Err(bus);
        }
        Err(Error::NoBus(if reasons.is_empty() {
            "the bus address is empty".into()
        } else {
            reasons.join("; ")
        }))
    }

    /// Opens another connection to the same bus.
    pub async fn reconnect(&self) -> Result<Self, Error> {
        let timer = Arc::clone(&self.timer);
        Ok(Self { timer, ..Self::connect(&self.address, self.timeout).await? })
    }

    /// Finds the unique name of the program that owns a name on the bus. `None` if nobody owns it.
    pub async fn find_owner(&self, name: &'static str) -> Result<Option<String>, Fault> {
        self.ask_bus("GetNameOwner", name.to_owned()).await
    }

    /// Finds the process that owns a name on the bus. `None` if nobody owns it.
    pub async fn find_process(&self, name: &str) -> Result<Option<u32>, Fault> {
        self.ask_bus("GetConnectionUnixProcessID", name.to_owned()).await
    }

    /// Asks the bus about a name. `None` if nobody owns it.
    async fn ask_bus<R>(&self, question: &'static str, name: String) -> Result<Option<R>, Fault>
    where
        R: DeserializeOwned + Type,
    {
        let (destination, path) = ("org.freedesktop.DBus".to_owned(), "/org/freedesktop/DBus".to_owned());
        let method = Method { destination, path, interface: "org.freedesktop.DBus", name: question };
        match self.call_without_permit(method.with(name)).await {
            Ok(reply) => {
                reply.body().deserialize().map(Some).map_err(|error| Fault::from_call(question, error))
            }
            Err(Fault::Unowned(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Whether the connection can no longer be used: it has ended, or a message on it was not answered in time.
    pub fn is_closed(&self) -> bool {
        self.connection.is_closed() || self.in_flight.is_closed()
    }

    /// Calls a method and waits for its reply until the deadline of a message.
    pub async fn call(&self, request: Request) -> Result<Message, Fault> {
        let permit = CallPermit { _permits: vec![acquire(&self.in_flight).await?] };
        self.send(request, permit, Some(self.timeout)).await
    }

    /// Waits for the permit of a search.
    pub async fn acquire_search_permit(&self) -> Result<CallPermit, Fault> {
        Ok(CallPermit { _permits: vec![acquire(&self.searches).await?, acquire(&self.in_flight).await?] })
    }

    /// As [`call`](Self::call), for a search.
    pub async fn search(&self, request: Request, permit: CallPermit) -> Result<Message, Fault> {
        self.send(request, permit, Some(self.timeout)).await
    }

    /// Waits for the permit of a change.
    pub async fn acquire_change_permit(&self) -> Result<CallPermit, Fault> {
        Ok(CallPermit { _permits: vec![acquire(&self.changes).await?, acquire(&self.in_flight).await?] })
    }

    /// As [`call`](Self::call), for a method that changes what is stored. Records in `progress` that it is sent.
    pub async fn change(
        &self,
        request: Request,
        permit: CallPermit,
        progress: &Progress,
    ) -> Result<Message, Fault> {
        progress.sending();
        self.send(request, permit, Some(self.timeout)).await
    }

    /// As [`call`](Self::call), without a permit. So it works even after [`is_closed`](Self::is_closed) because of a
    /// late message.
    pub async fn call_without_permit(&self, request: Request) -> Result<Message, Fault> {
        self.send(request, CallPermit { _permits: Vec::new() }, Some(self.timeout)).await
    }

    /// Waits for the permit of a prompt. The caller keeps it until it has the reply or has withdrawn the prompt,
    /// because a service may never reply to a prompt that was withdrawn.
    pub async fn acquire_prompt_permit(&self) -> Result<CallPermit, Fault> {
        Ok(CallPermit { _permits: vec![acquire(&self.prompts).await?] })
    }

    /// Like [`call_without_permit`](Self::call_without_permit), for a method that waits for the user. It has no deadline.
    pub async fn call_without_deadline(&self, request: Request) -> Result<Message, Fault> {
        self.send(request, CallPermit { _permits: Vec::new() }, None).await
    }

    /// How long a message may wait for its reply.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Subscribes to the signals that match a rule.
    pub async fn subscribe(&self, rule: zbus::Result<MatchRule<'_>>) -> Result<MessageStream, Fault> {
        const OPERATION: &str = "AddMatch";
        let rule = rule.map_err(|error| Fault::from_call(OPERATION, error))?.to_owned();
        let connection = self.connection.clone();
        let subscribing = async move { MessageStream::for_match_rule(rule, &connection, None).await };
        let no_permit = CallPermit { _permits: Vec::new() };
        self.run_to_end(OPERATION, subscribing, no_permit, Some(self.timeout)).await
    }

    fn send(
        &self,
        request: Request,
        permit: CallPermit,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Message, Fault>> + use<> {
        let connection = self.connection.clone();
        let Request { method: Method { destination, path, interface, name }, arguments } = request;
        let call = async move {
            connection.call_method(Some(destination), path, Some(interface), name, &arguments).await
        };
        self.run_to_end(name, call, permit, timeout)
    }

    /// Runs a future in a task of its own until its end or its deadline, even if the caller gives up. If a message
    /// were dropped while it is half written, no other call could use the connection. The permit is kept until the
    /// reply, because the bus counts the call for that long.
    ///
    /// It is not an `async` function, which would have room for the whole message. A program may start a thousand calls at
    /// once, each of which has that room.
    fn run_to_end<T: Send + 'static, W: Future<Output = zbus::Result<T>> + Send + 'static>(
        &self,
        operation: &'static str,
        work: W,
        permit: CallPermit,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<T, Fault>> + use<T, W> {
        if let Some(timeout) = timeout {
            self.timer.keep_running(timeout);
        }
        let to_close = [&self.in_flight, &self.searches, &self.changes].map(Arc::clone);
        let (sender, outcome) = oneshot::channel();
        executor::spawn_part(async move {
            let _permit = permit;
            let ended = match timeout {
                None => Ok(work.await),
                Some(timeout) => tokio::time::timeout(timeout, work).await.map_err(|_| timeout),
            };
            let outcome = match ended {
                Ok(outcome) => outcome.map_err(|error| Fault::from_call(operation, error)),
                Err(after) => {
                    // The service does not answer, so the connection is no longer used. A call that waits for a permit
                    // would only wait for the same time again.
                    to_close.iter().for_each(|permits| permits.close());
                    let at = Some(operation);
                    Err(Error::Timeout { after, at, effect: Effect::None }.into())
                }
            };
            let _ = sender.send(outcome);
        });
        async move {
            let ended = |_| Err(Error::Internal(format!("{operation} ended early")).into());
            outcome.await.unwrap_or_else(ended)
        }
    }
}

/// The next message of a stream.
pub async fn next_message(stream: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

async fn acquire(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
    Arc::clone(permits).acquire_owned().await.map_err(|_| Fault::Lost("the service no longer answers".into()))
}

/// Why there is no connection to one address.
enum NoConnection {
    /// The bus belongs to another user.
    Foreign(Error),
    /// It failed, for this reason.
    Failed(String),
}

impl From<std::io::Error> for NoConnection {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn connect_to(address: &str) -> Result<Connection, NoConnection> {
    let path = parse_socket_path(address).map_err(NoConnection::Failed)?;
    // Tokio and the kernel take a path with a leading NUL as an abstract name. Only Linux has these, and elsewhere it fails.
    let stream = UnixStream::connect(OsStr::from_bytes(&path)).await?;
    let peer = stream.peer_cred()?.uid();
    let own = effective_uid();
    if !may_serve(peer, own) {
        return Err(NoConnection::Foreign(Error::ForeignBus { address: address.into(), owner: peer, own }));
    }
    let stream = stream.into_std()?;
    #[cfg(target_os = "linux")]
    let builder = Builder::socket(BusSocket::new(stream)?);
    // The bus wants the user in a message of its own there.
    #[cfg(not(target_os = "linux"))]
    let builder = Builder::unix_stream(stream);
    let connected = builder.build().await;
    connected.map_err(|error| {
        let reason = on_one_line(&error.to_string());
        // A bus ends the connection of a user whom it does not serve, without a word.
        NoConnection::Failed(if peer == own {
            reason
        } else {
            format!("it belongs to root, and may not serve user {own} ({reason})")
        })
    })
}

/// Whether we, as user `own`, trust a bus that runs as user `bus`.
fn may_serve(bus: u32, own: u32) -> bool {
    bus == own || bus == 0
}

fn effective_uid() -> u32 {
    // SAFETY: `geteuid` has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_bus_and_roots_will_do() {
        assert!(may_serve(1000, 1000) && may_serve(0, 1000) && may_serve(0, 0));
        assert!(!may_serve(1001, 1000) && !may_serve(1000, 0));
    }

    #[tokio::test]
    async fn every_address_is_tried_and_every_failure_named() {
        let second = Duration::from_secs(1);
        let addresses = "tcp:host=x;unix:path=/nonexistent/a;;unix:path=/nonexistent/b";
        let reasons = BusConnection::connect(addresses, second).await.err().unwrap().to_string();
        for part in ["only unix:", "/nonexistent/a: No such file", "/nonexistent/b: No such file"] {
            assert!(reasons.contains(part), "{reasons}");
        }
        let nothing = BusConnection::connect(";", second).await.err().unwrap();
        assert_eq!(nothing, Error::NoBus("the bus address is empty".into()));
    }
}
