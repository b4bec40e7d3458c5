//! Requests to one server: connections that are used again, and how many requests may be in flight.

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, pki_types::ServerName},
};
use zeroize::{Zeroize, Zeroizing};

use super::{address::Origin, shared_once::SharedOnce, tls::Authorities};
use crate::{
    error::Error,
    executor::{Lane, spawn},
    sync::{SharedByKey, lock},
    wiped::WipedBuffer,
};

/// The maximum number of requests in flight to one server.
const MAX_IN_FLIGHT: usize = 10;
/// How long a connection is kept that is not used. Servers and the machines between close idle ones later.
const IDLE: Duration = Duration::from_secs(50);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// The maximum size of an answer, in bytes. Vault's own limit for a request is half of it.
const MAX_ANSWER: usize = 64 << 20;

/// The clients that stores have, by the server and those who may sign its certificate.
static CLIENTS: SharedByKey<(Origin, Authorities), Client> = SharedByKey::new();

/// A server, and the connections to it.
pub struct Client {
    /// Where it is.
    pub origin: Origin,
    authorities: Authorities,
    tls: SharedOnce<TlsConnector>,
    idle: Mutex<Vec<(SendRequest<Full<Bytes>>, Instant)>>,
    places: Semaphore,
    /// Reading the authorities' files.
    lane: Lane,
}

/// A request.
#[derive(Clone)]
pub struct Message {
    /// The method, such as `GET`.
    pub method: &'static str,
    /// The path, with the slash at its start.
    pub path: String,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body. Empty if there is none.
    pub body: Zeroizing<Vec<u8>>,
    /// The token, unless the request needs none.
    pub token: Option<Zeroizing<String>>,
    /// The namespace.
    pub namespace: Option<String>,
}

/// The answer to a request.
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// How long the server wants us to wait.
    pub retry_after: Option<Duration>,
    /// Where it sends us.
    pub location: Option<String>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The request was not sent. Holds the reason.
    NotSent(String),
    /// The request may have been received. Holds the reason.
    Lost(String),
    /// The server has not answered in time.
    Silent,
    /// A standby has sent us to a leader that cannot be reached, or the cluster has none. Holds the error.
    NoLeader(Error),
    /// The server sends us elsewhere. Nothing was changed. Holds the error.
    Redirected(Error),
    /// The call cannot succeed.
    Final(Error),
}

