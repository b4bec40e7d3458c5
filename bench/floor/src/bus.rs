//! A connection to the session bus. It blocks, and sends no byte that is not needed.

use std::{
    env,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

use crate::wire::{Reader, Writer};

/// The handshake. It names no user, so that the bus takes the user of the socket. It is sent at once, because the answers
/// are known beforehand.
const HANDSHAKE: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
/// The number of lines in the answer to the handshake.
const ANSWERS: usize = 2;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;
/// The header before the fields: kind, lengths and serial.
const FIXED_HEADER: usize = 16;

/// A method to call.
pub struct Method<'a> {
    /// A name on the bus.
    pub destination: &'a str,
    /// The path of an object.
    pub path: &'a str,
    /// The interface that has the method.
    pub interface: &'a str,
    /// The method.
    pub member: &'a str,
    /// The types of its arguments.
    pub signature: &'a str,
}

/// An answer to a call.
pub struct Reply {
    /// The number that [`Bus::send`] gave.
    pub serial: u32,
    /// Its body, or the name of the error.
    pub outcome: Result<Vec<u8>, String>,
}

/// An open connection.
pub struct Bus {
    stream: UnixStream,
    /// Messages that are not written yet. They leave together when there is nothing left to read.
    output: Vec<u8>,
    input: Vec<u8>,
    /// The end of the input that was read.
    read: usize,
    serial: u32,
}

impl Bus {
    /// Connects to the bus of the environment. The next message leaves together with the handshake, and
    /// [`Self::greet`] reads the answers to the handshake.
    pub fn connect() -> io::Result<Self> {
        let address = env::var("DBUS_SESSION_BUS_ADDRESS").map_err(io::Error::other)?;
        let path = address.strip_prefix("unix:path=").ok_or_else(|| io::Error::other(address.clone()))?;
        let stream = UnixStream::connect(path.split(',').next().unwrap_or(path))?;
        let mut bus = Self { stream, output: HANDSHAKE.to_vec(), input: Vec::new(), read: 0, serial: 0 };
        let name = "org.freedesktop.DBus";
        let path = "/org/freedesktop/DBus";
        let hello = Method { destination: name, path, interface: name, member: "Hello", signature: "" };
        bus.send(&hello, &Writer::default());
        Ok(bus)
    }

    /// Reads the answers to the handshake.
    pub fn greet(&mut self) -> io::Result<()> {
        while self.input.iter().filter(|&&byte| byte == b'\n').count() < ANSWERS {
            self.fill()?;
        }
        let lines = self.input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        self.read = lines.map(|(at, _)| at + 1).nth(ANSWERS - 1).expect("they were counted");
        Ok(())
    }

    /// The number of the next message.
    pub fn next_serial(&self) -> u32 {
        self.serial + 1
    }

    /// Sends a call with arguments. Returns its number.
    pub fn send(&mut self, method: &Method, body: &Writer) -> u32 {
        self.serial += 1;
        let mut message = Writer::default();
        message.byte(b'l').byte(METHOD_CALL).byte(0).byte(1);
        message.number(body.bytes.len() as u32).number(self.serial);
        message.array(|fields| {
            let texts = [
                (PATH, "o", method.path),
                (INTERFACE, "s", method.interface),
                (MEMBER, "s", method.member),
                (DESTINATION, "s", method.destination),
            ];
            for (code, kind, value) in texts {
                fields.align(8).byte(code).signature(kind).text(value);
            }
            if !method.signature.is_empty() {
                fields.align(8).byte(SIGNATURE).signature("g").signature(method.signature);
            }
        });
        message.align(8);
        self.output.extend_from_slice(&message.bytes);
        self.output.extend_from_slice(&body.bytes);
        self.serial
    }

    /// The next answer to any call.
    pub fn receive(&mut self) -> io::Result<Reply> {
        loop {
            while let Some(length) = self.whole_message() {
                let message = &self.input[self.read..self.read + length];
                self.read += length;
                if let Some(reply) = reply(message) {
                    return Ok(reply);
                }
            }
            self.input.drain(..self.read);
            self.read = 0;
            self.fill()?;
        }
    }

    /// Waits for the answer to a call. Skips the answers to others.
    pub fn answer(&mut self, serial: u32) -> io::Result<Vec<u8>> {
        loop {
            let reply = self.receive()?;
            if reply.serial == serial {
                return reply.outcome.map_err(io::Error::other);
            }
        }
    }

    /// Sends a call and waits for its answer.
    pub fn call(&mut self, method: &Method, body: &Writer) -> io::Result<Vec<u8>> {
        let serial = self.send(method, body);
        self.answer(serial)
    }

    /// The length of the next message, if all of it was read.
    fn whole_message(&self) -> Option<usize> {
        let unread = &self.input[self.read..];
        let header = unread.get(..FIXED_HEADER)?;
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let length = (FIXED_HEADER + number(12) as usize).next_multiple_of(8) + number(4) as usize;
        (unread.len() >= length).then_some(length)
    }

    /// Writes what was sent, and waits for input.
    fn fill(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output)?;
            self.output.clear();
        }
        let mut piece = [0; 1 << 14];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.input.extend_from_slice(&piece[..length]);
                Ok(())
            }
        }
    }
}

/// The answer in a message. `None` if the message is not an answer.
fn reply(message: &[u8]) -> Option<Reply> {
    assert_eq!(message[0], b'l', "services on this machine are little-endian as well");
    let kind = message[1];
    if kind != METHOD_RETURN && kind != ERROR {
        return None;
    }
    let mut reader = Reader::new(message, FIXED_HEADER - 4);
    let end = FIXED_HEADER + reader.number() as usize;
    let (mut serial, mut error) = (0, "");
    while reader.at() < end {
        let code = reader.align(8).byte();
        match (code, reader.signature()) {
            (ERROR_NAME, _) => error = reader.text(),
            (REPLY_SERIAL, _) => serial = reader.number(),
            (_, "g") => drop(reader.signature()),
            (_, "u") => drop(reader.number()),
            _ => drop(reader.text()),
        }
    }
    let body = &message[end.next_multiple_of(8)..];
    let outcome = if kind == ERROR { Err(error.into()) } else { Ok(body.to_vec()) };
    Some(Reply { serial, outcome })
}
