//! The session bus: the way to it, and messages on it.
//!
//! Addresses follow the D-Bus specification, "Server Addresses". Only `unix:` transports are
//! taken, and only where the other end of the socket belongs to this user or to root: secrets must
//! not leave for another machine or another person because an address says so.

use std::{ffi::OsStr, future::Future, os::unix::ffi::OsStrExt, sync::Arc, time::Duration};

use tokio::{
    net::UnixStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use zbus::{Connection, MatchRule, Message, MessageStream, connection::Builder};

use super::{
    arguments::Arguments,
    fault::{Fault, readable},
};
use crate::{
    error::{Effect, Error},
    progress::Progress,
};

/// As many calls may wait for replies at once; more wait their turn here. Buses limit it too, the
/// strictest of them to 128, and answer what is over their limit with an error.
const MAX_IN_FLIGHT: usize = 104;
/// As many of them may be searches: the secret that a search has found need not wait for the searches
/// of many others.
const MAX_SEARCHES: usize = 48;
/// As many of them may change something. Services write one after the other, each time their whole
/// file, and the time that a message waits for others counts against its own deadline.
const MAX_CHANGES: usize = 8;
/// As many prompts may be open besides.
const MAX_PROMPTS: usize = 16;

/// A connection to the session bus.
#[derive(Clone)]
pub struct Bus {
    connection: Connection,
    address: Arc<str>,
    timeout: Duration,
    in_flight: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    changes: Arc<Semaphore>,
    prompts: Arc<Semaphore>,
}

/// A place among the messages under way. It is given back when the reply has come.
pub struct Turn {
    _permits: Vec<OwnedSemaphorePermit>,
}

/// A method to call, and on what.
pub struct Method {
    /// The name on the bus of who is called.
    pub destination: String,
    /// The path of the object.
    pub path: String,
    /// The interface that has the method.
    pub interface: &'static str,
    /// The method's own name.
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

impl Bus {
    /// Connects to the first address of a list that works. It has this long to let us in, and each
    /// message as long to be answered.
    ///
    /// # Errors
    ///
    /// [`Error::NoBus`] with the reason why each address of the list failed, or [`Error::Timeout`] where
    /// one did not answer.
    pub async fn connect(addresses: &str, timeout: Duration) -> Result<Self, Error> {
        let (mut reasons, mut late) = (Vec::new(), false);
        for address in addresses.split(';').filter(|address| !address.is_empty()) {
            match tokio::time::timeout(timeout, connect(address)).await {
                Ok(Ok(connection)) => {
                    return Ok(Self {
                        connection,
                        address: address.into(),
                        timeout,
                        in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
                        searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
                        changes: Arc::new(Semaphore::new(MAX_CHANGES)),
                        prompts: Arc::new(Semaphore::new(MAX_PROMPTS)),
                    });
                }
                Ok(Err(reason)) => reasons.push(format!("{address}: {reason}")),
                Err(_) => late = true,
            }
        }
        if late {
            let at = Some("connecting to the D-Bus session bus");
            return Err(Error::Timeout { after: timeout, at, effect: Effect::None });
        }
        Err(Error::NoBus(if reasons.is_empty() {
            "the bus address is empty".into()
        } else {
            reasons.join("; ")
        }))
    }

    /// Another connection to the same bus.
    pub async fn reconnect(&self) -> Result<Self, Error> {
        Self::connect(&self.address, self.timeout).await
    }

    /// Who owns a name on the bus; `None` where nobody does.
    pub async fn owner(&self, name: &'static str) -> Result<Option<String>, Fault> {
        let (destination, path) = ("org.freedesktop.DBus".to_owned(), "/org/freedesktop/DBus".to_owned());
        let method = Method { destination, path, interface: "org.freedesktop.DBus", name: "GetNameOwner" };
        match self.call_at_once(method.with(name)).await {
            Ok(reply) => reply.body().deserialize().map(Some).map_err(|error| Fault::from_call(name, error)),
            Err(Fault::Unowned(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Whether the connection is of no use any more: it has ended, or a message on it was not answered
    /// in time.
    pub fn is_closed(&self) -> bool {
        self.connection.is_closed() || self.in_flight.is_closed()
    }

    /// Calls a method and waits for its reply, as long as a message may take.
    pub async fn call(&self, request: Request) -> Result<Message, Fault> {
        let turn = Turn { _permits: vec![permit(&self.in_flight).await?] };
        self.send(request, turn, Some(self.timeout)).await
    }

    /// The turn of a search.
    pub async fn search_turn(&self) -> Result<Turn, Fault> {
        Ok(Turn { _permits: vec![permit(&self.searches).await?, permit(&self.in_flight).await?] })
    }

    /// As [`call`](Self::call), for a search whose turn it is.
    pub async fn search(&self, request: Request, turn: Turn) -> Result<Message, Fault> {
        self.send(request, turn, Some(self.timeout)).await
    }

    /// The turn of a change.
    pub async fn change_turn(&self) -> Result<Turn, Fault> {
        Ok(Turn { _permits: vec![permit(&self.changes).await?, permit(&self.in_flight).await?] })
    }

    /// As [`call`](Self::call), for a method that changes what is stored, whose turn it is. The progress
    /// is told that it is sent.
    pub async fn change(&self, request: Request, turn: Turn, progress: &Progress) -> Result<Message, Fault> {
        progress.sending();
        self.send(request, turn, Some(self.timeout)).await
    }

    /// As [`call`](Self::call), without a turn: also on a connection that is used no more.
    pub async fn call_at_once(&self, request: Request) -> Result<Message, Fault> {
        self.send(request, Turn { _permits: Vec::new() }, Some(self.timeout)).await
    }

    /// The turn of a prompt. The caller holds it until the reply has come: a service may never reply to a prompt
    /// that was withdrawn.
    pub async fn prompt_turn(&self) -> Result<Turn, Fault> {
        Ok(Turn { _permits: vec![permit(&self.prompts).await?] })
    }

    /// As [`call_at_once`](Self::call_at_once), for a method that waits for the user, however long that takes.
    pub async fn call_patiently(&self, request: Request) -> Result<Message, Fault> {
        self.send(request, Turn { _permits: Vec::new() }, None).await
    }

    /// How long a message may wait for its reply.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Subscribes to the signals that match a rule.
    pub async fn listen(&self, rule: zbus::Result<MatchRule<'_>>) -> Result<MessageStream, Fault> {
        const OPERATION: &str = "AddMatch";
        let rule = rule.map_err(|error| Fault::from_call(OPERATION, error))?.to_owned();
        let connection = self.connection.clone();
        let listening = async move { MessageStream::for_match_rule(rule, &connection, None).await };
        self.see_through(OPERATION, listening, Turn { _permits: Vec::new() }, Some(self.timeout)).await
    }

    async fn send(&self, request: Request, turn: Turn, deadline: Option<Duration>) -> Result<Message, Fault> {
        let connection = self.connection.clone();
        let Request { method: Method { destination, path, interface, name }, arguments } = request;
        let call = async move {
            connection.call_method(Some(destination), path, Some(interface), name, &arguments).await
        };
        self.see_through(name, call, turn, deadline).await
    }

    /// Does it in a task of its own, to its end or its deadline, whether or not the caller waits so
    /// long: a message whose sender goes away while it is half written would leave the connection
    /// unusable for all. The turns end with the reply, because so long the bus counts the call.
    async fn see_through<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Future<Output = zbus::Result<T>> + Send + 'static,
        turn: Turn,
        deadline: Option<Duration>,
    ) -> Result<T, Fault> {
        let turns_to_close = [&self.in_flight, &self.searches, &self.changes].map(Arc::clone);
        let task = tokio::spawn(async move {
            let _turn = turn;
            let outcome = match deadline {
                None => work.await,
                Some(after) => match tokio::time::timeout(after, work).await {
                    Ok(outcome) => outcome,
                    Err(_) => {
                        // The connection is used no more. Who waits for a turn on it would wait as long.
                        turns_to_close.iter().for_each(|turns| turns.close());
                        let at = Some(operation);
                        return Err(Error::Timeout { after, at, effect: Effect::None }.into());
                    }
                },
            };
            outcome.map_err(|error| Fault::from_call(operation, error))
        });
        task.await
            .unwrap_or_else(|error| Err(Error::Internal(format!("{operation} ended early: {error}")).into()))
    }
}

async fn permit(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
    Arc::clone(turns).acquire_owned().await.map_err(|_| Fault::Lost("the service no longer answers".into()))
}

async fn connect(address: &str) -> Result<Connection, String> {
    let path = socket_path(address)?;
    // Tokio, like the kernel, takes a leading NUL for an abstract name.
    let stream = UnixStream::connect(OsStr::from_bytes(&path)).await.map_err(|error| error.to_string())?;
    let peer = stream.peer_cred().map_err(|error| error.to_string())?.uid();
    let own = effective_uid();
    if !may_serve(peer, own) {
        return Err(format!("it belongs to user {peer}, and this process runs as user {own}"));
    }
    let stream = stream.into_std().map_err(|error| error.to_string())?;
    Builder::unix_stream(stream).build().await.map_err(|error| readable(&error.to_string()))
}

/// Whether a bus of this user may carry the secrets of that one.
fn may_serve(bus: u32, own: u32) -> bool {
    bus == own || bus == 0
}

fn effective_uid() -> u32 {
    // SAFETY: `geteuid` has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// The socket's path, or a NUL and its abstract name.
fn socket_path(address: &str) -> Result<Vec<u8>, String> {
    let (transport, options) = address.split_once(':').ok_or("it is not a D-Bus address")?;
    if transport != "unix" {
        return Err("only unix: addresses are supported".into());
    }
    for option in options.split(',') {
        match option.split_once('=') {
            Some(("path", path)) => return unescape(path),
            Some(("abstract", name)) => return Ok([b"\0".to_vec(), unescape(name)?].concat()),
            _ => {}
        }
    }
    Err("it names no path= and no abstract= socket".into())
}

fn unescape(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = value.bytes();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                match (digit(bytes.next()), digit(bytes.next())) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err("it has a % without two hexadecimal digits".into()),
                }
            }
            byte => byte,
        });
    }
    if plain.is_empty() { Err("its socket has no name".into()) } else { Ok(plain) }
}

/// Escapes a path for use as a value in an address.
pub fn escape(path: &[u8]) -> String {
    path.iter().fold(String::with_capacity(path.len()), |mut escaped, &byte| {
        match byte {
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'/' | b'.' | b'\\' | b'*' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02x}")),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_unix_sockets() {
        assert_eq!(socket_path("unix:path=/tmp/a%20b,guid=00").unwrap(), b"/tmp/a b");
        assert_eq!(socket_path("unix:guid=00,abstract=/tmp/x").unwrap(), b"\0/tmp/x");
        for bad in ["", "unix", "unix:", "unix:path=", "unix:path=%4", "unix:path=%zz", "unix:runtime=yes"] {
            assert!(socket_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_other_transport_is_taken() {
        for bad in ["tcp:host=127.0.0.1,port=1", "unixexec:path=/bin/sh", "autolaunch:", "nonce-tcp:host=a"] {
            assert!(socket_path(bad).unwrap_err().contains("only unix:"), "{bad}");
        }
    }

    #[test]
    fn escape_and_unescape_agree() {
        let path: Vec<u8> = (1..=255).collect();
        assert_eq!(unescape(&escape(&path)).unwrap(), path);
    }

    #[test]
    fn only_our_own_bus_and_roots_will_do() {
        assert!(may_serve(1000, 1000) && may_serve(0, 1000) && may_serve(0, 0));
        assert!(!may_serve(1001, 1000) && !may_serve(1000, 0));
    }

    #[tokio::test]
    async fn every_address_is_tried_and_every_failure_named() {
        let second = Duration::from_secs(1);
        let addresses = "tcp:host=x;unix:path=/nonexistent/a;;unix:path=/nonexistent/b";
        let reasons = Bus::connect(addresses, second).await.err().unwrap().to_string();
        for part in ["only unix:", "/nonexistent/a: No such file", "/nonexistent/b: No such file"] {
            assert!(reasons.contains(part), "{reasons}");
        }
        let nothing = Bus::connect(";", second).await.err().unwrap();
        assert_eq!(nothing, Error::NoBus("the bus address is empty".into()));
    }
}
