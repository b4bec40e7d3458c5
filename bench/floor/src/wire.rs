//! D-Bus's types as bytes, little-endian, as far as the Secret Service's messages need them.

/// A message or its body in the making.
#[derive(Default)]
pub struct Writer {
    /// What was written so far.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// Fills up to a multiple of `size`.
    pub fn align(&mut self, size: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(size), 0);
        self
    }

    /// `y`
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// `u`, and `b`
    pub fn number(&mut self, value: u32) -> &mut Self {
        self.align(4).bytes.extend(value.to_le_bytes());
        self
    }

    /// `s`, and `o`
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.number(value.len() as u32).bytes.extend(value.as_bytes());
        self.byte(0)
    }

    /// `g`
    pub fn signature(&mut self, value: &str) -> &mut Self {
        self.byte(value.len() as u8).bytes.extend(value.as_bytes());
        self.byte(0)
    }

    /// `ay`
    pub fn blob(&mut self, value: &[u8]) -> &mut Self {
        self.number(value.len() as u32).bytes.extend(value);
        self
    }

    /// An array of structures or dictionary entries, each of which `fill` is to align itself.
    pub fn array(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let length = self.number(0).bytes.len() - 4;
        let start = self.align(8).bytes.len();
        fill(self);
        let size = (self.bytes.len() - start) as u32;
        self.bytes[length..length + 4].copy_from_slice(&size.to_le_bytes());
        self
    }
}

/// What is left of a message or its body to read. It panics where the service is not as it should be.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a message or a body, from this byte on.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// How many bytes were read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes on at a multiple of `size`.
    pub fn align(&mut self, size: usize) -> &mut Self {
        self.at = self.at.next_multiple_of(size);
        self
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let start = self.at;
        self.at += length;
        &self.bytes[start..self.at]
    }

    /// `y`
    pub fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    /// `u`, and an array's length in bytes
    pub fn number(&mut self) -> u32 {
        let bytes = self.align(4).take(4);
        u32::from_le_bytes(bytes.try_into().expect("four bytes"))
    }

    /// `s`, and `o`
    pub fn text(&mut self) -> &'a str {
        let text = self.blob();
        self.byte();
        str::from_utf8(text).expect("D-Bus texts are UTF-8")
    }

    /// `g`
    pub fn signature(&mut self) -> &'a str {
        let length = self.byte().into();
        let text = self.take(length);
        self.byte();
        str::from_utf8(text).expect("D-Bus signatures are ASCII")
    }

    /// `ay`
    pub fn blob(&mut self) -> &'a [u8] {
        let length = self.number() as usize;
        self.take(length)
    }
}
