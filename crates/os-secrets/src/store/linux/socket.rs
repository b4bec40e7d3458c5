//! The socket of a connection to the bus.
//!
//! zbus's own socket waits for both directions at once. Linux reports room for more each time the bus has read a message,
//! which would wake the I/O thread for nothing. This socket waits for room only if it has none.

use std::{
    fmt,
    io::{self, Read},
    net::Shutdown,
    ops::Range,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::SendFlags;
use tokio::io::{Interest, unix::AsyncFd};
use zbus::{
    connection::socket::{ReadHalf, Socket, Split, WriteHalf},
    export::async_trait::async_trait,
};
use zeroize::Zeroize;

/// The size of the buffer for what is received, in bytes. Most messages are smaller.
const BUFFER_SIZE: usize = 4096;

/// A connected socket.
pub struct BusSocket {
    reader: Reader,
    writer: Writer,
}

impl BusSocket {
    /// Takes over a socket. Call it in tokio's context.
    ///
    /// # Errors
    ///
    /// Those of the system, if it has no file descriptor left or its epoll instance is full.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let writer = Writer(stream.try_clone()?);
        // SAFETY: a `UnixStream` is an open file descriptor, which is the same until it is dropped.
        let stream = unsafe { AsyncFd::register_with_interest(stream, Interest::READABLE) }?;
        Ok(Self { reader: Reader { stream, buffer: [0; BUFFER_SIZE], unread: 0..0 }, writer })
    }
}

impl Socket for BusSocket {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        Split::new(self.reader, self.writer)
    }
}

/// The half that receives. It passes no file descriptors on.
pub struct Reader {
    stream: AsyncFd<UnixStream>,
    buffer: [u8; BUFFER_SIZE],
    /// The part of the buffer that was received and is not read yet.
    unread: Range<usize>,
}

impl Reader {
    /// Waits until something is received, and reads it into a buffer. Returns its length; 0 at the end.
    async fn receive(stream: &AsyncFd<UnixStream>, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = stream.readable().await?;
            match stream.get_ref().read(buffer) {
                Ok(length) => {
                    // More than there was is asked for, so the socket is empty. Asking it would take another system call.
                    if (1..buffer.len()).contains(&length) {
                        ready.clear_ready();
                    }
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, into: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        if self.unread.is_empty() {
            if into.len() >= BUFFER_SIZE {
                return Ok((Self::receive(&self.stream, into).await?, Vec::new()));
            }
            self.unread = 0..Self::receive(&self.stream, &mut self.buffer).await?;
        }
        let length = into.len().min(self.unread.len());
        let start = self.unread.start;
        let read = &mut self.buffer[start..start + length];
        into[..length].copy_from_slice(read);
        // Sessions without encryption have secrets here.
        read.zeroize();
        self.unread.start += length;
        Ok((length, Vec::new()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// The half that sends.
#[derive(Debug)]
pub struct Writer(UnixStream);

impl Writer {
    /// Sends what there is room for. Returns its length.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    /// Ends the connection, because part of a message may have been sent, and the next one would complete it.
    fn fail(&self, error: io::Error) -> io::Error {
        let _ = self.0.shutdown(Shutdown::Both);
        error
    }

    /// Waits until there is room.
    async fn wait_for_room(&self) -> io::Result<()> {
        // SAFETY: the file descriptor is borrowed, so it stays open and the same for as long as this exists.
        let stream = unsafe { AsyncFd::register_with_interest(self.0.as_fd(), Interest::WRITABLE) }?;
        stream.writable().await.map(drop)
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, bytes: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        loop {
            match self.send(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait_for_room().await.map_err(|error| self.fail(error))?
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail(error)),
                Ok(length) => return Ok(length),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Both)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pair() -> (UnixStream, Reader, Writer) {
        let (peer, own) = UnixStream::pair().unwrap();
        let (reader, writer) = BusSocket::new(own).unwrap().split().take();
        (peer, reader, writer)
    }

    async fn receive(reader: &mut Reader, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let (received, descriptors) = reader.recvmsg(&mut bytes).await.unwrap();
        assert!(descriptors.is_empty());
        bytes.truncate(received);
        bytes
    }

    #[tokio::test]
    async fn what_is_received_at_once_is_read_in_parts() {
        let (mut peer, mut reader, _writer) = pair();
        peer.write_all(b"first, second").unwrap();
        assert_eq!(receive(&mut reader, 5).await, b"first");
        assert_eq!(receive(&mut reader, 100).await, b", second");
        assert!(reader.buffer.iter().all(|&byte| byte == 0));
        let (next, sent) = tokio::join!(receive(&mut reader, 100), async { peer.write_all(b"third") });
        sent.unwrap();
        assert_eq!(next, b"third");
        peer.write_all(b"last").unwrap();
        drop(peer);
        assert_eq!(receive(&mut reader, 100).await, b"last");
        assert_eq!(receive(&mut reader, 100).await, b"");
        assert!(!format!("{reader:?}").contains('['));
    }

    #[tokio::test]
    async fn messages_larger_than_the_buffer_and_the_socket_arrive_whole() {
        let (peer, mut reader, mut writer) = pair();
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        let echo = std::thread::spawn(move || {
            let mut received = vec![0; 1_000_000];
            (&peer).read_exact(&mut received).unwrap();
            (&peer).write_all(&received).unwrap();
        });
        let mut sent = 0;
        while sent < bytes.len() {
            sent += writer.sendmsg(&bytes[sent..], &[]).await.unwrap();
        }
        let mut received = Vec::new();
        while received.len() < bytes.len() {
            received.extend(receive(&mut reader, 3 * BUFFER_SIZE).await);
        }
        assert!(received == bytes);
        echo.join().unwrap();
    }

    #[tokio::test]
    async fn a_failure_ends_the_connection() {
        let (mut peer, mut reader, writer) = pair();
        assert_eq!(writer.fail(io::ErrorKind::OutOfMemory.into()).kind(), io::ErrorKind::OutOfMemory);
        assert_eq!(receive(&mut reader, 1).await, b"");
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_peer_that_has_gone_is_an_error() {
        let (peer, mut reader, mut writer) = pair();
        drop(peer);
        assert_eq!(writer.sendmsg(b"x", &[]).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(receive(&mut reader, 1).await, b"");
        writer.close().await.unwrap();
    }
}