/// What a connection goes over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    /// The client of this process for a server. It connects with the first request.
    pub fn of(origin: Origin, authorities: Authorities) -> Arc<Self> {
        CLIENTS.get((origin.clone(), authorities.clone()), || Self {
            origin,
            authorities,
            tls: SharedOnce::new(),
            idle: Mutex::default(),
            places: Semaphore::new(MAX_IN_FLIGHT),
            lane: Lane::new(1),
        })
    }

    /// The client for another server, with the same certificates.
    pub fn for_origin(&self, origin: Origin) -> Arc<Self> {
        Self::of(origin, self.authorities.clone())
    }

    /// Waits for a place among the requests in flight.
    pub async fn place(&self) -> SemaphorePermit<'_> {
        self.places.acquire().await.expect("the semaphore is never closed")
    }

    /// Sends a request, and reads the answer. The caller has a [`place`](Self::place). `sending` is called immediately
    /// before anything is sent.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub async fn exchange(&self, message: &Message, sending: impl Fn()) -> Result<Answer, Failure> {
        // A connection may have been closed since it was used, without a word of the request read. A new one is not.
        while let Some(connection) = self.take_idle() {
            match self.exchange_on(connection, message, &sending).await {
                Err(Failure::NotSent(_)) => {}
                outcome => return outcome,
            }
        }
        let connection = self.connect().await?;
        self.exchange_on(connection, message, &sending).await
    }

    /// Closes the connections that are not in use, because they may be broken without a word.
    pub fn close_idle(&self) {
        lock(&self.idle).clear();
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = lock(&self.idle);
        idle.retain(|(connection, since)| !connection.is_closed() && since.elapsed() < IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let stream: Box<dyn Stream> = if self.origin.is_tls {
            Box::new(self.connect_by_tls().await?)
        } else {
            Box::new(self.connect_plainly().await?)
        };
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| Failure::NotSent(describe(&error)))?;
        spawn(async move {
            // Its failures are those of its requests.
            let _ = connection.await;
        });
        Ok(sender)
    }

    async fn connect_plainly(&self) -> Result<TcpStream, Failure> {
        let Origin { host, port, .. } = &self.origin;
        let stream = connect_to(host, *port).await.map_err(|error| Failure::NotSent(error.to_string()))?;
        // If it fails, requests are only slower.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// Connects by TLS. If the certificate is refused, the next connection reads the authorities again. That is this one if
    /// an earlier one has read them, because their file may have changed since.
    async fn connect_by_tls(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let mut is_repeated = false;
        loop {
            let mut is_read_now = false;
            let make = async || {
                is_read_now = true;
                let authorities = self.authorities.clone();
                self.lane.run(move || authorities.connector()).await
            };
            let connector = self.tls.get_or_make(make).await.map_err(Failure::Final)?;
            let name = ServerName::try_from(self.origin.host.clone())
                .map_err(|_| Failure::NotSent("the host of its address is not valid".into()))?;
            let stream = self.connect_plainly().await?;
            let failure = match connector.connect(name, stream).await {
                Ok(stream) => return Ok(stream),
                Err(error) => self.refuse_tls(error),
            };
            if !matches!(failure, Failure::Final(_)) {
                return Err(failure);
            }
            let is_same = |known: &TlsConnector| Arc::ptr_eq(known.config(), connector.config());
            self.tls.replace_if(is_same, None).await;
            if is_read_now || is_repeated {
                return Err(failure);
            }
            is_repeated = true;
        }
    }

    /// A certificate that is refused stays so; a connection that breaks in the handshake may be a restart.
    fn refuse_tls(&self, error: io::Error) -> Failure {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        if !matches!(cause, Some(rustls::Error::InvalidCertificate(_))) {
            return Failure::NotSent(error.to_string());
        }
        Failure::Final(Error::UntrustedServer { address: self.origin.to_string(), reason: error.to_string() })
    }

    async fn exchange_on(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        message: &Message,
        sending: &impl Fn(),
    ) -> Result<Answer, Failure> {
        let request = self.request(message)?;
        connection.ready().await.map_err(|error| Failure::NotSent(describe(&error)))?;
        sending();
        let answer = connection.try_send_request(request).await.map_err(|mut error| {
            let was_sent = error.take_message().is_none();
            let reason = describe(error.error());
            if was_sent { Failure::Lost(reason) } else { Failure::NotSent(reason) }
        })?;
        let (head, body) = answer.into_parts();
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = Answer {
            status: head.status.as_u16(),
            retry_after: text(header::RETRY_AFTER)
                .and_then(|text| text.parse().ok())
                .map(Duration::from_secs),
            location: text(header::LOCATION),
            body: read(body).await?,
        };
        if !connection.is_closed() {
            lock(&self.idle).push((connection, Instant::now()));
        }
        Ok(answer)
    }

    fn request(&self, message: &Message) -> Result<Request<Full<Bytes>>, Failure> {
        let body = Bytes::from_owner(message.body.clone());
        let mut request = Request::builder()
            .method(message.method)
            .uri(&message.path)
            .header(header::HOST, self.origin.authority())
            .header(header::USER_AGENT, concat!("os-secrets/", env!("CARGO_PKG_VERSION")))
            // Vault answers only requests with it, so that no web page can make them.
            .header("x-vault-request", "true");
        if let Some(token) = &message.token {
            let mut value = header::HeaderValue::from_str(token).map_err(|_| {
                Failure::Final(Error::InvalidSetting(
                    "The token has characters that no token has. Give it without spaces and line breaks"
                        .into(),
                ))
            })?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        if let Some(namespace) = &message.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if !message.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, message.content_type);
        }
        let internal = |error| Failure::Final(Error::Internal(format!("a request cannot be made: {error}")));
        request.body(Full::new(body)).map_err(internal)
    }
}

/// Connects to one of a host's addresses. An address that does not answer does not keep us from the others.
async fn connect_to(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in lookup_host((host, port)).await? {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Reads the body of an answer. The memory in which it arrives is wiped as far as this library has it.
async fn read(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = WipedBuffer::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Lost(describe(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > MAX_ANSWER {
            return Err(Failure::Final(Error::Malformed("with more than 64 MiB".into())));
        }
        bytes.extend_from_slice(&data);
        if let Ok(mut data) = data.try_into_mut() {
            data.zeroize();
        }
    }
    Ok(bytes.into_bytes())
}

/// An error of HTTP with its cause.
fn describe(error: &hyper::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
