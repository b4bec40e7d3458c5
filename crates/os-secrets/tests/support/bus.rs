//! A private message bus, so that tests do not touch the session of the user who runs them.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, File},
    io::{BufRead, BufReader, ErrorKind},
    os::unix::{fs::DirBuilderExt, net::UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use zbus::{Connection, connection::Builder};

/// Limits of a desktop's session bus. Without them the daemon is stricter.
const SESSION_LIMITS: [(&str, u32); 6] = [
    ("max_incoming_bytes", 1_000_000_000),
    ("max_outgoing_bytes", 1_000_000_000),
    ("max_message_size", 1_000_000_000),
    ("max_completed_connections", 100_000),
    ("max_match_rules_per_connection", 50_000),
    ("max_replies_per_connection", 50_000),
];

/// A running `dbus-daemon`, which ends when this is dropped. It starts no services.
pub struct Bus {
    daemon: Child,
    directory: PathBuf,
    address: String,
}

impl Bus {
    /// Starts a bus with the limits of a session bus.
    pub fn start() -> Self {
        Self::with_limits(&[])
    }

    /// Starts a bus with other limits.
    pub fn with_limits(limits: &[(&str, u32)]) -> Self {
        Self::with_policy("", limits)
    }

    /// Starts a bus with other limits and more rules in its policy.
    pub fn with_policy(policy: &str, limits: &[(&str, u32)]) -> Self {
        let directory = private_directory();
        let address = format!("unix:path={}", directory.join("bus").display());
        let mut config = format!(
            "<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>\
             <policy context='default'><allow send_destination='*' eavesdrop='true'/>\
             <allow eavesdrop='true'/><allow own='*'/>{policy}</policy>"
        );
        for (name, value) in SESSION_LIMITS.iter().chain(limits) {
            write!(config, "<limit name='{name}'>{value}</limit>").unwrap();
        }
        fs::write(directory.join("config"), config + "</busconfig>").unwrap();
        Self { daemon: spawn(&directory), directory, address }
    }

    /// The address of the bus.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends the daemon, and with it all connections.
    pub fn stop(&mut self) {
        // This fails if the daemon has ended already.
        let _ = self.daemon.kill();
        self.daemon.wait().unwrap();
    }

    /// Starts another daemon at the same address.
    pub fn restart(&mut self) {
        self.stop();
        let _ = fs::remove_file(self.directory.join("bus"));
        self.daemon = spawn(&self.directory);
    }

    /// Opens a connection that belongs neither to the store nor to the service.
    pub async fn stranger(&self) -> Connection {
        connect(&self.address).await.0
    }

    /// Waits until a connection of this unique name is gone.
    pub async fn left(&self, name: &str) {
        let stranger = self.stranger().await;
        while call_bus(&stranger, "NameHasOwner", &name).await.body().deserialize().unwrap() {}
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Connects to a bus. Also returns a handle to the socket, to cut the connection.
pub async fn connect(address: &str) -> (Connection, UnixStream) {
    let socket = UnixStream::connect(address.strip_prefix("unix:path=").unwrap()).unwrap();
    let handle = socket.try_clone().unwrap();
    (Builder::unix_stream(socket).build().await.unwrap(), handle)
}

/// Calls a method of the bus itself.
pub async fn call_bus<B>(connection: &Connection, method: &str, body: &B) -> zbus::Message
where
    B: serde::Serialize + zbus::DynamicType,
{
    let name = "org.freedesktop.DBus";
    connection.call_method(Some(name), "/org/freedesktop/DBus", Some(name), method, body).await.unwrap()
}

fn private_directory() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let name = format!("os-secrets-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return directory,
            // Left behind by a process with the same id that was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", directory.display()),
        }
    }
}

/// Starts the daemon and waits until it listens.
fn spawn(directory: &std::path::Path) -> Child {
    let log = directory.join("log");
    let mut daemon = Command::new("dbus-daemon")
        .arg(format!("--config-file={}", directory.join("config").display()))
        .args(["--nofork", "--print-address"])
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .expect("these tests need the program dbus-daemon");
    let mut printed = String::new();
    BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    let starts = printed.starts_with("unix:path=");
    assert!(starts, "dbus-daemon does not start: {}", fs::read_to_string(log).unwrap());
    daemon
}
