//! A buffer that is wiped from memory, however large it grows.

use std::{
    io::{self, Read},
    ops::Deref,
};

use zeroize::Zeroizing;

/// The smallest capacity of a buffer that has grown, in bytes.
const MIN_CAPACITY: usize = 512;
/// The maximum number of bytes that one read appends.
const CHUNK: usize = 4 << 10;

/// Bytes that are wiped when they are dropped. When a `Vec` grows, the allocator may move it and leave a copy behind;
/// this buffer wipes its old memory first.
#[derive(Default)]
pub struct WipedBuffer(Zeroizing<Vec<u8>>);

impl WipedBuffer {
    /// An empty buffer. It grows only if it takes more than `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    /// Appends one byte.
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Appends what `read` puts into the slice that it is given, and returns the number of bytes that it has read.
    ///
    /// # Errors
    ///
    /// Those of `read`. The buffer is then as it was.
    pub fn read_chunk<E>(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
        self.reserve(CHUNK);
        let start = self.0.len();
        self.0.resize(start + CHUNK, 0);
        let outcome = read(&mut self.0[start..]);
        self.0.truncate(start + outcome.as_ref().map_or(0, |count| *count));
        outcome
    }

    /// Appends all that is left in a stream.
    ///
    /// # Errors
    ///
    /// Those of the stream, except that an interrupted read is repeated.
    pub fn read_to_end(&mut self, mut stream: impl Read) -> io::Result<()> {
        loop {
            match self.read_chunk(|chunk| stream.read(chunk)) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Removes the last byte.
    pub fn pop(&mut self) -> Option<u8> {
        self.0.pop()
    }

    /// Removes all bytes, and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The bytes. They are still wiped, but nothing must be appended to them any more.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    fn reserve(&mut self, additional: usize) {
        let needed = self.0.len() + additional;
        if needed > self.0.capacity() {
            let capacity = needed.max(2 * self.0.capacity()).max(MIN_CAPACITY);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
    }
}

impl Deref for WipedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_its_bytes_when_it_grows() {
        let mut buffer = WipedBuffer::default();
        let expected: Vec<u8> = (0..10_000).map(|index| index as u8).collect();
        for (index, part) in expected.chunks(7).enumerate() {
            match index % 3 {
                0 => part.iter().for_each(|byte| buffer.push(*byte)),
                1 => buffer.extend_from_slice(part),
                _ => {
                    let read = buffer.read_chunk(|chunk| {
                        chunk[..part.len()].copy_from_slice(part);
                        Ok::<_, ()>(part.len())
                    });
                    assert_eq!(read, Ok(part.len()));
                }
            }
        }
        assert_eq!(buffer.read_chunk(|_| Err("no")), Err("no"));
        assert_eq!(*buffer, *expected);
        buffer.pop();
        buffer.read_to_end(&expected[9_999..]).unwrap();
        assert_eq!(*buffer, *expected);
        assert_eq!((buffer.pop(), buffer.len()), (expected.last().copied(), expected.len() - 1));
        buffer.clear();
        assert!(buffer.into_bytes().is_empty());
    }

    /// The memory in use is never given to the allocator to be moved.
    #[test]
    fn the_inner_vector_never_grows_by_itself() {
        let mut buffer = WipedBuffer::with_capacity(10);
        for size in [0, 10, 11, 600, 5_000] {
            buffer.reserve(size);
            let memory = buffer.0.as_ptr();
            buffer.extend_from_slice(&vec![1; size]);
            assert_eq!(buffer.0.as_ptr(), memory, "{size}");
        }
    }
}
